"""The sweep of figures: one statement counts each figure for the organisation and all teams.

The name of a figure starts with its key in `FIGURES`. A team has the figures of its automations and of its resources.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, CharField, Count, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf, TruncDate

from approvals.models import Approval, ApprovalState, Conflict, Grant, RevocationTask, Waiver
from governance.core.clock import current_time
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.clock.working_days import is_working_day
from governance.core.database.querysets import among
from governance.core.health import queries as health
from governance.portal.models import Figure
from governance.portal.registers.inventory_registers import AUTOMATION_STATE
from governance.recertification.models import Item
from governance.recertification.models.campaign import CampaignState
from governance.recertification.models.item import COUNTED_AS, WAITING, under_review
from inventory.models import Automation, AutomationState, Credential, DataClass, Lifetime, Resource, VersionCredential

JOB = "portal.figures"

#: Days for which the figures of teams are kept, and days ahead for ending grants.
KEPT, AHEAD = timedelta(days=35), timedelta(days=30)
#: Approvals of this many working days or more are counted together.
OLDEST = 5
#: Rows of one statement.
BATCH = 2_000
#: Team of the automation of an item.
OF_TEAM = Coalesce("grant__automation__team", "automation__team")

#: A scope (a team, or None for the organisation), a name and a number.
Tally = tuple[int | None, str, int]


def sweep(now: datetime) -> Mapping[str, int]:
    """Count all figures and store the changed ones. A run counts nothing "done", so only its last row stays."""
    counted = Counter[tuple[int | None, str]]()
    for name, count in FIGURES.items():
        for scope, words, number in count(now):
            counted[scope, f"{name}.{words}"] += number
    day = now.astimezone(organisation_zone()).date()
    rows = Figure.objects.filter(day=day).values_list("team", "name", "value")
    stored: dict[tuple[int | None, str], int] = {(scope, name): value for scope, name, value in rows.iterator()}
    changed = [
        Figure(day=day, team_id=scope, name=name, value=counted[scope, name], at=now)
        for scope, name in counted.keys() | stored.keys()
        if counted[scope, name] != stored.get((scope, name))
    ]
    unique, fields = ["day", "team", "name"], ["value", "at"]
    Figure.objects.bulk_create(changed, BATCH, update_conflicts=True, unique_fields=unique, update_fields=fields)
    Figure.objects.filter(day__lt=day - KEPT, team__isnull=False).delete()
    return {}


def _tally(rows: Iterable[tuple[Any, ...]]) -> Iterator[Tally]:
    """Turn rows of team (or teams), words and number into tallies of the teams and of the organisation."""
    for teams, *words, number in rows:
        for scope in {None, *(teams if isinstance(teams, list) else [teams])}:
            yield scope, ".".join(words), number


def _by(rows: QuerySet[Any], *columns: str) -> Iterable[tuple[Any, ...]]:
    """Count rows by columns: one statement."""
    return rows.order_by().values_list(*columns).annotate(rows=Count("pk"))


def _automations(now: datetime) -> Iterator[Tally]:
    """By state and tier. The states are those of the register: a rejected draft is no draft."""
    return _tally(_by(Automation.objects.annotate(shown_state=AUTOMATION_STATE), "team", "shown_state", "tier"))


def _approvals(now: datetime) -> Iterator[Tally]:
    """Open approvals by age in working days and tier."""
    today, zone, holidays = now.astimezone(organisation_zone()).date(), organisation_zone(), organisation_holidays()

    @cache
    def age(day: date) -> str:
        days = [day + timedelta(days=number) for number in range((today - day).days)]
        return str(min(sum(is_working_day(day, holidays) for day in days), OLDEST))

    rows = Approval.objects.filter(state=ApprovalState.OPEN).annotate(since=TruncDate("opened_at", tzinfo=zone))
    counted = _by(rows, "submission__automation__team", "since", "tier")
    return _tally((team, age(since or today), tier, number) for team, since, tier, number in counted)


def _overdue(now: datetime) -> Iterator[Tally]:
    """Overdue approvals, recertifications and access to remove."""
    approvals = Approval.objects.filter(state=ApprovalState.OPEN, due_at__lte=now)
    for word, rows, team in (
        ("approvals", approvals, "submission__automation__team"),
        ("recertifications", Item.objects.standing("overdue", now).annotate(of_team=OF_TEAM), "of_team"),
        ("removals", RevocationTask.objects.standing("overdue", now), "grant__automation__team"),
    ):
        yield from _tally((scope, word, number) for scope, number in _by(rows, team))


def _recertifications(now: datetime) -> Iterator[Tally]:
    """Items of unfinished campaigns by tier, and whether they are answered."""
    done = Case(When(state__in=WAITING, then=Value("open")), default=Value("answered"))
    rows = Item.objects.exclude(campaign__state=CampaignState.CLOSED).annotate(of_team=OF_TEAM, counted_as=COUNTED_AS)
    return _tally(_by(rows.annotate(done=done), "of_team", "counted_as", "done"))


def _ending(now: datetime) -> Iterator[Tally]:
    """Grants that end within `AHEAD`, by week (the fourth has nine days), and whether they are under review."""
    zone, today = organisation_zone(), now.astimezone(organisation_zone()).date()
    rows = Grant.objects.standing().filter(ends_at__gt=now, ends_at__lte=now + AHEAD)
    rows = rows.annotate(on=TruncDate("ends_at", tzinfo=zone))
    for word, condition in (("reviewed", under_review()), ("unreviewed", ~under_review())):
        for team, on, number in _by(rows.filter(condition), "automation__team", "on"):
            yield from _tally([(team, str(min((on - today).days // 7, 3) + 1), word, number)])


def _enforcement(now: datetime) -> Iterator[Tally]:
    """Live grants by enforcement (G4)."""
    for rows in Grant.objects.live_apart(now):
        yield from _tally(_by(rows, "automation__team", "enforcement"))


def _conflicts(now: datetime) -> Iterator[Tally]:
    """Open conflicts by mode of the rule, and waived ones. A conflict counts for each team that takes part."""
    teams = Automation.objects.filter(among(OuterRef("automations"))).order_by().values("team").distinct()
    for show in ("", "waived"):
        rows = Conflict.objects.standing(show, now).annotate(teams=ArraySubquery(teams))
        yield from _tally((of_teams, show or mode, n) for of_teams, mode, n in _by(rows, "teams", "rule__mode"))


def _waivers(now: datetime) -> Iterator[Tally]:
    """Waivers in force and requested waivers."""
    for show, word in (("live", "live"), ("", "asked")):
        yield from _tally((team, word, n) for team, n in _by(Waiver.objects.standing(show, now), "automation__team"))


def _removals(now: datetime) -> Iterator[Tally]:
    """Access to remove by age in hours."""
    return _tally(_by(RevocationTask.objects.open().by_age(now), "grant__automation__team", "age"))


def _credentials(now: datetime) -> Iterator[Tally]:
    """Static credentials by rotation, and others past their rotation. A credential counts for each team that uses it."""
    rows = Credential.objects.annotate(rotation=_rotation("", now)).exclude(rotation="")
    yield from ((None, word, number) for word, number in _by(rows, "rotation"))
    uses = VersionCredential.objects.exclude(version__automation__state=AutomationState.RETIRED)
    uses = uses.annotate(rotation=_rotation("credential__", now)).exclude(rotation="").order_by()
    counted = uses.values_list("version__automation__team", "rotation")
    yield from counted.annotate(rows=Count("credential", distinct=True))


def _rotation(path: str, now: datetime) -> Case:
    """Word for the rotation of a credential, as `Credential.is_overdue`: overdue, planned or unplanned; empty if it is neither static nor overdue."""
    rotated = Q((f"{path}rotated_at__date__gte", F(f"{path}rotation_due_on")))
    static, planned = Q((f"{path}lifetime", Lifetime.STATIC)), Q((f"{path}rotation_due_on__isnull", False))
    return Case(
        When(Q((f"{path}rotation_due_on__lt", now.date())) & ~rotated, then=Value("overdue")),
        When(static & planned, then=Value("planned")),
        When(static, then=Value("unplanned")),
        default=Value(""),
        output_field=CharField(),
    )


def _ownerless(now: datetime) -> Iterator[Tally]:
    """Resources without an owner by data class; unset counts as restricted (I3)."""
    rows = Resource.objects.ownerless(now).annotate(
        counted_as=Coalesce(NullIf("data_class", Value("")), Value(DataClass.RESTRICTED))
    )
    return _tally(_by(rows, "team", "counted_as"))


def _health(now: datetime) -> Iterator[Tally]:
    """Failures and advice of the health check (R9, S9)."""
    for finding in health.findings(now=now, at=current_time.real()):
        yield None, "failures" if finding.is_failure else "advice", 1


#: What counts each figure, by the first word of its name.
FIGURES: dict[str, Callable[[datetime], Iterator[Tally]]] = {
    "automations": _automations,
    "approvals": _approvals,
    "overdue": _overdue,
    "recertifications": _recertifications,
    "ending": _ending,
    "enforcement": _enforcement,
    "conflicts": _conflicts,
    "waivers": _waivers,
    "removals": _removals,
    "credentials": _credentials,
    "ownerless": _ownerless,
    "health": _health,
}
