"""Taking back one's own decision while the submission is undecided: recorded, never removed (A4, A7, A8, A10, S2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals.assignment import separation_of_duties
from approvals.assignment.context import load_context
from approvals.decisions.transitions import decide
from approvals.inbox.queries import approvals
from approvals.models import (
    Approval,
    ApprovalState,
    CarriedDecision,
    Decision,
    Retraction,
    Submission,
    SubmissionState,
)
from governance.core.duties.refusals import DutyConflict, OutOfTurn, Refused
from governance.core.mail import jobs as mail_jobs
from governance.core.models import LedgerEvent, Notice, Person
from inventory.models import Binding
from tests import scenarios
from tests.approvals import stock_report
from tests.ledger_records import recorded
from tests.people import as_actor, as_delegate
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(company: Company, stock_in_stage_2: Submission) -> Approval:
    """What it may do in Slack, which Omar decides."""
    return stock_report.privilege_on(stock_in_stage_2, company.slack)


@pytest.fixture
def high(company: Company, chaser_in_stage_2: Submission) -> Approval:
    """What a high-risk app may do to Omar's database: his signature, and one for security."""
    approval = chaser_in_stage_2.approvals.filter(tier="high", privilege__entitlement__resource=company.erp).first()
    assert approval is not None
    return approval


def retract(record: Approval, person: Person, c: Company, **more: Any) -> Approval:
    """Take back the last decision, or the given one."""
    return scenarios.retract(record, person, **{"now": c.now, **more})


def ask(record: Approval, person: Person, c: Company, *, now: datetime | None = None) -> Approval:
    """Send it back with a question."""
    return decide.ask_for_changes(
        record, actor=as_actor(person), now=now or c.now, reason="Why?", shown_digest=scenarios.shown(record)
    )


@pytest.mark.rule("A8")
def test_undo_of_others_decision_is_refused(company: Company, record: Approval) -> None:
    n = company.people
    scenarios.approve(record, n.omar, now=company.now)
    for other, code in ((n.sana, "A8"), (n.theo, "PERMISSION")):
        with pytest.raises(Refused, match=f"^{code}: "):
            retract(record, other, company)
    record.refresh_from_db()
    assert record.state == ApprovalState.APPROVED
    decision = record.decisions.get()
    with pytest.raises(IntegrityError, match="A8"), transaction.atomic():
        Retraction.objects.create(decision=decision, person=n.sana, at=company.now)


@pytest.mark.rule("A8")
def test_undo_without_decision_is_refused(company: Company, record: Approval) -> None:
    with pytest.raises(DutyConflict, match="not yours to undo"):
        retract(record, company.people.omar, company)


@pytest.mark.rule("A5")
def test_undo_after_decided_submission_is_refused(company: Company, stock_in_force: Submission) -> None:
    made = stock_in_force
    assert made.state == SubmissionState.IN_FORCE
    record = stock_report.privilege_on(made, company.slack)
    with pytest.raises(OutOfTurn) as error:
        retract(record, company.people.omar, company)
    assert error.value.refusal.code == "A5"
    with pytest.raises(IntegrityError, match="STATE"), transaction.atomic():
        Retraction.objects.create(decision=record.decisions.get(), person=company.people.omar, at=company.now)


@pytest.mark.rule("A4", "S2")
def test_an_app_is_not_taken_back_once_a_privilege_was_decided_on_its_strength(
    company: Company, record: Approval
) -> None:
    app, n = scenarios.app_of(record.submission), company.people
    scenarios.approve(record, n.omar, now=company.now)
    with pytest.raises(OutOfTurn) as error:
        retract(app, n.theo, company)
    assert error.value.refusal.code == "A4"
    with pytest.raises(IntegrityError, match="A4"), transaction.atomic():
        Retraction.objects.create(decision=app.decisions.get(), person=n.theo, at=company.now)


@pytest.mark.rule("S5")
def test_token_and_stale_session_do_not_undo(company: Company, chaser_submitted: Submission) -> None:
    n = company.people
    app = scenarios.app_of(chaser_submitted)
    scenarios.approve(app, n.theo, now=company.now)
    for minutes in (None, 60):
        with pytest.raises(DutyConflict) as error:
            retract(app, n.theo, company, actor=as_actor(n.theo, minutes))
        assert error.value.refusal.code == "SOD-5"


@pytest.mark.rule("A10")
def test_undo_after_deadline_is_refused(company: Company, record: Approval) -> None:
    scenarios.approve(record, company.people.omar, now=company.now)
    assert record.expires_at is not None
    with pytest.raises(OutOfTurn) as error:
        retract(record, company.people.omar, company, now=record.expires_at + timedelta(seconds=1))
    assert error.value.refusal.code == "A10"


@pytest.mark.rule("A14")
def test_a_question_that_was_answered_is_not_taken_back(company: Company, record: Approval) -> None:
    n = company.people
    ask(record, n.omar, company)
    decide.answer(record, actor=as_actor(n.rita), now=company.now, reason="Because of that.")
    with pytest.raises(DutyConflict, match="not yours to undo"):
        retract(record, n.omar, company)


@pytest.mark.rule("A8", "H1")
def test_undone_decision_reopens_approval_and_stays_on_record(company: Company, record: Approval) -> None:
    n = company.people
    before = (record.opened_at, record.due_at, record.expires_at)
    scenarios.reject(record, n.omar, now=company.now, reason="Not this channel.")
    retract(record, n.omar, company, reason="Wrong row.")
    assert (record.state, record.ended_at, record.round) == (ApprovalState.OPEN, None, 1)
    assert (record.opened_at, record.due_at, record.expires_at) == before
    decision = record.decisions.get()
    assert decision.retraction.person == n.omar
    assert decision.retraction.reason.shown == "Wrong row."
    verbs = LedgerEvent.objects.filter(subject_type="approvals.approval", subject_id=str(record.pk)).order_by("pk")
    assert list(verbs.values_list("verb", flat=True))[-2:] == ["approval.rejected", "approval.retracted"]
    assert record.pk in [approval.pk for approval in approvals.to_decide(as_actor(n.omar), company.now)]
    scenarios.approve(record, n.omar, now=company.now)
    assert record.state == ApprovalState.APPROVED
    assert [decision.again for decision in record.decisions.order_by("pk")] == [0, 1]


@pytest.mark.rule("A8")
def test_two_presses_of_undo_are_one(company: Company, record: Approval) -> None:
    n = company.people
    scenarios.approve(record, n.omar, now=company.now)
    first = record.decisions.get().pk
    for _ in range(2):
        retract(record, n.omar, company, decision=first)
    assert Retraction.objects.count() == 1
    scenarios.reject(record, n.omar, now=company.now)
    retract(record, n.omar, company, decision=first)  # an older page: what it takes back is taken back
    assert Retraction.objects.count() == 1
    assert record.state == ApprovalState.REJECTED


@pytest.mark.rule("A6")
def test_undo_from_changed_page_is_refused(company: Company, record: Approval) -> None:
    n = company.people
    scenarios.approve(record, n.omar, now=company.now)
    with pytest.raises(OutOfTurn) as error:
        retract(record, n.omar, company, decision=record.decisions.get().pk + 1)
    assert error.value.refusal.code == "A6"
    assert not Retraction.objects.exists()


@pytest.mark.rule("A6")
def test_form_shown_before_undo_is_stale(company: Company, record: Approval) -> None:
    n = company.people
    shown = scenarios.shown(record)
    scenarios.approve(record, n.omar, now=company.now)
    retract(record, n.omar, company)
    with pytest.raises(OutOfTurn) as error:
        decide.approve(record, actor=as_actor(n.omar), now=company.now, reason="Fine by me.", shown_digest=shown)
    assert error.value.refusal.code == "A6"


@pytest.mark.rule("A8")
def test_undo_keeps_decisions_of_others(company: Company, high: Approval) -> None:
    n, record = company.people, high
    scenarios.approve(record, n.omar, now=company.now)
    scenarios.approve(record, n.sana, now=company.now)
    assert record.state == ApprovalState.APPROVED
    retract(record, n.sana, company)
    assert record.state == ApprovalState.OPEN
    with pytest.raises(DutyConflict, match="one decision a person and round"):
        scenarios.approve(record, n.omar, now=company.now, reason="Once more.")
    scenarios.approve(record, n.sana, now=company.now)
    assert record.state == ApprovalState.APPROVED


@pytest.mark.rule("A7")
def test_undo_restores_requested_term_level_and_scope(company: Company, stock_in_stage_2: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    scenarios.approve(record, n.omar, now=company.now, term_days=30)
    assert record.granted_term_days == 30
    retract(record, n.omar, company)
    assert (record.granted_term_days, record.granted_level, record.granted_scope) == (None, "", None)
    made = scenarios.decide_rest(company, stock_in_stage_2)
    grant = next(grant for grant in scenarios.grants_of(made) if grant.approval_id == record.pk)
    assert (grant.ends_at - grant.begins_at).days == record.term_days


@pytest.mark.rule("A6", "A7", "A8")
def test_undo_after_others_decision_on_it_is_refused(company: Company, high: Approval) -> None:
    """A later approval covers what it narrowed; it does not overrule a later rejection or request for changes."""
    n, record = company.people, high
    scenarios.approve(record, n.omar, now=company.now, term_days=30)
    first = record.decisions.get()
    for act in (scenarios.approve, scenarios.reject):
        act(record, n.sana, now=company.now)
        with pytest.raises(DutyConflict, match="not yours to undo"):
            retract(record, n.omar, company, decision=first.pk)
        with pytest.raises(IntegrityError, match="A8: somebody decided after"), transaction.atomic():
            Retraction.objects.create(decision=first, person=n.omar, at=company.now)
        retract(record, n.sana, company)
    ask(record, n.sana, company)
    with pytest.raises(DutyConflict, match="not yours to undo"):
        retract(record, n.omar, company, decision=first.pk)


@pytest.mark.rule("S1", "S2", "A11")
def test_delegate_does_not_undo_personal_decision_of_giver(company: Company, record: Approval) -> None:
    n = company.people
    scenarios.reject(record, n.omar, now=company.now)
    takers = (
        (n.rita, "SOD-1"),
        (n.theo, "SOD-2"),
        (n.tom, "A8"),
    )  # a party, the app's approver, a person without a part in it
    for day, (taker, code) in enumerate(takers):
        now = company.now + timedelta(days=2 * day)
        stand_in = as_delegate(taker, giver=n.omar, now=now, days=1)
        with pytest.raises(DutyConflict, match=f"^{code}: "):
            retract(record, taker, company, actor=stand_in, now=now)
    assert not Retraction.objects.exists()
    assert record.state == ApprovalState.REJECTED


@pytest.mark.rule("A8", "S1")
def test_database_puts_nothing_in_force_after_undo(
    company: Company, stock_in_stage_2: Submission, record: Approval
) -> None:
    n = company.people
    scenarios.approve(record, n.omar, now=company.now)
    Retraction.objects.create(decision=record.decisions.get(), person=n.omar, at=company.now)  # and it stays approved
    with pytest.raises(Refused, match="A8"):
        scenarios.decide_rest(company, stock_in_stage_2)


@pytest.mark.rule("A14", "A8")
def test_database_carries_no_retracted_decision_over(company: Company, record: Approval) -> None:
    n = company.people
    scenarios.approve(record, n.omar, now=company.now)
    decision = record.decisions.get()
    retract(record, n.omar, company)
    newer = scenarios.submitted(company, stock_report.version(company, stock_report.one_more_channel))
    waits = newer.approvals.filter(stage=2, state=ApprovalState.WAITING).first() or newer.approvals.filter(stage=2)[0]
    with pytest.raises(IntegrityError, match="A14"), transaction.atomic():
        CarriedDecision.objects.create(approval=waits, decision=decision, round=waits.round)


@pytest.mark.rule("A9")
def test_next_approver_is_notified_when_undo_reopens(company: Company, chaser_in_stage_2: Submission) -> None:
    n, made = company.people, chaser_in_stage_2
    Notice.objects.filter(event="stage_2_opened", recipient=n.mei).update(state="dropped", error="Done.")
    record = made.approvals.filter(tier="high", privilege__entitlement__resource__owner=n.mei).first()
    assert record is not None
    scenarios.reject(record, n.sana, now=company.now)
    retract(record, n.sana, company)
    assert Notice.objects.get(event="stage_2_opened", recipient=n.mei).state == "waiting"


@pytest.mark.rule("I8")
def test_a_no_that_refused_the_connection_is_not_taken_back(company: Company, record: Approval) -> None:
    n = company.people
    shown = scenarios.shown(record)
    Binding.objects.filter(resource=company.slack).update(confirmed_by=None, confirmed_at=None, known_since=None)
    decide.reject(
        record, actor=as_actor(n.omar), now=company.now, reason="Not ours.", shown_digest=shown, not_mine=True
    )
    with pytest.raises(OutOfTurn) as error:
        retract(record, n.omar, company)
    assert error.value.refusal.code == "I8"


@pytest.mark.rule("A7", "A8")
def test_undo_keeps_narrowing_of_others(company: Company, high: Approval) -> None:
    n, record = company.people, high
    scenarios.approve(record, n.omar, now=company.now, term_days=60)
    scenarios.approve(record, n.sana, now=company.now, term_days=20)
    retract(record, n.sana, company)
    assert record.granted_term_days == 60


@pytest.mark.rule("A4")
def test_undone_app_approval_closes_stage_2(company: Company, stock_in_stage_2: Submission) -> None:
    n = company.people
    app = scenarios.app_of(stock_in_stage_2)
    retract(app, n.theo, company)
    second = stock_in_stage_2.approvals.filter(stage=2)
    assert {approval.state for approval in second} == {ApprovalState.WAITING}
    assert {approval.due_at for approval in second} == {None}
    for approval in second:
        assert recorded("approval.closed_again", approval, by=n.theo) == {"from": "open", "to": "waiting"}
    assert approvals.to_decide(as_actor(n.omar), company.now) == []
    with pytest.raises(OutOfTurn, match=r"^STATE: This approval is waiting, so this can't"):
        scenarios.approve(stock_report.privilege_on(stock_in_stage_2, company.slack), n.omar, now=company.now)
    scenarios.approve(app, n.theo, now=company.now)
    assert approvals.to_decide(as_actor(n.omar), company.now)
    assert scenarios.decide_rest(company, stock_in_stage_2).state == SubmissionState.IN_FORCE


@pytest.mark.rule("S2")
def test_person_who_undid_decision_is_barred_from_other_stage(company: Company, stock_in_stage_2: Submission) -> None:
    n, made = company.people, stock_in_stage_2
    stock_report.hand_over(company, company.slack, n.theo, n.omar)
    retract(scenarios.app_of(made), n.theo, company)
    route = load_context(made, company.now).route
    conflict = separation_of_duties.conflict(n.theo, route, stock_report.privilege_on(made, company.slack))
    assert conflict is not None
    assert conflict[0] == "SOD-2"


def at(day: int, hour: int, *, month: int = 11) -> datetime:
    """An instant of that autumn, in UTC: 16:00 is the end of a working day in Berlin."""
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.mark.rule("A10", "H8")
def test_undo_overnight_gains_no_day(company: Company, record: Approval) -> None:
    before = (record.due_at, record.expires_at)
    for asked_at, undone_at in ((at(24, 10), at(24, 15)), (at(24, 22), at(25, 1)), (at(25, 17), at(26, 8))):
        ask(record, company.people.omar, company, now=asked_at)
        retract(record, company.people.omar, company, now=undone_at)
        assert (record.due_at, record.expires_at) == before


@pytest.mark.rule("A10", "A9")
def test_the_time_that_a_question_stood_is_not_half_of_the_time(company: Company, record: Approval) -> None:
    ask(record, company.people.omar, company, now=company.now + timedelta(hours=1))
    undone = company.now + timedelta(days=10)
    retract(record, company.people.omar, company, now=undone)
    assert not record.is_half_gone(undone), "an hour of three days was used"
    assert record.due_at is not None
    assert record.is_half_gone(undone + (record.due_at - undone) / 2)


@pytest.mark.rule("A14", "A10", "H8")
def test_a_question_that_is_taken_back_lets_the_approvers_time_run_on(company: Company, record: Approval) -> None:
    n, opened_at = company.people, record.opened_at
    assert opened_at is not None
    assert (record.due_at, record.expires_at) == (at(27, 16), at(8, 16, month=12)), (
        "three and ten working days from Tuesday the 24th"
    )
    ask(record, n.omar, company)
    assert record.due_at is None
    stood = timedelta(days=2)
    retract(record, n.omar, company, now=company.now + stood)  # what was left when it was asked is left now
    assert (record.due_at, record.expires_at) == (at(1, 16, month=12), at(10, 16, month=12)), "not on a Sunday"
    assert record.opened_at == opened_at + stood
    assert record.builder_due_at is None
    notices = Notice.objects.filter(event="question_retracted")
    assert n.rita in {notice.recipient for notice in notices}
    with pytest.raises(OutOfTurn, match=r"^STATE: This approval is open, so this can't"):
        decide.answer(record, actor=as_actor(n.rita), now=company.now, reason="Because.")


@pytest.mark.rule("A14")
def test_repeated_question_after_undo_is_notified_again(company: Company, record: Approval) -> None:
    n = company.people
    for _ in range(2):
        ask(record, n.omar, company)
        retract(record, n.omar, company)
    for event in ("changes_asked", "question_retracted"):
        assert Notice.objects.filter(event=event, recipient=n.rita).count() == 2


@pytest.mark.rule("A11")
def test_giver_and_delegate_may_both_undo_delegated_decision(company: Company, record: Approval) -> None:
    n = company.people
    stand_in = as_delegate(n.tom, giver=n.omar)
    for decides, who in ((stand_in, stand_in), (stand_in, as_actor(n.omar))):
        decide.approve(record, actor=decides, now=company.now, shown_digest=scenarios.shown(record))
        retract(record, n.tom, company, actor=who)
        assert record.state == ApprovalState.OPEN


@pytest.mark.rule("A8")
def test_database_reopens_approval_only_for_retraction(company: Company, record: Approval) -> None:
    scenarios.approve(record, company.people.omar, now=company.now)
    with pytest.raises(IntegrityError, match=r"A8: approval .* has ended"), transaction.atomic():
        Approval.objects.filter(pk=record.pk).update(state=ApprovalState.OPEN)


@pytest.mark.rule("A8")
def test_the_database_takes_no_second_decision_in_a_round_that_says_it_is_another(
    company: Company, record: Approval
) -> None:
    seat, omar = record.seats.get(), company.people.omar
    given = {"approval": record, "seat": seat, "person": omar, "round": 1, "shown_digest": "", "at": company.now}
    with pytest.raises(IntegrityError, match="A8: a person undoes their earlier decision"), transaction.atomic():
        Decision.objects.create(**given, outcome="approve", again=1)


@pytest.mark.rule("A14")
def test_retracted_decision_is_not_carried_to_newer_version(company: Company, record: Approval) -> None:
    n = company.people
    other = record.submission.approvals.filter(stage=2, state=ApprovalState.OPEN).exclude(pk=record.pk).first()
    assert other is not None
    scenarios.finish(company, other, now=company.now)
    scenarios.reject(record, n.omar, now=company.now)
    retract(record, n.omar, company)
    newer = scenarios.submitted(company, stock_report.version(company, stock_report.another_order))
    assert stock_report.privilege_on(newer, company.slack).carried_from_id is None
    assert newer.approvals.get(carried_from=other).state in (ApprovalState.APPROVED, ApprovalState.WAITING)


@pytest.mark.rule("A14", "R5")
@pytest.mark.parametrize("has_heard", [False, True])
def test_undone_question_notifies_only_earlier_recipients(
    company: Company, record: Approval, settings: Any, has_heard: bool
) -> None:
    n, settings.MAIL_SERVER = company.people, None
    Notice.objects.update(state="dropped")
    ask(record, n.omar, company)
    if has_heard:
        mail_jobs.send_due(now=company.now, gathering=timedelta())
    retract(record, n.omar, company)
    mail_jobs.send_due(now=company.now + timedelta(days=1), gathering=timedelta())
    subjects = Notice.objects.filter(recipient=n.rita, event="digest", state="sent").order_by("pk")
    begun = [re.split(" about | to ", subject.subject)[0] for subject in subjects]
    assert begun == (["Omar Haddad requests changes", "Omar Haddad took back a question"] if has_heard else [])


@pytest.mark.rule("A4", "R5")
def test_reasked_approver_is_notified_if_first_notice_was_dropped(
    company: Company, stock_in_stage_2: Submission, settings: Any
) -> None:
    n, settings.MAIL_SERVER = company.people, None
    app = scenarios.app_of(stock_in_stage_2)
    retract(app, n.theo, company)
    mail_jobs.send_due(now=company.now, gathering=timedelta())
    assert not Notice.objects.filter(event="digest", recipient=n.omar).exists(), "nothing is open for him"
    scenarios.approve(app, n.theo, now=company.now)
    mail_jobs.send_due(now=company.now, gathering=timedelta())
    assert Notice.objects.get(event="digest", recipient=n.omar).carried.get().event == "stage_2_opened"
