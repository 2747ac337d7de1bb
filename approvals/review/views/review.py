"""Review page and its actions: decisions, answers, comments, accepting and declining."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.assignment.context import load_context
from approvals.decisions.transitions import comment
from approvals.decisions.transitions import decide as transition_decide
from approvals.decisions.transitions import undo as transition_undo
from approvals.models import Approval, Submission
from approvals.models.submission import SubmissionQuerySet
from approvals.review import dossier, thread
from approvals.review.views import actions, decision_form, review_page
from approvals.review.views.decision_form import key_of
from approvals.review.views.reader import Reader
from approvals.submissions.transitions import put_in_force, withdraw
from governance.core.access import Actor, InvalidInput, OutOfTurn, Refused
from governance.web.components import times
from governance.web.pages.page import confirm, page, refused
from governance.web.requests.request import Request, number

TEMPLATE = "approvals/review/review.html"
#: Page parts that change with the rows after a decision.
CHANGING_PARTS = ("stepper", "app", "timeline")


def _find(
    request: Request, pk: int, rows: Callable[[Actor, datetime], SubmissionQuerySet] = dossier.visible_submissions
) -> tuple[Submission, Reader]:
    also_open = frozenset(request.POST.getlist("open"))
    reader = Reader(request.actor, request.now(), request.GET.get("open", ""), also_open=also_open)
    return get_object_or_404(rows(reader.actor, reader.now), pk=pk), reader


def _record(submission: Submission, pk: int) -> Approval:
    return get_object_or_404(
        submission.approvals.select_related("submission", "privilege__entitlement__resource", "credential"), pk=pk
    )


@require_GET
def review(request: Request, pk: int) -> HttpResponse:
    """Show both stages of one submission; ``?open=KEY`` opens a row."""
    submission, reader = _find(request, pk, dossier.shown_submissions)
    context = review_page.context(submission, reader)
    target = request.headers.get("HX-Target", "")
    if target.startswith("row-"):
        key = target.removeprefix("row-")
        context["row"] = next((row for row in context["rows"] if row["key"] == key), None)
        if context["row"] is None:
            raise Http404
    return page(request, TEMPLATE, context, fragment=("row", "rows"))


def _act(
    request: Request,
    pk: int,
    record: int,
    act: Callable[[Approval, Reader], object],
    redraws: tuple[type[Refused], ...] = (),
    *,
    stays: bool = False,
) -> HttpResponse:
    """Perform an operation on one approval and show the current page.

    Args:
        request: the request.
        pk: the submission.
        record: the approval.
        act: performs the operation; may raise any refusal.
        redraws: refusals after which the form is shown again with its input; others are shown in the row.
        stays: whether the row keeps the focus.
    """
    submission, reader = _find(request, pk)
    approval = _record(submission, record)
    approval.submission = submission
    try:
        act(approval, reader)
    except redraws as error:
        return _redraw(request, pk, approval, error)
    except Refused as error:
        context = {"back_href": reverse("review", args=[pk]), "typed": request.POST.get("reason", "")}
        return refused(request, error.refusal, fragment=f"refusal-{key_of(approval)}", context=context)
    return _render_current(request, pk, done=key_of(approval), stays=stays)


@require_POST
def decide(request: Request, pk: int, record: int) -> HttpResponse:
    """Approve, reject or send back one approval (A7). A stale form gets 409 with the changes and keeps its input (A6)."""

    def act(approval: Approval, reader: Reader) -> None:
        verb = decision_form.verb(request.POST)
        more = decision_form.other_answers(request.POST, verb)
        actor, _ = actions.decider_of(approval, load_context(approval, reader.now), reader, verb)
        shown, reason = request.POST.get("shown_digest", ""), request.POST.get("reason", "")
        verb(approval, actor=actor, now=reader.now, reason=reason, shown_digest=shown, **more)

    return _act(request, pk, record, act, (InvalidInput, OutOfTurn))


@require_POST
def undo(request: Request, pk: int, record: int) -> HttpResponse:
    """Retract the reader's decision while the submission is undecided. Both stay on record (A8)."""

    def act(approval: Approval, reader: Reader) -> None:
        actor, _ = actions.undoer_of(approval, load_context(approval, reader.now), reader)
        decision, reason = number(request.POST.get("decision")) or 0, request.POST.get("reason", "")
        transition_undo.retract(approval, actor=actor, now=reader.now, reason=reason, decision=decision)

    return _act(request, pk, record, act, stays=True)


@require_POST
def object_to_record(request: Request, pk: int, record: int) -> HttpResponse:
    """Object to an approval before its stage opens (A3). Stage 1 sees it at once."""

    def act(approval: Approval, reader: Reader) -> None:
        comment.object_to(approval, actor=reader.actor, now=reader.now, reason=request.POST.get("reason", ""))

    return _act(request, pk, record, act, (InvalidInput,))


def _redraw(request: Request, pk: int, record: Approval, error: Refused) -> HttpResponse:
    """Show the current page with the form and its input again: each error beside its field, or the changes since (A6)."""
    submission, reader = _find(request, pk)
    why: dict[str, Any] = {"refusal": error.refusal}
    if isinstance(error, InvalidInput):
        errors = {pair[0]: pair[1] for pair in error.refusal.pairs} or {"reason": ""}
        if len(errors) == 1:  # a single error shows the full sentence
            errors = dict.fromkeys(errors, error.refusal.sentence)
        why = {"errors": errors}
    again = replace(reader, opened=key_of(record), typed=request.POST, **why)
    context = review_page.context(submission, again)
    return page(request, TEMPLATE, context, fragment="rows", also=CHANGING_PARTS, status=error.status)


def _render_current(
    request: Request,
    pk: int,
    fragment: str = "rows",
    also: tuple[str, ...] = CHANGING_PARTS,
    *,
    done: str = "",
    stays: bool = False,
) -> HttpResponse:
    """Show the current page, or only its changed parts. Without htmx it redirects to the page, so that a reload repeats nothing.

    ``done`` is the key of the handled row. The focus moves on from it unless it ``stays``: see `review_page.move_on`.
    """
    if request.headers.get("HX-Request") != "true":
        return redirect("review", pk=pk)
    submission, reader = _find(request, pk, dossier.shown_submissions)
    context = review_page.context(submission, replace(reader, also_open=reader.also_open - {done}))
    if done:
        review_page.move_on(context, done, stays=stays)
    return page(request, TEMPLATE, context, fragment=fragment, also=also)


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
    return _render_current(request, pk, fragment="conversation", also=("timeline",))


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
        title=f"Answer about {approval.title}",
        text=f"Answer by {times.stamp_words(due)}. Without an answer it expires." if due is not None else "",
        thread=lambda: thread.load_thread(approval),
        label="Send the answer",
        kind="filled",
        reason="Your answer",
        back=reverse("review", args=[pk]),
    )


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept a partial approval (A5)."""
    submission, reader = _find(request, pk)
    reason = request.POST.get("reason", "")
    put_in_force.accept_subset(submission, actor=reader.actor, now=reader.now, reason=reason)
    return redirect("review", pk)


@require_http_methods(["GET", "POST"])
def decline_rest(request: Request, pk: int) -> HttpResponse:
    """Decline a partial approval (A5)."""
    submission, _ = _find(request, pk)
    href, question = reverse("review", args=[pk]), review_page.QUESTIONS["decline"]
    return confirm(request, submission, withdraw.decline, back=href, **question)


@require_http_methods(["GET", "POST"])
def withdraw_submission(request: Request, pk: int) -> HttpResponse:
    """Withdraw a submission (A15)."""
    submission, _ = _find(request, pk)
    href, question = reverse("review", args=[pk]), review_page.QUESTIONS["withdraw"]
    return confirm(request, submission, withdraw.withdraw, back=href, **question)
