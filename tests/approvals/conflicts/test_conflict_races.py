"""Two that are in conflict only together come into force at once: real threads, real commits. The lock lets one see the other (S6, A16).

Each holds half of a forbidden combination, so both checks pass. Both threads are held at the lock until both have
passed it; then each puts its permitted grants in force.
"""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections

from approvals.assignment.context import SubmissionContext
from approvals.conflicts import leg_members, scan
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import submission as check_submission
from approvals.grants.transitions import lifecycle
from approvals.models import (
    Approval,
    ApprovalState,
    ConflictRule,
    Grant,
    SeatLabel,
    Submission,
    SubmissionState,
    Waiver,
)
from approvals.submissions import rules as submission_rules
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal
from governance.core.texts import free_text
from inventory.models import Automation
from tests import run_lengths, scenarios
from tests.approvals import chains
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.submissions.test_races import PATIENCE, approving, at_once, refusals
from tests.people import as_actor, build
from tests.scenarios import Company

pytestmark = [pytest.mark.race, pytest.mark.soak]

OTHERS = pytest.mark.full("the same race once more, by what else the two have in common")
SCOPES = ("owner", pytest.param("identity", marks=OTHERS), pytest.param("chain", marks=OTHERS))
#: The job that ends grants at the end of their terms; the circuit breaker doesn't count what it ends (G6).
JOB = Actor.of_job("approvals.sweep")
#: Puts a rule in force that means this test's resource only.
Put = Callable[..., ConflictRule]


@pytest.fixture
def firm(django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    """A company of each test's own, committed."""
    with django_db_blocker.unblock():
        made = scenarios.company(build(uuid.uuid4().hex[:8]))
        yield made
        Automation.objects.filter(team=made.people.finance_ops).update(state="retired")
        connections.close_all()


@pytest.fixture
def put(firm: Company) -> Iterator[Put]:
    """Afterwards nobody asks for such a rule any more, and nothing is held that it means."""
    made: list[ConflictRule] = []

    def enforce(**more: Any) -> ConflictRule:
        legs, fields = (on(firm.slack, levels=["write"]), on(firm.slack, levels=["read"])), {"mode": "enforce", **more}
        row = conflict_rules.unsaved(conflict_rules.document(*legs, code=f"race-{word()}", **fields), firm.now)
        row.save()
        leg_members.update_rules([row])
        made.append(row)
        return row

    yield enforce
    for row in made:
        conflict_rules.give_up(row, firm.people.ines, firm.people.karl)
    leave_nothing(firm)


def leave_nothing(c: Company) -> None:
    """Nothing is held on the workspace: another round begins as this one did."""
    for grant in Grant.objects.filter(entitlement__resource=c.slack).standing():
        lifecycle.expire(grant, actor=JOB, now=grant.ends_at)


def word() -> str:
    """A table, channel or account that nobody else knows."""
    return f"t{uuid.uuid4().hex[:8]}"


def nearly(c: Company, *holds: chains.Held, **more: Any) -> Submission:
    """An automation that comes into force with the next yes: of stage 1 where policy approves the rest (A13)."""
    made = scenarios.submitted(c, chains.described(c, f"Race {word()}", *holds, **more))
    if made.light_path:
        return made
    scenarios.decide_app(c, made)
    for record in list(made.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"))[1:]:
        scenarios.finish(c, record, now=c.now)
    return made


def halves(c: Company, scope: str) -> tuple[Submission, Submission]:
    """One writes and one reads: they are one owner's and one team's, run as one identity, or meet in one channel.

    Each writes to a table of its own too: no chain raises the tier of the one that reads (T1), and only the conflict is left to find.
    """
    shared = word()
    more = {"identity": f"svc-{shared}"} if scope == "identity" else {}
    places = (shared, shared) if scope == "chain" else (word(), word())
    pairs = zip(("write", "read"), places, strict=True)
    first, second = (nearly(c, (c.slack, level, place), (c.erp, "write", word()), **more) for level, place in pairs)
    return first, second


def last_word(c: Company, made: Submission) -> Callable[[], object]:
    """The press of the button with which it comes into force."""
    (record,) = made.approvals.filter(state=ApprovalState.OPEN)
    return approving(record, c.people.theo if record.stage == 1 else c.people.omar, c)


def held_at_the_lock(monkeypatch: pytest.MonkeyPatch, *, then: Callable[[], object] = lambda: None) -> None:
    """Each thread waits at the lock until both have passed the check; then something else happens first."""
    together = threading.Barrier(2, action=lambda: failed.extend(at_once(then)), timeout=PATIENCE)
    lock, failed = check_submission.take_access_lock, list[object]()

    def alone() -> None:
        together.wait()
        assert failed == [None], failed
        lock()

    monkeypatch.setattr(check_submission, "take_access_lock", alone)


def without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for anybody, and both have been asked once more before one of them has committed."""
    together, ask = threading.Barrier(2, timeout=PATIENCE), submission_rules.conflict_refusal

    def check(context: SubmissionContext) -> Refusal | None:
        refusal = ask(context)
        together.wait()
        return refusal

    monkeypatch.setattr(check_submission, "take_access_lock", lambda: None)
    monkeypatch.setattr(submission_rules, "conflict_refusal", check)


def caught(c: Company, rule: ConflictRule) -> int:
    """How many conflicts a scan finds of it."""
    return len(scan.scan([conflict_queries.parse_version(rule)], c.now))


def states(*made: Submission) -> list[str]:
    return sorted(Submission.objects.get(pk=submission.pk).state for submission in made)


@pytest.fixture
def rule(put: Put, scope: str) -> ConflictRule:
    """Forbids the two halves together."""
    return put(scope=scope)


@pytest.fixture
def pairs(firm: Company, rule: ConflictRule, scope: str) -> Iterator[tuple[Submission, Submission]]:
    """Two halves for each round."""
    first = halves(firm, scope)
    return itertools.chain([first], (halves(firm, scope) for _ in itertools.count()))


@pytest.mark.rule("S6", "A16")
@pytest.mark.parametrize("scope", SCOPES)
def test_one_of_two_conflicting_submissions_comes_into_force(
    firm: Company,
    rule: ConflictRule,
    pairs: Iterator[tuple[Submission, Submission]],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    scope: str,
) -> None:
    rounds = run_lengths.rounds(request, 1, soak=20, what=f"races of two that are in conflict by their {scope}")
    for number, pair in zip(rounds, pairs, strict=False):
        calls = [last_word(firm, submission) for submission in pair]
        with monkeypatch.context() as patched:
            held_at_the_lock(patched)
            assert refusals(at_once(*calls)) == ["S6"], f"round {number}"
        assert states(*pair) == [SubmissionState.IN_FORCE, SubmissionState.OPEN]
        assert caught(firm, rule) == 0
        leave_nothing(firm)


@pytest.mark.full("one more race for the same lock")
@pytest.mark.rule("S6")
def test_simultaneous_submissions_need_extra_approval_at_next_decision(
    firm: Company, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(scope="owner", mode="approval")
    pair = halves(firm, "owner")
    calls = [last_word(firm, submission) for submission in pair]
    with monkeypatch.context() as patched:
        held_at_the_lock(patched)
        assert refusals(at_once(*calls)) == ["S6"]
    assert states(*pair) == [SubmissionState.IN_FORCE, SubmissionState.OPEN]
    (other,) = (
        submission for submission in pair if Submission.objects.get(pk=submission.pk).state == SubmissionState.OPEN
    )
    assert refusals(at_once(last_word(firm, other))) == []
    assert states(*pair) == [SubmissionState.IN_FORCE, SubmissionState.OPEN]
    record = other.approvals.get(seats__label=SeatLabel.CONFLICT)
    if not record.decisions.exists():  # policy would have approved it (A13)
        scenarios.approve(record, firm.people.omar, now=firm.now)
    assert refusals(at_once(approving(record, firm.people.sana, firm))) == []
    assert states(*pair) == [SubmissionState.IN_FORCE] * 2


@pytest.mark.full("shows what the lock is worth")
@pytest.mark.rule("S6", "A16")
@pytest.mark.parametrize("scope", SCOPES)
def test_both_come_into_force_without_the_lock(
    firm: Company, put: Put, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    """What the lock is worth."""
    rule, pair = put(scope=scope), halves(firm, scope)
    calls = [last_word(firm, submission) for submission in pair]
    without_the_lock(monkeypatch)
    assert refusals(at_once(*calls)) == []
    assert states(*pair) == [SubmissionState.IN_FORCE] * 2
    assert caught(firm, rule) == 1


@pytest.fixture
def writes_and_joins(firm: Company, rule: ConflictRule) -> tuple[Submission, Submission]:
    """One reads already; one nearly writes, and one would join the two."""
    first, second = word(), word()
    nearly_writes = nearly(firm, (firm.slack, "write", first))
    joins = nearly(firm, (firm.slack, "admin", first), (firm.slack, "admin", second))
    chains.in_force(firm, chains.described(firm, f"Race {word()}", (firm.slack, "read", second)))
    return nearly_writes, joins


@pytest.mark.rule("S6", "A16")
@pytest.mark.parametrize("scope", ["chain"])
def test_chain_forming_and_putting_in_force_are_serialised(
    firm: Company,
    rule: ConflictRule,
    writes_and_joins: tuple[Submission, Submission],
    monkeypatch: pytest.MonkeyPatch,
    scope: str,
) -> None:
    nearly_writes, joins = writes_and_joins
    calls = last_word(firm, nearly_writes), last_words(firm, joins)
    held_at_the_lock(monkeypatch)
    codes = refusals(at_once(*calls))
    first_is_in_force = Submission.objects.get(pk=nearly_writes.pk).state == SubmissionState.IN_FORCE
    # The second is high risk: a chain with it raises the tier of the first, which is asked before conflicts.
    assert codes == (["S6"] if first_is_in_force else ["T1"])
    assert caught(firm, rule) == 0


def last_words(c: Company, made: Submission) -> Callable[[], object]:
    """The same where security signs too."""
    (record,) = made.approvals.filter(state=ApprovalState.OPEN)
    scenarios.approve(record, c.people.omar, now=c.now)
    return approving(Approval.objects.get(pk=record.pk), c.people.sana, c)


@pytest.mark.full("one more race for the same lock")
@pytest.mark.rule("S6", "S8")
def test_rule_in_force_after_page_load_is_checked_for_both(
    firm: Company, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, made = halves(firm, "owner"), list[ConflictRule]()
    calls = [last_word(firm, submission) for submission in pair]
    held_at_the_lock(monkeypatch, then=lambda: made.append(put(scope="owner")))
    assert refusals(at_once(*calls)) == ["S6"]
    assert caught(firm, made[0]) == 0


@pytest.mark.full("one more race for the same lock")
@pytest.mark.rule("S6", "S7")
def test_waiver_that_ends_after_page_load_lifts_nothing(
    firm: Company, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    c, n = firm, firm.people
    rule, pair = put(scope="owner"), halves(firm, "owner")
    waiver = waived(c, rule, pair)

    def ends() -> None:
        waiver_transitions.end_waiver(
            Waiver.objects.get(pk=waiver.pk), actor=as_actor(n.sana), now=c.now, reason="It went wrong."
        )

    calls = [last_word(c, submission) for submission in pair]
    held_at_the_lock(monkeypatch, then=ends)
    assert refusals(at_once(*calls)) == ["S6"]
    assert caught(c, rule) == 0


def waived(c: Company, rule: ConflictRule, pair: tuple[Submission, Submission]) -> Waiver:
    """Granted for all that the two would hold; there is none to ask for before one of them holds it."""
    keys = [
        f"{submission.automation_id}/{record.key}"
        for submission in pair
        for record in submission.approvals.filter(kind="privilege")
    ]
    seed = Waiver(
        code=rule.code,
        scope=rule.scope,
        subject=c.people.jonas.pk,
        automation=pair[0].automation,
        covers=sorted(keys),
        rule_digest=rule.digest,
        reason=free_text.keep("The report is due."),
        control=free_text.keep("Piet reads every post."),
        days=30,
        asked_by=c.people.rita,
        asked_at=c.now,
        beneficiaries=[c.people.rita.pk, c.people.jonas.pk],
    )
    seed.save()
    return waiver_transitions.grant_waiver(seed, actor=as_actor(c.people.sana), now=c.now, reason="For now.")
