"""Whom a source names as its author, and who that is here (S1). Reads only.

An export names an account of its platform: n8n's REST shape has the owner's mail address, which is the name of the account there and
was confirmed by the platform. No name is ever matched, and of an address the whole has to be that of a person, as their subject or as
their mail address.

A mail address is no person and signs nobody in (`Person`), and a file can be edited. So what is matched can only take away: whoever is
named is a party, who decides nothing of it, and where an address is that of several (one human who signs in from two sources, say)
each of them is. Being named wrongly costs a decision that the ladder gives to somebody else; not matching an author would let them approve
their own work. Shown by name, on the preview and on the automation's page, is only who is the one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from governance.core.models import Person
from inventory.models import Version, VersionAuthor

#: An address alone, or behind a name as platforms write it: "Rita Novak <rita@example.org>"; a name may have a "<" of its own.
_ACCOUNT = re.compile(r"(?:.*<)?([^<>@\s]+@[^<>@\s]+?)>?")


def account(hint: str) -> str:
    """The account that a hint names, in lower case; empty where it is no more than a name."""
    match = _ACCOUNT.fullmatch(hint.strip())
    return match[1].lower() if match is not None and ("<" in hint) == hint.strip().endswith(">") else ""


def matched(hints: Iterable[str]) -> dict[str, Person]:
    """By hint: the one person whom it names; hints without an account, with nobody's or with several people's are left out."""
    return {hint: next(iter(people)) for hint, people in everybody(hints).items() if len(people) == 1}


def everybody(hints: Iterable[str]) -> dict[str, set[Person]]:
    """By hint: everybody whose account it names; hints without an account, or with nobody's, are left out.

    One query, and none where no hint has an account. Whoever has left is matched too: leaving removes no party.
    """
    named = {hint: address for hint in hints if (address := account(hint))}
    if not named:
        return {}
    people = Person.objects.annotate(account=Lower("subject"), address=Lower("email")).order_by()
    wanted = set(named.values())
    people_by_address: dict[str, set[Person]] = {}
    for person in people.filter(Q(account__in=wanted) | Q(address__in=wanted)):
        for account_name in {person.subject.lower(), person.email.lower()} & wanted:
            people_by_address.setdefault(account_name, set()).add(person)
    return {hint: people_by_address[address] for hint, address in named.items() if address in people_by_address}


def of(versions: QuerySet[Version] | list[Version]) -> set[int]:
    """Ids of everybody whom the sources of some versions name; who came here since they were brought in is found now."""
    rows = list(VersionAuthor.objects.filter(version__in=versions).order_by().values_list("person", "said__text"))
    person_ids = {person_id for person_id, _ in rows if person_id is not None}
    named = everybody(hint for person_id, hint in rows if person_id is None)
    return person_ids.union(*({person.pk for person in people} for people in named.values()))
