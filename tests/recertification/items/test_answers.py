"""What answers come to, as a table; passing on; correcting; drafts and batches (R4, R6, S4, G2)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.models import Grant, GrantState
from approvals.models.grant import Why
from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Notice
from governance.recertification.items import context as item_context
from governance.recertification.items import drafts
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions import answer, open_item
from governance.recertification.items.transitions.answer import CardView
from governance.recertification.items.transitions.settle import last_day, last_instant
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item, ItemOutcome, ItemState, Question
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, AutomationState
from tests.ledger_records import recorded
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import (
    JOB,
    Held,
    keep_to_its_end,
    opened,
    opens_at,
    question,
    submit_answer,
    sweep_at,
    under_review,
)

K = AnswerKind
NEEDED, ACCEPTABLE = Asks.NEEDED, Asks.ACCEPTABLE

#: *Keep* with the day on which the grant ends anyway.
TO_ITS_END = "keep to its end"

#: needed says, acceptable says (in this order), the item's state, its outcome, the grant's state, may a successor be live?
OUTCOMES = [
    (K.KEEP, None, "open", "", "active", False),
    (None, K.KEEP, "open", "", "active", False),
    (K.KEEP, K.KEEP, "closed", "kept", "ended", True),
    (K.REVOKE, None, "answered", "", "suspended", False),
    (None, K.REVOKE, "answered", "", "suspended", False),
    (K.KEEP, K.REVOKE, "answered", "", "suspended", False),
    (TO_ITS_END, None, "open", "", "active", False),
    (None, TO_ITS_END, "open", "", "active", False),
    (K.KEEP, TO_ITS_END, "closed", "kept", "active", False),
    (TO_ITS_END, K.KEEP, "closed", "kept", "active", False),
    (TO_ITS_END, TO_ITS_END, "closed", "kept", "active", False),
    (TO_ITS_END, K.REVOKE, "answered", "", "suspended", False),
    (K.DONT_KNOW, None, "open", "", "active", False),
    (None, K.NOT_MINE, "open", "", "active", False),
    (K.DONT_KNOW, K.REVOKE, "answered", "", "suspended", False),
]


@pytest.mark.rule("R4", "S4", "G2")
@pytest.mark.parametrize(("needed", "acceptable", "item_state", "outcome", "grant_state", "is_kept"), OUTCOMES)
def test_two_answers_give_one_outcome(
    needed: K | str | None,
    acceptable: K | str | None,
    item_state: str,
    outcome: str,
    grant_state: str,
    is_kept: bool,
    held: Held,
    stock_under_review: Item,
) -> None:
    item = stock_under_review
    now = item.opened_at + timedelta(days=1)
    for asks, kind in ((NEEDED, needed), (ACCEPTABLE, acceptable)):
        if kind == TO_ITS_END:
            keep_to_its_end(question(item, asks), now=now)
        elif kind is not None:
            submit_answer(question(item, asks), K(kind), now=now)
    item.refresh_from_db()
    grant = Grant.objects.get(pk=item.grant_id)
    assert (item.state, item.outcome, grant.state) == (item_state, outcome, grant_state)
    assert Grant.objects.live(now).filter(predecessor=grant).exists() is is_kept
    assert (grant in Grant.objects.live(now)) is (grant_state == "active")


@pytest.mark.rule("G2", "S4")
def test_a_keep_by_both_makes_a_successor_that_names_both_answers(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    now = item.opened_at
    submit_answer(question(item, NEEDED), K.KEEP, now=now, reason="The Monday meeting uses it.")
    submit_answer(question(item, ACCEPTABLE), K.KEEP, now=now)
    successor = Grant.objects.get(predecessor=item.grant)
    assert successor.ends_at == now + timedelta(days=180)
    event = LedgerEvent.objects.get(verb="grant.succeeded", outcome="done")
    assert event.payload["answers"] == list(Answer.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.rule("R4", "G2")
def test_keep_may_name_an_end_date_and_the_earlier_of_two_counts(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    now = item.opened_at
    ends_on = (now + timedelta(days=30)).date()
    submit_answer(question(item, NEEDED), K.KEEP, now=now, ends_on=(now + timedelta(days=120)).date())
    submit_answer(question(item, ACCEPTABLE), K.KEEP, now=now, ends_on=ends_on)
    successor = Grant.objects.get(predecessor=item.grant)
    assert (successor.ends_at, successor.renew) == (last_instant(ends_on), False)
    sweep_at(successor.ends_at - timedelta(hours=1))
    assert not Item.objects.filter(grant=successor).exists(), "the access ends on that day: nobody is asked again"


@pytest.mark.rule("R4", "G2")
def test_an_end_date_lies_ahead_and_within_the_approved_term(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    needed, now = question(item, NEEDED), item.opened_at
    for days, sentence in ((-1, "That day is over"), (190, "No review keeps this access after")):
        with pytest.raises(InvalidInput, match=rf"^R4: {sentence}"):
            submit_answer(needed, K.KEEP, now=now, ends_on=(now + timedelta(days=days)).date())
    with pytest.raises(InvalidInput, match=r"^R4: Only access that you keep"):
        submit_answer(needed, K.REVOKE, now=now, ends_on=(now + timedelta(days=9)).date())


@pytest.mark.rule("R4")
def test_an_end_date_before_the_end_of_the_grant_makes_no_successor(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    ends_on = (item.opened_at + timedelta(days=10)).date()
    for asks in (NEEDED, ACCEPTABLE):
        submit_answer(question(item, asks), K.KEEP, now=item.opened_at, ends_on=ends_on)
    grant = Grant.objects.get(pk=item.grant_id)
    assert (grant.state, grant.renew, grant.ends_at) == (GrantState.ACTIVE, False, last_instant(ends_on))
    assert not Grant.objects.filter(predecessor=grant).exists()


@pytest.mark.rule("R4", "S4")
def test_about_low_risk_that_was_not_drawn_one_keep_is_enough(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    item = under_review(held.low_grant())
    submit_answer(question(item, NEEDED), K.KEEP, now=item.opened_at)
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.KEPT


@pytest.mark.rule("R4", "R9")
def test_a_revoke_suspends_at_once_and_ends_after_five_days_by_itself(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    now = item.opened_at
    submit_answer(question(item, ACCEPTABLE), K.REVOKE, now=now, reason="Nobody reads it.")
    grant = Grant.objects.get(pk=item.grant_id)
    assert grant not in Grant.objects.live(now)
    assert grant.suspended_why == Why.REVIEW
    assert Notice.objects.filter(event="recertification_revoked").count() == 2  # Jonas and Rita
    sweep_at(now + timedelta(days=5) - timedelta(seconds=1))
    assert Grant.objects.get(pk=grant.pk).state == GrantState.SUSPENDED
    assert sweep_at(now + timedelta(days=5))["closed"] == 2, (
        "its own, and that of the credential it was the last to need"
    )
    assert not Grant.objects.live(now).filter(credential=grant.credential_id).exists()
    grant.refresh_from_db()
    item.refresh_from_db()
    assert (grant.state, grant.ended_why) == (GrantState.ENDED, Why.REVIEW)
    assert (item.state, item.outcome) == (ItemState.CLOSED, ItemOutcome.REVOKED)


@pytest.mark.rule("R4")
def test_a_revoke_never_ends_later_than_the_term(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    late = item.grant.ends_at - timedelta(days=2)
    submit_answer(question(item, ACCEPTABLE), K.REVOKE, now=late)
    item.refresh_from_db()
    assert item.closes_at == item.grant.ends_at


@pytest.mark.rule("R4")
def test_access_kept_to_its_end_runs_to_its_date_and_does_not_come_up_again(
    held: Held, stock_under_review: Item
) -> None:
    item = stock_under_review
    keep_to_its_end(question(item, NEEDED), now=item.opened_at)
    last = submit_answer(question(item, ACCEPTABLE), K.KEEP, now=item.opened_at)
    grant = Grant.objects.get(pk=item.grant_id)
    assert recorded("grant.set_to_lapse", grant, by=last.reviewer)["ends_at"] == ledger_events.instant(grant.ends_at)
    submit_answer(question(of_automation(held), NEEDED), K.KEEP, now=item.opened_at)
    sweep_at(grant.ends_at - timedelta(hours=1))
    assert Item.objects.filter(grant=grant).count() == 1
    assert grant in Grant.objects.live(grant.ends_at - timedelta(seconds=1))


@pytest.mark.rule("R4", "R6", "S4")
@pytest.mark.parametrize(("first", "other"), [(NEEDED, ACCEPTABLE), (ACCEPTABLE, NEEDED)], ids=str)
def test_one_end_date_undoes_no_silence_and_answers_for_nobody_else(
    held: Held, stock_suspended: Item, first: Asks, other: Asks
) -> None:
    item = stock_suspended
    grant = Grant.objects.get(pk=item.grant_id)
    assert grant.suspended_why == Why.SILENCE
    now = item.grace_until + timedelta(hours=1)
    keep_to_its_end(question(item, first), now=now)
    grant.refresh_from_db()
    item.refresh_from_db()
    assert (grant.state, grant.renew, item.state) == (GrantState.SUSPENDED, True, ItemState.ESCALATED)
    assert question(item, other).state == ItemState.ESCALATED
    sweep_at(item.closes_at)
    grant.refresh_from_db()
    item.refresh_from_db()
    assert (grant.state, grant.ended_why, item.outcome) == (GrantState.ENDED, Why.SILENCE, ItemOutcome.REVOKED)


@pytest.mark.rule("R4", "R6", "S4")
def test_suspended_access_runs_to_its_date_after_both_answers(held: Held, stock_suspended: Item) -> None:
    item = stock_suspended
    keep_to_its_end(question(item, NEEDED), now=item.grace_until + timedelta(hours=1))
    submit_answer(question(item, ACCEPTABLE), K.KEEP, now=item.grace_until + timedelta(hours=1))
    grant = Grant.objects.get(pk=item.grant_id)
    item.refresh_from_db()
    assert (grant.state, grant.renew, item.outcome) == (GrantState.ACTIVE, False, ItemOutcome.KEPT)


@pytest.mark.rule("R4")
def test_passing_on_goes_down_the_escalation_chain_at_most_twice_never_back_and_leaves_the_deadline(
    held: Held, stock_under_review: Item
) -> None:
    item, n = stock_under_review, held.people
    now, before = item.opened_at, item.deadline
    acceptable = submit_answer(question(item, ACCEPTABLE), K.DONT_KNOW, now=now)
    assert acceptable.reviewer == n.amara
    with pytest.raises(InvalidInput, match=r"^R4: It can't be passed on to Omar"):
        submit_answer(acceptable, K.NOT_MINE, now=now, whose=n.omar)  # back
    acceptable = submit_answer(question(item, ACCEPTABLE), K.NOT_MINE, now=now)
    assert acceptable.reviewer == n.bram  # Amara leads Platform Engineering too; the next are the fallback owners
    assert (acceptable.passed, acceptable.asked_before) == (2, [n.omar.pk, n.amara.pk])
    with pytest.raises(OutOfTurn, match=r"^R4: It was passed on twice already"):
        submit_answer(acceptable, K.DONT_KNOW, now=now)
    item.refresh_from_db()
    assert (item.deadline, item.state) == (before, ItemState.OPEN)
    assert Notice.objects.filter(event="recertification_passed").count() == 2
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        submit_answer(question(item, ACCEPTABLE), K.KEEP, now=now, by=n.omar)


@pytest.mark.rule("R4", "S4")
def test_reviewer_names_only_eligible_successor(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    acceptable = question(item, ACCEPTABLE)
    for nobody in (n.rita, n.jonas, n.omar):
        with pytest.raises(InvalidInput, match=r"^R4: It can't be passed on to"):
            submit_answer(acceptable, K.NOT_MINE, now=item.opened_at, whose=nobody)
    assert submit_answer(acceptable, K.NOT_MINE, now=item.opened_at, whose=n.lena).reviewer == n.lena


@pytest.mark.rule("R4")
def test_a_submitted_revoke_can_be_corrected_with_a_reason_until_it_ends(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    now = item.opened_at
    acceptable = submit_answer(question(item, ACCEPTABLE), K.REVOKE, now=now)
    item.refresh_from_db()
    later = now + timedelta(days=4)
    correct = {"now": later, "batch": uuid.uuid4()}
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        answer.correct(acceptable, actor=as_actor(n.omar), **correct)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        answer.correct(acceptable, actor=as_actor(n.sana), reason="Let me.", **correct)
    late = correct | {"now": item.closes_at}
    with pytest.raises(OutOfTurn, match=r"^R4: The time to correct it is over\."):
        answer.correct(acceptable, actor=as_actor(n.omar), reason="Too late.", **late)
    answer.correct(acceptable, actor=as_actor(n.omar), reason="The wrong row.", **correct)
    item.refresh_from_db()
    grant = Grant.objects.get(pk=item.grant_id)
    assert (item.state, item.closes_at, grant.state) == (ItemState.OPEN, None, GrantState.ACTIVE)
    assert recorded("grant.suspended", grant, by=n.omar)["why"] == Why.REVIEW
    assert recorded("item.reopened", item, by=n.omar) == {"from": "answered", "to": "open"}
    assert recorded("grant.reinstated", grant, by=n.omar)["was"] == Why.REVIEW
    first, second = Answer.objects.order_by("pk")
    assert (second.supersedes, second.answer) == (first, K.KEEP)
    submit_answer(question(item, NEEDED), K.KEEP, now=later)
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.KEPT


@pytest.mark.rule("R4")
def test_only_revoke_can_be_corrected(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    acceptable = submit_answer(question(item, ACCEPTABLE), K.KEEP, now=item.opened_at)
    with pytest.raises(OutOfTurn) as caught:
        answer.correct(
            acceptable,
            actor=as_actor(acceptable.reviewer),
            now=item.opened_at,
            reason="Hm.",
            batch=uuid.uuid4(),
        )
    assert caught.value.refusal.code == "R4"


@pytest.mark.rule("R4", "G5")
def test_correcting_a_revoke_does_not_lift_a_stop(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    now = item.opened_at
    acceptable = submit_answer(question(item, ACCEPTABLE), K.REVOKE, now=now)
    stops.stop_grant(item.grant, actor=as_actor(n.sana), now=now, reason="Unusual traffic.")
    ends_on = last_day(item.grant.ends_at)
    answer.correct(
        acceptable, actor=as_actor(n.omar), now=now, reason="The wrong row.", ends_on=ends_on, batch=uuid.uuid4()
    )
    keep_to_its_end(question(item, NEEDED), now=now)
    grant = Grant.objects.get(pk=item.grant_id)
    assert (grant.state, grant.suspended_why, grant.renew) == (GrantState.SUSPENDED, Why.STOPPED, False)


@pytest.mark.rule("G2")
def test_a_year_after_the_decision_of_stage_2_no_review_renews_a_grant(held: Held) -> None:
    grant, n = held.automation.grants.filter(kind="credential").order_by("pk")[0], held.people
    for _ in range(2):
        item = under_review(grant)
        submit_answer(question(item, NEEDED), K.KEEP, now=item.opened_at)
        submit_answer(question(item, ACCEPTABLE), K.KEEP, now=item.opened_at)
        grant = Grant.objects.get(predecessor=grant)
    item = under_review(grant)
    needed = question(item, NEEDED)
    with pytest.raises(OutOfTurn) as caught:
        submit_answer(needed, K.KEEP, now=item.opened_at)
    assert caught.value.refusal.code == "G2"
    assert drafts.refusal_of_draft(needed, K.KEEP, actor=as_actor(n.jonas), now=item.opened_at) == caught.value.refusal
    keep_to_its_end(needed, now=item.opened_at)


def of_automation(held: Held) -> Item:
    return opened(held.automation, opens_at(held.grant()))


@pytest.mark.rule("R1", "R4")
def test_an_automation_that_is_kept_comes_up_again_after_its_tiers_days(held: Held) -> None:
    item = of_automation(held)
    needed = submit_answer(question(item, NEEDED), K.KEEP, now=item.opened_at)
    automation = held.automation
    assert automation.review_on == (item.opened_at + timedelta(days=180)).date()
    payload = recorded("automation.reviewed", automation, by=needed.reviewer)
    assert payload["review_on"] == automation.review_on.isoformat()
    assert automation.state == AutomationState.LIVE
    sweep_at(item.opened_at + timedelta(minutes=1))
    assert Item.objects.filter(automation=automation).count() == 1


@pytest.mark.rule("R1", "R4", "G3")
def test_an_automation_that_is_revoked_stops_at_once_and_so_do_its_grants(held: Held) -> None:
    item = of_automation(held)
    submit_answer(question(item, NEEDED), K.REVOKE, now=item.opened_at)
    assert held.automation.state == AutomationState.SUSPENDED
    assert not Grant.objects.live(item.opened_at).filter(automation=held.automation).exists()
    item.refresh_from_db()
    sweep_at(item.closes_at)
    item.refresh_from_db()
    assert (item.outcome, held.automation.state) == (ItemOutcome.REVOKED, AutomationState.SUSPENDED)


@pytest.mark.rule("R4")
def test_correction_restores_revoked_automation_unless_stopped(held: Held) -> None:
    item = of_automation(held)
    needed = submit_answer(question(item, NEEDED), K.REVOKE, now=item.opened_at)
    correct = {"now": item.opened_at, "reason": "The wrong one.", "batch": uuid.uuid4()}
    answer.correct(needed, actor=as_actor(needed.reviewer), **correct)
    assert held.automation.state == AutomationState.LIVE
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.KEPT


@pytest.mark.rule("R4")
def test_an_automation_has_no_date_to_end_on(held: Held) -> None:
    item = of_automation(held)
    with pytest.raises(InvalidInput, match=r"^R4: Only access that you keep can have an end date"):
        submit_answer(question(item, NEEDED), K.KEEP, now=item.opened_at, ends_on=item.opened_at.date())


@pytest.mark.rule("L1")
def test_the_items_of_a_retired_automation_close_with_it(held: Held) -> None:
    item = of_automation(held)
    lifecycle.retire(held.automation, actor=as_actor(held.people.jonas), now=item.opened_at, reason="Replaced.")
    sweep_at(item.opened_at)
    assert set(Item.objects.values_list("state", "outcome")) == {(ItemState.CLOSED, ItemOutcome.SUPERSEDED)}


@pytest.mark.rule("R4")
def test_answers_are_drafts_and_batch_keeps_refused_ones(held: Held, stock_under_review: Item) -> None:
    first, n = stock_under_review, held.people
    second = under_review(held.grant(on=held.company.slack))
    now, omar = first.opened_at, as_actor(n.omar)
    for item, kind in ((first, K.REVOKE), (second, K.KEEP)):
        drafts.save_draft(
            question(item, ACCEPTABLE), kind, actor=omar, now=now, reason="As agreed.", seen=CardView(seconds=12)
        )
    drafts.save_draft(
        question(first, ACCEPTABLE), K.KEEP, actor=omar, now=now, reason="No: keep it.", seen=CardView(seconds=40)
    )
    assert not Answer.objects.exists()
    assert Grant.objects.live(now).filter(automation=held.automation).count() == 4
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        drafts.save_draft(question(first, NEEDED), K.KEEP, actor=omar, now=now)
    transition_lifecycle.revoke(second.grant, actor=omar, now=now, reason="At once.")
    done = drafts.submit(drafts.drafts_of(omar, now), actor=omar, now=now)
    assert [(result.question.item_id, result.refusal and result.refusal.code) for result in done] == [
        (first.pk, None),
        (second.pk, "STATE"),
    ]
    submitted = Answer.objects.get()
    assert (submitted.answer, submitted.seconds, str(submitted.reason)) == (K.KEEP, 40, "No: keep it.")
    assert list(Draft.objects.values_list("question__item", flat=True)) == [second.pk]


@pytest.mark.rule("R2", "R4")
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("because", ["incident", "new conflict", "tier raised"])
def test_draft_before_joined_event_is_void_and_text_is_kept(
    held: Held, stock_all_under_review: Item, because: str, together: bool
) -> None:
    item, omar = stock_all_under_review, as_actor(held.people.omar)
    chosen_at = item.opened_at
    drafts.save_draft(question(item, ACCEPTABLE), K.KEEP, actor=omar, now=chosen_at, reason="As every year.")
    others = Question.objects.filter(reviewer=held.people.omar, asks=ACCEPTABLE).exclude(item=item) if together else []
    for other in others:
        drafts.save_draft(other, K.KEEP, actor=omar, now=chosen_at)
    later = chosen_at + timedelta(hours=1)
    open_item.note_event(item, actor=JOB, now=later, because=because, cause="it")
    done = drafts.submit(drafts.drafts_of(omar, later), actor=omar, now=later)
    refused = [result.refusal for result in done if result.refusal is not None]
    assert [refusal.code for refusal in refused] == ["R2"]
    assert refused[0].sentence.startswith("It changed since you chose: ")
    assert not Answer.objects.filter(question__item=item).exists()
    assert Draft.objects.get().reason == "As every year."
    drafts.save_draft(question(item, ACCEPTABLE), K.KEEP, actor=omar, now=later + timedelta(minutes=1))
    (again,) = drafts.submit(drafts.drafts_of(omar, later), actor=omar, now=later + timedelta(minutes=2))
    assert again.refusal is None


@pytest.mark.rule("R2", "R4")
def test_joining_campaign_keeps_drafts(held: Held, stock_under_review: Item) -> None:
    item, omar = stock_under_review, as_actor(held.people.omar)
    drafts.save_draft(question(item, ACCEPTABLE), K.KEEP, actor=omar, now=item.opened_at)
    later = item.opened_at + timedelta(hours=1)
    open_item.note_event(item, actor=JOB, now=later, because="ad hoc", cause="it")
    (done,) = drafts.submit(drafts.drafts_of(omar, item.opened_at), actor=omar, now=item.opened_at)
    assert done.refusal is None


@pytest.mark.rule("R7")
def test_bulk_draft_with_raised_risk_is_answered_singly(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    grant = held.low_grant()
    item = under_review(grant)
    needed, jonas = question(item, NEEDED), as_actor(held.people.jonas)
    drafts.save_draft(needed, K.KEEP, actor=jonas, now=item.opened_at, reason="All used.", seen=CardView(in_bulk=True))
    Grant.objects.filter(pk=grant.pk).update(raised_to="standard", raised_at=item.opened_at)
    (done,) = drafts.submit(drafts.drafts_of(jonas, item.opened_at), actor=jonas, now=item.opened_at)
    assert done.refusal is not None
    assert (done.refusal.code, Draft.objects.get().reason) == ("R7", "All used.")
    drafts.save_draft(needed, K.KEEP, actor=jonas, now=item.opened_at, reason="Used.")
    assert not Draft.objects.get().in_bulk
    (done,) = drafts.submit(drafts.drafts_of(jonas, item.opened_at), actor=jonas, now=item.opened_at)
    assert done.refusal is None


@pytest.mark.rule("R7")
def test_bulk_draft_needs_reason_however_it_was_made(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    item = under_review(held.low_grant())
    needed, jonas = question(item, NEEDED), as_actor(held.people.jonas)
    by: dict[str, Any] = {"actor": jonas, "now": item.opened_at, "seen": CardView(in_bulk=True)}
    missing = item_rules.bulk_answer_refusal(K.KEEP, "")
    for reason in ("", " \u200b"):
        with pytest.raises(InvalidInput) as caught:
            drafts.save_draft(needed, K.KEEP, **by, reason=reason)
        assert caught.value.refusal == missing
    drafts.save_draft(needed, K.KEEP, **by, reason="All used.")
    Draft.objects.update(reason="")
    (done,) = drafts.submit(drafts.drafts_of(jonas, item.opened_at), actor=jonas, now=item.opened_at)
    assert done.refusal == missing


@pytest.mark.rule("R7")
def test_items_are_answered_in_bulk_by_one_condition(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    low, raised = low_grants(held.submission, 2, begins_at=held.company.now)
    standard = under_review(held.grant(on=held.company.slack))
    items = [under_review(low), under_review(raised), standard, of_automation(held)]
    Grant.objects.filter(pk=raised.pk).update(raised_to="standard", raised_at=items[0].opened_at)
    Automation.objects.filter(pk=held.automation.pk).update(tier="low")
    fresh = Item.objects.filter(pk__in=[item.pk for item in items])
    assert {item.pk for item in fresh if item_rules.takes_bulk_answers(item)} == {items[0].pk}
    taking = Question.objects.filter(item_rules.TAKES_BULK_ANSWERS, item__in=fresh)
    assert {row.item_id for row in taking} == {items[0].pk}
    for kind, item in ((K.KEEP, standard), (K.DONT_KNOW, items[0])):
        needed = question(item, NEEDED)
        by: dict[str, Any] = {"actor": as_actor(needed.reviewer), "now": item.opened_at, "reason": "All used."}
        with pytest.raises(Refused, match=r"^R7: "):
            drafts.save_draft(needed, kind, **by, seen=CardView(in_bulk=True))
        verb = answer.answer if kind == K.KEEP else answer.pass_on
        with pytest.raises(Refused, match=r"^R7: "):
            verb(needed, **by, answer=kind, batch=uuid.uuid4(), seen=CardView(in_bulk=True))
    assert not Draft.objects.exists()
    assert not Answer.objects.exists()


@pytest.mark.rule("R4", "H6")
def test_draft_leaves_with_question_and_history(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    acceptable = question(item, ACCEPTABLE)
    drafts.save_draft(acceptable, K.KEEP, actor=as_actor(n.omar), now=item.opened_at, reason="zebra crossing")
    submit_answer(acceptable, K.DONT_KNOW, now=item.opened_at)
    assert not Draft.objects.exists()
    assert "zebra" not in str(list(Question.history.values())) + str(list(LedgerEvent.objects.values("payload")))
    assert Automation.objects.filter(pk=held.automation.pk).exists()


@pytest.mark.rule("A8", "R4")
@pytest.mark.parametrize("kind", [K.DONT_KNOW, K.KEEP])
def test_the_second_press_of_an_answer_is_the_first_also_where_that_passed_it_on(
    held: Held, stock_under_review: Item, kind: AnswerKind
) -> None:
    item = stock_under_review
    reviewer = question(item, ACCEPTABLE).reviewer
    for _ in range(2):
        submit_answer(question(item, ACCEPTABLE), kind, now=item.opened_at, by=reviewer)
    assert Answer.objects.count() == 1
    assert not LedgerEvent.objects.filter(verb__startswith="question.", outcome="refused").exists()


@pytest.mark.rule("A8", "R4", "S5")
def test_passing_to_other_person_is_no_repeat(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    reviewer = question(item, ACCEPTABLE).reviewer
    submit_answer(question(item, ACCEPTABLE), K.NOT_MINE, now=item.opened_at, by=reviewer, whose=n.amara)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        submit_answer(question(item, ACCEPTABLE), K.NOT_MINE, now=item.opened_at, by=reviewer, whose=n.mei)
    assert question(item, ACCEPTABLE).reviewer == n.amara
