"""Whom a rule would catch by any version that there is, held, asked or only written down: less is asked of these where it is loosened (S6, S8).

A scan (`scan`) says so of what is held, and a check (`automation`) of one version. This asks of all versions at once, of rules in force, with what others
hold beside each: as sets, a query a scope. It says no less than a check would. Of a chain the newest version of each automation is asked, where that is not
in force: what is, is in an open conflict.

Rules that are not in force, asked as those are that are: with what others hold beside, and with waivers (S6, S8). To count whom they would catch.
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
from approvals.conflicts.check.automation import Found
from approvals.conflicts.queries import Standing
from approvals.conflicts.rule_language import rule as rule_language_rule
from approvals.conflicts.rule_language.rule import Leg, Rule
from approvals.conflicts.scan import Conflicts, Members, Part, held_by, parameters
from approvals.models import ConflictRule, Submission, Waiver
from approvals.models.conflict import WITHOUT, Scope
from inventory.chains import queries as chain_queries
from inventory.risk.tiers import ENVIRONMENT_ORDER, POWER


def _place(order: Sequence[str], *values: str) -> str:
    """SQL: the place of the highest of some values in an order, from 0; none where none of them is in it."""
    places = (f"array_position(ARRAY{list(order)}, {value}::text)" for value in values)
    return f"GREATEST({', '.join(places)}) - 1"


#: In which way a version holds something, as a number (`held_access.way_of`); what is not known counts where nothing else is.
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
    others = chain_queries.others_with({version for _, version, _, _ in own}) if own else {}
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


#: What a rule means, whatever it is called and does: its scope, and the selectors of its legs.
Meaning = tuple[str, tuple[Any, ...], Any, Any]


@dataclass
class Known:
    """What counting over many submissions has read once, of what whoever the rules look at holds.

    Args:
        read: by what a rule means, the subjects of whom it was read; rules that are asked together share one set.
        held: likewise, what was found, by the subject.
    """

    read: dict[Meaning, frozenset[int]] = field(default_factory=dict)
    held: dict[Meaning, dict[int, list[Part]]] = field(default_factory=dict)


def conflicts_of(
    submissions: Sequence[Submission], now: datetime, *rule_sets: Iterable[Mapping[str, Any]], known: Known
) -> list[list[list[Found]]]:
    """By each of some sets of rules, were it in force, whether each of some submissions is in conflict: a fixed number of queries, however many there are.

    Of what others hold beside, a conflict names as much as makes it one; all of it where a waiver has to cover that.

    Args:
        submissions: what their versions would hold is asked.
        now: when; what others hold and what is waived is asked of that instant.
        rule_sets: the documents of each.
        known: what was read for submissions before these, about the same instant.
    """
    sets = [[_standing(number, one) for number, one in enumerate(each, 1)] for each in rule_sets]
    every = [one for each in sets for one in each]
    waivers = _waivers(every, now)
    cases = submission.cases_now(submissions, every)
    beside = _Beside(known, {one.rule_digest for one in waivers})
    return [
        automation_check.find_all(cases, now, each, waivers, beside) if each else [[] for _ in cases] for each in sets
    ]


def _standing(number: int, document: Mapping[str, Any]) -> Standing:
    """A rule whose version is no row; it has a key of its own, which no row has."""
    rule = rule_language_rule.read(document)
    said = {name: getattr(rule, name) for name in ("code", "digest", "title", "process", "rating", "mode", "scope")}
    return Standing(ConflictRule(pk=-number, **said), rule)


def _waivers(every: Sequence[Standing], now: datetime) -> list[Waiver]:
    """Those that can lift a conflict of such rules, the longest first: each was given for a rule as it is said there (S7)."""
    digests = {one.version.digest for one in every}
    return list(Waiver.objects.live(now).filter(rule_digest__in=digests).order_by("-ends_at")) if digests else []


def _meaning(rule: Rule) -> Meaning:
    def of(leg: Leg | None) -> Any:
        return leg.any if leg is not None else None

    return rule.scope, tuple(map(of, rule.legs)), of(rule.without), of(rule.needs)


class _Beside:
    """What others hold of what rules mean that nobody has worked out against the register; see `finding.Beside`.

    Who stands in a chain follows from what is submitted, and all of what is held is too much to be kept: either is read for a few submissions alone.

    Args:
        known: what was read before.
        waived: digests of the rules of which a waiver may cover what is found: of these all of it counts.
    """

    def __init__(self, known: Known, waived: set[str]) -> None:
        self.known, self.waived, self.whole = known, waived, Known()

    def __call__(self, rules: Sequence[Standing], subjects: Members, now: datetime) -> Conflicts:
        asked: dict[tuple[str, bool, frozenset[int]], list[Standing]] = {}
        for one in rules:
            read = self._place(one).read.get(_meaning(one.rule), frozenset())
            asked.setdefault((one.rule.scope, self._is_whole(one), read), []).append(one)
        for (scope, is_whole, read), those in asked.items():
            if left := [pair for pair in subjects.get(scope, ()) if pair[0] not in read]:
                self._read(scope, those, left, now, few=not is_whole)
                read |= {subject for subject, _ in left}
                for one in those:
                    self._place(one).read[_meaning(one.rule)] = read
        return {
            (one.version.pk, subject): kept[subject]
            for one in rules
            for kept in (self._place(one).held.get(_meaning(one.rule), {}),)
            for subject, _ in subjects.get(one.rule.scope, ())
            if subject in kept
        }

    def _is_whole(self, one: Standing) -> bool:
        return one.version.digest in self.waived or one.rule.scope == Scope.CHAIN

    def _place(self, one: Standing) -> Known:
        return self.whole if self._is_whole(one) else self.known

    def _read(
        self, scope: str, those: Sequence[Standing], left: Sequence[tuple[int, int]], now: datetime, *, few: bool
    ) -> None:
        filled = members.filled_by(those, scan.held_beside(scope, left, now))
        meanings = {one.version.pk: (self._place(one), _meaning(one.rule)) for one in those}
        for (rule, subject), parts in scan.beside_as_given(scope, those, left, now, filled, few=few).items():
            place, meaning = meanings[rule]
            place.held.setdefault(meaning, {})[subject] = parts
