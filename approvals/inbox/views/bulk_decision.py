"""Bulk decision: decide the reader's approvals of selected submissions with one reason (A7).

Each approval is shown with its scope and bound to what was shown (A6). Each is decided separately: an error on one is reported and does
not block the others. These need their own page: high risk, refused or withdrawn before (A15), an objection (A3), an extra signature, and
an unconfirmed connection (I8).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Subquery
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.assignment.route import route_of
from approvals.conflicts.check import remaining_conflicts
from approvals.decisions import digest
from approvals.decisions.rules import bindings
from approvals.decisions.transitions.decide import title
from approvals.inbox.queries import approvals
from approvals.models import Approval, Comment, Decision, Seat
from approvals.policies import queries as policy_queries
from approvals.policies import tiers
from approvals.prior_decisions import duplicates
from approvals.review.views import approval_rows, credentials, decision_form
from approvals.review.views.actions import decider_of
from approvals.review.views.reader import Reader
from governance.core.access import access
from governance.core.clock import business_time
from governance.core.duties.refusals import Refusal, Refused, refuse
from governance.core.engine.repeats import said_the_same
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number

Shape = dict[str, Any]

#: Maximum number of approvals in one bulk decision: one page to read.
MOST = 100

#: Title of the page, by the button that led to it.
TITLES = {"": "Decide together", "approve": "Approve together", "reject": "Reject together"}

#: Relations that a row shows and its digest covers.
ROW_RELATIONS = (
    *("submission__automation__team", "submission__policy", "submission__submitted_by", "justification"),
    *("privilege__entitlement__resource", "credential__kept_in", "credential__owner", "decided_on"),
)


@require_http_methods(["GET", "POST"])
def decide_together(request: Request) -> HttpResponse:
    """Show the selected submissions (``?of=`` a submission's key, repeatable), and make the decisions of the form."""
    reader = Reader(request.actor, business_time.now())
    parameters = request.GET if request.method == "GET" else request.POST
    records = _records(reader, {key for value in parameters.getlist("of") if (key := number(value)) is not None})
    if request.method == "GET":
        return _render(request, records)
    reason = request.POST.get("reason", "")
    try:
        verb = decision_form.verb(request.POST)
        if verb not in (decision_form.DECISIONS["approve"], decision_form.DECISIONS["reject"]):
            raise refuse(Refusal("A7", "input", "Together they are approved or rejected."))
        if not reason.strip():
            raise refuse(Refusal("A7", "input", "Say why: the reason stands with each decision."))
        chosen, decided = _chosen(_decidable_together(records), request.POST), _decided(reader, records, request.POST)
        if not chosen and not decided:
            raise refuse(Refusal("A7", "input", "Tick at least one record."))
    except Refused as error:
        return _render(request, records, request.POST, error.refusal.sentence, status=error.status)
    batch, done, problems = (
        uuid4(),
        0,
        [problem for record in decided if (problem := _problem_of(record, request.POST))],
    )
    for record in chosen:
        try:
            actor, _ = decider_of(record, route_of(record, reader.now), reader, verb)
            shown = request.POST.get(f"shown-{record.pk}", "")
            verb(record, actor=actor, now=reader.now, reason=reason, shown_digest=shown, batch=batch)
        except Refused as error:
            problems.append(f"{_name(record)}: {error.refusal.sentence} {error.refusal.to_do}".strip())
        else:
            done += 1
    if done:
        words = "Approved" if verb is decision_form.DECISIONS["approve"] else "Rejected"
        messages.success(request, f"{words} {done} record{'s' if done != 1 else ''}.")
    if problems:  # reload these approvals and keep the reason
        left = _records(reader, {record.submission_id for record in records})
        return _render(request, left, request.POST, problems=problems, status=409)
    return redirect("desk")


def _records(reader: Reader, submissions: set[int]) -> list[Approval]:
    """Load the reader's approvals of some submissions with all that a row shows, nearest deadline first."""
    waiting_ids = [
        record.pk for record in approvals.to_decide(reader.actor, reader.now) if record.submission_id in submissions
    ]
    refused_credentials = Approval.objects.filter(
        submission=OuterRef("submission"),
        credential=OuterRef("privilege__credential"),
        state__in=credentials.REFUSED,
    )
    seats = Seat.objects.filter(approval=OuterRef("pk")).order_by().values("approval").annotate(number=Count("*"))
    selected = (
        Approval.objects.filter(pk__in=waiting_ids[:MOST])
        .select_related(*ROW_RELATIONS)
        .annotate(
            is_objected=Exists(Comment.objects.filter(approval=OuterRef("pk"), is_objection=True)),
            is_unusable=Exists(refused_credentials),
            seats_asked=Subquery(seats.values("number")),
        )
    )
    records: list[Approval] = sorted(selected, key=lambda record: waiting_ids.index(record.pk))
    theirs = [record.submission for record in records]
    tiers.prefetch_for(theirs)
    remaining_conflicts.preload_remaining(theirs, reader.now)
    return records


def _chosen(records: Sequence[Approval], form: QueryDict) -> list[Approval]:
    ticked = {number(value) for value in form.getlist("record")}
    return [record for record in records if record.pk in ticked]


def _decided(reader: Reader, waiting_still: Sequence[Approval], form: QueryDict) -> list[Approval]:
    """Ticked approvals of the reader that no longer wait for them, with the reader's decision if there is one."""
    ticked = {key for value in form.getlist("record") if (key := number(value)) is not None}
    own_decisions = Decision.objects.standing().filter(person=reader.actor.person, round=F("approval__round"))
    was_asked = Q(asked__overlap=list(access.answers_as(reader.actor, reader.now)))
    was_asked |= Q(Exists(own_decisions.filter(approval=OuterRef("pk"))))
    decided = Approval.objects.filter(was_asked, pk__in=ticked - {record.pk for record in waiting_still})
    own_prefetch = Prefetch("decisions", own_decisions.select_related("reason").order_by("-pk"), to_attr="mine")
    return list(decided.select_related(*ROW_RELATIONS).prefetch_related(own_prefetch).order_by("pk"))


def _problem_of(record: Approval, form: QueryDict) -> str:
    """Why an approval was not decided as the form says. Empty if the reader's decision says the same: a repeated submit (A8)."""
    decisions: list[Decision] = record.__dict__["mine"]
    if not decisions:
        return f"{_name(record)}: it does not wait for you any more."
    decision, submitted = decisions[0], (form.get("decision"), form.get(f"shown-{record.pk}"))
    is_same = (decision.outcome, decision.shown_digest) == submitted
    if is_same and decision.batch is not None and said_the_same(decision.reason, form.get("reason", "").strip()):
        return ""
    outcome = decision.get_outcome_display().lower()
    return f"{_name(record)}: you have said something about it already ({outcome}), and that stands. Undo stands on its page."


def _apart(records: Sequence[Approval]) -> dict[int, str]:
    """Approvals that need their own page, with the reason in a few words, by key."""
    reasons_by_record = dict.fromkeys(
        bindings.approvals_with_unconfirmed_binding(records), "its connection is to be confirmed"
    )
    apps = [record for record in records if record.stage == 1]
    undecided_duplicates = duplicates.ids_with_unanswered({record.submission.automation_id for record in apps})
    reasons_by_record |= {
        record.pk: "may be the same as another"
        for record in apps
        if record.submission.automation_id in undecided_duplicates
    }
    reasons_by_record |= {record.pk: "asks for a signature more than usual" for record in records if _asks_more(record)}
    reasons_by_record |= {record.pk: "somebody objected" for record in records if getattr(record, "is_objected", False)}
    reasons_by_record |= {
        record.pk: "refused or withdrawn before" for record in records if record.earlier_id is not None
    }
    return reasons_by_record | {record.pk: "high risk" for record in records if record.tier == "high"}


def _asks_more(record: Approval) -> bool:
    """Whether a prior refusal, a stop or a signal added a signature to those of the tier (A15, G5, S10)."""
    usual = policy_queries.policy_of(record.submission.policy).seats(record.kind, record.tier)
    return getattr(record, "seats_asked", 0) > len(usual)


def _decidable_together(records: Sequence[Approval]) -> list[Approval]:
    single = _apart(records)
    return [record for record in records if record.pk not in single]


def _name(record: Approval) -> str:
    return f"{record.submission.automation.name}, {title(record)}"


def _render(
    request: Request,
    records: Sequence[Approval],
    form: QueryDict | None = None,
    error: str = "",
    *,
    problems: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    reasons_by_record = _apart(records)
    together = [record for record in records if record.pk not in reasons_by_record]
    apart = {
        (record.submission_id, reasons_by_record[record.pk]): record.submission.automation.name
        for record in records
        if record.pk in reasons_by_record
    }
    only_value = (form or request.GET).get("only", "")
    only = only_value if only_value in TITLES else ""
    ticked = {record.pk for record in together} if form is None else {record.pk for record in _chosen(together, form)}
    context: Shape = {
        "crumbs": [{"label": "Desk", "href": reverse("desk")}, {"label": TITLES[only], "href": ""}],
        "head": {"title": TITLES[only], "facts": [_how_many(together)] if together else []},
        "rows": [_row(record, record.pk in ticked, business_time.now()) for record in together],
        "of": sorted({record.submission_id for record in records}),
        "apart": [
            {"name": name, "why": reason, "href": reverse("review", args=[pk])} for (pk, reason), name in apart.items()
        ],
        "problems": problems,
        "only": only,
        "empty": "Nothing that was selected can be decided together."
        if records
        else "Nothing of what was selected waits for you. Select on the desk what you decide.",
        "reason": {"value": form.get("reason", "") if form is not None else "", "error": error},
        "back_href": reverse("desk"),
    }
    return page(request, "approvals/inbox/bulk_decision.html", context, status=status)


def _how_many(records: Sequence[Approval]) -> str:
    count = len(records)
    words = f"{count} record{'s' if count != 1 else ''} of yours, each decided by itself with one reason"
    return f"{words}; at most {MOST} at once" if count >= MOST else words


def _row(record: Approval, ticked: bool, now: datetime) -> Shape:
    """One approval in a few words, as its review page shows it. Stage 1 has no scope, level or data class."""
    submission = record.submission
    details = approval_rows.request_shape(record) if record.stage == 2 else {}
    return {
        "key": record.pk,
        "href": reverse("review", args=[record.submission_id]),
        "automation": submission.automation.name,
        "team": submission.automation.team.name,
        "what": approvals.request_words(record),
        "scope": details.get("scope", ""),
        "level": details.get("level", ""),
        "data_class": details.get("data_class", ""),
        "tags": approval_rows.tags(record, now, is_unusable=getattr(record, "is_unusable", False)),
        "tier": record.tier,
        "term": record.granted_term_days or record.term_days,
        "why": record.justification.shown if record.justification is not None else submission.asked.get("purpose", ""),
        "by": submission.submitted_by.name,
        "shown": digest.digest(digest.facts_of_approval(record, now)),
        "ticked": ticked,
    }
