"""Low risk: the owner alone answers, but one grant in ten is drawn and a second person says so too (S4)."""

from __future__ import annotations

import hashlib
import uuid
from datetime import timedelta

import pytest

from approvals.models import Grant, GrantState
from governance.core.duties.refusals import DutyConflict, NotPermitted
from governance.core.mail.mail_text import write
from governance.core.models import Notice
from governance.recertification.items import context as item_context
from governance.recertification.items.transitions import answer
from governance.recertification.models import AnswerKind, Asks, Item, ItemOutcome, ItemState, Question
from tests.people import as_actor, shares
from tests.recertification.review_steps import Held, question, submit_answer, sweep_at, under_review
from tests.signed_in_client import client_of

KEEP = AnswerKind.KEEP
KEYS = [hashlib.sha256(word).digest() for word in (b"one", b"two", b"three")]


def drawn(key: bytes, period: str = "2027-05-23") -> set[int]:
    return {grant for grant in range(1, 1001) if item_context.is_in_sample(key, grant, period)}


@pytest.fixture
def item(held: Held, monkeypatch: pytest.MonkeyPatch) -> Item:
    """An open item about a low-risk grant that was drawn."""
    monkeypatch.setattr(item_context, "SAMPLE_ONE_IN", 1)
    return under_review(held.low_grant())


@pytest.mark.rule("S4")
@pytest.mark.parametrize("key", KEYS)
def test_about_one_in_ten_is_drawn_and_always_the_same_ones(key: bytes) -> None:
    sample = drawn(key)
    assert 60 <= len(sample) <= 140
    assert drawn(key) == sample


@pytest.mark.rule("S4")
def test_sample_is_unpredictable_without_key() -> None:
    assert len(drawn(KEYS[0]) & drawn(KEYS[1])) < 30
    assert len(drawn(KEYS[0]) & drawn(KEYS[0], "2027-11-23")) < 30


@pytest.mark.rule("S4")
def test_owner_alone_does_not_keep_sampled_access(item: Item, held: Held) -> None:
    now, n = item.opened_at, held.people
    assert dict(item.questions.values_list("asks", "reviewer__name")) == {
        "needed": "Jonas Weil",
        "acceptable": "Omar Haddad",
    }
    submit_answer(question(item, Asks.NEEDED), KEEP, now=now)
    item.refresh_from_db()
    assert item.state == ItemState.OPEN
    acceptable = question(item, Asks.ACCEPTABLE)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        submit_answer(acceptable, KEEP, now=now, by=n.jonas)
    assert not Grant.objects.filter(predecessor=item.grant).exists()


@pytest.mark.rule("S4", "A11")
def test_owner_as_delegate_does_not_give_both_answers(item: Item, held: Held) -> None:
    now, n = item.opened_at, held.people
    submit_answer(question(item, Asks.NEEDED), KEEP, now=now)
    shares(n.jonas, n.omar)
    n.omar.delegations_given.create(taker=n.jonas, from_at=now, until_at=now + timedelta(days=9))
    both = as_actor(n.jonas).for_person(n.omar)
    with pytest.raises(DutyConflict) as caught:
        answer.answer(question(item, Asks.ACCEPTABLE), actor=both, now=now, answer=KEEP, batch=uuid.uuid4())
    assert caught.value.refusal.code == "SOD-4"
    item.refresh_from_db()
    assert item.state == ItemState.OPEN


@pytest.mark.rule("S4", "R6")
def test_sampled_access_ends_without_second_answer(item: Item) -> None:
    submit_answer(question(item, Asks.NEEDED), KEEP, now=item.opened_at)
    sweep_at(item.deadline)
    sweep_at(item.grace_until)
    assert Grant.objects.get(pk=item.grant_id).state == GrantState.SUSPENDED


@pytest.mark.rule("S4")
def test_sampled_access_needs_two_answers_and_other_one(
    item: Item, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit_answer(question(item, Asks.NEEDED), KEEP, now=item.opened_at)
    submit_answer(question(item, Asks.ACCEPTABLE), KEEP, now=item.opened_at)
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.KEPT
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    other = under_review(Grant.objects.get(predecessor=item.grant))
    assert list(Question.objects.filter(item=other).values_list("asks", flat=True)) == ["needed"]
    assert not other.is_sample


@pytest.mark.rule("S4")
def test_the_page_and_the_mail_say_that_it_was_drawn(item: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: item.opened_at)
    for open_question in item.questions.all():
        page = client_of(open_question.reviewer).get(f"/recertify/{item.pk}/").content.decode()
        assert "Low risk, chosen at random." in page
        letter = write(Notice.objects.get(event="recertification_opened", recipient=open_question.reviewer), None)
        assert "chosen at random" in " ".join(letter.text.split())
        assert "chosen at random" in letter.html
