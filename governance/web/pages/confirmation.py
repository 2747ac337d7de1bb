"""One question before an operation, with what to weigh, as a page; a refusal in words; nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from governance.core.actors.actor import Actor
from governance.core.duties.refusals import InvalidInput, Refusal, Refused
from governance.core.engine.transition import Transition
from governance.web.pages.page import Shape, page, refused
from governance.web.requests.request import Request

#: Operation, URL name and the texts of its button (see ``components/action.html``).
Offer = tuple[Transition[Any], str, Shape]


def offered(row: Any, offers: Sequence[Offer], *, actor: Actor, now: datetime, context: Any = None) -> list[Shape]:
    """Return a button for each operation that the actor may perform on a row.

    Args:
        row: the subject; its key is the argument of each address.
        offers: the operations, in the order of the buttons.
        actor: the reader.
        now: business time.
        context: of the operations, if loaded; see `Transition.refusal`.
    """
    return [
        {**button, "href": reverse(url_name, args=[row.pk])}
        for verb, url_name, button in offers
        if verb.refusal(row, actor=actor, now=now, context=context) is None
    ]


def perform(request: Request, act: Callable[[], object], back: str) -> HttpResponse:
    """Perform an operation and go back; a refusal is a page of its own.

    Args:
        request: the request.
        act: performs the operation; may raise any refusal.
        back: address of the page to return to.
    """
    try:
        act()
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": back})
    return redirect(back)


def confirm(
    request: Request, row: Any, verb: Transition[Any], now: datetime, *, back: str = "", **question: Any
) -> HttpResponse:
    """Ask for a reason; perform and go back to the row's page on POST.

    Args:
        request: the request.
        row: the subject, which has an ``href`` unless ``back`` is given.
        verb: the operation, whose `refusal()` decides whether the question is asked at all.
        now: business time.
        back: where it goes on from there, where that is not the row's own page.
        question: title, text, label, kind, points and reason of `ask`.
    """

    def act(text: str) -> None:
        verb(row, actor=request.actor, now=now, reason=text)

    def refusal() -> Refusal | None:
        return verb.refusal(row, actor=request.actor, now=now)

    return ask(request, act, refusal, back=back or row.href, **question)


def ask(
    request: Request,
    act: Callable[[str], Any],
    refusal: Callable[[], Refusal | None],
    *,
    title: str,
    text: str,
    label: str,
    back: str,
    kind: str = "danger",
    points: Callable[[], Sequence[Mapping[str, str]]] = tuple,
    reason: str = "Why",
) -> HttpResponse:
    """Ask for a reason; act on POST. For an operation that `confirm` can't call.

    Args:
        request: the request.
        act: takes the reason; may raise any refusal. The answer leads to the ``href`` of its result, otherwise back.
        refusal: why the reader may not, asked before the question.
        title, text, label: the question, what follows from it, and the button.
        back: address of the page to return to.
        kind: ``danger`` or ``filled``.
        points: what to weigh, see ``components/reasons.html``; asked once it is known that the question is put.
        reason: label of the text field.
    """
    problem = ""
    if request.method == "POST":
        try:
            return redirect(getattr(act(request.POST.get("reason", "")), "href", back))
        except InvalidInput as error:
            problem = error.refusal.sentence
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": back})
    elif (no := refusal()) is not None:
        return refused(request, no, context={"back_href": back})
    question: Shape = {"id": "confirm", "title": title, "text": text, "label": label, "kind": kind, "points": points()}
    question["action"] = request.get_full_path()
    question["reason"] = {"label": reason, "required": True, "error": problem, "value": request.POST.get("reason", "")}
    context = {"ask": question, "back_href": back}
    return page(request, "components/confirm_page.html", context, status=422 if problem else 200)


def form_page(
    request: Request,
    form: forms.Form,
    act: Callable[[dict[str, Any]], Any],
    *,
    now: datetime,
    title: str,
    label: str,
    back: str,
    text: str = "",
    refusal: Refusal | None = None,
    points: Callable[[], Sequence[Mapping[str, str]]] = tuple,
) -> HttpResponse:
    """Show a form, or why the reader may not; on POST act and go to the row's page, or say beside the field what is wrong.

    Args:
        request: the request.
        form: bound on POST.
        act: takes the cleaned fields; may raise any refusal. The answer leads to the ``href`` of its result, otherwise back.
        now: business time.
        title, label: of the page and of its button.
        text: what follows from it.
        back: where "Cancel" leads.
        refusal: what the operation's `refusal()` says. A form that was sent filled in is tried all the same: what is attempted
            stands on record (H1).
        points: what to weigh, see ``components/reasons.html``.
    """
    if refusal is not None and not (request.method == "POST" and form.is_valid()):
        return refused(request, refusal, context={"back_href": back})
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(getattr(act(form.cleaned_data), "href", back))
        except InvalidInput as error:
            _say_beside(form, error)
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": back})
    context = {"form": form, "title": title, "text": text, "label": label, "back_href": back, "now": now}
    context["points"] = points()
    return page(request, "components/form_page.html", context, status=422 if form.errors else 200)


def operation_form(
    request: Request,
    row: Any,
    verb: Transition[Any],
    form: forms.Form,
    now: datetime,
    *,
    arguments: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    **words: Any,
) -> HttpResponse:
    """Show the form of one operation on a row; perform it on POST. See `form_page`.

    Args:
        request: the request.
        row: the subject, which has an ``href``.
        verb: the operation.
        form: bound on POST.
        now: business time.
        arguments: turns the cleaned fields into arguments of the operation; by default they have the same names.
        words: title, label, text and points of `form_page`.
    """

    def act(fields: dict[str, Any]) -> object:
        return verb(row, actor=request.actor, now=now, **arguments(fields))

    refusal = verb.refusal(row, actor=request.actor, now=now)
    return form_page(request, form, act, now=now, back=row.href, refusal=refusal, **words)


def _say_beside(form: forms.Form, error: InvalidInput) -> None:
    """Put each sentence of a refusal beside its field, and the whole above the form when it has none."""
    field_errors = [(name, sentence) for name, sentence in error.refusal.detail if name in form.fields]
    for name, sentence in field_errors:
        form.add_error(name, sentence)
    if not field_errors:
        form.add_error(None, error.refusal.sentence)
