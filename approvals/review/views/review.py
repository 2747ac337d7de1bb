"""The review page and what is posted from it: decisions, answers, comments, accepting and declining the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.db.models import Model
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.assignment.route import route_of
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
#: What changes beside the rows when something was decided.
BESIDE = ("stepper", "app", "timeline")


def _find(request: Request, pk: int) -> tuple[Submission, Reader]:
    also_open = frozenset(request.POST.getlist("open"))
    reader = Reader(request.actor, business_time.now(), request.GET.get("open", ""), also_open=also_open)
    return get_object_or_404(dossier.visible(reader), pk=pk), reader


def _record(submission: Submission, pk: int) -> Approval:
    return get_object_or_404(
        submission.approvals.select_related("submission", "privilege__entitlement__resource", "credential"), pk=pk
    )


@require_GET
def review(request: Request, pk: int) -> HttpResponse:
    """Both stages of one submission; ``?open=KEY`` opens a row in place."""
    submission, reader = _find(request, pk)
    context = review_page.context(submission, reader)
    target = request.headers.get("HX-Target", "")
    if target.startswith("row-"):
        key = target.removeprefix("row-")
        context["row"] = next((r for group in context["groups"] for r in group["rows"] if r["key"] == key), None)
    return page(request, TEMPLATE, context, fragment=("row", "rows"))


@require_POST
def decide(request: Request, pk: int, record: int) -> HttpResponse:
    """Approve, reject or send back one record (A7); a stale form gets 409 with what changed and loses nothing (A6)."""
    submission, reader = _find(request, pk)
    found = _record(submission, record)
    found.submission = submission
    shown, reason = request.POST.get("shown_digest", ""), request.POST.get("reason", "")
    try:
        verb = decision_form.verb(request.POST)
        more = decision_form.more(request.POST, verb)
        actor, _ = actions.decider_of(found, route_of(found, reader.now), reader, verb)
        verb(found, actor=actor, now=reader.now, reason=reason, shown_digest=shown, **more)
    except InvalidInput as no:
        return _again(request, pk, found, no)
    except OutOfTurn as no:
        return _changed(request, pk, found, no)
    except Refused as no:
        return _refused(request, pk, found, no)
    return _shown(request, pk, done=key_of(found))


@require_POST
def undo(request: Request, pk: int, record: int) -> HttpResponse:
    """Take back one's own decision while the submission is undecided; it stays on record (A8)."""
    submission, reader = _find(request, pk)
    found = _record(submission, record)
    found.submission = submission
    actor, _ = actions.undoer_of(found, route_of(found, reader.now), reader)
    try:
        decision = number(request.POST.get("decision")) or 0
        reason = request.POST.get("reason", "")
        transition_undo.retract(found, actor=actor, now=reader.now, reason=reason, decision=decision)
    except Refused as no:
        return _refused(request, pk, found, no)
    return _shown(request, pk, done=key_of(found), stays=True)


def _again(request: Request, pk: int, record: Approval, no: InvalidInput) -> HttpResponse:
    """Show the form again with each error beside its field and everything typed still there."""
    errors = {one[0]: one[1] for one in no.refusal.pairs} or {"reason": ""}
    if len(errors) == 1:  # then the sentence says it best
        errors = dict.fromkeys(errors, no.refusal.sentence)
    return _redrawn(request, pk, record, no.status, errors=errors)


def _changed(request: Request, pk: int, record: Approval, no: OutOfTurn) -> HttpResponse:
    """Show the page as it is now, what changed beside the row, and the form with what was typed and the digest of what it shows (A6)."""
    return _redrawn(request, pk, record, no.status, refusal=no.refusal)


def _redrawn(request: Request, pk: int, record: Approval, status: int, **why: Any) -> HttpResponse:
    submission, reader = _find(request, pk)
    names = ("reason", "term_days", "level", "not_mine")
    typed: dict[str, Any] = {name: request.POST.get(name, "") for name in names}
    typed["scope"] = request.POST.getlist("scope") if {"scope", "has_scope"} & set(request.POST) else None
    typed["same"] = {name: str(said) for name, said in request.POST.items() if name.startswith(duplicates.FIELD)}
    again = replace(reader, opened=key_of(record), typed=typed, **why)
    return page(request, TEMPLATE, review_page.context(submission, again), fragment="rows", also=BESIDE, status=status)


def _refused(request: Request, pk: int, record: Approval, no: Refused) -> HttpResponse:
    context = {"back_href": reverse("review", args=[pk]), "typed": request.POST.get("reason", "")}
    return refused(request, no.refusal, fragment=f"refusal-{key_of(record)}", context=context)


def _shown(
    request: Request,
    pk: int,
    fragment: str = "rows",
    also: tuple[str, ...] = BESIDE,
    *,
    done: str = "",
    stays: bool = False,
) -> HttpResponse:
    """The page as it is now, or only what changed; without htmx back to the page, so that reload repeats nothing.

    ``done`` is the key of what was just dealt with, from where the focus moves on unless it ``stays``: see `review_page.move_on`.
    """
    if request.headers.get("HX-Request") != "true":
        return redirect("review", pk=pk)
    submission, reader = _find(request, pk)
    context = review_page.context(submission, replace(reader, also_open=reader.also_open - {done}))
    if done:
        review_page.move_on(context, done, stays=stays)
    return page(request, TEMPLATE, context, fragment=fragment, also=also)


def _do(request: Request, pk: int, act: Callable[[Submission, Reader, str], object]) -> HttpResponse:
    """Perform one operation with a reason on a submission and go back to its page; a no is said in words."""
    submission, reader = _find(request, pk)
    try:
        act(submission, reader, request.POST.get("reason", ""))
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": f"/review/{pk}/"})
    return redirect("review", pk=pk)


def _put(
    request: Request, pk: int, verb: Transition[Any], subject: Model, reader: Reader, question: dict[str, Any]
) -> HttpResponse:
    """The page with the question before an operation, for whoever may do it now; the others read why not."""
    no = verb.refusal(subject, actor=reader.actor, now=reader.now)
    if no is not None:
        return refused(request, no, context={"back_href": f"/review/{pk}/"})
    return page(request, "components/confirm_page.html", {"ask": question, "back_href": reverse("review", args=[pk])})


@require_POST
def say(request: Request, pk: int) -> HttpResponse:
    """Say something to everybody on the submission, of all of it or of one record (A3)."""
    submission, reader = _find(request, pk)
    said, on = request.POST.get("text", ""), request.POST.get("about", "")
    about = _record(submission, number(on) or 0) if on else None
    try:
        comment.comment(submission, actor=reader.actor, now=reader.now, reason=said, approval=about)
    except InvalidInput as no:
        typed = {"text": said, "about": on, "remark_error": no.refusal.sentence}
        again = Reader(reader.actor, reader.now, "", typed)
        context = review_page.context(submission, again)
        return page(request, TEMPLATE, context, fragment="conversation", status=no.status)
    except Refused as no:
        return refused(request, no.refusal)
    return _shown(request, pk, fragment="conversation", also=("timeline",))


@require_http_methods(["GET", "POST"])
def answer_question(request: Request, pk: int, record: int) -> HttpResponse:
    """Answer what an approver asked; the record opens in its next round (A14)."""
    submission, reader = _find(request, pk)
    found = _record(submission, record)
    if request.method == "GET":
        return _put(request, pk, transition_decide.answer, found, reader, confirmations.answer_question(found))
    return _do(
        request, pk, lambda _, who, text: transition_decide.answer(found, actor=who.actor, now=who.now, reason=text)
    )


@require_POST
def object_to_record(request: Request, pk: int, record: int) -> HttpResponse:
    """Object to a record before its stage opens (A3); shown to stage 1 at once."""
    submission, reader = _find(request, pk)
    found = _record(submission, record)
    try:
        comment.object_to(found, actor=reader.actor, now=reader.now, reason=request.POST.get("reason", ""))
    except InvalidInput as no:
        return _again(request, pk, found, no)
    except Refused as no:
        return _refused(request, pk, found, no)
    return _shown(request, pk, done=key_of(found))


@require_POST
def accept(request: Request, pk: int) -> HttpResponse:
    """Accept what was approved, without what was refused (A5)."""
    return _do(
        request, pk, lambda one, who, text: put_in_force.accept_subset(one, actor=who.actor, now=who.now, reason=text)
    )


@require_http_methods(["GET", "POST"])
def decline_rest(request: Request, pk: int) -> HttpResponse:
    """Decline what was approved (A5)."""
    if request.method == "GET":
        submission, reader = _find(request, pk)
        return _put(request, pk, withdraw.decline, submission, reader, confirmations.decline_question(submission))
    return _do(request, pk, lambda one, who, text: withdraw.decline(one, actor=who.actor, now=who.now, reason=text))


@require_http_methods(["GET", "POST"])
def take_back(request: Request, pk: int) -> HttpResponse:
    """Withdraw a submission (A15)."""
    if request.method == "GET":
        submission, reader = _find(request, pk)
        return _put(request, pk, withdraw.withdraw, submission, reader, confirmations.withdraw_question(submission))
    return _do(request, pk, lambda one, who, text: withdraw.withdraw(one, actor=who.actor, now=who.now, reason=text))
