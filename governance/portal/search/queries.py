"""What words find, for one reader: automations, resources, identities, submissions, and for readers of the ledger people and teams.

Each group takes its rows where the lists of its kind take them (``visible_to``, the search column), so nothing is found
here that the reader could not come upon there. One query a group, a few rows of each; the lists have the rest. Drawing
is left to the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.urls import reverse

from approvals.models import Submission
from approvals.models.submission import SubmissionQuerySet
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.models import Person, Team
from governance.core.roles.roles import Permission
from governance.web.components.state_words import RESOURCE_KINDS
from governance.web.pages import pager
from inventory.models import Automation, NonHumanIdentity, Resource

#: Rows of one group among others; `paging.PAGE` where it stands alone.
FEW: Final = 8

#: How people name a submission: the year and its number.
REFERENCE: Final = re.compile(r"([12]\d{3})-(\d{4,9})", re.ASCII)


@dataclass(frozen=True)
class Hit:
    """One row of what was found. ``state`` is the kind and the value that draw its word, or nothing."""

    href: str
    icon: str
    name: str
    text: str
    state: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Group:
    """Some of what was found of one kind.

    ``href`` leads to all of it, and is empty where nothing more is to be had there; ``more`` says that there is more
    than ``rows``.
    """

    title: str
    rows: Sequence[Hit]
    more: bool
    href: str


def find(words: Sequence[str], *, actor: Actor, now: datetime) -> list[Group]:
    """A few of everything that holds every word and that the actor may see; groups without any are left out.

    Args:
        words: lower-cased, see `paging.words_of`; none find nothing.
        actor: who reads. People and teams are found for readers of the ledger alone, as their pages are there for them.
        now: the instant of business time.
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


def submissions(words: Sequence[str], *, before: int | None, actor: Actor, now: datetime) -> tuple[Group, int | None]:
    """A page of submissions, newest first, and the key after which the next begins, or None.

    Args:
        words: as for `find`.
        before: only those with a smaller key.
        actor: who reads.
        now: the instant of business time.
    """
    rows = _asked(words, actor, now)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found, more = _some(rows.order_by("-pk"), pager.PAGE)
    last = found[-1].pk if more else None
    return Group("Submissions", [_submission(one) for one in found], more, ""), last


def _some(rows: QuerySet[Any], most: int = FEW) -> tuple[list[Any], bool]:
    """The first rows, and whether there are more."""
    found = list(rows[: most + 1])
    return found[:most], len(found) > most


def _group(title: str, rows: QuerySet[Any], hit: Callable[[Any], Hit], words: Sequence[str], url_name: str) -> Group:
    found, more = _some(rows)
    return Group(title, [hit(one) for one in found], more, f"{reverse(url_name)}?{urlencode({'q': ' '.join(words)})}")


def _automations(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    def hit(one: Automation) -> Hit:
        text = f"{one.get_kind_display()} of {one.team.name}, {one.get_environment_display().lower()}"
        return Hit(one.href, "bolt", one.name, text, ("automation", one.state))

    rows = Automation.objects.visible_to(actor, now).select_related("team").order_by("name", "pk")
    return _group("Automations", pager.search(rows, words), hit, words, "automation_list")


def _resources(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    def hit(one: Resource) -> Hit:
        text = (
            f"{one.get_kind_display()}, {f'{one.owner.name} answers for it' if one.owner else 'nobody answers for it'}"
        )
        return Hit(one.href, RESOURCE_KINDS[one.kind].icon, one.name, text, ("resource", one.state))

    rows = Resource.objects.visible_to(actor, now).resolved().select_related("owner").order_by("name", "pk")
    return _group("Resources", pager.search(rows, words), hit, words, "resource_list")


def _identities(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    def hit(one: NonHumanIdentity) -> Hit:
        who = f"{one.owner.name} answers for it" if one.owner.is_here else f"{one.owner.name}, who owned it, left"
        text = f"{one.kind.replace('_', ' ')}, {who}"
        return Hit(one.href, "robot", one.subject, text, ("identity", one.state))

    rows = NonHumanIdentity.objects.visible_to(actor, now).select_related("owner").order_by("subject", "pk")
    for word in words:
        rows = rows.filter(subject__icontains=word)
    found, more = _some(rows)
    return Group("Identities", [hit(one) for one in found], more, "")


def by_reference(rows: SubmissionQuerySet, word: str) -> SubmissionQuerySet | None:
    """The submission that a word names by its year and number; None for a word that is no reference."""
    named = REFERENCE.fullmatch(word)
    if named is None:
        return None
    begins, ends = (datetime(int(named[1]) + after, 1, 1, tzinfo=UTC) for after in (0, 1))
    return rows.filter(pk=int(named[2]), submitted_at__gte=begins, submitted_at__lt=ends)


def _asked(words: Sequence[str], actor: Actor, now: datetime) -> QuerySet[Submission]:
    """Submissions of automations that hold the words; a word that is a reference names one of them."""
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


def _submission(one: Submission) -> Hit:
    text = f"{one.reference}, version {one.version.number}, submitted by {one.submitted_by.name}"
    return Hit(reverse("review", args=[one.pk]), "file", one.automation.name, text, ("submission", one.state))


def _submissions(words: Sequence[str], actor: Actor, now: datetime) -> Group:
    found, more = _some(_asked(words, actor, now).order_by("-pk"))
    href = f"{reverse('search')}?{urlencode({'q': ' '.join(words), 'only': 'submissions'})}" if more else ""
    return Group("Submissions", [_submission(one) for one in found], more, href)


def _people(words: Sequence[str]) -> Group:
    def hit(one: Person) -> Hit:
        left = "" if one.is_here else "is not here any more"
        text = ", ".join(part for part in (one.title, left) if part)
        return Hit(reverse("person", args=[one.pk]), "person", one.name, text)

    rows = Person.objects.order_by("name", "pk")
    for word in words:
        rows = rows.filter(Q(name__icontains=word) | Q(email__icontains=word) | Q(title__icontains=word))
    return _group("People", rows, hit, words, "people")


def _teams(words: Sequence[str]) -> Group:
    def hit(one: Team) -> Hit:
        lead = f"led by {one.lead.name}" if one.lead else "nobody leads it"
        under = f"under {one.parent.name}, " if one.parent else ""
        return Hit(reverse("team", args=[one.pk]), "team", one.name, f"{under}{lead}")

    rows = Team.objects.select_related("lead", "parent").order_by("name", "pk")
    for word in words:
        rows = rows.filter(name__icontains=word)
    found, more = _some(rows)
    return Group("Teams", [hit(one) for one in found], more, f"{reverse('people')}#teams-title")
