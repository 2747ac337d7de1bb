"""Bulk decision: decide the reader's approvals of selected submissions with one reason (A7).

Each approval is shown with its scope and bound to what was shown (A6). Each is decided separately: an error on one is reported and does
not block the others. `approvals.decisions.rules.bulk_decisions` says which approvals need their own page.
"""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from approvals.assignment.context import SubmissionContext, load_contexts
from approvals.decisions import digest
from approvals.decisions.rules import bulk_decisions
from approvals.inbox.queries import approvals
from approvals.models import Approval, Submission
from approvals.policies.facts import SUBMISSION_RELATIONS
from approvals.review.views import approval_rows, decision_form
from approvals.review.views.actions import decider_of
from approvals.review.views.reader import Reader
from governance.core.access import Refusal, Refused, access, refuse
from governance.core.texts import free_text
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, number

#: Maximum number of approvals in one bulk decision: one page to read.
MOST = 100

#: Title of the page, by the button that led to it.
TITLES = {"": "Decide together", "approve": "Approve together", "reject": "Reject together"}

#: The contexts of the selected submissions by id.
Contexts = Mapping[int, SubmissionContext]


@require_http_methods(["GET", "POST"])
def decide_together(request: Request) -> HttpResponse:
    """Show the selected submissions (``?of=`` a submission's key, repeatable), and make the decisions of the form."""
    reader = Reader(request.actor, request.now())
    if request.method == "GET":
        return _render(request, reader)
    try:
        reason = free_text.clean(request.POST.get("reason", ""))
        verb = decision_form.verb(request.POST)
        if verb not in (decision_form.DECISIONS["approve"], decision_form.DECISIONS["reject"]):
            raise refuse(Refusal("A7", "input", "Together they are approved or rejected."))
        if not reason:
            raise refuse(Refusal("A7", "input", "Say why: the reason stands with each decision."))
        asked = Approval.objects.filter(asked__overlap=list(access.answers_as(reader.actor, reader.now)))
        chosen, contexts = _load(reader, asked.filter(pk__in=_keys(request.POST.getlist("record"))))
        if not chosen:
            raise refuse(Refusal("A7", "input", "Tick at least one approval."))
    except Refused as error:
        return _render(request, reader, error.refusal.sentence, status=error.status)
    batch, done, problems = uuid4(), 0, list[str]()
    for record in chosen:  # a decision that says the same is a repeated submit (A8)
        try:
            actor, _ = decider_of(record, contexts[record.submission_id], reader, verb)
            shown = request.POST.get(f"shown-{record.pk}", "")
            verb(record, actor=actor, now=reader.now, reason=reason, shown_digest=shown, batch=batch)
        except Refused as error:
            problems.append(f"{record.submission.automation.name}, {record.title}: {error.refusal.words}")
        else:
            done += 1
    if done:
        words = "Approved" if verb is decision_form.DECISIONS["approve"] else "Rejected"
        messages.success(request, f"{words} {done} approval{'s' if done != 1 else ''}.")
    if problems:  # show these approvals anew and keep the reason
        return _render(request, reader, problems=problems, status=409)
    return redirect("approvals")


def _load(reader: Reader, rows: QuerySet[Approval]) -> tuple[list[Approval], Contexts]:
    """Load some approvals, nearest deadline first, and the contexts of their submissions."""
    found = approvals.sort_by_deadline(rows.order_by().only("submission", "due_at"))[:MOST]
    theirs = Submission.objects.filter(pk__in={record.submission_id for record in found}).order_by("pk")
    contexts = load_contexts(list(theirs.select_related(*SUBMISSION_RELATIONS)), reader.now)
    return [contexts[record.submission_id].facts.approval(record.pk) for record in found], contexts


def _keys(values: Sequence[str]) -> set[int]:
    return {key for value in values if (key := number(value)) is not None}


def _render(
    request: Request, reader: Reader, error: str = "", *, problems: Sequence[str] = (), status: int = 200
) -> HttpResponse:
    """Show the reader's approvals of the selected submissions that are still open; after a post with what was typed."""
    form = request.POST if request.method == "POST" else request.GET
    selected = approvals.asked_of(reader.actor, reader.now).filter(submission__in=_keys(form.getlist("of")))
    records, contexts = _load(reader, selected)
    reasons_by_record = bulk_decisions.own_page_reasons(records, contexts)
    together = [record for record in records if record.pk not in reasons_by_record]
    apart = {
        (record.submission_id, reasons_by_record[record.pk]): record.submission.automation.name
        for record in records
        if record.pk in reasons_by_record
    }
    only = form.get("only", "") if form.get("only") in TITLES else ""
    ticked = _keys(form.getlist("record")) if request.method == "POST" else {record.pk for record in together}
    context: Shape = {
        "head": {"title": TITLES[only], "facts": [_how_many(together)] if together else []},
        "rows": [_row(record, contexts[record.submission_id], record.pk in ticked) for record in together],
        "of": sorted({record.submission_id for record in records}),
        "apart": apart.items(),
        "problems": problems,
        "only": only,
        "reason": {"value": request.POST.get("reason", ""), "error": error},
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
