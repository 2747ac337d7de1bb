"""Stopped by one and lifted by two; retired with its dependants shown; a tier is raised; what stage 1 decides waits for it."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from approvals.models import Grant, Submission
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent
from inventory.automations.transitions import lifecycle
from inventory.chains import dependents
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, AutomationState
from tests import scenarios
from tests.approvals import chains
from tests.inventory.imports.sample_imports import again, export
from tests.matrix.cast_and_states import inside
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(company: Company, stock_in_force: Submission) -> Automation:
    """The weekly stock report, approved on both sides; Jonas and Rita own it."""
    return again(stock_in_force.automation)


@pytest.mark.rule("G5", "H1")
def test_one_person_stops_with_reason_on_record(company: Company, live: Automation) -> None:
    lifecycle.stop(live, actor=as_actor(company.people.sana), now=company.now, reason="It posts nonsense.")
    stopped = again(live)
    assert (stopped.state, stopped.stopped_by) == (AutomationState.SUSPENDED, company.people.sana)
    event = LedgerEvent.objects.get(verb="automation.stopped")
    assert (event.payload["from"], event.payload["to"]) == ("live", "suspended")
    assert "nonsense" not in str(ledger_events.canonical(event))
    assert event.reason is not None
    assert event.reason.text == "It posts nonsense."
    assert stopped.history.latest().history_user == company.people.sana


@pytest.mark.rule("G5")
def test_restart_needs_two_other_people(company: Company, live: Automation) -> None:
    n, now, why = company.people, company.now, "It is mended."
    lifecycle.stop(live, actor=as_actor(n.jonas), now=now, reason="It posts nonsense.")
    with pytest.raises(DutyConflict, match="You stopped it"):
        lifecycle.request_resume(live, actor=as_actor(n.jonas), now=now, reason=why)
    with pytest.raises(OutOfTurn, match="two people"):
        lifecycle.resume(live, actor=as_actor(n.theo), now=now, reason=why)
    lifecycle.request_resume(live, actor=as_actor(n.rita), now=now, reason=why)
    with pytest.raises(DutyConflict, match="second person"):
        lifecycle.resume(live, actor=as_actor(n.rita), now=now, reason=why)
    with pytest.raises(DutyConflict, match="You stopped it"):
        lifecycle.resume(live, actor=as_actor(n.jonas), now=now, reason=why)
    assert again(live).state == AutomationState.SUSPENDED
    lifecycle.resume(live, actor=as_actor(n.theo), now=now, reason=why)
    lifted = again(live)
    assert (lifted.state, lifted.stopped_by, lifted.resume_asked_by) == (AutomationState.LIVE, None, None)
    codes = LedgerEvent.objects.filter(outcome="refused").values_list("code", flat=True)
    assert sorted(codes) == ["G5"] * 4


@pytest.mark.rule("G5", "A11")
def test_a_delegation_uses_up_both_people_for_lifting_a_stop(company: Company, live: Automation) -> None:
    n, now, why = company.people, company.now, "It is mended."
    for_jonas = as_delegate(n.rita, giver=n.jonas)
    lifecycle.stop(live, actor=for_jonas, now=now, reason="It posts nonsense.")
    for person in (n.rita, n.jonas):
        with pytest.raises(DutyConflict, match="stopped it"):
            lifecycle.request_resume(live, actor=as_actor(person), now=now, reason=why)
    lifecycle.request_resume(live, actor=as_actor(n.theo), now=now, reason=why)
    lifecycle.resume(live, actor=as_actor(n.sana), now=now, reason=why)

    lifecycle.stop(live, actor=as_actor(n.viktor), now=now, reason="It does again.")
    lifecycle.request_resume(live, actor=for_jonas, now=now, reason=why)
    for person in (n.rita, n.jonas):
        with pytest.raises(DutyConflict, match="asked to lift it"):
            lifecycle.resume(live, actor=as_actor(person), now=now, reason=why)
    lifecycle.resume(live, actor=as_actor(n.theo), now=now, reason=why)
    assert (again(live).state, again(live).resume_asked_for) == (AutomationState.LIVE, None)


@pytest.mark.rule("G5")
def test_database_refuses_stopper_as_restarter(company: Company, live: Automation) -> None:
    stopper = company.people.jonas
    with pytest.raises(IntegrityError, match="automation_lifting_needs_another"), transaction.atomic():
        Automation.objects.filter(pk=live.pk).update(stopped_by=stopper, resume_asked_by=stopper)
    with pytest.raises(IntegrityError, match="automation_lifting_needs_another"), transaction.atomic():
        Automation.objects.filter(pk=live.pk).update(stopped_for=stopper, resume_asked_for=stopper)


@pytest.mark.rule("G5")
def test_an_approval_does_not_lift_a_stop(company: Company, live: Automation) -> None:
    n = company.people
    lifecycle.stop(live, actor=as_actor(n.sana), now=company.now, reason="It posts nonsense.")

    def more(document: dict[str, object]) -> None:
        document["nodes"][-1]["parameters"]["text"] = "changed"  # type: ignore[index]

    content = export("weekly-stock-report.json", more)
    newer = scenarios.brought_in(company, "weekly-stock-report.json", content=content)
    submission = scenarios.submitted(company, newer)
    if submission.approvals.filter(state="open").exists():
        scenarios.decide_all(company, submission)
    stands = again(live)
    assert (stands.state, stands.approved_version) == (AutomationState.SUSPENDED, newer)


@pytest.mark.rule("I1")
def test_internal_transitions_are_refused_directly(company: Company, live: Automation) -> None:
    verbs = ((lifecycle.suspend, "INTERNAL"), (lifecycle.go_live, "INTERNAL"), (lifecycle.put_in_review, "STATE"))
    for verb, code in verbs:
        automation = again(live)
        with pytest.raises((NotPermitted, OutOfTurn), match=f"^{code}: "):
            verb(automation, actor=as_actor(company.people.ines), now=company.now)
    assert again(live).state == AutomationState.LIVE


@pytest.mark.rule("A1", "A12")
def test_purpose_owner_and_kind_of_a_live_automation_wait_for_stage_1_and_labels_do_not(
    company: Company, live: Automation
) -> None:
    n = company.people
    fields = {
        "name": "Stock report",
        "purpose": "Something else.",
        "business_owner": n.theo,
        "escalation_contact": "#x",
    }
    confirmation.amend_automation(live, actor=as_actor(n.rita), now=company.now, fields=fields)
    amended = again(live)
    assert (amended.name, amended.escalation_contact) == ("Stock report", "#x")
    assert amended.purpose != "Something else."
    assert amended.business_owner == n.jonas
    assert amended.amendment == {"purpose": "Something else.", "business_owner_id": n.theo.pk}
    assert amended.requested_fields["purpose"] == "Something else."


@pytest.mark.rule("A1", "A12")
def test_amendment_takes_effect_after_stage_1(company: Company, live: Automation) -> None:
    n = company.people
    fields = {"purpose": "Something else.", "business_owner": n.theo}
    confirmation.amend_automation(live, actor=as_actor(n.rita), now=company.now, fields=fields)
    automation, version = again(live), live.approved_version
    approved_fields = {"purpose": "Something else.", "kind": live.kind, "business_owner": str(n.jonas.opaque_id)}
    with inside(automation, as_actor(n.theo), company.now):
        lifecycle.go_live(
            automation,
            actor=as_actor(n.theo),
            now=company.now,
            version=version,
            tier="standard",
            review_on=None,
            approved_fields=approved_fields,
        )
    decided = again(live)
    assert decided.purpose == "Something else."
    assert decided.business_owner == n.jonas
    assert decided.amendment == {"business_owner_id": n.theo.pk}
    assert decided.review_on == live.review_on


@pytest.mark.rule("A12")
def test_withdrawn_amendment_leaves_no_open_question(company: Company, live: Automation) -> None:
    n = company.people
    confirmation.amend_automation(live, actor=as_actor(n.rita), now=company.now, fields={"purpose": "Something else."})
    confirmation.amend_automation(live, actor=as_actor(n.rita), now=company.now, fields={"purpose": live.purpose})
    assert again(live).amendment == {}


@pytest.mark.rule("T2")
def test_person_raises_but_never_lowers_tier(company: Company, live: Automation) -> None:
    n = company.people
    assert live.tier == "standard"
    with pytest.raises(InvalidInput, match="raised, never lowered"):
        confirmation.raise_tier(live, actor=as_actor(n.sana), now=company.now, reason="Hm.", tier="standard")
    confirmation.raise_tier(live, actor=as_actor(n.sana), now=company.now, reason="It feeds the auditors.", tier="high")
    assert again(live).tier == "high"
    version = scenarios.brought_in(
        company, "weekly-stock-report.json", content=export("weekly-stock-report.json", _more)
    )
    assessment = version.latest_assessment
    assert assessment is not None
    assert (assessment.tier, "A person raised it." in assessment.reasons) == ("high", True)
    with pytest.raises(InvalidInput, match="high already"):
        confirmation.raise_tier(live, actor=as_actor(n.sana), now=company.now, reason="Hm.", tier="high")


@pytest.mark.rule("T2")
def test_going_live_never_sets_a_tier_below_the_one_that_a_person_raised_it_to(
    company: Company, live: Automation
) -> None:
    n = company.people
    confirmation.raise_tier(live, actor=as_actor(n.sana), now=company.now, reason="It feeds the auditors.", tier="high")
    automation = again(live)
    with inside(automation, as_actor(n.theo), company.now):
        lifecycle.go_live(
            automation,
            actor=as_actor(n.theo),
            now=company.now,
            version=automation.approved_version,
            tier="standard",
            review_on=None,
        )
    assert again(live).tier == "high"
    assert LedgerEvent.objects.filter(verb="automation.went_live").latest("pk").payload["tier"] == "high"


def _more(document: dict[str, object]) -> None:
    document["nodes"][-1]["parameters"]["text"] = "changed"  # type: ignore[index]


@pytest.mark.rule("L1")
def test_retiring_shows_dependants_and_is_final(company: Company, live: Automation) -> None:
    n = company.people
    other = scenarios.brought_in(company, "payment-run-exporter.json").automation
    assert ("Payment run exporter", "uses the same credential") in [
        (dependent.name, why) for dependent, why in dependents.dependents_of(live)
    ]
    assert {why for _, why in dependents.dependents_of(other)} == {"uses the same credential"}
    lifecycle.retire(live, actor=as_actor(n.jonas), now=company.now, reason="Nobody reads it.")
    assert again(live).state == AutomationState.RETIRED
    with pytest.raises(OutOfTurn, match="retired"):
        lifecycle.retire(again(live), actor=as_actor(n.jonas), now=company.now, reason="Once more.")
    assert dependents.dependents_of(other) == []


def writer_and_reader(c: Company) -> tuple[Automation, Automation]:
    """One writes to a channel and the other reads it, in force."""
    word = "weekly"
    writer = chains.in_force(c, chains.described(c, "Writer", (c.slack, "write", word))).automation
    reader = chains.in_force(c, chains.described(c, "Reader", (c.slack, "read", word))).automation
    return writer, reader


@pytest.mark.rule("L1")
@starting_point("company", writer_and_reader)
def test_readers_and_callers_are_dependants(start: tuple[Automation, Automation]) -> None:
    writer, reader = start
    assert [(dependent.name, why.split(" ", 1)[0]) for dependent, why in dependents.dependents_of(again(writer))] == [
        ("Reader", "reads")
    ]
    assert dependents.dependents_of(again(reader)) == []  # it needs the writer, and nobody needs it


@pytest.mark.rule("L1")
def test_retired_automation_returns_as_new_to_its_team(company: Company, live: Automation) -> None:
    n, name = company.people, "weekly-stock-report.json"
    lifecycle.retire(live, actor=as_actor(n.jonas), now=company.now, reason="Nobody reads it.")
    read = previews.preview([(name, export(name, _more))], actor=as_actor(n.piet), now=company.now).items.get()
    fields = {"business_owner": n.piet}
    with pytest.raises(NotPermitted, match="belongs to another team"):
        confirmation.confirm_import(n.supply, actor=as_actor(n.piet), now=company.now, item=read, fields=fields)
    back = scenarios.brought_in(company, name, content=export(name, _more)).automation
    assert back.pk != live.pk
    assert (back.external_id, back.state, back.approved_version) == (live.external_id, AutomationState.DRAFT, None)
    made = scenarios.submitted(company, back.versions.get())
    assert made.approvals.filter(stage=1, state="open").exists()
    assert not Grant.objects.filter(automation=live).standing().exists()
