"""Facts about items: use, earlier answers, and the facts for a recommendation (R3).

The number of queries does not depend on the number of items.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, F, Func, IntegerField, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from approvals.grants.transitions import lifecycle
from approvals.models import Conflict, ConflictState, Grant, GrantState, GrantUsage, Submission, SubmissionState
from approvals.models.conflict_rule import Mode
from governance.core.texts.number_words import day_of
from governance.recertification.items.recommendation import Facts, InConflict, Recommendation, recommend
from governance.recertification.models import SETTLING, Answer, AnswerKind, Item, ItemState
from inventory.models import Automation, AutomationState, Lifetime, Version

#: Weeks in the chart.
WEEKS = 26

#: Recent days, and the least measured days before them for a usual figure.
LATELY, BEFORE = 30, 60

Row = Mapping[str, Any]

#: Day, allowed calls, refused calls and last call.
Day = tuple[date, int, int, datetime | None]


@dataclass(frozen=True)
class Usage:
    """Measured use.

    Args:
        since: the first measured day.
        last_at: the last call, or None.
        idle: days since the last call or, without a call, since the first measurement.
        calls_30, calls_90: allowed calls in so many days.
        refused_90: refused calls in 90 days.
        usual_30: average of allowed calls in 30 earlier days; None if too few days were measured.
        weeks: allowed calls by week, oldest first, with the present week last.
    """

    since: date
    last_at: datetime | None
    idle: int
    calls_30: int
    calls_90: int
    refused_90: int
    usual_30: int | None
    weeks: tuple[int, ...]

    @property
    def chart_label(self) -> str:
        """The finding of the chart, for readers who don't see it."""
        return f"Calls a week for {WEEKS} weeks: at most {max(self.weeks):,}, {self.weeks[-1]:,} in the last"


@dataclass(frozen=True)
class ItemFacts:
    """Facts about one item.

    Args:
        held_since: when the grant or its first predecessor began, or the automation was created.
        usage: measured use, or None.
        earlier: answers in earlier reviews, latest first.
        recommended: the recommendation with its reasons.
        facts: the facts behind the recommendation.
    """

    held_since: datetime
    usage: Usage | None
    earlier: tuple[Answer, ...]
    recommended: Recommendation
    facts: Facts


def load_facts(items: Sequence[Item], now: datetime) -> dict[int, ItemFacts]:
    """Load the facts of items, by their ids.

    Args:
        items: loaded with their grants (and the grants' automations and approvals) or automations.
        now: business time.
    """
    approvals = {item.grant.approval_id for item in items if item.grant is not None}
    used, rows = load_usage(approvals, now), _rows(items, now)
    earlier = _earlier([item for item in items if rows[item.pk]["reviewed"]])
    facts = {}
    for item in items:
        grant, row, answers = item.grant, rows[item.pk], earlier.get(_review_key(item), [])
        usage_of_grant = used.get(grant.approval_id) if grant is not None else None
        known = _facts(item, usage_of_grant, row, answers, now)
        facts[item.pk] = ItemFacts(row["began_at"], usage_of_grant, tuple(answers), recommend(known), known)
    return facts


def load_usage(approvals: Collection[int], now: datetime) -> dict[int, Usage]:
    """Measured use by the approval of a grant, which its successors share; unmeasured ones are left out. One query."""
    days: dict[int, list[Day]] = {}
    rows = GrantUsage.objects.filter(grant__approval__in=approvals).order_by()
    for row in rows.values("grant__approval", "day", "allowed", "refused", "last_at"):
        day = (row["day"], row["allowed"], row["refused"], row["last_at"])
        days.setdefault(row["grant__approval"], []).append(day)
    return {approval: _usage(measured, now) for approval, measured in days.items()}


def _usage(rows: Sequence[Day], now: datetime) -> Usage:
    today, since = now.date(), min(day for day, *_ in rows)
    measured = [((today - day).days, allowed, refused) for day, allowed, refused, _ in rows]
    last_at = max((at for *_, at in rows if at is not None), default=None)
    before, measured_before = sum(allowed for ago, allowed, _ in measured if ago >= LATELY), (today - since).days - 29
    weeks = [0] * WEEKS
    for ago, allowed, _ in measured:
        if 0 <= ago // 7 < WEEKS:
            weeks[WEEKS - 1 - ago // 7] += allowed
    return Usage(
        since=since,
        last_at=last_at,
        idle=max(0, (today - since).days if last_at is None else (now - last_at).days),
        calls_30=sum(allowed for ago, allowed, _ in measured if ago < LATELY),
        calls_90=sum(allowed for ago, allowed, _ in measured if ago < 90),
        refused_90=sum(refused for ago, _, refused in measured if ago < 90),
        usual_30=round(before * LATELY / measured_before) if measured_before >= BEFORE else None,
        weeks=tuple(weeks),
    )


def _review_key(item: Item) -> tuple[str, int]:
    """Key that the reviews of a grant, its predecessors and its successors share; likewise of an automation."""
    return ("grant", item.grant.approval_id) if item.grant is not None else ("automation", item.of_automation.pk)


def _facts(item: Item, used: Usage | None, row: Row, earlier: Sequence[Answer], now: datetime) -> Facts:
    reviews = {answer.question.item_id for answer in earlier}
    removed = {answer.question.item_id for answer in earlier if answer.answer != AnswerKind.KEEP}
    submitted, owners = row["asked"] or {}, (str(row["business"]), str(row["technical"] or ""))
    figures = ("idle", "calls_30", "usual_30", "refused_90")
    measured: Row = (
        {"measured": True, "was_used": used.last_at is not None, **{name: getattr(used, name) for name in figures}}
        if used is not None
        else {}
    )
    return Facts(
        **measured,
        suspended=row["standing"] == AutomationState.SUSPENDED,
        other_source=bool(submitted) and submitted.get("source", row["source"]) != row["source"],
        newer_version=row["newest"] if row["newest"] and row["newest"] > (row["number"] or 0) else 0,
        other_owner=bool(submitted) and (submitted.get("business_owner"), submitted.get("technical_owner")) != owners,
        kept=len(reviews - removed),
        conflicts=tuple(map(_in_conflict, row["conflicts"])),
        **(
            _grant_facts(item.grant, row, now)
            if item.grant is not None
            else {"of_automation": True, "holds_nothing": not row["holds"]}
        ),
    )


def _grant_facts(grant: Grant, row: Row, now: datetime) -> dict[str, Any]:
    peers, refusal = row["peers"] or {}, lifecycle.succession_refusal(grant, now)
    renewed = max(filter(None, (row["issued_at"], row["rotated_at"])), default=None)
    accepted, approved = row["accepted_at"], row["approved_at"]
    return {
        "stage_2_decides": refusal is not None and refusal.code == "G2",
        "raised": grant.raised_to,
        "class_was": (row["own_facts"] or {}).get("data_class", ""),
        "class_is": grant.entitlement.counted_class if grant.entitlement is not None else "",
        "other_keeper": accepted is not None and approved is not None and accepted > approved,
        "targets": len(grant.scope),
        "peers": peers.get("number", 0),
        "peers_widest": peers.get("widest") or 0,
        "peers_only_read": peers.get("levels") == ["read"] and grant.level != "read",
        "static": row["lifetime"] == Lifetime.STATIC,
        "secret_age": (now - renewed).days if renewed is not None else None,
        "by_policy": row["by_policy"],
    }


def _in_conflict(conflict: Mapping[str, Any]) -> InConflict:
    until = datetime.fromisoformat(conflict["waived_until"]) if conflict["waived_until"] else None
    return InConflict(
        conflict["key"],
        conflict["title"],
        conflict["mode"] == Mode.ENFORCE,
        day_of(until) if until is not None else None,
    )


def _earlier(items: Sequence[Item]) -> dict[tuple[str, int], list[Answer]]:
    """Answers in closed reviews by `_review_key`, latest first. At most one query."""
    keys = [_review_key(item) for item in items]
    if not keys:
        return {}
    answers = Answer.objects.filter(
        Q(question__item__grant__approval__in=[pk for of, pk in keys if of == "grant"])
        | Q(question__item__automation__in=[pk for of, pk in keys if of == "automation"]),
        question__item__state=ItemState.CLOSED,
        superseded_by__isnull=True,
        answer__in=SETTLING,
    ).exclude(question__item__in=[item.pk for item in items])
    answers_by_key: dict[tuple[str, int], list[Answer]] = {}
    for answer in answers.select_related("person", "for_person", "reason", "question__item__grant").order_by("-pk"):
        answers_by_key.setdefault(_review_key(answer.question.item), []).append(answer)
    return answers_by_key


def _rows(items: Sequence[Item], now: datetime) -> dict[int, Row]:
    """Facts by item: one query for grants, one for automations."""
    of_grants = {item.grant_id: item.pk for item in items if item.grant_id is not None}
    of_automations = {item.automation_id: item.pk for item in items if item.automation_id is not None}
    rows = {of_grants[row["pk"]]: row for row in _grant_rows(of_grants, now)} if of_grants else {}
    if of_automations:
        rows |= {of_automations[row["pk"]]: row for row in _automation_rows(of_automations, now)}
    return rows


def _newest(automation: str) -> Subquery:
    return Subquery(Version.objects.filter(automation=OuterRef(automation)).order_by("-number").values("number")[:1])


def _conflicts(conflicts: QuerySet[Conflict], now: datetime) -> ArraySubquery:
    open_conflicts = conflicts.filter(state=ConflictState.OPEN).telling_waived_until(now).order_by("pk")  # type: ignore[attr-defined]
    fields = JSONObject(key="pk", title="rule__title", mode="rule__mode", waived_until="waived_until")
    return ArraySubquery(open_conflicts.values(said=fields))


def _peers() -> Subquery:
    """Figures of the team's other active grants of the same entitlement: number, widest scope, levels."""
    peers = Grant.objects.filter(
        entitlement=OuterRef("entitlement"), automation__team=OuterRef("automation__team"), state=GrantState.ACTIVE
    ).exclude(automation=OuterRef("automation"))
    reached = Func(F("scope"), function="CARDINALITY", output_field=IntegerField())
    figures = JSONObject(number=Count("*"), widest=Max(reached), levels=ArrayAgg("level", distinct=True))
    return Subquery(peers.order_by().values("entitlement").annotate(said=figures).values("said"))


#: Columns for grants and automations: approved version, newest version and present owners.
_AUTOMATION = {
    "standing": "state",
    "number": "approved_version__number",
    "source": "approved_version__source_digest",
    "business": "business_owner__opaque_id",
    "technical": "technical_owner__opaque_id",
}


def _grant_rows(grants: Mapping[int, int], now: datetime) -> QuerySet[Grant, Row]:
    first = Grant.objects.filter(approval=OuterRef("approval")).order_by().values("approval")
    return (
        Grant.objects.filter(pk__in=list(grants))
        .order_by()
        .values(
            "pk",
            **{name: F(f"automation__{path}") for name, path in _AUTOMATION.items()},
            began_at=Subquery(first.annotate(began=Min("begins_at")).values("began")),
            asked=F("app_approval__submission__asked"),
            own_facts=F("approval__facts"),
            by_policy=Q(approval__by_policy__isnull=False),
            approved_at=F("approval__ended_at"),
            accepted_at=F("entitlement__resource__accepted_at"),
            lifetime=F("credential__lifetime"),
            issued_at=F("credential__issued_at"),
            rotated_at=F("credential__rotated_at"),
            newest=_newest("automation"),
            peers=_peers(),
            conflicts=_conflicts(Conflict.objects.filter(grants__contains=[OuterRef("pk")]), now),
            reviewed=Exists(Item.objects.filter(grant__approval=OuterRef("approval"), state=ItemState.CLOSED)),
        )
    )


def _automation_rows(automations: Mapping[int, int], now: datetime) -> QuerySet[Automation, Row]:
    in_force = Submission.objects.filter(automation=OuterRef("pk"), state=SubmissionState.IN_FORCE).order_by("-pk")
    return (
        Automation.objects.filter(pk__in=list(automations))
        .order_by()
        .values(
            "pk",
            **{name: F(path) for name, path in _AUTOMATION.items()},
            began_at=F("created_at"),
            asked=Subquery(in_force.values("app_approval__submission__asked")[:1]),
            newest=_newest("pk"),
            conflicts=_conflicts(Conflict.objects.filter(automations__contains=[OuterRef("pk")]), now),
            reviewed=Exists(Item.objects.filter(automation=OuterRef("pk"), state=ItemState.CLOSED)),
            holds=Exists(Grant.objects.standing().filter(automation=OuterRef("pk")).order_by()),
        )
    )
