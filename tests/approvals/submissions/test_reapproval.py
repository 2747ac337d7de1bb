"""What a newer version asks again, what it keeps, and what an earlier no still counts for (A12, A14, A15; S1, S2 across)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.decisions.transitions import decide
from approvals.grants import deploy_gate
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import Approval, ApprovalState, Grant, Submission, SubmissionState
from approvals.submissions.transitions import submit, withdraw
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted
from inventory.imports.transitions import confirmation
from inventory.models import Automation
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.ledger_records import recorded
from tests.matrix.cast_and_states import inside
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.starting_points import starting_point


def amended(c: Company, automation: Automation, **fields: Any) -> Automation:
    """Rita changes the details of an automation."""
    return confirmation.amend_automation(automation, actor=as_actor(c.people.rita), now=c.now, fields=fields)


def again(c: Company, before: Submission, *, by: str = "rita", days: int = 0) -> Submission:
    """The same version is submitted once more."""
    return scenarios.submitted(c, before.version, by=getattr(c.people, by), now=c.now + timedelta(days=days))


def stage_1_asked(submission: Submission) -> list[str]:
    """Why stage 1 is asked; empty when it is not."""
    app = submission.approvals.filter(stage=1).first()
    return list(app.reasons) if app else []


# --- A12: only what changed -------------------------------------------------------------------------------------------


@pytest.mark.rule("A12")
def test_unchanged_access_keeps_grant_without_questions(
    company: Company, live: Submission, one_channel_more: Submission
) -> None:
    held = {grant.key: grant.pk for grant in scenarios.grants_of(live)}
    newer = one_channel_more
    (approval,) = newer.approvals.all()
    assert (approval.stage, approval.privilege.target != "", approval.state) == (2, True, ApprovalState.OPEN)
    assert approval.privilege.key not in held
    assert newer.app_approval == live.app_approval
    stock_report.decide_rest(company, newer)
    assert newer.state == SubmissionState.IN_FORCE
    holds = {grant.key: grant.pk for grant in Grant.objects.live(company.now)}
    assert holds.items() >= held.items()
    assert len(holds) == len(held) + 1
    assert Grant.objects.get(approval=approval).app_approval == live.app_approval


@pytest.mark.rule("A12", "A5")
def test_removed_access_ends_when_version_comes_into_force(company: Company, live: Submission) -> None:
    newer = stock_report.submitted(company, stock_report.without_slack)
    assert newer.state == SubmissionState.IN_FORCE, "nothing new is asked"
    ended = Grant.objects.filter(approval__submission=live, state="ended")
    assert {grant.ended_why for grant in ended} == {"removed"}
    assert ended.count() == 2  # the channel, and the credential that nothing uses any more
    assert Grant.objects.live(company.now).count() == 2


@pytest.mark.rule("A12")
def test_approved_version_runs_until_new_one_is_in_force(
    company: Company, live: Submission, one_channel_more: Submission
) -> None:
    newer = one_channel_more
    automation = live.automation
    old, new = (submission.version.manifest_digest for submission in (live, newer))
    assert deploy_gate.answer_for_automation(automation, old, now=company.now).may_run
    answer = deploy_gate.answer_for_automation(automation, new, now=company.now)
    assert (answer.may_run, answer.code) == (False, "NOT_APPROVED")
    stock_report.decide_rest(company, newer)
    automation.refresh_from_db()
    assert deploy_gate.answer_for_automation(automation, new, now=company.now).may_run


@pytest.mark.rule("A12")
def test_a_raised_privilege_goes_to_its_owner_again(company: Company, live: Submission) -> None:
    company.slack.data_class = "restricted"
    company.slack.save()
    newer = stock_report.submitted(company, stock_report.one_more_channel)
    raised = newer.approvals.filter(kind="privilege", privilege__entitlement__resource=company.slack)
    assert {record.tier for record in raised} == {"high"}
    assert raised.count() == 2


@pytest.mark.rule("A12")
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"purpose": "Tells the buyers what runs low."}, "The purpose changed."),
        ({"business_owner": "theo"}, "The business owner changed."),
        ({"technical_owner": "bram"}, "The technical owner changed."),
        ({"kind": "script"}, "The kind changed."),
    ],
)
def test_a_change_of_purpose_owner_or_kind_goes_to_stage_1(
    company: Company, live: Submission, fields: dict[str, str], sentence: str
) -> None:
    given = {name: getattr(company.people, value, value) for name, value in fields.items()}
    amended(company, live.automation, **given)
    newer = again(company, live)
    assert [reason.lower() for reason in stage_1_asked(newer)] == [
        sentence.lower().replace("the ", "", 1)
    ] or stage_1_asked(newer) == [sentence.removeprefix("The ").capitalize()]
    assert newer.approvals.filter(stage=2).count() == 0


@pytest.mark.rule("A12")
def test_another_kind_of_trigger_goes_to_stage_1(company: Company, live: Submission) -> None:
    newer = stock_report.submitted(company, stock_report.started_by_hand)
    assert "The kind of trigger changed." in stage_1_asked(newer)


@pytest.mark.rule("A12")
def test_another_schedule_does_not_go_to_stage_1(company: Company, live: Submission) -> None:
    newer = stock_report.submitted(company, stock_report.every_tuesday)
    assert (stage_1_asked(newer), newer.state) == ([], SubmissionState.IN_FORCE)


@pytest.mark.rule("A12")
def test_source_alone_is_recorded_when_standard(company: Company, live: Submission) -> None:
    newer = stock_report.submitted(company, stock_report.another_order)
    assert newer.version != live.version
    assert (stage_1_asked(newer), newer.state) == ([], SubmissionState.IN_FORCE)


@pytest.mark.rule("A12")
def test_source_alone_is_asked_when_a_model_drives_it(company: Company, live: Submission) -> None:
    amended(company, live.automation, kind="ai_app")
    agent = scenarios.decide_all(company, again(company, live))
    assert agent.state == SubmissionState.IN_FORCE
    newest = stock_report.submitted(company, stock_report.another_order, kind="ai_app")
    assert stage_1_asked(newest) != []


def amended_meanwhile(c: Company) -> Submission:
    """Rita amends it while others decide; it comes into force."""
    made = stock_report.newest(c)
    amended(c, made.automation, purpose="Sends customer data to a friend.", business_owner=c.people.bram)
    return scenarios.decide_all(c, made)


@pytest.mark.rule("A12", "A1")
@starting_point("stock_submitted", amended_meanwhile)
def test_amendment_during_decisions_is_not_covered_by_them(company: Company, start: Submission) -> None:
    submission = start
    automation = Automation.objects.get(pk=submission.automation_id)
    assert automation.purpose == submission.asked["purpose"]
    assert automation.business_owner == company.people.jonas
    assert automation.amendment, "it waits for a decision of its own"
    newer = again(company, submission)
    assert len(stage_1_asked(newer)) == 2


@pytest.mark.rule("A12", "A1")
@pytest.mark.parametrize("later", ["Counts stock for the auditors.", ""])
def test_decided_approval_counts_despite_later_amendment(company: Company, live: Submission, later: str) -> None:
    first = live.automation.purpose
    amended(company, live.automation, purpose="Counts stock for suppliers.")
    newer = again(company, live)
    amended(company, live.automation, purpose=later or first)  # another change, or back to what stood
    scenarios.decide_all(company, newer)
    automation = Automation.objects.get(pk=live.automation_id)
    assert automation.purpose == "Counts stock for suppliers."
    assert automation.amendment == {"purpose": later or first}


@pytest.mark.rule("A12", "R1")
def test_a_small_change_does_not_put_off_the_review_of_the_app(company: Company, live: Submission) -> None:
    automation = Automation.objects.get(pk=live.automation_id)
    due = automation.review_on
    later = company.now + timedelta(days=60)
    newer = scenarios.submitted(company, stock_report.version(company, stock_report.another_order), now=later)
    assert newer.state == SubmissionState.IN_FORCE
    automation.refresh_from_db()
    assert automation.review_on == due


@pytest.mark.rule("G2", "A12")
def test_unrenewable_access_is_requested_before_it_ends(company: Company, live: Submission) -> None:
    grant, at = Grant.objects.get(approval=stock_report.privilege_on(live, company.erp)), company.now
    for _ in range(3):
        at += timedelta(days=100)
        grant = succeeded(grant, at)
    early, late = grant.ends_at - timedelta(days=31), grant.ends_at - timedelta(days=20)
    for other in list(Grant.objects.live(company.now).exclude(approval=grant.approval)):
        succeeded(succeeded(other, company.now + timedelta(days=170)), company.now + timedelta(days=340))
    with pytest.raises(InvalidInput, match="in force already"):
        scenarios.submitted(company, live.version, now=early)
    newer = scenarios.submitted(company, live.version, now=late)
    (approval,) = newer.approvals.all()
    assert (approval.privilege.key, approval.state) == (grant.key, ApprovalState.OPEN)
    scenarios.approve(approval, company.people.omar, now=late)
    anew = Grant.objects.live(late).get(key=grant.key)
    assert (anew.predecessor, anew.approval, (anew.ends_at - late).days) == (None, approval, 180)
    grant.refresh_from_db()
    assert grant.ended_why == "replaced"


def succeeded(grant: Grant, at: datetime) -> Grant:
    """A review renews a grant for its whole term."""
    job = Actor.of_job("review")
    with inside(grant, job, at):
        made: Grant = transition_lifecycle.succeed(
            grant, actor=job, now=at, answers=[], ends_at=transition_lifecycle.longest_end(grant, at)
        )
    return made


@pytest.mark.rule("A12")
def test_version_in_force_without_changes_is_no_submission(company: Company, live: Submission) -> None:
    with pytest.raises(InvalidInput, match="in force already"):
        again(company, live)


# --- A14: one open submission; a newer version continues it -----------------------------------------------------------


@pytest.mark.rule("A14")
def test_newer_version_keeps_decisions_on_unchanged_approvals(
    company: Company,
    stage_2: Submission,
) -> None:
    granted = stock_report.privilege_on(stage_2, company.erp)
    scenarios.approve(granted, company.people.omar, now=company.now, term_days=30, scope=["scm.stock"])
    scenarios.reject(stock_report.privilege_on(stage_2, company.slack), company.people.omar, now=company.now)
    newer = stock_report.submitted(company, stock_report.one_more_channel)
    stage_2.refresh_from_db()
    assert (stage_2.state, newer.continues) == (SubmissionState.WITHDRAWN, stage_2)
    assert Submission.objects.unfinished().filter(automation=newer.automation).count() == 1
    states = {str(record): record.state for record in newer.approvals.all()}
    app = scenarios.app_of(newer)
    assert (app.state, app.carried_from) == (ApprovalState.APPROVED, scenarios.app_of(stage_2)), states
    kept = stock_report.privilege_on(newer, company.erp)
    assert (kept.state, kept.carried_from, kept.granted_term_days) == (ApprovalState.APPROVED, granted, 30)
    assert newer.approvals.filter(kind="privilege", state=ApprovalState.REJECTED).count() == 1
    assert newer.approvals.filter(kind="privilege", state=ApprovalState.OPEN).count() == 1
    payload = recorded("approval.carried_over", kept, by=company.people.rita)
    assert payload == {"source": str(granted.pk), "decisions": 1, "from": "waiting", "to": "approved"}
    assert recorded("submission.continued", stage_2, by=company.people.rita) == {"from": "open", "to": "withdrawn"}


@pytest.mark.rule("A14")
def test_another_justification_is_another_question(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.erp)
    scenarios.approve(record, company.people.omar, now=company.now)
    newer = stock_report.version(company, stock_report.one_more_channel)
    item_requests = {record.privilege.key: submit.ItemRequest("To send it to a friend.")}
    submission = submit.submit(
        stage_2.automation,
        actor=as_actor(company.people.rita),
        now=company.now,
        version=newer,
        wishes=scenarios.wishes(newer, **item_requests),
    )
    assert stock_report.privilege_on(submission, company.erp).state == ApprovalState.OPEN


def signed_once(c: Company) -> Submission:
    """Mei has signed one record of the invoice chaser; a newer version is submitted."""
    record = stock_report.privilege_on(stock_report.newest(c), c.mail)
    scenarios.approve(record, c.people.mei, now=c.now, term_days=30)
    return scenarios.submitted(c, another_chaser(c))


@pytest.mark.rule("A14", "A8")
@starting_point("chaser_in_stage_2", signed_once)
def test_one_signature_of_two_is_kept_too(company: Company, start: Submission) -> None:
    n, newer = company.people, start
    record = stock_report.privilege_on(Submission.objects.earliest("pk"), company.mail)
    kept = stock_report.privilege_on(newer, company.mail)
    assert (kept.state, kept.carried_from) == (ApprovalState.WAITING, record), (
        "its source changed: stage 1 is asked again"
    )
    scenarios.decide_app(company, newer)
    kept.refresh_from_db()
    assert kept.state == ApprovalState.OPEN
    decided = scenarios.app_of(newer).decisions.latest("pk")
    assert recorded("approval.carried_on", kept, by=decided.person) == {"from": "waiting", "to": "waiting"}
    refused(decide.approve, kept, as_actor(n.mei), "A8", now=company.now)
    scenarios.approve(kept, n.sana, now=company.now)
    assert (kept.state, kept.granted_term_days) == (ApprovalState.APPROVED, 30)


def another_chaser(c: Company) -> Any:
    """A version of the invoice chaser that posts to another channel besides."""
    import json

    export = json.loads((scenarios.EXPORTS / "invoice-chaser.json").read_text())
    stock_report.one_more_channel(export)
    return scenarios.brought_in(c, content=json.dumps(export).encode())


def carried_twice(c: Company) -> Submission:
    """Theo, who approved the app, owns Slack since; two newer versions continued it."""
    first = stock_report.newest(c)
    stock_report.hand_over(c, c.slack, c.people.theo, c.people.amara)
    second = stock_report.submitted(c, stock_report.one_more_channel)
    third = stock_report.submitted(c, stock_report.another_order)
    assert (third.continues, second.continues) == (second, first)
    return third


CARRIED_TWICE = starting_point("stock_in_stage_2", carried_twice)


@pytest.mark.rule("S2", "A14")
@CARRIED_TWICE
def test_decider_of_carried_app_decides_no_privilege(company: Company, start: Submission) -> None:
    refused_on_slack(company, start)


def refused_on_slack(c: Company, submission: Submission) -> None:
    """Theo, who owns Slack now and decided the app once, is refused on what is open there."""
    record = submission.approvals.filter(privilege__entitlement__resource=c.slack, state=ApprovalState.OPEN).first()
    assert record is not None
    refused(decide.approve, record, as_actor(c.people.theo), "SOD-2", now=c.now)


def in_force_then_one_more(c: Company) -> Submission:
    """Put in force by Amara, and then one more channel is asked for."""
    submission = stock_report.newest(c)
    for record in submission.approvals.filter(stage=2, state=ApprovalState.OPEN):
        on = record.privilege.entitlement.resource if record.privilege else record.credential.decided_on
        scenarios.approve(record, c.people.amara if on == c.slack else c.people.omar, now=c.now)
    submission.refresh_from_db()
    assert submission.state == SubmissionState.IN_FORCE
    return stock_report.submitted(c, stock_report.one_more_channel)


@pytest.mark.rule("S2", "A14")
@starting_point(CARRIED_TWICE, in_force_then_one_more)
def test_decider_of_carried_app_is_barred_after_force(company: Company, start: Submission) -> None:
    refused_on_slack(company, start)


@pytest.mark.rule("S1", "A14")
def test_approver_who_imports_newer_version_loses_approval(company: Company, stage_2: Submission) -> None:
    n = company.people
    withdraw.withdraw(stage_2, actor=as_actor(n.rita), now=company.now, reason="There is a newer one.")
    # Theo approved the app; he is a member of the team and can bring in
    newer = scenarios.brought_in(
        company, stock_report.EXPORT, content=stock_report.source(stock_report.one_more_channel), by=n.theo
    )
    submission = scenarios.submitted(company, newer, by=n.rita)
    app = scenarios.app_of(submission)
    assert (app.state, app.carried_from) == (ApprovalState.OPEN, None)
    refused(decide.approve, app, as_actor(n.theo), "SOD-1", now=company.now)
    assert stage_2.approvals.get(stage=1).state == ApprovalState.APPROVED  # the decision stays


@pytest.mark.rule("A14", "A10")
def test_submitting_the_same_once_more_restarts_no_clock(company: Company, stock_submitted: Submission) -> None:
    before = stock_submitted
    clocks = list(before.approvals.order_by("pk").values("opened_at", "due_at", "expires_at"))
    assert again(company, before, days=1) == before, "a second press shows what the first one made (A8)"
    assert list(before.approvals.order_by("pk").values("opened_at", "due_at", "expires_at")) == clocks
    with pytest.raises(InvalidInput, match="under review already"):
        again(company, before, by="jonas", days=1)


@pytest.mark.rule("A14")
def test_changes_asked_stop_one_clock_and_start_the_builders(company: Company, stage_2: Submission) -> None:
    record, neighbour = (
        stock_report.privilege_on(stage_2, company.slack),
        stock_report.privilege_on(stage_2, company.erp),
    )
    ask(company, record)
    assert (record.state, record.due_at, record.expires_at) == (ApprovalState.CHANGES_ASKED, None, None)
    assert record.builder_due_at.isoformat() == "2026-12-08T16:00:00+00:00"  # ten working days, 17:00 in Berlin
    assert Approval.objects.get(pk=neighbour.pk).state == ApprovalState.OPEN
    decide.answer(record, actor=as_actor(company.people.rita), now=company.now, reason="Because.")
    assert (record.state, record.round, record.builder_due_at) == (ApprovalState.OPEN, 2, None)
    assert record.due_at is not None


def ask(c: Company, record: Approval, person: str = "omar") -> None:
    """Somebody asks for changes."""
    decide.ask_for_changes(
        record,
        actor=as_actor(getattr(c.people, person)),
        now=c.now,
        reason="Which channel?",
        shown_digest=scenarios.shown(record),
    )


@pytest.mark.rule("A14")
def test_rounds_have_no_limit_and_go_on_across_versions(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    ask(company, record)
    decide.answer(record, actor=as_actor(company.people.rita), now=company.now, reason="This one.")
    ask(company, record)
    newer = stock_report.submitted(
        company, stock_report.one_more_channel
    )  # the builder changes something instead of answering
    third = newer.approvals.get(privilege__key=record.privilege.key)
    assert third.round == 3
    ask(company, third)
    decide.answer(third, actor=as_actor(company.people.rita), now=company.now, reason="The other one.")
    assert third.round == 4
    scenarios.approve(third, company.people.omar, now=company.now)


@pytest.mark.rule("A14", "S1")
def test_answering_person_and_giver_become_parties(company: Company, stage_2: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(stage_2, company.slack)
    ask(company, record)
    decide.answer(record, actor=as_delegate(n.tom, giver=n.bram), now=company.now, reason="For Bram.")
    named = set(record.submission.parties.filter(capacity="answered").values_list("person", flat=True))
    assert named == {n.tom.pk, n.bram.pk}


@pytest.mark.rule("A14", "S1")
def test_decider_does_not_answer_for_builder(company: Company, stage_2: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(stage_2, company.slack)  # Theo, a member of the team, approved the app
    ask(company, record)
    for actor in (as_actor(n.theo), as_delegate(n.tom, giver=n.theo)):
        with pytest.raises(DutyConflict) as caught:
            decide.answer(record, actor=actor, now=company.now, reason="Take any channel.")
        assert caught.value.refusal.code == "SOD-1"
    assert not record.submission.parties.filter(person=n.theo).exists()


# --- A15: withdrawing, and asking again --------------------------------------------------------------------------------


@pytest.mark.rule("A15")
def test_only_submitter_withdraws_with_reason(company: Company, stage_2: Submission) -> None:
    for person in ("jonas", "theo", "omar", "ines"):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            withdraw.withdraw(stage_2, actor=as_actor(getattr(company.people, person)), now=company.now, reason="x")
    with pytest.raises(InvalidInput, match="Say why"):
        withdraw.withdraw(stage_2, actor=as_actor(company.people.rita), now=company.now)
    withdraw.withdraw(stage_2, actor=as_actor(company.people.rita), now=company.now, reason="Not needed.")
    assert stage_2.state == SubmissionState.WITHDRAWN
    assert scenarios.app_of(stage_2).state == ApprovalState.APPROVED  # what was decided stays
    second = stage_2.approvals.filter(stage=2)
    assert set(second.values_list("state", flat=True)) == {ApprovalState.WITHDRAWN}
    for record in second:
        payload = recorded("approval.withdrawn", record, by=company.people.rita)
        assert payload == {"from": "open", "to": "withdrawn"}


@pytest.mark.rule("A15", "A9")
def test_rejected_request_goes_to_same_person_with_reason(company: Company, stock_declined: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(stock_declined, company.slack)
    stock_report.hand_over(company, company.slack, n.piet, n.amara)  # another owner would be asked first
    newer = again(company, stock_declined, days=3)
    scenarios.approve(scenarios.app_of(newer), n.theo, now=company.now)
    approval = stock_report.privilege_on(newer, company.slack)
    assert approval.earlier == record
    assert approval.earlier.decisions.get().reason.text == "Too public."
    refused(decide.approve, approval, as_actor(n.piet), "A9", now=company.now)
    scenarios.approve(approval, n.omar, now=company.now)
    assert approval.state == ApprovalState.APPROVED


@pytest.mark.rule("A15")
def test_rejection_expires_after_90_days(company: Company, stock_declined: Submission) -> None:
    assert stock_report.privilege_on(again(company, stock_declined, days=91), company.slack).earlier is None


@pytest.mark.rule("A15")
def test_when_the_person_left_one_signature_more_is_needed(company: Company, stock_declined: Submission) -> None:
    stock_report.hand_over(company, company.slack, company.people.piet, company.people.amara)
    record_leaver(company.people.omar, actor=as_actor(company.people.ines), now=company.now, reason="Left.")
    stock_report.hand_over(company, company.erp, company.people.lena, company.people.amara)
    newer = again(company, stock_declined)
    seats = [seat.label for seat in stock_report.privilege_on(newer, company.slack).seats.all()]
    assert seats == ["owner", "security"]


def rejected_by_one_who_left(c: Company) -> Submission:
    """Mei rejected one high-risk record and left; what she owned is Lena's, and it is asked again."""
    n, chaser = c.people, stock_report.newest(c)
    scenarios.reject(stock_report.privilege_on(chaser, c.mail), n.mei, now=c.now)
    withdraw.withdraw(chaser, actor=as_actor(n.rita), now=c.now, reason="Later.")
    for resource in (c.mail, c.drive, c.github):
        stock_report.hand_over(c, resource, n.lena, n.amara)
    record_leaver(n.mei, actor=as_actor(n.ines), now=c.now, reason="Left.")
    return scenarios.submitted(c, chaser.version)


@pytest.mark.rule("A15", "T3")
@starting_point("chaser_in_stage_2", rejected_by_one_who_left)
def test_one_signature_more_than_owner_and_security_is_a_third(company: Company, start: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(start, company.mail)
    assert [seat.label for seat in record.seats.all()] == ["owner", "security", "second"]
    scenarios.decide_app(company, start)
    for person in (n.lena, n.sana):
        scenarios.approve(record, person, now=company.now)
    assert record.state == ApprovalState.OPEN
    scenarios.approve(record, n.amara, now=company.now)
    assert record.state == ApprovalState.APPROVED


def rejected_by_security(c: Company) -> Submission:
    """Sana rejected one record of the invoice chaser; it was withdrawn, and is in stage 2 again."""
    chaser = stock_report.newest(c)
    scenarios.reject(stock_report.privilege_on(chaser, c.mail), c.people.sana, now=c.now)
    withdraw.withdraw(chaser, actor=as_actor(c.people.rita), now=c.now, reason="Later.")
    newer = scenarios.submitted(c, chaser.version)
    scenarios.decide_app(c, newer)
    return newer


@pytest.mark.rule("A15", "A9")
@starting_point("chaser_in_stage_2", rejected_by_security)
def test_rejecting_reviewer_is_asked_again_for_security_only(company: Company, start: Submission) -> None:
    n, newer = company.people, start
    approval = stock_report.privilege_on(newer, company.mail)
    scenarios.approve(approval, n.mei, now=company.now)
    assert approval.decisions.get().seat.label == "owner"
    scenarios.approve(approval, n.sana, now=company.now)
    assert approval.state == ApprovalState.APPROVED


@pytest.mark.rule("A15", "S1")
def test_withdrawing_and_letting_another_submit_sheds_no_party(company: Company) -> None:
    n = company.people
    version = stock_report.version(company, technical_owner=None)  # Rita brings it in
    first = scenarios.submitted(company, version, by=n.theo)  # a lead is a member of the team too
    withdraw.withdraw(first, actor=as_actor(n.theo), now=company.now, reason="Let Rita do it.")
    second = scenarios.submitted(company, version, by=n.rita)
    refused(decide.approve, scenarios.app_of(second), as_actor(n.theo), "SOD-1", now=company.now)


@pytest.mark.rule("S1")
def test_every_owner_from_draft_to_decision_is_party(company: Company) -> None:
    n = company.people
    version = stock_report.version(company, business_owner=n.theo)
    amended(company, version.automation, business_owner=n.jonas)  # while it is a draft
    submission = scenarios.submitted(company, version)
    assert submission.automation.business_owner == n.jonas
    refused(decide.approve, scenarios.app_of(submission), as_actor(n.theo), "SOD-1", now=company.now)


@pytest.mark.rule("S1", "A12")
def test_owner_named_by_submission_is_party(company: Company, live: Submission) -> None:
    n = company.people
    amended(company, live.automation, business_owner=n.theo)
    newer = again(company, live)
    refused(decide.approve, scenarios.app_of(newer), as_actor(n.theo), "SOD-1", now=company.now)


@pytest.mark.rule("L1", "A14")
def test_retiring_an_automation_ends_its_open_submission(
    company: Company, live: Submission, one_channel_more: Submission
) -> None:
    from inventory.automations.transitions import lifecycle

    newer = one_channel_more
    lifecycle.retire(live.automation, actor=as_actor(company.people.jonas), now=company.now, reason="Not needed.")
    newer.refresh_from_db()
    assert newer.state == SubmissionState.WITHDRAWN
    assert recorded("submission.closed", newer, by=company.people.jonas) == {"from": "open", "to": "withdrawn"}
    assert set(newer.approvals.values_list("state", flat=True)) == {ApprovalState.WITHDRAWN}
    assert not Grant.objects.live(company.now).exists()


# --- A17: the gate ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("A17")
def test_a_superseded_version_may_run_for_30_days_with_the_grants_that_are_left(
    company: Company, live: Submission
) -> None:
    second = stock_report.submitted(company, stock_report.without_slack)
    automation = Automation.objects.get(pk=live.automation_id)
    digest = live.version.manifest_digest
    answer = deploy_gate.answer_for_automation(automation, digest, now=company.now + timedelta(days=30))
    assert answer.may_run
    assert {grant.entitlement.resource for grant in answer.grants if grant.entitlement} == {company.erp}
    late = deploy_gate.answer_for_automation(automation, digest, now=company.now + timedelta(days=30, seconds=1))
    assert (late.may_run, late.code) == (False, "NOT_APPROVED")
    assert deploy_gate.answer_for_automation(automation, second.version.manifest_digest, now=company.now).may_run


@pytest.mark.rule("A17", "G3")
def test_gate_denies_unknown_and_stopped_versions(company: Company, live: Submission) -> None:
    from inventory.automations.transitions import lifecycle

    automation = Automation.objects.get(pk=live.automation_id)
    digest = live.version.manifest_digest
    assert deploy_gate.answer_for_automation(automation, "0" * 64, now=company.now).code == "UNKNOWN_VERSION"
    expired = deploy_gate.answer_for_automation(automation, digest, now=company.now + timedelta(days=181))
    assert (expired.may_run, expired.code, list(expired.grants)) == (False, "NOT_REVIEWED", [])
    lifecycle.stop(automation, actor=as_actor(company.people.jonas), now=company.now, reason="Wrong numbers.")
    answer = deploy_gate.answer_for_automation(automation, digest, now=company.now)
    assert (answer.may_run, answer.code, list(answer.grants)) == (False, "NOT_LIVE", [])


@pytest.mark.rule("A17", "I8")
def test_a_version_that_is_bound_to_something_else_is_not_the_approved_one(company: Company, live: Submission) -> None:
    automation = Automation.objects.get(pk=live.automation_id)
    with_more_rights = registry_rebound(company, live)
    assert with_more_rights.manifest_digest == live.version.manifest_digest
    answer = deploy_gate.answer_for_automation(automation, live.version.manifest_digest, now=company.now)
    assert (answer.may_run, f"Version {live.version.number} " in answer.sentence) == (True, True)
    assert len(answer.grants) == 4


def registry_rebound(c: Company, first: Submission) -> Any:
    """The same file again after two admins said that the Slack connection opens the mailbox."""
    privilege = stock_report.privilege_on(first, c.slack).privilege
    connection = {"connector": privilege.connector, "instance": privilege.instance}
    binding: Any = bindings.request_move(c.mail, actor=as_actor(c.people.ines), now=c.now, **connection)
    bindings.agree_to_move(binding, actor=as_actor(c.people.karl), now=c.now, resource=c.mail.pk)
    return stock_report.version(c)
