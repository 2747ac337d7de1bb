"""Scan all held access against every rule, as sets in the database (S6). `check.find_conflicts` checks one automation.

A grant counts until it ends or its term is over. A grant that a conflict has suspended does not count. No suspended
grant counts for `without`. Access without a grant (an open trigger, an identity) counts while its version is the
approved one. An identity does not count while a conflict suspends all grants of its automation.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from approvals.conflicts.held_access import RUNS_AS, held_at
from approvals.conflicts.queries import StoredRule
from approvals.conflicts.rule_language.rule import WITHOUT, Rule, legs_of
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import ConflictMember
from approvals.models.conflict_rule import Scope
from inventory.models import Trigger

#: By scope: the SQL column of the subject, and the join that it needs to an automation ``a``.
SUBJECTS: Mapping[str, tuple[str, str]] = {
    Scope.AUTOMATION: ("h.automation_id", ""),
    Scope.OWNER: ("a.business_owner_id", ""),
    Scope.TEAM: ("a.team_id", ""),
    Scope.IDENTITY: ("i.identity_id", "JOIN inventory_versionidentity i ON i.version_id = a.approved_version_id"),
    Scope.CHAIN: ("c.chain", "JOIN inventory_chainmember c ON c.automation_id = a.id"),
}

#: Everything that fills a leg: rule, leg, automation, and the grant or the trigger.
_HELD_TEMPLATE = f"""
    SELECT m.rule_id, m.leg, g.automation_id, g.id AS grant_id, g.key, g.level
    FROM {{members}}
    JOIN approvals_grant g ON g.entitlement_id = m.entitlement_id AND (m.mask >> g.held_as) & 1 = 1
    WHERE m.rule_id = ANY(%(rules)s) AND g.state <> 'ended' AND g.ends_at > %(now)s
        AND NOT g.in_conflict AND (m.leg <> {WITHOUT} OR g.state = 'active')
"""  # noqa: S608  a constant of ours
_HELD = _HELD_TEMPLATE.format(members="approvals_conflictmember m")
#: The same for rules that are not in force: their members are parameters.
_HELD_AS_GIVEN = _HELD_TEMPLATE.format(
    members="unnest(%(m_rule_id)s::bigint[], %(m_leg)s::int[], %(m_entitlement_id)s::bigint[], %(m_mask)s::bigint[])"
    " m (rule_id, leg, entitlement_id, mask)"
)
_ENTRIES = """
    SELECT e.rule_id, e.leg, o.id AS automation_id, NULL::bigint AS grant_id, left('trigger:' || t.type || ':' || t.at, 80) AS key,
        '' AS level
    FROM unnest(%(entry_rules)s::bigint[], %(entry_legs)s::smallint[], %(entry_types)s::text[]) e (rule_id, leg, type)
    CROSS JOIN inventory_automation o
    JOIN inventory_trigger t ON t.version_id = o.approved_version_id AND t.type = e.type AND t.active AND NOT t.authenticated
    WHERE o.state <> 'retired'
"""
_IDENTITIES = f"""
    SELECT e.rule_id, e.leg, o.id AS automation_id, NULL::bigint AS grant_id, '{RUNS_AS}' AS key, '' AS level
    FROM unnest(%(identity_rules)s::bigint[], %(identity_legs)s::smallint[]) e (rule_id, leg)
    CROSS JOIN inventory_automation o
    WHERE o.state <> 'retired' AND EXISTS (SELECT 1 FROM inventory_versionidentity v WHERE v.version_id = o.approved_version_id)
        AND (NOT EXISTS (SELECT 1 FROM approvals_grant g WHERE g.automation_id = o.id AND g.state = 'suspended' AND g.in_conflict)
            OR EXISTS (SELECT 1 FROM approvals_grant g WHERE g.automation_id = o.id AND g.state <> 'ended'
                       AND g.ends_at > %(now)s AND NOT g.in_conflict))
"""  # noqa: S608  constants of ours


@dataclass(frozen=True)
class Part:
    """One access that is part of a conflict.

    Args:
        leg: the leg that it fills.
        automation: id of the automation that holds it.
        grant: id of its grant; None for an open trigger or an identity.
        key: its key in the automation.
        level: the level of the grant; empty without a grant.
    """

    leg: int
    automation: int
    grant: int | None
    key: str
    level: str

    @property
    def covered_as(self) -> str:
        """The key under which a waiver names it."""
        return f"{self.automation}/{self.key}"

    @property
    def held(self) -> str:
        """The key with its level, as an extra approval names it."""
        return held_at(self.covered_as, self.level)


#: By rule (the id of its version) and subject: all parts of the conflict.
Conflicts = dict[tuple[int, int], list[Part]]


def scan(rules: Sequence[StoredRule], now: datetime, leg_members: Iterable[ConflictMember] | None = None) -> Conflicts:
    """Return every conflict in the access that is held at the instant ``now``.

    Args:
        rules: the rules to check.
        now: business time.
        leg_members: the members of rules that are not in force; None to read the stored ones.
    """
    held, member_arrays = _given_members(leg_members)
    conflicts: Conflicts = {}
    for scope in SUBJECTS:
        scope_rules = [stored for stored in rules if stored.rule.scope == scope]
        if scope_rules:
            _read_parts(conflicts, _scan_sql(scope, held), sql_parameters(scope_rules, now) | member_arrays)
    rule_by_id = {stored.version.pk: stored.rule for stored in rules}
    return {
        (rule, subject): parts
        for (rule, subject), parts in conflicts.items()
        if is_conflict(rule_by_id[rule], [(part.leg, part.covered_as) for part in parts])
    }


def is_conflict(rule: Rule, filled: Iterable[tuple[int, str]]) -> bool:
    """Return whether a subject's access is a conflict. A chain needs at least two automations.

    Args:
        rule: the rule.
        filled: numbers of legs, each with the key of an access that fills it: ``automation id/key``.
    """
    keys_by_leg: dict[int, set[str]] = {}
    for leg, key in filled:
        keys_by_leg.setdefault(leg, set()).add(key)
    automations = {key.partition("/")[0] for keys in keys_by_leg.values() for key in keys}
    return (rule.scope != Scope.CHAIN or len(automations) > 1) and rule.is_conflict(keys_by_leg)


#: By scope: pairs of a subject and an automation in it. Pairs are given for chains; for other scopes they are read.
Members = Mapping[str, Collection[tuple[int, int]]]


def read_holdings(
    rules: Sequence[StoredRule], members: Members, now: datetime, leg_members: Iterable[ConflictMember] | None = None
) -> Conflicts:
    """Return all access of some subjects that fills a leg of some rules, in conflict or not.

    At most one query for each scope.

    Args:
        rules: rules of wider scopes than one automation.
        members: the subjects by scope. For chains with each automation in it; for other scopes the automations are read.
        now: business time.
        leg_members: the members of rules that are not in force; None to read the stored ones.
    """
    held, member_arrays = _given_members(leg_members)
    holdings: Conflicts = {}
    for scope in SUBJECTS:
        scope_rules, subjects = [stored for stored in rules if stored.rule.scope == scope], members.get(scope, ())
        if scope_rules and subjects:
            ids = {"subjects": [subject for subject, _ in subjects], "members": [member for _, member in subjects]}
            _read_parts(holdings, _holdings_sql(scope, held), sql_parameters(scope_rules, now) | ids | member_arrays)
    return holdings


def _given_members(leg_members: Iterable[ConflictMember] | None) -> tuple[str, dict[str, list[int]]]:
    """Return the SQL of held access by given or stored members, and its parameters."""
    if leg_members is None:
        return _HELD, {}
    rows = list(leg_members)
    columns = ("rule_id", "leg", "entitlement_id", "mask")
    return _HELD_AS_GIVEN, {f"m_{name}": [getattr(row, name) for row in rows] for name in columns}


def _read_parts(conflicts: Conflicts, statement: str, parameters: Mapping[str, Any]) -> None:
    for rule, subject, *part in fetch(statement, parameters):
        conflicts.setdefault((rule, subject), []).append(Part(*part))


def fetch(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement; see `sql_parameters`."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def sql_parameters(rules: Sequence[StoredRule], now: datetime) -> dict[str, Any]:
    """Return SQL parameters of some rules: ids, the legs that make a conflict, and the legs filled without a grant."""
    ways_in, running = _open_triggers(rules), _legs_filled(rules, Held("", entry="identity"))
    return {
        "now": now,
        "rules": [stored.version.pk for stored in rules],
        # The legs that make a conflict, as bits: exactly these are filled, and `WITHOUT` is not.
        "wanted": [sum(1 << number for number, _ in legs_of(stored.rule) if number != WITHOUT) for stored in rules],
        "entry_rules": [rule for rule, _, _ in ways_in],
        "entry_legs": [leg for _, leg, _ in ways_in],
        "entry_types": [kind for _, _, kind in ways_in],
        "identity_rules": [rule for rule, _ in running],
        "identity_legs": [leg for _, leg in running],
    }


def _legs_filled(rules: Iterable[StoredRule], held: Held) -> list[tuple[int, int]]:
    """Return the legs that an access fills, each with its rule."""
    return [(stored.version.pk, leg) for stored in rules for leg, side in legs_of(stored.rule) if side.matches(held)]


def _open_triggers(rules: Sequence[StoredRule]) -> list[tuple[int, int, str]]:
    """Return rule, leg and type for each type of open trigger that fills a leg. A selector may match some types only."""
    if not any("open" in selector.entry for stored in rules for leg in stored.rule.sides for selector in leg.any):
        return []
    types = Trigger.objects.filter(active=True, authenticated=False).order_by().values_list("type", flat=True)
    return [
        (rule, leg, kind)
        for kind in types.distinct()
        for rule, leg in _legs_filled(rules, Held("", code=kind, entry="open"))
    ]


def held_sql(scope: str, held: str = _HELD) -> str:
    """SQL: all held access that fills a leg, with its subject in a scope."""
    subject, join = SUBJECTS[scope]
    automation = "" if scope == Scope.AUTOMATION else "JOIN inventory_automation a ON a.id = h.automation_id"
    held = f"{held} UNION ALL {_ENTRIES} UNION ALL {_IDENTITIES}"
    return f"SELECT h.*, {subject} AS subject FROM ({held}) h {automation} {join}"  # noqa: S608


def _scan_sql(scope: str, held: str) -> str:
    return f"""
        WITH keyed AS ({held_sql(scope, held)}),
        found AS (
            SELECT k.rule_id, k.subject FROM keyed k JOIN unnest(%(rules)s, %(wanted)s) w (rule_id, wanted) USING (rule_id)
            GROUP BY k.rule_id, k.subject, w.wanted HAVING bit_or(1 << k.leg) = w.wanted
        )
        SELECT k.rule_id, k.subject, k.leg, k.automation_id, k.grant_id, k.key, k.level FROM keyed k JOIN found USING (rule_id, subject)
        ORDER BY 1, 2, 3, 5, 6
    """  # noqa: S608  built from constants of this module


def _automations_sql(scope: str) -> str:
    """SQL: the automations of some subjects, each with its subject."""
    subject, join = SUBJECTS[scope]
    if scope == Scope.CHAIN:  # the chain as it would be
        return "SELECT member AS id, subject FROM unnest(%(subjects)s::bigint[], %(members)s::bigint[]) given (subject, member)"
    return f"SELECT a.id, {subject} AS subject FROM inventory_automation a {join} WHERE {subject} = ANY(%(subjects)s)"  # noqa: S608


def _holdings_sql(scope: str, held: str) -> str:
    return f"""
        WITH a AS ({_automations_sql(scope)})
        SELECT h.rule_id, a.subject, h.leg, h.automation_id, h.grant_id, h.key, h.level
        FROM a JOIN (
            {held} AND g.automation_id IN (SELECT id FROM a) UNION ALL {_ENTRIES} AND o.id IN (SELECT id FROM a)
            UNION ALL {_IDENTITIES} AND o.id IN (SELECT id FROM a)
        ) h ON h.automation_id = a.id
        ORDER BY 1, 2, 3, 5, 6
    """  # noqa: S608  built from constants of this module
