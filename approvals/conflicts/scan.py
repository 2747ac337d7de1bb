"""Everything that is held, against every rule, asked of the database as sets (S6). What one automation would hold: `automation`.

A grant counts until it has ended or its term is over; what a conflict itself has taken out of force counts no more, and nothing that is suspended
is proof that what has to be there too is there. What is held without a grant, an open way in or an identity, counts while the version that has it is the approved
one; an identity not while a conflict has suspended all that is held as it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from approvals.conflicts import held_access
from approvals.conflicts.held_access import RUNS_AS, entries, legs_of, wanted
from approvals.conflicts.queries import Standing
from approvals.conflicts.rule_language.rule import are_distinct
from approvals.conflicts.rule_language.selectors import Held
from approvals.models.conflict import NEEDS, WITHOUT, Scope
from inventory.models import Trigger

#: By scope: how the subject is called in SQL, and what is joined to an automation ``a`` for it.
SUBJECTS: Mapping[str, tuple[str, str]] = {
    Scope.AUTOMATION: ("h.automation_id", ""),
    Scope.OWNER: ("a.business_owner_id", ""),
    Scope.TEAM: ("a.team_id", ""),
    Scope.IDENTITY: (
        "i.identity_id",
        "JOIN inventory_versionidentity i ON i.version_id = a.approved_version_id",
    ),
    Scope.CHAIN: ("c.chain", "JOIN inventory_chainmember c ON c.automation_id = a.id"),
}

#: What fills a leg: rule, leg, automation, and the grant or else the trigger.
_HELD_OF = f"""
    SELECT m.rule_id, m.leg, g.automation_id, g.id AS grant_id, g.key, g.held_as
    FROM {{members}}
    JOIN approvals_grant g ON g.entitlement_id = m.entitlement_id AND (m.mask >> g.held_as) & 1 = 1
    WHERE m.rule_id = ANY(%(rules)s) AND g.state <> 'ended' AND g.ends_at > %(now)s
        AND NOT g.in_conflict AND (m.leg <> {WITHOUT} OR g.state = 'active')
"""  # noqa: S608  a constant of ours
_HELD = _HELD_OF.format(members="approvals_conflictmember m")
#: The same of rules that are not in force: what fills their legs is given.
_HELD_AS_GIVEN = _HELD_OF.format(
    members="unnest(%(m_rules)s::bigint[], %(m_legs)s::int[], %(m_entitlements)s::bigint[], %(m_masks)s::bigint[])"
    " m (rule_id, leg, entitlement_id, mask)"
)
_ENTRIES = """
    SELECT e.rule_id, e.leg, o.id AS automation_id, NULL::bigint AS grant_id, left('trigger:' || t.type || ':' || t.at, 80) AS key,
        NULL::smallint AS held_as
    FROM unnest(%(entry_rules)s::bigint[], %(entry_legs)s::smallint[], %(entry_types)s::text[]) e (rule_id, leg, type)
    CROSS JOIN inventory_automation o
    JOIN inventory_trigger t ON t.version_id = o.approved_version_id AND t.type = e.type AND t.active AND NOT t.authenticated
    WHERE o.state <> 'retired'
"""
_IDENTITIES = f"""
    SELECT e.rule_id, e.leg, o.id AS automation_id, NULL::bigint AS grant_id, '{RUNS_AS}' AS key, NULL::smallint AS held_as
    FROM unnest(%(identity_rules)s::bigint[], %(identity_legs)s::smallint[]) e (rule_id, leg)
    CROSS JOIN inventory_automation o
    WHERE o.state <> 'retired' AND EXISTS (SELECT 1 FROM inventory_versionidentity v WHERE v.version_id = o.approved_version_id)
        AND (NOT EXISTS (SELECT 1 FROM approvals_grant g WHERE g.automation_id = o.id AND g.state = 'suspended' AND g.in_conflict)
            OR EXISTS (SELECT 1 FROM approvals_grant g WHERE g.automation_id = o.id AND g.state <> 'ended'
                       AND g.ends_at > %(now)s AND NOT g.in_conflict))
"""  # noqa: S608  constants of ours


@dataclass(frozen=True)
class Part:
    """One thing that has a part in a conflict.

    Args:
        leg: which it fills.
        automation: who holds it.
        grant: by which grant; None for an open way in, or an identity.
        key: what it is there.
        way: how it is held by that grant (`holding.WAYS`).
    """

    leg: int
    automation: int
    grant: int | None
    key: str
    way: int | None = None

    @property
    def held(self) -> str:
        """How it is held, as a waiver names it."""
        return held_access.of_way(self.covered_as, self.way)

    @property
    def covered_as(self) -> str:
        """How a waiver names it."""
        return f"{self.automation}/{self.key}"


#: By rule (the id of its version) and subject: all that has a part in it.
Conflicts = dict[tuple[int, int], list[Part]]


def scan(rules: Sequence[Standing], now: datetime) -> Conflicts:
    """Every conflict in what is held at the instant ``now``.

    Args:
        rules: those to look for; what fills their legs is read from `ConflictMember`.
        now: business time.
    """
    found: Conflicts = {}
    for scope in SUBJECTS:
        asked = [one for one in rules if one.rule.scope == scope]
        if asked:
            _read(found, _scan_of(scope), parameters(asked, now))
    scopes = {one.version.pk: one.rule.scope for one in rules}
    return {
        (rule, subject): parts
        for (rule, subject), parts in found.items()
        if are_distinct(_by_leg(parts)) and spans(scopes[rule], {part.automation for part in parts})
    }


def spans(scope: str, automations: Collection[Any]) -> bool:
    """Whether those who have a part are what a rule of this scope is about: of a chain, two at least; one alone is an automation's."""
    return scope != Scope.CHAIN or len(automations) > 1


def _by_leg(parts: Sequence[Part]) -> list[set[str]]:
    legs: dict[int, set[str]] = {}
    for part in parts:
        if part.leg != NEEDS:
            legs.setdefault(part.leg, set()).add(part.covered_as)
    return list(legs.values())


#: Of a scope: each subject with the automations that it consists of, where these are given and not read.
Members = Mapping[str, Collection[tuple[int, int]]]


@dataclass(frozen=True)
class Fill:
    """What fills a leg of a rule that is not in force.

    Args:
        rule: its key.
        leg: by number.
        entitlements: ids.
        mask: in which ways each of these fills it (`held_access.mask_of`).
    """

    rule: int
    leg: int
    entitlements: Sequence[int]
    mask: int


def beside(rules: Sequence[Standing], members: Members, now: datetime) -> Conflicts:
    """All that some subjects hold of what some rules mean, whether or not it makes a conflict: a query a scope at most.

    Args:
        rules: all of them of wider scopes than one automation.
        members: the subjects, by scope; of chains with each automation in it, of the others with none: these are read.
        now: business time.
    """
    found: Conflicts = {}
    for scope in SUBJECTS:
        asked, given = [one for one in rules if one.rule.scope == scope], members.get(scope, ())
        if asked and given:
            _read(found, _beside_of(scope, _HELD), parameters(asked, now) | _pairs(given))
    return found


def beside_as_given(
    scope: str,
    rules: Sequence[Standing],
    members: Collection[tuple[int, int]],
    now: datetime,
    filled: Sequence[Fill],
    *,
    few: bool,
) -> Conflicts:
    """The same of rules of one scope that are not in force: one query.

    Args:
        scope: of all of them.
        rules: what others hold is asked of these.
        members: the subjects; see `beside`.
        now: business time.
        filled: what fills their legs.
        few: whether as much of it is enough as tells whether there is a conflict, whichever one automation is left out: a leg that twice as many
            things fill as a rule has legs, no more of one automation than there are legs, is filled by something else than whatever fills the others.
    """
    statement, legs = _beside_of(scope, _HELD_AS_GIVEN), max(len(one.rule.legs) for one in rules)
    given = {
        "m_rules": [one.rule for one in filled for _ in one.entitlements],
        "m_legs": [one.leg for one in filled for _ in one.entitlements],
        "m_entitlements": [entitlement for one in filled for entitlement in one.entitlements],
        "m_masks": [one.mask for one in filled for _ in one.entitlements],
    }
    found: Conflicts = {}
    _read(
        found,
        _FEW_OF.format(all=statement) if few else statement,
        parameters(rules, now) | _pairs(members) | given | {"most": legs},
    )
    return found


def held_beside(scope: str, members: Collection[tuple[int, int]], now: datetime) -> set[int]:
    """Ids of the entitlements that some subjects hold anything of: nothing else fills a leg there."""
    with connection.cursor() as cursor:
        cursor.execute(_entitlements_of(scope), _pairs(members) | {"now": now})
        return {pk for (pk,) in cursor.fetchall()}


def _pairs(members: Collection[tuple[int, int]]) -> dict[str, list[int]]:
    return {"subjects": [subject for subject, _ in members], "members": [member for _, member in members]}


def _read(found: Conflicts, statement: str, parameters: Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for rule, subject, *part in cursor.fetchall():
            found.setdefault((rule, subject), []).append(Part(*part))


def parameters(rules: Sequence[Standing], now: datetime) -> dict[str, Any]:
    """What statements of what is held ask of some rules: their ids, the legs that make a conflict, and what fills one without a grant."""
    ways_in, running = list(_ways_in(rules)), _filled_by_running(rules)
    return {
        "now": now,
        "rules": [one.version.pk for one in rules],
        "wanted": [wanted(one.rule) for one in rules],
        "entry_rules": [rule for rule, _, _ in ways_in],
        "entry_legs": [leg for _, leg, _ in ways_in],
        "entry_types": [kind for _, _, kind in ways_in],
        "identity_rules": [rule for rule, _ in running],
        "identity_legs": [leg for _, leg in running],
    }


def _filled_by_running(rules: Sequence[Standing]) -> list[tuple[int, int]]:
    """Which legs of which rules running as an identity fills (I5)."""
    held = [Held(key="", entry="identity")]
    return [(one.version.pk, leg) for one in rules for leg in entries(one.rule, held)]


def _ways_in(rules: Sequence[Standing]) -> Iterator[tuple[int, int, str]]:
    """Which type of open trigger fills which leg of which rule: a selector may be of some types only."""
    asking = [
        one for one in rules if any("open" in selector.entry for _, leg in legs_of(one.rule) for selector in leg.any)
    ]
    if not asking:
        return
    open_ones = Trigger.objects.filter(active=True, authenticated=False).order_by()
    for kind in open_ones.values_list("type", flat=True).distinct():
        held = [Held(key="", code=kind, entry="open")]
        for one in asking:
            for leg in entries(one.rule, held):
                yield one.version.pk, leg, kind


def held_by(scope: str) -> str:
    """SQL: everything that is held and fills a leg, each with the subject of a scope."""
    subject, join = SUBJECTS[scope]
    automation = "" if scope == Scope.AUTOMATION else "JOIN inventory_automation a ON a.id = h.automation_id"
    held = f"{_HELD} UNION ALL {_ENTRIES} UNION ALL {_IDENTITIES}"
    return f"SELECT h.*, {subject} AS subject FROM ({held}) h {automation} {join}"  # noqa: S608


def _scan_of(scope: str) -> str:
    return f"""
        WITH keyed AS ({held_by(scope)}),
        found AS (
            SELECT k.rule_id, k.subject FROM keyed k JOIN unnest(%(rules)s, %(wanted)s) w (rule_id, wanted) USING (rule_id)
            GROUP BY k.rule_id, k.subject, w.wanted HAVING bit_or(1 << k.leg) = w.wanted
        )
        SELECT k.rule_id, k.subject, k.leg, k.automation_id, k.grant_id, k.key, k.held_as FROM keyed k JOIN found USING (rule_id, subject)
        ORDER BY 1, 2, 3, 5, 6
    """  # noqa: S608  put together from pieces of its own


def _those_of(scope: str) -> str:
    """SQL: the automations that some subjects consist of, each with its subject."""
    subject, join = SUBJECTS[scope]
    if scope == Scope.CHAIN:  # as it would be
        return "SELECT member AS id, subject FROM unnest(%(subjects)s::bigint[], %(members)s::bigint[]) given (subject, member)"
    return f"SELECT a.id, {subject} AS subject FROM inventory_automation a {join} WHERE {subject} = ANY(%(subjects)s)"  # noqa: S608


def _entitlements_of(scope: str) -> str:
    return f"""
        SELECT DISTINCT g.entitlement_id FROM approvals_grant g
        WHERE g.automation_id IN (SELECT a.id FROM ({_those_of(scope)}) a) AND g.entitlement_id IS NOT NULL
            AND g.state <> 'ended' AND g.ends_at > %(now)s
    """  # noqa: S608  put together from pieces of its own


def _beside_of(scope: str, held: str) -> str:
    return f"""
        WITH a AS ({_those_of(scope)})
        SELECT h.rule_id, a.subject, h.leg, h.automation_id, h.grant_id, h.key, h.held_as
        FROM a JOIN (
            {held} AND g.automation_id IN (SELECT id FROM a) UNION ALL {_ENTRIES} AND o.id IN (SELECT id FROM a)
            UNION ALL {_IDENTITIES} AND o.id IN (SELECT id FROM a)
        ) h ON h.automation_id = a.id
        ORDER BY 1, 2, 3, 5, 6
    """  # noqa: S608  put together from pieces of its own


#: Of all that fills a leg: each thing once, of each automation ``most`` things, and twice as many in all.
_FEW_OF = """
    SELECT rule_id, subject, leg, automation_id, grant_id, key, held_as FROM (
        SELECT *, row_number() OVER (PARTITION BY rule_id, subject, leg ORDER BY automation_id, key) AS place FROM (
            SELECT DISTINCT ON (rule_id, subject, leg, automation_id, key) *,
                dense_rank() OVER (PARTITION BY rule_id, subject, leg, automation_id ORDER BY key) AS among_its_own
            FROM ({all}) everything ORDER BY rule_id, subject, leg, automation_id, key, grant_id
        ) once WHERE among_its_own <= %(most)s
    ) counted WHERE place <= 2 * %(most)s
"""
