"""Facts about items for their cards and recommendations: use, earlier answers, changes since the approval (R3).

The number of queries does not depend on the number of items.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from django.db.models import Q

from approvals.grants.transitions import lifecycle
from approvals.models import Conflict, Grant, GrantUsage
from approvals.models.conflict_rule import Mode
from governance.core.database.grouping import grouped
from governance.core.database.querysets import with_columns
from governance.core.database.statements import fetch_rows
from governance.core.texts.number_words import day_of
from governance.recertification.items.recommendation import WEEKS, Facts, InConflict
from governance.recertification.models import SETTLING, Answer, AnswerKind, Item, ItemState
from inventory.models import Automation, AutomationState, Lifetime

#: Recent days, and the least measured days before them for a usual figure.
LATELY, BEFORE = 30, 60

#: Columns of an automation for its facts: state, approved version and present owners.
AUTOMATION_COLUMNS = (
    *("state", "approved_version__number", "approved_version__source_digest"),
    *("business_owner__opaque_id", "technical_owner__opaque_id"),
)

#: Columns of a grant for its facts.
GRANT_COLUMNS = (
    *(f"automation__{column}" for column in AUTOMATION_COLUMNS),
    *("level", "scope", "raised_to", "begins_at", "renew", "state", "suspended_why", "automation__moved_at"),
    *("app_approval", "approval__facts", "approval__by_policy", "approval__ended_at"),
    *("entitlement__data_class", "entitlement__resource__data_class", "entitlement__resource__accepted_at"),
    *("credential__lifetime", "credential__issued_at", "credential__rotated_at"),
)

_SQL = Path(__file__).with_name("facts.sql").read_text(encoding="utf-8")

Row = Mapping[str, Any]

#: Day, allowed calls, refused calls and last call.
Day = tuple[date, int, int, datetime | None]


def load_subjects(
    items: Sequence[Item], grants: Collection[str] = GRANT_COLUMNS, automations: Collection[str] = AUTOMATION_COLUMNS
) -> None:
    """Give items their grants and automations with what `load_facts` reads. One query for grants, one for automations.

    Args:
        items: with the ids of their grants and automations.
        grants, automations: columns to load; at least those of the facts.
    """
    grant_ids = {item.grant_id for item in items if item.grant_id is not None}
    automation_ids = {item.automation_id for item in items if item.automation_id is not None}
    by_grant = with_columns(Grant.objects.order_by(), grants).in_bulk(grant_ids)
    by_automation = with_columns(Automation.objects.order_by(), automations).in_bulk(automation_ids)
    for item in items:
        if item.grant_id is not None:
            item.grant = by_grant[item.grant_id]
        elif item.automation_id is not None:
            item.automation = by_automation[item.automation_id]


def load_facts(items: Sequence[Item], now: datetime) -> dict[int, Facts]:
    """Load the facts of items, by their ids.

    Args:
        items: see `load_subjects`.
        now: business time.
    """
    rows = {row["item"]: row for row in fetch_rows(_SQL, {"items": [item.pk for item in items]})}
    usage = _usage_by_approval({item.grant.approval_id for item in items if item.grant is not None}, now)
    reviewed = [item for item in items if rows[item.pk]["was_reviewed"]]
    earlier = _earlier(reviewed) if reviewed else {}
    conflict_ids = {pk for row in rows.values() for pk in row["conflicts"]}
    conflicts = _conflicts(conflict_ids, now) if conflict_ids else {}
    facts = {}
    for item in items:
        found = tuple(conflicts[pk] for pk in rows[item.pk]["conflicts"])
        facts[item.pk] = _facts(item, rows[item.pk], usage, earlier.get(_review_key(item), []), found, now)
    return facts


def _usage_by_approval(approvals: Collection[int], now: datetime) -> dict[int, Row]:
    """Measured use by the approval of a grant, which its successors share; unmeasured ones are left out. One query."""
    rows = GrantUsage.objects.filter(grant__approval__in=approvals).order_by("grant__approval")
    columns = rows.values_list("grant__approval", "day", "allowed", "refused", "last_at")
    by_approval = groupby(columns, key=lambda row: row[0])
    return {approval: _usage([row[1:] for row in days], now) for approval, days in by_approval}


def _usage(rows: Sequence[Day], now: datetime) -> Row:
    """Values of the facts about use, from its measured days."""
    today, since = now.date(), min(day for day, *_ in rows)
    measured = [((today - day).days, allowed, refused) for day, allowed, refused, _ in rows]
    last_at = max((at for *_, at in rows if at is not None), default=None)
    before, measured_before = sum(allowed for ago, allowed, _ in measured if ago >= LATELY), (today - since).days - 29
    weeks = [0] * WEEKS
    for ago, allowed, _ in measured:
        if 0 <= ago // 7 < WEEKS:
            weeks[WEEKS - 1 - ago // 7] += allowed
    return {
        "measured": True,
        "was_used": last_at is not None,
        "idle": max(0, (today - since).days if last_at is None else (now - last_at).days),
        "calls_30": sum(allowed for ago, allowed, _ in measured if ago < LATELY),
        "calls_90": sum(allowed for ago, allowed, _ in measured if ago < 90),
        "refused_90": sum(refused for ago, _, refused in measured if ago < 90),
        "usual_30": round(before * LATELY / measured_before) if measured_before >= BEFORE else None,
        "weeks": tuple(weeks),
    }


def _review_key(item: Item) -> tuple[str, int]:
    """Key that the reviews of a grant, its predecessors and its successors share; likewise of an automation."""
    return ("grant", item.grant.approval_id) if item.grant is not None else ("automation", item.of_automation.pk)


def _facts(
    item: Item,
    row: Row,
    usage: Mapping[int, Row],
    earlier: Sequence[Answer],
    conflicts: tuple[InConflict, ...],
    now: datetime,
) -> Facts:
    automation, grant = item.of_automation, item.grant
    reviews = {answer.question.item_id for answer in earlier}
    removed = {answer.question.item_id for answer in earlier if answer.answer != AnswerKind.KEEP}
    version, owners = automation.approved_version, (automation.business_owner, automation.technical_owner)
    asked = json.loads(row["asked"]) if row["asked"] else {}
    asked_owners = (asked.get("business_owner"), asked.get("technical_owner"))
    newest, source = row["newest"], version.source_digest if version is not None else None
    return Facts(
        held_since=row["held_since"],
        earlier=tuple(earlier),
        suspended=automation.state == AutomationState.SUSPENDED,
        other_source=asked.get("source", source) != source,
        newer_version=newest if newest > (version.number if version is not None else 0) else 0,
        other_owner=bool(asked) and asked_owners != tuple(str(owner.opaque_id) if owner else "" for owner in owners),
        kept=len(reviews - removed),
        conflicts=conflicts,
        **(
            {**_grant_facts(grant, row, now), **usage.get(grant.approval_id, {})}
            if grant is not None
            else {"of_automation": True, "holds_nothing": not row["holds"]}
        ),
    )


def _grant_facts(grant: Grant, row: Row, now: datetime) -> dict[str, Any]:
    refusal, entitlement, credential = lifecycle.succession_refusal(grant, now), grant.entitlement, grant.credential
    renewals = (credential.issued_at, credential.rotated_at) if credential is not None else ()
    renewed, approved = max(filter(None, renewals), default=None), grant.approval.ended_at
    accepted = entitlement.resource.accepted_at if entitlement is not None else None
    return {
        "stage_2_decides": refusal is not None and refusal.code == "G2",
        "raised": grant.raised_to,
        "class_was": grant.approval.facts.get("data_class", ""),
        "class_is": entitlement.counted_class if entitlement is not None else "",
        "other_keeper": accepted is not None and approved is not None and accepted > approved,
        "targets": len(grant.scope),
        "peers": row["peers"],
        "peers_widest": row["widest"],
        "peers_only_read": row["levels"] == ["read"] and grant.level != "read",
        "static": credential is not None and credential.lifetime == Lifetime.STATIC,
        "secret_age": (now - renewed).days if renewed is not None else None,
        "by_policy": grant.approval.by_policy_id is not None,
    }


def _conflicts(conflicts: Collection[int], now: datetime) -> dict[int, InConflict]:
    """Open conflicts with the ends of their waivers, by id. One query."""
    rows: Any = Conflict.objects.filter(pk__in=conflicts).telling_waived_until(now)
    columns = rows.order_by().values_list("pk", "rule__title", "rule__mode", "waived_until")
    return {
        pk: InConflict(pk, title, mode == Mode.ENFORCE, day_of(until) if until is not None else None)
        for pk, title, mode, until in columns
    }


def _earlier(items: Sequence[Item]) -> dict[tuple[str, int], list[Answer]]:
    """Answers in closed reviews by `_review_key`, latest first. One query."""
    keys = [_review_key(item) for item in items]
    answers = Answer.objects.filter(
        Q(question__item__grant__approval__in=[pk for of, pk in keys if of == "grant"])
        | Q(question__item__automation__in=[pk for of, pk in keys if of == "automation"]),
        question__item__state=ItemState.CLOSED,
        superseded_by__isnull=True,
        answer__in=SETTLING,
    ).exclude(question__item__in=[item.pk for item in items])
    rows = answers.select_related("person", "for_person", "reason", "question__item__grant").order_by("-pk")
    return grouped((_review_key(answer.question.item), answer) for answer in rows)
