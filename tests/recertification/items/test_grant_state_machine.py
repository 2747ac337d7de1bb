"""The life of grants in any order of time, answers, silence, stops, new versions, rising risk and leaving (G1, G2, G3, G5, R6, S2, S4).

None outlives its term, its review's silence or a person's stop; none that follows another is wider or longer; nobody who may not
has said yes to it; and the ledger tells all of it.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from approvals.decisions.transitions import decide
from approvals.grants.transitions import lifecycle, stops
from approvals.models import Approval, ApprovalState, DecisionPerson, Grant, GrantState, Submission
from approvals.models.grant import LONGEST_TERM
from approvals.models.submission import UNFINISHED
from approvals.submissions import jobs as approvals_sweeps
from governance.core.actors.actor import Actor
from governance.core.jobs import job_runs as job_sweeps
from governance.core.models import LedgerEvent, Person
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.answer_deadlines import OPENS_BEFORE
from governance.recertification.items.transitions import answer
from governance.recertification.models import SETTLING, UNCLOSED, Answer, AnswerKind, Asks, Item, ItemOutcome, Question
from inventory.models import Automation
from inventory.resources.transitions import resources
from inventory.risk.levels import is_within
from tests import run_lengths, scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.submissions.test_submission_state_machine import who_decided
from tests.people import as_actor
from tests.recertification.review_steps import Held, latest_answer
from tests.state_machines import Undone

#: A few a run; other orders come up in other runs, and many in a soak.
EXAMPLES, STEPS = run_lengths.run_length(1, full=4, soak=75), run_lengths.run_length(5, full=8, soak=20)

#: Owners and lead of the automation, both sides of the resources, security, and somebody with nothing to do with it.
PEOPLE = ("rita", "jonas", "theo", "omar", "amara", "sana", "viktor", "tom")
EDITS = (None, stock_report.one_more_channel, stock_report.without_slack, stock_report.another_order)

#: What the ledger calls a grant that ends.
OVER = ("grant.ended", "grant.expired", "grant.revoked")

people, kinds = st.sampled_from(PEOPLE), st.sampled_from(list(AnswerKind))


class Steps(Undone):
    """One automation with four grants, from the day on which they began. Anybody tries any operation; a refusal changes nothing."""

    held: ClassVar[Held]

    def __init__(self) -> None:
        super().__init__()
        self.own = copy.deepcopy(self.held)
        self.pk = self.own.submission.automation_id
        self.now = self.own.company.now
        self.swept_at = self.now
        self.stopped: set[int] = set()
        self.ended: set[int] = set()

    # --- what is there ------------------------------------------------------------------------------------------------

    def person(self, name: str) -> Person:
        person: Person = Person.objects.get(pk=getattr(self.own.people, name).pk)
        return person

    def grants(self) -> list[Grant]:
        """All that ever were, as they stand."""
        rows = Grant.objects.filter(automation=self.pk).select_related("approval", "app_approval", "predecessor")
        return list(rows.order_by("pk"))

    def items(self) -> list[Item]:
        """Reviews of grants that are not closed."""
        return list(Item.objects.filter(grant__automation=self.pk, state__in=UNCLOSED).order_by("pk"))

    def open_questions(self) -> list[Question]:
        """What waits for somebody, of the automation itself too."""
        mine = Item.objects.filter(grant__automation=self.pk) | Item.objects.filter(automation=self.pk)
        return list(Question.objects.unanswered().filter(item__in=mine).order_by("pk"))

    def facts(self) -> tuple[Any, ...]:
        """Everything that a step can change."""
        return (
            [(grant.pk, grant.state, grant.ends_at, grant.renew) for grant in self.grants()],
            list(Item.objects.order_by("pk").values_list("pk", "state", "outcome", "closes_at")),
            list(Answer.objects.order_by("pk").values_list("pk", flat=True)),
            list(Submission.objects.filter(automation=self.pk).order_by("pk").values_list("pk", "state")),
        )

    # --- steps --------------------------------------------------------------------------------------------------------

    @rule(days=st.sampled_from([1, 6, 30, 100]), first=st.booleans())
    def time_passes(self, days: int, first: bool) -> None:
        self.sweep_at(self.now + timedelta(days=days), first)

    @rule(first=st.booleans())
    def time_passes_until_something_is_due(self, first: bool) -> None:
        ahead: list[datetime] = []
        for grant in self.grants():
            if grant.state != GrantState.ENDED:
                before = timedelta(days=OPENS_BEFORE[grant.counted_tier])
                review_at = datetime.combine(grant.review_on or grant.ends_at.date(), time(), tzinfo=UTC)
                ahead += [min(review_at, grant.ends_at) - before, grant.ends_at]
        for item in self.items():
            ahead += [item.deadline, item.grace_until, *([item.closes_at] if item.closes_at else [])]
        coming = [moment for moment in ahead if moment > self.now]
        if coming:
            self.sweep_at(min(coming) + timedelta(hours=1), first)

    def sweep_at(self, now: datetime, first: bool) -> None:
        """Both jobs run, in either order, and no row fails in them."""
        self.now = self.swept_at = now
        jobs = [approvals_sweeps.sweep, item_jobs.sweep]
        with mock.patch.object(job_sweeps, "log") as log:
            for job in jobs if first else reversed(jobs):
                job(now)
        assert log.exception.mock_calls == []

    def submit_answer(self, question: Question, actor: Actor, kind: AnswerKind, days: int | None = None) -> bool:
        """Somebody answers, or passes it on."""
        more = {"ends_on": (self.now + timedelta(days=days)).date()} if days and kind == AnswerKind.KEEP else {}
        act = answer.answer if kind in SETTLING else answer.pass_on
        done = self.attempt(
            lambda: act(question, actor=actor, now=self.now, reason="So.", answer=kind, batch=uuid.uuid4(), **more)
        )
        if done and kind in SETTLING and question.asks == Asks.ACCEPTABLE and question.item.grant_id:
            owners = Automation.objects.filter(pk=self.pk).values_list("business_owner", "technical_owner")
            assert actor.person is not None
            assert actor.person.pk not in owners.get()
        return done

    @precondition(lambda self: self.open_questions())
    @rule(kind=kinds, days=st.sampled_from([None, None, 3, 20, 400]))
    def everybody_who_is_asked_answers(self, kind: AnswerKind, days: int | None) -> None:
        for question in self.open_questions():
            self.submit_answer(question, as_actor(question.reviewer), kind, days)

    @precondition(lambda self: self.open_questions())
    @rule(but=st.sampled_from([0, 0, 1]))
    def whoever_is_asked_keeps(self, but: int) -> None:
        for question in self.open_questions()[but:]:
            self.submit_answer(question, as_actor(question.reviewer), AnswerKind.KEEP)

    @rule(reviews=st.sampled_from([1, 2, 4]))
    def its_reviews_come_and_all_is_kept(self, reviews: int) -> None:
        """As it mostly goes: what is due comes, and everybody says yes; so often on end that successors run out (G2)."""
        for _ in range(reviews * 2):
            self.time_passes_until_something_is_due(first=True)
            for question in self.open_questions():
                self.submit_answer(question, as_actor(question.reviewer), AnswerKind.KEEP)

    @precondition(lambda self: self.open_questions())
    @rule(data=st.data(), who=people, kind=kinds)
    def anybody_answers(self, data: st.DataObject, who: str, kind: AnswerKind) -> None:
        question = data.draw(st.sampled_from(self.open_questions()), label="question")
        done = self.submit_answer(question, as_actor(self.person(who)), kind)
        assert not done or question.reviewer.pk == self.person(who).pk or kind not in SETTLING

    @precondition(lambda self: self.items())
    @rule(data=st.data())
    def somebody_corrects(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.items()), label="item")
        for question in item.questions.all():
            given = {"now": self.now, "reason": "The wrong row.", "batch": uuid.uuid4()}
            self.attempt(
                lambda question=question, given=given: answer.correct(
                    question, actor=as_actor(question.reviewer), **given
                )
            )

    @rule(data=st.data(), who=people, verb=st.sampled_from(["stop", "stop", "revoke"]))
    def somebody_stops_or_revokes(self, data: st.DataObject, who: str, verb: str) -> None:
        standing = [grant for grant in self.grants() if grant.state != GrantState.ENDED]
        if standing:
            grant = data.draw(st.sampled_from(standing), label="grant")
            act: Any = stops.stop_grant if verb == "stop" else lifecycle.revoke
            done = self.attempt(lambda: act(grant, actor=as_actor(self.person(who)), now=self.now, reason="Leaked."))
            if done and verb == "stop":
                self.stopped.add(grant.pk)

    @rule(edit=st.sampled_from(EDITS), term_days=st.sampled_from([None, None, 60, 120]))
    def it_is_approved_anew(self, edit: Callable[[dict[str, Any]], None] | None, term_days: int | None) -> None:
        def submit() -> None:
            newest = Automation.objects.get(pk=self.pk).versions.latest("number")
            version = stock_report.version(self.own.company, edit) if edit is not None else newest
            scenarios.submitted(self.own.company, version, by=self.person("rita"), now=self.now)

        self.attempt(submit)
        for _ in ("stage 1", "stage 2", "second signatures"):
            for record in self.open_records():
                for who in ("theo", "bram", "omar", "amara", "sana", "viktor"):
                    shorter = {"term_days": term_days} if term_days and record.stage == 2 else {}
                    given = {"now": self.now, "reason": "So.", "shown_digest": scenarios.shown(record), **shorter}
                    actor = as_actor(self.person(who))
                    if self.attempt(lambda r=record, a=actor, g=given: decide.approve(r, actor=a, **g)):
                        break

    def open_records(self) -> list[Approval]:
        mine = Approval.objects.filter(submission__automation=self.pk, submission__state__in=UNFINISHED)
        return list(mine.filter(state=ApprovalState.OPEN).order_by("pk"))

    @rule(where=st.sampled_from(["slack", "erp"]), data_class=st.sampled_from(["confidential", "restricted"]))
    def a_resource_turns_out_to_hold_more(self, where: str, data_class: str) -> None:
        resource = getattr(self.own.company, where)
        owner, fields = as_actor(self.person("omar")), {"data_class": data_class}
        self.attempt(lambda: resources.amend_resource(resource, actor=owner, now=self.now, fields=fields))

    @rule(who=st.sampled_from(["omar", "jonas", "theo"]))
    def somebody_leaves(self, who: str) -> None:
        if not Person.objects.filter(left_at__isnull=False).exists():
            admin = as_actor(self.person("ines"))
            self.attempt(lambda: record_leaver(self.person(who), actor=admin, now=self.now, reason="Left."))


class Life(Steps):
    """What is true after each step."""

    @invariant()
    def it_says_how_far_it_is(self) -> None:
        Life.taken += 1
        run_lengths.going(self.request, f"{Life.taken:,} steps")

    @invariant()
    def none_outlives_its_term(self) -> None:
        for grant in self.grants():
            approved = min(grant.approval.granted_term_days, grant.approval.term_days, LONGEST_TERM[grant.tier])
            assert grant.ends_at <= grant.begins_at + timedelta(days=approved)
            if grant.state != GrantState.ENDED and self.swept_at == self.now:
                assert self.now < grant.ends_at
        assert not Grant.objects.live(self.now).filter(automation=self.pk, ends_at__lte=self.now).exists()

    @invariant()
    def none_that_follows_is_wider_or_begins_too_late(self) -> None:
        for grant in self.grants():
            old, before = grant.predecessor, 0
            decided_at = grant.approval.ended_at
            assert old is None or (decided_at is not None and grant.begins_at < decided_at + timedelta(days=365)), "G2"
            if old is not None:
                assert old.state == GrantState.ENDED
                assert grant.begins_at == old.ended_at
                same = ("key", "target", "entitlement_id", "credential_id", "approval_id", "app_approval_id", "tier")
                assert [getattr(grant, name) for name in same] == [getattr(old, name) for name in same]
                assert set(grant.scope) <= set(old.scope)
                assert is_within(grant.level, old.level)
            while old is not None:
                old, before = old.predecessor, before + 1
            Life.longest = max(Life.longest, before)

    @invariant()
    def none_outlives_silence_or_its_review(self) -> None:
        live = set(Grant.objects.live(self.now).filter(automation=self.pk).values_list("pk", flat=True))
        for item in Item.objects.filter(grant__automation=self.pk).prefetch_related("questions"):
            answers = {
                question.asks: latest_answer(question).answer if latest_answer(question) else None
                for question in item.questions.all()
            }
            if item.state in UNCLOSED:
                unanswered = not answers or None in answers.values()
                if unanswered and self.swept_at == self.now >= item.grace_until:
                    assert item.grant_id not in live, "silence keeps nothing"
                if AnswerKind.REVOKE in answers.values():
                    assert item.grant_id not in live, "revoked at once"
            elif item.outcome != ItemOutcome.KEPT:
                assert item.grant_id not in live, "closed: it has ended, whatever follows it"
            else:
                assert set(answers.values()) == {AnswerKind.KEEP}
                followed = Grant.objects.filter(predecessor=item.grant_id).exists()
                assert followed or not Grant.objects.get(pk=item.grant_id).renew, "it ends on a named day"
                assert not followed or item.grant_id not in live

    @invariant()
    def each_that_follows_was_kept_by_two_people_in_its_review(self) -> None:
        for grant in self.grants():
            if grant.predecessor_id is not None:
                kept = Answer.objects.filter(question__item__grant=grant.predecessor_id, answer=AnswerKind.KEEP)
                assert len(set(kept.values_list("person", flat=True))) == 2

    @invariant()
    def nobody_in_conflict_has_approved_it(self) -> None:
        for grant in self.grants():
            app, of_privilege = who_decided(grant.app_approval), who_decided(grant.approval)
            assert app
            assert of_privilege
            assert not app & of_privilege
        for submission in Submission.objects.filter(automation=self.pk):
            decided = DecisionPerson.objects.filter(submission=submission).values("person")
            assert not submission.parties.filter(person__in=decided).exists()

    @invariant()
    def what_was_stopped_or_has_ended_never_comes_back(self) -> None:
        for grant in self.grants():
            if grant.pk in self.stopped:
                assert grant.state != GrantState.ACTIVE
                assert not Grant.objects.filter(predecessor=grant.pk).exists()
            if grant.pk in self.ended:
                assert grant.state == GrantState.ENDED
            if grant.state == GrantState.ENDED:
                self.ended.add(grant.pk)

    @invariant()
    def each_end_is_in_the_ledger_once(self) -> None:
        over = LedgerEvent.objects.filter(subject_type="approvals.grant", verb__in=OVER, outcome="done")
        ended = {str(grant.pk) for grant in self.grants() if grant.state == GrantState.ENDED}
        ends = list(
            over.filter(about__contains=[f"inventory.automation:{self.pk}"]).values_list("subject_id", flat=True)
        )
        assert sorted(ends) == sorted(ended)


@pytest.mark.full
@run_lengths.proves("G1", "G2", "G3", "G5", "R4", "R6", "S1", "S2", "S4", "H1", "H2")
@pytest.mark.soak
def test_grant_never_outlasts_its_limits_in_any_order_of_events(held: Held, request: pytest.FixtureRequest) -> None:
    Life.held, Life.request, Life.taken, Life.longest = held, request, 0, 0
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    run_lengths.did(
        request,
        f"{Life.taken:,} steps of grants, no more than {STEPS} on end, {Life.longest} renewals on end at most, each ledger verified",
    )
    assert not run_lengths.IS_SOAK or Life.longest >= 2, "no renewal of a renewal was reached"
