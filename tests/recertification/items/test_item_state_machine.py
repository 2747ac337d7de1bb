"""Any order of answers, corrections, stops and waiting: what holds after each step of a review (R4, R6, S4, G2, G5)."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from approvals.grants.jobs import expire_due
from approvals.grants.transitions import stops
from approvals.models import Grant, GrantState
from governance.core.models import Person
from governance.recertification.items.transitions import answer
from governance.recertification.models import SETTLING, UNCLOSED, Answer, AnswerKind, Asks, Item, ItemOutcome, ItemState
from inventory.models import Automation
from tests import run_lengths
from tests.appointments import record_leaver
from tests.people import as_actor
from tests.recertification.review_steps import JOB, Held, latest_answer, question, submit_answer, sweep_at, under_review
from tests.state_machines import Undone

#: A few a run; other orders come up in other runs.
EXAMPLES, STEPS = run_lengths.run_length(1, full=10, soak=150), 10

#: Both sides' owners and deputies, the lead, security, and somebody with nothing to do with it.
PEOPLE = ("jonas", "rita", "theo", "omar", "amara", "sana", "tom")

ASKS = st.sampled_from(list(Asks))
KINDS = st.sampled_from(list(AnswerKind))


class Review(Undone):
    """One item about one standard grant, from its opening on."""

    held: ClassVar[Held]

    def __init__(self) -> None:
        super().__init__()
        self.item = under_review(self.held.grant())
        self.grant = Grant.objects.get(pk=self.item.grant_id)
        self.now = self.item.opened_at
        self.stopped = False

    def facts(self) -> tuple[Any, ...]:
        """Everything that a review can change."""
        return (
            list(Item.objects.values_list("pk", "state", "outcome", "closes_at")),
            list(Answer.objects.values_list("pk", flat=True)),
            list(Grant.objects.filter(automation=self.grant.automation_id).order_by("pk").values_list("pk", "state")),
        )

    @rule(asks=ASKS, kind=KINDS)
    def reviewer_answers(self, asks: Asks, kind: AnswerKind) -> None:
        self.attempt(lambda: submit_answer(question(self.item, asks), kind, now=self.now))

    @rule(who=st.sampled_from(PEOPLE), asks=ASKS, kind=KINDS)
    def anybody_answers(self, who: str, asks: Asks, kind: AnswerKind) -> None:
        subject = question(self.item, asks)
        self.attempt(lambda: submit_answer(subject, kind, now=self.now, by=getattr(self.held.people, who)))

    @rule(who=st.sampled_from(["jonas", "omar", "amara"]))
    def somebody_leaves(self, who: str) -> None:
        if not Person.objects.filter(left_at__isnull=False).exists():
            person, admin = Person.objects.get(pk=getattr(self.held.people, who).pk), as_actor(self.held.people.ines)
            self.attempt(lambda: record_leaver(person, actor=admin, now=self.now, reason="Left."))

    @rule(asks=ASKS)
    def reviewer_corrects(self, asks: Asks) -> None:
        subject = question(self.item, asks)
        again = {"now": self.now, "reason": "The wrong row.", "batch": uuid.uuid4()}
        self.attempt(lambda: answer.correct(subject, actor=as_actor(subject.reviewer), **again))

    @rule()
    def security_stops_it(self) -> None:
        standing = Grant.objects.filter(automation=self.grant.automation_id, key=self.grant.key).standing().first()
        if standing is not None:
            sana = as_actor(self.held.people.sana)
            self.attempt(lambda: stops.stop_grant(standing, actor=sana, now=self.now, reason="Leaked."))
            self.stopped = True

    @rule(hours=st.sampled_from([1, 30, 24 * 6, 24 * 15]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        sweep_at(self.now)
        expire_due(self.now, JOB)

    def answers_by_side(self) -> dict[str, str | None]:
        return {
            question.asks: (latest_answer(question).answer if latest_answer(question) else None)
            for question in self.item.questions.all()
        }

    @invariant()
    def it_says_how_far_it_is(self) -> None:
        Review.taken += 1
        run_lengths.going(self.request, f"{self.taken:,} steps")

    @invariant()
    def nobody_answers_for_both_sides_and_no_owner_says_that_it_is_acceptable(self) -> None:
        answers = Answer.objects.filter(question__item=self.item, answer__in=SETTLING)
        by_side = {asks: set(answers.filter(question__asks=asks).values_list("person", flat=True)) for asks in Asks}
        assert not by_side[Asks.NEEDED] & by_side[Asks.ACCEPTABLE]
        owners = Automation.objects.values_list("business_owner", "technical_owner").get(pk=self.grant.automation_id)
        assert not by_side[Asks.ACCEPTABLE] & set(owners)

    @invariant()
    def never_more_than_one_open_item_a_grant(self) -> None:
        held = Item.objects.filter(state__in=UNCLOSED).exclude(grant=None).values_list("grant", flat=True)
        assert len(held) == len(set(held))

    @invariant()
    def kept_only_by_the_word_of_two_people(self) -> None:
        item = Item.objects.get(pk=self.item.pk)
        kept = Grant.objects.filter(predecessor=self.grant).exists()
        assert kept == (item.outcome == ItemOutcome.KEPT)
        if kept:
            assert set(self.answers_by_side().values()) == {AnswerKind.KEEP}
            people = set(
                Answer.objects.filter(question__item=item, answer=AnswerKind.KEEP).values_list("person", flat=True)
            )
            assert len(people) == 2

    @invariant()
    def what_was_revoked_stopped_or_never_answered_is_not_in_force(self) -> None:
        item, live = Item.objects.get(pk=self.item.pk), Grant.objects.live(self.now)
        grant = live.filter(pk=self.grant.pk).exists()
        if AnswerKind.REVOKE in self.answers_by_side().values() and item.state != ItemState.CLOSED:
            assert not grant
        if item.state in UNCLOSED and self.now >= item.grace_until and None in self.answers_by_side().values():
            assert not grant
        if self.stopped:
            assert not live.filter(key=self.grant.key, automation=self.grant.automation_id).exists()

    @invariant()
    def nothing_lasts_longer_than_its_term(self) -> None:
        for grant in Grant.objects.filter(automation=self.grant.automation_id).exclude(state=GrantState.ENDED):
            assert grant.ends_at - grant.begins_at <= timedelta(days=180)
        item = Item.objects.get(pk=self.item.pk)
        if item.closes_at is not None:
            assert item.closes_at <= self.grant.ends_at


@pytest.mark.full
@run_lengths.proves("R4", "R6", "S4", "G2", "H2")
@pytest.mark.soak
def test_review_invariants_hold_in_any_order_of_events(held: Held, request: pytest.FixtureRequest) -> None:
    Review.held, Review.request, Review.taken = held, request, 0
    run_state_machine_as_test(
        Review,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    run_lengths.did(request, f"{Review.taken:,} steps of reviews, no more than {STEPS} on end, each ledger verified")
