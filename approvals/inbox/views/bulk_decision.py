"""Bulk decision: decide the reader's approvals of selected submissions with one reason (A7).

Each approval is shown with its scope and bound to what was shown (A6). Each is decided separately: an error on one is reported and does
not block the others. `approvals.decisions.rules.bulk_decisions` says which approvals need their own page.
"""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from django.contrib import messages
from django.db.models import Exists, F, OuterRef, Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from approvals.assignment.context import SubmissionContext, load_contexts
from approvals.decisions import digest
from approvals.decisions.rules import bulk_decisions
from approvals.inbox.queries import approvals
from approvals.models import Approval, Decision, Submission
from approvals.policies.facts import SUBMISSION_RELATIONS
from approvals.review.views import approval_rows, decision_form
from approvals.review.views.actions import decider_of
from approvals.review.views.reader import Reader
from governance.core.access import Refusal, Refused, access, refuse
from governance.core.engine.transition import said_the_same
from governance.core.texts import free_text
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, number

#: Maximum number of approvals in one bulk decision: one page to read.
MOST = 100

#: Title of the page, by the button that led to it.
TITLES = {"": "Decide together", "approve": "Approve together", "reject": "Reject together"}

#: Relations that the name of a decided approval reads.
NAME_RELATIONS = ("submission__automation", "privilege__entitlement__resource", "credential")

#: The contexts of the selected submissions by id.
Contexts = Mapping[int, SubmissionContext]


@require_http_methods(["GET", "POST"])
def decide_together(request: Request) -> HttpResponse:
    """Show the selected submissions (``?of=`` a submission's key, repeatable), and make the decisions of the form."""
    reader = Reader(request.actor, request.now())
    parameters = request.GET if request.method == "GET" else request.POST
    records, contexts = _records(reader, _keys(parameters.getlist("of")))
    if request.method == "GET":
        return _render(request, records, contexts)
    try:
        reason = free_text.clean(request.POST.get("reason", ""))
        verb = decision_form.verb(request.POST)
        if verb not in (decision_form.DECISIONS["approve"], decision_form.DECISIONS["reject"]):
            raise refuse(Refusal("A7", "input", "Together they are approved or rejected."))
        if not reason:
            raise refuse(Refusal("A7", "input", "Say why: the reason stands with each decision."))
        ticked = _keys(request.POST.getlist("record"))
        chosen = [record for record in records if record.pk in ticked]
        decided = _decided(reader, ticked - {record.pk for record in records})
        if not chosen and not decided:
            raise refuse(Refusal("A7", "input", "Tick at least one approval."))
    except Refused as error:
        return _render(request, records, contexts, request.POST, error.refusal.sentence, status=error.status)
    batch, done, problems = uuid4(), 0, _problems(decided, request.POST)
    for record in chosen:
        try:
            actor, _ = decider_of(record, contexts[record.submission_id], reader, verb)
            shown = request.POST.get(f"shown-{record.pk}", "")
            verb(record, actor=actor, now=reader.now, reason=reason, shown_digest=shown, batch=batch)
        except Refused as error:
            problems.append(f"{_name(record)}: {error.refusal.words}")
        else:
            done += 1
    if done:
        words = "Approved" if verb is decision_form.DECISIONS["approve"] else "Rejected"
        messages.success(request, f"{words} {done} approval{'s' if done != 1 else ''}.")
    if problems:  # reload these approvals and keep the reason
        left, fresh = _records(reader, {record.submission_id for record in records})
        return _render(request, left, fresh, request.POST, problems=problems, status=409)
    return redirect("approvals")


def _records(reader: Reader, submissions: set[int]) -> tuple[list[Approval], Contexts]:
    """Load the reader's approvals of some submissions, nearest deadline first, and the contexts."""
    asked = approvals.asked_of(reader.actor, reader.now).filter(submission__in=submissions).order_by()
    waiting = approvals.sort_by_deadline(asked.only("submission", "due_at"))[:MOST]
    theirs = Submission.objects.filter(pk__in={record.submission_id for record in waiting}).order_by("pk")
    contexts = load_contexts(list(theirs.select_related(*SUBMISSION_RELATIONS)), reader.now)
    return [contexts[record.submission_id].facts.approval(record.pk) for record in waiting], contexts


def _keys(values: Sequence[str]) -> set[int]:
    return {key for value in values if (key := number(value)) is not None}


def _decided(reader: Reader, ids: set[int]) -> list[tuple[Approval, Decision | None]]:
    """Approvals of the reader that no longer wait for them, each with the reader's decision in its round."""
    own_decisions = Decision.objects.standing().filter(person=reader.actor.person, round=F("approval__round"))
    was_asked = Q(asked__overlap=list(access.answers_as(reader.actor, reader.now)))
    was_asked |= Q(Exists(own_decisions.filter(approval=OuterRef("pk"))))
    decided = Approval.objects.filter(was_asked, pk__in=ids).select_related(*NAME_RELATIONS).order_by("pk")
    rows = own_decisions.filter(approval__in=ids).select_related("reason").order_by("pk")
    newest = {decision.approval_id: decision for decision in rows}
    return [(approval, newest.get(approval.pk)) for approval in decided]


def _problems(decided: Sequence[tuple[Approval, Decision | None]], form: QueryDict) -> list[str]:
    """Why approvals were not decided as the form says. A decision that says the same is none: a repeated submit (A8)."""
    problems = []
    for approval, decision in decided:
        if decision is None:
            problems.append(f"{_name(approval)}: it does not wait for you any more.")
        elif not _is_repeat(decision, form):
            outcome = decision.get_outcome_display().lower()
            problems.append(f"{_name(approval)}: you have decided it already ({outcome}). You can undo it on its page.")
    return problems


def _is_repeat(decision: Decision, form: QueryDict) -> bool:
    submitted = (form.get("decision"), form.get(f"shown-{decision.approval_id}"))
    is_same = (decision.outcome, decision.shown_digest) == submitted and decision.batch is not None
    return is_same and said_the_same(decision.reason, free_text.seen(form.get("reason", "")))


def _name(record: Approval) -> str:
    return f"{record.submission.automation.name}, {record.title}"


def _render(
    request: Request,
    records: Sequence[Approval],
    contexts: Contexts,
    form: QueryDict | None = None,
    error: str = "",
    *,
    problems: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    reasons_by_record = bulk_decisions.own_page_reasons(records, contexts)
    together = [record for record in records if record.pk not in reasons_by_record]
    apart = {
        (record.submission_id, reasons_by_record[record.pk]): record.submission.automation.name
        for record in records
        if record.pk in reasons_by_record
    }
    only_value = (form or request.GET).get("only", "")
    only = only_value if only_value in TITLES else ""
    ticked = {record.pk for record in together} if form is None else _keys(form.getlist("record"))
    context: Shape = {
        "head": {"title": TITLES[only], "facts": [_how_many(together)] if together else []},
        "rows": [_row(record, contexts[record.submission_id], record.pk in ticked) for record in together],
        "of": sorted({record.submission_id for record in records}),
        "apart": apart.items(),
        "problems": problems,
        "only": only,
        "reason": {"value": form.get("reason", "") if form is not None else "", "error": error},
    }
    return page(request, "approvals/inbox/bulk_decision.html", context, status=status)


def _how_many(records: Sequence[Approval]) -> str:
    count = len(records)
    words = f"{count} approval{'s' if count != 1 else ''} of yours, each decided by itself with one reason"
    return f"{words}; at most {MOST} at once" if count >= MOST else words


def _row(record: Approval, context: SubmissionContext, ticked: bool) -> Shape:
    """One approval, as its review page shows it. Stage 1 has no scope, level or data class."""
    return {
        **(approval_rows.request_shape(record, context.facts) if record.stage == 2 else {}),
        "approval": record,
        "what": approvals.request_words(record),
        "tags": approval_rows.tags(record, context),
        "shown": digest.digest(digest.facts_of_approval(record, context.conflicts)),
        "ticked": ticked,
    }
