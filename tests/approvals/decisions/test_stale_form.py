"""Two people on one submission: a stale form decides nothing, says what changed, loses nothing typed, and can be sent again (A6)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Approval, ApprovalState, Submission
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.proposals import policy_proposals
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("by_script", [True, False], ids=["script", "none"])]


def decide(who: Person, record: Approval, *, by_script: bool, shown: str, **fields: Any) -> Any:
    """One decision, posted from a form that showed this digest."""
    address = reverse("decide", args=[record.submission_id])
    headers = {"HX-Request": "true", "HX-Target": "rows"} if by_script else {}
    return client_of(who).post(address, scenarios.decision_form(record, shown_digest=shown, **fields), headers=headers)


def words(page: str) -> str:
    return " ".join(re.sub(r"<(?!/?(?:del|ins)\b)[^>]+>", " ", page).split())


def form(page: str, record: Approval) -> dict[str, str]:
    """What the record's form holds on a page: its digest, what is written as the reason, and what is chosen."""
    own = rf'-{record.pk}" form="decision" value="(\w+)"'
    chosen = re.findall(rf'<input type="radio" name="(\w+){own} checked', page)
    digest, reason = (
        re.search(rf'name="shown_digest-{record.pk}" value="(\w+)"', page),
        re.search(r'<textarea[^>]* id="reason"[^>]*>([^<]*)<', page),
    )
    assert digest is not None
    assert reason is not None
    return {"shown": digest[1], "reason": reason[1], **dict(chosen)}


@pytest.mark.rule("A6")
def test_second_approver_sees_first_decision_and_keeps_input(
    company: Company, chaser_in_stage_2: Submission, by_script: bool
) -> None:
    n = company.people
    record = stock_report.privilege_on(chaser_in_stage_2, company.mail)
    shown = scenarios.shown(record)
    scenarios.approve(record, n.mei, now=company.now, term_days=30, reason="A month, to begin with.")
    fields = {"decision": "approve", "reason": "Ninety days is fine.", "term_days": "90", "has_term_days": "1"}
    answer = decide(n.sana, record, by_script=by_script, shown=shown, **fields)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert record.decisions.count() == 1
    assert "This changed after the page was shown to you, so nothing was decided." in page
    assert "Term in days <del>90</del> <ins>30</ins>" in words(page)
    assert re.search(r"Mei Tanaka .*A month, to begin with", words(page)), (
        "what the first did, beside the form or in the timeline"
    )
    again = form(page, record)
    assert again["reason"] == "Ninety days is fine."
    assert again["term_days"] == "30", "what was chosen is not there any more"
    answer = decide(n.sana, record, by_script=by_script, decision="approve", **again)
    assert answer.status_code in (200, 302)
    record.refresh_from_db()
    assert (record.state, record.granted_term_days) == (ApprovalState.APPROVED, 30)


def undone_since(c: Company) -> tuple[Approval, str]:
    """Theo approved an app that security approves too, and took that back; with the digest that a page showed before."""
    policy_proposals.security_signs_apps(c)
    app = scenarios.app_of(scenarios.submitted(c))
    shown = scenarios.shown(app)
    scenarios.approve(app, c.people.theo, now=c.now)
    scenarios.retract(app, c.people.theo, now=c.now, reason="Wait.")
    return app, shown


@pytest.mark.rule("A6")
@starting_point("company", undone_since)
def test_stage_1_reads_it_in_its_own_column(company: Company, start: tuple[Approval, str], by_script: bool) -> None:
    n, (app, shown) = company.people, start
    answer = decide(n.viktor, app, by_script=by_script, shown=shown, decision="approve", reason="It is well made.")
    page = answer.content.decode()
    assert answer.status_code == 409
    column = page[page.index('id="app"') :]
    assert "so nothing was decided" in column
    assert "How often it was undone <ins>1</ins>" in words(column)
    again = form(page, app)
    assert again["reason"] == "It is well made."
    assert decide(n.viktor, app, by_script=by_script, decision="approve", **again).status_code in (200, 302)


@pytest.mark.rule("A6", "A8")
def test_form_of_ended_approval_shows_state_and_keeps_text(
    company: Company, chaser_in_stage_2: Submission, by_script: bool
) -> None:
    n = company.people
    record = stock_report.privilege_on(chaser_in_stage_2, company.mail)
    shown = scenarios.shown(record)
    scenarios.reject(record, n.mei, now=company.now, reason="Nobody mails from there.")
    answer = decide(n.sana, record, by_script=by_script, shown=shown, decision="approve", reason="It is well made.")
    page = words(answer.content.decode())
    assert answer.status_code == 409
    assert "This approval is rejected" in page
    assert "You had written: “It is well made.”" in page
    assert "Nobody mails from there." in page
    assert record.decisions.count() == 1


@pytest.mark.rule("A6", "A3")
def test_an_objection_that_comes_too_late_is_not_lost_either(
    company: Company, chaser_in_stage_2: Submission, by_script: bool
) -> None:
    record = stock_report.privilege_on(chaser_in_stage_2, company.mail)
    address = reverse("object", args=[record.submission_id, record.pk])
    headers = {"HX-Request": "true"} if by_script else {}
    answer = client_of(company.people.mei).post(address, {"reason": "Not from there."}, headers=headers)
    assert answer.status_code == 409
    assert "Not from there." in answer.content.decode()
