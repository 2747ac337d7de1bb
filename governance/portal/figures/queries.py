"""Figures for a reader: the scopes that they may see, and the counted values of one scope."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from governance.core.access import Actor, access
from governance.core.clock.organisation import organisation_zone
from governance.core.models import JobRun, Team, TeamKind
from governance.portal.figures.jobs import JOB
from governance.portal.models import Figure
from inventory.models import Automation
from inventory.models.resource import sees_whole_register


@dataclass(frozen=True)
class Scope:
    """A team, or the organisation (``team`` is None), and whether the reader sees the whole register."""

    team: int | None
    name: str
    sees_all: bool = False

    @property
    def filters(self) -> str:
        """Filter of lists in the address."""
        return f"team={self.team}" if self.team is not None else ""


@dataclass(frozen=True)
class Figures:
    """The figures of one scope.

    Args:
        at: time of the last count, or None before the first.
        values: numbers by name.
        teams: overdue tasks by team (key and name) and kind, for the organisation.
    """

    at: datetime | None
    values: Mapping[str, int]
    teams: Mapping[tuple[int, str], Mapping[str, int]]

    def total(self, name: str) -> int:
        """Sum of the figures with the first word of a name and all its other words, such as ``automations high``."""
        first, *words = name.split()
        return sum(number for (key, rest), number in self._words if key == first and rest.issuperset(words))

    @cached_property
    def _words(self) -> list[tuple[tuple[str, set[str]], int]]:
        parts = ((name.split("."), number) for name, number in self.values.items())
        return [((first, set(rest)), number) for (first, *rest), number in parts]


def load_scopes(actor: Actor, now: datetime) -> list[Scope]:
    """Load the scopes whose figures the actor may see.

    Members and leads see those of their team (a fallback team has none); a delegate sees those of teams that the giver leads. A reader of the whole
    register sees the organisation first. Teams with automations come before others. One query.
    """
    if actor.person is None or actor.token is not None:
        return []
    people, sees_all = access.answers_as(actor, now), sees_whole_register(actor, now)
    led_or_joined = Q(lead__in=people) | Q(deputy_lead__in=people) | Q(members=actor.person)
    teams = Team.objects.filter(led_or_joined).exclude(kind=TeamKind.FALLBACK).distinct()
    has_automations = Exists(Automation.objects.filter(team=OuterRef("pk")))
    rows = teams.annotate(busy=has_automations).order_by("-busy", "name", "pk").values_list("pk", "name", "busy")
    organisation = [Scope(None, settings.ORGANISATION, sees_all)] if sees_all else []
    return [*organisation, *(Scope(pk, name, sees_all) for pk, name, _ in rows)]


def find_scope(scopes: list[Scope], team: int | None) -> Scope | None:
    """Return the scope of a team, or the first one without a team. None if the reader may not see it.

    Readers of the whole register may see each team: one more query.
    """
    if team is None or not scopes:
        return scopes[0] if scopes and team is None else None
    team_scope = next((scope for scope in scopes if scope.team == team), None)
    if team_scope is not None or not scopes[0].sees_all:
        return team_scope
    names = Team.objects.filter(pk=team).values_list("name", flat=True)
    return next((Scope(team, name, True) for name in names), None)


def load_figures(scope: Scope, now: datetime) -> Figures:
    """Load the figures of the last counted day. Two queries, three for the organisation."""
    runs = JobRun.objects.filter(job=JOB, error="", seen_at__isnull=False).order_by("-id")
    at = runs.values_list("started_at", flat=True).first()
    rows = _newest(now)
    values = dict(rows.filter(team=scope.team).values_list("name", "value"))
    teams: dict[tuple[int, str], dict[str, int]] = {}
    if scope.team is None:
        overdue = rows.filter(name__in=[name for name in values if name.startswith("overdue.")], team__isnull=False)
        for team, name, kind, number in overdue.values_list("team", "team__name", "name", "value"):
            teams.setdefault((team, name), {})[kind.removeprefix("overdue.")] = number
    return Figures(at, values, teams)


def load_admin_figures(now: datetime) -> list[Figure]:
    """Load the counts of health problems that are not 0. One query."""
    return list(_newest(now).filter(team=None, name__in=("health.failures", "health.advice"), value__gt=0))


def _newest(now: datetime) -> QuerySet[Figure]:
    """Figures of the last counted day."""
    days = Figure.objects.filter(day__lte=now.astimezone(organisation_zone()).date()).order_by("-day").values("day")
    return Figure.objects.filter(day=Subquery(days[:1])).order_by()
