"""Facts about items: use, earlier answers, and the facts for a recommendation (R3).

The number of queries does not depend on the number of items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import (
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    prefetch_related_objects,
)
from django.db.models.functions import JSONObject

from approvals.grants.transitions import lifecycle
from approvals.models import Conflict, ConflictState, Grant, GrantState, Submission, SubmissionState
from approvals.models.conflict import Mode
from governance.core.database import compiled_queries
from governance.core.texts.number_words import day_of
from governance.recertification.items import usage
from governance.recertification.items.recommendation import Facts, InConflict, Recommendation, recommend
from governance.recertification.items.usage import Usage
from governance.recertification.models import SETTLING, Answer, AnswerKind, Item, ItemState
from inventory.models import Automation, AutomationState, Lifetime, Version

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ItemFacts:
    """Facts about one item.

    Args:
        held: the grant and its predecessors, latest first; empty for an automation.
        usage: measured use, or None.
        earlier: answers in earlier reviews, latest first.
        recommended: the recommendation with its reasons.
        facts: the facts behind the recommendation.
    """

    held: tuple[Grant, ...]
    usage: Usage | None
    earlier: tuple[Answer, ...]
    recommended: Recommendation
    facts: Facts


def load_facts(items: Sequence[Item], now: datetime) -> dict[int, ItemFacts]:
    """Load the facts of items, by their ids.

    Args:
        items: loaded with their grants or automations.
        now: business time.
    """
    prefetch_related_objects(
        [item for item in items if item.grant is not None], "grant__automation", "grant__approval"
    )  # needed to check the renewal
    held = usage.grants_with_predecessors(item.grant for item in items if item.grant is not None)
    used = usage.usages(held, now)
    rows = _rows(items, now)
    earlier = _earlier(items, held, rows)
    return {
        item.pk: _known_item(item, held, used, rows[_subject_key(item)], earlier.get(_subject_key(item), []), now)
        for item in items
    }


def _subject_key(item: Item) -> int:
    """Key of the reviewed grant, or the negative key of the reviewed automation."""
    return item.grant_id if item.grant_id is not None else -(item.automation_id or 0)


def _known_item(
    item: Item,
    held: Mapping[int, list[Grant]],
    used: Mapping[int, Usage],
    row: Row,
    earlier: Sequence[Answer],
    now: datetime,
) -> ItemFacts:
    chain = tuple(held[item.grant_id]) if item.grant_id is not None else ()
    usage_of_grant = used.get(item.grant_id or 0)
    facts = _facts(item, usage_of_grant, row, earlier, now)
    return ItemFacts(chain, usage_of_grant, tuple(earlier), recommend(facts), facts)


def _facts(item: Item, usage_of_grant: Usage | None, row: Row, earlier: Sequence[Answer], now: datetime) -> Facts:
    used: Row = {}
    if usage_of_grant is not None:
        used = {
            "measured": True,
            "idle": max(0, usage_of_grant.idle(now)),
            "was_used": usage_of_grant.last_at is not None,
            "calls_30": usage_of_grant.calls_30,
            "usual_30": usage_of_grant.usual_30,
            "refused_90": usage_of_grant.refused_90,
        }
    reviews = {answer.question.item_id for answer in earlier}
    removed = {answer.question.item_id for answer in earlier if answer.answer != AnswerKind.KEEP}
    submitted = row["asked"] or {}
    owners = (str(row["business"]), str(row["technical"] or ""))
    common = {
        "suspended": row["standing"] == AutomationState.SUSPENDED,
        "other_source": bool(submitted) and submitted.get("source", row["source"]) != row["source"],
        "newer_version": row["newest"] if row["newest"] and row["newest"] > (row["number"] or 0) else 0,
        "other_owner": bool(submitted)
        and (submitted.get("business_owner"), submitted.get("technical_owner")) != owners,
        "kept": len(reviews - removed),
        "conflicts": tuple(map(_in_conflict, row["conflicts"])),
    }
    specific = _grant_facts(item.grant, row, now) if item.grant is not None else _automation_facts(row)
    return Facts(**used, **common, **specific)


def _automation_facts(row: Row) -> dict[str, Any]:
    return {"of_automation": True, "holds_nothing": not row["holds"]}


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


def _earlier(
    items: Sequence[Item], held: Mapping[int, list[Grant]], rows: Mapping[int, Row]
) -> dict[int, list[Answer]]:
    """Answers in closed reviews by `_subject_key`. One query, or none without an earlier review."""
    key_by_grant = {
        grant.pk: key for key, chain in held.items() for grant in chain if len(chain) > 1 or rows[key]["reviewed"]
    }
    automations = [item.automation_id for item in items if item.automation_id and rows[_subject_key(item)]["reviewed"]]
    if not key_by_grant and not automations:
        return {}
    answers = Answer.objects.filter(
        Q(question__item__grant__in=list(key_by_grant)) | Q(question__item__automation__in=automations),
        question__item__state=ItemState.CLOSED,
        superseded_by__isnull=True,
        answer__in=SETTLING,
    ).exclude(question__item__in=[item.pk for item in items])
    answers_by_key: dict[int, list[Answer]] = {}
    for answer in answers.select_related("person", "for_person", "reason", "question__item").order_by("-pk"):
        item = answer.question.item
        key = key_by_grant[item.grant_id] if item.grant_id is not None else -(item.automation_id or 0)
        answers_by_key.setdefault(key, []).append(answer)
    return answers_by_key


def _rows(items: Sequence[Item], now: datetime) -> dict[int, Row]:
    """Facts by `_subject_key`: one query for grants, one for automations."""
    held = [item.grant_id for item in items if item.grant_id is not None]
    automations = [item.automation_id for item in items if item.automation_id is not None]
    rows: dict[int, Row] = {row["pk"]: row for row in OF_GRANTS(grants=held, now=now)} if held else {}
    if automations:
        rows |= {-row["pk"]: row for row in OF_AUTOMATIONS(automations=automations, now=now)}
    return rows


def _newest(automation: str) -> Subquery:
    return Subquery(Version.objects.filter(automation=OuterRef(automation)).order_by("-number").values("number")[:1])


def _conflicts(conflicts: QuerySet[Conflict]) -> ArraySubquery:
    open_conflicts = conflicts.filter(state=ConflictState.OPEN).telling_waived(compiled_queries.NOW).order_by("pk")  # type: ignore[attr-defined]
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


def _grants_query() -> QuerySet[Grant, Row]:
    above = {name: F(f"automation__{path}") for name, path in _AUTOMATION.items()}
    return (
        Grant.objects.filter(compiled_queries.among_those("grants"))
        .order_by()
        .values(
            "pk",
            **above,
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
            conflicts=_conflicts(Conflict.objects.filter(grants__contains=[OuterRef("pk")])),
            reviewed=Exists(Item.objects.filter(grant=OuterRef("pk"), state=ItemState.CLOSED).order_by()),
        )
    )


def _automations_query() -> QuerySet[Automation, Row]:
    in_force = Submission.objects.filter(automation=OuterRef("pk"), state=SubmissionState.IN_FORCE).order_by("-pk")
    return (
        Automation.objects.filter(compiled_queries.among_those("automations"))
        .order_by()
        .values(
            "pk",
            **{name: F(path) for name, path in _AUTOMATION.items()},
            asked=Subquery(in_force.values("app_approval__submission__asked")[:1]),
            newest=_newest("pk"),
            conflicts=_conflicts(Conflict.objects.filter(automations__contains=[OuterRef("pk")])),
            reviewed=Exists(Item.objects.filter(automation=OuterRef("pk"), state=ItemState.CLOSED).order_by()),
            holds=Exists(Grant.objects.standing().filter(automation=OuterRef("pk")).order_by()),
        )
    )


OF_GRANTS = compiled_queries.Statement(_grants_query)
OF_AUTOMATIONS = compiled_queries.Statement(_automations_query)


def recommendations(items: Iterable[Item], now: datetime) -> dict[int, Recommendation]:
    """Recommendations for items, by their ids."""
    return {key: known_item.recommended for key, known_item in load_facts(list(items), now).items()}
