"""Campaigns in any order of filling, answers, leaving, standing in, silence and the brake: each item has one end, and silence keeps nothing (R2, R4, R6, G2, G6, S4).

What one review does is walked in `test_item_state_machine`; here many come at once, of several campaigns that overlap.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar
from unittest import mock

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from approvals.grants import circuit_breaker as grant_circuit_breaker
from approvals.grants.transitions import circuit_breaker, stops
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import BatchSays, BatchState, Grant, GrantState, HeldBatch
from approvals.submissions import jobs as approvals_sweeps
from governance.core.jobs import job_runs as job_sweeps
from governance.core.models import LedgerEvent, Person
from governance.core.people.transitions.delegations import delegate
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import context as item_context
from governance.recertification.items import drafts
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import answer
from governance.recertification.items.transitions.silence import cause_of
from governance.recertification.models import (
    SETTLING,
    UNCLOSED,
    Answer,
    AnswerKind,
    Asks,
    Campaign,
    CampaignKind,
    CampaignState,
    Draft,
    Item,
    ItemOutcome,
    ItemState,
    Joining,
    Question,
)
from inventory.automations.transitions import lifecycle
from inventory.models import Automation
from inventory.risk.levels import is_within
from tests import run_lengths
from tests.appointments import record_leaver
from tests.people import as_actor
from tests.recertification.campaign_steps import chunk, ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, latest_answer, submit_answer
from tests.state_machines import Undone

#: A few a run; other orders come up in other runs, and many in a soak.
EXAMPLES, STEPS = run_lengths.run_length(1, full=4, soak=150), run_lengths.run_length(8, soak=20)

#: Low-risk grants beside the four that are held anyway: more than the brake lets end at once (G6).
MANY = 14

#: Both sides' owners, deputies and leads, security, an admin, and somebody with nothing to do with it.
PEOPLE = ("jonas", "rita", "theo", "omar", "amara", "sana", "ines", "tom")

#: Ends of a review that leave the grant as it is.
UNTOUCHED = (ItemOutcome.RESOLVED,)

SCOPES = (
    Scope(),
    Scope(),
    Scope(tier="low"),
    Scope(tier="standard"),
    Scope(about=scope.BOTH),
    Scope(about="automations"),
)

people, kinds = st.sampled_from(PEOPLE), st.sampled_from(list(AnswerKind))


class Steps(Undone):
    """One automation with eighteen grants. Anybody tries any operation; a refusal changes nothing."""

    held: ClassVar[Held]

    def __init__(self) -> None:
        super().__init__()
        self.pk = self.held.submission.automation_id
        first = low_grants(self.held.submission, MANY, begins_at=self.held.company.now)[0].pk
        # Drawn by their order: the real draw goes by keys, which are others in each run, and a run has to be had again.
        self.draw = mock.patch.object(item_context, "is_in_sample", lambda key, grant, period: (grant - first) % 5 == 0)
        self.draw.start()
        self.now: datetime = self.held.company.now + timedelta(days=1)
        self.swept_at: datetime | None = None
        self.ordered = 0
        self.ends: dict[int, tuple[Any, ...]] = {}

    def teardown(self) -> None:
        self.draw.stop()
        super().teardown()

    def attempt(self, act: Callable[[], Any]) -> bool:
        """People act a minute after what went before: never at the very instant of a sweep."""
        self.now += timedelta(minutes=1)
        return super().attempt(act)

    # --- what is there ------------------------------------------------------------------------------------------------

    def person(self, name: str) -> Person:
        person: Person = Person.objects.get(pk=getattr(self.held.people, name).pk)
        return person

    def opening(self) -> list[Campaign]:
        """Campaigns that are being filled."""
        return list(Campaign.objects.filter(state=CampaignState.OPENING).order_by("pk"))

    def open_questions(self) -> list[Question]:
        """What waits for somebody."""
        return list(Question.objects.unanswered().select_related("reviewer").order_by("pk"))

    def facts(self) -> tuple[Any, ...]:
        """Everything that a step can change."""
        return (
            list(Campaign.objects.order_by("pk").values_list("pk", "state", "grants_to", "automations_to", "asked_to")),
            list(Item.objects.order_by("pk").values_list("pk", "state", "outcome", "deadline", "closes_at")),
            list(Question.objects.order_by("pk").values_list("pk", "reviewer", "answered_at")),
            list(Answer.objects.order_by("pk").values_list("pk", flat=True)),
            list(Grant.objects.order_by("pk").values_list("pk", "state", "ends_at", "renew")),
            list(HeldBatch.objects.order_by("pk").values_list("pk", "state")),
        )

    # --- steps --------------------------------------------------------------------------------------------------------

    @rule(
        scope=st.sampled_from(SCOPES),
        who=st.sampled_from(["sana", "ines", "sana", "tom"]),
        days=st.sampled_from([5, 14, 40]),
    )
    def somebody_opens_a_campaign(self, scope: Scope, who: str, days: int) -> None:
        self.ordered += 1
        name = f"Number {self.ordered}"
        done = self.attempt(lambda: ordered(scope, by=self.person(who), now=self.now, days=days, name=name))
        assert not (done and who == "tom")

    @precondition(lambda self: self.opening())
    @rule()
    def the_job_fills_them(self) -> None:
        campaign_jobs.sweep(self.now)
        assert not self.opening()

    @precondition(lambda self: self.opening())
    @rule(
        data=st.data(),
        size=st.sampled_from([1, 5, 100]),
        what=st.sampled_from(["freeze", "freeze", "assign_questions", "join_item", "finish"]),
    )
    def the_job_does_one_chunk(self, data: st.DataObject, size: int, what: str) -> None:
        campaign = data.draw(st.sampled_from(self.opening()), label="campaign")
        more: dict[str, Any] = {"size": size} if what in ("freeze", "assign_questions") else {}
        if what == "join_item":
            item = campaign_jobs.to_join(campaign, self.now).first()
            if item is None:
                return
            more["item"] = item
        chunk(what, campaign, self.now, **more)

    @rule(hours=st.sampled_from([1, 30, 24 * 6, 24 * 15]), first=st.booleans(), fills=st.booleans())
    def time_passes(self, hours: int, first: bool, fills: bool) -> None:
        self.sweep_at(self.now + timedelta(hours=hours), first, fills)

    @rule(first=st.booleans(), times=st.sampled_from([1, 2, 4]))
    def time_passes_until_something_is_due(self, first: bool, times: int) -> None:
        """Once or several times on end: silence has its way of deadline, grace and close."""
        for _ in range(times):
            self.until_due(first)

    def until_due(self, first: bool) -> None:
        ahead: list[datetime | None] = []
        for item in Item.objects.filter(state__in=UNCLOSED):
            ahead += [item.deadline, item.grace_until, item.closes_at]
        ahead += HeldBatch.objects.filter(state=BatchState.OPEN).values_list("answer_by", flat=True)
        coming = [moment for moment in ahead if moment is not None and moment > self.now]
        if coming:
            self.sweep_at(min(coming) + timedelta(hours=1), first, fills=True)

    def sweep_at(self, now: datetime, first: bool, fills: bool) -> None:
        """The jobs run, in either order, and no row fails in them."""
        self.now = self.swept_at = now
        jobs = [approvals_sweeps.sweep, item_jobs.sweep]
        with mock.patch.object(job_sweeps, "log") as log:
            for job in (*([campaign_jobs.sweep] if fills else []), *(jobs if first else reversed(jobs))):
                job(now)
        assert log.exception.mock_calls == []

    @precondition(lambda self: self.open_questions())
    @rule(data=st.data(), who=people, kind=kinds, by_reviewer=st.booleans())
    def somebody_answers(self, data: st.DataObject, who: str, kind: AnswerKind, by_reviewer: bool) -> None:
        question = data.draw(st.sampled_from(self.open_questions()), label="question")
        by = question.reviewer if by_reviewer else self.person(who)
        done = self.attempt(lambda: submit_answer(question, kind, now=self.now, by=by))
        assert not done or by == question.reviewer or kind not in SETTLING

    @precondition(lambda self: self.open_questions())
    @rule(
        data=st.data(),
        kind=st.sampled_from([*AnswerKind, AnswerKind.KEEP, AnswerKind.KEEP]),
        but=st.sampled_from([0, 0, 1, 9]),
    )
    def somebody_answers_many_together(self, data: st.DataObject, kind: AnswerKind, but: int) -> None:
        """All their open questions, or those of the person whose delegate they are, with one answer."""
        self.now += timedelta(minutes=1)
        names = sorted({question.reviewer.name for question in self.open_questions()})
        name = data.draw(st.sampled_from(names), label="who")
        actor = as_actor(Person.objects.get(name=name))
        chosen: list[Draft] = []
        for question in Question.objects.unanswered().asked_of(actor, self.now).order_by("pk")[but:]:
            acting = drafts.acting_reviewer(actor, question)
            if drafts.refusal_of_draft(question, kind, actor=acting, now=self.now) is None:
                chosen.append(drafts.save_draft(question, kind, actor=acting, now=self.now, reason="As every quarter."))
        for result in drafts.submit(chosen, actor=actor, now=self.now):
            kept = Draft.objects.filter(question=result.question).exists()
            assert kept == (result.refusal is not None)

    @rule(data=st.data())
    def somebody_corrects(self, data: st.DataObject) -> None:
        answered = list(
            Question.objects.filter(item__state=ItemState.ANSWERED, answered_at__isnull=False).order_by("pk")
        )
        if answered:
            question = data.draw(st.sampled_from(answered), label="question")
            given = {"now": self.now, "reason": "The wrong row.", "batch": uuid.uuid4()}
            self.attempt(lambda: answer.correct(question, actor=as_actor(question.reviewer), **given))

    @rule(giver=people, taker=people)
    def somebody_stands_in(self, giver: str, taker: str) -> None:
        absent, other = self.person(giver), self.person(taker)
        until = self.now + timedelta(days=14)
        self.attempt(
            lambda: delegate(
                other,
                actor=as_actor(absent),
                now=self.now,
                giver=absent,
                from_at=self.now,
                until_at=until,
                reason="Away.",
            )
        )

    @rule(who=st.sampled_from(["jonas", "rita", "theo", "omar", "amara"]))
    def somebody_leaves(self, who: str) -> None:
        if Person.objects.filter(left_at__isnull=False).count() < 2 and self.person(who).left_at is None:
            admin = as_actor(self.person("ines"))
            self.attempt(lambda: record_leaver(self.person(who), actor=admin, now=self.now, reason="Left."))

    @rule(data=st.data(), verb=st.sampled_from(["stop", "revoke"]))
    def security_stops_or_revokes_one(self, data: st.DataObject, verb: str) -> None:
        standing = list(Grant.objects.exclude(state=GrantState.ENDED).order_by("pk"))
        if standing:
            grant, sana = data.draw(st.sampled_from(standing), label="grant"), as_actor(self.person("sana"))
            act: Any = stops.stop_grant if verb == "stop" else transition_lifecycle.revoke
            self.attempt(lambda: act(grant, actor=sana, now=self.now, reason="Leaked."))

    @precondition(lambda self: self.now > self.held.company.now + timedelta(days=2))
    @rule(really=st.sampled_from([False, False, True]))
    def its_owner_retires_it(self, really: bool) -> None:
        """All that it holds ends by that: more than the brake lets one person end at once (G6, L1)."""
        if really:
            automation = Automation.objects.get(pk=self.pk)
            jonas = as_actor(self.person("jonas"))
            self.attempt(lambda: lifecycle.retire(automation, actor=jonas, now=self.now, reason="Replaced."))

    @precondition(lambda self: HeldBatch.objects.filter(state=BatchState.OPEN).exists())
    @rule(
        says=st.sampled_from([BatchSays.RELEASE, BatchSays.RELEASE, BatchSays.DISCARD]),
        who=st.sampled_from([("sana", "ines"), ("sana", "ines"), ("ines",), ("sana", "sana"), ("tom",)]),
    )
    def the_brake_is_answered(self, says: BatchSays, who: tuple[str, ...]) -> None:
        batch = HeldBatch.objects.filter(state=BatchState.OPEN).earliest("pk")
        self.swept_at = None  # what is released now ends with the next run
        for name in who:
            actor = as_actor(self.person(name))
            self.attempt(
                lambda actor=actor: circuit_breaker.answer_batch(
                    batch, actor=actor, now=self.now, reason="So.", says=says
                )
            )
            batch.refresh_from_db()
        answered_by = set(batch.answers.values_list("person__name", flat=True))
        assert batch.state == BatchState.OPEN or len(answered_by) == 2, "two people, or nobody"


class Many(Steps):
    """What is true after each step."""

    ways: ClassVar[Counter[str]] = Counter()

    @invariant()
    def it_says_how_far_it_is(self) -> None:
        Many.taken += 1
        run_lengths.going(self.request, f"{Many.taken:,} steps")

    @invariant()
    def every_item_ends_once_and_stays_ended(self) -> None:
        closed = Item.objects.filter(state=ItemState.CLOSED)
        ends = {item.pk: (item.outcome, item.closed_at) for item in closed}
        assert all(outcome in ItemOutcome.values and at is not None for outcome, at in ends.values())
        assert self.ends.items() <= ends.items()
        Many.ways.update(outcome for pk, (outcome, _) in ends.items() if pk not in self.ends)
        self.ends = ends
        over = LedgerEvent.objects.filter(outcome="done").filter(
            Q(verb="item.closed") | Q(verb="item.settled", payload__to="closed")
        )
        closings = Counter(over.values_list("subject_id", flat=True))
        assert closings == Counter(map(str, ends))

    @invariant()
    def at_most_one_is_open_for_each(self) -> None:
        unclosed = Item.objects.filter(state__in=UNCLOSED).values_list("grant", "automation")
        assert not _twice(unclosed)

    @invariant()
    def nothing_outlives_its_silence(self) -> None:
        live = set(Grant.objects.live(self.now).values_list("pk", flat=True))
        for item in Item.objects.filter(grant__isnull=False).prefetch_related("questions__answers"):
            answers = [
                latest_answer(question).answer if latest_answer(question) else None for question in item.questions.all()
            ]
            if item.state == ItemState.CLOSED:
                assert item.grant_id not in live or item.outcome in UNTOUCHED
            elif AnswerKind.REVOKE in answers:
                assert item.grant_id not in live, "revoked at once"
            elif self.swept_at == self.now >= item.grace_until and answers and not item.nobody:
                assert item.grant_id not in live, f"silence keeps nothing: {item.pk} {answers}"

    @invariant()
    def what_is_past_its_days_has_ended_or_is_held_by_the_brake(self) -> None:
        if self.swept_at != self.now:
            return
        held = set(grant_circuit_breaker.blocked_grants(self.now).values_list("batch__cause__key", "grant"))
        past = Item.objects.filter(state__in=UNCLOSED, closes_at__lte=self.now).select_related("campaign")
        for item in past:
            of_automation = Grant.objects.standing().filter(automation=item.automation_id).values_list("pk", flat=True)
            ending = {item.grant_id} if item.grant_id is not None else set(of_automation)
            assert held & {(cause_of(item.campaign).key, pk) for pk in ending}
            Many.ways["held by the brake"] += 1

    @invariant()
    def silence_counts_of_those_only_who_had_time(self) -> None:
        for item in Item.objects.filter(suspended_at__isnull=False).prefetch_related("questions"):
            questions = list(item.questions.all())
            first = min(question.history.earliest("history_id").asked_at for question in questions)
            assert item.suspended_at - first >= timedelta(days=2)
            if item.grant is not None and item.suspended_at >= item.grant.ends_at:
                continue  # its term is over
            # Handed over late as well.
            waiting_since = [question.asked_at for question in questions if question.answered_at is None]
            assert all(at > item.suspended_at or item.suspended_at - at >= timedelta(days=1) for at in waiting_since)

    @invariant()
    def none_that_follows_is_wider_or_longer(self) -> None:
        rows = Grant.objects.filter(automation=self.pk).exclude(predecessor=None)
        for grant in rows.select_related("approval", "predecessor"):
            old = grant.predecessor
            assert old.state == GrantState.ENDED
            assert grant.begins_at == old.ended_at
            assert grant.ends_at - grant.begins_at <= timedelta(days=grant.approval.term_days)
            assert set(grant.scope) <= set(old.scope)
            assert is_within(grant.level, old.level)
            assert (grant.key, grant.tier, grant.approval_id) == (old.key, old.tier, old.approval_id)
        assert not _twice(rows.values_list("predecessor", flat=True))

    @invariant()
    def kept_is_what_everybody_who_is_asked_kept(self) -> None:
        followed = set(Grant.objects.exclude(predecessor=None).values_list("predecessor", flat=True))
        for item in Item.objects.filter(grant__isnull=False).prefetch_related("questions__answers"):
            kept = item.outcome == ItemOutcome.KEPT
            assert kept == (item.grant_id in followed)
            if kept:
                answers = [latest_answer(question) for question in item.questions.all()]
                assert {answer.answer if answer else None for answer in answers} == {AnswerKind.KEEP}
                assert len(answers) == 2 or item.snapshot["tier"] == "low"

    @invariant()
    def nobody_answers_both_and_no_owner_says_that_it_is_acceptable(self) -> None:
        owners = Automation.objects.values_list("business_owner", "technical_owner").get(pk=self.pk)
        by_item: dict[tuple[int, str], set[int]] = {}
        answers = Answer.objects.filter(answer__in=SETTLING)
        for item, asks, *who in answers.values_list("question__item", "question__asks", "person", "for_person"):
            by_item.setdefault((item, asks), set()).update(pk for pk in who if pk is not None)
        for (item, asks), who in by_item.items():
            if asks == Asks.ACCEPTABLE:
                assert not who & by_item.get((item, Asks.NEEDED), set())
                assert not who & set(owners)

    @invariant()
    def a_campaign_closes_with_its_last_item_and_counts_what_it_has(self) -> None:
        done = LedgerEvent.objects.filter(outcome="done", subject_type="recertification.campaign")
        for campaign in Campaign.objects.all():
            items = campaign.items.all()
            stands = campaign_queries.count_items(items, self.now)
            by_state = Counter(items.values_list("state", flat=True))
            assert stands["total"] == by_state.total()
            closed = sum(stands[outcome] for outcome in ItemOutcome.values)
            assert closed == by_state[ItemState.CLOSED]
            open_still = by_state[ItemState.OPEN] + by_state[ItemState.ESCALATED]
            assert (
                stands["waiting"] + stands["late"] + items.filter(nobody=True, state__in=UNCLOSED).count() == open_still
            )
            assert campaign.state != CampaignState.CLOSED or closed == stands["total"]
            if campaign.kind == CampaignKind.ADHOC:
                mine = done.filter(subject_id=str(campaign.pk))
                frozen = mine.filter(verb="campaign.items_opened").values_list("payload__count", flat=True)
                assert sum(frozen) == stands["total"]
                assert mine.filter(verb="campaign.item_joined").count() == campaign.joinings.count()
                if campaign.state != CampaignState.OPENING:
                    counted = mine.get(verb="campaign.filled").payload
                    assert (counted["items"], counted["joined"]) == (stands["total"], campaign.joinings.count())

    @invariant()
    def nothing_is_in_one_campaign_twice(self) -> None:
        assert not _twice(
            Item.objects.filter(campaign__kind=CampaignKind.ADHOC).values_list("campaign", "grant", "automation")
        )
        assert not _twice(Joining.objects.values_list("campaign", "item"))


def _twice(rows: Iterable[Any]) -> set[Any]:
    return {row for row, count in Counter(rows).items() if count > 1}


@pytest.mark.full
@run_lengths.proves("R2", "R4", "R6", "S4", "G2", "G6", "H2")
@pytest.mark.soak
def test_each_item_ends_once_in_any_order_of_events(held: Held, request: pytest.FixtureRequest) -> None:
    Many.held, Many.request, Many.taken, Many.ways = held, request, 0, Counter()
    run_state_machine_as_test(
        Many,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    ways = ", ".join(
        f"{ItemOutcome(way).label.lower() if way in ItemOutcome.values else way} {n:,}"
        for way, n in sorted(Many.ways.items())
    )
    run_lengths.did(
        request, f"{Many.taken:,} steps of campaigns, no more than {STEPS} on end ({ways}), each ledger verified"
    )
