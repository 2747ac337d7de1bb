"""The third signature is of nobody from inside, also where they stand in for somebody from outside (S10, A11)."""

from __future__ import annotations

import pytest

from approvals import transitions
from approvals.models import Approval, ApprovalState, Candidate
from governance.controls.refusals import DutyConflict
from tests import journeys
from tests.approvals import mutually
from tests.approvals.attempts import database_refuses, insert_decision
from tests.journeys import Company
from tests.people import as_delegate, joins, make_person
from tests.portal.signed_in import client_of


@pytest.fixture
def app(company: Company, monkeypatch: pytest.MonkeyPatch) -> Approval:
    """An app that waits for somebody from outside: Viktor and Mei have a signal with Rita, and Viktor and Theo have signed."""
    n = company.people
    found = journeys.app_of(journeys.submitted(company))
    mutually.as_if(monkeypatch, n.viktor, n.mei)
    journeys.approve(found, n.viktor, now=company.now)
    journeys.approve(found, n.theo, now=company.now)
    found.refresh_from_db()
    assert found.state == ApprovalState.OPEN
    return found


@pytest.mark.rule("S10", "A11")
@pytest.mark.parametrize("who", ["deputy lead", "member", "partner"])
def test_nobody_from_inside_signs_for_somebody_from_outside(company: Company, app: Approval, who: str) -> None:
    n = company.people
    taker = {"deputy lead": n.bram, "partner": n.mei}.get(who) or joins(make_person("Cole Ager"), n.finance_ops)
    stand_in = as_delegate(taker, giver=n.amara)
    said = {"actor": stand_in, "now": company.now, "reason": "Fine.", "shown_digest": journeys.shown(app)}
    for verb in (transitions.approve, transitions.reject):
        with pytest.raises(DutyConflict, match="outside both teams, and you are not") as no:
            verb(app, **said)
        assert no.value.refusal.code == "S10"
    app.refresh_from_db()
    assert app.state == ApprovalState.OPEN
    page = client_of(taker).get(f"/review/{app.submission_id}/?open={app.pk}").content.decode()
    assert 'value="approve"' not in page, "there is no button for it"


@pytest.mark.rule("S10", "A11", "S5")
def test_nor_does_the_database_take_that(company: Company, app: Approval) -> None:
    n, seat = company.people, app.seats.get(label="outside")
    as_delegate(n.bram, giver=n.amara)
    with database_refuses("S10: nobody of the two teams gives the signature from outside"):
        insert_decision(app, n.bram, for_person=n.amara, seat=seat, now=company.now)
    member = joins(make_person("Cole Ager"), n.finance_ops)
    for who in (n.bram, member):
        Candidate.objects.create(seat=seat, person=who, order=9, basis="fallback owner", at=company.now)
        with database_refuses("S10: nobody of the two teams gives the signature from outside"):
            insert_decision(app, who, seat=seat, now=company.now)
    assert not app.decisions.filter(seat=seat).exists()


@pytest.mark.rule("S10", "A11")
def test_who_is_from_outside_too_signs_for_them(company: Company, app: Approval) -> None:
    n = company.people
    stand_in = as_delegate(n.grace, giver=n.amara)
    transitions.approve(app, actor=stand_in, now=company.now, reason="Fine.", shown_digest=journeys.shown(app))
    app.refresh_from_db()
    assert app.state == ApprovalState.APPROVED
    signed = app.decisions.get(seat__label="outside")
    assert (signed.person, signed.for_person) == (n.grace, n.amara)
