"""Dry run of conflict rules: which automations and submissions a rule would catch (S6, S8).

`scan` looks at held access, and `check.automation` at one version. `automations_caught` looks at all versions at
once, with the access that others hold: sets, one query for each scope. It finds at least what a check finds. In a
chain it looks at the newest version of each automation, unless that version is in force; a version in force is already
in an open conflict.

`conflicts_of` checks submissions against proposed rules, with the access of others and with waivers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from approvals.conflicts import members, scan
from approvals.conflicts.check import automation as automation_check
from approvals.conflicts.check import submission
from approvals.conflicts.check.automation import FoundConflict
from approvals.conflicts.queries import StoredRule
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import Leg, Rule
from approvals.conflicts.scan import Conflicts, Members, Part, held_sql, sql_parameters
from approvals.models import ConflictRule, Submission, Waiver
from approvals.models.conflict import WITHOUT, Scope
from inventory.chains import queries as chain_queries
from inventory.risk.tiers import ENVIRONMENT_ORDER, POWER


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
    Scope.AUTOMATION: ("h.automation_id", ""),
    Scope.OWNER: ("a.business_owner_id", ""),
    Scope.TEAM: ("a.team_id", ""),
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
        if scope_rules:
            automation_ids |= (
                _caught_in_chains(scope_rules, now) if scope == Scope.CHAIN else _caught(scope, scope_rules, now)
            )
    return automation_ids


def _caught(scope: str, rules: Sequence[StoredRule], now: datetime) -> set[int]:
    subject, join = _SUBJECTS[Scope(scope)]
    others_sql = held_sql(scope) if scope != Scope.AUTOMATION else _NO_OTHERS
    statement = f"""
        WITH own AS ({_VERSION_MEMBERS}),
        ours AS (
            SELECT h.rule_id, h.version_id, h.automation_id, {subject} AS subject, bit_or(1 << h.leg) AS legs
            FROM own h JOIN inventory_automation a ON a.id = h.automation_id {join}
            WHERE {subject} IS NOT NULL GROUP BY 1, 2, 3, 4 HAVING bit_or(1 << h.leg) > {1 << WITHOUT}
        ),
        keyed AS ({others_sql}),
        theirs AS (SELECT k.rule_id, k.subject, k.automation_id, bit_or(1 << k.leg) AS legs FROM keyed k GROUP BY 1, 2, 3)
        SELECT DISTINCT o.automation_id FROM (
            SELECT o.rule_id, o.automation_id, o.legs | COALESCE(bit_or(t.legs), 0) AS legs
            FROM ours o LEFT JOIN theirs t
                ON t.rule_id = o.rule_id AND t.subject = o.subject AND t.automation_id <> o.automation_id
            GROUP BY o.rule_id, o.version_id, o.automation_id, o.subject, o.legs
        ) o JOIN {_WANTED} ON w.rule_id = o.rule_id AND w.wanted = o.legs
    """  # noqa: S608  built from constants of this module
    return {pk for (pk,) in _rows(statement, rules, now)}


_NO_OTHERS = (
    "SELECT NULL::bigint AS rule_id, NULL::bigint AS subject, NULL::bigint AS automation_id, 0 AS leg WHERE false"
)


def _caught_in_chains(rules: Sequence[StoredRule], now: datetime) -> set[int]:
    """Return the same for chains, with the newest versions that are not in force (A16)."""
    newest = "SELECT max(n.id) FROM inventory_version n WHERE n.automation_id = h.automation_id"
    statement = f"""
        WITH own AS ({_VERSION_MEMBERS})
        SELECT h.rule_id, h.version_id, h.automation_id, bit_or(1 << h.leg)
        FROM own h JOIN inventory_automation a ON a.id = h.automation_id
        WHERE h.version_id = ({newest}) AND h.version_id IS DISTINCT FROM a.approved_version_id GROUP BY 1, 2, 3 HAVING bit_or(1 << h.leg) > {1 << WITHOUT}
    """  # noqa: S608  built from constants of this module
    rows = _rows(statement, rules, now)
    others_by_version = chain_queries.others_with({version for _, version, _, _ in rows}) if rows else {}
    held_legs: defaultdict[tuple[int, int], int] = defaultdict(int)
    held = f"WITH keyed AS ({held_sql(Scope.AUTOMATION)}) SELECT k.rule_id, k.automation_id, bit_or(1 << k.leg) FROM keyed k GROUP BY 1, 2"  # noqa: S608
    for rule, automation, legs in _rows(held, rules, now) if any(others_by_version.values()) else ():
        held_legs[rule, automation] = legs
    wanted = dict(zip(*(sql_parameters(rules, now)[name] for name in ("rules", "wanted")), strict=True))
    automation_ids = set[int]()
    for rule, version, automation, legs in rows:
        other_legs = [held_legs[rule, other] for other in others_by_version[version] if (rule, other) in held_legs]
        for more in other_legs:
            legs |= more
        if other_legs and legs == wanted[rule]:
            automation_ids.add(automation)
    return automation_ids


def _rows(statement: str, rules: Sequence[StoredRule], now: datetime) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, sql_parameters(rules, now))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


#: The meaning of a rule, without its name and mode: its scope and the selectors of its legs.
Meaning = tuple[str, tuple[Any, ...], Any, Any]


@dataclass
class HoldingsCache:
    """Cache for counts over many submissions: the access that subjects of rules hold.

    Args:
        read: by meaning of a rule, the subjects that were read. Rules in one batch share one set.
        held: by meaning of a rule, the parts that were read, by subject.
    """

    read: dict[Meaning, frozenset[int]] = field(default_factory=dict)
    held: dict[Meaning, dict[int, list[Part]]] = field(default_factory=dict)


def conflicts_of(
    submissions: Sequence[Submission], now: datetime, *rule_sets: Iterable[Mapping[str, Any]], cache: HoldingsCache
) -> list[list[list[FoundConflict]]]:
    """For each set of rules, find the conflicts of each submission as if the rules were in force.

    The number of queries is fixed.

    A conflict names only as much of others' access as makes it a conflict, or all of it if a waiver has to cover it.

    Args:
        submissions: the submissions whose versions are checked.
        now: business time; others' access and waivers count as of this instant.
        rule_sets: the documents of each set of rules.
        cache: access that was read for earlier submissions, at about the same instant.
    """
    sets = [
        [_unsaved_rule(number, document) for number, document in enumerate(documents, 1)] for documents in rule_sets
    ]
    stored_rules = [stored for rule_set in sets for stored in rule_set]
    waivers = _waivers(stored_rules, now)
    cases = submission.current_cases(submissions, stored_rules)
    other_holdings = _OtherHoldings(cache, {waiver.rule_digest for waiver in waivers})
    return [
        automation_check.find_all_conflicts(cases, now, rule_set, waivers, other_holdings)
        if rule_set
        else [[] for _ in cases]
        for rule_set in sets
    ]


def _unsaved_rule(number: int, document: Mapping[str, Any]) -> StoredRule:
    """Return a rule that has no stored version. Its key is negative, so no row has the same key."""
    rule = rule_language_rule.parse_rule(document)
    columns = {name: getattr(rule, name) for name in ("code", "digest", "title", "process", "rating", "mode", "scope")}
    return StoredRule(ConflictRule(pk=-number, **columns), rule)


def _waivers(rules: Sequence[StoredRule], now: datetime) -> list[Waiver]:
    """Return the waivers that can lift a conflict of these rules, latest end first.

    A waiver counts for one digest of a rule (S7).
    """
    digests = {stored.version.digest for stored in rules}
    return list(Waiver.objects.live(now).filter(rule_digest__in=digests).order_by("-ends_at")) if digests else []


def _meaning(rule: Rule) -> Meaning:
    def of(leg: Leg | None) -> Any:
        return leg.any if leg is not None else None

    return rule.scope, tuple(map(of, rule.legs)), of(rule.without), of(rule.needs)


class _OtherHoldings:
    """The access that others hold, for rules without stored leg members; see `check.cases.Beside`.

    Chains depend on the submission, and a waiver needs all access of others, which is too much to keep. The cache of
    both lasts for one call only.

    Args:
        cache: access that was read before.
        waived: digests of the rules that a waiver may cover. For these, all access of others is read.
    """

    def __init__(self, cache: HoldingsCache, waived: set[str]) -> None:
        self.known, self.waived, self.whole = cache, waived, HoldingsCache()

    def __call__(self, rules: Sequence[StoredRule], subjects: Members, now: datetime) -> Conflicts:
        batches: dict[tuple[str, bool, frozenset[int]], list[StoredRule]] = {}
        for stored in rules:
            read = self._place(stored).read.get(_meaning(stored.rule), frozenset())
            batches.setdefault((stored.rule.scope, self._is_whole(stored), read), []).append(stored)
        for (scope, is_whole, read), batch in batches.items():
            if unread := [pair for pair in subjects.get(scope, ()) if pair[0] not in read]:
                self._read(scope, batch, unread, now, few=not is_whole)
                read |= {subject for subject, _ in unread}
                for stored in batch:
                    self._place(stored).read[_meaning(stored.rule)] = read
        return {
            (stored.version.pk, subject): kept[subject]
            for stored in rules
            for kept in (self._place(stored).held.get(_meaning(stored.rule), {}),)
            for subject, _ in subjects.get(stored.rule.scope, ())
            if subject in kept
        }

    def _is_whole(self, stored: StoredRule) -> bool:
        return stored.version.digest in self.waived or stored.rule.scope == Scope.CHAIN

    def _place(self, stored: StoredRule) -> HoldingsCache:
        return self.whole if self._is_whole(stored) else self.known

    def _read(
        self, scope: str, rules: Sequence[StoredRule], subjects: Sequence[tuple[int, int]], now: datetime, *, few: bool
    ) -> None:
        filled = members.compute_fills(rules, scan.entitlements_of_subjects(scope, subjects, now))
        meanings = {stored.version.pk: (self._place(stored), _meaning(stored.rule)) for stored in rules}
        for (rule, subject), parts in scan.read_unsaved_holdings(scope, rules, subjects, now, filled, few=few).items():
            place, meaning = meanings[rule]
            place.held.setdefault(meaning, {})[subject] = parts
