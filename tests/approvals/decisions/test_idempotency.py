"""Two presses of one button are one deed: the second answers what the first made, a different one is refused (A8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from governance.core.clock import current_time
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.models import LedgerEvent, Notice
from inventory.imports.transitions import confirmation, previews
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def stands_still(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Business time."""
    monkeypatch.setattr(current_time, "now", lambda: company.now)


def on_record() -> tuple[int, int]:
    """How much the ledger and the outbox hold."""
    return LedgerEvent.objects.count(), Notice.objects.count()


def press(client: Client, record: Approval, decision: str, *, shown: str, **fields: Any) -> Any:
    """The form of a record as a page that showed ``shown`` sends it."""
    form = scenarios.decision_form(record, decision, **{"reason": "So be it.", "shown_digest": shown, **fields})
    return client.post(f"/review/{record.submission_id}/decide/", form)


# --- deciding ------------------------------------------------------------------------------------------------------------

OUTCOMES = {
    "approve": ApprovalState.APPROVED,
    "reject": ApprovalState.REJECTED,
    "ask": ApprovalState.CHANGES_ASKED,
}


def pressed(decision: str) -> Callable[[Company], str]:
    """A walk in which Omar presses a button on the record about Slack; it leaves the digest that his page showed."""

    def walk(c: Company) -> str:
        record = stock_report.privilege_on(stock_report.newest(c), c.slack)
        shown = scenarios.shown(record)
        assert press(client_of(c.people.omar), record, decision, shown=shown).status_code == 302
        return shown

    return walk


PRESSED = {decision: starting_point("stock_in_stage_2", pressed(decision), name=decision) for decision in OUTCOMES}


@pytest.mark.rule("A8")
@pytest.mark.parametrize(
    ("first", "other"),
    [
        pytest.param(first, other, marks=PRESSED[first])
        for first in OUTCOMES
        for other in (
            *({"decision": decision} for decision in OUTCOMES if decision != first),
            {"reason": "For another reason."},
            *([{"term_days": "30"}] if first == "approve" else []),
            {"shown_digest": "0" * 64},
        )
    ],
    ids=str,
)
def test_a_different_second_decision_is_refused_and_on_record(
    company: Company, start: str, first: str, other: dict[str, str]
) -> None:
    omar, record = (
        client_of(company.people.omar),
        stock_report.privilege_on(stock_report.newest(company), company.slack),
    )
    events, _ = on_record()
    form = {"decision": first, "shown": start, **other}
    form["shown"] = form.pop("shown_digest", start)
    assert press(omar, record, **form).status_code == 409
    assert on_record()[0] == events + 1
    assert LedgerEvent.objects.latest("pk").outcome == "refused"
    assert record.decisions.count() == 1


@pytest.mark.rule("A8")
@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Target": "rows"}], ids=["plain", "htmx"])
def test_repeated_press_returns_first_decision(
    company: Company, stage_2: Submission, outcome: str, headers: dict[str, str]
) -> None:
    record, omar = stock_report.privilege_on(stage_2, company.slack), client_of(company.people.omar)
    shown, fields = scenarios.shown(record), {"term_days": "30"} if outcome == "approve" else {}
    first = press(omar, record, outcome, shown=shown, **fields)
    before = on_record()
    again = omar.post(
        f"/review/{record.submission_id}/decide/",
        scenarios.decision_form(record, outcome, reason="  So be it. ", shown_digest=shown, **fields),
        headers=headers,
    )
    assert again.status_code == (200 if headers else first.status_code)
    assert on_record() == before, "no event, no refusal, no mail"
    record.refresh_from_db()
    assert (record.state, record.decisions.count()) == (OUTCOMES[outcome], 1)


@pytest.mark.rule("A8", "T3")
def test_the_same_signature_again_while_the_other_seat_is_open_is_one_signature(
    company: Company, chaser: Submission
) -> None:
    record, mei = stock_report.privilege_on(chaser, company.mail), client_of(company.people.mei)
    shown = scenarios.shown(record)
    press(mei, record, "approve", shown=shown, term_days="30")
    before = on_record()
    assert press(mei, record, "approve", shown=shown, term_days="30").status_code == 302
    assert on_record() == before
    assert press(mei, record, "approve", shown=shown, term_days="60").status_code == 403, "another term is another word"
    scenarios.approve(record, company.people.sana, now=company.now, reason="Fine.", term_days=20)
    assert press(mei, record, "approve", shown=shown, term_days="30").status_code == 302
    assert record.decisions.count() == 2


@pytest.mark.rule("A8", "A11")
def test_repeated_press_of_delegate_is_their_own(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    record = stock_report.privilege_on(stage_2, c.slack)
    as_delegate(n.tom, giver=n.omar, now=c.now)
    tom, shown = client_of(n.tom), scenarios.shown(record)
    assert press(tom, record, "reject", shown=shown).status_code == 302
    before = on_record()
    assert press(tom, record, "reject", shown=shown).status_code == 302
    assert on_record() == before
    assert press(client_of(n.omar), record, "reject", shown=shown).status_code == 409, "Omar has pressed nothing"


@pytest.mark.rule("A8", "A11", "S5")
def test_decision_for_oneself_is_not_repeat_of_delegated_one(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    record, for_amara = stock_report.privilege_on(stage_2, c.slack), as_delegate(n.omar, giver=n.amara, now=c.now)
    shown = scenarios.shown(record)

    def reject(actor: Any) -> Approval:
        return decide.reject(record, actor=actor, now=c.now, reason="No.", shown_digest=shown)

    reject(as_actor(n.omar))
    before = on_record()[0]
    with pytest.raises(Refused, match=r"^STATE: This approval is rejected, so this can't"):
        reject(for_amara)
    assert on_record()[0] == before + 1, "it is on record"
    assert reject(as_actor(n.omar)).state == ApprovalState.REJECTED


@pytest.mark.rule("A8", "A14")
def test_an_answer_that_was_given_once_is_an_answer_of_its_own_in_the_next_round(
    company: Company, stage_2: Submission
) -> None:
    c, n = company, company.people
    record, rita = stock_report.privilege_on(stage_2, c.slack), client_of(n.rita)
    where = reverse("answer", args=[stage_2.pk, record.pk])
    for round_ in (1, 2):
        reason = f"Why? {round_}"
        decide.ask_for_changes(
            record, actor=as_actor(n.omar), now=c.now, reason=reason, shown_digest=scenarios.shown(record)
        )
        assert rita.post(where, {"reason": "As I said."}).status_code == 302
        before = on_record()
        assert rita.post(where, {"reason": "As I said."}).status_code == 302
        assert on_record() == before
        record.refresh_from_db()
        assert record.round == round_ + 1
    assert rita.post(where, {"reason": "And more."}).status_code == 409


@pytest.mark.rule("A8", "I8")
def test_refusing_connection_is_not_repeat_of_plain_rejection(company: Company, stage_2: Submission) -> None:
    record, omar = stock_report.privilege_on(stage_2, company.slack), client_of(company.people.omar)
    shown = scenarios.shown(record)
    press(omar, record, "reject", shown=shown)
    assert press(omar, record, "reject", shown=shown, not_mine="1").status_code == 409


# --- submitting, withdrawing, accepting -----------------------------------------------------------------------------------


@pytest.mark.rule("A8", "A15")
def test_withdrawing_twice_is_withdrawing_once(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    rita, where = client_of(company.people.rita), reverse("withdraw", args=[submission.pk])
    assert rita.post(where, {"reason": "Not needed."}).status_code == 302
    before = on_record()
    assert rita.post(where, {"reason": "Not needed."}).status_code == 302
    assert on_record() == before
    assert rita.post(where, {"reason": "Needed later."}).status_code == 409
    assert client_of(company.people.bram).post(where, {"reason": "Not needed."}).status_code in (403, 409)
    assert LedgerEvent.objects.filter(verb="submission.withdrawn", outcome="done").count() == 1


@pytest.mark.rule("A8", "A5")
@pytest.mark.parametrize(
    ("address", "state"), [("accept", SubmissionState.IN_FORCE), ("decline", SubmissionState.DECLINED)]
)
def test_accepting_or_declining_the_rest_twice_is_once_and_then_the_other_is_refused(
    company: Company, stage_2: Submission, address: str, state: SubmissionState
) -> None:
    c, jonas = company, client_of(company.people.jonas)
    scenarios.reject(stock_report.privilege_on(stage_2, c.slack), c.people.omar, now=c.now)
    stock_report.decide_rest(c, stage_2)
    where = {name: reverse(name, args=[stage_2.pk]) for name in ("accept", "decline")}
    assert jonas.post(where[address], {"reason": "So."}).status_code == 302
    before = on_record()
    assert jonas.post(where[address], {"reason": "So."}).status_code == 302
    assert on_record() == before
    other = "decline" if address == "accept" else "accept"
    assert jonas.post(where[other], {"reason": "So."}).status_code == 409
    assert Submission.objects.get(pk=stage_2.pk).state == state


@pytest.mark.rule("A8", "A14")
def test_submitting_the_same_twice_is_one_submission_and_anything_else_is_refused(company: Company) -> None:
    c = company
    version = stock_report.version(c)
    first, before = scenarios.submitted(c, version), on_record()
    assert scenarios.submitted(c, version) == first
    assert on_record() == before
    with pytest.raises(InvalidInput, match="under review already"):
        scenarios.submitted(c, version, by=c.people.bram)
    confirmation.amend_automation(
        version.automation, actor=as_actor(c.people.rita), now=c.now, fields={"technical_owner": None}
    )
    assert scenarios.submitted(c, version) != first, "the app has another owner, so it is submitted again"


@pytest.mark.rule("A8", "I7")
def test_confirming_a_preview_twice_confirms_it_once(company: Company) -> None:
    c, n = company, company.people
    item = previews.preview(
        [(stock_report.EXPORT, stock_report.source())], actor=as_actor(n.rita), now=c.now
    ).items.get()
    fields = {"business_owner": n.jonas, "purpose": "Counts."}

    def confirm(team: Any = n.finance_ops, by: Any = n.rita) -> Any:
        return confirmation.confirm_import(team, actor=as_actor(by), now=c.now, item=item, fields=fields)

    confirm()
    before = on_record()
    assert confirm() == item, "and it says that it is confirmed"
    assert on_record() == before
    for more, code in (({"by": n.bram}, "I7"), ({"team": n.supply}, "PERMISSION")):
        with pytest.raises(Refused, match=f"^{code}: "):
            confirm(**more)


@pytest.mark.rule("A8")
def test_a_decision_by_command_twice_is_one_too(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    record = stock_report.privilege_on(stage_2, c.slack)
    shown, stale = scenarios.shown(record), Approval.objects.get(pk=record.pk)
    for approval in (record, stale):
        made = decide.approve(approval, actor=as_actor(n.omar), now=c.now, reason="Fine.", shown_digest=shown)
        assert made.state == ApprovalState.APPROVED
    assert record.decisions.count() == 1
    refused(decide.approve, record, as_actor(n.amara), "STATE", now=c.now, kind="state")
