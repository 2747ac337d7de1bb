"""Events that bring a review forward: an owner left, drift, long without use, an incident, a conflict (R1). Reads only.

The register and the usage figures hold these facts, so no event can be lost (R9). Each cause asks once: the item
stores it. `risk_increase` handles a raised tier.

A recent review is not opened again for an event (R1). Exceptions: an incident, and a conflict that would otherwise
remove the grant before anybody is asked.

Conflicts: grants that are older than the enforcement of the rule are reviewed once for it (S6). The item is about the
newest grant of the conflict, which ends if nobody acts. Owners of the other grants get the notice of the conflict itself.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from approvals.models import Conflict, ConflictState, Grant, GrantState, GrantUsage, Submission
from approvals.policies import queries as policy_queries
from governance.core.database.grouping import grouped
from governance.core.database.querysets import among
from governance.recertification.models import WAITING, Item, ItemOutcome
from inventory.models import Automation, AutomationState, Incident, Version

#: Reasons of an item or of a join: keys of `REASON_WORDS`.
OWNER_LEFT, DRIFT, UNUSED, INCIDENT, IN_CONFLICT = "owner left", "drift", "unused", "incident", "new conflict"
AD_HOC = "ad hoc"

#: A review opens early for these, or a deadline moves forward; a risk increase moves the review date itself (`risk_increase`).
BEFORE_ITS_TIME = frozenset({OWNER_LEFT, DRIFT, UNUSED, INCIDENT, IN_CONFLICT})

#: Snapshot keys for the causes of an item, and for the ids of the conflicts that it asks about.
CAUSES, CONFLICTS_KEY = "causes", "conflicts"

#: Extra days to look back for measured days without use: some days may be missing and do not count.
MISSING_DAYS = 7

#: Days until a version without a submission counts as drift.
DRIFT_DAYS = 7

#: Days for an answer before an unresolved conflict suspends a grant.
ANSWER_DAYS = 7


@dataclass(frozen=True)
class ReviewTrigger:
    """One event about a grant or an automation.

    Args:
        because: one of `BEFORE_ITS_TIME`.
        cause: identifies the event by facts and ids, the same each time it is found.
        subject: id of the grant or automation.
    """

    because: str
    cause: str
    subject: int


#: Events by the id of their grant or automation.
Triggers = dict[int, list[ReviewTrigger]]


def find_triggers(now: datetime, *, is_night: bool = True) -> tuple[Triggers, Triggers]:
    """Events about grants and about automations that no review has asked about, incidents first. A few queries.

    Args:
        now: business time.
        is_night: whether to read the usage figures too; they cover whole days and are large.
    """
    about_grants = [*_incidents(now), *_resource_owners_left(now), *(_unused(now) if is_night else ())]
    about_automations = [*_owners_left(), *_drift(now)]
    grants = Grant.objects.filter(among({trigger.subject for trigger in about_grants}))
    automations = {trigger.subject: trigger.subject for trigger in about_automations}
    return (
        _unasked(about_grants, "grant__approval", dict(grants.values_list("pk", "approval"))),
        _unasked(about_automations, "automation", automations),
    )


# --- about grants ------------------------------------------------------------------------------------------------------


def _renewable(now: datetime) -> QuerySet[Grant]:
    """Live grants that a review can renew; grants that will not be renewed end by themselves."""
    return Grant.objects.live(now).filter(renew=True).order_by("pk")


def _incidents(now: datetime) -> Iterator[ReviewTrigger]:
    """Grants on a resource with a running incident: on it, by a credential that opens it, or stored in it.

    Grants that will not be renewed count too, because they can do harm until their last day.
    """
    running = Incident.objects.running(now)
    ways = ("entitlement__resource", "credential__opens", "credential__kept_in")
    for way in ways if running.exists() else ():
        rows = Grant.objects.live(now).filter(Q((f"{way}__in", running.values("resource")))).order_by("pk")
        if way != "entitlement__resource":
            rows = rows.filter(entitlement=None)
        declared = running.filter(resource=OuterRef(way)).order_by("-pk").values("pk")[:1]
        for pk, incident in rows.annotate(incident=Subquery(declared)).values_list("pk", "incident"):
            yield ReviewTrigger(INCIDENT, f"incident:{incident}", pk)


def _resource_owners_left(now: datetime) -> Iterator[ReviewTrigger]:
    """Grants on a resource whose owner has left; for a credential, the resource that decides it (A2)."""
    elsewhere = Q(credential__kept_in__isnull=True)
    ways = (
        ("entitlement__resource", Q()),
        ("credential__kept_in", Q(entitlement=None)),
        ("credential__opens", Q(entitlement=None) & elsewhere),
    )
    for way, where in ways:
        rows = _renewable(now).filter(where, _has_left(f"{way}__owner"))
        for pk, resource, owner in rows.values_list("pk", way, f"{way}__owner"):
            yield ReviewTrigger(OWNER_LEFT, f"owner of resource {resource} left:{owner}", pk)


def _has_left(person: str) -> Q:
    left = Q((f"{person}__left_at__isnull", False)) | Q((f"{person}__is_active", False))
    return Q((f"{person}__isnull", False)) & left


def _unused(now: datetime) -> Iterator[ReviewTrigger]:
    """Grants measured for long enough without one call, predecessors included; the same cause until the next call."""
    today, unused = now.date(), policy_queries.in_force(now).unused_days
    idle = (
        GrantUsage.objects.filter(day__gte=today - timedelta(days=unused + MISSING_DAYS), day__lt=today)
        .values("grant__approval")
        .annotate(days=Count("day", distinct=True), calls=Sum("allowed"))
        .filter(days__gte=unused, calls=0)
        .values("grant__approval")
    )
    usage_rows = GrantUsage.objects.filter(grant__approval=OuterRef("approval")).order_by().values("grant__approval")
    last = usage_rows.annotate(last=Coalesce(Max("day", filter=Q(allowed__gt=0)), Min("day"))).values("last")
    for pk, day in _renewable(now).filter(approval__in=idle).values_list("pk", Subquery(last)):
        yield ReviewTrigger(UNUSED, f"unused since {day}", pk)


# --- about automations -------------------------------------------------------------------------------------------------


def _owners_left() -> Iterator[ReviewTrigger]:
    """Live automations whose business or technical owner has left."""
    for owner in ("business_owner", "technical_owner"):
        rows = Automation.objects.filter(_has_left(owner), state=AutomationState.LIVE).order_by("pk")
        for pk, person in rows.values_list("pk", owner):
            yield ReviewTrigger(OWNER_LEFT, f"{owner} left:{person}", pk)


def _drift(now: datetime) -> Iterator[ReviewTrigger]:
    """Live automations whose newest version was not submitted."""
    newest = Version.objects.filter(automation=OuterRef("pk")).order_by("-number")
    rows = Automation.objects.filter(state=AutomationState.LIVE).annotate(newest=Subquery(newest.values("pk")[:1]))
    submitted = Submission.objects.filter(version=OuterRef("newest"))
    later = rows.exclude(newest=F("approved_version")).filter(~Exists(submitted))
    changed = later.filter(versions=F("newest"), versions__created_at__lte=now - timedelta(days=DRIFT_DAYS))
    for pk, version in changed.order_by("pk").values_list("pk", "newest"):
        yield ReviewTrigger(DRIFT, f"version {version} not submitted", pk)


def _unasked(happened: Iterable[ReviewTrigger], field: str, keys: Mapping[int, int]) -> Triggers:
    """The events that no review has asked about.

    Args:
        happened: events.
        field: of an item: its automation, or the approval of its grant, which renewed grants share.
        keys: values of this field by the id of the event's grant or automation.
    """
    asked_causes = defaultdict[int, set[str]](set)
    rows = Item.objects.filter(among(set(keys.values()), field), **{f"snapshot__{CAUSES}__isnull": False})
    for key, causes in rows.values_list(field, f"snapshot__{CAUSES}"):
        asked_causes[key].update(causes)
    subjects = [trigger for trigger in happened if trigger.subject in keys]
    unasked = (trigger for trigger in subjects if trigger.cause not in asked_causes[keys[trigger.subject]])
    return grouped((trigger.subject, trigger) for trigger in unasked)


def grant_quiet_until(grant: Grant, days: int) -> datetime | None:
    """End of the quiet time after a grant's renewal, ``days`` by policy; None if no review made the grant."""
    return None if grant.predecessor_id is None else grant.begins_at + timedelta(days=days)


def automations_quiet_until(automations: Collection[int], days: int) -> dict[int, datetime]:
    """End of the quiet time of automations that a review kept, by id. One query; ``days`` as in `grant_quiet_until`."""
    kept = Item.objects.filter(among(automations, "automation"), outcome=ItemOutcome.KEPT).order_by("closed_at")
    rows = kept.values_list("automation", "closed_at")
    return {pk: at + timedelta(days=days) for pk, at in rows if pk is not None and at is not None}


def may_wait(conflict: Conflict, grant: Grant, now: datetime) -> bool:
    """Whether a conflict's review can wait: the grant was reviewed recently and the quiet time ends early enough."""
    quiet = grant_quiet_until(grant, policy_queries.in_force(now).quiet_days)
    if quiet is None or conflict.due_at is None:
        return False
    return now < quiet <= conflict.due_at - timedelta(days=ANSWER_DAYS)


# --- about conflicts --------------------------------------------------------------------------------------------------


def unreviewed_conflicts() -> Iterator[tuple[Conflict, Grant]]:
    """Open conflicts of enforced rules without a review, each with the grant to review.

    Two queries, and one for each conflict.
    """
    open_conflicts = list(enforced_conflicts())
    automation_ids = {pk for conflict in open_conflicts for pk in conflict.automations}
    rows = (
        Item.objects.filter(among(automation_ids, "grant__automation"), **{f"snapshot__{CONFLICTS_KEY}__isnull": False})
        if automation_ids
        else ()
    )
    asked_ids = {pk for item in rows for pk in item.snapshot[CONFLICTS_KEY]}
    for conflict in open_conflicts:
        if conflict.pk not in asked_ids:
            counted = Grant.objects.standing().filter(pk__in=conflict.grants, in_conflict=False)
            newest = counted.select_related("automation").newest_first().first()
            if newest is not None and newest.state == GrantState.ACTIVE:
                yield conflict, newest


def enforced_conflicts() -> QuerySet[Conflict]:
    """Open conflicts of enforced rules, oldest first."""
    return Conflict.objects.filter(state=ConflictState.OPEN, due_at__isnull=False).order_by("pk")


def resolve_by(conflicts: list[Conflict], now: datetime) -> datetime | None:
    """The earliest future date by which one of these conflicts must be resolved, or None."""
    return min(
        (conflict.due_at for conflict in conflicts if conflict.due_at is not None and conflict.due_at > now),
        default=None,
    )


def is_resolved(item: Item) -> bool:
    """Whether an open item is only about conflicts and none of them is open and enforced any more."""
    if item.state not in WAITING or item.reason != IN_CONFLICT:
        return False
    if set(item.snapshot.get("joined", ())) - {IN_CONFLICT}:
        return False
    return not enforced_conflicts().filter(pk__in=item.snapshot.get(CONFLICTS_KEY, ())).exists()


def resolved_items() -> list[int]:
    """Ids of the items for which `is_resolved` holds."""
    rows = Item.objects.filter(state__in=WAITING, reason=IN_CONFLICT).order_by("pk")
    return [item.pk for item in rows if is_resolved(item)]
