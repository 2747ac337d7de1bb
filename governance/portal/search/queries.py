"""Search for one reader: automations, resources, identities, submissions; people and teams for readers of the ledger.

Each group uses the query of its list (``visible_to``, the search column). So it finds only rows that the reader could
see there. One query for each group, with a few rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from approvals.models import Submission
from approvals.models.submission import SubmissionQuerySet
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import Person, Team
from governance.core.roles.roles import Permission
from governance.web.components.state_words import RESOURCE_KINDS
from governance.web.pages import pager
from governance.web.pages.pager import Paged
from inventory.models import Automation, NonHumanIdentity, Resource

#: Most rows of a group beside others; `pager.PAGE` for a group alone.
GROUP_ROWS: Final = 8

#: Reference of a submission: year and number.
REFERENCE: Final = re.compile(r"([12]\d{3})-(\d{4,9})", re.ASCII)


@dataclass(frozen=True)
class Hit:
    """One found row. ``state`` is kind and value of its state, or empty."""

    href: str
    icon: str
    name: str
    text: str
    state: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Group:
    """Found rows of one kind.

    ``href`` leads to all of them, or is empty; ``more`` tells that there are more than ``rows``.
    """

    title: str
    rows: Sequence[Hit]
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
    groups = [
        _automations(words, actor, now),
        _resources(words, actor, now),
        _identities(words, actor, now),
        _submissions(words, actor, now),
    ]
    if access.may(actor, Permission.LEDGER_READ, None, now=now):
        groups += [_people(words), _teams(words)]
    return [group for group in groups if group.rows]


def submissions(
    words: Sequence[str], query: QueryDict, path: str, *, actor: Actor, now: datetime
) -> tuple[Group, Paged]:
    """A page of submissions, newest first; words, actor and instant as for `search_all`."""
    paged = pager.newest_first(_submissions_matching(words, actor, now), query, path)
    return Group("Submissions", [_submission(submission) for submission in paged.rows], more=False, href=""), paged


def _first_rows(rows: QuerySet[Any], most: int = GROUP_ROWS) -> tuple[list[Any], bool]:
    """The first rows, and whether there are more."""
    first_rows = list(rows[: most + 1])
    return first_rows[:most], len(first_rows) > most


def _group(title: str, rows: QuerySet[Any], hit: Callable[[Any], Hit], words: Sequence[str], url_name: str) -> Group:
    first_rows, more = _first_rows(rows)
    return Group(
        title, [hit(row) for row in first_rows], more, f"{reverse(url_name)}?{urlencode({'q': ' '.join(words)})}"
    )


def _automations(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    def hit(automation: Automation) -> Hit:
        text = (
            f"{automation.get_kind_display()} of {automation.team.name}, {automation.get_environment_display().lower()}"
        )
        return Hit(automation.href, "bolt", automation.name, text, ("automation", automation.state))

    rows = Automation.objects.visible_to(actor, now).select_related("team").order_by("name", "pk")
    return _group("Automations", pager.search(rows, words), hit, words, "automation_list")


def _resources(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    def hit(resource: Resource) -> Hit:
        text = f"{resource.get_kind_display()}, {f'{resource.owner.name} answers for it' if resource.owner else 'nobody answers for it'}"
        return Hit(resource.href, RESOURCE_KINDS[resource.kind].icon, resource.name, text, ("resource", resource.state))

    rows = Resource.objects.visible_to(actor, now).resolved().select_related("owner").order_by("name", "pk")
    return _group("Resources", pager.search(rows, words), hit, words, "resource_list")


def _identities(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    def hit(identity: NonHumanIdentity) -> Hit:
        owner_words = (
            f"{identity.owner.name} answers for it"
            if identity.owner.is_here
            else f"{identity.owner.name}, who owned it, left"
        )
        text = f"{identity.kind.replace('_', ' ')}, {owner_words}"
        return Hit(identity.href, "robot", identity.subject, text, ("identity", identity.state))

    rows = NonHumanIdentity.objects.visible_to(actor, now).select_related("owner").order_by("subject", "pk")
    identities, more = _first_rows(pager.search(rows, words, "subject"))
    return Group("Identities", [hit(identity) for identity in identities], more, "")


def by_reference(rows: SubmissionQuerySet, word: str) -> SubmissionQuerySet | None:
    """The submission with this reference; None for any other word."""
    named = REFERENCE.fullmatch(word)
    if named is None:
        return None
    begins, ends = (datetime(int(named[1]) + after, 1, 1, tzinfo=UTC) for after in (0, 1))
    return rows.filter(pk=int(named[2]), submitted_at__gte=begins, submitted_at__lt=ends)


def _submissions_matching(words: Sequence[str], actor: Actor, now: datetime) -> QuerySet[Submission]:
    """Submissions whose automation contains the words; a reference selects one of them."""
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


def _submission(submission: Submission) -> Hit:
    text = f"{submission.reference}, version {submission.version.number}, submitted by {submission.submitted_by.name}"
    return Hit(
        reverse("review", args=[submission.pk]),
        "file",
        submission.automation.name,
        text,
        ("submission", submission.state),
    )


def _submissions(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    submission_rows, more = _first_rows(_submissions_matching(words, actor, now).order_by("-pk"))
    href = f"{reverse('search')}?{urlencode({'q': ' '.join(words), 'only': 'submissions'})}" if more else ""
    return Group("Submissions", [_submission(submission) for submission in submission_rows], more, href)


def _people(words: Sequence[str]) -> Group:
    def hit(person: Person) -> Hit:
        left = "" if person.is_here else "is not here any more"
        text = ", ".join(part for part in (person.title, left) if part)
        return Hit(person.href, "person", person.name, text)

    rows = pager.search(Person.objects.order_by("name", "pk"), words, "name", "email", "title")
    return _group("People", rows, hit, words, "people")


def _teams(words: Sequence[str]) -> Group:
    def hit(team: Team) -> Hit:
        lead = f"led by {team.lead.name}" if team.lead else "nobody leads it"
        under = f"under {team.parent.name}, " if team.parent else ""
        return Hit(team.href, "team", team.name, f"{under}{lead}")

    rows = Team.objects.select_related("lead", "parent").order_by("name", "pk")
    team_rows, more = _first_rows(pager.search(rows, words, "name"))
    return Group("Teams", [hit(team) for team in team_rows], more, f"{reverse('people')}#teams-title")
