"""Names and addresses of an erased person, and their removal from other people's texts (H6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.html import escape

from governance.core.models import Person
from governance.core.models.row_protection import ERASED_NAME


@dataclass(frozen=True)
class KnownAs:
    """Texts that identify a person: name and addresses that no other person has.

    A name of one word may be an ordinary word. It is searched only in texts that are known to be names, such as a notice's facts.

    Args:
        person: the person.
        name: empty if another person has the same name.
        addresses: mail addresses, in lower case.
    """

    person: Person
    name: str
    addresses: tuple[str, ...]

    @classmethod
    def load(cls, person: Person) -> KnownAs:
        """Return the names and addresses that a person has before the erasure."""
        others = Person.objects.exclude(pk=person.pk).annotate(account=Lower("subject"), address=Lower("email"))
        addresses = {address.lower() for address in (person.email, person.subject) if "@" in address}
        shared = others.filter(Q(account__in=addresses) | Q(address__in=addresses)).values_list("account", "address")
        addresses -= {address for pair in shared for address in pair}
        name = " ".join(person.name.split())
        return cls(person, "" if others.filter(name__iexact=name).exists() else name, tuple(sorted(addresses)))

    def may_be_in(self, *columns: str) -> Q:
        """Return a condition for rows with columns that may contain them, for a check with `without`."""
        longest = max(self.name.split(), key=len, default="")
        condition = Q(pk__in=[])
        for column in columns:
            for word in filter(None, (longest, *self.addresses)):
                condition |= Q(**{f"{column}__icontains": word})
        return condition

    def without(self, text: str, *, alone: bool = False) -> str:
        """Return a text with a neutral word for each of their names and addresses.

        Args:
            text: plain or HTML; a name may be broken over lines.
            alone: whether to search a name of one word too, because the text is known to be about them.
        """
        for address in self.addresses:
            text = re.sub(rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)", ERASED_NAME, text, flags=re.IGNORECASE)
        if " " not in self.name and not (alone and self.name):
            return text
        for name in dict.fromkeys((self.name, str(escape(self.name)))):
            words = r"\s+".join(re.escape(word) for word in name.split())
            text = re.sub(rf"(?<!\w){words}(?!\w)", ERASED_NAME, text, flags=0 if alone else re.IGNORECASE)
        return text

    def without_in(self, value: Any) -> Any:
        """Return JSON without them: `without` in every text, and a neutral word for a text that is only the name."""
        if isinstance(value, dict):
            return {key: self.without_in(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.without_in(inner) for inner in value]
        if isinstance(value, str):
            return self.without(value, alone=value == self.name)
        return value
