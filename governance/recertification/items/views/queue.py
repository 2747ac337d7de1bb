"""The list beside the card: open questions, drafts, and revokes that can still be corrected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q
from django.http import HttpRequest
from django.urls import reverse

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.database.querysets import with_columns
from governance.recertification.models import AnswerKind, Draft, ItemState, Question
from governance.web.pages import navigation
from governance.web.pages.page import Shape

#: Columns of a list row.
COLUMNS = (
    *("asks", "reviewer__name", "draft__person", "draft__answer", "item__deadline", "item__automation__name"),
    *("item__grant__sentence", "item__grant__tier", "item__grant__raised_to", "item__grant__automation__name"),
)
CORRECTABLE_COLUMNS = ("asks", "item__closes_at", "item__automation__name", "item__grant__automation__name")

#: Most questions in the list; the next ones follow as these are answered.
SHOWN = 40


def href(question: Question) -> str:
    """Address of a question's card on the item's page."""
    return f"{reverse('recert_item', args=[question.item_id])}?asks={question.asks}"


@dataclass(frozen=True)
class OpenQuestions:
    """A reader's unanswered questions.

    Args:
        left: without a draft, most urgent first, at most `SHOWN`.
        drafted: with a draft, at most `SHOWN`.
        left_count, drafted_count: total numbers.
        now: when they were read.
    """

    left: list[Question]
    drafted: list[Question]
    left_count: int
    drafted_count: int
    now: datetime

    @property
    def count(self) -> int:
        """Total number of questions."""
        return self.left_count + self.drafted_count

    @property
    def more(self) -> int:
        """Number of questions that are not listed."""
        return self.count - len(self.left) - len(self.drafted)

    @property
    def next_open(self) -> Question | None:
        """The first question without a draft."""
        return self.left[0] if self.left else None


def load_open_questions(actor: Actor, now: datetime) -> OpenQuestions:
    """Load the unanswered questions of the reader and of those they are a delegate of. One query for a short list, else two, or four with drafts."""
    questions = with_columns(Question.objects.open_for(access.answers_as(actor, now)), COLUMNS)
    rows = list(questions[: SHOWN + 1])
    if len(rows) <= SHOWN:
        drafted = [question for question in rows if draft_of(question, actor) is not None]
        left = [question for question in rows if question not in drafted]
        return OpenQuestions(left, drafted, len(left), len(drafted), now)
    own_draft = Q(draft__person=actor.person)
    counts = questions.order_by().aggregate(every=Count("pk"), drafted=Count("pk", filter=own_draft))
    left, drafted = rows[:SHOWN], []
    if counts["drafted"]:
        left, drafted = list(questions.exclude(own_draft)[:SHOWN]), list(questions.filter(own_draft)[:SHOWN])
    return OpenQuestions(left, drafted, counts["every"] - counts["drafted"], counts["drafted"], now)


def draft_of(question: Question, actor: Actor) -> Draft | None:
    """The reader's own draft on a question; drafts of other delegates are hidden."""
    draft: Draft | None = getattr(question, "draft", None)
    return draft if draft is not None and actor.person is not None and draft.person_id == actor.person.pk else None


def context(waiting: OpenQuestions, shown: Question | None, actor: Actor) -> Shape:
    """Context of ``recertification/items/progress.html``."""
    low = [question for question in waiting.left if question.item.grant and question.item.counted_tier == "low"]
    return {
        "waiting": waiting,
        "shown_question": shown,
        "reader": actor.person,
        "parts": _parts(waiting, shown),
        "has_several_low": len(low) > 1,
        "correctable": correctable(actor, waiting.now),
    }


def _parts(waiting: OpenQuestions, shown: Question | None) -> list[str]:
    """Parts of the progress bar: one for each question, or proportional above `SHOWN`."""
    drafted, total = waiting.drafted_count, waiting.count
    if total > SHOWN:
        done = drafted * SHOWN // total
        return ["approved"] * done + ["other"] * (SHOWN - done)
    return ["approved"] * drafted + ["mine" if question == shown else "other" for question in waiting.left]


def correctable(actor: Actor, now: datetime) -> list[Question]:
    """Revokes of the reader, or of those they are a delegate of, that are not final (R4, A11)."""
    questions = Question.objects.asked_of(actor, now).filter(answered_at__isnull=False)
    revoked = questions.filter(item__state=ItemState.ANSWERED, answers__answer=AnswerKind.REVOKE).distinct()
    rows = with_columns(revoked, CORRECTABLE_COLUMNS)
    return list(rows.order_by(F("item__closes_at").asc(nulls_last=True), "pk")[:SHOWN])


def count(request: HttpRequest) -> int:
    """Number of the reader's unanswered questions, for the main link."""
    actor: Actor | None = getattr(request, "actor", None)
    return Question.objects.open_for(access.answers_as(actor, access.read_at(actor))).count() if actor else 0


def register() -> None:
    """Register the counter of the main link."""
    navigation.register_counter("recertify", count)
