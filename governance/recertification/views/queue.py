"""The list beside the card: what waits for the reader, what they chose so far, what they can still correct."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse

from governance.controls import access
from governance.controls.actors import Actor
from governance.recertification import wording
from governance.recertification.models import AnswerKind, Draft, ItemState, Question
from governance.web import chrome

Shape = dict[str, Any]


def href(question: Question) -> str:
    """Where one question is answered: the item's page, which shows the reader's own question of the two."""
    return f"{reverse('recert_item', args=[question.item_id])}?asks={question.asks}"


def waiting(actor: Actor, now: datetime) -> list[Question]:
    """The questions that wait for the reader, or for somebody they stand in for, the most urgent first."""
    if actor.person is None:
        return []
    rows = (
        Question.objects.unanswered()
        .asked_of(actor.person, now)
        .select_related(
            "reviewer",
            "draft",
            "item__campaign",
            "item__automation__team",
            "item__grant__automation__team",
            "item__grant__entitlement__resource",
            "item__grant__credential",
            "item__grant__approval__privilege__entitlement__resource",
            "item__grant__approval__privilege__credential",
        )
    )
    return list(rows.order_by("item__deadline", "pk"))


def draft_of(question: Question, actor: Actor) -> Draft | None:
    """The reader's own draft on a question; what somebody else noted who stands in there too is not shown."""
    found: Draft | None = getattr(question, "draft", None)
    return found if found is not None and actor.person is not None and found.person_id == actor.person.pk else None


def next_open(questions: list[Question], actor: Actor) -> Question | None:
    """The first that the reader has chosen nothing for."""
    return next((one for one in questions if draft_of(one, actor) is None), None)


def context(questions: list[Question], shown: Question | None, actor: Actor, now: datetime) -> Shape:
    """What ``recertification/progress.html`` takes."""
    drafted = [one for one in questions if draft_of(one, actor) is not None]
    left = [one for one in questions if draft_of(one, actor) is None]
    return {
        "head_words": "What you answer for. Drafts until you submit them together.",
        "progress": {
            "answered": len(drafted),
            "left": len(left),
            "total": len(questions),
            "parts": ["approved" for _ in drafted] + ["mine" if one == shown else "other" for one in left],
        },
        "queue": [_row(one, shown, actor, now) for one in [*left, *drafted]],
        "submit": {"action": reverse("recert_submit"), "count": len(drafted)},
        "correctable": [_correctable(one) for one in correctable(actor, now)],
    }


def _row(question: Question, shown: Question | None, actor: Actor, now: datetime) -> Shape:
    draft, grant = draft_of(question, actor), question.item.grant
    what = wording.sentence(grant).removeprefix("May ") if grant is not None else "the automation itself"
    for_whom = (
        "" if actor.person is None or question.reviewer_id == actor.person.pk else f" · for {question.reviewer.name}"
    )
    return {
        "href": href(question),
        "name": question.item.of_automation.name,
        "text": f"{what}{for_whom}",
        "answer": AnswerKind(draft.answer).label if draft is not None else "",
        "current": question == shown,
        "overdue": now >= question.item.deadline,
    }


def correctable(actor: Actor, now: datetime) -> list[Question]:
    """Revokes of the reader, or of somebody they stand in for, that have not taken effect for good (R4, A11)."""
    if actor.person is None:
        return []
    revoked = Question.objects.asked_of(actor.person, now).filter(
        item__state=ItemState.ANSWERED, answers__answer=AnswerKind.REVOKE
    )
    rows = (
        revoked.filter(answered_at__isnull=False)
        .distinct()
        .select_related("item__grant__automation", "item__automation")
    )
    return list(rows.order_by(F("item__closes_at").asc(nulls_last=True), "pk"))


def _correctable(question: Question) -> Shape:
    return {"href": href(question), "name": question.item.of_automation.name, "until": question.item.closes_at}


def count(request: HttpRequest) -> int:
    """How many questions wait for the reader, for the main link."""
    actor: Actor | None = getattr(request, "actor", None)
    if not actor:
        return 0
    people = access.answers_as(actor, access.read_at(actor))
    return Question.objects.unanswered().filter(reviewer__in=people).count()


def register() -> None:
    """Have the main link show how much waits."""
    chrome.register_counter("recertify", count)
