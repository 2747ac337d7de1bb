"""Search for one reader: automations, resources, identities, credentials, submissions; people and teams for readers of the ledger.

Each group uses the query of its list (``visible_to``, the search column). So it finds only rows that the reader could
see there. One query for each group, with a few rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse

from approvals.models import Submission
from approvals.models.submission import SubmissionQuerySet
from governance.core.access import Actor, Permission, access
from governance.core.models import Person, Team
from governance.web.pages import pager
from inventory.models import Automation, Credential, NonHumanIdentity, Resource

#: Most rows of a group.
GROUP_ROWS: Final = 8

#: Reference of a submission: year and number.
REFERENCE: Final = re.compile(r"([12]\d{3})-(\d{4,9})", re.ASCII)


@dataclass(frozen=True)
class Group:
    """Found rows of one kind.

    ``href`` leads to all of them, or is empty; ``more`` tells that there are more than ``rows``.
    """

    title: str
    rows: Sequence[Any]
    more: bool
    href: str


def search_all(words: Sequence[str], *, actor: Actor, now: datetime) -> list[Group]:
    """A few visible rows of each kind that contain every word; empty groups are left out.

    Args:
        words: in lower case, see `pager.words_of`; without words nothing is found.
        actor: the reader. Only readers of the ledger find people and teams, as with their pages.
        now: business time.
    """
    if not words:
        return []
    query = urlencode({"q": " ".join(words)})
    automations = Automation.objects.visible_to(actor, now).select_related("team").order_by("name", "pk")
    resources = Resource.objects.visible_to(actor, now).resolved().select_related("owner").order_by("name", "pk")
    identities = NonHumanIdentity.objects.visible_to(actor, now).select_related("owner").order_by("subject", "pk")
    credentials = Credential.objects.visible_to(actor, now).order_by("name", "pk")
    matching = submissions_matching(words, actor, now).order_by("-pk")
    groups = [
        _group("Automations", pager.search(automations, words), f"{reverse('automation_list')}?{query}"),
        _group("Resources", pager.search(resources, words), f"{reverse('resource_list')}?{query}"),
        _group("Identities", pager.search(identities, words, "subject"), f"{reverse('identity_list')}?{query}"),
        _group(
            "Credentials", pager.search(credentials, words, "name", "kind"), f"{reverse('credential_list')}?{query}"
        ),
        _group("Submissions", matching, f"{reverse('submission_list')}?{query}"),
    ]
    if access.may(actor, Permission.LEDGER_READ, None, now=now):
        people = pager.search(Person.objects.order_by("name", "pk"), words, "name", "email", "title")
        teams = pager.search(Team.objects.select_related("lead", "parent").order_by("name", "pk"), words, "name")
        groups += [
            _group("People", people, f"{reverse('people')}?{query}"),
            _group("Teams", teams, f"{reverse('people')}#teams-title"),
        ]
    return [group for group in groups if group.rows]


def _group(title: str, rows: QuerySet[Any], href: str) -> Group:
    """The first rows, and whether there are more."""
    first_rows = list(rows[: GROUP_ROWS + 1])
    return Group(title, first_rows[:GROUP_ROWS], len(first_rows) > GROUP_ROWS, href)


def by_reference(rows: SubmissionQuerySet, word: str) -> SubmissionQuerySet | None:
    """The submission with this reference; None for any other word."""
    named = REFERENCE.fullmatch(word)
    if named is None:
        return None
    begins, ends = (datetime(int(named[1]) + after, 1, 1, tzinfo=UTC) for after in (0, 1))
    return rows.filter(pk=int(named[2]), submitted_at__gte=begins, submitted_at__lt=ends)


def submissions_matching(words: Sequence[str], actor: Actor, now: datetime) -> QuerySet[Submission]:
    """Visible submissions whose automation contains the words; a reference selects one of them."""
    seen, plain = Submission.objects.visible_to(actor, now), []
    for word in words:
        named = by_reference(seen, word)
        if named is None:
            plain.append(word)
        else:
            seen = named
    if plain:
        seen = seen.filter(automation__in=pager.search(Automation.objects.all(), plain))
    return seen.select_related("automation", "version", "submitted_by")
