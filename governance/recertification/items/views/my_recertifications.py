"""My recertifications: card, list, answers, submission and correction.

The list beside the card has open questions, drafts, and revokes that can still be corrected.
"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain

from django.contrib import messages
from django.db.models import Count, F, Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import Actor, InvalidInput, Refusal, Refused, access
from governance.core.database.querysets import with_columns
from governance.core.models import Person
from governance.core.texts import free_text
from governance.recertification.items import drafts
from governance.recertification.items import rules as item_rules
from governance.recertification.items.context import ItemContext
from governance.recertification.items.transitions import answer as transition_answer
from governance.recertification.items.views import item_card
from governance.recertification.models import AnswerKind, Item, ItemState, Question
from governance.web.components.times import counted
from governance.web.pages import navigation
from governance.web.pages.navigation import Chrome
from governance.web.pages.page import Shape, ask, page, refused
from governance.web.requests.request import Request, midnight, number

TEMPLATE = "recertification/items/my_recertifications.html"

#: Most refusals of a submission to show one by one; the others are counted.
MAX_REFUSALS = 10

#: Columns of a list row.
LIST_COLUMNS = (
    *("asks", "reviewer__name", "draft__person", "draft__answer", "item__deadline", "item__automation__name"),
    *("item__grant__sentence", "item__grant__tier", "item__grant__raised_to", "item__grant__automation__name"),
)

CORRECTABLE_COLUMNS = ("asks", "item__closes_at", "item__automation__name", "item__grant__automation__name")

#: Most questions in the list; the next ones follow as these are answered.
SHOWN = 40


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
    def more_count(self) -> int:
        """Number of questions that are not listed."""
        return self.count - len(self.left) - len(self.drafted)


def _find(request: Request, pk: int, asks: str) -> tuple[ItemContext, Question]:
    """The question to show: the one in the address, else the reader's own, else the first.

    Raises:
        Http404: the reader may not see the item, or it has no questions (its campaign says so).
    """
    now = request.now()
    known = item_card.load_questions(Item.objects.visible_to(request.actor, now), pk)
    if known is None:
        raise Http404
    named = (question for question in known.questions if question.asks == asks)
    mine = (question for question in known.questions if item_card.verb_refusals(known, question, request.actor, now))
    return known, next(chain(named, mine, known.questions))


def _show(
    request: Request,
    shown: tuple[ItemContext, Question] | None,
    waiting: OpenQuestions,
    *,
    typed: Shape | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the page with a question, or without one if all is done."""
    question = shown[1] if shown is not None else None
    low = [one for one in waiting.left if item_rules.takes_bulk_answers(one.item)]
    context: Shape = {
        "chrome": Chrome(request, {"recertify": waiting.count}),
        "item": None,
        "waiting": waiting,
        "shown_question": question,
        "reader": request.actor.person,
        "parts": _parts(waiting, question),
        "has_several_low": len(low) > 1,
        "correctable": _correctable(request.actor, waiting.now),
    }
    if shown is not None:
        context |= item_card.context(*shown, request.actor, waiting.now, typed or {})
    return page(request, TEMPLATE, context, fragment="item", also=("progress",), status=status)


def _waiting(request: Request) -> OpenQuestions:
    return load_open_questions(request.actor, request.now())


def _show_next(request: Request, waiting: OpenQuestions) -> HttpResponse:
    """Show the reader's first question without a draft."""
    following = next(iter(waiting.left), None)
    known = item_card.load_questions(Item.objects.all(), following.item_id) if following is not None else None
    if known is None:
        return _show(request, None, waiting)
    return _show(request, (known, next(question for question in known.questions if question == following)), waiting)


@require_GET
def show_first_question(request: Request) -> HttpResponse:
    """Show the reader's first question without a draft."""
    return _show_next(request, _waiting(request))


@require_GET
def item(request: Request, pk: int) -> HttpResponse:
    """Show one item, as mails link to it; readers who may not answer see its reviewer."""
    return _show(request, _find(request, pk, request.GET.get("asks", "")), _waiting(request))


@require_POST
def answer(request: Request, pk: int) -> HttpResponse:
    """Save a draft and show the next card."""
    now, form = request.now(), request.POST
    known, question = _find(request, pk, form.get("asks", ""))
    typed: Shape = {name: form.get(name, "") for name in ("reason", "whose", "ends_on")}
    kind, ends_on = form.get("answer", ""), None
    try:
        _check_asked(question, form.get("asks", ""))
        if kind not in AnswerKind.values:
            raise InvalidInput(Refusal("R4", "input", "Choose one of the answers."))
        ends_on = _end_date(typed["ends_on"]) if kind == AnswerKind.KEEP else None
        drafts.save_draft(
            question,
            AnswerKind(kind),
            actor=drafts.acting_reviewer(request.actor, question),
            now=now,
            ends_on=ends_on,
            reason=typed["reason"],
            whose=_named_reviewer(question, typed["whose"]),
            seen=item_card.read_card_view(form.get("shown", ""), form.get("looked", "")),
        )
    except InvalidInput as error:
        typed["error"] = error.refusal.sentence
        return _show(request, (known, question), _waiting(request), typed=typed, status=error.status)
    except Refused as error:
        params = {"answer": kind, "ends_on": ends_on}
        if not transition_answer.repeated_answer(question, request.actor, free_text.clean(typed["reason"]), params):
            return refused(
                request, error.refusal, fragment="refusal-item", context={"back_href": question_href(question)}
            )
    waiting = _waiting(request)
    href = question_href(waiting.left[0]) if waiting.left else reverse("recert_mine")
    if request.headers.get("HX-Request") != "true":
        return redirect(href)
    response = _show_next(request, waiting)
    response["HX-Push-Url"] = href
    return response


def _end_date(text: str) -> date | None:
    """The day on which kept access ends; None for an empty field.

    Raises:
        InvalidInput: not a day.
    """
    midnight_then = midnight(text)
    if text and midnight_then is None:
        raise InvalidInput(Refusal("R4", "input", "Choose the day on which the access ends, or leave it empty."))
    return midnight_then.date() if midnight_then is not None else None


def _named_reviewer(question: Question, key: str) -> Person | None:
    """The person the reviewer names, from the question's escalation chain; None for an empty choice.

    Raises:
        InvalidInput: no such person on the escalation chain.
    """
    named = number(key)
    if key and named not in question.escalation_chain:
        raise InvalidInput(Refusal("R4", "input", "Choose a person from the list, or leave it empty."))
    return Person.objects.filter(pk=named).first() if named is not None else None


def _check_asked(question: Question, asks: str) -> None:
    """Refuse a form that was sent for the item's other question.

    Raises:
        InvalidInput: the item has no such question for the reader.
    """
    if asks and asks != question.asks:
        sentence = "The form is for the other question of this item. Nothing was answered. Choose again."
        raise InvalidInput(Refusal("R4", "input", sentence))


@require_POST
def submit(request: Request) -> HttpResponse:
    """Submit the reader's drafts as one batch; refused ones stay, with the reason.

    If only the sign-in is too old, the response links to a new one; the drafts are kept (S5).
    """
    now = request.now()
    done = drafts.submit(drafts.drafts_of(request.actor, now), actor=request.actor, now=now)
    failed = [(one.question, one.refusal) for one in done if one.refusal is not None]
    if len(failed) < len(done):
        messages.success(request, f"Submitted {counted(len(done) - len(failed), 'answer')}.")
    stale = [refusal for _, refusal in failed if refusal.code == item_rules.requires_fresh.code]
    others = [(question, refusal) for question, refusal in failed if refusal not in stale]
    for question, refusal in others[:MAX_REFUSALS]:
        messages.error(request, f"{question.item.title}: {refusal.sentence} {refusal.to_do}".strip())
    if len(others) > MAX_REFUSALS:
        more = counted(len(others) - MAX_REFUSALS, "answer")
        messages.error(request, f"{more} more could not be given: what you chose is kept.")
    if stale:
        return refused(request, stale[0], context={"back_href": reverse("recert_mine")})
    return redirect("recert_mine")


@require_http_methods(["GET", "POST"])
def correct(request: Request, pk: int) -> HttpResponse:
    """Replace a submitted revoke with *keep*, with a reason (R4)."""
    now, verb = request.now(), transition_answer.correct
    asks = request.POST.get("asks") or request.GET.get("asks", "")
    known, question = _find(request, pk, asks)
    reviewer = drafts.acting_reviewer(request.actor, question)

    def act(reason: str) -> None:
        _check_asked(question, asks)
        ends_on = _end_date(request.POST.get("ends_on", ""))
        verb(question, actor=reviewer, now=now, reason=reason, batch=uuid.uuid4(), ends_on=ends_on)
        messages.success(request, "Corrected.")

    return ask(
        request,
        act,
        lambda: verb.refusal(question, actor=reviewer, now=now, context=known),
        title="Keep it after all?",
        text=f"{question.item.title}. This takes back your revoke. Both stay on record.",
        label="Keep it",
        kind="filled",
        back=question_href(question),
    )


def question_href(question: Question) -> str:
    """Address of a question's card on the item's page."""
    return f"{reverse('recert_item', args=[question.item_id])}?asks={question.asks}"


def load_open_questions(actor: Actor, now: datetime) -> OpenQuestions:
    """Load the unanswered questions of the reader and of those they are a delegate of. One query for a short list, else two, or four with drafts."""
    questions = with_columns(Question.objects.open_for(access.answers_as(actor, now)), LIST_COLUMNS)
    rows = list(questions[: SHOWN + 1])
    if len(rows) <= SHOWN:
        drafted = [question for question in rows if drafts.draft_of(question, actor) is not None]
        left = [question for question in rows if question not in drafted]
        return OpenQuestions(left, drafted, len(left), len(drafted), now)
    own_draft = Q(draft__person=actor.person)
    counts = questions.order_by().aggregate(every=Count("pk"), drafted=Count("pk", filter=own_draft))
    left, drafted = rows[:SHOWN], []
    if counts["drafted"]:
        left, drafted = list(questions.exclude(own_draft)[:SHOWN]), list(questions.filter(own_draft)[:SHOWN])
    return OpenQuestions(left, drafted, counts["every"] - counts["drafted"], counts["drafted"], now)


def _parts(waiting: OpenQuestions, shown: Question | None) -> list[str]:
    """Parts of the progress bar: one for each question, or proportional above `SHOWN`."""
    drafted, total = waiting.drafted_count, waiting.count
    if total > SHOWN:
        done = drafted * SHOWN // total
        return ["approved"] * done + ["other"] * (SHOWN - done)
    return ["approved"] * drafted + ["mine" if question == shown else "other" for question in waiting.left]


def _correctable(actor: Actor, now: datetime) -> list[Question]:
    """Revokes of the reader, or of those they are a delegate of, that are not final (R4, A11)."""
    questions = Question.objects.asked_of(actor, now).filter(answered_at__isnull=False)
    revoked = questions.filter(item__state=ItemState.ANSWERED, answers__answer=AnswerKind.REVOKE).distinct()
    rows = with_columns(revoked, CORRECTABLE_COLUMNS)
    return list(rows.order_by(F("item__closes_at").asc(nulls_last=True), "pk")[:SHOWN])


#: Unanswered questions of the reader, and of those they are a delegate of (A11).
_COUNT = """
SELECT count(*) FROM recertification_question question JOIN recertification_item item ON item.id = question.item_id
WHERE question.reviewer_id = ANY(%(people)s) AND question.answered_at IS NULL AND item.state IN ('open', 'escalated')
"""


def register() -> None:
    """Register the count of the sidebar."""
    navigation.register_count("recertify", _COUNT)
