"""`page()` answers a request with a whole page or with the part that htmx asked for; `refused()` says no in words.

A view names the template and its fragment and never looks at headers. A fragment is a ``{% partialdef %}`` of the page's
own template, and its name is the DOM id of the element that it draws; a part that stands more than once (a row) has ids of
the form ``name-key`` and is drawn from the context variable that the template's loop uses. So every URL that htmx calls is
also a plain page: bookmark, back button, no JavaScript.

`ask()`, `confirm()` and `form_page()` put one question before an operation, with what to weigh. Nothing typed is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

from governance.core.access import Actor, InvalidInput, Permission, Refusal, Refused, access
from governance.core.clock import icalendar_file
from governance.core.duties.refusals import ERRORS
from governance.core.engine.transition import Transition
from governance.core.ledger import ledger_events
from governance.core.texts import free_text
from governance.core.timeline import queries as timeline_queries
from governance.web.requests.request import Request, local_path

#: What a template or one of its parts takes.
Shape = dict[str, Any]

VARIES = ("HX-Request", "HX-Target", "HX-History-Restore-Request")
REFUSAL_REGION = "refusal"

#: The duty that somebody who is signed in meets by signing in again: their sign-in is too old for what they decide (S5).
SIGN_IN_AGAIN = "SOD-5"


def calendar_file(content: str) -> HttpResponse:
    """A calendar file, to be kept or opened by the reader's calendar."""
    headers = {"Content-Disposition": f'attachment; filename="{icalendar_file.FILE_NAME}"'}
    return HttpResponse(content, content_type=f"{icalendar_file.MEDIA_TYPE}; charset=utf-8", headers=headers)


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, object] | None = None,
    *,
    fragment: str | Sequence[str] | None = None,
    also: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    """Render ``template``, or only the fragment that htmx is about to replace.

    Args:
        request: the request; its ``HX-Target`` decides.
        template: a template name, for instance ``"approvals/review/review.html"``.
        context: the template's context, the same for the page and for its parts.
        fragment: the name of the part, or names of the parts, that this URL also answers alone.
        also: parts elsewhere on the page that changed with it. They and the messages are sent after the fragment and
            swapped out of band; their outermost element carries ``{% oob %}`` after its id. Ignored for a whole page.
        status: the HTTP status; 422 for a form with errors.
    """
    named = [fragment] if isinstance(fragment, str) else list(fragment or ())
    part = _wanted(request, named)
    whole = dict(context or {})
    if part is None:
        drawn = [render_to_string(template, whole, request)]
    else:
        drawn = [render_to_string(f"{template}#{part}", whole, request)]
        drawn += [render_to_string(f"{template}#{name}", {**whole, "oob": True}, request) for name in also]
        if len(messages.get_messages(request)):
            drawn.append(render_to_string("components/messages.html", {"oob": True}, request))
    response = HttpResponse("".join(drawn), status=status)
    if named:
        patch_vary_headers(response, VARIES)
    return response


def refused(
    request: HttpRequest,
    refusal: Refusal,
    *,
    fragment: str = REFUSAL_REGION,
    context: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Answer with a refusal: its sentence, its code and what to do; nothing that was typed is lost.

    To htmx it is a note that goes into the element ``fragment``, whatever the request was aimed at, so the form that was
    refused stays as it is. Otherwise it is the page ``403.html`` or ``409.html``.

    Args:
        request: the refused request.
        refusal: see `Refusal`. Its kind gives the status: 409 for ``state`` and ``stale``, 422 for ``input``, else 403.
        fragment: the DOM id of the region that shows it; by default the one under the top bar.
        context: more for the template: ``typed``, what was written and would be lost with the form, and ``back_href``,
            by default the page that the reader comes from.
    """
    status = ERRORS[refusal.kind].status
    values = {"back_href": _came_from(request), **(context or {}), "refusal": refusal}
    values["typed"] = free_text.seen(str(values.get("typed") or ""))
    if refusal.code == SIGN_IN_AGAIN:
        values["sign_in_href"] = sign_in_again(request, back_href=str((context or {}).get("back_href", "")))
    if _is_htmx(request):
        headers = {"HX-Retarget": f"#{fragment}", "HX-Reswap": "innerHTML show:top"}
        note = render_to_string("components/refusal.html", values, request)
        response = HttpResponse(note, status=status, headers=headers)
    else:
        template = "403.html" if status == 403 else "409.html"
        response = HttpResponse(render_to_string(template, values, request), status=status)
    patch_vary_headers(response, VARIES)
    return response


def readers_only(sentence: str, to_do: str = "Go back to your own pages.", *, code: str = "PERMISSION") -> Refusal:
    """The refusal of a page that only some people read.

    Args:
        sentence: who reads it.
        to_do: where the others find what is theirs.
        code: of the rule.
    """
    return Refusal(code, "permission", sentence, to_do)


def sign_in_again(request: HttpRequest, *, back_href: str = "") -> str:
    """Where the reader says again that it is them, and then comes back to ``back_href``, else to the page they are on."""
    back = back_href
    if not back and request.method in ("GET", "HEAD"):
        back = request.get_full_path()
    back = back or _came_from(request)
    query = f"?{urlencode({'next': back})}" if back else ""
    return f"{reverse('account_reauthenticate')}{query}"


def _came_from(request: HttpRequest) -> str:
    """The page of ours that the reader comes from; empty if the browser does not say, or says anything else."""
    try:
        page_url = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    except ValueError:  # no address
        return ""
    is_ours = page_url.netloc in ("", request.get_host())
    return local_path(urlunsplit(("", "", page_url.path, page_url.query, ""))) if is_ours else ""


class RefusalMiddleware(MiddlewareMixin):
    """Answers a refusal that a view raises, so that no view has to."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Show the sentence, the code and what to do, and on a whole page what was typed; 409, 403 or 422."""
        if not isinstance(error, Refused):
            return None
        typed = "" if _is_htmx(request) else request.POST.get("text") or request.POST.get("reason")
        return refused(request, error.refusal, context={"typed": typed})


def _is_htmx(request: HttpRequest) -> bool:
    restoring = request.headers.get("HX-History-Restore-Request") == "true"
    return request.headers.get("HX-Request") == "true" and not restoring


def _wanted(request: HttpRequest, named: Sequence[str]) -> str | None:
    """Return the fragment that the request's target stands for; the longest name wins (``row-why`` before ``row``)."""
    if not _is_htmx(request):
        return None
    target = request.headers.get("HX-Target", "")
    fitting = [name for name in named if target == name or target.startswith(f"{name}-")]
    return max(fitting, key=len, default=None)


def ledger_href(row: Model, *, actor: Actor, now: datetime) -> str:
    """Return the address of the ledger's events of ``row``, or nothing if the reader may not read the ledger."""
    if not access.may(actor, Permission.LEDGER_READ, None, now=now):
        return ""
    (subject_key,) = ledger_events.timeline_keys(row)
    return f"{reverse('ledger')}?{urlencode({'about': subject_key}, safe=':')}"


def timeline_context(
    row: Model, *, actor: Actor, now: datetime, limit: int = 30, quiet: bool = False
) -> dict[str, Any]:
    """Return the context of ``components/timeline_panel.html`` for a row.

    Args:
        row: the row.
        actor: the reader.
        now: business time.
        limit: most events.
        quiet: whether quiet events are shown too; see `timeline_queries.shapes`.
    """
    events = timeline_queries.shapes(row, limit=limit, quiet=quiet, actor=actor, now=now)
    return {"events": events, "ledger_href": ledger_href(row, actor=actor, now=now)}


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


def finish(request: Request, verb: Transition[Any], to: Any, *args: Any, subject: str = "") -> HttpResponse:
    """Say what the reader did, in the words of the timeline, and go to a page.

    Args:
        request, verb: the request, and the operation that it performed.
        to, args: the page, as for `redirect`.
        subject: what it was done to, in words, if the event's words name it.
    """
    messages.success(request, _done_words(verb, subject))
    return redirect(to, *args)


def _done_words(verb: Transition[Any], subject: str) -> str:
    return f"You {timeline_queries.said_of(verb.event, subject)}."


def confirm(request: Request, row: Any, verb: Transition[Any], *, back: str = "", **question: Any) -> HttpResponse:
    """Ask for a reason; perform and go back to the row's page on POST.

    Args:
        request: the request.
        row: the subject, which has an ``href`` unless ``back`` is given.
        verb: the operation, whose `refusal()` decides whether the question is asked at all.
        back: where it goes on from there, where that is not the row's own page.
        question: title, text, label and the rest of `ask`; the message is by default in the words of the timeline.
    """

    def act(text: str) -> None:
        verb(row, actor=request.actor, now=request.now(), reason=text)

    def refusal() -> Refusal | None:
        return verb.refusal(row, actor=request.actor, now=request.now())

    question = {"message": _done_words(verb, str(row)), **question}
    return ask(request, act, refusal, back=back or row.href, **question)


def ask(
    request: Request,
    act: Callable[[str], Any],
    refusal: Callable[[], Refusal | None] = lambda: None,
    *,
    title: str,
    text: str,
    label: str,
    back: str,
    done: str = "",
    message: str = "",
    kind: str = "danger",
    points: Callable[[], Sequence[Mapping[str, str]]] = tuple,
    thread: Callable[[], Sequence[Mapping[str, object]]] = tuple,
    reason: str = "Why",
) -> HttpResponse:
    """Ask for a reason, or only for a confirmation; act on POST. For an operation that `confirm` can't call.

    Args:
        request: the request.
        act: takes the reason; may raise any refusal. The answer leads to the ``href`` of its result, otherwise to ``done``.
        refusal: why the reader may not, asked before the question.
        title, text, label: the question, what follows from it, and the button.
        back: address of the page to return to.
        done: address of the page after the action; by default ``back``.
        message: what was done, in words.
        kind: ``danger`` or ``filled``.
        points: what to weigh, see ``components/reasons.html``; asked once it is known that the question is put.
        thread: the messages that it answers, see ``components/thread.html``; asked as points are.
        reason: label of the text field; empty without one.
    """
    problem = ""
    if request.method == "POST":
        try:
            href = getattr(act(request.POST.get("reason", "")), "href", done or back)
        except Refused as error:
            if not reason or not isinstance(error, InvalidInput):
                return refused(request, error.refusal, context={"back_href": back})
            problem = error.refusal.sentence
        else:
            if message:
                messages.success(request, message)
            return redirect(href)
    elif (no := refusal()) is not None:
        return refused(request, no, context={"back_href": back})
    question: Shape = {"id": "confirm", "title": title, "text": text, "label": label, "kind": kind}
    question |= {"points": points(), "thread": thread()}
    question["action"] = request.get_full_path()
    if reason:
        typed = request.POST.get("reason", "")
        question["reason"] = {"label": reason, "required": True, "error": problem, "value": typed}
    context = {"ask": question, "back_href": back}
    return page(request, "components/confirm_page.html", context, status=422 if problem else 200)


def form_page(
    request: Request,
    form: forms.Form,
    act: Callable[[dict[str, Any]], Any],
    *,
    title: str,
    label: str,
    back: str,
    text: str = "",
    refusal: Refusal | None = None,
    points: Callable[[], Sequence[Mapping[str, str]]] = tuple,
    message: Callable[[], str] = str,
    above: str = "",
) -> HttpResponse:
    """Show a form, or why the reader may not; on POST act and go to the row's page, or say beside the field what is wrong.

    Args:
        request: the request.
        form: bound on POST.
        act: takes the cleaned fields; may raise any refusal. The answer leads to the ``href`` of its result, otherwise back.
        title, label: of the page and of its button.
        text: what follows from it.
        back: where "Cancel" leads.
        refusal: what the operation's `refusal()` says. A form that was sent filled in is tried all the same: what is attempted
            stands on record (H1).
        points: what to weigh, see ``components/reasons.html``.
        message: returns what was done, in words.
        above: name of the page behind "Cancel", for the breadcrumb.
    """
    if refusal is not None and not (request.method == "POST" and form.is_valid()):
        return refused(request, refusal, context={"back_href": back})
    if request.method == "POST" and form.is_valid():
        try:
            result = act(form.cleaned_data)
        except InvalidInput as error:
            say_beside(form, error)
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": back})
        else:
            if words := message():
                messages.success(request, words)
            return redirect(getattr(result, "href", back))
    context = {"form": form, "title": title, "text": text, "label": label, "back_href": back, "points": points()}
    return page(request, "components/form_page.html", context | {"above": above}, status=422 if form.errors else 200)


def operation_form(
    request: Request,
    row: Any,
    verb: Transition[Any],
    form: forms.Form,
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
        arguments: turns the cleaned fields into arguments of the operation; by default they have the same names.
        words: title, label, text, points and message of `form_page`.
    """

    def act(fields: dict[str, Any]) -> object:
        return verb(row, actor=request.actor, now=request.now(), **arguments(fields))

    refusal = verb.refusal(row, actor=request.actor, now=request.now())
    words = {"message": lambda: _done_words(verb, str(row)), **words}
    return form_page(request, form, act, back=row.href, above=str(row), refusal=refusal, **words)


def say_beside(form: forms.Form, error: InvalidInput) -> None:
    """Put each sentence of a refusal beside its field, and the whole above the form when it has none.

    Args:
        form: bound.
        error: the refusal of an operation.
    """
    field_errors = [(name, sentence) for name, sentence in error.refusal.detail if name in form.fields]
    for name, sentence in field_errors:
        form.add_error(name, sentence)
    if not field_errors:
        form.add_error(None, error.refusal.sentence)
