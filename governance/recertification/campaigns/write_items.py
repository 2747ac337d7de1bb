"""Write the items of an ad hoc campaign by INSERT … SELECT, each with its history row (R2, H1).

The operations in `campaigns/transitions.py` call it. They store the progress and write one ledger event for each call.
The code computes the sample draw, which needs the installation's key. The database copies everything else.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection, models
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from approvals.models import Conflict
from governance.core.database.grouping import grouped
from governance.core.engine.transition import Step
from governance.core.keys import key_files
from governance.recertification.campaigns import scope
from governance.recertification.campaigns.queries import grace_by_tier
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import context as item_context
from governance.recertification.items import review_triggers
from governance.recertification.models import Campaign, Item


def chunk_payload(made: Sequence[int]) -> dict[str, Any]:
    """Ledger payload of a chunk with these keys: count, first and last key, and a digest over all keys (H1)."""
    keys = ",".join(map(str, made))
    ends = {"first": made[0], "last": made[-1]} if made else {}
    return {"count": len(made), **ends, "digest": hashlib.sha256(keys.encode()).hexdigest()}


def _history_sql(model: type[models.Model], source: str) -> str:
    """SQL that writes a history row for each row of a source; placeholders: at, why, type."""
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
    """SQL for a column in the form of `ledger.instant`."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""


#: Snapshot of a grant, as `open_item.snapshot`; a test compares the two.
_SNAPSHOT = f"""jsonb_build_object('tier', {_TIER}, 'automation', a.name, 'version', a.approved_version_id,
    'what', g.sentence, 'scope', to_jsonb(g.scope), 'target', g.target, 'level', g.level,
    'data_class', CASE WHEN e.id IS NULL THEN '' ELSE ({_CLASSES})[GREATEST(
        array_position({_CLASSES}, COALESCE(NULLIF(e.data_class, ''), 'public')::text),
        array_position({_CLASSES}, COALESCE(NULLIF(r.data_class, ''), 'restricted')::text))] END,
    'resource', COALESCE(e.resource_id, c.kept_in_id, c.opens_id),
    'begins_at', {_instant("g.begins_at")}, 'ends_at', {_instant("g.ends_at")},
    'app_approval', g.app_approval_id, 'approval', g.approval_id) || given.more"""

#: Item rows of grants; the benchmark uses the same ones.
ROWS_OF_GRANTS = f"""
SELECT %(campaign)s AS campaign_id, g.id AS grant_id, NULL::bigint AS automation_id, %(reason)s AS reason, {_SNAPSHOT} AS snapshot,
    %(at)s AS opened_at, LEAST(%(deadline)s, given.by) AS deadline, {_GRACE.format(tier=_TIER)} AS grace_until,
    'open' AS state, '' AS outcome, false AS nobody
FROM unnest(%(keys)s::bigint[], %(more)s::jsonb[], %(by)s::timestamptz[]) given(id, more, by)
JOIN approvals_grant g ON g.id = given.id JOIN inventory_automation a ON a.id = g.automation_id
LEFT JOIN inventory_entitlement e ON e.id = g.entitlement_id LEFT JOIN inventory_resource r ON r.id = e.resource_id
LEFT JOIN inventory_credential c ON c.id = g.credential_id
ORDER BY g.id"""  # noqa: S608  put together from pieces of its own

_ROWS_OF_AUTOMATIONS = f"""
SELECT %(campaign)s, NULL, a.id, %(reason)s,
    jsonb_build_object('tier', a.tier, 'automation', a.name, 'version', a.approved_version_id),
    %(at)s, %(deadline)s, {_GRACE.format(tier="a.tier")}, 'open', '', false
FROM unnest(%(keys)s::bigint[]) given(id) JOIN inventory_automation a ON a.id = given.id
ORDER BY a.id"""  # noqa: S608


#: Keys of the next rows of a scope, and those of them with a new item; the others are already under review.
Frozen = tuple[Sequence[int], Sequence[int]]


def freeze_grants(step: Step[Campaign], size: int) -> Frozen:
    """Write items for the next grants of the campaign's scope; grants under review are left for joining.

    Args:
        step: the running operation on the campaign, which is locked.
        size: how many grants at most.
    """
    campaign = step.subject
    rows = Scope.from_json(campaign.scope).grants(step.now)
    ahead = rows.filter(pk__gt=campaign.grants_to, pk__lte=campaign.grants_until)
    grant_rows = load_grant_rows(scope.reviewable(ahead, grace_by_tier(campaign.deadline)), size)
    if not grant_rows:
        return (), ()
    given = grant_parameters(grant_rows, step.now)
    return given["keys"], _insert_items(step, ROWS_OF_GRANTS, given, "grant_id")


def freeze_automations(step: Step[Campaign], size: int) -> Frozen:
    """Write items for the next automations of the campaign's scope."""
    campaign = step.subject
    rows = Scope.from_json(campaign.scope).automations(step.now)
    ahead = rows.filter(pk__gt=campaign.automations_to, pk__lte=campaign.automations_until).order_by("pk")
    keys = list(ahead.values_list("pk", flat=True)[:size])
    return keys, _insert_items(step, _ROWS_OF_AUTOMATIONS, {"keys": keys}, "automation_id") if keys else ()


def _insert_items(step: Step[Campaign], rows: str, given: Mapping[str, Any], key: str) -> list[int]:
    """Insert items with their history; return the keys of their grants or automations."""
    both = (
        f"WITH made AS ({COLUMNS} {rows} ON CONFLICT DO NOTHING RETURNING *), kept AS ({_history_sql(Item, 'made')})"  # noqa: S608
        f" SELECT {key} FROM made ORDER BY {key}"
    )
    with connection.cursor() as cursor:
        same = item_parameters(step.subject, step.now)
        cursor.execute(both, {**same, "why": step.history_text, "type": "+", **given})
        return [pk for (pk,) in cursor.fetchall()]


def item_parameters(campaign: Campaign, now: datetime) -> dict[str, Any]:
    """Statement parameters that are the same for all items of a campaign."""
    same = {"campaign": campaign.pk, "reason": review_triggers.AD_HOC, "at": now, "deadline": campaign.deadline}
    return {**same, **grace_by_tier(campaign.deadline)}


#: Columns of a grant for the sample draw: key, tier, review date, end.
GrantRow = tuple[int, str, date | None, datetime]


def load_grant_rows(rows: QuerySet[Any], size: int) -> list[GrantRow]:
    """Read the next grants of a scope, in order. One query."""
    return list(rows.order_by("pk").values_list("pk", "tier_now", "review_on", "ends_at")[:size])


def grant_parameters(grant_rows: Sequence[GrantRow], now: datetime) -> dict[str, Any]:
    """Statement parameters for some grants: keys, sample draw and open conflicts."""
    key, conflicts = key_files.digest_key(), _conflicts([pk for pk, *_ in grant_rows])
    more: list[str] = []
    by: list[datetime | None] = []
    for pk, tier, review_on, ends_at in grant_rows:
        details: dict[str, Any] = {}
        if tier == "low" and item_context.is_in_sample(key, pk, item_context.sample_period(review_on, ends_at)):
            details["drawn"] = True
        if pk in conflicts:
            details[review_triggers.CONFLICTS_KEY] = [conflict.pk for conflict in conflicts[pk]]
        more.append(json.dumps(details))
        by.append(review_triggers.resolve_by(conflicts.get(pk, []), now))
    return {"keys": [pk for pk, *_ in grant_rows], "more": more, "by": by}


def _conflicts(grants: Sequence[int]) -> dict[int, list[Conflict]]:
    """Open conflicts of enforced rules by grant (S6)."""
    wanted, conflicts = set(grants), review_triggers.enforced_conflicts()
    return grouped((pk, conflict) for conflict in conflicts for pk in wanted.intersection(conflict.grants))


def lock_unassigned(campaign: Campaign, size: int) -> list[Any]:
    """Lock the campaign's next items without questions, in order, each with its automation ``of`` and resource ``on``."""
    rows = Item.objects.filter(campaign=campaign, pk__gt=campaign.asked_to).annotate(
        of=Coalesce("automation", "grant__automation"),
        on=Coalesce("grant__entitlement__resource", "grant__credential__kept_in", "grant__credential__opens"),
    )
    return list(rows.select_for_update(of=("self",), no_key=True).order_by("pk")[:size])
