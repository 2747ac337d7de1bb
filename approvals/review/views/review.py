"""Review page and its actions: decisions, answers, comments, accepting and declining."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from approvals.assignment.context import load_context
from approvals.decisions.transitions import comment
from approvals.decisions.transitions import decide as transition_decide
from approvals.decisions.transitions import undo as transition_undo
from approvals.models import Approval, Submission
from approvals.review import dossier, thread
from approvals.review.views import actions, review_page, selected
from approvals.review.views.decision_form import key_of
from approvals.review.views.reader import Reader
from approvals.submissions.transitions import put_in_force, withdraw
from governance.core.access import InvalidInput, OutOfTurn, Refusal, Refused
from governance.web.components import times
from governance.web.pages.page import confirm, finish, page, refused
from governance.web.requests.request import Request, number

TEMPLATE = "approvals/review/review.html"
#: Page parts that change with the rows after a decision; the timeline reads itself again (event ``activity``).
CHANGING_PARTS = ("stepper", "conflicts", "app", "bar", "main-nav-entries")


def _find(request: Request, pk: int) -> tuple[Submission, Reader]:
    also_open, kept = (frozenset(request.POST.getlist(name)) for name in ("open", "kept"))
    reader = Reader(request.actor, request.now(), request.GET.get("open", ""), also_open=also_open, kept=kept)
    return get_object_or_404(dossier.shown_submissions(reader.actor, reader.now), pk=pk), reader


def _record(submission: Submission, pk: int) -> Approval:
    return get_object_or_404(
        submission.approvals.select_related("submission", "privilege__entitlement__resource", "credential"), pk=pk
    )


@require_GET
def review(request: Request, pk: int) -> HttpResponse:
    """Show both stages of one submission; ``?open=KEY`` opens a row."""
    submission, reader = _find(request, pk)
    context = review_page.context(submission, reader)
    target = request.headers.get("HX-Target", "")
    if target.startswith("row-"):
        key = target.removeprefix("row-")
        context["row"] = next((row for row in context["rows"] if row["key"] == key), None)
        if context["row"] is None:
            raise Http404
        context["row"]["focus"] = True
    return page(request, TEMPLATE, context, fragment=("row", "rows"))


def _act(
    request: Request,
    pk: int,
    record: int,
    act: Callable[[Approval, Reader], object],
    redraws: tuple[type[Refused], ...] = (),
    *,
    words: str = "",
    stays: bool = False,
) -> HttpResponse:
    """Perform an operation on one approval and show the current page.

    Args:
        request: the request.
        pk: the submission.
        record: the approval.
        act: performs the operation; may raise any refusal.
        redraws: refusals after which the form is shown again with its input; others are shown in the row.
        words: what was done, in words.
        stays: whether the row keeps the focus.
    """
    submission, reader = _find(request, pk)
    approval = _record(submission, record)
    approval.submission = submission
    try:
        act(approval, reader)
    except redraws as error:
        return _redraw(request, pk, error, key_of(approval))
    except Refused as error:
        context = {"back_href": reverse("review", args=[pk]), "typed": request.POST.get("reason", "")}
        return refused(request, error.refusal, fragment=f"refusal-{key_of(approval)}", context=context)
    return _render_current(request, pk, done=[key_of(approval)], words=words, stays=stays)


@require_POST
def decide(request: Request, pk: int) -> HttpResponse:
    """Approve, reject or send back the selected approvals (A7). A stale form gets 409 with the changes and keeps its input (A6)."""
    submission, reader = _find(request, pk)
    context = load_context(submission, reader.now)
    try:
        chosen = selected.chosen_approvals(context, reader, request.POST)
        if len(chosen) == 1:
            return _decide_one(request, pk, chosen[0].pk)
        result = selected.decide_several(chosen, context, reader, request.POST)
    except InvalidInput as error:
        return _redraw(request, pk, error)
    if result.is_stale or not result.done:
        return _redraw_refusals(request, pk, result.refusals)
    done = [key_of(record) for record in result.done]
    return _render_current(request, pk, done=done, words=result.words(request.POST), refusals=result.refusals)


def _decide_one(request: Request, pk: int, record: int) -> HttpResponse:
    def act(approval: Approval, reader: Reader) -> None:
        selected.decide_one(approval, load_context(approval, reader.now), reader, request.POST)

    words = f"{selected.DONE.get(request.POST.get('decision', ''), 'Decided')}."
    return _act(request, pk, record, act, (InvalidInput, OutOfTurn), words=words)


@require_POST
def undo(request: Request, pk: int, record: int) -> HttpResponse:
    """Retract the reader's decision, or its whole bulk decision, while the submission is undecided. Both stay on record (A8)."""

    def act(approval: Approval, reader: Reader) -> None:
        decision, reason = number(request.POST.get("decision")) or 0, request.POST.get("reason", "")
        others = selected.rest_of_batch(approval, decision) if "all" in request.POST else []
        for target, pk_of_target in [(approval, decision), *others]:
            actor, _ = actions.undoer_of(target, load_context(target, reader.now), reader)
            transition_undo.retract(target, actor=actor, now=reader.now, reason=reason, decision=pk_of_target)

    return _act(request, pk, record, act, words="Undone. You can decide again.", stays=True)


@require_POST
def object_to_record(request: Request, pk: int, record: int) -> HttpResponse:
    """Object to an approval before its stage opens (A3). Stage 1 sees it at once."""

    def act(approval: Approval, reader: Reader) -> None:
        comment.object_to(approval, actor=reader.actor, now=reader.now, reason=request.POST.get("reason", ""))

    return _act(request, pk, record, act, (InvalidInput,), words="Your objection is sent. Stage 1 sees it.")


def _redraw(request: Request, pk: int, error: Refused, key: str = "") -> HttpResponse:
    """Show the current page with the form and its input again: each error beside its field, or the changes since (A6).

    ``key`` is that of the only selected row; it is drawn open.
    """
    if not isinstance(error, InvalidInput):
        return _redraw_refusals(request, pk, {key: error.refusal}, error.status)
    errors = {pair[0]: pair[1] for pair in error.refusal.pairs} or {"reason": ""}
    if len(errors) == 1:  # a single error shows the full sentence
        errors = dict.fromkeys(errors, error.refusal.sentence)
    return _draw_again(request, pk, error.status, opened=key, errors=errors)


def _redraw_refusals(request: Request, pk: int, refusals: Mapping[str, Refusal], status: int = 409) -> HttpResponse:
    """Show the current page with what was typed, and each refusal in its row, which is drawn open."""
    keys = list(refusals)
    return _draw_again(request, pk, status, opened=keys[0], refusals=refusals, also_open=frozenset(keys[1:]))


def _draw_again(request: Request, pk: int, status: int, **changes: Any) -> HttpResponse:
    submission, reader = _find(request, pk)
    changes["also_open"] = reader.also_open | changes.get("also_open", frozenset())
    context = review_page.context(submission, replace(reader, typed=request.POST, **changes))
    answer = page(request, TEMPLATE, context, fragment="rows", also=CHANGING_PARTS, status=status)
    return trigger_client_event(answer, "activity")


def _render_current(
    request: Request,
    pk: int,
    fragment: str = "rows",
    also: tuple[str, ...] = CHANGING_PARTS,
    *,
    done: Sequence[str] = (),
    words: str = "",
    refusals: Mapping[str, Refusal] = MappingProxyType({}),
    stays: bool = False,
) -> HttpResponse:
    """Show the current page, or only its changed parts. Without htmx it redirects to the page, so that a reload repeats nothing.

    ``done`` has the keys of the handled rows. The focus moves on from the last one unless it ``stays``: see `review_page.move_on`.
    """
    if request.headers.get("HX-Request") != "true":
        if words:
            messages.success(request, words)
        return redirect("review", pk=pk)
    submission, reader = _find(request, pk)
    reader = replace(reader, also_open=reader.also_open - set(done), refusals=refusals)
    context = review_page.context(submission, reader)
    if done:
        review_page.move_on(context, reader, done[-1], stays=stays)
        context["bar"]["toast"] = review_page.toast(context, done, words)
    return trigger_client_event(page(request, TEMPLATE, context, fragment=fragment, also=also), "activity")


@require_POST
def add_comment(request: Request, pk: int) -> HttpResponse:
    """Comment on the submission or on one approval, for all its readers (A3)."""
    submission, reader = _find(request, pk)
    text, approval_key = request.POST.get("text", ""), request.POST.get("about", "")
    approval = _record(submission, number(approval_key) or 0) if approval_key else None
    try:
        comment.comment(submission, actor=reader.actor, now=reader.now, reason=text, approval=approval)
    except InvalidInput as error:
        again = replace(reader, typed=request.POST, errors={"text": error.refusal.sentence})
        context = review_page.context(submission, again)
        return page(request, TEMPLATE, context, fragment="conversation", status=error.status)
    return _render_current(request, pk, fragment="conversation", also=(), words="Your comment is posted.")


@require_http_methods(["GET", "POST"])
def answer_question(request: Request, pk: int, record: int) -> HttpResponse:
    """Answer an approver's question. The approval opens in its next round (A14)."""
    submission, _ = _find(request, pk)
    approval = _record(submission, record)
    due = approval.builder_due_at
    return confirm(
        request,
        approval,
        transition_decide.answer,
        title=f"Answer the question about “{approval.title}”",
        text=f"Answer by {times.stamp_words(due)}. Without an answer it expires." if due is not None else "",
        thread=lambda: thread.load_thread(approval),
        label="Send the answer",
        kind="filled",
        reason="Your answer",
        message="Your answer is sent, and the approval is open again. This page shows who decides next.",
        back=reverse("review", args=[pk]),
    )


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept a partial approval (A5)."""
    submission, reader = _find(request, pk)
    reason = request.POST.get("reason", "")
    put_in_force.accept_subset(submission, actor=reader.actor, now=reader.now, reason=reason)
    return finish(request, put_in_force.accept_subset, "review", pk)


@require_http_methods(["GET", "POST"])
def end(request: Request, pk: int, name: str) -> HttpResponse:
    """Withdraw a submission (A15), or decline a partial approval (A5); ``name`` is that of the question."""
    submission, _ = _find(request, pk)
    verb = withdraw.withdraw if name == "withdraw" else withdraw.decline
    return confirm(request, submission, verb, back=reverse("review", args=[pk]), **review_page.QUESTIONS[name])
