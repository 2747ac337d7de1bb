"""Whom a rule would catch by any version that there is, held, asked or only written down: less is asked of these where it is loosened (S6, S8).

A scan (`scanning`) says so of what is held, and a check (`finding`) of one version. This asks of all versions at once, of rules in force, with what others
hold beside each: as sets, a query a scope. It says no less than a check would. Of a chain the newest version of each automation is asked, where that is not
in force: what is, is in an open conflict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from approvals.conflicts.scanning import held_by, parameters
from approvals.conflicts.standing import Standing
from approvals.models.conflict import WITHOUT, Scope
from inventory import chains
from inventory.risk import ENVIRONMENT_ORDER, POWER


def _place(order: Sequence[str], *values: str) -> str:
    """SQL: the place of the highest of some values in an order, from 0; none where none of them is in it."""
    places = (f"array_position(ARRAY{list(order)}, {value}::text)" for value in values)
    return f"GREATEST({', '.join(places)}) - 1"


#: In which way a version holds something, as a number (`holding.way_of`); what is not known counts where nothing else is.
_LEVEL = _place(POWER, "NULLIF(p.level, 'unknown')", "NULLIF(e.level, 'unknown')")
_WAY = f"""
    (((COALESCE({_LEVEL}, {POWER.index("unknown")})) * 2 + p.model_controlled::int) * 2 + p.opaque::int) * {len(ENVIRONMENT_ORDER)}
    + {_place(ENVIRONMENT_ORDER, "o.environment", "r.environment")}
"""
#: What fills a leg in a version: rule, leg, automation, version, and what it is there.
_OWN = f"""
    SELECT m.rule_id, m.leg, v.automation_id, v.id AS version_id, p.key
    FROM approvals_conflictmember m
    JOIN inventory_privilege p ON p.entitlement_id = m.entitlement_id
    JOIN inventory_entitlement e ON e.id = p.entitlement_id JOIN inventory_resource r ON r.id = e.resource_id
    JOIN inventory_version v ON v.id = p.version_id JOIN inventory_automation o ON o.id = v.automation_id
    WHERE m.rule_id = ANY(%(rules)s) AND o.state <> 'retired' AND (m.mask >> ({_WAY})::int) & 1 = 1
    UNION ALL
    SELECT w.rule_id, w.leg, v.automation_id, v.id, 'trigger:' || t.type || ':' || t.at
    FROM unnest(%(entry_rules)s::bigint[], %(entry_legs)s::smallint[], %(entry_types)s::text[]) w (rule_id, leg, type)
    JOIN inventory_trigger t ON t.type = w.type AND t.active AND NOT t.authenticated
    JOIN inventory_version v ON v.id = t.version_id JOIN inventory_automation o ON o.id = v.automation_id
    WHERE o.state <> 'retired'
    UNION ALL
    SELECT w.rule_id, w.leg, v.automation_id, v.id, 'identity'
    FROM unnest(%(identity_rules)s::bigint[], %(identity_legs)s::smallint[]) w (rule_id, leg)
    CROSS JOIN inventory_version v JOIN inventory_automation o ON o.id = v.automation_id
    WHERE o.state <> 'retired' AND EXISTS (SELECT 1 FROM inventory_versionidentity i WHERE i.version_id = v.id)
"""  # noqa: S608  constants of ours
#: By scope, what a version is asked together with: how that is called, and what is joined to a version ``h`` of an automation ``a`` for it.
_SUBJECTS = {
    Scope.AUTOMATION: ("h.automation_id", ""),
    Scope.OWNER: ("a.business_owner_id", ""),
    Scope.TEAM: ("a.team_id", ""),
    Scope.IDENTITY: ("i.identity_id", "JOIN inventory_versionidentity i ON i.version_id = h.version_id"),
}
_WANTED = "unnest(%(rules)s::bigint[], %(wanted)s::int[]) w (rule_id, wanted)"


def caught_by_any_version(rules: Sequence[Standing], now: datetime) -> set[int]:
    """Ids of the automations that some rules would catch by a version of theirs, whatever became of it.

    Args:
        rules: in force, so that what fills their legs is worked out.
        now: business time.
    """
    found = set[int]()
    for scope in Scope:
        asked = [one for one in rules if one.rule.scope == scope]
        if asked:
            found |= _in_chains(asked, now) if scope == Scope.CHAIN else _caught(scope, asked, now)
    return found


def _caught(scope: str, rules: Sequence[Standing], now: datetime) -> set[int]:
    subject, join = _SUBJECTS[Scope(scope)]
    beside = held_by(scope) if scope != Scope.AUTOMATION else _NOBODY
    statement = f"""
        WITH own AS ({_OWN}),
        ours AS (
            SELECT h.rule_id, h.version_id, h.automation_id, {subject} AS subject, bit_or(1 << h.leg) AS legs
            FROM own h JOIN inventory_automation a ON a.id = h.automation_id {join}
            WHERE {subject} IS NOT NULL GROUP BY 1, 2, 3, 4 HAVING bit_or(1 << h.leg) > {1 << WITHOUT}
        ),
        keyed AS ({beside}),
        theirs AS (SELECT k.rule_id, k.subject, k.automation_id, bit_or(1 << k.leg) AS legs FROM keyed k GROUP BY 1, 2, 3)
        SELECT DISTINCT o.automation_id FROM (
            SELECT o.rule_id, o.automation_id, o.legs | COALESCE(bit_or(t.legs), 0) AS legs
            FROM ours o LEFT JOIN theirs t
                ON t.rule_id = o.rule_id AND t.subject = o.subject AND t.automation_id <> o.automation_id
            GROUP BY o.rule_id, o.version_id, o.automation_id, o.subject, o.legs
        ) o JOIN {_WANTED} ON w.rule_id = o.rule_id AND w.wanted = o.legs
    """  # noqa: S608  put together from pieces of its own
    return {pk for (pk,) in _rows(statement, rules, now)}


_NOBODY = "SELECT NULL::bigint AS rule_id, NULL::bigint AS subject, NULL::bigint AS automation_id, 0 AS leg WHERE false"


def _in_chains(rules: Sequence[Standing], now: datetime) -> set[int]:
    """The same of chains, in which the newest versions would stand that are not in force (A16)."""
    newest = "SELECT max(n.id) FROM inventory_version n WHERE n.automation_id = h.automation_id"
    statement = f"""
        WITH own AS ({_OWN})
        SELECT h.rule_id, h.version_id, h.automation_id, bit_or(1 << h.leg)
        FROM own h JOIN inventory_automation a ON a.id = h.automation_id
        WHERE h.version_id = ({newest}) AND h.version_id IS DISTINCT FROM a.approved_version_id GROUP BY 1, 2, 3 HAVING bit_or(1 << h.leg) > {1 << WITHOUT}
    """  # noqa: S608  put together from pieces of its own
    own = _rows(statement, rules, now)
    others = chains.others_with({version for _, version, _, _ in own}) if own else {}
    theirs: defaultdict[tuple[int, int], int] = defaultdict(int)
    held = f"WITH keyed AS ({held_by(Scope.AUTOMATION)}) SELECT k.rule_id, k.automation_id, bit_or(1 << k.leg) FROM keyed k GROUP BY 1, 2"  # noqa: S608
    for rule, automation, legs in _rows(held, rules, now) if any(others.values()) else ():
        theirs[rule, automation] = legs
    wanted = dict(zip(*(parameters(rules, now)[name] for name in ("rules", "wanted")), strict=True))
    found = set[int]()
    for rule, version, automation, legs in own:
        beside = [theirs[rule, other] for other in others[version] if (rule, other) in theirs]
        for more in beside:
            legs |= more
        if beside and legs == wanted[rule]:
            found.add(automation)
    return found


def _rows(statement: str, rules: Sequence[Standing], now: datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters(rules, now))
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
