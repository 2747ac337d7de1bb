"""Many answers submitted at once: what comes of each is what comes of it alone, what is refused is left out and said (R4, R7, H1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError, connection, transaction

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantState
from approvals.policies import queries as policy_queries
from governance.core.models import LedgerEvent
from governance.core.texts import free_text
from governance.recertification.items import context as item_context
from governance.recertification.items import drafts
from governance.recertification.items.drafts import Submitted
from governance.recertification.items.transitions.answer import CardView
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item, ItemOutcome, ItemState
from tests.approvals import stock_report
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, opened, opens_at, question, sweep_at
from tests.scenarios import Company
from tests.starting_points import starting_point

K = AnswerKind
NEEDED, ACCEPTABLE = Asks.NEEDED, Asks.ACCEPTABLE


def six_low(c: Company) -> list[Item]:
    """Six low-risk grants of Jonas's under review, none of them drawn."""
    made = low_grants(stock_report.newest(c), 6, begins_at=c.now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_context, "is_drawn", lambda grant: False)
        return [opened(grant, opens_at(grant)) for grant in made]


def six_suspended(c: Company) -> list[Item]:
    """The sweep suspends six grants, because six questions have no answer."""
    items = list(Item.objects.order_by("pk"))
    for moment in (items[0].deadline, items[0].grace_until):
        sweep_at(moment)
    return items


SIX_LOW = starting_point("stock_in_force", six_low)
SIX_SUSPENDED = starting_point(SIX_LOW, six_suspended)

pytestmark = SIX_LOW


@pytest.fixture
def items(start: list[Item], monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """The six."""
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    return start


def draft(item: Item, kind: K, held: Held, reason: str = "As every quarter.", asks: Asks = NEEDED) -> Draft:
    item_question = question(item, asks)
    return drafts.save_draft(
        item_question,
        kind,
        actor=as_actor(item_question.reviewer),
        now=item.opened_at,
        reason=reason,
        seen=CardView(9, "keep", 1),
    )


def submit(some: Sequence[Draft], held: Held, item: Item) -> list[Submitted]:
    return drafts.submit(some, actor=as_actor(held.people.jonas), now=item.opened_at)


@pytest.mark.rule("R4", "R7")
def test_answers_submitted_together_share_a_batch(items: list[Item], held: Held) -> None:
    submit([draft(item, K.KEEP, held) for item in items], held, items[0])
    assert Answer.objects.filter(question__item__in=items).values("batch").distinct().count() == 1
    assert not Draft.objects.exists()


@pytest.mark.rule("R7")
def test_one_request_submits_a_pages_rows_and_the_rest_stay_drafts(
    items: list[Item], held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "AT_ONCE", 4)
    for item in items:
        draft(item, K.KEEP, held)
    jonas = as_actor(held.people.jonas)
    submit(drafts.drafts_of(jonas, items[0].opened_at), held, items[0])
    assert len(drafts.drafts_of(jonas, items[0].opened_at)) == 2


@pytest.mark.rule("H1", "H6", "R4")
def test_each_of_many_has_a_reason_of_its_own_or_none_and_its_digest_is_in_the_event_and_in_history(
    items: list[Item], held: Held
) -> None:
    reasons = ["As every quarter.", "", "As every quarter.", "Für “Küche” \\x41\nund Keller 🍏", '{"a": null}', ""]
    submit([draft(item, K.KEEP, held, reason) for item, reason in zip(items, reasons, strict=True)], held, items[0])
    digests: list[str] = []
    for item, reason in zip(items, reasons, strict=True):
        needed = question(item, NEEDED)
        kept = needed.answers.get().reason
        event = LedgerEvent.objects.get(verb="question.answered", subject_id=str(needed.pk))
        assert (kept.text if kept else "", event.reason) == (reason, kept)
        digests += [kept.digest] if kept else []
        change_reason = type(needed).history.filter(id=needed.pk).latest("history_id").history_change_reason  # type: ignore[attr-defined]
        assert str(change_reason).split(" ")[2:] == ([kept.digest] if kept else [])
        assert event.payload.get("reason") == (kept.digest if kept else None)
    assert len(set(digests)) == 4, "each has a key of its own"
    assert not list(free_text.rewritten())


@pytest.mark.rule("R4", "S5", "H1")
def test_refused_answer_in_batch_stays_draft_and_blocks_no_other(items: list[Item], held: Held) -> None:
    chosen = [draft(item, K.KEEP, held) for item in items]
    lifecycle.revoke(items[2].grant, actor=as_actor(held.people.sana), now=items[2].opened_at, reason="Leaked.")
    done = submit(chosen, held, items[0])
    assert [result.refusal is None for result in done] == [True, True, False, True, True, True]
    assert done[2].refusal is not None
    assert "ended" in done[2].refusal.sentence
    assert [draft.question for draft in Draft.objects.all()] == [question(items[2], NEEDED)]
    refused = LedgerEvent.objects.get(outcome="refused")
    assert (refused.verb, refused.subject_id) == ("question.answered", str(question(items[2], NEEDED).pk))


@pytest.mark.rule("R4", "S4")
def test_other_answers_in_batch_act_as_single_ones(items: list[Item], held: Held) -> None:
    kinds = [K.KEEP, K.REVOKE, K.KEEP, K.REVOKE, K.DONT_KNOW, K.KEEP]
    done = submit([draft(item, kind, held) for item, kind in zip(items, kinds, strict=True)], held, items[0])
    assert [result.refusal for result in done] == [None] * 6
    outcomes = [(item.state, item.outcome) for item in Item.objects.filter(pk__in=[i.pk for i in items]).order_by("pk")]
    kept = (ItemState.CLOSED, ItemOutcome.KEPT)
    revoked, passed = (ItemState.ANSWERED, ""), (ItemState.OPEN, "")
    assert outcomes == [kept, revoked, kept, revoked, passed, kept]
    assert Answer.objects.filter(question__item__in=items).values("batch").distinct().count() == 1


@pytest.mark.rule("S4", "G2")
@pytest.mark.starting_point("stock_all_under_review")
def test_a_keep_that_is_one_of_two_waits_for_the_other_and_the_second_renews_naming_both(
    held: Held, stock_all_under_review: Item
) -> None:
    now = stock_all_under_review.opened_at
    both = list(Item.objects.filter(grant__automation=held.automation, grant__kind="privilege").order_by("pk"))
    assert len(both) == 2
    submit([draft(item, K.KEEP, held) for item in both], held, both[0])
    assert {item.state for item in Item.objects.filter(pk__in=[i.pk for i in both])} == {ItemState.OPEN}
    omar = as_actor(held.people.omar)
    drafts.submit([draft(item, K.KEEP, held, asks=ACCEPTABLE) for item in both], actor=omar, now=now)
    for item in both:
        successor = Grant.objects.get(predecessor=item.grant_id)
        event = LedgerEvent.objects.get(verb="grant.succeeded", subject_id=str(successor.pk))
        answers = Answer.objects.filter(question__item=item).order_by("question").values_list("pk", flat=True)
        assert event.payload["answers"] == list(answers)


@pytest.mark.rule("S4", "R4")
@SIX_SUSPENDED
def test_a_grant_that_silence_suspended_is_put_back_and_kept_in_a_batch_too(items: list[Item], held: Held) -> None:
    late = items[0].grace_until
    questions = [question(item, NEEDED) for item in items[:3]]
    chosen = [
        drafts.save_draft(question, K.KEEP, actor=as_actor(question.reviewer), now=late, reason="Still used.")
        for question in questions
    ]
    done = drafts.submit(chosen, actor=as_actor(questions[0].reviewer), now=late)
    assert [result.refusal for result in done] == [None] * 3
    states = Grant.objects.filter(predecessor__in=[item.grant_id for item in items[:3]]).values_list("state", flat=True)
    assert list(states) == [GrantState.ACTIVE] * 3


@pytest.mark.rule("R9", "R4")
def test_errors_in_batch_name_their_item(items: list[Item], held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    real, bad = lifecycle.succeed, items[3].grant_id

    def broken(*_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    def succeed(grant: Grant, **given: Any) -> Grant:
        if grant.pk == bad:
            broken()
        return real(grant, **given)

    monkeypatch.setattr(lifecycle, "succeed", succeed)
    chosen = [draft(item, K.KEEP, held) for item in items]
    with mock.patch.object(drafts, "log") as log:
        done = submit(chosen, held, items[0])
    assert [result.refusal for result in done] == [None, None, None, drafts.FAILED, None, None]
    assert [draft.question for draft in Draft.objects.all()] == [question(items[3], NEEDED)]
    assert not Answer.objects.filter(question__item=items[3]).exists()
    assert log.exception.call_count == 1
    assert not LedgerEvent.objects.filter(outcome="refused").exists()


@pytest.mark.rule("G3", "G2")
def test_ended_access_is_renewed_by_no_answer(items: list[Item], held: Held) -> None:
    late = Grant.objects.get(pk=items[0].grant_id).ends_at
    some = [draft(item, K.KEEP, held) for item in items]
    results = drafts.submit(some, actor=as_actor(held.people.jonas), now=late)
    assert {result.refusal.code for result in results if result.refusal is not None} == {"G3"}
    assert len(results) == len(items)
    assert not Grant.objects.filter(predecessor__isnull=False).exists()


@pytest.mark.rule("G3")
def test_the_database_begins_no_successor_after_a_term(items: list[Item], held: Held) -> None:
    old = Grant.objects.get(pk=items[0].grant_id)
    made = lifecycle.successor(old, old.ends_at, old.ends_at + timedelta(days=1), policy_queries.in_force(old.ends_at))
    with pytest.raises(DatabaseError, match="G3: the term of grant"), transaction.atomic():
        made.save(force_insert=True)
