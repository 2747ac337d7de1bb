"""Controls that no name tells: said by whoever answers for the resource and gains nothing, taken back, and what rests on them (S6, S1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.assignment.context import load_context
from approvals.conflicts import members, scan
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import automation, cases
from approvals.models import Submission
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.models import LedgerEvent, Person
from inventory.importers.capabilities import STATED_CONTROLS
from inventory.models import Control, Entitlement
from inventory.resources.transitions import controls
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S1")]

WHY = "The bank holds each payment until somebody releases it."


def on_slack(c: Company) -> Entitlement:
    """What the stock report holds on Slack."""
    found = c.slack.entitlements.first()
    assert found is not None
    return found


def say(c: Company, who: Person, one: Entitlement, tag: str = "human.confirm", why: str = WHY) -> Any:
    """Somebody says that a control stands."""
    return controls.state_control(one, actor=as_actor(who), now=c.now, reason=why, tag=tag)


def unconfirmed(c: Company, **more: Any) -> None:
    """Whoever reads the ERP and posts waits for a person's yes."""
    conflict_rules.rule(on(c.erp), on(c.slack), without={"tags": ["human.confirm"]}, now=c.now, **more)


def found_for(submission: Submission, c: Company) -> list[str]:
    """Codes of the rules that a submission is in conflict with, read anew."""
    return conflict_rules.codes(load_context(Submission.objects.get(pk=submission.pk), c.now).conflicts.as_asked)


# --- who says so --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["ines", "sana", "rita", "jonas", "yuki", "theo"])
def test_only_resource_side_states_a_control(plain: Company, plain_in_force: Submission, who: str) -> None:
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        say(plain, getattr(plain.people, who), on_slack(plain))
    assert not Control.objects.exists()


@pytest.mark.parametrize("part", ["jonas", "bram"])
def test_owner_of_affected_automation_states_no_control(plain: Company, part: str) -> None:
    n = plain.people
    made = stock_report.version(plain, business_owner=n.jonas, technical_owner=n.bram)
    owner = getattr(n, part)
    stock_report.hand_over(plain, plain.slack, owner, n.amara)
    with pytest.raises(DutyConflict) as no:
        say(plain, owner, on_slack(plain))
    assert no.value.refusal.code == "SOD-1"
    assert made.automation.name in no.value.refusal.sentence
    say(plain, plain.people.amara, on_slack(plain))


def test_submitter_and_delegate_state_no_control(plain: Company, plain_in_force: Submission) -> None:
    one = on_slack(plain)
    stock_report.hand_over(plain, plain.slack, plain.people.rita, plain.people.omar)
    for actor in (as_actor(plain.people.rita), as_delegate(plain.people.tom, giver=plain.people.rita)):
        with pytest.raises(Refused, match=r"^SOD-1: Weekly stock report uses this and you"):
            controls.state_control(one, actor=actor, now=plain.now, reason=WHY, tag="human.confirm")


def test_control_needs_reason_and_listed_tag_once(plain: Company, plain_in_force: Submission) -> None:
    one, omar = on_slack(plain), plain.people.omar
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        say(plain, omar, one, why=" ")
    for tag in ("log.write", "pay", "", "vendor.write"):
        with pytest.raises(InvalidInput, match=r"^S6: Choose one of the list\."):
            say(plain, omar, one, tag)
    say(plain, omar, one)
    with pytest.raises(OutOfTurn, match=r"^S6: This control is already stated\."):
        say(plain, plain.people.amara, one)
    assert Control.objects.count() == 1


# --- what rests on it ---------------------------------------------------------------------------------------------------


def test_control_ends_conflict_and_withdrawal_reopens_it(plain: Company, plain_in_force: Submission) -> None:
    unconfirmed(plain)

    def case() -> list[automation.FoundConflict]:
        return automation.find_conflicts(
            cases.case_of_version(plain_in_force.automation, plain_in_force.version), plain.now
        )

    rules = conflict_queries.in_force(plain.now)
    assert len(case()) == len(scan.scan(rules, plain.now)) == 1
    made = say(plain, plain.people.omar, on_slack(plain))
    assert on_slack(plain).tags == ["human.confirm", "message.send"]
    assert case() == []
    assert scan.scan(rules, plain.now) == {}
    controls.withdraw_control(made, actor=as_actor(plain.people.amara), now=plain.now, reason="It was switched off.")
    assert on_slack(plain).tags == ["message.send"]
    assert len(case()) == len(scan.scan(rules, plain.now)) == 1


def test_open_submission_uses_current_controls(plain: Company) -> None:
    unconfirmed(plain)
    open_one = scenarios.submitted(plain, stock_report.version(plain), by=plain.people.rita)
    assert found_for(open_one, plain) == ["read-and-tell"]
    made = say(plain, plain.people.omar, on_slack(plain))
    assert found_for(open_one, plain) == []
    controls.withdraw_control(made, actor=as_actor(plain.people.omar), now=plain.now, reason="It never was.")
    assert found_for(open_one, plain) == ["read-and-tell"]


def test_withdrawn_control_reopens_frozen_case(plain: Company) -> None:
    unconfirmed(plain)
    version = stock_report.version(plain)
    made = say(plain, plain.people.omar, on_slack(plain))
    open_one = scenarios.submitted(plain, version, by=plain.people.rita)
    assert "human.confirm" in str(open_one.held)
    assert found_for(open_one, plain) == []
    controls.withdraw_control(made, actor=as_actor(plain.people.omar), now=plain.now, reason="It never was.")
    assert found_for(open_one, plain) == ["read-and-tell"]


def test_incremental_result_agrees_with_full_scan(plain: Company, plain_in_force: Submission) -> None:
    unconfirmed(plain)
    say(plain, plain.people.omar, on_slack(plain))
    known = set(members.ConflictMember.objects.values_list("rule", "leg", "entitlement", "mask"))
    members.update_all(plain.now)
    assert set(members.ConflictMember.objects.values_list("rule", "leg", "entitlement", "mask")) == known


# --- taking back, and on record -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "may"), [("omar", True), ("amara", True), ("sana", True), ("rita", False), ("ines", False)]
)
def test_resource_side_or_security_withdraws_control_with_reason(
    plain: Company, plain_in_force: Submission, who: str, may: bool
) -> None:
    made = say(plain, plain.people.omar, on_slack(plain))
    actor = as_actor(getattr(plain.people, who))
    if not may:
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            controls.withdraw_control(made, actor=actor, now=plain.now, reason="No.")
        return
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        controls.withdraw_control(made, actor=actor, now=plain.now, reason="")
    controls.withdraw_control(made, actor=actor, now=plain.now, reason="It was switched off.")
    with pytest.raises(OutOfTurn, match=r"^STATE: This control is taken back, so this"):
        controls.withdraw_control(made, actor=actor, now=plain.now, reason="Again.")
    assert LedgerEvent.objects.filter(verb__in=["control.said", "control.taken_back"], outcome="done").count() == 2
    assert say(plain, plain.people.amara, on_slack(plain)).pk != made.pk  # it can be said again


# --- pages --------------------------------------------------------------------------------------------------------------


def test_control_is_stated_shown_and_withdrawn_on_page(plain: Company, plain_in_force: Submission) -> None:
    one = on_slack(plain)
    omar, rita = client_of(plain.people.omar), client_of(plain.people.rita)
    assert "It stands" not in rita.get(one.controls_href).content.decode()
    assert rita.post(one.controls_href, {"tag": "human.confirm", "reason": WHY}).status_code == 403
    empty = omar.post(one.controls_href, {"tag": "human.confirm", "reason": ""})
    assert empty.status_code == 422
    assert omar.post(one.controls_href, {"tag": "human.confirm", "reason": WHY}).status_code == 302
    page = rita.get(one.controls_href).content.decode()
    assert "Waits for a person’s yes before it acts" in page
    assert WHY in page
    made = Control.objects.get()
    back = reverse("control_take_back", args=[made.pk])
    assert rita.post(back, {"reason": "Mine."}).status_code == 403
    assert omar.post(back, {"reason": "Switched off."}).status_code == 302
    page = rita.get(one.controls_href).content.decode()
    assert "Omar Haddad took it back" in page
    assert "Switched off." in page


def test_review_and_resource_say_that_it_stands(plain: Company) -> None:
    open_one = scenarios.submitted(plain, stock_report.version(plain), by=plain.people.rita)
    say(plain, plain.people.omar, on_slack(plain))
    scenarios.approve(scenarios.app_of(open_one), plain.people.theo, now=plain.now)
    record = open_one.approvals.get(privilege__entitlement=on_slack(plain))
    page = (
        client_of(plain.people.omar).get(f"{reverse('review', args=[open_one.pk])}?open={record.pk}").content.decode()
    )
    assert "Waits for a person’s yes before it acts." in page
    assert "Waits for a yes" in page
    assert "Waits for a yes" in client_of(plain.people.rita).get(plain.slack.href).content.decode()


def test_conflict_names_people_who_can_state_control(plain: Company) -> None:
    unconfirmed(plain)
    open_one = scenarios.submitted(plain, stock_report.version(plain), by=plain.people.rita)
    (one,) = load_context(open_one, plain.now).conflicts.as_asked
    assert one.way_out.endswith("If it is made sure already, whoever answers for the resource says so there.")


def test_control_page_query_count_is_constant(plain: Company, plain_in_force: Submission) -> None:
    one, counted = on_slack(plain), []
    for tags in (["human.confirm"], sorted(STATED_CONTROLS - {"human.confirm"})):
        for tag in tags:
            made = say(plain, plain.people.omar, one, tag)
        with CaptureQueriesContext(connection) as captured:
            assert client_of(plain.people.omar).get(one.controls_href).status_code == 200
        counted.append(len(captured))
    controls.withdraw_control(made, actor=as_actor(plain.people.omar), now=plain.now, reason="No more.")
    with CaptureQueriesContext(connection) as captured:
        client_of(plain.people.omar).get(one.controls_href)
    assert counted == [len(captured)] * 2
