"""Putting thousands of items and questions into a campaign by INSERT … SELECT, each with its row of history in the same statement (R2, H1).

Called inside the operations of `transitions.campaigns` only, which keep how far it is and write one ledger event for each call. What needs the
installation's key, the draw, is said by the code; everything else is copied by the database, sentences included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, models
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from approvals.models import Conflict, Grant
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.engine.transition import Step
from governance.core.keys import key_files
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.sentence_sql import JOINED, SENTENCE
from governance.recertification.items import cancelled_items, conflict_reviews, sampling, schedule
from governance.recertification.models import Campaign, Item, Question
from inventory.models import Automation

#: Why such an item opens: a key of `wording.BECAUSE`.
AD_HOC = "ad hoc"


@dataclass(frozen=True)
class Frozen:
    """What one chunk came to.

    Args:
        looked_at: how many rows the scope named.
        made: keys of the grants or automations that have an item now, in order; those of the others are under review already.
        last: the last key that was looked at; None where there was none left.
    """

    looked_at: int
    made: Sequence[int]
    last: int | None

    @property
    def payload(self) -> dict[str, Any]:
        """What the ledger says of it: how many, from where to where, and a digest that shows which (H1)."""
        said = ",".join(map(str, self.made))
        ends = {"first": self.made[0], "last": self.made[-1]} if self.made else {}
        return {"count": len(self.made), **ends, "digest": hashlib.sha256(said.encode()).hexdigest()}


def grace_of(deadline: datetime) -> dict[str, datetime]:
    """By tier, when silence takes effect in a campaign with this deadline (R6)."""
    return schedule.grace_after(deadline, organisation_zone(), organisation_holidays())


def _copied(model: type[models.Model], source: str) -> str:
    """SQL that writes the first or next row of history for each row of a source; placeholders: at, why, type."""
    kept: type[models.Model] = model.history.model  # type: ignore[attr-defined]  # simple-history adds it
    same = [str(field.column) for field in model._meta.concrete_fields]
    into = ", ".join([*same, "history_date", "history_change_reason", "history_type"])
    values = ", ".join(f"{source}.{name}" for name in same)
    return (
        f"INSERT INTO {kept._meta.db_table} ({into})"  # noqa: S608  names of columns
        f" SELECT {values}, %(at)s, %(why)s, %(type)s FROM {source}"
    )


COLUMNS = """INSERT INTO recertification_item
    (campaign_id, grant_id, automation_id, reason, snapshot, opened_at, deadline, grace_until, state, outcome, nobody)"""

_TIER = "COALESCE(NULLIF(g.raised_to, ''), g.tier)"
_GRACE = "CASE {tier} WHEN 'high' THEN %(high)s WHEN 'standard' THEN %(standard)s ELSE %(low)s END::timestamptz"
_CLASSES = "ARRAY['public', 'internal', 'confidential', 'restricted']"


def _instant(column: str) -> str:
    """SQL of what `ledger.instant` makes of a column."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""


#: The snapshot of a grant, as `transitions.opening.snapshot` makes it of one; a test compares the two.
_SNAPSHOT = f"""jsonb_build_object('tier', {_TIER}, 'automation', a.name, 'version', a.approved_version_id,
    'what', {SENTENCE}, 'scope', to_jsonb(g.scope), 'target', g.target, 'level', g.level,
    'data_class', CASE WHEN e.id IS NULL THEN '' ELSE ({_CLASSES})[GREATEST(
        array_position({_CLASSES}, COALESCE(NULLIF(e.data_class, ''), 'public')::text),
        array_position({_CLASSES}, COALESCE(NULLIF(r.data_class, ''), 'restricted')::text))] END,
    'resource', COALESCE(e.resource_id, c.kept_in_id, c.opens_id),
    'begins_at', {_instant("g.begins_at")}, 'ends_at', {_instant("g.ends_at")},
    'app_approval', g.app_approval_id, 'approval', g.approval_id) || given.more"""

#: The rows themselves; the benchmark writes the same ones plainly.
ROWS_OF_GRANTS = f"""
SELECT %(campaign)s AS campaign_id, g.id AS grant_id, NULL::bigint AS automation_id, %(reason)s AS reason, {_SNAPSHOT} AS snapshot,
    %(at)s AS opened_at, LEAST(%(deadline)s, given.by) AS deadline, {_GRACE.format(tier=_TIER)} AS grace_until,
    'open' AS state, '' AS outcome, false AS nobody
FROM unnest(%(keys)s::bigint[], %(more)s::jsonb[], %(by)s::timestamptz[]) given(id, more, by)
JOIN approvals_grant g ON g.id = given.id JOIN inventory_automation a ON a.id = g.automation_id
LEFT JOIN inventory_entitlement e ON e.id = g.entitlement_id LEFT JOIN inventory_resource r ON r.id = e.resource_id
LEFT JOIN inventory_credential c ON c.id = g.credential_id
{JOINED}
ORDER BY g.id"""  # noqa: S608  put together from pieces of its own

_ROWS_OF_AUTOMATIONS = f"""
SELECT %(campaign)s, NULL, a.id, %(reason)s,
    jsonb_build_object('tier', a.tier, 'automation', a.name, 'version', a.approved_version_id),
    %(at)s, %(deadline)s, {_GRACE.format(tier="a.tier")}, 'open', '', false
FROM unnest(%(keys)s::bigint[]) given(id) JOIN inventory_automation a ON a.id = given.id
ORDER BY a.id"""  # noqa: S608

_QUESTIONS = """INSERT INTO recertification_question
    (item_id, asks, reviewer_id, asked_at, ladder, asked_before, passed, remind_at)
SELECT item, asks, reviewer, %(at)s, ladder, '{}', 0, remind_at
FROM ROWS FROM (jsonb_to_recordset(%(rows)s::jsonb) AS (item bigint, asks text, reviewer bigint, ladder bigint[],
    remind_at timestamptz)) WITH ORDINALITY
ORDER BY ordinality ON CONFLICT DO NOTHING"""


def freeze_grants(step: Step[Campaign], size: int) -> Frozen:
    """Put the next grants that the campaign's scope names into it; each that is under review already is left to be joined.

    Args:
        step: the running operation on the campaign, which is locked.
        size: how many grants at most.
    """
    campaign = step.subject
    rows = Scope.of(campaign.scope).grants(step.now).filter(pk__gt=campaign.grants_to, pk__lte=campaign.grants_until)
    found = read(scope.reviewable(rows, grace_of(campaign.deadline)), size)
    if not found:
        return Frozen(0, (), None)
    made = _write(step, ROWS_OF_GRANTS, said_of(found, step.now), "grant_id")
    return Frozen(len(found), made, found[-1][0])


def freeze_automations(step: Step[Campaign], size: int) -> Frozen:
    """The same of automations."""
    campaign = step.subject
    rows = Scope.of(campaign.scope).automations(step.now)
    ahead = rows.filter(pk__gt=campaign.automations_to, pk__lte=campaign.automations_until).order_by("pk")
    found = list(ahead.values_list("pk", flat=True)[:size])
    if not found:
        return Frozen(0, (), None)
    made = _write(step, _ROWS_OF_AUTOMATIONS, {"keys": found}, "automation_id")
    return Frozen(len(found), made, found[-1])


def freeze_passed_over(step: Step[Campaign], size: int) -> tuple[Frozen, str]:
    """Put the next of what another campaign has let go into this one; returns what came of it, and of what.

    Args:
        step: the running operation on the campaign, which has come past all that it is about.
        size: how many grants or automations at most.
    """
    campaign = step.subject
    grants = scope.reviewable(campaign_queries.grants(campaign, step.now), grace_of(campaign.deadline))
    if found := read(grants, size):
        made = _write(step, ROWS_OF_GRANTS, said_of(found, step.now), "grant_id")
        return Frozen(len(found), made, found[-1][0]), "grants"
    rows = campaign_queries.automations(campaign, step.now).order_by("pk").values_list("pk", flat=True)
    keys_of = list(rows[:size])
    made = _write(step, _ROWS_OF_AUTOMATIONS, {"keys": keys_of}, "automation_id")
    return Frozen(len(keys_of), made, keys_of[-1] if keys_of else None), "automations"


def is_passed_over(campaign: Campaign, now: datetime) -> bool:
    """Whether there is any of that."""
    grants = scope.reviewable(campaign_queries.grants(campaign, now), grace_of(campaign.deadline))
    return grants.exists() or campaign_queries.automations(campaign, now).exists()


def _write(step: Step[Campaign], rows: str, given: Mapping[str, Any], key: str) -> list[int]:
    """Insert items with their history; returns whose they are."""
    both = (
        f"WITH made AS ({COLUMNS} {rows} ON CONFLICT DO NOTHING RETURNING *), kept AS ({_copied(Item, 'made')})"  # noqa: S608
        f" SELECT {key} FROM made ORDER BY {key}"
    )
    with connection.cursor() as cursor:
        cursor.execute(both, {**about(step.subject, step.now), "why": step.why, "type": "+", **given})
        return [pk for (pk,) in cursor.fetchall()]


def about(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """What the statements say of each item alike."""
    return {
        "campaign": campaign.pk,
        "reason": AD_HOC,
        "at": now,
        "deadline": campaign.deadline,
        **grace_of(campaign.deadline),
    }


#: What is read of a grant to say whether it is drawn: key, tier, review date, end.
Named = tuple[int, str, date | None, datetime]


def read(rows: QuerySet[Any], size: int) -> list[Named]:
    """The next grants that a scope names, in order: one query."""
    return list(rows.order_by("pk").values_list("pk", "counted_tier_now", "review_on", "ends_at")[:size])


def said_of(found: Sequence[Named], now: datetime) -> dict[str, Any]:
    """What the statement is told of some grants: which, and beside that what only the code knows: whether one is drawn, and its conflicts."""
    key, conflicts = key_files.digest_key(), _conflicts([pk for pk, *_ in found])
    more: list[str] = []
    by: list[datetime | None] = []
    for pk, tier, review_on, ends_at in found:
        said: dict[str, Any] = {}
        if tier == "low" and sampling.falls_on(key, pk, sampling.period(review_on, ends_at)):
            said["drawn"] = True
        if own := conflicts.get(pk):
            said[conflict_reviews.ABOUT] = [conflict.pk for conflict in own]
        more.append(json.dumps(said) if said else "{}")
        by.append(conflict_reviews.resolve_by(own, now) if own else None)
    return {"keys": [pk for pk, *_ in found], "more": more, "by": by}


def _conflicts(grants: Sequence[int]) -> dict[int, list[Conflict]]:
    """By grant, the open conflicts of enforced rules in which it has a part (S6)."""
    wanted, by_grant = set(grants), dict[int, list[Conflict]]()
    for one in conflict_reviews.enforced():
        for pk in wanted.intersection(one.grants):
            by_grant.setdefault(pk, []).append(one)
    return by_grant


@dataclass(frozen=True)
class Unasked:
    """An item that nobody is asked about yet.

    Args:
        key: its own.
        automation: whose review it is.
        resource: on what it is held, or None.
        tier: as it was frozen.
        both: whether both questions are asked about it (S4).
        own_days: whether it is due by something else than its campaign: a conflict that is to be resolved (S6), an event that joined (R2).
        deadline, grace_until: as they stand.
    """

    key: int
    automation: int
    resource: int | None
    tier: str
    both: bool
    own_days: bool
    deadline: datetime
    grace_until: datetime


def unasked(campaign: Campaign, size: int) -> list[Unasked]:
    """The next items of a campaign that nobody was asked about, in order: one query."""
    rows = Item.objects.filter(campaign=campaign, pk__gt=campaign.asked_to).order_by("pk")
    named = rows.values_list(
        "pk",
        Coalesce("automation", "grant__automation"),
        Coalesce("grant__entitlement__resource", "grant__credential__kept_in", "grant__credential__opens"),
        F("grant"),
        F("snapshot__tier"),
        F("snapshot__drawn"),
        F(f"snapshot__{conflict_reviews.ABOUT}"),
        F("snapshot__joined"),
        "deadline",
        "grace_until",
    )[:size]
    return [
        Unasked(
            *(pk, automation, resource, tier, grant is not None and (tier != "low" or bool(drawn))),
            *(bool(conflicts or joined), deadline, grace_until),
        )
        for pk, automation, resource, grant, tier, drawn, conflicts, joined, deadline, grace_until in named
    ]


def put(step: Step[Any], rows: Iterable[Mapping[str, Any]]) -> int:
    """Put questions to people, each with its history: one statement; returns how many were not there before.

    Args:
        step: the running operation.
        rows: of each question item, asks, reviewer, ladder and remind_at, as JSON writes them.
    """
    both = (
        f"WITH made AS ({_QUESTIONS} RETURNING *), kept AS ({_copied(Question, 'made')})"  # noqa: S608
        " SELECT count(*) FROM made"
    )
    with connection.cursor() as cursor:
        given: dict[str, Any] = {"at": step.now, "why": step.why, "type": "+", "rows": json.dumps(list(rows))}
        cursor.execute(both, given)
        return int(cursor.fetchone()[0])


def nobody_for(step: Step[Any], items: Sequence[int]) -> None:
    """Note of some items that nobody can be asked about them, each with its history: two statements (A9).

    Locked first, so that the second sees what joined one meanwhile and put questions to people.
    """
    list(
        Item.objects.filter(pk__in=items).select_for_update(of=("self",), no_key=True).order_by("pk").values_list("pk")
    )
    said = """UPDATE recertification_item i SET nobody = true WHERE id = ANY(%(keys)s) AND NOT nobody
        AND NOT EXISTS (SELECT 1 FROM recertification_question q WHERE q.item_id = i.id) RETURNING *"""
    _change(step, said, {"keys": list(items)})


def due_otherwise(step: Step[Any], items: Mapping[int, tuple[datetime, datetime, datetime]]) -> None:
    """Have some items be due at another time than they were frozen with, each with its history: one statement (R1, H8).

    Args:
        step: the running operation.
        items: by key, the deadline that was read, the one that is to be, and when silence takes effect. What an event brought forward
            meanwhile stays as it is (R2).
    """
    said = """UPDATE recertification_item i SET deadline = given.deadline, grace_until = given.grace_until
        FROM unnest(%(keys)s::bigint[], %(read)s::timestamptz[], %(deadlines)s::timestamptz[], %(graces)s::timestamptz[])
            given(id, was, deadline, grace_until)
        WHERE i.id = given.id AND i.deadline = given.was RETURNING i.*"""
    columns = dict(zip(("read", "deadlines", "graces"), map(list, zip(*items.values(), strict=True)), strict=False))
    _change(step, said, {"keys": list(items), **columns})


def let_go(step: Step[Campaign], size: int) -> Frozen:
    """Close the next items of a campaign that was called off, and touch nothing that they are about, each with its history: one statement.

    Args:
        step: the running operation on the campaign, which is locked.
        size: how many items at most.
    """
    left = Item.objects.filter(cancelled_items.LET_GO, campaign=step.subject).order_by("pk")
    locked = list(left.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)[:size])
    found = list(left.filter(pk__in=locked).values_list("pk", flat=True))  # without what was joined while it waited
    said = """UPDATE recertification_item SET state = 'closed', outcome = 'called_off', closed_at = %(at)s, closes_at = NULL, nobody = false
        WHERE id = ANY(%(keys)s) RETURNING *"""
    _change(step, said, {"keys": found})
    return Frozen(len(found), found, found[-1] if found else None)


def _change(step: Step[Any], statement: str, given: Mapping[str, Any]) -> None:
    if not given["keys"]:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH made AS ({statement}) {_copied(Item, 'made')}",
            {"at": step.now, "why": step.why, "type": "~", **given},
        )


def last_keys() -> tuple[int, int]:
    """The last key of a grant and of an automation that there is: what comes after is not in the snapshot (R2)."""
    grant = Grant.objects.order_by("-pk").values_list("pk", flat=True).first()
    automation = Automation.objects.order_by("-pk").values_list("pk", flat=True).first()
    return grant or 0, automation or 0
