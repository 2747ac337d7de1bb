"""How reviews get into the states of ``recertification.csv``, and what allowed writes are called with.

The matrix is asked at one instant; what is held began so long before it that the review stands there where the state says.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models

from approvals.grants.transitions import lifecycle
from approvals.models import Grant
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import due_reviews, review_triggers
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import open_item as transition_open_item
from governance.recertification.models import AnswerKind, Asks, Campaign, Item, Question
from tests import scenarios
from tests.appointments import record_leaver
from tests.matrix.cast_and_states import World, arguments, creating, start, state
from tests.recertification.campaign_steps import chunk, day, ordered
from tests.recertification.review_steps import JOB, opened, opens_at, question, submit_answer

ITEM, QUESTION, CAMPAIGN = "recertification.item", "recertification.question", "recertification.campaign"


def _held(w: World, *, since: timedelta) -> Grant:
    """A standard grant on the resource of owner and deputy, for 180 days, held for so long."""
    owners = {"business_owner": w.people["business_owner"], "technical_owner": w.people["technical_owner"]}
    version = scenarios.brought_in(w.company, by=w.people["builder"], export="weekly-stock-report.json", **owners)
    began = w.now - since
    submission = scenarios.submitted(w.company, version, by=w.people["builder"], now=began)
    scenarios.decide_all(w.company, submission, now=began)
    return Grant.objects.get(automation=version.automation, entitlement__resource=w.company.erp)


def _reviewed(w: World, *, days: float) -> Item:
    """An item about it, opened on its day, 159 days and an hour after it began."""
    grant = _held(w, since=timedelta(days=days))
    return opened(grant, opens_at(grant))


def _again(item: Item) -> Item:
    return Item.objects.get(pk=item.pk)


@state(ITEM, "open")
def open_item(w: World) -> Item:
    """Opened yesterday."""
    return _reviewed(w, days=160)


@start()
def open_for_ten_days(w: World) -> Item:
    """Past half its time, and no sweep has run."""
    return _reviewed(w, days=170)


@state(ITEM, "overdue")
def overdue(w: World) -> Item:
    """Past its deadline, and no sweep has run."""
    item = _reviewed(w, days=178)
    assert item.deadline <= w.now < item.grace_until
    return item


def _escalated(item: Item) -> Item:
    item_jobs.escalate_due(item.deadline, JOB)
    return _again(item)


@state(ITEM, "escalated", on=overdue)
def escalated(w: World, item: Item) -> Item:
    """With the deputy."""
    return _escalated(item)


@state(ITEM, "silent")
def silent(w: World) -> Item:
    """With the deputy, and past the time of grace."""
    item = _escalated(_reviewed(w, days=179.9))
    assert item.grace_until <= w.now < item.grant.ends_at
    return item


def _suspended(item: Item) -> Item:
    item_jobs.suspend_due(item.grace_until, JOB)
    return _again(item)


@state(ITEM, "suspended", on=silent)
def suspended(w: World, item: Item) -> Item:
    """Suspended for silence; its term ends in two hours."""
    return _suspended(item)


@state(ITEM, "ending")
def ending(w: World) -> Item:
    """Suspended for silence, and its time has come."""
    item = _suspended(_escalated(_reviewed(w, days=180.1)))
    assert item.closes_at is not None
    assert item.closes_at <= w.now
    return item


@state(ITEM, "revoked", on=open_item)
def revoked(w: World, item: Item) -> Item:
    """Revoked by the resource's owner this morning."""
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=w.now - timedelta(hours=1))
    return _again(item)


@state(ITEM, "revoked_late", on=open_for_ten_days)
def revoked_late(w: World, item: Item) -> Item:
    """Revoked six days ago, and no sweep has run."""
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=w.now - timedelta(days=6))
    return _again(item)


@state(ITEM, "gone", on=open_item)
def gone(w: World, item: Item) -> Item:
    """The resource's owner revoked the grant beside its review."""
    lifecycle.revoke(item.grant, actor=w.actor("resource_owner"), now=w.now, reason="Not here.")
    return _again(item)


@state(ITEM, "closed", on=open_item)
def closed(w: World, item: Item) -> Item:
    """Kept by both."""
    for asks in Asks:
        submit_answer(question(item, asks), AnswerKind.KEEP, now=w.now)
    return _again(item)


@state(QUESTION, "needed", on=open_item)
def needed(w: World, item: Item) -> Question:
    """With the business owner."""
    return question(item, Asks.NEEDED)


@state(QUESTION, "acceptable", on=open_item)
def acceptable(w: World, item: Item) -> Question:
    """With the resource's owner."""
    return question(item, Asks.ACCEPTABLE)


@state(QUESTION, "reminder_due", on=open_for_ten_days)
def reminder_due(w: World, item: Item) -> Question:
    """With the business owner, half the time is gone, and no sweep has run."""
    open_question = question(item, Asks.NEEDED)
    assert open_question.remind_at is not None
    assert open_question.remind_at <= w.now
    return open_question


@state(QUESTION, "with_who_gains", on=acceptable)
def with_who_gains(w: World, open_question: Question) -> Question:
    """With somebody who became the technical owner after they were asked: no operation leads here, so the row is set."""
    Question.objects.filter(pk=open_question.pk).update(reviewer=w.people["technical_owner"])
    return question(open_question.item, Asks.ACCEPTABLE)


@state(QUESTION, "last", on=acceptable)
def last(w: World, open_question: Question) -> Question:
    """Passed on twice: now with the deputy lead, who is a fallback owner."""
    for _ in range(2):
        open_question = submit_answer(question(open_question.item, Asks.ACCEPTABLE), AnswerKind.DONT_KNOW, now=w.now)
    assert open_question.reviewer == w.people["deputy_lead"]
    return open_question


@state(QUESTION, "left", on=acceptable)
def left(w: World, open_question: Question) -> Question:
    """With somebody who has left since."""
    next_question = submit_answer(open_question, AnswerKind.NOT_MINE, now=w.now, whose=w.northwind.lena)
    record_leaver(w.northwind.lena, actor=w.actor("admin"), now=w.now, reason="She moved on.")
    return question(next_question.item, Asks.ACCEPTABLE)


@state(ITEM, "deserted", on=left)
def deserted(w: World, open_question: Question) -> Item:
    """One of its questions is with somebody who has left, and nobody stands behind them."""
    Question.objects.filter(pk=open_question.pk).update(escalation_chain=[open_question.reviewer_id])
    return _again(open_question.item)


@state(QUESTION, "gone", on=gone)
def question_gone(w: World, item: Item) -> Question:
    """The grant ended beside its review; asked of the business owner."""
    return question(item, Asks.NEEDED)


@state(QUESTION, "year_old")
def year_old(w: World) -> Question:
    """About a credential that reviews renewed twice: stage 2 decided over a year ago, so it is kept only to its end (G2).

    The grants of its privileges have ended by their term.
    """
    held = _held(w, since=timedelta(days=478))
    grant = held.automation.grants.filter(kind="credential").order_by("pk")[0]
    for _ in range(2):
        item = opened(grant, opens_at(grant))
        for asks in Asks:
            submit_answer(question(item, asks), AnswerKind.KEEP, now=item.opened_at)
        grant = Grant.objects.get(predecessor=grant)
    return question(opened(grant, opens_at(grant)), Asks.NEEDED)


@state(QUESTION, "kept", on=needed)
def kept(w: World, open_question: Question) -> Question:
    """The business owner says keep; the other question waits."""
    return submit_answer(open_question, AnswerKind.KEEP, now=w.now)


@state(QUESTION, "revoked", on=revoked)
def question_revoked(w: World, item: Item) -> Question:
    """The resource's owner revoked this morning."""
    return question(item, Asks.ACCEPTABLE)


@state(QUESTION, "revoked_late", on=revoked_late)
def question_revoked_late(w: World, item: Item) -> Question:
    """The resource's owner revoked six days ago."""
    return question(item, Asks.ACCEPTABLE)


@state(QUESTION, "settled", on=revoked)
def settled(w: World, item: Item) -> Question:
    """Unanswered, and the other answer took it away."""
    return question(item, Asks.NEEDED)


@state(QUESTION, "closed", on=closed)
def question_closed(w: World, item: Item) -> Question:
    """Kept by both."""
    return question(item, Asks.NEEDED)


@state(CAMPAIGN, "full", on=open_item)
def full(w: World, item: Item) -> Campaign:
    """Something in it is open."""
    return item.campaign


@state(CAMPAIGN, "done", on=closed)
def done(w: World, item: Item) -> Campaign:
    """Nothing in it is open."""
    return item.campaign


@state(CAMPAIGN, "closed", on=done)
def campaign_closed(w: World, made: Campaign) -> Campaign:
    """Closed by the job."""
    return transition_open_item.close_campaign(made, actor=JOB, now=w.now)


def _ordered(w: World, *, name: str = "Spring clean") -> Campaign:
    held_for_a_month(w)
    return ordered(Scope(), by=w.people["second_security"], now=w.now, name=name)


def held_for_a_month(w: World) -> Grant:
    """What a campaign can be about: a privilege, and a credential that is under review already."""
    held = _held(w, since=timedelta(days=30))
    used = held.automation.grants.filter(kind="credential").order_by("pk")[0]
    campaign = due_reviews.campaign_of(used.tier, w.now, JOB)
    item = Item(campaign=campaign, grant=used, reason=review_triggers.IN_CONFLICT)
    transition_open_item.open_item(item, actor=JOB, now=w.now)
    return held


@state(CAMPAIGN, "new")
def campaign_new(w: World) -> Campaign:
    """About to be opened by somebody."""
    held_for_a_month(w)
    return Campaign(name="Spring clean")


@state(CAMPAIGN, "opening")
def campaign_opening(w: World) -> Campaign:
    """Ordered a moment ago."""
    return _ordered(w)


@state(CAMPAIGN, "frozen", on=campaign_opening)
def campaign_frozen(w: World, made: Campaign) -> Campaign:
    """All of it is in it."""
    while chunk("freeze", made, w.now):
        pass
    return made


@state(CAMPAIGN, "asked", on=campaign_frozen)
def campaign_asked(w: World, made: Campaign) -> Campaign:
    """Everybody is asked, and nobody has heard of it."""
    while chunk("assign_questions", made, w.now):
        pass
    return made


@state(ITEM, "nobody", on=campaign_frozen)
def nobody(w: World, made: Campaign) -> Item:
    """Nobody could be asked about it: no operation of these people leads here, so the row is set."""
    item = made.items.filter(grant__kind="privilege").order_by("pk")[0]
    Item.objects.filter(pk=item.pk).update(nobody=True)
    return _again(item)


creating("recertification.campaign.order_campaign")


@arguments("recertification.campaign.order_campaign")
def order_campaign(w: World, subject: models.Model) -> Mapping[str, Any]:
    """All that is held, in two weeks."""
    return {"campaign_scope": Scope(), "day": day(w.now)}


@arguments("recertification.campaign.join_item", "recertification.campaign.leave_item")
def join_item(w: World, subject: models.Model) -> Mapping[str, Any]:
    """What is under review already."""
    return {"item": Item.objects.exclude(campaign=subject).get()}


def _said(kind: AnswerKind) -> Mapping[str, Any]:
    return {"answer": kind, "batch": uuid.uuid4()}


@arguments("recertification.campaign.export_campaign")
def export_campaign(w: World, subject: models.Model) -> Mapping[str, Any]:
    """As lines."""
    return {"form": "jsonl", "items": 1, "sha256": "0" * 64}


@arguments("recertification.question.answer")
def answer(w: World, subject: models.Model) -> Mapping[str, Any]:
    """Keep; where stage 2 has to decide again, until its end."""
    assert isinstance(subject, Question)
    grant = subject.item.grant
    assert grant is not None
    ends_on = grant.ends_at.date() if grant.predecessor_id is not None else None
    return {**_said(AnswerKind.KEEP), "ends_on": ends_on}


@arguments("recertification.question.pass_on")
def pass_on(w: World, subject: models.Model) -> Mapping[str, Any]:
    """I don't know."""
    return _said(AnswerKind.DONT_KNOW)


@arguments("recertification.question.correct")
def correct(w: World, subject: models.Model) -> Mapping[str, Any]:
    """Keep after all."""
    return {"batch": uuid.uuid4()}


@arguments("recertification.item.note_event")
def note_event(w: World, subject: models.Model) -> Mapping[str, Any]:
    """An incident on the resource."""
    return {"because": "incident", "cause": "incident:1"}
