"""Authors that a source names, and the matching people (S1). Reads only.

An export names an account of its platform. n8n's REST export has the owner's confirmed mail address, which is the
account name there. Names are never matched. An address must be equal to a person's subject or mail address.

A mail address signs no person in (`Person`), and a file can be edited. So a match only removes rights: a matching
person is a party and decides nothing. If several people have the address, each of them is a party. A wrong match passes
a decision to the next approver; a missing match would allow self-approval. The preview and the automation's page show a
name only for a single match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from governance.core.models import Person
from inventory.models import Version, VersionAuthor

#: An address alone, or after a name: "Rita Novak <rita@example.org>". A name may contain a "<".
_ACCOUNT = re.compile(r"(?:.*<)?([^<>@\s]+@[^<>@\s]+?)>?")


def account_of(hint: str) -> str:
    """Account in a hint, in lower case; empty for a mere name."""
    match = _ACCOUNT.fullmatch(hint.strip())
    return match[1].lower() if match is not None and ("<" in hint) == hint.strip().endswith(">") else ""


def single_matches(hints: Iterable[str]) -> dict[str, Person]:
    """The only matching person by hint; hints with no match or several are left out."""
    return {hint: next(iter(people)) for hint, people in all_matches(hints).items() if len(people) == 1}


def all_matches(hints: Iterable[str]) -> dict[str, set[Person]]:
    """All matching people by hint; hints without a match are left out.

    One query; none without an account in any hint. People who left match too: they stay parties.
    """
    named = {hint: address for hint in hints if (address := account_of(hint))}
    if not named:
        return {}
    people = Person.objects.annotate(account=Lower("subject"), address=Lower("email")).order_by()
    wanted = set(named.values())
    people_by_address: dict[str, set[Person]] = {}
    for person in people.filter(Q(account__in=wanted) | Q(address__in=wanted)):
        for account_name in {person.subject.lower(), person.email.lower()} & wanted:
            people_by_address.setdefault(account_name, set()).add(person)
    return {hint: people_by_address[address] for hint, address in named.items() if address in people_by_address}


def author_ids(versions: QuerySet[Version] | list[Version]) -> set[int]:
    """Ids of the people that the sources of some versions name, with people who joined after the import."""
    rows = list(VersionAuthor.objects.filter(version__in=versions).order_by().values_list("person", "said__text"))
    person_ids = {person_id for person_id, _ in rows if person_id is not None}
    named = all_matches(hint for person_id, hint in rows if person_id is None)
    return person_ids.union(*({person.pk for person in people} for people in named.values()))
