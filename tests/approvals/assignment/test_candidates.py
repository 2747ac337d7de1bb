"""Who is asked, how long they have, and when nobody can be asked at all (A1, A9, A10, A11, I1, I3, I8, G1)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from approvals.assignment.context import load_context
from approvals.decisions import jobs as decision_jobs
from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Candidate, Grant, Submission, SubmissionState
from approvals.models.grant import LONGEST_TERM
from approvals.submissions import jobs as submission_jobs
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import expire, submit
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice, Person
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState, Version
from tests import run_lengths, scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.people import as_actor, as_delegate, make_person
from tests.scenarios import Company
from tests.starting_points import starting_point

JOB = Actor.of_job("approvals.sweep")


def leaves(c: Company, *people: Person) -> None:
    """People leave."""
    for person in people:
        record_leaver(person, actor=as_actor(c.people.ines), now=c.now, reason="Left.")


def standing(c: Company, record: Approval, label: str = "owner") -> tuple[str, list[str], dict[str, str]]:
    """The rung that decides a seat, who stands on it, and who was skipped with which code."""
    fresh = Approval.objects.get(pk=record.pk)
    seat = next(seat for seat in load_context(fresh.submission, c.now).route.standing(fresh) if seat.label == label)
    return (
        seat.basis,
        [p.name for p in seat.may_decide],
        {skipped.person.name: skipped.code for skipped in seat.skipped},
    )


# --- what is not ready is not submitted -------------------------------------------------------------------------------


def not_submitted(c: Company, version: Version, words: str, *, code: str = "I8") -> None:
    """It is refused, names what is missing, and leaves nothing."""
    with pytest.raises(InvalidInput, match=words) as caught:
        scenarios.submitted(c, version)
    assert caught.value.refusal.code == code
    assert not Submission.objects.filter(automation=version.automation).exists()
    assert Automation.objects.get(pk=version.automation_id).state == AutomationState.DRAFT


@pytest.mark.rule("I8")
def test_unrecognised_or_unowned_target_is_saved_but_not_submitted(company: Company) -> None:
    version = scenarios.brought_in(company, "price-list-sync.json")
    not_submitted(company, version, "Say what Write price talks to: it was not recognised")
    not_submitted(company, version, "This waits for an admin to name an owner of pim.northwind.example")


@pytest.mark.rule("I3")
def test_submission_on_orphaned_resource_is_refused(company: Company) -> None:
    version = stock_report.version(company)
    leaves(company, company.people.omar)
    not_submitted(company, version, "has no active owner")


@pytest.mark.rule("I3", "A1", "A9")
def test_approval_on_orphaned_resource_can_only_be_rejected(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    leaves(company, company.people.omar)
    amara = as_actor(company.people.amara)  # the deputy is asked in his place
    refused(decide.approve, record, amara, "I3", now=company.now, kind="state")
    stock_report.hand_over(company, company.slack, company.people.piet, company.people.amara)
    fresh = Approval.objects.get(pk=record.pk)
    assert decide.approve.refusal(fresh, actor=as_actor(company.people.piet), now=company.now) is None
    other = stock_report.privilege_on(record.submission, company.erp)
    scenarios.reject(other, company.people.amara, now=company.now)
    assert other.state == ApprovalState.REJECTED


@pytest.mark.rule("I1")
def test_purpose_and_owners_are_required_before_submission(company: Company) -> None:
    not_submitted(company, stock_report.version(company, purpose="  "), "the purpose is empty")
    not_submitted(company, scenarios.brought_in(company, technical_owner=None), "two different owners")
    not_submitted(company, scenarios.brought_in(company, technical_owner=company.people.jonas), "two different owners")


@pytest.mark.rule("I1", "A12")
def test_an_amendment_does_not_get_around_two_owners(company: Company, chaser_in_force: Submission) -> None:
    submission = chaser_in_force
    confirmation.amend_automation(
        submission.automation,
        actor=as_actor(company.people.rita),
        now=company.now,
        fields={"technical_owner": company.people.jonas},
    )
    with pytest.raises(InvalidInput, match="two different owners"):
        scenarios.submitted(company, submission.version)


@pytest.mark.rule("A1")
def test_each_thing_that_is_asked_says_why(company: Company) -> None:
    version = stock_report.version(company)
    rita = as_actor(company.people.rita)
    wishes = {**scenarios.wishes(version), version.privileges.all()[0].key: ItemRequest(" \u200b ")}
    with pytest.raises(InvalidInput, match="why it needs one") as caught:
        submit.submit(version.automation, actor=rita, now=company.now, version=version, wishes=wishes)
    assert [key for key, _ in caught.value.refusal.detail] == [version.privileges.all()[0].key]


@pytest.mark.rule("S1", "A11")
def test_nobody_submits_on_behalf_of_another_person(company: Company) -> None:
    version = stock_report.version(company)
    stand_in, job = as_delegate(company.people.tom, giver=company.people.rita), Actor.of_job("import")
    for actor, code in ((stand_in, "S1"), (job, "PERMISSION")):
        with pytest.raises(NotPermitted, match=f"^{code}: "):
            submit.submit(
                version.automation, actor=actor, now=company.now, version=version, wishes=scenarios.wishes(version)
            )


@pytest.mark.rule("A1", "G1")
def test_term_above_limit_of_tier_is_refused(company: Company) -> None:
    version = stock_report.version(company)
    key = version.privileges.all()[0].key
    for days in (0, 181):
        with pytest.raises(InvalidInput, match="1 to 180 days"):
            submit.submit(
                version.automation,
                actor=as_actor(company.people.rita),
                now=company.now,
                version=version,
                wishes=scenarios.wishes(version, **{key: ItemRequest("Why not.", days)}),
            )


# --- A9: the escalation chain ---------------------------------------------------------------------------------------------------


def of_jonas(c: Company) -> None:
    """Slack is owned and deputised for by Jonas and Rita, who are parties to what is submitted."""
    stock_report.hand_over(c, c.slack, c.people.jonas, c.people.rita)


OF_JONAS = starting_point("company", of_jonas)


@pytest.mark.rule("A9")
@OF_JONAS
def test_shortage_of_eligible_people_is_refused_with_names_of_approvals(company: Company) -> None:
    n = company.people
    version = stock_report.version(company)
    leaves(company, n.mei, n.amara, n.bram, n.sana, n.viktor, n.lena)
    not_submitted(company, version, "nobody|Nobody", code="A9")
    (event,) = LedgerEvent.objects.filter(verb="submission.submitted")
    assert (event.outcome, event.code) == ("refused", "A9"), "the attempt is on record"


@pytest.mark.rule("A9", "S1", "S3")
@OF_JONAS
def test_skipped_people_are_shown_with_reasons(company: Company) -> None:
    n = company.people
    submission = stock_report.in_stage_2(company)
    record = stock_report.privilege_on(submission, company.slack)
    assert standing(company, record) == (
        "lead of the owner's team",
        ["Amara Okafor"],
        {"Jonas Weil": "SOD-3", "Rita Novak": "SOD-3"},
    )
    assert set(record.seats.get().candidates.values_list("person__name", "basis")) == {
        ("Amara Okafor", "lead of the owner's team")
    }
    leaves(company, n.amara)
    basis, people, skipped = standing(company, record)
    assert (basis, people) == ("fallback owner", ["Bram Visser"])
    assert skipped["Amara Okafor"] == "A9"
    leaves(company, n.bram)
    assert standing(company, record)[:2] == ("security reviewer", ["Sana Iqbal", "Viktor Lind"])


@pytest.mark.rule("A9", "A1")
def test_stage_1_escalates_and_replacement_may_decide(company: Company, stock_submitted: Submission) -> None:
    n = company.people
    app = scenarios.app_of(stock_submitted)
    assert standing(company, app, "lead")[:2] == ("lead", ["Theo Brandt"])
    refused(decide.approve, app, as_actor(n.bram), "A9", now=company.now)
    leaves(company, n.theo)
    assert standing(company, app, "lead")[:2] == ("deputy lead", ["Bram Visser"])
    scenarios.approve(app, n.bram, now=company.now)
    assert Candidate.objects.filter(seat__approval=app, person=n.bram, basis="deputy lead").exists()


def of_bram(c: Company) -> Submission:
    """Bram owns Slack, and is asked for the app, whose business owner is Theo."""
    stock_report.hand_over(c, c.slack, c.people.bram, c.people.theo)
    return stock_report.submitted(c, business_owner=c.people.theo)


@pytest.mark.rule("A9")
@starting_point("company", of_bram)
def test_stage_1_warns_if_decision_leaves_approval_without_approver(company: Company, start: Submission) -> None:
    n, submission = company.people, start
    leaves(company, n.omar, n.amara, n.mei, n.lena, n.sana, n.viktor)
    app, route = scenarios.app_of(submission), load_context(submission, company.now).route
    stranded = route.would_strand(app, as_actor(n.bram))
    records = submission.approvals.filter(stage=2)
    slack = [record for record in records if "Slack" in str(record.privilege or record.credential)]
    assert {str(approval.privilege or approval.credential) for approval in slack} <= set(stranded)
    assert route.would_strand(app, as_actor(make_person("Somebody Else"))) == []


# --- A10: clocks ------------------------------------------------------------------------------------------------------


def at(text: str) -> datetime:
    """An instant of UTC."""
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.rule("A10", "H8")
def test_a_records_clock_starts_when_it_can_be_decided_and_counts_working_days_by_tier(
    company: Company, chaser_submitted: Submission
) -> None:
    submission = chaser_submitted  # Tuesday 24 November
    app = scenarios.app_of(submission)
    assert (app.due_at, app.expires_at) == (at("2026-11-26T16:00"), at("2026-12-08T16:00"))  # 17:00 in Berlin
    waiting = submission.approvals.filter(stage=2)
    assert set(waiting.values_list("due_at", "expires_at")) == {(None, None)}
    friday = company.now + timedelta(days=3)
    scenarios.approve(app, company.people.theo, now=friday)
    high, standard = (
        stock_report.privilege_on(submission, company.mail),
        stock_report.privilege_on(submission, company.drive),
    )
    assert (high.due_at, standard.due_at) == (at("2026-12-01T16:00"), at("2026-12-02T16:00"))


@pytest.mark.rule("H8", "A10", "A14")
def test_deadlines_skip_holidays_of_the_organisation(company: Company, settings: Any) -> None:
    settings.ORGANISATION_HOLIDAYS = frozenset({date(2026, 11, 25), date(2026, 12, 8)})
    submission = scenarios.submitted(company)  # Tuesday 24 November
    app = scenarios.app_of(submission)
    assert (app.due_at, app.expires_at) == (at("2026-11-27T16:00"), at("2026-12-10T16:00"))
    decide.ask_for_changes(
        app, actor=as_actor(company.people.theo), now=company.now, reason="Why?", shown_digest=scenarios.shown(app)
    )
    assert app.builder_due_at == at("2026-12-10T16:00")


@pytest.mark.rule("A10")
def test_each_reminder_is_sent_once_and_never_approves(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    app = scenarios.app_of(submission)
    mails = Notice.objects.filter(event="approval_due", recipient=company.people.theo)
    seen = []
    for moment in (
        company.now,
        app.opened_at + (app.due_at - app.opened_at) / 2,
        app.due_at - timedelta(hours=20),
        app.due_at,
    ):
        for _ in range(2):
            decision_jobs.remind(moment)
        seen.append(mails.count())
    assert seen == [0, 1, 2, 3]
    assert {notice.context["word"] for notice in mails} == {"half", "day_before", "overdue"}
    submission_jobs.sweep(app.due_at)
    app.refresh_from_db()
    assert app.state == ApprovalState.OPEN
    scenarios.approve(app, company.people.theo, now=app.due_at)
    submission_jobs.sweep(app.due_at + timedelta(days=1))
    assert mails.count() == 3, "who has decided is reminded no more"


@pytest.mark.rule("A10")
def test_reminder_for_each_due_date_is_separate(company: Company, chaser: Submission) -> None:
    """Of one submission, high records are due on the 26th and standard ones on the 27th: half a day apart at half-time."""
    omar = company.people.omar
    dues = {record.tier: record.due_at for record in chaser.approvals.filter(state=ApprovalState.OPEN)}
    assert dues == {"high": at("2026-11-26T16:00"), "standard": at("2026-11-27T16:00")}
    moment, reminders = company.now.replace(hour=7) + timedelta(days=1), []  # nothing is half gone before
    decision_jobs.remind(company.now)
    while moment < dues["standard"]:
        moment += timedelta(hours=run_lengths.run_length(3, soak=1))
        decision_jobs.remind(moment)
        if moment == dues["high"] - timedelta(hours=12):  # nothing that is left is as urgent as before
            for record in chaser.approvals.filter(tier="high", seats__candidates__person=omar):
                scenarios.finish(company, record, now=moment)
    for notice in Notice.objects.filter(event="approval_due", recipient=omar).order_by("pk"):
        reminders.append((notice.context["word"], datetime.fromisoformat(notice.context["due"])))
    assert reminders == [
        ("half", dues["high"]),
        ("day_before", dues["high"]),
        ("half", dues["standard"]),
        ("day_before", dues["standard"]),
        ("overdue", dues["standard"]),
    ]


@pytest.mark.rule("A10")
def test_approval_does_not_expire_early_or_by_hand(company: Company, stock_submitted: Submission) -> None:
    app = scenarios.app_of(stock_submitted)
    with pytest.raises(OutOfTurn, match="not up"):
        expire.expire(app, actor=JOB, now=app.expires_at - timedelta(seconds=1))
    for person in ("rita", "theo", "ines", "sana"):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            expire.expire(app, actor=as_actor(getattr(company.people, person)), now=app.expires_at)


@pytest.mark.rule("A10", "A4")
def test_undecided_app_expires_and_can_be_resubmitted(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    app = scenarios.app_of(submission)
    assert submission_jobs.sweep(app.expires_at)["expired_approvals"] == 1
    app.refresh_from_db()
    submission.refresh_from_db()
    assert (app.state, submission.state) == (ApprovalState.EXPIRED, SubmissionState.REJECTED)
    assert set(submission.approvals.filter(stage=2).values_list("state", flat=True)) == {ApprovalState.NOT_APPLICABLE}
    assert submission_jobs.sweep(app.expires_at)["expired_approvals"] == 0
    again = scenarios.submitted(company, submission.version, now=app.expires_at)
    assert scenarios.app_of(again).state == ApprovalState.OPEN
    assert is_asked_without_penalty(scenarios.app_of(again), app)


def is_asked_without_penalty(approval: Approval, expired: Approval) -> bool:
    """Whether an approval has the seats of the one that expired, and is not tied to it."""
    labels = [sorted(seat.label for seat in record.seats.all()) for record in (approval, expired)]
    return approval.earlier is None and labels[0] == labels[1]


@pytest.mark.rule("A10", "A5")
def test_undecided_privilege_expires_alone_and_can_be_resubmitted(company: Company, stage_2: Submission) -> None:
    late = stock_report.privilege_on(stage_2, company.slack)
    for record in stage_2.approvals.filter(state=ApprovalState.OPEN).exclude(pk=late.pk):
        scenarios.approve(record, company.people.omar, now=company.now)
    later = late.expires_at
    submission_jobs.sweep(later)
    stage_2.refresh_from_db()
    assert stage_2.state == SubmissionState.DECIDED
    again = scenarios.submitted(company, stage_2.version, now=later)
    (approval,) = again.approvals.filter(state=ApprovalState.OPEN)
    assert approval.privilege == late.privilege
    assert is_asked_without_penalty(approval, late)
    assert again.approvals.filter(state=ApprovalState.APPROVED).count() == 4


@pytest.mark.rule("A10", "A14")
def test_a_question_that_the_builder_does_not_answer_in_time_ends_the_record(
    company: Company, stage_2: Submission
) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    decide.ask_for_changes(
        record,
        actor=as_actor(company.people.omar),
        now=company.now,
        reason="Why?",
        shown_digest=scenarios.shown(record),
    )
    submission_jobs.sweep(record.builder_due_at - timedelta(seconds=1))
    record.refresh_from_db()
    assert record.state == ApprovalState.CHANGES_ASKED
    submission_jobs.sweep(record.builder_due_at)
    record.refresh_from_db()
    assert record.state == ApprovalState.EXPIRED


# --- I8, G1, H1: what an approval brings about ------------------------------------------------------------------------


@pytest.mark.rule("G1", "T3")
def test_each_grant_rests_on_both_records_and_ends_within_its_tier(chaser_in_force: Submission) -> None:
    submission = chaser_in_force
    made = scenarios.grants_of(submission)
    assert len(made) == 13
    for grant in made:
        assert grant.app_approval == scenarios.app_of(submission)
        assert grant.approval.state == ApprovalState.APPROVED
        assert (grant.ends_at - grant.begins_at).days == LONGEST_TERM[grant.tier]
    assert {grant.tier for grant in made} == {"standard", "high"}
    credential = next(grant for grant in made if grant.kind == "credential")
    assert credential in Grant.objects.live(credential.ends_at - timedelta(microseconds=1))
    assert credential not in Grant.objects.live(credential.ends_at)


@pytest.mark.rule("H1", "A2")
def test_each_step_stands_on_the_timelines_of_submission_automation_and_resource(
    company: Company, live: Submission
) -> None:
    automation, slack = f"inventory.automation:{live.automation_id}", f"inventory.resource:{company.slack.pk}"
    on_submission = LedgerEvent.objects.filter(about__contains=[f"approvals.submission:{live.pk}"])
    verbs = set(on_submission.values_list("verb", flat=True))
    assert verbs >= {
        "submission.submitted",
        "approval.opened",
        "approval.approved",
        "submission.decided",
        "submission.put_in_force",
    }
    assert all(automation in event.about for event in on_submission)
    approved = LedgerEvent.objects.filter(verb="approval.approved", about__contains=[slack])
    assert approved.count() >= 1
    assert LedgerEvent.objects.filter(verb="grant.created", about__contains=[slack]).count() == 1
    record = stock_report.privilege_on(live, company.slack)
    assert record.history.filter(history_user=company.people.omar, state="approved").count() == 1
