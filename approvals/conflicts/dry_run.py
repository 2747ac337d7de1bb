"""Dry run of conflict rules: which automations and submissions a rule would catch (S6, S8).

`scan` looks at held access, and `check.find_conflicts` at one version. `automations_caught` looks at all versions at
once, with the access that others hold: sets, one query for each scope. It finds at least what a check finds. In a
chain it looks at the newest version of each automation, unless that version is in force; a version in force is already
in an open conflict.

`conflicts_of` checks submissions against proposed rules, with the access of others and with waivers.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from approvals.conflicts import leg_members, scan
from approvals.conflicts.check import submission
from approvals.conflicts.check.find_conflicts import FoundConflict, find_all_conflicts
from approvals.conflicts.queries import StoredRule, build_version
from approvals.conflicts.rule_language.rule import WITHOUT, parse_rule
from approvals.models import Grant, Submission
from approvals.models.conflict_rule import Scope
from approvals.policies.facts import load_version_facts
from inventory.chains import queries as chain_queries
from inventory.models import Entitlement
from inventory.risk.levels import POWER
from inventory.risk.tiers import ENVIRONMENT_ORDER


def _highest_position(order: Sequence[str], *values: str) -> str:
    """SQL: the position of the highest of some values in an order, from 0.

    NULL if none of the values is in the order.
    """
    places = (f"array_position(ARRAY{list(order)}, {value}::text)" for value in values)
    return f"GREATEST({', '.join(places)}) - 1"


#: The way in which a version holds a privilege, as a number (`held_access.way_of`). An unknown level counts only if no level is known.
_LEVEL = _highest_position(POWER, "NULLIF(p.level, 'unknown')", "NULLIF(e.level, 'unknown')")
_WAY = f"""
    (((COALESCE({_LEVEL}, {POWER.index("unknown")})) * 2 + p.model_controlled::int) * 2 + p.opaque::int) * {len(ENVIRONMENT_ORDER)}
    + {_highest_position(ENVIRONMENT_ORDER, "o.environment", "r.environment")}
"""
#: Everything in a version that fills a leg: rule, leg, automation, version, key.
_VERSION_MEMBERS = f"""
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
#: By scope: the SQL column of the subject, and the join that it needs to a version ``h`` of an automation ``a``.
_SUBJECTS = {
    **scan.SUBJECTS,
    Scope.IDENTITY: ("i.identity_id", "JOIN inventory_versionidentity i ON i.version_id = h.version_id"),
}
_WANTED = "unnest(%(rules)s::bigint[], %(wanted)s::int[]) w (rule_id, wanted)"


def automations_caught(rules: Sequence[StoredRule], now: datetime) -> set[int]:
    """Return ids of the automations that some rules would catch by any of their versions, whatever its state.

    Args:
        rules: rules in force, whose leg members are stored.
        now: business time.
    """
    automation_ids = set[int]()
    for scope in Scope:
        scope_rules = [stored for stored in rules if stored.rule.scope == scope]
        if scope_rules and scope == Scope.CHAIN:
            automation_ids |= _caught_in_chains(scope_rules, now)
        elif scope_rules:
            automation_ids |= _caught(scope, scope_rules, now)
    return automation_ids


def _caught(scope: str, rules: Sequence[StoredRule], now: datetime) -> set[int]:
    subject, join = _SUBJECTS[scope]
    statement = f"""
        WITH own AS ({_VERSION_MEMBERS}),
        ours AS (
            SELECT h.rule_id, h.version_id, h.automation_id, {subject} AS subject, bit_or(1 << h.leg) AS legs
            FROM own h JOIN inventory_automation a ON a.id = h.automation_id {join}
            WHERE {subject} IS NOT NULL GROUP BY 1, 2, 3, 4 HAVING bit_or(1 << h.leg) > {1 << WITHOUT}
        ),
        keyed AS ({scan.held_sql(scope)}),
        theirs AS (SELECT k.rule_id, k.subject, k.automation_id, bit_or(1 << k.leg) AS legs FROM keyed k GROUP BY 1, 2, 3)
        SELECT DISTINCT o.automation_id FROM (
            SELECT o.rule_id, o.automation_id, o.legs | COALESCE(bit_or(t.legs), 0) AS legs
            FROM ours o LEFT JOIN theirs t
                ON t.rule_id = o.rule_id AND t.subject = o.subject AND t.automation_id <> o.automation_id
            GROUP BY o.rule_id, o.version_id, o.automation_id, o.subject, o.legs
        ) o JOIN {_WANTED} ON w.rule_id = o.rule_id AND w.wanted = o.legs
    """  # noqa: S608  built from constants of this module
    return {pk for (pk,) in scan.fetch(statement, scan.sql_parameters(rules, now))}


def _caught_in_chains(rules: Sequence[StoredRule], now: datetime) -> set[int]:
    """Return the same for chains, with the newest versions that are not in force (A16)."""
    newest = "SELECT max(n.id) FROM inventory_version n WHERE n.automation_id = h.automation_id"
    statement = f"""
        WITH own AS ({_VERSION_MEMBERS})
        SELECT h.rule_id, h.version_id, h.automation_id, bit_or(1 << h.leg)
        FROM own h JOIN inventory_automation a ON a.id = h.automation_id
        WHERE h.version_id = ({newest}) AND h.version_id IS DISTINCT FROM a.approved_version_id GROUP BY 1, 2, 3 HAVING bit_or(1 << h.leg) > {1 << WITHOUT}
    """  # noqa: S608  built from constants of this module
    parameters = scan.sql_parameters(rules, now)
    rows = scan.fetch(statement, parameters)
    others_by_version = chain_queries.others_with({version for _, version, _, _ in rows}) if rows else {}
    held = f"WITH keyed AS ({scan.held_sql(Scope.AUTOMATION)}) SELECT k.rule_id, k.automation_id, bit_or(1 << k.leg) FROM keyed k GROUP BY 1, 2"  # noqa: S608
    held_rows = scan.fetch(held, parameters) if any(others_by_version.values()) else ()
    held_legs = {(rule, automation): legs for rule, automation, legs in held_rows}
    wanted = dict(zip(parameters["rules"], parameters["wanted"], strict=True))
    automation_ids = set[int]()
    for rule, version, automation, legs in rows:
        other_legs = [held_legs[rule, other] for other in others_by_version[version] if (rule, other) in held_legs]
        for more in other_legs:
            legs |= more
        if other_legs and legs == wanted[rule]:
            automation_ids.add(automation)
    return automation_ids


def conflicts_of(
    submissions: Sequence[Submission], now: datetime, *documents: Mapping[str, Any] | None
) -> list[list[list[FoundConflict]]]:
    """For each rule, find the conflicts of each submission as if the rule were in force.

    The number of queries is fixed.

    Args:
        submissions: the submissions whose versions are checked.
        now: business time; others' access and waivers count as of this instant.
        documents: the document of each rule; None for no rule.
    """
    parsed = [parse_rule(document) if document is not None else None for document in documents]
    ids = range(-1, -len(parsed) - 1, -1)  # no row has a negative key
    rules = [StoredRule(build_version(rule, pk=pk), rule) for pk, rule in zip(ids, parsed, strict=True) if rule]
    facts = load_version_facts(submissions, now).values()
    cases = [conflicts.case for conflicts in submission.load_cases(facts, rules)]
    conflicts_by_case = find_all_conflicts(cases, now, rules, read_others=_read_holdings)
    return [
        [[conflict for conflict in conflicts if conflict.standing.version.pk == pk] for conflicts in conflicts_by_case]
        for pk in ids
    ]


def _read_holdings(rules: Sequence[StoredRule], subjects: scan.Members, now: datetime) -> scan.Conflicts:
    """Read the access of others for rules without stored members, which are computed here."""
    held = Entitlement.objects.filter(pk__in=Grant.objects.standing().values("entitlement")).select_related("resource")
    return scan.read_holdings(rules, subjects, now, leg_members.compute_members(rules, held))
