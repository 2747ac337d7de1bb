"""My recertifications: the card and the list beside it, answering, submitting together, correcting."""

from __future__ import annotations

import uuid
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
from governance.web.pages import navigation
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number

Shape = dict[str, Any]

TEMPLATE = "recertification/items/my_recertifications.html"

#: Refusals that are said one by one where many answers were submitted; the others are counted.
SAID = 10


def _find(request: Request, pk: int, asks: str) -> Question:
    """The question of an item that the reader is shown: the one that the address names, else their own, else the first.

    Raises:
        Http404: there is no such item for them, or nobody is asked about it: its campaign says so.
    """
    now = business_time.now()
    if not Item.objects.visible_to(request.actor, now).filter(pk=pk).exists():
        raise Http404
    questions = queue.both(pk)
    if not questions:
        raise Http404
    named = [one for one in questions if one.asks == asks]
    own = [one for one in questions if card.is_mine(one, request.actor, now)]
    return (named or own or questions)[0]


def _show(
    request: Request,
    shown: Question | None,
    *,
    waiting: queue.Waiting | None = None,
    typed: Shape | None = None,
    status: int = 200,
    moved: bool = False,
) -> HttpResponse:
    """The page around one question, or around nothing when all is done; what waits is read where it was not."""
    actor = request.actor
    waiting = waiting or queue.waiting(actor, business_time.now())
    now = waiting.now
    navigation.counted(request, recertify=waiting.count)
    context: Shape = {"now": now, "item": None, **queue.context(waiting, shown, actor, now)}
    if shown is not None:
        context |= card.context(shown, actor, now, queue.draft_of(shown, actor), typed=typed)
    else:
        context["empty"] = _nothing(context["submit"]["count"])
    response = page(request, TEMPLATE, context, fragment="item", also=("progress",), status=status)
    if moved:
        response["HX-Push-Url"] = queue.href(shown) if shown is not None else reverse("recert_mine")
    return response


def _nothing(drafted: int) -> Shape:
    if drafted:
        return {"sentence": f"Nothing is left to choose. Submit your {counted(drafted, 'answer')} to make them count."}
    return {
        "sentence": "What comes up for review would be here. A mail tells you when something does.",
        "href": reverse("home"),
        "action": "See what else needs you",
    }


@require_GET
def mine(request: Request) -> HttpResponse:
    """What waits for the reader, the first that nothing was chosen for on the card."""
    waiting = queue.waiting(request.actor, business_time.now())
    return _show(request, queue.whole(waiting.next_open), waiting=waiting)


@require_GET
def item(request: Request, pk: int) -> HttpResponse:
    """One item, as the mail links to it; whoever may see it and not answer it sees who has it."""
    return _show(request, _find(request, pk, request.GET.get("asks", "")))


@require_POST
def answer(request: Request, pk: int) -> HttpResponse:
    """Choose an answer: a draft until all are submitted. The next card follows."""
    now, form = business_time.now(), request.POST
    question = _find(request, pk, form.get("asks", ""))
    typed = {"reason": form.get("reason", ""), "whose": form.get("whose", "")}
    try:
        _check_asked(question, form.get("asks", ""))
        drafts.save_draft(
            question,
            _kind(form.get("answer", "")),
            actor=drafts.acting(request.actor, question),
            now=now,
            reason=typed["reason"],
            whose=_person(question, typed["whose"]),
            seen=card.seen(form.get("shown", ""), form.get("looked", "")),
        )
    except InvalidInput as no:
        return _show(request, question, typed={**typed, "error": no.refusal.sentence}, status=no.status)
    except Refused as no:
        if not drafts.is_repeated(question, form.get("answer", ""), actor=request.actor, reason=typed["reason"]):
            return refused(request, no.refusal, fragment="refusal-item", context={"back_href": queue.href(question)})
    left = queue.waiting(request.actor, now)
    following = left.next_open
    if request.headers.get("HX-Request") == "true":
        return _show(request, queue.whole(following), waiting=left, moved=True)
    return redirect(queue.href(following) if following is not None else reverse("recert_mine"))


def _kind(value: str) -> AnswerKind:
    if value not in AnswerKind.values:
        raise InvalidInput(Refusal("R4", "input", "Choose one of the answers."))
    return AnswerKind(value)


def _person(question: Question, key: str) -> Person | None:
    """Whom the reviewer names, by key, out of the question's own ladder; nobody for an empty choice.

    Raises:
        InvalidInput: nobody there has this key; it is not passed on to somebody else instead.
    """
    named = number(key)
    if key and named not in question.ladder:
        raise InvalidInput(Refusal("R4", "input", "Choose whose it is from those who are offered, or nobody."))
    return Person.objects.filter(pk=named).first() if named is not None else None


def _check_asked(question: Question, asks: str) -> None:
    """The form says which of an item's questions it answers, and no other is answered instead.

    Raises:
        InvalidInput: the item asks no such question.
    """
    if asks and asks != question.asks:
        raise InvalidInput(Refusal("R4", "input", "This asks something else: choose again, nothing was answered."))


@require_POST
def submit(request: Request) -> HttpResponse:
    """Submit every draft of the reader as one batch; what is refused stays, and says why.

    Where it is only the sign-in that is too old, the answer links to a new one; all that was chosen is there afterwards (S5).
    """
    now = business_time.now()
    done = drafts.submit(drafts.drafts_of(request.actor, now), actor=request.actor, now=now)
    accepted = sum(one.refusal is None for one in done)
    if accepted:
        messages.success(request, f"Submitted {counted(accepted, 'answer')}.")
    stale = [one.refusal for one in done if one.refusal is not None and one.refusal.code == item_rules.FRESH.code]
    others = [(one.question, one.refusal) for one in done if one.refusal is not None and one.refusal not in stale]
    for question, no in others[:SAID]:
        messages.error(request, f"{item_title.title(question.item)}: {no.sentence} {no.to_do}".strip())
    if len(others) > SAID:
        messages.error(
            request, f"{counted(len(others) - SAID, 'answer')} more could not be given: what you chose is kept."
        )
    if stale:
        return refused(request, stale[0], context={"back_href": reverse("recert_mine")})
    return redirect("recert_mine")


@require_http_methods(["GET", "POST"])
def correct(request: Request, pk: int) -> HttpResponse:
    """Take a submitted revoke back for another answer, with a reason (R4)."""
    now = business_time.now()
    form = request.POST if request.method == "POST" else request.GET
    question = _find(request, pk, form.get("asks", ""))
    who, back = drafts.acting(request.actor, question), queue.href(question)
    wanted = form.get("answer", "")
    kind = AnswerKind.DO_NOT_RENEW if wanted == AnswerKind.DO_NOT_RENEW else AnswerKind.KEEP
    error, no = "", None
    if request.method == "GET":
        no = transition_answer.correct.refusal(question, actor=who, now=now)
    else:  # tried whatever the rule says: a refused attempt stands on record (H1)
        try:
            _check_asked(question, form.get("asks", ""))
            transition_answer.correct(
                question, actor=who, now=now, reason=form.get("reason", ""), answer=_kind(wanted), batch=uuid.uuid4()
            )
        except InvalidInput as wrong:
            error = wrong.refusal.sentence
            if form.get("asks") in Asks.values:  # whoever may not correct this is not asked to say it better
                no = transition_answer.correct.refusal(question, actor=who, now=now)
        except Refused as refusal:
            no = refusal.refusal
        else:
            messages.success(request, "Corrected.")
            return redirect(back)
    if no is not None:
        return refused(request, no, context={"back_href": back})
    ask = _correction(question, kind, reason=form.get("reason", ""), error=error)
    return page(request, "components/confirm_page.html", {"ask": ask, "back_href": back}, status=422 if error else 200)


def _correction(question: Question, kind: AnswerKind, *, reason: str, error: str) -> Shape:
    keeps = kind == AnswerKind.KEEP
    return {
        "id": "correct",
        "title": "Keep it after all?" if keeps else "Let it end on its date?",
        "text": f"{item_title.title(question.item)}. Your revoke is taken back, and both stand on the record.",
        "action": reverse("recert_correct", args=[question.item_id]),
        "label": "Keep it" if keeps else "Let it end on its date",
        "fields": {"asks": Asks(question.asks).value, "answer": kind.value},
        "reason": {"label": "Why", "required": True, "value": reason, "error": error},
    }
