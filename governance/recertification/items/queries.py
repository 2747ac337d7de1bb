"""What is known of items: how what is reviewed was used, what was answered before, and the facts that a recommendation rests on (R3).

Read for as many items as are shown at once by the same few queries, however many those are.
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
class Known:
    """What is known of one item.

    Args:
        held: the grant and those that it renews, the latest first; nothing where the automation itself is reviewed.
        usage: how it was used, or None where nothing measures it.
        earlier: what was answered in earlier reviews, the latest first.
        recommended: what would be answered, and why.
        facts: on which that rests.
    """

    held: tuple[Grant, ...]
    usage: Usage | None
    earlier: tuple[Answer, ...]
    recommended: Recommendation
    facts: Facts


def of(items: Sequence[Item], now: datetime) -> dict[int, Known]:
    """By the key of each item, what is known of it.

    Args:
        items: with what they are about.
        now: business time.
    """
    prefetch_related_objects(
        [one for one in items if one.grant is not None], "grant__automation"
    )  # what may be renewed
    held = usage.chains(one.grant for one in items if one.grant is not None)
    used = usage.usages(held, now)
    rows = _rows(items, now)
    earlier = _earlier(items, held, rows)
    return {one.pk: _known(one, held, used, rows[_subject(one)], earlier.get(_subject(one), []), now) for one in items}


def _subject(item: Item) -> int:
    """What is reviewed, told apart by sign: a grant by its key, an automation by its negative."""
    return item.grant_id if item.grant_id is not None else -(item.automation_id or 0)


def _known(
    item: Item,
    held: Mapping[int, list[Grant]],
    used: Mapping[int, Usage],
    row: Row,
    earlier: Sequence[Answer],
    now: datetime,
) -> Known:
    chain = tuple(held[item.grant_id]) if item.grant_id is not None else ()
    found = used.get(item.grant_id or 0)
    facts = _facts(item, found, row, earlier, now)
    return Known(chain, found, tuple(earlier), recommend(facts), facts)


def _facts(item: Item, found: Usage | None, row: Row, earlier: Sequence[Answer], now: datetime) -> Facts:
    used: Row = {}
    if found is not None:
        used = {
            "measured": True,
            "idle": max(0, found.idle(now)),
            "was_used": found.last_at is not None,
            "calls_30": found.calls_30,
            "usual_30": found.usual_30,
            "refused_90": found.refused_90,
        }
    reviews = {one.question.item_id for one in earlier}
    taken = {one.question.item_id for one in earlier if one.answer != AnswerKind.KEEP}
    asked = row["asked"] or {}
    owners = (str(row["business"]), str(row["technical"] or ""))
    common = {
        "suspended": row["standing"] == AutomationState.SUSPENDED,
        "other_source": bool(asked) and asked.get("source", row["source"]) != row["source"],
        "newer_version": row["newest"] if row["newest"] and row["newest"] > (row["number"] or 0) else 0,
        "other_owner": bool(asked) and (asked.get("business_owner"), asked.get("technical_owner")) != owners,
        "kept": len(reviews - taken),
        "conflicts": tuple(map(_in_conflict, row["conflicts"])),
    }
    own = _of_grant(item.grant, row, now) if item.grant is not None else _of_automation(row)
    return Facts(**used, **common, **own)


def _of_automation(row: Row) -> dict[str, Any]:
    return {"of_automation": True, "holds_nothing": not row["holds"]}


def _of_grant(grant: Grant, row: Row, now: datetime) -> dict[str, Any]:
    peers, no = row["peers"] or {}, lifecycle.succession_refusal(grant)
    renewed = max(filter(None, (row["issued_at"], row["rotated_at"])), default=None)
    accepted, approved = row["accepted_at"], row["approved_at"]
    return {
        "not_renewable": no.sentence[:1].lower() + no.sentence[1:] if no is not None and no.code == "G2" else "",
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


def _in_conflict(said: Mapping[str, Any]) -> InConflict:
    until = datetime.fromisoformat(said["waived_until"]) if said["waived_until"] else None
    return InConflict(
        said["key"], said["title"], said["mode"] == Mode.ENFORCE, day_of(until) if until is not None else None
    )


def _earlier(
    items: Sequence[Item], held: Mapping[int, list[Grant]], rows: Mapping[int, Row]
) -> dict[int, list[Answer]]:
    """What was answered in reviews that are over, by what is reviewed now: one query, or none where there was no review."""
    whose = {one.pk: key for key, chain in held.items() for one in chain if len(chain) > 1 or rows[key]["reviewed"]}
    automations = [one.automation_id for one in items if one.automation_id and rows[_subject(one)]["reviewed"]]
    if not whose and not automations:
        return {}
    said = Answer.objects.filter(
        Q(question__item__grant__in=list(whose)) | Q(question__item__automation__in=automations),
        question__item__state=ItemState.CLOSED,
        superseded_by__isnull=True,
        answer__in=SETTLING,
    ).exclude(question__item__in=[one.pk for one in items])
    found: dict[int, list[Answer]] = {}
    for one in said.select_related("person", "for_person", "reason", "question__item").order_by("-pk"):
        item = one.question.item
        key = whose[item.grant_id] if item.grant_id is not None else -(item.automation_id or 0)
        found.setdefault(key, []).append(one)
    return found


def _rows(items: Sequence[Item], now: datetime) -> dict[int, Row]:
    """The facts that are read from the rows of what is reviewed, by `_subject`: one query for grants, one for automations."""
    held = [one.grant_id for one in items if one.grant_id is not None]
    automations = [one.automation_id for one in items if one.automation_id is not None]
    found: dict[int, Row] = {row["pk"]: row for row in OF_GRANTS(grants=held, now=now)} if held else {}
    if automations:
        found |= {-row["pk"]: row for row in OF_AUTOMATIONS(automations=automations, now=now)}
    return found


def _newest(automation: str) -> Subquery:
    return Subquery(Version.objects.filter(automation=OuterRef(automation)).order_by("-number").values("number")[:1])


def _conflicts(found: QuerySet[Conflict]) -> ArraySubquery:
    told = found.filter(state=ConflictState.OPEN).telling_waived(compiled_queries.NOW).order_by("pk")  # type: ignore[attr-defined]
    said = JSONObject(key="pk", title="rule__title", mode="rule__mode", waived_until="waived_until")
    return ArraySubquery(told.values(said=said))


def _peers() -> Subquery:
    """Of a grant: how many others of the team hold the same, what the widest reaches, and at which levels."""
    alike = Grant.objects.filter(
        entitlement=OuterRef("entitlement"), automation__team=OuterRef("automation__team"), state=GrantState.ACTIVE
    ).exclude(automation=OuterRef("automation"))
    reached = Func(F("scope"), function="CARDINALITY", output_field=IntegerField())
    said = JSONObject(number=Count("*"), widest=Max(reached), levels=ArrayAgg("level", distinct=True))
    return Subquery(alike.order_by().values("entitlement").annotate(said=said).values("said"))


#: What both have: the approved version against the newest one, and the owners as they are.
_AUTOMATION = {
    "standing": "state",
    "number": "approved_version__number",
    "source": "approved_version__source_digest",
    "business": "business_owner__opaque_id",
    "technical": "technical_owner__opaque_id",
}


def _of_grants() -> QuerySet[Grant, Row]:
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


def _of_automations() -> QuerySet[Automation, Row]:
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


OF_GRANTS = compiled_queries.Statement(_of_grants)
OF_AUTOMATIONS = compiled_queries.Statement(_of_automations)


def recommended(items: Iterable[Item], now: datetime) -> dict[int, Recommendation]:
    """What would be answered about some items, by their keys."""
    return {key: one.recommended for key, one in of(list(items), now).items()}
