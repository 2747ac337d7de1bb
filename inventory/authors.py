"""Whom a source names as its author, and who that is here (S1). Reads only.

An export names an account of its platform: n8n's REST shape has the owner's mail address, which is the name of the account there and
was confirmed by the platform. No name is ever matched, and of an address the whole has to be that of exactly one person, as their
subject or as their mail address.

A mail address is no person and signs nobody in (`Person`), and a file can be edited. So what is matched can only take away: whoever is
named is a party, who decides nothing of it. Being named wrongly costs a decision that the ladder gives to somebody else, and is shown
on the preview and on the automation's page; not matching an author would let them approve their own work. Who is named and matched to
nobody, or to several, is shown as that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from governance.controls.models import Person
from inventory.models import Version, VersionAuthor

#: An address alone, or behind a name as platforms write it: "Rita Novak <rita@example.org>"; a name may have a "<" of its own.
_ACCOUNT = re.compile(r"(?:.*<)?([^<>@\s]+@[^<>@\s]+?)>?")


def account(hint: str) -> str:
    """The account that a hint names, in lower case; empty where it is no more than a name."""
    found = _ACCOUNT.fullmatch(hint.strip())
    return found[1].lower() if found is not None and ("<" in hint) == hint.strip().endswith(">") else ""


def matched(hints: Iterable[str]) -> dict[str, Person]:
    """By hint: the one person whom it names; hints without an account, with nobody's or with several people's are left out.

    One query, and none where no hint has an account. Whoever has left is matched too: leaving removes no party.
    """
    named = {hint: said for hint in hints if (said := account(hint))}
    if not named:
        return {}
    known = Person.objects.annotate(account=Lower("subject"), address=Lower("email")).order_by()
    wanted = set(named.values())
    found: dict[str, set[Person]] = {}
    for person in known.filter(Q(account__in=wanted) | Q(address__in=wanted)):
        for one in {person.subject.lower(), person.email.lower()} & wanted:
            found.setdefault(one, set()).add(person)
    return {hint: next(iter(found[one])) for hint, one in named.items() if len(found.get(one, ())) == 1}


def of(versions: QuerySet[Version]) -> set[int]:
    """Ids of everybody whom the sources of some versions name; who came here since they were brought in is found now."""
    rows = list(VersionAuthor.objects.filter(version__in=versions).order_by().values_list("person", "hint"))
    found = {who for who, _ in rows if who is not None}
    return found | {person.pk for person in matched(hint for who, hint in rows if who is None).values()}
