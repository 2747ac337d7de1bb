"""What was approved before it came into a conflict that takes a signature: it waits for that one, says so, and comes into force with it (S6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from approvals.assignment import additional_seats
from approvals.assignment import jobs as assignment_jobs
from approvals.assignment.context import load_context
from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Grant, Seat, SeatLabel, Submission, SubmissionState
from approvals.submissions import jobs as submission_jobs
from approvals.submissions.transitions import put_in_force
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import LedgerEvent, Notice
from tests import scenarios
from tests.approvals import chains
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]

SCOPES = ("owner", "identity", "chain")
ONCE_MORE = pytest.mark.full("walks to it once more, by one identity")
JOB = Actor.of_job(submission_jobs.JOB)


def a_rule(c: Company, scope: str, **more: str) -> None:
    """Writing to the workspace and reading it, by the same owner, identity or chain."""
    conflict_rules.rule(
        on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), scope=scope, **{"mode": "approval", **more}
    )


def submitted(c: Company, scope: str, name: str, *holds: chains.Held) -> Submission:
    more = {"identity": "robot"} if scope == "identity" else {}
    return scenarios.submitted(c, chains.described(c, name, *holds, **more))


def half_decided(c: Company, scope: str) -> Submission:
    """What writes is approved, and something else of the same submission is not decided yet."""
    made = submitted(c, scope, "Writes", (c.slack, "write", "in"), (c.erp, "read", "stock"))
    scenarios.decide_app(c, made)
    scenarios.approve(writing(c, made), c.people.omar, now=c.now)
    return made


def two_of(scope: str, *, has_rule: bool) -> Callable[[Company], Submission]:
    """Walk to a half-decided submission, and another submission that reads what the first would write."""

    def walk(c: Company) -> Submission:
        if has_rule:
            a_rule(c, scope)
        made = half_decided(c, scope)
        submitted(c, scope, "Reads", (c.slack, "read", "in"))
        return made

    return walk


def comes_beside(c: Company) -> Submission:
    """The other comes into force."""
    return scenarios.decide_all(c, Submission.objects.get(automation__name="Reads"))


def in_conflict(c: Company) -> Submission:
    """The other has come into force."""
    comes_beside(c)
    return Submission.objects.get(automation__name="Writes")


def decided_in_part(c: Company) -> Submission:
    """The rest is refused before the other comes into force."""
    made = Submission.objects.get(automation__name="Writes")
    scenarios.reject(rest(c, made), c.people.omar, now=c.now)
    return in_conflict(c)


RULED = {scope: starting_point("plain", two_of(scope, has_rule=True), name=scope) for scope in SCOPES}
IN_CONFLICT = {scope: starting_point(RULED[scope], in_conflict, name=scope) for scope in SCOPES}
DECIDED_IN_PART = {scope: starting_point(RULED[scope], decided_in_part, name=scope) for scope in SCOPES}
UNRULED = starting_point("plain", two_of("chain", has_rule=False), name="without a rule")


def each_scope(starts: dict[str, pytest.MarkDecorator]) -> pytest.MarkDecorator:
    """Parametrize a test by scope, each with its starting point."""
    marks = {scope: [starts[scope], *([ONCE_MORE] if scope == "identity" else [])] for scope in SCOPES}
    return pytest.mark.parametrize("scope", [pytest.param(scope, marks=marks[scope]) for scope in SCOPES])


def writing(c: Company, made: Submission) -> Approval:
    return made.approvals.get(privilege__entitlement__resource=c.slack)


def rest(c: Company, made: Submission) -> Approval:
    return made.approvals.get(privilege__entitlement__resource=c.erp)


def labels(record: Approval) -> set[str]:
    return set(record.seats.values_list("label", flat=True))


# --- what is not done ---------------------------------------------------------------------------------------------------


@each_scope(IN_CONFLICT)
def test_conflict_after_approval_needs_extra_approval_before_force(
    plain: Company, scope: str, start: Submission
) -> None:
    c, n, made = plain, plain.people, start
    scenarios.finish(c, rest(c, made), now=c.now)
    made.refresh_from_db()
    record = writing(c, made)
    assert (made.state, record.state) == (SubmissionState.OPEN, ApprovalState.OPEN)
    assert labels(record) == {"owner", SeatLabel.CONFLICT}
    assert not Grant.objects.filter(automation=made.automation).exists()
    candidates = Seat.objects.get(approval=record, label=SeatLabel.CONFLICT).candidates.values_list("person", flat=True)
    assert set(candidates) == {n.sana.pk, n.viktor.pk}
    assert {
        notice.recipient_id for notice in Notice.objects.filter(event="stage_2_opened", context__added=True)
    } == set(candidates)
    (notice,) = Notice.objects.filter(event="signature_added", recipient=n.rita)
    assert "What is read could be told to the wrong people." in notice.context["because"]
    shown = client_of(n.rita).get(f"/review/{made.pk}/").content.decode()
    assert "Needs one more approval, from Security, because of a conflict." in shown
    assert "It is with Sana Iqbal or Viktor" in shown
    scenarios.approve(record, n.sana, now=c.now)
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE
    assert Grant.objects.filter(automation=made.automation, key=record.key).exists()


@each_scope(DECIDED_IN_PART)
def test_subset_is_not_accepted_without_extra_approval(plain: Company, scope: str, start: Submission) -> None:
    c, n, made = plain, plain.people, start
    assert made.state == SubmissionState.DECIDED
    with pytest.raises(OutOfTurn) as error:
        put_in_force.accept_subset(made, actor=as_actor(n.jonas), now=c.now)
    assert error.value.refusal.code == "S6"
    assert "was approved before it came into a conflict" in error.value.refusal.sentence
    assert assignment_jobs.add_signatures_due(c.now, JOB) == 1
    made.refresh_from_db()
    assert made.state == SubmissionState.OPEN
    assert made.accept_due_at is None
    assert assignment_jobs.add_signatures_due(c.now + timedelta(minutes=1), JOB) == 0, "once"


@each_scope(DECIDED_IN_PART)
def test_subset_is_accepted_with_extra_approval(plain: Company, scope: str, start: Submission) -> None:
    c, n, made = plain, plain.people, start
    assert assignment_jobs.add_signatures_due(c.now, JOB) == 1
    later = c.now + timedelta(minutes=1)
    scenarios.approve(writing(c, made), n.sana, now=later)
    made.refresh_from_db()
    assert made.state == SubmissionState.DECIDED
    assert Notice.objects.filter(event="subset_to_accept", recipient=n.jonas).count() == 2
    put_in_force.accept_subset(made, actor=as_actor(n.jonas), now=later)
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE


@IN_CONFLICT["owner"]
def test_earlier_signer_and_responsible_person_do_not_sign(plain: Company, start: Submission) -> None:
    c, n, made = plain, plain.people, start
    scenarios.finish(c, rest(c, made), now=c.now)
    record = writing(c, made)
    assert decide.approve.refusal(record, actor=as_actor(n.omar), now=c.now) is not None
    assert decide.approve.refusal(record, actor=as_actor(n.jonas), now=c.now) is not None


@IN_CONFLICT["owner"]
def test_refused_extra_approval_rejects_approval(plain: Company, start: Submission) -> None:
    c, n, made = plain, plain.people, start
    scenarios.finish(c, rest(c, made), now=c.now)
    scenarios.reject(writing(c, made), n.sana, now=c.now)
    made.refresh_from_db()
    assert (made.state, writing(c, made).state) == (SubmissionState.DECIDED, ApprovalState.REJECTED)


@UNRULED
def test_database_reopens_no_approval_without_conflict(plain: Company, start: Submission) -> None:
    record = writing(plain, start)
    for adds_a_seat in (False, True):
        if adds_a_seat:
            Seat.objects.create(approval=record, label=SeatLabel.SECURITY)
        with pytest.raises(DatabaseError, match="A8: approval"), transaction.atomic():
            Approval.objects.filter(pk=record.pk).update(state=ApprovalState.OPEN, ended_at=None)


@UNRULED
@pytest.mark.parametrize("mode", ["record", "enforce"])
def test_another_mode_takes_no_signature(plain: Company, mode: str, start: Submission) -> None:
    c, made = plain, start
    a_rule(c, "chain", mode=mode)
    scenarios.reject(rest(c, made), c.people.omar, now=c.now)
    comes_beside(c)
    assert not additional_seats.unsigned_approvals(load_context(Submission.objects.get(pk=made.pk), c.now))
    assert assignment_jobs.add_signatures_due(c.now, JOB) == 0


# --- what is --------------------------------------------------------------------------------------------------------------


@UNRULED
def test_a_rule_that_comes_after_the_yes_is_signed_for_too_and_it_is_on_record(
    plain: Company, start: Submission
) -> None:
    made = start
    comes_beside(plain)
    a_rule(plain, "chain")
    scenarios.finish(plain, rest(plain, made), now=plain.now)
    record = writing(plain, made)
    verbs = set(LedgerEvent.objects.filter(subject_id=str(record.pk)).values_list("verb", flat=True))
    assert {"approval.signature_added", "approval.opened_again"} <= verbs
