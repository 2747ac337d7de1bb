"""The light path: what policy approves once somebody has approved the app, what keeps it from that, and what the database refuses (A13)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals.decisions.transitions import comment, decide
from approvals.light_path import eligibility
from approvals.light_path.transitions import auto_approval
from approvals.models import (
    Approval,
    ApprovalState,
    Candidate,
    Decision,
    PolicyVersion,
    Sample,
    Submission,
    SubmissionState,
)
from approvals.policies import queries as policy_queries
from approvals.submissions.transitions import stages, withdraw
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import LedgerEvent, Notice
from inventory.imports.transitions import confirmation
from inventory.models import Binding, Resource
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build, connect
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.low_risk_report import another, both
from tests.approvals.proposals.policy_proposals import changed, in_force, looser
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import given

MONTH = timedelta(days=30)
BY_POLICY = "UPDATE approvals_approval SET state = 'approved', by_policy_id = %s, granted_term_days = term_days, ended_at = %s WHERE id = %s"


def four_allowed(c: Company) -> None:
    """Policy approves four grants for a builder in 30 days, so that few rows are enough to have too many."""
    in_force(c.people.ines, c.people.sana, changed(light_path__grants=4), now=c.now)


FOUR_ALLOWED = starting_point("company", four_allowed)
#: Where two of the four are given, and where two are asked for.
TWO_OF_FOUR = starting_point(FOUR_ALLOWED, low_risk_report.in_force)
TWO_ASKED = starting_point(FOUR_ALLOWED, low_risk_report.submitted)


def second(submission: Submission) -> list[Approval]:
    return list(submission.approvals.filter(stage=2).order_by("pk"))


def states(submission: Submission) -> set[str]:
    return {record.state for record in second(submission)}


def people_are_asked(submission: Submission) -> bool:
    """Stage 2 is open before its owners, and policy has approved nothing."""
    records = second(submission)
    has_candidates = Candidate.objects.filter(seat__approval__in=records).exists()
    return has_candidates and states(submission) == {"open"} and not any(record.by_policy for record in records)


# --- what does not qualify ----------------------------------------------------------------------------------------------


def called_by_another(export: dict[str, Any]) -> None:
    start = stock_report.node(export, ".scheduleTrigger")
    start["type"], start["parameters"] = "n8n-nodes-base.executeWorkflowTrigger", {}


def called_over_the_web(export: dict[str, Any]) -> None:
    start = stock_report.node(export, ".scheduleTrigger")
    start["type"] = "n8n-nodes-base.webhook"
    start["parameters"] = {"path": "stock", "authentication": "headerAuth"}


def reads_the_environment(export: dict[str, Any]) -> None:
    stock_report.node(export, ".postgres")["parameters"]["where"]["values"][0]["value"] = "={{ $env.WAREHOUSE }}"


@pytest.mark.rule("A13", "A16")
@pytest.mark.parametrize("edit", [called_by_another, called_over_the_web, reads_the_environment])
def test_external_trigger_or_finding_needs_people(company: Company, edit: Callable[[dict[str, Any]], None]) -> None:
    made = low_risk_report.submitted(company, edit)
    assert {made.tier, *(record.tier for record in second(made))} == {"low"}
    assert not made.light_path
    stock_report.app_approved(company, made)
    assert people_are_asked(made)


def unconfirmed(c: Company) -> Submission:
    """All of it is low, and nobody has confirmed its connection."""
    return scenarios.submitted(c, low_risk_report.version(c, is_confirmed=False))


UNCONFIRMED = starting_point("company", unconfirmed)


@pytest.mark.rule("A13", "I8")
@UNCONFIRMED
def test_a_connection_that_its_owner_has_not_confirmed_asks_them(company: Company, start: Submission) -> None:
    made = start
    assert (made.tier, made.light_path) == ("low", False)
    stock_report.app_approved(company, made)
    assert people_are_asked(made)


@pytest.mark.rule("A13", "T2")
def test_raised_tier_is_not_low(company: Company) -> None:
    version = low_risk_report.version(company)
    confirmation.raise_tier(
        version.automation, actor=as_actor(company.people.sana), now=company.now, reason="Look.", tier="standard"
    )
    made = scenarios.submitted(company, version)
    assert (made.tier, made.light_path) == ("standard", False)


@pytest.mark.rule("A13", "A15")
@pytest.mark.parametrize("ended", ["rejected", "withdrawn"])
def test_earlier_rejection_or_withdrawal_needs_people(
    company: Company, light_submitted: Submission, ended: str
) -> None:
    n = company.people
    if ended == "rejected":
        scenarios.reject(scenarios.app_of(light_submitted), n.theo, now=company.now)
    else:
        withdraw.withdraw(light_submitted, actor=as_actor(n.rita), now=company.now, reason="Later.")
    again = scenarios.submitted(company, light_submitted.version)
    assert not again.light_path
    later = company.now + timedelta(days=91)
    withdraw.withdraw(again, actor=as_actor(n.rita), now=company.now, reason="Later.")
    assert scenarios.submitted(company, light_submitted.version, now=later).light_path, "after the policy's days"


@pytest.mark.rule("A13", "A12")
def test_submission_without_stage_1_asks_owners(company: Company, light_in_force: Submission) -> None:
    made = low_risk_report.submitted(company, low_risk_report.reads_more(1))
    assert not made.approvals.filter(stage=1).exists()
    assert not made.light_path
    assert people_are_asked(made)


@pytest.mark.rule("A13", "A14")
@UNCONFIRMED
def test_newer_version_of_people_decided_submission_asks_people(company: Company, start: Submission) -> None:
    made = start
    stock_report.app_approved(company, made)
    connect(company, low_risk_report.content())
    newer = low_risk_report.submitted(company, low_risk_report.reads_more(1))
    assert newer.continues == made
    assert not newer.light_path
    assert people_are_asked(newer)


@pytest.mark.rule("A13")
@TWO_OF_FOUR
def test_light_path_ends_at_monthly_limit(company: Company) -> None:
    assert low_risk_report.submitted(company, another("two")).light_path, "2 more are 4"


@pytest.mark.rule("A13")
@TWO_OF_FOUR
def test_more_in_thirty_days_than_policy_approves_ask_the_owners(company: Company) -> None:
    made = low_risk_report.submitted(company, both(another("three"), low_risk_report.reads_more(1, "three")))
    assert not made.light_path
    stock_report.app_approved(company, made)
    assert people_are_asked(made)


@pytest.mark.rule("A13")
@TWO_OF_FOUR
def test_light_path_limit_resets_after_thirty_days(company: Company) -> None:
    version = low_risk_report.version(company, both(another("then"), low_risk_report.reads_more(2, "then")))
    assert scenarios.submitted(company, version, now=company.now + MONTH).light_path


# --- what leaves it before stage 2 -------------------------------------------------------------------------------------


def left(submission: Submission) -> str:
    """Why it left the light path, as the ledger has it."""
    subjects = [f"approvals.submission:{submission.pk}"]
    event = LedgerEvent.objects.get(verb="submission.left_light_path", about__contains=subjects)
    return str(event.payload["because"])


def object_to(c: Company, submission: Submission) -> None:
    record = stock_report.privilege_on(submission, c.erp)
    comment.object_to(record, actor=as_actor(c.people.omar), now=c.now, reason="Why all of it?")


@pytest.mark.rule("A13", "A3")
def test_an_objection_takes_it_off_and_a_newer_version_or_a_withdrawal_does_not_shed_it(
    company: Company, light_submitted: Submission
) -> None:
    object_to(company, light_submitted)
    newer = low_risk_report.submitted(company, low_risk_report.reads_more(1))
    assert not newer.light_path
    withdraw.withdraw(newer, actor=as_actor(company.people.rita), now=company.now, reason="Later.")
    later = company.now + timedelta(days=91)
    assert not scenarios.submitted(company, newer.version, now=later).light_path


@pytest.mark.rule("A13", "A3")
def test_an_objection_in_time_has_its_owners_asked(company: Company, light_submitted: Submission) -> None:
    object_to(company, light_submitted)
    stock_report.app_approved(company, light_submitted)
    assert people_are_asked(light_submitted)
    assert left(light_submitted) == "somebody objected"
    page = client_of(company.people.rita).get(f"/review/{light_submitted.pk}/timeline/").content.decode()
    assert "is no longer auto-approved, so people decide: somebody objected" in page


@pytest.mark.rule("A13", "I3")
def test_orphaned_resource_is_not_auto_approved(company: Company, light_submitted: Submission) -> None:
    record_leaver(company.people.omar, actor=as_actor(company.people.ines), now=company.now, reason="Left.")
    stock_report.app_approved(company, light_submitted)
    assert people_are_asked(light_submitted)
    assert left(light_submitted) == "a resource, credential or identity of it has no active owner"


@pytest.mark.rule("A13", "T1")
def test_risen_tier_is_not_auto_approved(company: Company, light_submitted: Submission) -> None:
    Resource.objects.filter(pk=company.erp.pk).update(data_class="confidential")
    with pytest.raises(OutOfTurn) as caught:
        stock_report.app_approved(company, light_submitted)
    assert caught.value.refusal.code == "T1"
    assert states(light_submitted) == {"waiting"}


@pytest.mark.rule("A13", "I8")
def test_a_connection_that_is_to_open_something_else_has_its_owner_asked(
    company: Company, light_submitted: Submission
) -> None:
    row = Binding.objects.get(resource=company.erp, confirmed_at__isnull=False)
    bindings.request_move(
        company.drive,
        actor=as_actor(company.people.ines),
        now=company.now,
        reason="A drive.",
        connector=row.connector,
        instance=row.instance_name,
    )
    stock_report.app_approved(company, light_submitted)
    assert people_are_asked(light_submitted)
    assert left(light_submitted) == "a connection is not confirmed"


def two_others(c: Company) -> list[Submission]:
    """Two others are on the light path, each within the four, and the app of each is approved."""
    others = [low_risk_report.submitted(c, another(word)) for word in ("one", "two")]
    assert all(submission.light_path for submission in others)
    return [stock_report.app_approved(c, submission) for submission in others]


@pytest.mark.rule("A13")
@starting_point(TWO_ASKED, two_others)
def test_limit_is_checked_again_at_app_approval(company: Company, start: list[Submission]) -> None:
    made = Submission.objects.earliest("pk")
    assert {record.by_policy_id for submission in start for record in second(submission)} == {made.policy_id}
    stock_report.app_approved(company, made)
    assert people_are_asked(made)
    assert left(made) == "its builder has as many of policy as there may be"


@pytest.mark.rule("A13", "A4", "A8")
def test_approvals_opened_to_people_stay_with_people(
    company: Company, light_submitted: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    row = Binding.objects.get(resource=company.erp, confirmed_at__isnull=False)
    where = {"connector": row.connector, "instance": row.instance_name}
    bindings.request_move(company.drive, actor=as_actor(n.ines), now=company.now, reason="A drive.", **where)
    stock_report.app_approved(company, light_submitted)
    assert people_are_asked(light_submitted)
    row.refresh_from_db()
    bindings.drop_move(row, actor=as_actor(n.ines), now=company.now, reason="It is none.")
    scenarios.retract(scenarios.app_of(light_submitted), n.theo, now=company.now)
    assert states(light_submitted) == {"waiting"}
    stock_report.app_approved(company, light_submitted)
    assert people_are_asked(light_submitted)

    scenarios.retract(scenarios.app_of(light_submitted), n.theo, now=company.now)
    monkeypatch.setattr(eligibility, "reason_against_submission", lambda *_: None)
    with pytest.raises(OutOfTurn) as caught:  # and the database says the same
        stock_report.app_approved(company, light_submitted)
    assert caught.value.refusal.code == "A13"
    assert "no person was asked for" in caught.value.refusal.sentence


@pytest.mark.rule("A13", "A5", "A8")
def test_app_approver_does_not_undo_after_auto_approval(company: Company, light_in_force: Submission) -> None:
    with pytest.raises(OutOfTurn, match=r"^A5: The submission is in force: its decisions"):
        scenarios.retract(scenarios.app_of(light_in_force), company.people.theo, now=company.now)


@pytest.mark.rule("A13", "A4")
def test_rejected_app_gets_no_auto_approval(company: Company, light_submitted: Submission) -> None:
    scenarios.reject(scenarios.app_of(light_submitted), company.people.theo, now=company.now)
    assert states(light_submitted) == {"not_applicable"}
    assert not Approval.objects.filter(by_policy__isnull=False).exists()


# --- what the database refuses -----------------------------------------------------------------------------------------


@pytest.mark.rule("A13", "S5")
def test_database_allows_auto_approval_only_on_light_path(company: Company, light_submitted: Submission) -> None:
    record, now = stock_report.privilege_on(light_submitted, company.erp), company.now
    with database_refuses("A4: stage # opens only when stage # is approved"):  # nobody has approved the app
        sql(BY_POLICY, light_submitted.policy_id, now, record.pk)
    with database_refuses("approval_policy_only_low"):  # and policy is no seat's answer to the app itself
        sql(BY_POLICY, light_submitted.policy_id, now, scenarios.app_of(light_submitted).pk)
    object_to(company, light_submitted)
    stock_report.app_approved(company, light_submitted)
    with database_refuses("A13: policy approves only open"):  # people are asked by now
        sql(BY_POLICY, light_submitted.policy_id, now, record.pk)
    with database_refuses("A1: submission"):
        sql("UPDATE approvals_submission SET light_path = NOT light_path WHERE id = %s", light_submitted.pk)


@pytest.mark.rule("A13", "S5")
@UNCONFIRMED
def test_database_refuses_auto_approval_outside_light_path(
    company: Company, start: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python has policy approve it all the same: all of it is low, and its connection is not confirmed."""
    made = start

    def approve_all(step: Any, submission: Submission, waiting: list[Approval]) -> bool:
        for record in waiting:
            auto_approval.approve_by_policy(record, actor=step.actor, now=step.now)
        return True

    monkeypatch.setattr(stages, "auto_approve", approve_all)
    with pytest.raises(OutOfTurn) as caught:
        stock_report.app_approved(company, made)
    assert caught.value.refusal.code == "A13"
    assert "is not on the light path" in caught.value.refusal.sentence
    assert states(made) == {"waiting"}


def _objected(c: Company, made: Submission) -> None:
    object_to(c, made)


def _moving(c: Company, made: Submission) -> None:
    Binding.objects.filter(resource=c.erp).update(moving_to=c.slack, moving_by=c.people.ines, moving_at=c.now)


def _another_policy(c: Company, made: Submission) -> None:
    in_force(c.people.ines, c.people.sana, looser(), now=c.now)


def ten_already(c: Company) -> None:
    """Policy has approved ten others."""
    stock_report.app_approved(c, low_risk_report.submitted(c, both(another("ten"), low_risk_report.reads_more(8))))


TEN_ALREADY = starting_point("light_submitted", ten_already)


def _nothing_more(c: Company, made: Submission) -> None:
    pass


@pytest.mark.rule("A13", "S5")
@pytest.mark.parametrize(
    ("before", "words"),
    [
        (_objected, "is not on the light path"),
        (_moving, "no owner has confirmed"),
        (_another_policy, "is not on the light path"),
        pytest.param(_nothing_more, "as much for a builder", marks=TEN_ALREADY),
    ],
)
def test_database_checks_light_path_independently(
    company: Company,
    light_submitted: Submission,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[Company, Submission], None],
    words: str,
) -> None:
    """The rule in Python is taken out: what it overlooks the database says, and Theo reads it."""
    before(company, light_submitted)
    monkeypatch.setattr(eligibility, "reason_against_submission", lambda *_: None)
    if before is _another_policy:
        newest = PolicyVersion.objects.get(number=2)
        monkeypatch.setattr(Submission, "policy", property(lambda self: newest))
    with pytest.raises(OutOfTurn) as caught:
        stock_report.app_approved(company, light_submitted)
    assert caught.value.refusal.code == "A13"
    assert words in caught.value.refusal.sentence
    assert states(light_submitted) == {"waiting"}


@pytest.mark.rule("A13", "A14")
def test_newer_undecided_version_stays_on_light_path(company: Company, light_submitted: Submission) -> None:
    app = scenarios.app_of(light_submitted)
    decide.ask_for_changes(
        app,
        actor=as_actor(company.people.theo),
        now=company.now,
        reason="All of it?",
        shown_digest=scenarios.shown(app),
    )
    newer = low_risk_report.submitted(company, low_risk_report.reads_more(1))
    assert (newer.continues, newer.light_path) == (light_submitted, True)
    stock_report.app_approved(company, newer)
    assert {record.by_policy for record in second(newer)} == {newer.policy}
    assert states(light_submitted) == {"withdrawn"}


# --- what it is --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A13", "A2", "G1")
def test_auto_approval_decides_each_approval_without_asking(company: Company, light_in_force: Submission) -> None:
    records = second(light_in_force)
    assert light_in_force.state == SubmissionState.IN_FORCE
    assert [record.kind for record in records] == ["privilege", "credential"]
    for record in records:
        assert (record.state, record.by_policy, record.tier) == (ApprovalState.APPROVED, light_in_force.policy, "low")
        assert record.granted_term_days == record.term_days
        event = LedgerEvent.objects.get(verb="approval.approved_by_policy", subject_id=str(record.pk))
        assert (event.payload["policy"], event.payload["document"]) == (1, light_in_force.policy.digest)
    assert not Decision.objects.filter(approval__in=records).exists()
    assert not Candidate.objects.filter(seat__approval__in=records).exists()
    assert not Notice.objects.filter(event="stage_2_opened").exists()
    grants = scenarios.grants_of(light_in_force)
    assert {grant.approval for grant in grants} == set(records)
    assert all(grant.is_live(company.now) for grant in grants)


@pytest.mark.rule("A13", "H3")
def test_pages_name_policy_version_of_auto_approval(company: Company, light_in_force: Submission) -> None:
    client = client_of(company.people.omar)
    record = stock_report.privilege_on(light_in_force, company.erp)
    page = client.get(f"/review/{light_in_force.pk}/", {"open": str(record.pk)}).content.decode()
    assert page.count("By policy version 1") == 3, "the stage and both approvals that are closed"
    assert "Approved by policy version 1." in page
    timeline = client.get(f"/review/{light_in_force.pk}/timeline/").content.decode()
    assert "was approved by policy version 1" in timeline


@pytest.mark.rule("A13")
def test_stage_1_approver_sees_that_nobody_else_decides(company: Company, light_submitted: Submission) -> None:
    client = client_of(company.people.theo)
    page = client.get(f"/review/{light_submitted.pk}/").content.decode()
    assert "policy version 1 approves its 2 requests of stage 2, and nobody else is asked" in page
    assert "Auto-approval" in client.get("/approvals/").content.decode()


@pytest.mark.rule("A13", "A3")
def test_resource_owner_may_object_before_auto_approval(company: Company, light_submitted: Submission) -> None:
    page = client_of(company.people.omar).get(f"/review/{light_submitted.pk}/").content.decode()
    assert "Auto-approved: policy version 1 approves 2 once stage 1 is approved, unless their owners object." in page


@pytest.mark.rule("A13")
def test_preview_offers_no_auto_approval_with_unknown_reach(company: Company) -> None:
    given(company.erp, data_class="internal")
    rita = Build.by(company.people.rita)
    item = rita.import_item(content=low_risk_report.content())
    rita.post(item, rita.typed(item, company.people.jonas))
    assert "Auto-approved" not in rita.see(item)


@pytest.mark.rule("A13")
@starting_point("company", low_risk_report.version)
def test_the_preview_says_so_and_submitting_does_so(company: Company) -> None:
    rita = Build.by(company.people.rita)
    item = rita.import_item(content=low_risk_report.content())
    rita.post(item, rita.typed(item, company.people.jonas))
    page = " ".join(rita.see(item).split())
    assert "<b>Auto-approved.</b> Theo Brandt decides the app; the rest is approved by policy version 1." in page
    assert "One grant in 10 gets a spot check afterwards." in page
    assert rita.post(item, rita.typed(item, company.people.jonas), "submit").status_code == 302
    assert Submission.objects.get().light_path


@pytest.mark.rule("A13", "I8")
def test_the_preview_says_why_not_where_little_is_missing(company: Company) -> None:
    low_risk_report.version(company, is_confirmed=False)
    rita = Build.by(company.people.rita)
    item = rita.import_item(content=low_risk_report.content())
    rita.post(item, rita.typed(item, company.people.jonas))
    page = " ".join(rita.see(item).split())
    assert "Low risk, but not auto-approved." in page
    assert f"The owner of {company.erp.name} has not confirmed yet what its connection opens. So owners" in page


@pytest.mark.rule("A13")
@TWO_OF_FOUR
def test_the_preview_says_that_it_would_be_one_too_many(company: Company) -> None:
    edit = both(another("three"), low_risk_report.reads_more(1))
    low_risk_report.version(company, edit)
    rita = Build.by(company.people.rita)
    item = rita.import_item(content=low_risk_report.content(edit))
    rita.post(item, rita.typed(item, company.people.jonas))
    page = " ".join(rita.see(item).split())
    assert "Policy approves 4 grants for a builder in 30 days; with this there would be 5. So owners decide." in page


@pytest.mark.rule("A13")
def test_the_numbers_are_the_policys(company: Company) -> None:
    policy = policy_queries.in_force(company.now)
    assert (policy.light_grants, policy.light_days, policy.sampled_one_in, policy.sampled_days) == (10, 30, 10, 5)
    none = policy_queries.Policy(policy.version, {})
    assert none.light_grants == 0, "a policy without a light path approves nothing"
    assert not Sample.objects.exists()
