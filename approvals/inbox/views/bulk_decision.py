"""Several records decided together, with one reason: what waits for the reader in the submissions they selected on the desk (A7).

Each is shown with what it would be allowed, and bound to what was shown of it (A6). Each is decided by itself: what one runs into keeps no
other from being decided, and is said. Decided on its own page only is high risk, what was refused or withdrawn before (A15), what somebody
objected to (A3) or one signature more is asked for, and what rests on a connection that nobody has confirmed (I8): there is more to read.
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
from approvals.inbox.views.approvals import wants
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

#: The most that are decided together: what somebody can read on one page.
MOST = 100

#: What the page is called, by what is done with all of it where one button was pressed to come here.
TITLES = {"": "Decide together", "approve": "Approve together", "reject": "Reject together"}

#: What a row says of a record, and what its digest is about.
READ = (
    *("submission__automation__team", "submission__policy", "submission__submitted_by", "justification"),
    *("privilege__entitlement__resource", "credential__kept_in", "credential__owner", "decided_on"),
)


@require_http_methods(["GET", "POST"])
def decide_together(request: Request) -> HttpResponse:
    """The page with what was selected (``?of=`` a submission's key, as often as needed), and the decisions that come from it."""
    reader = Reader(request.actor, business_time.now())
    said = request.GET if request.method == "GET" else request.POST
    records = _records(reader, {key for one in said.getlist("of") if (key := number(one)) is not None})
    if request.method == "GET":
        return _shown(request, records)
    reason = request.POST.get("reason", "")
    try:
        verb = decision_form.verb(request.POST)
        if verb not in (decision_form.DECISIONS["approve"], decision_form.DECISIONS["reject"]):
            raise refuse(Refusal("A7", "input", "Together they are approved or rejected."))
        if not reason.strip():
            raise refuse(Refusal("A7", "input", "Say why: the reason stands with each decision."))
        chosen, decided = _chosen(_together(records), request.POST), _decided(reader, records, request.POST)
        if not chosen and not decided:
            raise refuse(Refusal("A7", "input", "Tick at least one record."))
    except Refused as no:
        return _shown(request, records, request.POST, no.refusal.sentence, status=no.status)
    batch, done, problems = uuid4(), 0, [why for one in decided if (why := _not_so(one, request.POST))]
    for record in chosen:
        try:
            actor, _ = decider_of(record, route_of(record, reader.now), reader, verb)
            shown = request.POST.get(f"shown-{record.pk}", "")
            verb(record, actor=actor, now=reader.now, reason=reason, shown_digest=shown, batch=batch)
        except Refused as no:
            problems.append(f"{_name(record)}: {no.refusal.sentence} {no.refusal.to_do}".strip())
        else:
            done += 1
    if done:
        words = "Approved" if verb is decision_form.DECISIONS["approve"] else "Rejected"
        messages.success(request, f"{words} {done} record{'s' if done != 1 else ''}.")
    if problems:  # what they are about is read anew, and the reason is kept
        left = _records(reader, {one.submission_id for one in records})
        return _shown(request, left, request.POST, problems=problems, status=409)
    return redirect("desk")


def _records(reader: Reader, submissions: set[int]) -> list[Approval]:
    """What waits for the reader in some submissions, with all that is shown of it; the nearest deadline first."""
    waits = [one.pk for one in approvals.to_decide(reader.actor, reader.now) if one.submission_id in submissions]
    refused = Approval.objects.filter(
        submission=OuterRef("submission"),
        credential=OuterRef("privilege__credential"),
        state__in=credentials.REFUSED,
    )
    seats = Seat.objects.filter(approval=OuterRef("pk")).order_by().values("approval").annotate(number=Count("*"))
    found = (
        Approval.objects.filter(pk__in=waits[:MOST])
        .select_related(*READ)
        .annotate(
            is_objected=Exists(Comment.objects.filter(approval=OuterRef("pk"), is_objection=True)),
            is_unusable=Exists(refused),
            seats_asked=Subquery(seats.values("number")),
        )
    )
    records: list[Approval] = sorted(found, key=lambda one: waits.index(one.pk))
    theirs = [one.submission for one in records]
    tiers.read_together(theirs)
    remaining_conflicts.know(theirs, reader.now)
    return records


def _chosen(records: Sequence[Approval], form: QueryDict) -> list[Approval]:
    ticked = {number(one) for one in form.getlist("record")}
    return [one for one in records if one.pk in ticked]


def _decided(reader: Reader, waiting_still: Sequence[Approval], form: QueryDict) -> list[Approval]:
    """What is ticked, was asked of the reader, and does not wait for them any more; with their decision on it, if they have one."""
    ticked = {key for one in form.getlist("record") if (key := number(one)) is not None}
    own = Decision.objects.standing().filter(person=reader.actor.person, round=F("approval__round"))
    asked = Q(asked__overlap=list(access.answers_as(reader.actor, reader.now)))
    asked |= Q(Exists(own.filter(approval=OuterRef("pk"))))
    found = Approval.objects.filter(asked, pk__in=ticked - {one.pk for one in waiting_still})
    mine = Prefetch("decisions", own.select_related("reason").order_by("-pk"), to_attr="mine")
    return list(found.select_related(*READ).prefetch_related(mine).order_by("pk"))


def _not_so(record: Approval, form: QueryDict) -> str:
    """Why a record was not decided as the form says, or nothing where the reader had said just that: the same press, once more (A8)."""
    mine: list[Decision] = record.__dict__["mine"]
    if not mine:
        return f"{_name(record)}: it does not wait for you any more."
    own, here = mine[0], (form.get("decision"), form.get(f"shown-{record.pk}"))
    is_same = (own.outcome, own.shown_digest) == here
    if is_same and own.batch is not None and said_the_same(own.reason, form.get("reason", "").strip()):
        return ""
    said = own.get_outcome_display().lower()
    return (
        f"{_name(record)}: you have said something about it already ({said}), and that stands. Undo stands on its page."
    )


def _apart(records: Sequence[Approval]) -> dict[int, str]:
    """What is decided on its own page, and why, in a few words: by record."""
    found = dict.fromkeys(bindings.resting_on_unconfirmed(records), "its connection is to be confirmed")
    apps = [one for one in records if one.stage == 1]
    asked = duplicates.unsaid({one.submission.automation_id for one in apps})
    found |= {one.pk: "may be the same as another" for one in apps if one.submission.automation_id in asked}
    found |= {one.pk: "asks for a signature more than usual" for one in records if _asks_more(one)}
    found |= {one.pk: "somebody objected" for one in records if getattr(one, "is_objected", False)}
    found |= {one.pk: "refused or withdrawn before" for one in records if one.earlier_id is not None}
    return found | {one.pk: "high risk" for one in records if one.tier == "high"}


def _asks_more(record: Approval) -> bool:
    """Whether a word from before, a stop or a signal added a signature to those of its tier (A15, G5, S10)."""
    usual = policy_queries.of(record.submission.policy).seats(record.kind, record.tier)
    return getattr(record, "seats_asked", 0) > len(usual)


def _together(records: Sequence[Approval]) -> list[Approval]:
    apart = _apart(records)
    return [one for one in records if one.pk not in apart]


def _name(record: Approval) -> str:
    return f"{record.submission.automation.name}, {title(record)}"


def _shown(
    request: Request,
    records: Sequence[Approval],
    form: QueryDict | None = None,
    error: str = "",
    *,
    problems: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    why = _apart(records)
    together = [one for one in records if one.pk not in why]
    apart = {(one.submission_id, why[one.pk]): one.submission.automation.name for one in records if one.pk in why}
    said = (form or request.GET).get("only", "")
    only = said if said in TITLES else ""
    ticked = {one.pk for one in together} if form is None else {one.pk for one in _chosen(together, form)}
    context: Shape = {
        "crumbs": [{"label": "Desk", "href": reverse("desk")}, {"label": TITLES[only], "href": ""}],
        "head": {"title": TITLES[only], "facts": [_how_many(together)] if together else []},
        "rows": [_row(one, one.pk in ticked, business_time.now()) for one in together],
        "of": sorted({one.submission_id for one in records}),
        "apart": [
            {"name": name, "why": said, "href": reverse("review", args=[pk])} for (pk, said), name in apart.items()
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
    """One record as its review shows it, in few words; what may the app be is asked of stage 1, which has nothing of that."""
    submission = record.submission
    asked = approval_rows.what(record) if record.stage == 2 else {}
    return {
        "key": record.pk,
        "href": reverse("review", args=[record.submission_id]),
        "automation": submission.automation.name,
        "team": submission.automation.team.name,
        "what": wants(record),
        "scope": asked.get("scope", ""),
        "level": asked.get("level", ""),
        "data_class": asked.get("data_class", ""),
        "tags": approval_rows.tags(record, now, is_unusable=getattr(record, "is_unusable", False)),
        "tier": record.tier,
        "term": record.granted_term_days or record.term_days,
        "why": record.justification.shown if record.justification is not None else submission.asked.get("purpose", ""),
        "by": submission.submitted_by.name,
        "shown": digest.digest(digest.of(record, now)),
        "ticked": ticked,
    }
