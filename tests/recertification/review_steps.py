"""The ways through a review that tests take: what is held, when it opens, who answers what."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from approvals.models import Grant, Submission
from governance.core.actors.actor import Actor
from governance.core.models import Person
from governance.recertification.items import due_reviews
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.answer_deadlines import OPENS_BEFORE
from governance.recertification.items.transitions import answer, open_item
from governance.recertification.items.transitions.settle import last_day
from governance.recertification.models import SETTLING, Answer, AnswerKind, Asks, Item, Question
from inventory.models import Automation, Resource
from tests import scenarios
from tests.people import Northwind, as_actor
from tests.recertification.grant_rows import low_grants

JOB = Actor.of_job(item_jobs.JOB)


@dataclass
class Held:
    """An automation with its grants, all approved through the operations of approvals."""

    company: scenarios.Company
    submission: Submission

    @property
    def people(self) -> Northwind:
        """Northwind's people and teams."""
        return self.company.people

    @property
    def automation(self) -> Automation:
        """The automation as it is in the database now."""
        return Automation.objects.get(pk=self.submission.automation_id)

    def grant(self, *, on: Resource | None = None) -> Grant:
        """One of its grants of a privilege: standard, for 180 days, on a resource of Omar's."""
        grants = Grant.objects.filter(automation=self.submission.automation, kind="privilege")
        return (grants.filter(entitlement__resource=on) if on is not None else grants).order_by("pk")[0]

    def low_grant(self) -> Grant:
        """A low-risk grant of it, for as long."""
        return low_grants(self.submission, 1, begins_at=self.company.now)[0]


def opens_at(grant: Grant) -> datetime:
    """Just after a grant's item opens: its terms end on their review date, so the end counts."""
    return grant.ends_at - timedelta(days=OPENS_BEFORE[grant.tier]) + timedelta(hours=1)


def opened(subject: Grant | Automation, now: datetime) -> Item:
    """The item about one grant or automation, opened by the job."""
    fields = {"grant": subject} if isinstance(subject, Grant) else {"automation": subject}
    campaign = due_reviews.campaign_of(subject.tier, now, JOB)
    return open_item.open_item(Item(campaign=campaign, reason="review date", **fields), actor=JOB, now=now)


def under_review(grant: Grant) -> Item:
    """The item about a grant alone, opened on its day."""
    return opened(grant, opens_at(grant))


def all_under_review(grant: Grant) -> Item:
    """The same, with whatever else comes up on that day, as the sweep opens it."""
    due_reviews.open_due(opens_at(grant), JOB)
    return Item.objects.get(grant=grant)


def question(item: Item, asks: Asks) -> Question:
    """One question of an item, as it is now."""
    return Question.objects.get(item=item, asks=asks)


def latest_answer(question: Question) -> Answer | None:
    """The latest answer that settles a question, or None."""
    settling = [answer for answer in question.answers.all() if answer.answer in SETTLING]
    return max(settling, key=lambda answer: answer.pk, default=None)


def submit_answer(
    question: Question, kind: AnswerKind, *, now: datetime, by: Person | None = None, reason: str = "", **more: Any
) -> Question:
    """The reviewer, or somebody else, submits an answer."""
    act = answer.answer if kind in SETTLING else answer.pass_on
    return act(
        question,
        actor=as_actor(by or question.reviewer),
        now=now,
        reason=reason,
        answer=kind,
        batch=uuid.uuid4(),
        **more,
    )


def keep_to_its_end(question: Question, *, now: datetime) -> Question:
    """The reviewer keeps the access until the day on which its grant ends anyway."""
    assert question.item.grant is not None
    return submit_answer(question, AnswerKind.KEEP, now=now, ends_on=last_day(question.item.grant.ends_at))


def sweep_at(now: datetime) -> dict[str, int]:
    """One run of the sweep; what it did, without what it did not do."""
    return {what: count for what, count in item_jobs.sweep(now).items() if count}
