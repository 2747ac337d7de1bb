"""A campaign of thousands, and the proof at its end that nothing of it was lost or done twice (R2, R6, R9, G6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from random import Random
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.test import override_settings

from approvals.grants.transitions import circuit_breaker
from approvals.models import BatchSays, BatchState, Grant, GrantKind, GrantState, HeldBatch, HeldGrant
from approvals.models.grant import Why
from governance.core.clock import current_time
from governance.core.clock.organisation import organisation_zone
from governance.core.mail import jobs as mail_jobs
from governance.core.models import LedgerEvent, Notice, NoticeState, Person
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import context as item_context
from governance.recertification.items import drafts
from governance.recertification.models import (
    SETTLING,
    UNCLOSED,
    Answer,
    AnswerKind,
    Asks,
    Campaign,
    Draft,
    Item,
    ItemOutcome,
    ItemState,
    Joining,
    Question,
)
from tests.people import as_actor
from tests.processes import Mailbox
from tests.recertification.campaign_steps import ordered
from tests.recertification.due_grants import take_up_again
from tests.recertification.grant_rows import low_grants
from tests.recertification.isolated_company import held_apart
from tests.recertification.review_steps import Held, latest_answer

#: What the ledger calls a grant that ends.
OVER = ("grant.ended", "grant.expired", "grant.revoked")

#: States of a notice that nothing is done about any more.
DONE = (NoticeState.SENT, NoticeState.CARRIED, NoticeState.DROPPED)


@dataclass
class Large:
    """Two campaigns of one company: the first about what it has held for longest, the second about all, which joins the first.

    Args:
        held: the company and its automation.
        chance: says who answers what.
        first: the mails that had come before.
    """

    held: Held
    chance: Random
    first: int
    campaigns: list[Campaign] = field(default_factory=list)
    chosen: dict[int, AnswerKind] = field(default_factory=dict)

    # --- what is there ------------------------------------------------------------------------------------------------

    def grants(self) -> QuerySet[Grant]:
        """What was held when the campaigns were opened; none that follows another."""
        return Grant.objects.filter(automation=self.held.submission.automation_id, predecessor=None)

    def items(self) -> QuerySet[Item]:
        """All items of both."""
        return Item.objects.filter(campaign__in=[campaign.pk for campaign in self.campaigns])

    def unclosed(self) -> QuerySet[Item]:
        """Those that are not closed."""
        return self.items().filter(state__in=UNCLOSED)

    def unsent(self) -> QuerySet[Notice]:
        """What is to go at once and has not gone."""
        return Notice.objects.filter(state__in=[NoticeState.QUEUED, NoticeState.SENDING])

    def state_of(self, number: int) -> str:
        """How far one of the campaigns is."""
        return Campaign.objects.values_list("state", flat=True).get(pk=self.campaigns[number].pk)

    # --- what people do -----------------------------------------------------------------------------------------------

    def order(self, name: str, scope: Scope, by: Person) -> None:
        """Somebody opens a campaign."""
        self.campaigns.append(ordered(scope, by=by, now=current_time.now(), name=name))

    def choose(self) -> None:
        """A quarter of it is going to be answered, each as chance has it."""
        kinds = [AnswerKind.KEEP] * 20 + [AnswerKind.REVOKE, AnswerKind.DONT_KNOW]
        items = sorted(self.items().values_list("pk", flat=True))
        for pk in self.chance.sample(items, len(items) // 4):
            self.chosen[pk] = self.chance.choice(kinds)

    def answer(self, some: Collection[int]) -> None:
        """The reviewers of some chosen items answer them together, *needed* first."""
        for asks in (Asks.NEEDED, Asks.ACCEPTABLE):
            waiting = Question.objects.unanswered().filter(item__in=some, asks=asks).order_by("pk")
            by_person: dict[Person, list[Draft]] = {}
            now = current_time.now()
            for question in waiting.select_related("reviewer"):
                kind, who = self.chosen[question.item_id], question.reviewer
                draft = drafts.save_draft(question, kind, actor=as_actor(who), now=now, reason="As it is.")
                by_person.setdefault(who, []).append(draft)
            for who, said_by in by_person.items():
                done = drafts.submit(said_by, actor=as_actor(who), now=now)
                refused = [draft.refusal.sentence for draft in done if draft.refusal is not None]
                assert not refused, refused[:3]

    def answerable(self) -> QuerySet[HeldBatch]:
        """What the brake holds and people may still answer."""
        return HeldBatch.objects.filter(state=BatchState.OPEN, answer_by__gt=current_time.now() + timedelta(minutes=1))

    def release(self) -> int:
        """Security and an admin, neither of them a campaign's opener, release the brake's batches; returns how many."""
        people, now, waiting = self.held.people, current_time.now(), list(self.answerable())
        for batch in waiting:
            for who in (people.viktor, people.karl):
                circuit_breaker.answer_batch(
                    batch, actor=as_actor(who), now=now, reason="Nobody has asked for it.", says=BatchSays.RELEASE
                )
        return len(waiting)

    def tell_the_rest(self, mailbox: Mailbox) -> None:
        """The job as it runs on the days that follow, with nothing else at work that has something new to tell."""
        now, open_still = current_time.now(), Notice.objects.exclude(state__in=[*DONE, NoticeState.FAILED])
        take_up_again(Notice.objects.all())
        with override_settings(MAIL_SERVER=mailbox.settings, MAIL_DIGEST_AT=time(0)):
            for days in range(1, 4):
                while any(mail_jobs.send_due(now=now + timedelta(days=days), gathering=timedelta()).values()):
                    pass
        _same("left to tell", open_still.count(), 0)

    # --- what is true at the end --------------------------------------------------------------------------------------

    def prove(self) -> None:
        """Everything of the scope was asked about once, came to one end, and stands in the ledger so."""
        made = set(self.grants().values_list("pk", flat=True))
        by_campaign = [set(campaign.items.values_list("grant", flat=True)) for campaign in self.campaigns]
        _same("items by grant", Counter(self.items().values_list("grant", flat=True)), Counter(made))
        joined = Joining.objects.values_list("campaign", "item__grant")
        _same("joined", Counter(joined), Counter((self.campaigns[1].pk, pk) for pk in by_campaign[0]))
        _same("what the second was about", by_campaign[0] | by_campaign[1], made)
        _same("states", set(self.items().values_list("state", flat=True)), {ItemState.CLOSED.value})
        self._prove_outcomes()
        self._prove_questions()
        self._prove_ledger()

    def _prove_outcomes(self) -> None:
        """Grants that everybody kept have one successor. Unanswered ones have ended without one.

        An unanswered credential may end with the last privilege that uses it (A2), before its own item closes.
        """
        wanted, last = (
            Counter[str](),
            Counter(Grant.objects.exclude(predecessor=None).values_list("predecessor", flat=True)),
        )
        for item in self.items().select_related("grant").prefetch_related("questions__answers"):
            answers = {
                latest_answer(question).answer if latest_answer(question) else None for question in item.questions.all()
            }
            kept = answers == {AnswerKind.KEEP}
            grant = item.grant
            assert grant is not None
            is_unused = grant.kind == GrantKind.CREDENTIAL and grant.ended_why == Why.NOT_NEEDED
            is_superseded = is_unused and AnswerKind.REVOKE not in answers
            ended = ItemOutcome.SUPERSEDED if is_superseded else ItemOutcome.REVOKED
            outcome = ItemOutcome.KEPT if kept else ended
            wanted[outcome] += item.outcome == outcome
            stands = (grant.state, last[grant.pk], grant.renew)
            assert stands == (GrantState.ENDED, int(kept), True), (item.pk, item.outcome, answers, stands)
        _same("outcomes", Counter(self.items().values_list("outcome", flat=True)), wanted)
        assert min(wanted[outcome] for outcome in (ItemOutcome.KEPT, ItemOutcome.REVOKED)) > 0

    def _prove_questions(self) -> None:
        """Each asked of one person, each answered once by them; the two of an item by two."""
        questions = Question.objects.filter(item__in=self.items())
        drawn = sum(grant.counted_tier != "low" or item_context.is_drawn(grant) for grant in self.grants())
        _same("questions", questions.count(), self.items().count() + drawn)
        twice = Answer.objects.filter(question__in=questions, answer__in=SETTLING).values("question")
        _same("answered twice", twice.annotate(n=Count("pk")).filter(n__gt=1).count(), 0)
        both = Answer.objects.filter(question__in=questions, answer__in=SETTLING).values("question__item", "person")
        _same("answered both", both.annotate(n=Count("pk")).filter(n__gt=1).count(), 0)

    def _prove_ledger(self) -> None:
        """Each step of each item once, however often it was tried."""
        items = {str(pk) for pk in self.items().values_list("pk", flat=True)}
        done = LedgerEvent.objects.filter(outcome="done")
        closing = done.filter(Q(verb="item.closed") | Q(verb="item.settled", payload__to="closed"))
        _same("closed in the ledger", Counter(_subjects(closing)), Counter(items))
        for verb in ("item.escalated", "item.silence_suspended"):
            assert set(Counter(_subjects(done.filter(verb=verb))).values()) == {1}, f"{verb} twice"
        ended = {str(pk) for pk in self.grants().filter(state=GrantState.ENDED).values_list("pk", flat=True)}
        over = done.filter(subject_type="approvals.grant", verb__in=OVER)
        _same("grants ended in the ledger", Counter(_subjects(over)), Counter(ended))
        chunks = done.filter(subject_type="recertification.campaign", verb="campaign.items_opened")
        _same("frozen in the ledger", sum(chunks.values_list("payload__count", flat=True)), len(items))
        asked_events = done.filter(subject_type="recertification.campaign", verb="campaign.items_asked")
        questions = Question.objects.filter(item__in=self.items()).count()
        _same("asked in the ledger", sum(asked_events.values_list("payload__questions", flat=True)), questions)
        for verb, times in (("campaign.ordered", 2), ("campaign.filled", 2)):
            _same(verb, done.filter(verb=verb).count(), times)
        _same("joined in the ledger", done.filter(verb="campaign.item_joined").count(), Joining.objects.count())
        reminded = done.filter(verb="question.reminded").count()
        _same("reminders", Notice.objects.filter(event="recertification_reminder").count(), reminded)

    def prove_mails(self, mailbox: Mailbox, blows: int) -> int:
        """Each notice marked as sent has arrived once, except if a kill fell between sending and marking; returns how many were sent."""
        left = Notice.objects.exclude(state__in=DONE).values_list("event", "state", "attempts", "error")
        _same("notices with which something is left to do", Counter(left), Counter())
        carried = Notice.objects.filter(state=NoticeState.CARRIED)
        _same("carried by what was not sent", carried.exclude(digest__state=NoticeState.SENT).count(), 0)
        sent = {notice.message_id for notice in Notice.objects.filter(state=NoticeState.SENT)}
        came = Counter(str(mail["Message-ID"]) for mail in mailbox.messages[self.first :])
        _same("mails that did not come", sorted(sent - set(came)), [])
        _same("mails of no notice", sorted(set(came) - sent), [])
        twice = came.total() - len(came)
        assert twice <= blows, f"{twice} mails came twice, by {blows} blows"
        digests = Notice.objects.filter(event="digest", state=NoticeState.SENT)
        _same("digests", len(set(digests.values_list("key", flat=True))), digests.count())
        return len(sent)

    def prove_that_silence_keeps_nothing(self, now: datetime) -> None:
        """Past its grace nothing is in force that nobody has answered for, whether the brake holds its end or not (R6, G6)."""
        silent = self.items().filter(state__in=UNCLOSED, grace_until__lte=now)
        left = Grant.objects.live(now).filter(pk__in=silent.values("grant"))
        _same("in force past their grace", left.count(), 0)
        waiting = HeldGrant.objects.waiting().values("grant")
        _same("in force though held", Grant.objects.live(now).filter(pk__in=waiting).count(), 0)


def large(count: int, chance: Random, mailbox: Mailbox) -> Large:
    """So many grants of low risk, a tenth of them and four of standard risk held for longer. No worker may run yet (`due`)."""
    began = current_time.now() - timedelta(days=40)
    held = held_apart(began)
    few = count // 10
    low_grants(held.submission, few, begins_at=began)
    low_grants(held.submission, count - few, begins_at=began + timedelta(days=20), after=few)
    Notice.objects.filter(state=NoticeState.WAITING).delete()  # of the way there
    return Large(held, chance, len(mailbox.messages))


def held_for_long(now: datetime) -> Scope:
    """What was approved before the others."""
    return Scope(reviewed_before=(now - timedelta(days=30)).astimezone(organisation_zone()).date().isoformat())


def _subjects(events: QuerySet[Any]) -> Iterable[str]:
    return events.values_list("subject_id", flat=True)


def _same(what: str, actual: object, wanted: object) -> None:
    """Pytest puts words to the asserts of test modules only."""
    assert actual == wanted, f"{what}: {str(actual)[:200]} instead of {str(wanted)[:200]}"
