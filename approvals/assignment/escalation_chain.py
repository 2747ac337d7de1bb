"""The escalation chain of a seat: its people in order, and the first eligible ones, who decide (A8, A9, T3).

The first rung may be the only people left for another approval, for example a lead who alone can decide a resource.
Then the first later rung that blocks nothing is asked too. The first rung may still decide, and sees a warning.
Pages before and after submitting use the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from approvals.assignment.seat_state import Backup, LateRung, SeatState, Skipped, list_names
from approvals.models import Approval, Seat, SeatLabel
from governance.core.models import Person, Team, TeamKind
from inventory.models import Automation, Resource

#: The basis on which fallback owners are asked.
FALLBACK = "fallback owner"
#: Bases of people who are asked in addition at half of the time.
DEPUTIES = ("deputy", "deputy lead")


@dataclass(frozen=True)
class Rung:
    """One step of an escalation chain: the basis and its people."""

    basis: str
    people: tuple[Person, ...]


@dataclass
class Bench:
    """The people on every escalation chain: fallback owners and security reviewers."""

    fallback: tuple[Person, ...]
    security: tuple[Person, ...]
    #: The instant of membership. Interim owners are read at the same instant (I3).
    now: datetime
    #: Start of each membership by person id, if known.
    fallback_since: Mapping[int, datetime | None] = field(default_factory=dict)
    security_since: Mapping[int, datetime | None] = field(default_factory=dict)
    #: Reviewers whose role one admin ended at once and no second admin countersigned: nobody replaces them yet (S8).
    taken: tuple[Person, ...] = ()

    @property
    def all_security(self) -> tuple[Person, ...]:
        """Security reviewers, including those whose removal only one admin signed."""
        return (*self.security, *self.taken)

    def bars(self, person: Person, label: str, basis: str) -> bool:
        """Return whether a person is asked by a role that one admin ended at once.

        They decide nothing by it for now (S8).
        """
        by_role = label not in (SeatLabel.LEAD, SeatLabel.OWNER) and basis != FALLBACK
        return by_role and person in self.taken

    @classmethod
    def load(cls, now: datetime) -> Bench:
        """Read both groups at the instant ``now``: one query."""
        rows: list[Any] = list(Person.objects.raw(_BENCH, {"now": now}))
        fallback = [row for row in rows if row.in_group == TeamKind.FALLBACK]
        reviewers = [row for row in rows if row.in_group == TeamKind.SECURITY]
        current = [row for row in reviewers if row.is_current]
        return cls(
            tuple(dict.fromkeys(fallback)),
            tuple(dict.fromkeys(current)),
            now,
            {row.pk: row.since for row in fallback},
            {row.pk: row.since for row in (*reviewers, *reversed(current))},
            tuple(dict.fromkeys(row for row in reviewers if not row.is_current)),
        )


#: Fallback owners and security reviewers by name: the group, since when they are in it, and whether they are in it now. A reviewer is there too whose
#: role one admin ended at once, until the second admin answers. In SQL: to build it from models took longer than to answer it.
_BENCH = """
SELECT person.*, bench.in_group, bench.since, bench.is_current FROM (
SELECT role.person_id, 'security' AS in_group, role.id AS place, COALESCE(restored.confirmed_at, role.confirmed_at) AS since,
role.until IS NULL OR role.until > %(now)s AS is_current
FROM controls_roleassignment role LEFT JOIN controls_roleassignment restored ON restored.id = role.restores_id
WHERE role.role = 'security_reviewer' AND (role.until IS NULL OR role.until > %(now)s OR EXISTS (
SELECT FROM approvals_proposal proposal WHERE proposal.kind = 'role' AND proposal.state = 'at_once'
AND proposal.target = role.person_id || '-security_reviewer' AND proposal.proposed_at = role.until))
UNION ALL
SELECT membership.person_id, 'fallback', 0, MIN(membership.since), TRUE
FROM controls_membership membership JOIN controls_team team ON team.id = membership.team_id
WHERE team.kind = 'fallback' GROUP BY membership.person_id
) bench JOIN controls_person person ON person.id = bench.person_id
ORDER BY person.name, person.id, bench.place
"""


#: A person on an escalation chain, and since when, if known.
PersonSince = tuple[Person | None, datetime | None]
#: Rungs that belong together, each a basis and its people.
Group = Sequence[tuple[str, Iterable[PersonSince]]]


def _rungs(first: Person | None, *groups: Group, since: datetime | None = None) -> list[Rung]:
    """Build rungs without empty ones. A person stays on their highest rung only.

    Args:
        first: who decided about the same before, and is asked again (A15).
        groups: rungs that belong together, each a basis and its people. People appointed after ``since`` come after the
            others of their group, so that an appointment does not change who decides an open submission (S8).
        since: when the submission was made; None if that does not matter.
    """
    seen: set[int] = set()
    rungs = []
    for group in ([("decided before", [(first, None)])], *groups):
        for late in (False, True):
            for basis, standers in group:
                standing = [person for person, at in standers if person is not None and _is_late(at, since) is late]
                rung_people = tuple({person.pk: person for person in standing if person.pk not in seen}.values())
                seen |= {person.pk for person in rung_people}
                if rung_people:
                    rungs.append(Rung(basis, rung_people))
    return rungs


def _is_late(at: datetime | None, since: datetime | None) -> bool:
    return at is not None and since is not None and at > since


def chain_of_resource(
    resource: Resource, bench: Bench, *, first: Person | None = None, since: datetime | None = None
) -> list[Rung]:
    """Return the owner or interim owner, deputy, lead of the owner's team, fallback owners, security reviewers (A9).

    People appointed after ``since`` come after the earlier ones.

    Args:
        resource: the resource; owner, deputy and team with its leads should be loaded.
        bench: the groups that stand on every escalation chain.
        first: who decided about the same before, and is asked again (A15).
        since: when what is decided was submitted; None for what is not submitted yet.
    """
    team, interim = resource.team, resource.interim_owner(bench.now)
    confirmed_at = resource.interim.confirmed_at if interim is not None and resource.interim is not None else None
    answering = [
        ("owner", [(resource.owner if resource.accepted_at else None, resource.accepted_at)]),
        ("interim owner", [(interim, confirmed_at)]),
        ("deputy", [(resource.deputy, resource.deputy_since)]),
    ]
    leading = [("lead of the owner's team", _leads(team) if team else [])]
    return _rungs(first, answering, leading, _fallback(bench), _security(bench, is_last=True), since=since)


def chain_of_lead(
    automation: Automation, bench: Bench, *, first: Person | None = None, since: datetime | None = None
) -> list[Rung]:
    """Return lead, deputy lead, lead of the parent team, fallback owners, security reviewers; see `chain_of_resource`.

    Args:
        automation: the automation, for its team.
        bench: people of the organisation, read once.
        first: people to ask first.
        since: see `chain_of_resource`.
    """
    team: Team = automation.led_team
    lead, deputy = _leads(team)
    leading = [("lead", [lead]), ("deputy lead", [deputy])]
    above = [("lead of the team above", _leads(team.parent)[:1] if team.parent else [])]
    return _rungs(first, leading, above, _fallback(bench), _security(bench, is_last=True), since=since)


def _leads(team: Team) -> list[PersonSince]:
    return [(team.lead, team.lead_since), (team.deputy_lead, team.deputy_lead_since)]


def _fallback(bench: Bench) -> Group:
    return [(FALLBACK, [(person, bench.fallback_since.get(person.pk)) for person in bench.fallback])]


def _security(bench: Bench, *, is_last: bool = False) -> Group:
    """Return security reviewers. As the last rung, only confirmed roles count, because nobody follows."""
    people = bench.security if is_last else bench.all_security
    return [("security reviewer", [(person, bench.security_since.get(person.pk)) for person in people])]


def escalation_chain(
    label: str, automation: Automation, resource: Resource | None, bench: Bench, first: Person | None, since: datetime
) -> list[Rung]:
    """Return the escalation chain of a seat by label, automation and resource (stage 2); see `chain_of_resource`."""
    if label == SeatLabel.LEAD:
        return chain_of_lead(automation, bench, first=first, since=since)
    if label == SeatLabel.OWNER and resource is not None:
        return chain_of_resource(resource, bench, first=first, since=since)
    if label == SeatLabel.SECURITY:
        groups = [_security(bench)]
    elif label == SeatLabel.CONFLICT:
        # Security, then fallback owners, in case Security decided the other stage (S6).
        groups = [_security(bench), _fallback(bench)]
    else:
        groups = [_fallback(bench), _security(bench)]
    return _rungs(first, *groups, since=since)


def resource_of(approval: Approval) -> Resource | None:
    """Return the resource of a stage-2 approval: the entitlement's, or the one chosen for the credential (A1, A2)."""
    if approval.privilege is not None:
        return approval.privilege.entitlement.resource
    return approval.decided_on


@dataclass(frozen=True)
class Eligibility:
    """Checks on the people of an escalation chain.

    Args:
        why_not: code and text of the rule that bars a person, or None.
        is_needed: whether another seat of the same approval can't be filled without the person (A8).
        short_after: approvals left without an eligible person if this person decides; empty if there are none.
    """

    why_not: Callable[[Person], tuple[str, str] | None]
    is_needed: Callable[[Person], bool]
    short_after: Callable[[Person], Sequence[str]]


def next_approvers(seat: Seat, rungs: Sequence[Rung], judge: Eligibility) -> SeatState:
    """Return the state of an open seat: the next approvers on its escalation chain.

    A person needed for another seat of the approval is passed over, unless no other person is left.
    """
    state = _first_turn(seat, rungs, judge, spares=True)
    return state if state.may_decide else _first_turn(seat, rungs, judge, spares=False)


def with_late_rungs(current: SeatState, rungs: Sequence[Rung], judge: Eligibility, *, is_due: bool) -> SeatState:
    """Add the deputy at half of the time, and the rest of the escalation chain at the due date (A10).

    A person stays out if another approval would lose its last approver (A9).

    Args:
        current: the rungs in use.
        rungs: the whole chain.
        judge: tells whether a person may decide.
        is_due: tells whether half of the time, or all of it, is over.
    """
    for rung in rungs if current.may_decide else ():
        if not is_due and rung.basis not in DEPUTIES:
            continue
        free, _ = _split_rung(rung, judge, spares=True)
        late = tuple(person for person in free if person not in current.may_decide and not judge.short_after(person))
        if late:
            more = LateRung(rung.basis, late, is_due and rung.basis not in DEPUTIES)
            current = replace(current, may_decide=(*current.may_decide, *late), late=(*current.late, more))
    return current


def _first_turn(seat: Seat, rungs: Sequence[Rung], judge: Eligibility, *, spares: bool) -> SeatState:
    skipped: list[Skipped] = []
    for number, rung in enumerate(rungs):
        free, passed = _split_rung(rung, judge, spares=spares)
        skipped += passed
        if free:
            first = SeatState(seat, basis=rung.basis, may_decide=free, skipped=tuple(skipped))
            short = [judge.short_after(person) for person in free]
            if not all(short):
                return first
            wanted = tuple(dict.fromkeys(name for names in short for name in names))
            return _with_backup(first, rungs[number + 1 :], judge, wanted, spares=spares)
    return SeatState(seat, skipped=tuple(skipped))


def _with_backup(
    first: SeatState, rungs: Iterable[Rung], judge: Eligibility, short: tuple[str, ...], *, spares: bool
) -> SeatState:
    """Add the next rung that leaves no approval without an approver; unchanged if there is no such rung."""
    skipped = list(first.skipped)
    for rung in rungs:
        free, passed = _split_rung(rung, judge, spares=spares)
        left = {person.pk: judge.short_after(person) for person in free}
        good = tuple(person for person in free if not left[person.pk])
        skipped += passed
        for person in free:
            if short_names := left[person.pk]:
                why = f"{person.name} would leave nobody to decide {list_names(short_names)}"
                skipped.append(Skipped(person, rung.basis, "A9", why))
        if good:
            backup = Backup(rung.basis, good, first.may_decide, short)
            return replace(first, may_decide=(*first.may_decide, *good), skipped=tuple(skipped), beside=backup)
    return first


def _split_rung(rung: Rung, judge: Eligibility, *, spares: bool) -> tuple[tuple[Person, ...], list[Skipped]]:
    free, skipped = [], []
    for person in rung.people:
        reason = judge.why_not(person)
        if reason is None and spares and judge.is_needed(person):
            reason = "A8", f"{person.name} is needed for another seat of this"
        if reason is None:
            free.append(person)
        else:
            skipped.append(Skipped(person, rung.basis, *reason))
    return tuple(free), skipped
