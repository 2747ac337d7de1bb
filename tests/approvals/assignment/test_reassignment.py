"""A replacement approver is asked, sees the approval and gets one notice; the time runs on (A1, A9, A10, R9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.assignment import jobs as assignment_jobs
from approvals.assignment.transitions import reassign
from approvals.decisions.transitions import decide
from approvals.inbox.queries.approvals import to_decide
from approvals.models import Approval, ApprovalState, Candidate, Submission
from approvals.submissions import jobs as submission_jobs
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import NotPermitted, OutOfTurn
from governance.core.jobs import nudge
from governance.core.models import LedgerEvent, Notice, Person
from governance.core.roles.roles import Role
from inventory.ownership import transitions as ownership_transitions
from tests import run_lengths, scenarios
from tests.appointments import end_role, join_fallback, leave_fallback, name_leads, record_leaver
from tests.approvals import stock_report
from tests.approvals.decisions.test_timelines import lines
from tests.approvals.intake.builder import of_its_own
from tests.approvals.refusals import refused
from tests.people import as_actor, give_role
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

JOB = Actor.of_job("approvals.sweep")


def leaves(c: Company, *people: Person) -> None:
    """People leave."""
    for person in people:
        record_leaver(person, actor=as_actor(c.people.ines), now=c.now, reason="Left.")


def fallback_is(c: Company, *people: Person) -> None:
    """These and no others are fallback owners."""
    n = c.people
    for person in (n.amara, n.bram):
        leave_fallback(n.fallback, person, now=c.now)
    for person in people:
        join_fallback(n.fallback, person, now=c.now)


def both_leads_left(c: Company) -> Submission:
    """Theo and Bram have left; Grace is the only fallback owner."""
    fallback_is(c, c.people.grace)
    leaves(c, c.people.theo, c.people.bram)
    return stock_report.newest(c)


BOTH_LEADS_LEFT = starting_point("stock_submitted", both_leads_left)


def seat_candidates(record: Approval, label: str) -> list[str]:
    """Names of everybody who was asked to fill a seat."""
    return list(
        Candidate.objects.filter(seat__approval=record, seat__label=label).values_list("person__name", flat=True)
    )


def hears_nothing(c: Company, submission: Submission, person: Person) -> bool:
    """Whether somebody has no part in a submission: is not asked, not told, and sees nothing of it."""
    return (
        client_of(person).get(f"/review/{submission.pk}/").status_code == 404
        and to_decide(as_actor(person), c.now) == []
        and not Notice.objects.filter(recipient=person, thread=f"submission:{submission.pk}").exists()
    )


@pytest.mark.rule("A9", "R9")
def test_no_reassignment_while_an_asked_person_may_decide(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    fallback_is(c, n.grace)
    submission = stock_submitted
    leaves(c, n.bram)  # the deputy, who was not asked
    assert assignment_jobs.route_due(c.now, JOB)["asked_next"] == 0
    assert hears_nothing(c, submission, n.grace)
    before = LedgerEvent.objects.count()
    assert not reassign.reassign.when_due(submission, actor=JOB, now=c.now)
    assert LedgerEvent.objects.count() == before, "what is not due is nobody's attempt"
    with pytest.raises(OutOfTurn, match=r"^A9: Those who were asked may still decide,"):
        reassign.reassign(submission, actor=JOB, now=c.now)
    for person in (n.ines, n.theo, n.rita, n.sana):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            reassign.reassign(submission, actor=as_actor(person), now=c.now)


@pytest.mark.rule("A1", "A9", "A10", "R9", "H3")
@BOTH_LEADS_LEFT
def test_next_approver_is_asked_and_notified_once(company: Company, start: Submission) -> None:
    c, n, submission = company, company.people, start
    app = scenarios.app_of(submission)
    assert hears_nothing(c, submission, n.grace)
    assert submission_jobs.sweep(c.now)["asked_next"] == 1
    assert submission_jobs.sweep(c.now)["asked_next"] == 0
    assert seat_candidates(app, "lead") == ["Theo Brandt", "Grace Lindqvist"]
    assert to_decide(as_actor(n.grace), c.now) == [app]
    assert client_of(n.grace).get(f"/review/{submission.pk}/").status_code == 200
    (notice,) = Notice.objects.filter(recipient=n.grace).exclude(event="proposal_to_accept")
    assert (notice.event, notice.context["instead"]) == ("stage_1_opened", True)
    sentence = "other approvers were asked, because the earlier ones may not decide any more"
    assert lines(c, submission, n.rita).count(sentence) == 1
    clock = app.due_at, app.expires_at
    app.refresh_from_db()
    assert (app.due_at, app.expires_at) == clock
    scenarios.approve(app, n.grace, now=c.now)
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("A9", "R9")
def test_replacement_for_many_approvals_gets_one_mail(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    told_already = Notice.objects.filter(recipient=n.amara).count()
    leaves(c, n.omar)
    submission_jobs.sweep(c.now)
    submission_jobs.sweep(c.now)
    (notice,) = Notice.objects.filter(recipient=n.amara).order_by("pk")[told_already:]
    assert (notice.event, notice.context["count"]) == ("stage_2_opened", 4)
    records = list(stage_2.approvals.filter(stage=2).order_by("pk"))
    assert {approval.pk for approval in to_decide(as_actor(n.amara), c.now)} == {approval.pk for approval in records}
    assert all(seat_candidates(approval, "owner") == ["Omar Haddad", "Amara Okafor"] for approval in records)


def slack_is_amaras(c: Company) -> Submission:
    """In stage 2, where Slack is Amara's."""
    stock_report.hand_over(c, c.slack, c.people.amara, c.people.mei)
    return stock_report.in_stage_2(c)


@pytest.mark.rule("A9")
@starting_point("company", slack_is_amaras)
def test_person_with_other_approvals_is_notified_of_added_ones(company: Company, start: Submission) -> None:
    c, n, submission = company, company.people, start
    mails = Notice.objects.filter(recipient=n.amara, event="stage_2_opened")
    assert [mail.context["count"] for mail in mails] == [2], "Slack is hers"
    leaves(c, n.omar)  # and she deputises for the ERP
    submission_jobs.sweep(c.now)
    assert [mail.context["count"] for mail in mails.order_by("pk")] == [2, 2]
    assert len(to_decide(as_actor(n.amara), c.now)) == submission.approvals.filter(stage=2).count() == 4


Came = tuple[Approval, str, Person]


def another_lead(c: Company) -> Came:
    """The team gets another lead."""
    n = c.people
    waiting = stock_report.submitted(c)
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.grace, deputy_lead=None)
    return scenarios.app_of(waiting), "lead", n.grace


def another_owner(c: Company) -> Came:
    """The resource gets another owner, who accepts."""
    stock_report.hand_over(c, c.mail, c.people.piet, c.people.amara)
    return stock_report.privilege_on(stock_report.newest(c), c.mail), "owner", c.people.piet


def a_role_that_ended(c: Company) -> Came:
    """Both reviewers lose the role; another has it since."""
    n = c.people
    give_role(n.tom, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    for reviewer in (n.sana, n.viktor):
        end_role(reviewer, Role.SECURITY_REVIEWER, now=c.now)
    return stock_report.privilege_on(stock_report.newest(c), c.mail), "security", n.tom


def needed_elsewhere(c: Company) -> Came:
    """Nadia owns it and may sign for security. Once the reviewers have left she alone may, so that her deputy is asked for the owner's seat."""
    n = c.people
    give_role(n.nadia, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    stock_report.hand_over(c, c.mail, n.nadia, n.amara)
    submission_jobs.sweep(c.now)
    record = stock_report.privilege_on(stock_report.newest(c), c.mail)
    assert seat_candidates(record, "owner") == ["Mei Tanaka", "Nadia Petrov"]
    leaves(c, n.sana, n.viktor)
    return record, "owner", n.amara


WAYS = (another_lead, another_owner, a_role_that_ended, needed_elsewhere)


@pytest.mark.rule("A1", "A8", "A9")
@pytest.mark.parametrize(
    "way", [pytest.param(way.__name__, marks=starting_point("chaser_in_stage_2", way)) for way in WAYS]
)
def test_next_approver_is_asked_whenever_a_seat_loses_its_people(company: Company, start: Came, way: str) -> None:
    c = company
    record, label, replacement = start
    before = seat_candidates(record, label)
    assert replacement.name not in before, way
    submission_jobs.sweep(c.now)
    record = Approval.objects.get(pk=record.pk)
    assert seat_candidates(record, label) == [*before, replacement.name]
    assert record in to_decide(as_actor(replacement), c.now)
    assert decide.reject.refusal(record, actor=as_actor(replacement), now=c.now) is None
    notices = Notice.objects.filter(recipient=replacement, thread=f"submission:{record.submission_id}")
    assert notices.filter(event__endswith="_opened").count() == 1
    submission_jobs.sweep(c.now)
    assert notices.filter(event__endswith="_opened").count() == 1


def grace_joins(c: Company) -> Submission:
    """Theo and Bram have left, so Amara was asked; Grace becomes a fallback owner after that."""
    n = c.people
    fallback_is(c, n.amara)
    leaves(c, n.theo, n.bram)
    submission_jobs.sweep(c.now)
    join_fallback(n.fallback, n.grace, now=c.now)
    return stock_report.newest(c)


@pytest.mark.rule("A9", "S8")
@starting_point("stock_submitted", grace_joins)
def test_later_member_of_asked_group_is_not_asked(company: Company, start: Submission) -> None:
    c, n, submission = company, company.people, start
    due = scenarios.app_of(submission).due_at
    submission_jobs.sweep(due - timedelta(seconds=1))
    assert Notice.objects.filter(recipient=n.amara, event="approval_due").exists()
    assert hears_nothing(c, submission, n.grace)


@pytest.mark.rule("A9", "A10")
@BOTH_LEADS_LEFT
def test_a_replacement_is_asked_before_they_are_reminded(company: Company, start: Submission) -> None:
    n, due = company.people, scenarios.app_of(start).due_at
    submission_jobs.sweep(due)
    notices = Notice.objects.filter(recipient=n.grace).exclude(event="proposal_to_accept").order_by("pk")
    assert list(notices.values_list("event", flat=True)) == [
        "stage_1_opened",
        "approval_due",
    ]


def slack_is_theos(c: Company) -> Submission:
    """Theo leads the team and owns Slack; nobody is a fallback owner."""
    stock_report.hand_over(c, c.slack, c.people.theo, c.people.rita)
    fallback_is(c)
    return stock_report.submitted(c)


@pytest.mark.rule("A9", "S2")
@starting_point("company", slack_is_theos)
def test_person_who_strands_others_is_not_asked_alone(company: Company, start: Submission) -> None:
    """Theo leads the team and owns Slack. Once its others have left, he would strand it by deciding the app: Bram is asked too."""
    c, n = company, company.people
    app = scenarios.app_of(start)
    assert seat_candidates(app, "lead") == ["Theo Brandt"]
    leaves(c, n.amara, n.sana, n.viktor)
    submission_jobs.sweep(c.now)
    assert seat_candidates(app, "lead") == ["Theo Brandt", "Bram Visser"]
    refused(decide.approve, app, as_actor(n.omar), "PERMISSION", now=c.now, kind="permission")


def another_word(c: Company, word: str) -> Submission:
    """A stock report of another n8n, submitted."""
    content = of_its_own(stock_report.EXPORT, word)
    return scenarios.submitted(c, scenarios.brought_in(c, stock_report.EXPORT, content=content))


def in_each_stage(c: Company) -> None:
    """The invoice chaser is in stage 2, and a stock report in stage 1."""
    another_word(c, "zero")


@pytest.mark.rule("A9", "R9")
@starting_point("chaser_in_stage_2", in_each_stage)
def test_finding_them_costs_the_same_however_many_there_are(company: Company) -> None:
    c = company

    def read() -> int:
        with CaptureQueriesContext(connection) as counted:
            assert assignment_jobs.route_due(c.now, JOB)["asked_next"] == 0
        return len(counted)

    costs = [read()]
    for word in ("one", "two")[: run_lengths.run_length(1, soak=2)]:
        made = another_word(c, word)
        costs.append(read())
        stock_report.app_approved(c, made)
        costs.append(read())
    assert len(set(costs)) == 1, costs


@pytest.mark.rule("A9", "R8", "R9")
def test_changes_of_approvers_wake_the_sweep(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    c, n = company, company.people
    ines = as_actor(n.ines)
    woken: list[str] = []
    monkeypatch.setattr(nudge, "send", woken.append)

    alone = scenarios.resource(n, "Left alone", "data_store", "internal", n.omar, n.mei, n.platform)

    def nobody_answers_meanwhile_any_more() -> None:
        interim = ownership_transitions.NAME_INTERIM["resource"](
            alone, actor=as_actor(n.amara), now=c.now, person=n.grace
        )
        woken.clear()
        ownership_transitions.drop_interim(interim, actor=as_actor(n.amara), now=c.now, reason="She has no time.")

    ways: list[Callable[[], object]] = [
        lambda: leaves(c, n.omar),
        nobody_answers_meanwhile_any_more,
        lambda: name_leads(n.finance_ops, actor=ines, now=c.now, lead=n.grace, deputy_lead=None),
        lambda: stock_report.hand_over(c, c.slack, n.piet, n.amara),
        lambda: leave_fallback(n.fallback, n.bram, now=c.now),
        lambda: end_role(n.viktor, Role.SECURITY_REVIEWER, now=c.now),
    ]
    for way in ways:
        woken.clear()
        way()
        assert "approvals.sweep" in woken


@pytest.mark.rule("A9", "A10")
def test_approval_without_next_approver_expires(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    app = scenarios.app_of(stock_submitted)
    leaves(c, n.theo, n.bram, n.amara, n.sana, n.viktor)
    assert assignment_jobs.route_due(c.now, JOB)["asked_next"] == 0
    assert app.expires_at is not None
    assert submission_jobs.sweep(app.expires_at + timedelta(seconds=1))["expired_approvals"] == 1
