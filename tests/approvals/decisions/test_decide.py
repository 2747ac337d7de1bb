"""Deciding one record: what the page showed, reasons, narrowing, seats, and what each end means for the whole (A2 to A8)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from approvals.decisions.transitions import comment, decide
from approvals.models import Approval, ApprovalState, Decision, Grant, Submission, SubmissionState
from approvals.submissions.transitions import put_in_force, withdraw
from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent
from inventory.models import AutomationState
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.light_path.low_risk_report import asks
from tests.approvals.refusals import refused
from tests.ledger_records import recorded
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import given


def approve(record: Approval, c: Company, person: str = "omar", reason: str = "Fine.", **more: Any) -> Approval:
    """Omar, or somebody named, approves a record."""
    return scenarios.approve(record, getattr(c.people, person), now=c.now, reason=reason, **more)


def unusable(
    record: Approval,
    c: Company,
    words: str,
    *,
    verb: Any = decide.approve,
    reason: str = "Fine.",
    recorded: bool = True,
    **more: Any,
) -> None:
    """A decision is refused for what was typed; nothing is decided, and only an attempt at a rule is on record (S5)."""
    events = LedgerEvent.objects.count()
    with pytest.raises(InvalidInput, match=words):
        verb(
            record,
            actor=as_actor(c.people.omar),
            now=c.now,
            reason=reason,
            shown_digest=scenarios.shown(record),
            **more,
        )
    assert not record.decisions.exists()
    assert Approval.objects.get(pk=record.pk).state == ApprovalState.OPEN
    assert LedgerEvent.objects.count() == events + recorded
    if recorded:
        event = LedgerEvent.objects.latest("pk")
        assert (event.verb, event.outcome, event.code) == (verb.event, "refused", "A7")


# --- A6: what the page showed -----------------------------------------------------------------------------------------


@pytest.mark.rule("A6")
@pytest.mark.parametrize("verb", [decide.approve, decide.reject, decide.ask_for_changes])
def test_decision_on_changed_approval_is_refused_with_diff(company: Company, stage_2: Submission, verb: Any) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    shown = scenarios.shown(record)
    given(company.slack, data_class="public")
    with pytest.raises(OutOfTurn) as caught:
        verb(record, actor=as_actor(company.people.omar), now=company.now, reason="As I saw it.", shown_digest=shown)
    refusal = caught.value.refusal
    assert (refusal.code, refusal.kind, caught.value.status) == ("A6", "stale", 409)
    assert ("Data class", "internal", "public") in refusal.detail
    assert not record.decisions.exists()
    assert LedgerEvent.objects.filter(outcome="refused", code="A6", verb=verb.event).count() == 1
    verb(
        record,
        actor=as_actor(company.people.omar),
        now=company.now,
        reason="Now I know.",
        shown_digest=scenarios.shown(record),
    )


@pytest.mark.rule("A6", "A7")
def test_second_seat_decides_narrowed_request(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.mail)
    shown = scenarios.shown(record)
    approve(record, company, "mei", term_days=30)
    with pytest.raises(OutOfTurn) as caught:
        decide.approve(
            record, actor=as_actor(company.people.sana), now=company.now, reason="90 days is fine.", shown_digest=shown
        )
    assert ("Term in days", "90", "30") in caught.value.refusal.detail
    approve(record, company, "sana")
    assert record.granted_term_days == 30


@pytest.mark.rule("A6")
def test_comments_and_neighbours_change_no_digest(company: Company, stage_2: Submission) -> None:
    record, neighbour = (
        stock_report.privilege_on(stage_2, company.slack),
        stock_report.privilege_on(stage_2, company.erp),
    )
    shown = scenarios.shown(record)
    approve(neighbour, company)
    comment.comment(stage_2, actor=as_actor(company.people.rita), now=company.now, reason="Please hurry.")
    assert scenarios.shown(record) == shown


# --- A7: reasons and narrowing ----------------------------------------------------------------------------------------


@pytest.mark.rule("A7")
def test_a_no_or_a_question_says_why(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for verb in (decide.reject, decide.ask_for_changes):
        for reason in ("", "  \u200b\u202e "):
            unusable(record, company, "Say why", verb=verb, reason=reason, recorded=False)


@pytest.mark.rule("A7")
def test_approving_high_risk_or_in_bulk_says_why_and_standard_need_not(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    stock_report.confirm_connections(company)
    unusable(record, company, "Say why", reason="", batch=uuid4(), recorded=False)
    approve(record, company, reason="")
    risky = scenarios.submitted(company)
    with pytest.raises(InvalidInput, match="high-risk"):
        approve(scenarios.app_of(risky), company, "theo", reason="")


@pytest.mark.rule("A7")
def test_a_term_is_never_lengthened_or_emptied(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for days in (0, -1, 181, 365):
        unusable(record, company, "shortened only", term_days=days)


@pytest.mark.rule("A7", "A8")
def test_second_seat_cannot_lengthen_shortened_term(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.mail)
    approve(record, company, "mei", term_days=30)
    with pytest.raises(InvalidInput, match="1 to 30 days"):
        approve(record, company, "sana", term_days=60)


@pytest.mark.rule("A7")
def test_a_level_is_never_raised(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for level in ("admin", "execute", "unknown", "root"):
        unusable(record, company, "lowered only", level=level)


@pytest.mark.rule("A7")
def test_execute_level_does_not_include_write(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.model)
    assert record.privilege.counted_level == "execute"
    for level in ("write", "read", "admin", "unknown"):
        unusable(record, company, "Nothing is less than that: ask for changes", level=level)
    page = client_of(company.people.omar).get(f"/review/{chaser.pk}/?open={record.pk}").content.decode()
    assert 'name="level"' not in page


@pytest.mark.rule("A7")
def test_a_scope_is_never_widened_replaced_or_emptied(company: Company, chaser: Submission) -> None:
    record = chaser.approvals.get(privilege__scope=["fin.invoices", "fin.customers"])
    for scope in ([], ["fin.invoices", "fin.customers", "fin.salaries"], ["fin.salaries"], [""]):
        unusable(record, company, "part that is not empty", scope=scope)


@pytest.mark.rule("A7")
def test_free_text_is_not_narrowed_but_asked_about(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    entitlement = record.privilege.entitlement
    entitlement.scope_kind = "text"
    entitlement.save()
    unusable(record, company, "ask for changes", scope=["only the urgent ones"])


@pytest.mark.rule("A7")
def test_credential_has_no_level_or_scope(company: Company, stage_2: Submission) -> None:
    record = stock_report.credential_for(stage_2, company.slack)
    unusable(record, company, "level", level="read", recorded=False)
    unusable(record, company, "narrowed", scope=["read"])


def of_two_tables(c: Company) -> Submission:
    """In stage 2: it reads two tables by one query, and posts."""
    return stock_report.in_stage_2(c, asks("SELECT s.sku, i.name FROM scm.stock s JOIN scm.items i ON i.sku = s.sku"))


@pytest.mark.rule("A7", "G1")
@starting_point("company", of_two_tables)
def test_narrowed_request_is_granted_as_narrowed(company: Company, start: Submission) -> None:
    reading = start.approvals.get(privilege__scope=["scm.stock", "scm.items"])
    approve(reading, company, term_days=20, scope=["scm.items"])
    posts = stock_report.privilege_on(start, company.slack)
    approve(posts, company, level="read")
    stock_report.decide_rest(company, start)
    grant = Grant.objects.get(approval=reading)
    assert (grant.scope, (grant.ends_at - grant.begins_at).days) == (["scm.items"], 20)
    assert Grant.objects.get(approval=posts).level == "read"
    decision = Decision.objects.get(approval=reading)
    assert (decision.term_days, decision.scope) == (20, ["scm.items"])
    payload = LedgerEvent.objects.get(verb="approval.approved", subject_id=str(reading.pk)).payload
    assert (payload["term_days"], payload["scope"]) == (20, 1)  # how many, not which


# --- A8: seats --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A8", "T3")
def test_high_risk_takes_two_people_and_either_of_them_can_say_no(company: Company, chaser: Submission) -> None:
    record = stock_report.privilege_on(chaser, company.mail)
    assert [seat.label for seat in record.seats.all()] == ["owner", "security"]
    approve(record, company, "mei")
    assert record.state == ApprovalState.OPEN
    scenarios.reject(record, company.people.sana, now=company.now)
    assert record.state == ApprovalState.REJECTED
    refused(decide.approve, record, as_actor(company.people.viktor), "STATE", now=company.now, kind="state")


@pytest.mark.rule("T3")
def test_standard_risk_takes_the_lead_and_then_the_owner(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    seats = {record.kind: [seat.label for seat in record.seats.all()] for record in submission.approvals.all()}
    assert seats == {"app": ["lead"], "privilege": ["owner"], "credential": ["owner"]}


# --- A2, A4, A5: what each end means ----------------------------------------------------------------------------------


@pytest.mark.rule("A4")
def test_a_rejected_app_closes_its_privileges_as_not_applicable(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    scenarios.reject(scenarios.app_of(submission), company.people.theo, now=company.now)
    submission.refresh_from_db()
    assert submission.state == SubmissionState.REJECTED
    states = submission.approvals.filter(stage=2).values_list("state", flat=True)
    assert set(states) == {ApprovalState.NOT_APPLICABLE}
    submission.automation.refresh_from_db()
    assert submission.automation.state == AutomationState.DRAFT
    theo, rita = company.people.theo, company.people.rita
    for record in submission.approvals.filter(stage=2):
        assert recorded("approval.closed", record, by=theo) == {"from": "waiting", "to": "not_applicable"}
    assert recorded("submission.rejected", submission, by=theo) == {"from": "open", "to": "rejected"}
    assert recorded("automation.put_in_review", submission.automation, by=rita) == {"from": "draft", "to": "in_review"}
    assert recorded("automation.sent_back", submission.automation, by=theo) == {"from": "in_review", "to": "draft"}
    assert not Grant.objects.filter(automation=submission.automation).exists()


@pytest.mark.rule("A5")
def test_a_refused_privilege_refuses_only_itself_and_waits_for_the_owner(company: Company, stage_2: Submission) -> None:
    refused_one = stock_report.privilege_on(stage_2, company.slack)
    scenarios.reject(refused_one, company.people.omar, now=company.now, reason="Use mail.")
    assert stage_2.approvals.filter(stage=2, state=ApprovalState.OPEN).count() == 3
    stock_report.decide_rest(company, stage_2)
    assert stage_2.state == SubmissionState.DECIDED
    assert not Grant.objects.filter(automation=stage_2.automation).exists(), "nothing is in force until accepted"
    for person in ("rita", "theo", "omar", "ines"):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            put_in_force.accept_subset(stage_2, actor=as_actor(getattr(company.people, person)), now=company.now)
    put_in_force.accept_subset(stage_2, actor=as_actor(company.people.jonas), now=company.now)
    assert stage_2.state == SubmissionState.IN_FORCE
    granted = set(Grant.objects.live(company.now).values_list("approval_id", flat=True))
    assert refused_one.pk not in granted
    assert len(granted) == 2, "nor the credential that only the refused privilege uses (A2)"
    refused_one.refresh_from_db()
    assert refused_one.decisions.get().reason.text == "Use mail."


@pytest.mark.rule("A5")
def test_declined_subset_keeps_earlier_version(
    company: Company, live: Submission, one_channel_more: Submission
) -> None:
    held = list(Grant.objects.live(company.now).values_list("pk", flat=True))
    newer = one_channel_more
    scenarios.reject(newer.approvals.get(), company.people.omar, now=company.now)
    newer.refresh_from_db()
    assert newer.state == SubmissionState.DECIDED
    with pytest.raises(InvalidInput, match="Say why"):
        withdraw.decline(newer, actor=as_actor(company.people.jonas), now=company.now)
    withdraw.decline(newer, actor=as_actor(company.people.jonas), now=company.now, reason="Then not.")
    automation = live.automation
    automation.refresh_from_db()
    assert automation.approved_version == live.version
    assert list(Grant.objects.live(company.now).values_list("pk", flat=True)) == held


@pytest.mark.rule("A2")
def test_approved_privilege_without_credential_gets_no_grant(company: Company, stage_2: Submission) -> None:
    scenarios.reject(stock_report.credential_for(stage_2, company.slack), company.people.omar, now=company.now)
    stock_report.decide_rest(company, stage_2)
    put_in_force.accept_subset(stage_2, actor=as_actor(company.people.jonas), now=company.now)
    unusable_one, usable = (
        stock_report.privilege_on(stage_2, company.slack),
        stock_report.privilege_on(stage_2, company.erp),
    )
    assert unusable_one.state == ApprovalState.APPROVED
    assert not Grant.objects.filter(approval=unusable_one).exists()
    assert Grant.objects.live(company.now).filter(approval=usable).exists()
    approved = list(stage_2.approvals.filter(state=ApprovalState.APPROVED))
    assert not put_in_force.is_usable(unusable_one, approved, stage_2)
    (event,) = LedgerEvent.objects.filter(verb="submission.put_in_force")
    assert event.payload["unusable"] == [str(unusable_one.pk)]


@pytest.mark.rule("A3")
def test_stage_2_approver_objects_without_binding_effect(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    record = stock_report.privilege_on(submission, company.slack)
    omar = as_actor(company.people.omar)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        comment.object_to(record, actor=as_actor(company.people.tom), now=company.now, reason="No.")
    comment.object_to(record, actor=omar, now=company.now, reason="Mail would do.")
    assert submission.comments.get(is_objection=True).approval == record
    approve(scenarios.app_of(submission), company, "theo")
    record.refresh_from_db()
    assert record.state == ApprovalState.OPEN
    with pytest.raises(OutOfTurn, match=r"^STATE: This approval is open, so this can't"):  # from here on they decide
        comment.object_to(record, actor=omar, now=company.now, reason="Mail would do.")
