"""The third signature is asked of whoever approves, in whatever seat, for whomever, and whosever work it is (S10)."""

from __future__ import annotations

import json

import pytest

from approvals import transitions
from approvals.models import Approval, ApprovalState, Submission
from governance.controls.models import LedgerEvent, Notice, Person
from governance.controls.refusals import DutyConflict
from governance.controls.roles import Role
from tests import journeys
from tests.appointing import leave_fallback, name_leads, record_leaver
from tests.approvals import mutually, stock
from tests.ground import starting_point
from tests.journeys import Company
from tests.people import as_actor, as_delegate, give_role, joins, make_person


def labels(record: Approval) -> list[str]:
    return list(record.seats.order_by("pk").values_list("label", flat=True))


def open_since_before(c: Company) -> Approval:
    """An app of high risk, open since before Theo and Rita had a signal: it asks two signatures."""
    app = journeys.app_of(stock.newest(c))
    mutually.three_times(c)
    mutually.four_times(c)
    app.refresh_from_db()
    return app


OPEN_SINCE_BEFORE = starting_point("chaser_submitted", open_since_before)


def led_by_bram(c: Company) -> Approval:
    """An app of high risk of Rita's team, which Bram leads: no signal of hers is with him."""
    n = c.people
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.bram, deputy_lead=None)
    return journeys.app_of(journeys.submitted(c))


LED_BY_BRAM = starting_point("four_times", led_by_bram)


def takes_a_third(
    c: Company, app: Approval, *, by: Person | None = None, bram: str = "A9: Somebody before you"
) -> None:
    """Both seats are filled, and it is open until Amara, of neither team, has signed."""
    n = c.people
    assert labels(app) == ["lead", "security", "outside"]
    journeys.approve(app, by or n.viktor, now=c.now)
    assert app.state == ApprovalState.OPEN, "two signatures are not enough"
    with pytest.raises(DutyConflict, match=f"^{bram}"):
        journeys.approve(app, n.bram, now=c.now)  # of Rita's team
    journeys.approve(app, n.amara, now=c.now)
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("S10", "A11")
@LED_BY_BRAM
def test_whoever_signs_for_somebody_else_signs_with_a_third(company: Company, start: Approval) -> None:
    n, app = company.people, start
    assert labels(app) == ["lead", "security"], "Theo stands on no ladder of it"
    actor = as_delegate(n.theo, giver=n.bram)
    transitions.approve(app, actor=actor, now=company.now, shown_digest=journeys.shown(app), reason="Fine.")
    takes_a_third(company, app, bram="A8: You have decided here")  # Theo signed for him


@pytest.mark.rule("S10", "A11")
@LED_BY_BRAM
def test_nor_does_whoever_has_a_signal_have_somebody_else_sign(company: Company, start: Approval) -> None:
    n, app = company.people, start
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=company.now, lead=n.theo, deputy_lead=None)
    actor = as_delegate(n.grace, giver=n.theo)
    transitions.approve(app, actor=actor, now=company.now, shown_digest=journeys.shown(app), reason="Fine.")
    takes_a_third(company, app)


@pytest.mark.rule("S10")
def test_a_colleague_who_submits_what_another_made_does_not_shed_it(company: Company, four_times: Submission) -> None:
    n = company.people
    colleague = joins(make_person("Cole Ager"), n.finance_ops)
    made = journeys.submitted(company, journeys.brought_in(company), by=colleague)
    app = journeys.app_of(made)
    journeys.approve(app, n.theo, now=company.now)
    takes_a_third(company, app)


@pytest.mark.rule("S10", "A1")
@OPEN_SINCE_BEFORE
def test_a_signal_that_comes_up_while_it_is_open_counts(company: Company, start: Approval) -> None:
    app = start
    assert labels(app) == ["lead", "security"]
    journeys.approve(app, company.people.theo, now=company.now)
    takes_a_third(company, app)


@pytest.mark.rule("S10")
def test_whoever_has_a_signal_on_the_seat_of_security_does_too(
    company: Company, chaser_submitted: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    app = journeys.app_of(chaser_submitted)
    mutually.as_if(monkeypatch, n.viktor)
    journeys.approve(app, n.viktor, now=company.now)
    takes_a_third(company, app, by=n.theo)


@pytest.mark.rule("S10", "A1")
@OPEN_SINCE_BEFORE
def test_who_may_give_it_is_asked_and_told_and_the_ledger_says_so(company: Company, start: Approval) -> None:
    n, app = company.people, start
    due = app.due_at
    assert not Notice.objects.filter(recipient=n.amara, thread=f"submission:{app.submission_id}").exists()
    journeys.approve(app, n.theo, now=company.now)
    seat = app.seats.get(label="outside")
    assert n.amara in {one.person for one in seat.candidates.all()}
    notice = Notice.objects.get(recipient=n.amara, thread=f"submission:{app.submission_id}")
    assert notice.event == "stage_1_opened"
    assert LedgerEvent.objects.filter(verb="approval.third_asked", subject_id=str(app.pk)).count() == 1
    assert app.due_at == due, "its clock runs on"
    journeys.retract(app, n.theo, now=company.now, reason="Let me think.")
    assert "outside" in labels(app), "it is not taken away (A1)"


@pytest.mark.rule("S10", "A9")
def test_where_nobody_from_outside_is_left_nothing_is_decided(
    company: Company, chaser_submitted: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    app = journeys.app_of(chaser_submitted)
    journeys.approve(app, n.viktor, now=company.now)
    leave_fallback(n.fallback, n.amara, now=company.now)
    mutually.as_if(monkeypatch, n.theo)
    record_leaver(n.sana, actor=as_actor(n.ines), now=company.now, reason="Left.")
    with pytest.raises(DutyConflict) as caught:
        journeys.approve(app, n.theo, now=company.now)
    assert caught.value.refusal.code == "S10"
    assert "nobody from outside both teams is left" in caught.value.refusal.sentence
    app.refresh_from_db()
    assert labels(app) == ["lead", "security"]
    assert app.decisions.count() == 1


@pytest.mark.rule("S10", "A14")
def test_a_newer_version_takes_it_too_with_what_was_said(
    company: Company, chaser_in_stage_2: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, made = company.people, chaser_in_stage_2
    give_role(n.grace, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    record = made.approvals.get(privilege__entitlement__resource=company.erp, tier="high")
    mutually.as_if(monkeypatch, n.omar)
    journeys.approve(record, n.omar, now=company.now)
    monkeypatch.undo()
    journeys.approve(record, n.sana, now=company.now)
    assert record.state == ApprovalState.OPEN
    newer = journeys.submitted(company, journeys.brought_in(company, content=moved()))
    record = newer.approvals.get(privilege__key=record.key)
    assert record.carried_decisions.count() == 2
    assert labels(record) == ["owner", "security", "outside"]
    assert record.state == ApprovalState.WAITING


def moved() -> bytes:
    """The export with its last node once more: another source, which asks the same."""
    export = json.loads((journeys.EXPORTS / "invoice-chaser.json").read_text())
    export["nodes"].append(export["nodes"][-1] | {"id": "moved", "name": "Once more"})
    return json.dumps(export).encode()


@pytest.mark.rule("S10")
@LED_BY_BRAM
def test_what_others_sign_takes_none(company: Company, start: Approval) -> None:
    n, app = company.people, start
    journeys.approve(app, n.bram, now=company.now)
    journeys.approve(app, n.viktor, now=company.now)
    assert app.state == ApprovalState.APPROVED
