"""Check one automation's future access against every rule (S6). For previews, submissions, decisions and changes.

Python checks what the automation itself holds. The database is asked only for others' access, if a rule looks beyond
the automation. `scan` finds the same conflicts in all held access, in the database alone.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check.rule_index import Index
from approvals.conflicts.held_access import RUNS_AS, held_at, held_by_privilege
from approvals.conflicts.queries import StoredRule
from approvals.conflicts.rule_language.rule import WITHOUT
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.scan import Conflicts, Members, Part, is_conflict, read_holdings
from approvals.models import ConflictSignature, Grant, GrantState, Waiver
from approvals.models.conflict_rule import Mode, Scope
from governance.core.database.grouping import grouped
from inventory.chains import queries as chain_queries
from inventory.models import Automation, ChainMember, Privilege, Trigger, Version

#: Indexes by the digests of their rules: the rules in force, of a proposal, or of one scope.
_INDEXES: dict[tuple[str, ...], Index] = {}
#: Size of the cache; a full cache is cleared.
MOST = 16


@dataclass(frozen=True)
class Case:
    """One automation as it would be.

    Args:
        automation: its id; 0 if it is not in the register yet.
        things: the access that it would hold, with open triggers. Each key begins with ``automation id/``.
        subjects: ids of the subjects by scope; for chains the other automations in the chain (A16).
    """

    automation: int
    things: Sequence[Held]
    subjects: Mapping[str, Collection[int]] = field(default_factory=dict)

    def subjects_in(self, scope: str) -> Collection[int]:
        """Return ids of the subjects in a scope.

        The id of a chain is its smallest automation id, as in `ChainMember`.
        """
        if scope == Scope.CHAIN:
            chain_others = self.subjects.get(scope, ())
            return (min([*chain_others, self.automation] if self.automation else chain_others, default=0),)
        return (self.automation,) if scope == Scope.AUTOMATION else self.subjects.get(scope, ())


def case_of_version(automation: Automation, version: Version, others: Collection[int] | None = None) -> Case:
    """Return the case of an automation with one of its versions.

    The access that an amendment asks of the owner is included (A12).

    Args:
        automation: the automation.
        version: one of its versions.
        others: ids of the other automations in its chain; default: in the chain of the version (A16).
    """
    privileges = list(version.privileges.select_related("entitlement__resource").order_by("pk"))
    identities = list(version.version_identities.values_list("identity_id", flat=True))
    if others is None:
        others = chain_queries.chain_with_version(version, privileges).others
    return case_of_parts(automation, privileges, version.triggers.all(), identities, others)


def with_running_grants(case: Case, kept: Iterable[Grant]) -> Case:
    """Return the case with running grants as they are held: narrowed stays narrowed, and wider stays wider (A7, A12).

    Args:
        case: as the version asks for it.
        kept: the grants that keep running.
    """
    grant_by_key = {f"{case.automation}/{grant.key}": grant for grant in kept}
    helds = [
        replace(held, level=grant.level, suspended=grant.state == GrantState.SUSPENDED)
        if (grant := grant_by_key.get(held.key)) is not None
        else held
        for held in case.things
    ]
    return replace(case, things=helds)


def case_of_parts(
    automation: Automation,
    privileges: Iterable[Privilege],
    triggers: Iterable[Trigger],
    identities: Collection[int],
    others: Collection[int] = (),
    unvouched: Collection[str] = (),
) -> Case:
    """Return the case of an automation with these parts. None of them need be saved.

    Args:
        automation: as it would be.
        privileges: what it would hold, with entitlements and resources loaded.
        triggers: its triggers.
        identities: ids of the identities that it would run as.
        others: ids of the other automations in its chain (A16).
        unvouched: keys of privileges whose data class counts as unset (I8).
    """
    pk = automation.pk or 0
    helds = [
        held_by_privilege(
            privilege, f"{pk}/{privilege.key}", automation.environment, is_vouched=privilege.key not in unvouched
        )
        for privilege in privileges
    ]
    helds += [
        Held(f"{pk}/{f'trigger:{trigger.type}:{trigger.at}'[:80]}", trigger.type, entry="open")
        for trigger in triggers
        if trigger.is_open
    ]
    if identities:  # one item for each automation, however many identities it runs as (I5)
        helds.append(Held(f"{pk}/{RUNS_AS}", entry="identity"))
    owner = automation.requested_fields["business_owner_id"]
    subjects: dict[str, Collection[int]] = {
        Scope.OWNER: [owner] if owner else [],
        Scope.TEAM: [automation.team_id],
        Scope.IDENTITY: list(identities),
        Scope.CHAIN: sorted(others),
    }
    return Case(pk, helds, subjects)


@dataclass(frozen=True)
class FoundConflict:
    """A conflict that a check found.

    Args:
        standing: the rule.
        subject: id of the rule's subject.
        own: by leg, access of the automation itself.
        others: by leg, access of others.
        waiver: the waiver that covers all of it, if any.
        signature: the extra approval that covers all of it, if any.
    """

    standing: StoredRule
    subject: int
    own: Mapping[int, tuple[Held, ...]]
    others: Mapping[int, Sequence[Part]]
    waiver: Waiver | None = None
    signature: ConflictSignature | None = None

    @property
    def filled(self) -> list[tuple[int, str]]:
        """Numbers of legs, each with the key of an access that fills it."""
        own_keys = [(number, held.key) for number, helds in self.own.items() for held in helds]
        return own_keys + [(number, part.covered_as) for number, parts in self.others.items() for part in parts]

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all access in the conflict, of all automations."""
        return frozenset(key for _, key in self.filled)

    @property
    def held(self) -> frozenset[str]:
        """All access in the conflict with its levels, as an extra approval names it."""
        own_access = (held_at(held.key, held.level) for helds in self.own.values() for held in helds)
        return frozenset((*own_access, *(part.held for parts in self.others.values() for part in parts)))

    @property
    def has_own(self) -> bool:
        """Whether the automation's own access fills a leg. If not, it only connects others."""
        return any(leg != WITHOUT for leg in self.own)

    @property
    def automations(self) -> frozenset[int]:
        """Ids of the other automations in the conflict."""
        return frozenset(part.automation for parts in self.others.values() for part in parts)

    @property
    def mode(self) -> str:
        """The effective mode. A waiver lifts the refusal only (S7).

        A signed conflict needs no further extra approval.
        """
        mode = self.standing.rule.mode
        is_lifted = self.waiver is not None and mode == Mode.ENFORCE
        is_signed = self.signature is not None and mode == Mode.APPROVAL
        return Mode.RECORD if is_lifted or is_signed else mode

    @property
    def sentence(self) -> str:
        """The conflict in words: title and reason of the rule."""
        rule = self.standing.rule
        lacks = f" Nothing there is “{rule.without.name}”." if rule.without is not None else ""
        return f"{rule.title}: {rule.reason}{lacks}"


#: A function that reads the access of subjects that fills legs of rules (`scan.read_holdings`).
HoldingsReader = Callable[[Sequence[StoredRule], Members, datetime], Conflicts]


def find_conflicts(case: Case, now: datetime, rules: Sequence[StoredRule] | None = None) -> list[FoundConflict]:
    """Return every conflict that an automation is part of; see `find_all_conflicts`."""
    return find_all_conflicts([case], now, rules)[0]


def find_all_conflicts(
    cases: Sequence[Case],
    now: datetime,
    rules: Sequence[StoredRule] | None = None,
    read_others: HoldingsReader = read_holdings,
) -> list[list[FoundConflict]]:
    """Return every conflict of each automation.

    Args:
        cases: the automations as they would be.
        now: business time.
        rules: the rules in force, if the caller has read them.
        read_others: reads the access of others; differs for rules that are not in force.

    Returns:
        For each case, by the codes of the rules. The number of queries is fixed: rules, others' access (one for each scope), waivers
        and signatures. A case that joins a chain is checked with the whole chain, even if it fills no leg itself.
    """
    rules = conflict_queries.in_force(now) if rules is None else rules
    touched_by_case = [_touched_rules(case, rules) for case in cases]
    touched = (stored for stored, _ in chain(*touched_by_case))
    wide = {stored.version.pk: stored for stored in touched if stored.rule.scope != Scope.AUTOMATION}
    members = _subjects_by_scope(cases, {stored.rule.scope for stored in wide.values()})
    other_parts = read_others(list(wide.values()), members, now) if wide else {}
    conflicts_by_case = []
    for case, near in zip(cases, touched_by_case, strict=True):
        conflicts = []
        for stored, filled in near:
            for subject in sorted(case.subjects_in(stored.rule.scope)):
                parts = other_parts.get((stored.version.pk, subject), ()) if stored.version.pk in wide else ()
                others = [part for part in parts if part.automation != case.automation]
                conflict = FoundConflict(stored, subject, filled, grouped((part.leg, part) for part in others))
                if is_conflict(stored.rule, conflict.filled):
                    conflicts.append(conflict)
        conflicts_by_case.append(conflicts)
    return _with_exceptions(cases, _drop_existing_chains(conflicts_by_case), now)


def _touched_rules(case: Case, rules: Sequence[StoredRule]) -> list[tuple[StoredRule, dict[int, tuple[Held, ...]]]]:
    """Return the rules with a leg that the case fills, and what fills it. In a chain, also all rules of chains."""
    filled, joins = _index(rules).fill(case.things), bool(case.subjects.get(Scope.CHAIN))
    return [
        (stored, filled.get(place, {}))
        for place, stored in enumerate(rules)
        if any(leg != WITHOUT for leg in filled.get(place, ())) or (joins and stored.rule.scope == Scope.CHAIN)
    ]


def _index(rules: Sequence[StoredRule]) -> Index:
    """Return the index of some rules, cached while the rules stay the same."""
    digests = tuple(stored.version.digest for stored in rules)
    if digests not in _INDEXES:
        if len(_INDEXES) >= MOST:
            _INDEXES.clear()
        _INDEXES[digests] = Index([stored.rule for stored in rules])
    return _INDEXES[digests]


def _drop_existing_chains(conflicts_by_case: Sequence[Sequence[FoundConflict]]) -> list[list[FoundConflict]]:
    """Drop conflicts among others only, whose automations are already in one chain without this automation (A16)."""
    aside = {pk for conflict in chain(*conflicts_by_case) if not conflict.has_own for pk in conflict.automations}
    chains = dict(ChainMember.objects.filter(automation__in=aside).values_list("automation", "chain")) if aside else {}

    def stays(conflict: FoundConflict) -> bool:
        return conflict.has_own or len({chains.get(pk) for pk in conflict.automations}) > 1

    return [list(filter(stays, conflicts)) for conflicts in conflicts_by_case]


def _subjects_by_scope(cases: Sequence[Case], scopes: Collection[str]) -> dict[str, set[tuple[int, int]]]:
    """Return the subjects of rules of some scopes, for `read_holdings`."""
    members: dict[str, set[tuple[int, int]]] = {scope: set() for scope in scopes}
    for case, scope in ((case, scope) for case in cases for scope in scopes):
        for subject in case.subjects_in(scope):
            member_ids = case.subjects.get(scope, ()) if scope == Scope.CHAIN else (0,)
            members[scope] |= {(subject, member) for member in member_ids}
    return members


def _with_exceptions(
    cases: Sequence[Case], conflicts_by_case: Sequence[Sequence[FoundConflict]], now: datetime
) -> list[list[FoundConflict]]:
    """Set on each conflict the waiver (S7) and the extra approval (S6) that cover all of it.

    Both count for the same text of the rule only. An extra approval counts in submissions of the same automation, and
    for the same or a lower level.
    """
    codes = {conflict.standing.rule.code for conflict in chain(*conflicts_by_case)}
    if not codes:
        return [list(conflicts) for conflicts in conflicts_by_case]
    waivers = Waiver.objects.live(now).filter(code__in=codes).order_by("-ends_at")
    waivers_by_subject = grouped(((row.code, _fixed_subject(row.scope, row.subject)), row) for row in waivers)
    signatures = grouped((row.submission.automation_id, row) for row in _signatures(cases, conflicts_by_case))

    def with_exceptions(conflict: FoundConflict, case: Case) -> FoundConflict:
        rule, digest = conflict.standing.rule, conflict.standing.version.digest
        same_subject = waivers_by_subject.get((rule.code, _fixed_subject(rule.scope, conflict.subject)), ())
        valid = (row for row in same_subject if row.rule_digest == digest and row.scope == rule.scope)
        signed = (row for row in signatures.get(case.automation, ()) if row.rule.digest == digest)
        return replace(
            conflict,
            waiver=next((waiver for waiver in valid if conflict.keys <= set(waiver.covers)), None),
            signature=next((signature for signature in signed if conflict.held <= set(signature.covers)), None),
        )

    return [
        [with_exceptions(conflict, case) for conflict in conflicts]
        for case, conflicts in zip(cases, conflicts_by_case, strict=True)
    ]


def _signatures(
    cases: Sequence[Case], conflicts_by_case: Sequence[Sequence[FoundConflict]]
) -> Iterable[ConflictSignature]:
    """Return the extra approvals for conflicts of mode *approval*, newest first."""
    needing = {
        (case.automation, conflict.standing.rule.code)
        for case, conflicts in zip(cases, conflicts_by_case, strict=True)
        for conflict in conflicts
        if conflict.mode == Mode.APPROVAL
    }
    if not needing:
        return ()
    automation_ids, codes = zip(*needing, strict=True)
    rows = ConflictSignature.objects.standing().filter(submission__automation__in=automation_ids, rule__code__in=codes)
    return rows.select_related("submission", "rule", "person", "for_person", "reason").order_by("-pk")


def _fixed_subject(scope: str, subject: int) -> int:
    """Return the subject by which a waiver is found. The number of a chain changes with its members (A16)."""
    return 0 if scope == Scope.CHAIN else subject


def are_all_waived(conflicts: Sequence[FoundConflict]) -> bool:
    """Return whether there are conflicts and all are of enforced rules and waived.

    Then no extra approval is needed (S7).
    """
    lifted = (row.standing.rule.mode == Mode.ENFORCE and row.waiver is not None for row in conflicts)
    return bool(conflicts) and all(lifted)
