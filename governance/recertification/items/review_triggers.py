"""What has happened that brings a review forward: an owner left, drift, long without use, an incident (R1). Reads only.

Each is a fact that the register or the figures of use tell now, so nothing is lost with a message (R9). What was asked about once is not asked
about again: the item keeps the causes that it was asked for. That risk rose, or that something is in conflict, stands with `risk_increase`
and `conflict_reviews`; for all alike, `review_triggers` says what was reviewed so lately that nobody is asked again.

What was reviewed lately is not opened again because something happened: events don't nag (R1). Reads only.

An incident opens it all the same, and so does a conflict that would else take it away before anybody was asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from approvals.models import Conflict, Grant, GrantUsage, Submission
from approvals.policies import queries as policy_queries
from governance.core.database.key_filters import among
from governance.recertification.items import cancelled_items
from governance.recertification.models import Item, ItemOutcome
from inventory.models import Automation, AutomationState, Incident, Version

#: Why an item opens, or what joins one that is open: keys of `wording.BECAUSE`.
OWNER_LEFT, DRIFT, UNUSED, INCIDENT = "owner left", "drift", "unused", "incident"
ALL = (OWNER_LEFT, DRIFT, UNUSED, INCIDENT)

#: Under what an item keeps the causes that it was asked for.
CAUSES = "causes"

#: Among how many days more the measured ones lie in which nobody used it: some may be missing, but what was not measured never counts.
MISSING_DAYS = 7

#: How long a version may lie in the register without being submitted, in days: somebody is at work on it.
DRIFT_DAYS = 7


@dataclass(frozen=True)
class Happened:
    """One thing that happened to what is held.

    Args:
        because: one of `ALL`.
        cause: what makes it one, however often it is looked for: facts and ids.
        grant: id of the grant that it is about; None where it is about an automation.
        automation: id of that.
    """

    because: str
    cause: str
    grant: int | None = None
    automation: int | None = None


def found(now: datetime, *, is_night: bool = True) -> list[Happened]:
    """Whatever has happened and nobody was asked about, incidents first; so many queries, however much is held.

    Args:
        now: business time.
        is_night: whether the figures of use are read too: they are of whole days, and there are many.
    """
    unused = _unused(now) if is_night else ()
    about_grants = [*_incidents(now), *_resource_owners_left(now), *unused]
    about_automations = [*_owners_left(), *_drift(now)]
    return [*_unasked_grants(about_grants), *_unasked_automations(about_automations)]


# --- about grants ------------------------------------------------------------------------------------------------------


def _live(now: datetime) -> QuerySet[Grant]:
    """What allows something."""
    return Grant.objects.live(now).order_by("pk")


def _held(now: datetime) -> QuerySet[Grant]:
    """What allows something and comes up again; what a review let lapse ends by itself."""
    return _live(now).filter(renew=True)


def _incidents(now: datetime) -> Iterator[Happened]:
    """What is held on a resource on which an incident runs: of it, by a credential that opens it, or kept in it.

    What is not renewed too: until its day it can do as much harm.
    """
    running = Incident.objects.running(now)
    ways = ("entitlement__resource", "credential__opens", "credential__kept_in")
    for way in ways if running.exists() else ():
        rows = _live(now).filter(Q((f"{way}__in", running.values("resource"))))
        if way != "entitlement__resource":
            rows = rows.filter(entitlement=None)
        declared = running.filter(resource=OuterRef(way)).order_by("-pk").values("pk")[:1]
        for pk, incident in rows.annotate(incident=Subquery(declared)).values_list("pk", "incident"):
            yield Happened(INCIDENT, f"incident:{incident}", grant=pk)


def _resource_owners_left(now: datetime) -> Iterator[Happened]:
    """What is held on a resource whose owner has left; of a credential, where it is decided (A2)."""
    elsewhere = Q(credential__kept_in__isnull=True)
    ways = (
        ("entitlement__resource", Q()),
        ("credential__kept_in", Q(entitlement=None)),
        ("credential__opens", Q(entitlement=None) & elsewhere),
    )
    for way, where in ways:
        rows = _held(now).filter(where, _gone(f"{way}__owner"))
        for pk, resource, owner in rows.values_list("pk", way, f"{way}__owner"):
            yield Happened(OWNER_LEFT, f"owner of resource {resource} left:{owner}", grant=pk)


def _gone(person: str) -> Q:
    left = Q((f"{person}__left_at__isnull", False)) | Q((f"{person}__is_active", False))
    return Q((f"{person}__isnull", False)) & left


def _unused(now: datetime) -> Iterator[Happened]:
    """What was measured for so long without one call, renewals included; the same until it is used again."""
    today, unused = now.date(), policy_queries.in_force(now).unused_days
    idle = (
        GrantUsage.objects.filter(day__gte=today - timedelta(days=unused + MISSING_DAYS), day__lt=today)
        .values("grant__approval")
        .annotate(days=Count("day", distinct=True), calls=Sum("allowed"))
        .filter(days__gte=unused, calls=0)
        .values("grant__approval")
    )
    of_it = GrantUsage.objects.filter(grant__approval=OuterRef("approval")).order_by().values("grant__approval")
    last = of_it.annotate(last=Coalesce(Max("day", filter=Q(allowed__gt=0)), Min("day"))).values("last")
    for pk, day in _held(now).filter(approval__in=idle).values_list("pk", Subquery(last)):
        yield Happened(UNUSED, f"unused since {day}", grant=pk)


def _unasked_grants(happened: Iterable[Happened]) -> Iterator[Happened]:
    """Without what the grant, or one that it renews, was asked for already."""
    wanted = list(happened)
    about = {one.grant for one in wanted if one.grant is not None}
    approvals = dict(Grant.objects.filter(among(about)).values_list("pk", "approval"))
    of_it = among(set(approvals.values()), "grant__approval")
    rows = Item.objects.exclude(cancelled_items.NEVER_ASKED).filter(of_it, **{f"snapshot__{CAUSES}__isnull": False})
    asked = _asked(rows.values_list("grant__approval", f"snapshot__{CAUSES}"))
    for one in wanted:
        if one.grant in approvals and one.cause not in asked.get(approvals[one.grant], ()):
            yield one


# --- about automations -------------------------------------------------------------------------------------------------


def _owners_left() -> Iterator[Happened]:
    """What runs although its business owner, or its technical owner, has left."""
    for owner in ("business_owner", "technical_owner"):
        rows = Automation.objects.filter(_gone(owner), state=AutomationState.LIVE).order_by("pk")
        for pk, person in rows.values_list("pk", owner):
            yield Happened(OWNER_LEFT, f"{owner} left:{person}", automation=pk)


def _drift(now: datetime) -> Iterator[Happened]:
    """What was changed in the register since it was approved, and nobody submitted the change."""
    newest = Version.objects.filter(automation=OuterRef("pk")).order_by("-number")
    rows = Automation.objects.filter(state=AutomationState.LIVE).annotate(newest=Subquery(newest.values("pk")[:1]))
    submitted = Submission.objects.filter(version=OuterRef("newest"))
    later = rows.exclude(newest=F("approved_version")).filter(~Exists(submitted))
    changed = later.filter(versions=F("newest"), versions__created_at__lte=now - timedelta(days=DRIFT_DAYS))
    for pk, version in changed.order_by("pk").values_list("pk", "newest"):
        yield Happened(DRIFT, f"version {version} not submitted", automation=pk)


def _unasked_automations(happened: Iterable[Happened]) -> Iterator[Happened]:
    wanted = list(happened)
    about = {one.automation for one in wanted if one.automation is not None}
    rows = Item.objects.exclude(cancelled_items.NEVER_ASKED).filter(
        among(about, "automation"), **{f"snapshot__{CAUSES}__isnull": False}
    )
    asked = _asked(rows.values_list("automation", f"snapshot__{CAUSES}"))
    return (one for one in wanted if one.cause not in asked.get(one.automation, ()))


def _asked(rows: Iterable[tuple[int | None, list[str]]]) -> Mapping[int | None, set[str]]:
    found: dict[int | None, set[str]] = {}
    for about, causes in rows:
        found.setdefault(about, set()).update(causes)
    return found


#: Days that are left for answering where a conflict suspends what nobody has resolved.
TO_ANSWER = 7


def grant_until(grant: Grant, days: int) -> datetime | None:
    """Until when a grant that a review renewed stays quiet for so many days, as policy says; None for one that no review made."""
    return None if grant.predecessor_id is None else grant.begins_at + timedelta(days=days)


def automations_until(automations: Collection[int], days: int) -> dict[int, datetime]:
    """Until when automations stay quiet that a review kept, by id, as far as any did; one query. ``days`` as `grant_until` takes them."""
    kept = Item.objects.filter(among(automations, "automation"), outcome=ItemOutcome.KEPT).order_by("closed_at")
    rows = kept.values_list("automation", "closed_at")
    return {pk: at + timedelta(days=days) for pk, at in rows if pk is not None and at is not None}


def until(automation: Automation, days: int) -> datetime | None:
    """The same of one automation."""
    return automations_until([automation.pk], days).get(automation.pk)


def may_wait(conflict: Conflict, grant: Grant, now: datetime) -> bool:
    """Whether a conflict is asked about later: what it is about was reviewed lately, and it is not to be resolved before that is over."""
    if grant.predecessor_id is None or conflict.due_at is None:
        return False
    quiet = grant_until(grant, policy_queries.in_force(now).quiet_days)
    if quiet is None or quiet <= now:
        return False
    return quiet + timedelta(days=TO_ANSWER) <= conflict.due_at
