"""The answers of one page of one reviewer, submitted together: each with its history and its events in the ledger (R7).

Low-risk grants of which one word decides, so that each answer closes its item and renews its grant: what there is most to write of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Max

from approvals.models import Grant
from governance.core.models import LedgerEvent
from governance.recertification.items import drafts, due_reviews
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item, Question
from governance.settings import garbage_collection
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import JOB, opens_at

#: Answers in one batch, and of those before it that make the database know the tables.
ANSWERS, WARM = 40, 10


def prepare(company: scenarios.Company) -> list[Draft]:
    """Low-risk grants under review, nobody else asked about them, and what their owner has chosen: to keep them, all for one reason."""
    held = scenarios.decide_all(company, scenarios.submitted(company, stock_report.version(company, _another)))
    grants = low_grants(held, ANSWERS + WARM, begins_at=company.now)
    now = opens_at(grants[0])
    campaign = due_reviews.campaign_of("low", now, JOB)
    when = {"opened_at": now, "deadline": now + timedelta(days=7), "grace_until": now + timedelta(days=14)}
    items = Item.objects.bulk_create(
        Item(campaign=campaign, reason="review date", grant=grant, snapshot={"tier": "low"}, **when) for grant in grants
    )
    jonas = company.people.jonas
    questions = Question.objects.bulk_create(
        Question(item=item, asks=Asks.NEEDED, reviewer=jonas, asked_at=now, escalation_chain=[jonas.pk])
        for item in items
    )
    Draft.objects.bulk_create(
        Draft(
            question=question,
            person=question.reviewer,
            answer=AnswerKind.KEEP,
            reason="Read every week.",
            seconds=12,
            saved_at=now,
        )
        for question in questions
    )
    return drafts.drafts_of(as_actor(company.people.jonas), now)


def _another(export: dict[str, Any]) -> None:
    export["id"] = "answered-together"


class Spent(NamedTuple):
    """Seconds of a batch: as they pass, and of CPU here and in the database."""

    seconds: float
    here: float
    there: float


def submit(chosen: list[Draft], company: scenarios.Company, database_cpu: Callable[[], float]) -> Spent:
    """What the batch takes, checked to be whole; ``database_cpu`` answers the milliseconds that the database's process has used."""
    actor, now = as_actor(company.people.jonas), chosen[0].saved_at
    drafts.submit(chosen[:WARM], actor=actor, now=now)
    before = LedgerEvent.objects.aggregate(last=Max("pk"))["last"]
    garbage_collection.leave_what_stands()  # as the web process does
    there, here, began = database_cpu(), time.process_time(), time.perf_counter()
    done = drafts.submit(chosen[WARM:], actor=actor, now=now)
    seconds = time.perf_counter() - began
    spent = Spent(seconds, time.process_time() - here, (database_cpu() - there) / 1000)
    question_ids = [draft.question.pk for draft in done if draft.refusal is None]
    events = LedgerEvent.objects.filter(pk__gt=before).count()
    kept = Grant.objects.filter(predecessor__items__questions__in=question_ids).count()
    past = Question.history.filter(id__in=question_ids, history_type="~").count()  # type: ignore[attr-defined]
    counts = (len(question_ids), Answer.objects.filter(question__in=question_ids).count(), kept, past, events)
    if counts != (ANSWERS, ANSWERS, ANSWERS, ANSWERS, 4 * ANSWERS):
        raise SystemExit(f"Of {ANSWERS} answers came {counts}")
    return spent
