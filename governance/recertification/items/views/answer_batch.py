"""One answer with one reason for several low-risk items (R7). Each becomes a draft; all are submitted later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from governance.core.access import access
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused, refuse
from governance.recertification.items import drafts, item_title
from governance.recertification.items import queries as item_queries
from governance.recertification.items.views import card, queue
from governance.recertification.models import SETTLING, AnswerKind, Question
from governance.web.components.times import counted
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number

Shape = dict[str, Any]

#: Most items for one answer, so that a person can read them on one page.
MOST = 50


@require_http_methods(["GET", "POST"])
def answer_together(request: Request) -> HttpResponse:
    """Show the reader's low-risk questions to tick, and draft the chosen answer for each."""
    now = business_time.now()
    if request.method == "GET":
        return _show_page(request, _low_risk_questions(request, now), now)
    form = request.POST
    ticked = {key for value in form.getlist("question") if (key := number(value)) is not None}
    try:
        kind, reason = _kind(form.get("answer", "")), form.get("reason", "").strip()
        if not reason:
            raise refuse(Refusal("R7", "input", "Say why: the reason stands with each answer."))
        chosen = [question for question in _ticked_questions(request, now, ticked) if question.pk in ticked]
        if not chosen:
            raise refuse(Refusal("R7", "input", "Tick at least one item."))
    except InvalidInput as error:
        return _show_page(
            request,
            _low_risk_questions(request, now),
            now,
            typed=form,
            error=error.refusal.sentence,
            status=error.status,
        )
    problems, done = [], 0
    for question in chosen:
        problem_words = _draft_answer(question, kind, reason, request, now, form.get(f"shown-{question.pk}", ""))
        done += problem_words is None
        problems += [f"{item_title.title(question.item)}: {problem_words}"] if problem_words is not None else []
    for problem in problems:
        messages.error(request, problem)
    if done:
        messages.success(request, f"Chosen for {counted(done, 'item')}. Submit to make it count.")
    return redirect("recert_mine")


def _draft_answer(
    question: Question, kind: AnswerKind, reason: str, request: Request, now: datetime, shown: str
) -> str | None:
    """Draft one answer; return why not, if refused."""
    grant = question.item.grant
    if grant is None:
        return "It is an automation: that is answered on its own page."
    if grant.counted_tier != "low":
        return f"It is {grant.counted_tier} risk: that is answered on its own page."
    try:
        actor, seen = (
            drafts.acting_reviewer(request.actor, question),
            replace(card.read_card_view(shown, ""), in_bulk=True),
        )
        drafts.save_draft(question, kind, actor=actor, now=now, reason=reason, seen=seen)
    except Refused as error:
        return f"{error.refusal.sentence} {error.refusal.to_do}".strip()
    return None


def _kind(value: str) -> AnswerKind:
    if value not in SETTLING:
        raise refuse(Refusal("R7", "input", "Choose “Keep” or “Revoke” for all."))
    return AnswerKind(value)


def _ticked_questions(request: Request, now: datetime, keys: set[int] | None = None) -> list[Question]:
    """The reader's ticked questions, most urgent first."""
    people = access.answers_as(request.actor, now)
    rows = Question.objects.unanswered().filter(reviewer__in=people).select_related(*queue.CARD_RELATIONS)
    if keys is not None:
        rows = rows.filter(pk__in=keys)
    return list(rows.order_by("item__deadline", "pk")[:MOST])


def _low_risk_questions(request: Request, now: datetime) -> list[Question]:
    people = access.answers_as(request.actor, now)
    rows = Question.objects.unanswered().filter(reviewer__in=people, item__grant__isnull=False)
    low = rows.filter(item__grant__tier="low", item__grant__raised_to="").select_related(*queue.CARD_RELATIONS)
    return list(low.order_by("item__deadline", "pk")[:MOST])


def _show_page(
    request: Request,
    questions: Sequence[Question],
    now: datetime,
    *,
    typed: Any = None,
    error: str = "",
    status: int = 200,
) -> HttpResponse:
    known_by_item = item_queries.load_facts([question.item for question in questions], now)
    ticked = set(typed.getlist("question")) if typed is not None else set()
    rows = [
        _row(question, known_by_item[question.item_id], now, is_ticked=str(question.pk) in ticked)
        for question in questions
    ]
    head = {
        "title": "Answer low risk together",
        "facts": [counted(len(rows), "item"), "each is a draft until you submit"],
    }
    context = {
        "crumbs": [{"label": "My recertifications", "href": reverse("recert_mine")}, {"label": "Together", "href": ""}],
        "head": head,
        "rows": rows,
        "action": reverse("recert_together"),
        "kinds": [{"value": kind.value, "label": kind.label} for kind in SETTLING],
        "answer": typed.get("answer", "") if typed is not None else "",
        "reason": {"value": typed.get("reason", "") if typed is not None else "", "error": error},
    }
    return page(request, "recertification/items/answer_batch.html", context, status=status)


def _row(question: Question, known_item: item_queries.ItemFacts, now: datetime, *, is_ticked: bool) -> Shape:
    usage = known_item.usage
    return {
        "key": question.pk,
        "href": queue.href(question),
        "title": item_title.title(question.item),
        "asks": question.get_asks_display(),
        "use": f"{usage.calls_30:,} calls in 30 days" if usage is not None else "Not measured",
        "advice": known_item.recommended.advice.label,
        "because": next((reason.sentence for reason in known_item.recommended.reasons), ""),
        "due": question.item.deadline,
        "shown": card.sign_card(known_item.recommended.advice),
        "ticked": is_ticked,
    }
