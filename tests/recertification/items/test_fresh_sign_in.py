"""An answer about high risk needs a sign-in of the last 15 minutes; what was chosen waits for it (S5)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils.html import escape

from approvals.models import Grant
from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict
from governance.core.models import LedgerEvent
from governance.recertification.items.transitions import answer
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item
from tests.people import as_actor
from tests.recertification.review_steps import Held, question, submit_answer, under_review
from tests.signed_in_client import client_of

K = AnswerKind


@pytest.fixture
def item(held: Held, monkeypatch: pytest.MonkeyPatch) -> Item:
    """An open item about a grant on Omar's ERP, whose risk has risen to high."""
    grant = held.grant(on=held.company.erp)
    ends_at = grant.begins_at + timedelta(days=90)
    Grant.objects.filter(pk=grant.pk).update(raised_to="high", ends_at=ends_at, review_on=ends_at.date())
    made = under_review(Grant.objects.get(pk=grant.pk))
    monkeypatch.setattr(current_time, "now", lambda: made.opened_at)
    return made


@pytest.mark.rule("S5")
@pytest.mark.parametrize("kind", [K.KEEP, K.REVOKE, K.DONT_KNOW])
def test_stale_session_does_not_answer_high_risk(kind: K, item: Item, held: Held) -> None:
    acceptable, now = question(item, Asks.ACCEPTABLE), item.opened_at
    verb = answer.pass_on if kind == K.DONT_KNOW else answer.answer
    stale = as_actor(held.people.omar, 15.5)
    with pytest.raises(DutyConflict) as caught:
        verb(acceptable, actor=stale, now=now, answer=kind, batch=uuid.uuid4())
    assert caught.value.refusal.code == "SOD-5"
    assert "at most 15 minutes old" in caught.value.refusal.sentence
    event = LedgerEvent.objects.order_by("-pk")[0]
    assert (event.verb, event.outcome, event.code) == (verb.event, "refused", "SOD-5")
    assert not Answer.objects.exists()
    verb(acceptable, actor=as_actor(held.people.omar, 14), now=now, answer=kind, batch=uuid.uuid4())
    assert Answer.objects.get().answer == kind


@pytest.mark.rule("S5")
def test_stale_session_does_not_correct_high_risk(item: Item, held: Held) -> None:
    acceptable, now = question(item, Asks.ACCEPTABLE), item.opened_at
    submit_answer(acceptable, K.REVOKE, now=now)
    with pytest.raises(DutyConflict) as caught:
        answer.correct(
            acceptable, actor=as_actor(held.people.omar, 20), now=now, reason="No.", answer=K.KEEP, batch=uuid.uuid4()
        )
    assert caught.value.refusal.code == "SOD-5"


@pytest.mark.rule("S5")
def test_about_standard_risk_any_sign_in_answers(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    acceptable = question(item, Asks.ACCEPTABLE)
    answer.answer(
        acceptable, actor=as_actor(held.people.omar, 600), now=item.opened_at, answer=K.KEEP, batch=uuid.uuid4()
    )
    assert Answer.objects.get().answer == K.KEEP


@pytest.mark.rule("S5", "R4")
def test_a_draft_is_kept_submitting_leads_to_a_new_sign_in_and_then_it_counts(item: Item, held: Held) -> None:
    client = client_of(held.people.omar, minutes_ago=60)
    card = client.get(f"/recertify/{item.pk}/").content.decode()
    assert "at most 15 minutes old" in card
    assert 'name="answer"' in card
    assert f"next={quote(f'/recertify/{item.pk}/?asks=acceptable', safe='')}" in card
    client.post(f"/recertify/{item.pk}/answer/", {"answer": "keep", "asks": "acceptable", "reason": "Month end."})
    refused = client.post("/recertify/submit/")
    assert refused.status_code == 403
    assert escape("/account/reauthenticate/?next=%2Frecertify%2F") in refused.content.decode()
    assert not Answer.objects.exists()
    assert Draft.objects.get().reason == "Month end."
    assert client.post("/account/reauthenticate/", {"next": "/recertify/"})["Location"] == "/recertify/"
    assert client.post("/recertify/submit/").status_code == 302
    assert Answer.objects.get().reason.text == "Month end."
