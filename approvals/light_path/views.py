"""The page of a spot check: a changed source or an auto-approved privilege, and the answer (A12, A13)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.assignment.context import SubmissionContext, load_context
from approvals.light_path import spot_checks as light_path_spot_checks
from approvals.light_path.transitions import spot_checks
from approvals.models import Sample, SampleState
from approvals.policies import queries as policy_queries
from approvals.review.views import approval_rows
from approvals.review.views.dossier import UNSHOWN
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused, refuse
from governance.core.models import Person
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from inventory.versions.views import diff_context

Shape = dict[str, Any]

TEMPLATE = "approvals/light_path/spot_check.html"
#: Answers by the name of the form's button.
VERDICTS = {"fine": spot_checks.find_fine, "not_fine": spot_checks.find_not_fine}
#: Limit of events on the timeline; the ledger has all.
EVENTS = 20


@require_http_methods(["GET", "POST"])
def sample(request: Request, pk: int) -> HttpResponse:
    """Show a spot check. A reader who may not decide it sees why."""
    now = business_time.now()
    seen = Sample.objects.visible_to(request.actor, now).select_related(
        "submission__automation__team",
        "submission__version",
        "submission__submitted_by",
        "submission__policy",
        "before",
        "approval__justification",
        "approval__privilege__entitlement__resource__owner",
        "approval__credential",
    )
    spot_check = get_object_or_404(seen.defer(*(f"submission__{name}" for name in UNSHOWN)), pk=pk)
    if request.method == "GET":
        return page(request, TEMPLATE, _context(spot_check, request.actor))
    text = request.POST.get("reason", "")
    try:
        verb = VERDICTS.get(request.POST.get("verdict", ""))
        if verb is None:
            raise refuse(Refusal("A12", "input", "Say whether it is fine or not; what you typed is still there."))
        verb(
            spot_check,
            actor=reviewing_actor(spot_check, request.actor, load_context(spot_check, now)),
            now=now,
            reason=text,
        )
    except InvalidInput as error:
        context = _context(spot_check, request.actor, typed=text, error=error.refusal.sentence)
        return page(request, TEMPLATE, context, status=error.status)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": spot_check.href})
    return redirect("sample", pk=pk)


def reviewing_actor(spot_check: Sample, actor: Actor, context: SubmissionContext) -> Actor:
    """Return the actor who may decide: the reader, or the reader for a person who delegated to them (A11)."""
    own_refusal = spot_checks.find_fine.refusal(spot_check, actor=actor, now=context.now, context=context)
    if own_refusal is None or own_refusal.code == "STATE" or actor.person is None:
        return actor
    givers = set(access.answers_as(actor, context.now)) - {actor.person.pk}
    for person in light_path_spot_checks.reviewers_of(spot_check, context) if givers else ():
        if person.pk in givers:
            return actor.for_person(person)
    return actor


def _context(spot_check: Sample, actor: Actor, *, typed: str = "", error: str = "") -> Shape:
    now, submission = business_time.now(), spot_check.submission
    context = load_context(spot_check, now)
    automation = submission.automation
    stands = automation.approved_version_id == submission.version_id
    acting_as = reviewing_actor(spot_check, actor, context)
    refusal = spot_checks.find_fine.refusal(spot_check, actor=acting_as, now=now, context=context)
    subject_words = "what policy approved" if spot_check.is_of_policy else "what changed"
    return {
        "now": now,
        "crumbs": [
            {"label": automation.name, "href": reverse("automation", args=[automation.pk])},
            {"label": f"Version {submission.version.number}, looked at", "href": ""},
        ],
        "head": {
            "title": f"{automation.name}: is {subject_words} fine?",
            "tier": submission.tier,
            "facts": [
                automation.team.name,
                f"version {submission.version.number} {'is' if stands else 'was'} in force",
                f"submitted by {submission.submitted_by.name}",
            ],
        },
        "sample": {
            "state": spot_check.state,
            "due": spot_check.due_at if spot_check.state == SampleState.OPEN else None,
        },
        "approved": _approved_privilege(spot_check),
        "standing": _outcome_rows(spot_check),
        "compare": diff_context(spot_check.before, submission.version) if spot_check.before is not None else None,
        "versions_href": reverse("automation_version", args=[automation.pk, submission.version.number]),
        "form": {
            "action": spot_check.href,
            "reason": {"value": typed, "error": error},
            "for_whom": acting_as.standing_for.name if acting_as.standing_for else "",
        }
        if refusal is None
        else None,
        "locked": {"sentence": refusal.sentence, "code": refusal.code, "to_do": refusal.to_do}
        if refusal is not None
        else None,
        "events": timeline_queries.shapes(spot_check, reader=actor.person, limit=EVENTS, actor=actor, now=now),
        "ledger_href": ledger_href(spot_check, actor=actor, now=now),
    }


def _approved_privilege(spot_check: Sample) -> Shape | None:
    """Return the auto-approved privilege in words, with its justification; None for a changed source (A13)."""
    approval = spot_check.approval
    if approval is None:
        return None
    rows = [{"label": "Approved by", "text": approval_rows.policy_words(spot_check.submission)}]
    if approval.privilege is not None:
        entitlement = approval.privilege.entitlement
        rows.append({"label": "Level", "text": approval.privilege.get_level_display()})
        rows.append({"label": "Data", "text": entitlement.counted_class.capitalize()})
        owner = entitlement.resource.owner
        rows.append({"label": "Owner", "text": owner.name if owner is not None else "nobody"})
    rows.append({"label": "Term", "text": times.counted(approval.granted_term_days or approval.term_days, "day")})
    why = approval.justification.shown if approval.justification is not None else ""
    return {
        "title": approval.title,
        "why": why,
        "asked_by": spot_check.submission.submitted_by.name,
        "facts": rows,
        "reasons": [{"icon": "file", "text": text} for text in approval.reasons],
        "review_href": reverse("review", args=[spot_check.submission_id]),
    }


def _outcome_rows(spot_check: Sample) -> list[Shape]:
    """Return how it was drawn, who was asked and who answered."""
    rows: list[Shape] = []
    if spot_check.drawn_from_seal is not None:
        drawn = f"Seal {spot_check.drawn_from_seal} of the ledger; one in {policy_queries.policy_of(spot_check.submission.policy).sampled_one_in} is drawn"
        rows.append({"label": "Drawn from", "text": drawn})
    if spot_check.state == SampleState.OPEN:
        names = list(
            Person.objects.filter(pk__in=spot_check.asked).order_by("name", "pk").values_list("name", flat=True)
        )
        rows.append({"label": "With", "text": " or ".join(names) or "nobody: it is suspended when its time is up"})
    if spot_check.looked_by is not None:
        instead = f", for {spot_check.looked_for.name}" if spot_check.looked_for is not None else ""
        rows.append({"label": "Looked at by", "text": f"{spot_check.looked_by.name}{instead}"})
    return rows
