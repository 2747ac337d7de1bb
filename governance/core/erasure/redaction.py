"""Names and addresses of a person who is being erased, and their removal from other people's texts (H6)."""

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
    """What says who a person is: their name and their addresses, as far as nobody else has the same.

    A name of one word is a word: it is found only where it stands for the name by itself, in the facts of a notice say.

    Args:
        person: who.
        name: empty where somebody else is called the same.
        addresses: mail addresses, in lower case.
    """

    person: Person
    name: str
    addresses: tuple[str, ...]

    @classmethod
    def of(cls, person: Person) -> KnownAs:
        """Return the names and addresses that a person has before the erasure."""
        others = Person.objects.exclude(pk=person.pk).annotate(account=Lower("subject"), address=Lower("email"))
        addresses = {address.lower() for address in (person.email, person.subject) if "@" in address}
        shared = others.filter(Q(account__in=addresses) | Q(address__in=addresses)).values_list("account", "address")
        addresses -= {address for pair in shared for address in pair}
        name = " ".join(person.name.split())
        return cls(person, "" if others.filter(name__iexact=name).exists() else name, tuple(sorted(addresses)))

    def may_be_in(self, *columns: str) -> Q:
        """A condition for rows in whose columns it may stand: what `without` is then asked about."""
        longest = max(self.name.split(), key=len, default="")
        condition = Q(pk__in=[])
        for column in columns:
            for word in filter(None, (longest, *self.addresses)):
                condition |= Q(**{f"{column}__icontains": word})
        return condition

    def without(self, text: str, *, alone: bool = False) -> str:
        """A text with something neutral wherever they are named in it.

        Args:
            text: plain or HTML; a name may be broken over lines.
            alone: whether a name of one word is looked for too, because the text is known to be about them.
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
        """JSON without them: `without` in every text, and in place of a text that is the name alone."""
        if isinstance(value, dict):
            return {key: self.without_in(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.without_in(inner) for inner in value]
        if isinstance(value, str):
            return self.without(value, alone=value == self.name)
        return value
