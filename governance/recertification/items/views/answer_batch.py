"""One answer with one reason for several low-risk items (R7). Each becomes a draft; all are submitted later."""

from dataclasses import replace
from datetime import datetime

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from governance.core.access import InvalidInput, Refusal, Refused, access, check, refuse
from governance.core.database.querysets import with_columns
from governance.core.texts import free_text
from governance.recertification.items import drafts
from governance.recertification.items import queries as item_queries
from governance.recertification.items import rules as item_rules
from governance.recertification.items.recommendation import recommend
from governance.recertification.items.views import item_card
from governance.recertification.models import SETTLING, AnswerKind, Question
from governance.web.components.times import counted
from governance.web.pages.page import page
from governance.web.requests.request import Request, number

#: Relations of a question for its draft.
RELATIONS = (
    *("reviewer", "item__grant__automation__interim", "item__grant__entitlement__resource"),
    *("item__grant__approval", "item__automation"),
)

#: Columns of a grant for its row.
COLUMNS = (*item_queries.GRANT_COLUMNS, "sentence", "automation__name")

#: Most items for one answer, so that a person can read them on one page.
MOST = 50


@require_http_methods(["GET", "POST"])
def answer_together(request: Request) -> HttpResponse:
    """Show the reader's low-risk questions to tick, and draft the chosen answer for each."""
    now, form = request.now(), request.POST
    if request.method == "GET":
        return _show_page(request, now)
    ticked = [key for value in form.getlist("question") if (key := number(value)) is not None]
    kind = form.get("answer", "")
    try:
        reason = free_text.clean(form.get("reason", ""))
        check(item_rules.bulk_answer_refusal(kind, reason))
        chosen = list(_questions(request, now).filter(pk__in=ticked).select_related(*RELATIONS)[:MOST])
        if not chosen:
            raise refuse(Refusal("R7", "input", "Tick at least one item."))
    except InvalidInput as error:
        return _show_page(request, now, error=error.refusal.sentence, status=error.status)
    problems = {question: _draft_answer(question, AnswerKind(kind), reason, request, now) for question in chosen}
    for question, problem in problems.items():
        if problem:
            messages.error(request, f"{question.item.title}: {problem}")
    if done := sum(not problem for problem in problems.values()):
        messages.success(request, f"Chosen for {counted(done, 'item')}. Submit to make it count.")
    return redirect("recert_mine")


def _questions(request: Request, now: datetime) -> QuerySet[Question]:
    """The reader's questions, most urgent first."""
    return Question.objects.open_for(access.answers_as(request.actor, now))


def _draft_answer(question: Question, kind: AnswerKind, reason: str, request: Request, now: datetime) -> str:
    """Draft one answer; return why not, if refused."""
    seen = replace(item_card.read_card_view(request.POST.get(f"shown-{question.pk}", ""), ""), in_bulk=True)
    actor = drafts.acting_reviewer(request.actor, question)
    try:
        drafts.save_draft(question, kind, actor=actor, now=now, reason=reason, seen=seen)
    except Refused as error:
        return error.refusal.words
    return ""


def _show_page(request: Request, now: datetime, *, error: str = "", status: int = 200) -> HttpResponse:
    typed = request.POST
    low = _questions(request, now).filter(item_rules.TAKES_BULK_ANSWERS)
    questions = list(with_columns(low, ("asks", "item__grant", "item__automation"))[:MOST])
    items = [question.item for question in questions]
    item_queries.load_subjects(items, COLUMNS)
    facts = item_queries.load_facts(items, now)
    recommended = {pk: recommend(facts_of_item) for pk, facts_of_item in facts.items()}
    context = {
        "rows": [
            {
                "question": question,
                "facts": facts[question.item_id],
                "recommended": recommended[question.item_id],
                "shown": item_card.sign_card(recommended[question.item_id].advice),
                "ticked": str(question.pk) in typed.getlist("question"),
            }
            for question in questions
        ],
        "kinds": SETTLING,
        "answer": typed.get("answer", ""),
        "reason": {"value": typed.get("reason", ""), "error": error},
    }
    return page(request, "recertification/items/answer_batch.html", context, status=status)
