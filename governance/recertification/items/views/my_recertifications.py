"""My recertifications: cards, list, answers, submission and correction.

The list beside the card has open cards, drafts, and revokes that can still be corrected.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain

from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from governance.core.access import Actor, InvalidInput, Refusal, Refused, access, refuse
from governance.core.database.querysets import with_columns
from governance.core.models import Person
from governance.core.texts import free_text
from governance.recertification.items import cards, drafts
from governance.recertification.items import rules as item_rules
from governance.recertification.items.cards import Card, Key, OpenCards
from governance.recertification.items.context import ItemContext
from governance.recertification.items.recommendation import Facts
from governance.recertification.items.transitions import answer as transition_answer
from governance.recertification.items.views import card_rows, item_card
from governance.recertification.items.views.card_rows import Row
from governance.recertification.models import AnswerKind, Asks, Draft, Item, ItemState, Question
from governance.web.components.times import counted
from governance.web.pages.navigation import Chrome
from governance.web.pages.page import Shape, ask, page, refused
from governance.web.requests.request import Request, midnight, number

#: Most refusals of a submission to show one by one; the others are counted.
MAX_REFUSALS = 10

CORRECTABLE_COLUMNS = ("asks", "item__closes_at", "item__automation__name", "item__grant__automation__name")

#: Most revokes to list that can be corrected.
MAX_CORRECTABLE = 40


@dataclass(frozen=True)
class Shown:
    """What the page shows: one item, or a card with its rows.

    Args:
        known, question: the item, and the question that is answered.
        rows: of the reader's card; empty for another reader.
        is_whole: whether the card is shown, not the item.
        facts: of the item, if they are loaded.
    """

    known: ItemContext
    question: Question
    rows: Sequence[Row] = ()
    is_whole: bool = False
    facts: Facts | None = None


def _find(request: Request, pk: int, asks: str, *, alone: bool = True) -> Shown:
    """The item in the address, or its card if that is shown as a whole; for another reader, one of the item's questions.

    Raises:
        Http404: the reader may not see the item, or it has no questions (its campaign says so).
    """
    now = request.now()
    key = cards.find_key(request.actor, now, pk, asks if asks in Asks.values else "")
    rows = card_rows.load_rows(key, request.actor, now) if key is not None else []
    asked = next((row for row in rows if row.item_context.item.pk == pk), None)
    if asked is not None:  # a long card has more rows
        return _of_rows(rows, asked if alone else card_rows.row_to_show(rows, asked))
    items = Item.objects.visible_to(request.actor, now).filter(pk=pk).order_by()
    known = next(iter(item_card.load_contexts(items.values("pk"))), None)
    if known is None:
        raise Http404
    named = (question for question in known.questions if question.asks == asks)
    mine = (question for question in known.questions if question.reviewer_id in access.answers_as(request.actor, now))
    return Shown(known, next(chain(named, mine, known.questions)))


def _of_rows(rows: Sequence[Row], row: Row | None) -> Shown:
    """A row of a card, or the card as a whole."""
    shown = row or rows[0]
    return Shown(shown.item_context, shown.question, rows, is_whole=row is None, facts=shown.facts)


def _show(
    request: Request, shown: Shown | None, waiting: OpenCards, *, typed: Shape | None = None, status: int = 200
) -> HttpResponse:
    """Show the page with a card or an item, or without one if all is done."""
    actor, now = request.actor, waiting.now
    key = cards.key_of(shown.question) if shown is not None and shown.rows else None
    context: Shape = {
        "chrome": Chrome(request, {"recertify": waiting.count}),
        "item": None,
        "waiting": waiting,
        "shown_key": key,
        "reader": actor.person,
        "parts": _parts(waiting, key),
        "has_several_low": sum(card.low for card in waiting.left) > 1,
        "correctable": _correctable(actor, now),
        "at_once": not waiting.answer_count and (waiting.count == 1 or _is_from_mail(request)),
    }
    if shown is not None and shown.is_whole:
        context |= card_rows.context(shown.rows, actor, now, typed or {})
    elif shown is not None:
        context |= item_card.context(shown.known, shown.question, actor, now, typed or {}, shown.facts)
        context["beside"] = [row for row in shown.rows if row.question != shown.question]
        context["is_of_whole"] = bool(shown.rows) and card_rows.row_to_show(shown.rows) is None
    template = "recertification/items/my_recertifications.html"
    return page(request, template, context, fragment="item", also=("progress",), status=status)


def _is_from_mail(request: Request) -> bool:
    """Whether the address is that of a mail, or an answer to such a page, and not of the list."""
    if request.method == "POST":
        return "at_once" in request.POST
    return "asks" not in request.GET and request.path != reverse("recert_mine")


def _waiting(request: Request) -> OpenCards:
    return cards.load_cards(request.actor, request.now(), request.GET.get("after", ""), most=cards.SHOWN)


def _show_next(request: Request, waiting: OpenCards, answered: Key | None = None) -> HttpResponse:
    """Show the rest of the answered card, or the reader's first card with an item to answer."""
    following = _following(waiting, answered)
    rows = card_rows.load_rows(following.key, request.actor, waiting.now) if following is not None else []
    return _show(request, _of_rows(rows, card_rows.row_to_show(rows)) if rows else None, waiting)


def _following(waiting: OpenCards, answered: Key | None) -> Card | None:
    """The card to answer next: the same one while something is left of it."""
    left = waiting.left
    return next((card for card in left if card.key == answered), next(iter(left), None))


@require_GET
def show_first_card(request: Request) -> HttpResponse:
    """Show the reader's first card with an item to answer."""
    return _show_next(request, _waiting(request))


@require_GET
def item(request: Request, pk: int) -> HttpResponse:
    """Show the card of an item, as mails link to it; readers who may not answer see the item and its reviewer."""
    shown = _find(request, pk, request.GET.get("asks", ""), alone="alone" in request.GET)
    return _show(request, shown, _waiting(request))


@require_POST
def answer(request: Request, pk: int) -> HttpResponse:
    """Save a draft, submit it if the form says so, and show what is next."""
    now, form = request.now(), request.POST
    shown = _find(request, pk, form.get("asks", ""))
    question = shown.question
    typed: Shape = {name: form.get(name, "") for name in ("reason", "whose", "ends_on")}
    kind, ends_on = form.get("answer", ""), None
    try:
        _check_asked(question, form.get("asks", ""))
        kind = _kind(kind)
        ends_on = _end_date(typed["ends_on"]) if kind == AnswerKind.KEEP else None
        draft = drafts.save_draft(
            question,
            kind,
            actor=drafts.acting_reviewer(request.actor, question),
            now=now,
            ends_on=ends_on,
            reason=typed["reason"],
            whose=_named_reviewer(question, typed["whose"]),
            seen=item_card.read_card_view(form.get("shown", ""), form.get("looked", "")),
        )
    except InvalidInput as error:
        typed["error"] = error.refusal.sentence
        return _show(request, shown, _waiting(request), typed=typed, status=error.status)
    except Refused as error:
        params = {"answer": kind, "ends_on": ends_on}
        if not transition_answer.repeated_answer(question, request.actor, free_text.clean(typed["reason"]), params):
            back = {"back_href": question_href(question)}
            return refused(request, error.refusal, fragment="refusal-item", context=back)
        return _go_on(request, question, [])
    return _go_on(request, question, [draft])


@require_POST
def answer_card(request: Request, pk: int) -> HttpResponse:
    """Save the same draft for the ticked items of a card, or for none of them; submit them if the form says so (R3)."""
    now, form = request.now(), request.POST
    shown = _find(request, pk, form.get("asks", ""))
    if not shown.rows:  # not the reader's, or answered already
        return answer(request, pk)
    ticked = {number(value) for value in form.getlist("question")}
    chosen = [row for row in shown.rows if row.question.pk in ticked]
    try:
        if not chosen:
            raise InvalidInput(Refusal("R3", "input", "Tick at least one item."))
        if len(chosen) < len(ticked):
            raise refuse(Refusal("R3", "state", "An item of this card changed since you saw it.", "Look at it again."))
        kind, whose = _kind(form.get("answer", "")), _named_reviewer(chosen[0].question, form.get("whose", ""))
        with transaction.atomic():
            saved = [_draft_row(request, row, kind, whose, now) for row in chosen]
    except InvalidInput as error:
        typed = {"reason": form.get("reason", ""), "error": error.refusal.sentence, "ticked": ticked}
        whole = replace(shown, is_whole=True)
        return _show(request, whole, _waiting(request), typed=typed, status=error.status)
    except Refused as error:
        back = {"back_href": question_href(shown.question)}
        return refused(request, error.refusal, fragment="refusal-item", context=back)
    return _go_on(request, shown.question, saved)


def _draft_row(request: Request, row: Row, kind: AnswerKind, whose: Person | None, now: datetime) -> Draft:
    """Save the draft of one row.

    Raises:
        Refused: the item is answered by itself, or does not take this answer.
    """
    if row.apart is not None:
        raise refuse(row.apart)
    form, question = request.POST, row.question
    seen = item_card.read_card_view(form.get(f"shown-{question.pk}", ""), form.get("looked", ""))
    more: Shape = {"reason": form.get("reason", ""), "whose": whose, "seen": seen, "context": row.item_context}
    return drafts.save_draft(question, kind, actor=drafts.acting_reviewer(request.actor, question), now=now, **more)


def _kind(text: str) -> AnswerKind:
    """The answer that was sent.

    Raises:
        InvalidInput: no answer.
    """
    if text not in AnswerKind.values:
        raise InvalidInput(Refusal("R4", "input", "Choose one of the answers."))
    return AnswerKind(text)


def _go_on(request: Request, question: Question, saved: Sequence[Draft]) -> HttpResponse:
    """Submit the saved drafts if the form says so; else show the next card."""
    if saved and "at_once" in request.POST:
        return _submit(request, saved)
    if saved:
        messages.success(request, "Saved as a draft. It counts once you submit it.")
    waiting = _waiting(request)
    following = _following(waiting, cards.key_of(question))
    href = following.href if following is not None else reverse("recert_mine")
    if request.headers.get("HX-Request") != "true":
        return redirect(href)
    response = _show_next(request, waiting, cards.key_of(question))
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
    """Submit the reader's drafts as one batch."""
    return _submit(request, drafts.drafts_of(request.actor, request.now()))


def _submit(request: Request, chosen: Sequence[Draft]) -> HttpResponse:
    """Submit drafts as one batch; refused ones stay, with the reason.

    If only the sign-in is too old, the response links to a new one; the drafts are kept (S5).
    """
    done = drafts.submit(chosen, actor=request.actor, now=request.now())
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
    if request.headers.get("HX-Request") == "true":  # a whole page shows the message
        return HttpResponse(headers={"HX-Redirect": reverse("recert_mine")})
    return redirect("recert_mine")


@require_http_methods(["GET", "POST"])
def correct(request: Request, pk: int) -> HttpResponse:
    """Replace a submitted revoke with *keep*, with a reason (R4)."""
    now, verb = request.now(), transition_answer.correct
    asks = request.POST.get("asks") or request.GET.get("asks", "")
    shown = _find(request, pk, asks)
    known, question = shown.known, shown.question
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


def _parts(waiting: OpenCards, shown: Key | None) -> list[str]:
    """Parts of the progress bar: one for each card, or proportional above `cards.SHOWN`."""
    drafted, total = waiting.drafted_count, waiting.count
    if total > cards.SHOWN:
        done = drafted * cards.SHOWN // total
        return ["approved"] * done + ["other"] * (cards.SHOWN - done)
    return ["approved"] * drafted + ["mine" if card.key == shown else "other" for card in waiting.left]


def _correctable(actor: Actor, now: datetime) -> list[Question]:
    """Revokes of the reader, or of those they are a delegate of, that are not final (R4, A11)."""
    questions = Question.objects.asked_of(actor, now).filter(answered_at__isnull=False)
    revoked = questions.filter(item__state=ItemState.ANSWERED, answers__answer=AnswerKind.REVOKE).distinct()
    rows = with_columns(revoked, CORRECTABLE_COLUMNS)
    return list(rows.order_by(F("item__closes_at").asc(nulls_last=True), "pk")[:MAX_CORRECTABLE])
