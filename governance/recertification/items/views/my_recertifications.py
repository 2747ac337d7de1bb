"""My recertifications: card, list, answers, submission and correction."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused
from governance.core.models import Person
from governance.recertification.items import drafts, item_title
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions import answer as transition_answer
from governance.recertification.items.views import card, queue
from governance.recertification.models import AnswerKind, Asks, Item, Question
from governance.web.components.times import counted
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import midnight, number

Shape = dict[str, Any]

TEMPLATE = "recertification/items/my_recertifications.html"

#: Most refusals of a submission to show one by one; the others are counted.
MAX_REFUSALS = 10


def _find(request: Request, pk: int, asks: str) -> Question:
    """The question to show: the one in the address, else the reader's own, else the first.

    Raises:
        Http404: the reader may not see the item, or it has no questions (its campaign says so).
    """
    now = business_time.now()
    if not Item.objects.visible_to(request.actor, now).filter(pk=pk).exists():
        raise Http404
    questions = queue.questions_for_card(pk)
    if not questions:
        raise Http404
    named = [question for question in questions if question.asks == asks]
    mine = [question for question in questions if card.is_mine(question, request.actor, now)]
    return (named or mine or questions)[0]


def _show(
    request: Request,
    shown: Question | None,
    *,
    waiting: queue.OpenQuestions | None = None,
    typed: Shape | None = None,
    status: int = 200,
    moved: bool = False,
) -> HttpResponse:
    """Show the page with a question, or without one if all is done."""
    actor = request.actor
    waiting = waiting or queue.load_open_questions(actor, business_time.now())
    now = waiting.now
    context: Shape = {"now": now, "item": None, **queue.context(waiting, shown, actor, now)}
    if shown is not None:
        context |= card.context(shown, actor, now, queue.draft_of(shown, actor), typed=typed)
    else:
        context["empty"] = _empty_state(context["submit"]["count"])
    response = page(request, TEMPLATE, context, fragment="item", also=("progress",), status=status)
    if moved:
        response["HX-Push-Url"] = queue.href(shown) if shown is not None else reverse("recert_mine")
    return response


def _empty_state(drafted: int) -> Shape:
    if drafted:
        return {"sentence": f"Nothing is left to choose. Submit your {counted(drafted, 'answer')} to make them count."}
    return {
        "sentence": "What comes up for review would be here. A mail tells you when something does.",
        "href": reverse("home"),
        "action": "See what else needs you",
    }


@require_GET
def mine(request: Request) -> HttpResponse:
    """Show the reader's first question without a draft."""
    waiting = queue.load_open_questions(request.actor, business_time.now())
    return _show(request, queue.load_for_card(waiting.next_open), waiting=waiting)


@require_GET
def item(request: Request, pk: int) -> HttpResponse:
    """Show one item, as mails link to it; readers who may not answer see its reviewer."""
    return _show(request, _find(request, pk, request.GET.get("asks", "")))


@require_POST
def answer(request: Request, pk: int) -> HttpResponse:
    """Save a draft and show the next card."""
    now, form = business_time.now(), request.POST
    question = _find(request, pk, form.get("asks", ""))
    typed = {name: form.get(name, "") for name in ("reason", "whose", "ends_on")}
    ends_on = None
    try:
        _check_asked(question, form.get("asks", ""))
        ends_on = _end_date(typed["ends_on"]) if form.get("answer") == AnswerKind.KEEP else None
        drafts.save_draft(
            question,
            _kind(form.get("answer", "")),
            actor=drafts.acting_reviewer(request.actor, question),
            now=now,
            ends_on=ends_on,
            reason=typed["reason"],
            whose=_named_reviewer(question, typed["whose"]),
            seen=card.read_card_view(form.get("shown", ""), form.get("looked", "")),
        )
    except InvalidInput as error:
        return _show(request, question, typed={**typed, "error": error.refusal.sentence}, status=error.status)
    except Refused as error:
        given = form.get("answer", "")
        if not drafts.is_repeated(question, given, actor=request.actor, reason=typed["reason"], ends_on=ends_on):
            return refused(request, error.refusal, fragment="refusal-item", context={"back_href": queue.href(question)})
    left = queue.load_open_questions(request.actor, now)
    following = left.next_open
    if request.headers.get("HX-Request") == "true":
        return _show(request, queue.load_for_card(following), waiting=left, moved=True)
    return redirect(queue.href(following) if following is not None else reverse("recert_mine"))


def _kind(value: str) -> AnswerKind:
    if value not in AnswerKind.values:
        raise InvalidInput(Refusal("R4", "input", "Choose one of the answers."))
    return AnswerKind(value)


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
    """The person the reviewer names, from the question's ladder; None for an empty choice.

    Raises:
        InvalidInput: no such person on the ladder.
    """
    named = number(key)
    if key and named not in question.ladder:
        raise InvalidInput(Refusal("R4", "input", "Choose whose it is from those who are offered, or nobody."))
    return Person.objects.filter(pk=named).first() if named is not None else None


def _check_asked(question: Question, asks: str) -> None:
    """Refuse a form that was sent for the item's other question.

    Raises:
        InvalidInput: the item has no such question for the reader.
    """
    if asks and asks != question.asks:
        raise InvalidInput(Refusal("R4", "input", "This asks something else: choose again, nothing was answered."))


@require_POST
def submit(request: Request) -> HttpResponse:
    """Submit all drafts of the reader as one batch; refused ones stay, with the reason.

    If only the sign-in is too old, the response links to a new one; the drafts are kept (S5).
    """
    now = business_time.now()
    done = drafts.submit(drafts.drafts_of(request.actor, now), actor=request.actor, now=now)
    accepted = sum(submitted.refusal is None for submitted in done)
    if accepted:
        messages.success(request, f"Submitted {counted(accepted, 'answer')}.")
    stale = [
        submitted.refusal
        for submitted in done
        if submitted.refusal is not None and submitted.refusal.code == item_rules.FRESH.code
    ]
    others = [
        (submitted.question, submitted.refusal)
        for submitted in done
        if submitted.refusal is not None and submitted.refusal not in stale
    ]
    for question, refusal in others[:MAX_REFUSALS]:
        messages.error(request, f"{item_title.title(question.item)}: {refusal.sentence} {refusal.to_do}".strip())
    if len(others) > MAX_REFUSALS:
        messages.error(
            request, f"{counted(len(others) - MAX_REFUSALS, 'answer')} more could not be given: what you chose is kept."
        )
    if stale:
        return refused(request, stale[0], context={"back_href": reverse("recert_mine")})
    return redirect("recert_mine")


@require_http_methods(["GET", "POST"])
def correct(request: Request, pk: int) -> HttpResponse:
    """Replace a submitted revoke with *keep*, with a reason (R4)."""
    now = business_time.now()
    form = request.POST if request.method == "POST" else request.GET
    question = _find(request, pk, form.get("asks", ""))
    answering_actor, back = drafts.acting_reviewer(request.actor, question), queue.href(question)
    error, refusal = "", None
    if request.method == "GET":
        refusal = transition_answer.correct.refusal(question, actor=answering_actor, now=now)
    else:  # always tried: a refused attempt is recorded (H1)
        try:
            _check_asked(question, form.get("asks", ""))
            transition_answer.correct(
                question,
                actor=answering_actor,
                now=now,
                reason=form.get("reason", ""),
                batch=uuid.uuid4(),
                ends_on=_end_date(form.get("ends_on", "")),
            )
        except InvalidInput as invalid:
            error = invalid.refusal.sentence
            if form.get("asks") in Asks.values:  # without the right to correct it, show the refusal, not the form
                refusal = transition_answer.correct.refusal(question, actor=answering_actor, now=now)
        except Refused as refused_error:
            refusal = refused_error.refusal
        else:
            messages.success(request, "Corrected.")
            return redirect(back)
    if refusal is not None:
        return refused(request, refusal, context={"back_href": back})
    ask = _correction(question, reason=form.get("reason", ""), error=error)
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": back}, status=422 if error else 200)


def _correction(question: Question, *, reason: str, error: str) -> Shape:
    return {
        "id": "correct",
        "title": "Keep it after all?",
        "text": f"{item_title.title(question.item)}. Your revoke is taken back, and both stand on the record.",
        "action": reverse("recert_correct", args=[question.item_id]),
        "label": "Keep it",
        "fields": {"asks": Asks(question.asks).value},
        "reason": {"label": "Why", "required": True, "value": reason, "error": error},
    }
