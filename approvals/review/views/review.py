"""Review page and its actions: decisions, answers, comments, accepting and declining."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db.models import Model
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.assignment.context import load_context
from approvals.decisions.transitions import comment, duplicates
from approvals.decisions.transitions import decide as transition_decide
from approvals.decisions.transitions import undo as transition_undo
from approvals.models import Approval, Submission
from approvals.review.views import actions, confirmations, decision_form, dossier, review_page
from approvals.review.views.decision_form import key_of
from approvals.review.views.reader import Reader
from approvals.submissions.transitions import put_in_force, withdraw
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, OutOfTurn, Refused
from governance.core.engine.transition import Transition
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number

TEMPLATE = "approvals/review/review.html"
#: Page parts that change with the rows after a decision.
CHANGING_PARTS = ("stepper", "app", "timeline")


def _find(request: Request, pk: int) -> tuple[Submission, Reader]:
    also_open = frozenset(request.POST.getlist("open"))
    reader = Reader(request.actor, business_time.now(), request.GET.get("open", ""), also_open=also_open)
    return get_object_or_404(dossier.visible_submissions(reader), pk=pk), reader


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
        context["row"] = next((r for group in context["groups"] for r in group["rows"] if r["key"] == key), None)
    return page(request, TEMPLATE, context, fragment=("row", "rows"))


@require_POST
def decide(request: Request, pk: int, record: int) -> HttpResponse:
    """Approve, reject or send back one approval (A7). A stale form gets 409 with the changes and keeps its input (A6)."""
    submission, reader = _find(request, pk)
    approval = _record(submission, record)
    approval.submission = submission
    shown, reason = request.POST.get("shown_digest", ""), request.POST.get("reason", "")
    try:
        verb = decision_form.verb(request.POST)
        more = decision_form.other_answers(request.POST, verb)
        actor, _ = actions.decider_of(approval, load_context(approval, reader.now), reader, verb)
        verb(approval, actor=actor, now=reader.now, reason=reason, shown_digest=shown, **more)
    except InvalidInput as error:
        return _show_form_errors(request, pk, approval, error)
    except OutOfTurn as error:
        return _show_stale_form(request, pk, approval, error)
    except Refused as error:
        return _show_refusal(request, pk, approval, error)
    return _render_current(request, pk, done=key_of(approval))


@require_POST
def undo(request: Request, pk: int, record: int) -> HttpResponse:
    """Retract the reader's decision while the submission is undecided. Both stay on record (A8)."""
    submission, reader = _find(request, pk)
    approval = _record(submission, record)
    approval.submission = submission
    actor, _ = actions.undoer_of(approval, load_context(approval, reader.now), reader)
    try:
        decision = number(request.POST.get("decision")) or 0
        reason = request.POST.get("reason", "")
        transition_undo.retract(approval, actor=actor, now=reader.now, reason=reason, decision=decision)
    except Refused as error:
        return _show_refusal(request, pk, approval, error)
    return _render_current(request, pk, done=key_of(approval), stays=True)


def _show_form_errors(request: Request, pk: int, record: Approval, error: InvalidInput) -> HttpResponse:
    """Show the form again with each error beside its field, and the input."""
    errors = {pair[0]: pair[1] for pair in error.refusal.pairs} or {"reason": ""}
    if len(errors) == 1:  # a single error shows the full sentence
        errors = dict.fromkeys(errors, error.refusal.sentence)
    return _redraw(request, pk, record, error.status, errors=errors)


def _show_stale_form(request: Request, pk: int, record: Approval, error: OutOfTurn) -> HttpResponse:
    """Show the current page with the changes beside the row, and the form with the input and the new digest (A6)."""
    return _redraw(request, pk, record, error.status, refusal=error.refusal)


def _redraw(request: Request, pk: int, record: Approval, status: int, **why: Any) -> HttpResponse:
    submission, reader = _find(request, pk)
    names = ("reason", "term_days", "level", "not_mine")
    typed: dict[str, Any] = {name: request.POST.get(name, "") for name in names}
    typed["scope"] = request.POST.getlist("scope") if {"scope", "has_scope"} & set(request.POST) else None
    typed["same"] = {name: str(value) for name, value in request.POST.items() if name.startswith(duplicates.FIELD)}
    again = replace(reader, opened=key_of(record), typed=typed, **why)
    return page(
        request, TEMPLATE, review_page.context(submission, again), fragment="rows", also=CHANGING_PARTS, status=status
    )


def _show_refusal(request: Request, pk: int, record: Approval, error: Refused) -> HttpResponse:
    context = {"back_href": reverse("review", args=[pk]), "typed": request.POST.get("reason", "")}
    return refused(request, error.refusal, fragment=f"refusal-{key_of(record)}", context=context)


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
    submission, reader = _find(request, pk)
    context = review_page.context(submission, replace(reader, also_open=reader.also_open - {done}))
    if done:
        review_page.move_on(context, done, stays=stays)
    return page(request, TEMPLATE, context, fragment=fragment, also=also)


def _run_with_reason(request: Request, pk: int, act: Callable[[Submission, Reader, str], object]) -> HttpResponse:
    """Run one operation with a reason on a submission and return to its page. A refusal is shown."""
    submission, reader = _find(request, pk)
    try:
        act(submission, reader, request.POST.get("reason", ""))
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": f"/review/{pk}/"})
    return redirect("review", pk=pk)


def _show_question(
    request: Request, pk: int, verb: Transition[Any], subject: Model, reader: Reader, question: dict[str, Any]
) -> HttpResponse:
    """Show the question before an operation, or the refusal for readers who may not run it."""
    refusal = verb.refusal(subject, actor=reader.actor, now=reader.now)
    if refusal is not None:
        return refused(request, refusal, context={"back_href": f"/review/{pk}/"})
    return page(request, "components/confirm_page.html", {"ask": question, "back_href": reverse("review", args=[pk])})


@require_POST
def add_comment(request: Request, pk: int) -> HttpResponse:
    """Comment on the submission or on one approval, for all its readers (A3)."""
    submission, reader = _find(request, pk)
    text, approval_key = request.POST.get("text", ""), request.POST.get("about", "")
    approval = _record(submission, number(approval_key) or 0) if approval_key else None
    try:
        comment.comment(submission, actor=reader.actor, now=reader.now, reason=text, approval=approval)
    except InvalidInput as error:
        typed = {"text": text, "about": approval_key, "remark_error": error.refusal.sentence}
        again = Reader(reader.actor, reader.now, "", typed)
        context = review_page.context(submission, again)
        return page(request, TEMPLATE, context, fragment="conversation", status=error.status)
    except Refused as error:
        return refused(request, error.refusal)
    return _render_current(request, pk, fragment="conversation", also=("timeline",))


@require_http_methods(["GET", "POST"])
def answer_question(request: Request, pk: int, record: int) -> HttpResponse:
    """Answer an approver's question. The approval opens in its next round (A14)."""
    submission, reader = _find(request, pk)
    approval = _record(submission, record)
    if request.method == "GET":
        return _show_question(
            request, pk, transition_decide.answer, approval, reader, confirmations.answer_question(approval)
        )
    return _run_with_reason(
        request,
        pk,
        lambda _, reader_now, text: transition_decide.answer(
            approval, actor=reader_now.actor, now=reader_now.now, reason=text
        ),
    )


@require_POST
def object_to_record(request: Request, pk: int, record: int) -> HttpResponse:
    """Object to an approval before its stage opens (A3). Stage 1 sees it at once."""
    submission, reader = _find(request, pk)
    approval = _record(submission, record)
    try:
        comment.object_to(approval, actor=reader.actor, now=reader.now, reason=request.POST.get("reason", ""))
    except InvalidInput as error:
        return _show_form_errors(request, pk, approval, error)
    except Refused as error:
        return _show_refusal(request, pk, approval, error)
    return _render_current(request, pk, done=key_of(approval))


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept a partial approval (A5)."""
    return _run_with_reason(
        request,
        pk,
        lambda submission, reader, text: put_in_force.accept_subset(
            submission, actor=reader.actor, now=reader.now, reason=text
        ),
    )


@require_http_methods(["GET", "POST"])
def decline_rest(request: Request, pk: int) -> HttpResponse:
    """Decline a partial approval (A5)."""
    if request.method == "GET":
        submission, reader = _find(request, pk)
        return _show_question(
            request, pk, withdraw.decline, submission, reader, confirmations.decline_question(submission)
        )
    return _run_with_reason(
        request,
        pk,
        lambda subject, decliner, text: withdraw.decline(subject, actor=decliner.actor, now=decliner.now, reason=text),
    )


@require_http_methods(["GET", "POST"])
def withdraw_submission(request: Request, pk: int) -> HttpResponse:
    """Withdraw a submission (A15)."""
    if request.method == "GET":
        submission, reader = _find(request, pk)
        return _show_question(
            request, pk, withdraw.withdraw, submission, reader, confirmations.withdraw_question(submission)
        )
    return _run_with_reason(
        request,
        pk,
        lambda subject, withdrawer, text: withdraw.withdraw(
            subject, actor=withdrawer.actor, now=withdrawer.now, reason=text
        ),
    )
