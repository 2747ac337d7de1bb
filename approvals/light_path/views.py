"""What was drawn to be looked at: a change of source, or what policy approved; and whether it is fine (A12, A13)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

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
from inventory.versions.views import compared

Shape = dict[str, Any]

TEMPLATE = "approvals/light_path/spot_check.html"
#: What the form may say, by the name of its button.
VERDICTS = {"fine": spot_checks.find_fine, "not_fine": spot_checks.find_not_fine}
#: Events of the timeline; the ledger has the rest.
EVENTS = 20


@require_http_methods(["GET", "POST"])
def sample(request: Request, pk: int) -> HttpResponse:
    """One sample, as the mail links to it; whoever may see it and not look at it reads why not."""
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
    found = get_object_or_404(seen.defer(*(f"submission__{name}" for name in UNSHOWN)), pk=pk)
    if request.method == "GET":
        return page(request, TEMPLATE, _context(found, request.actor))
    text = request.POST.get("reason", "")
    try:
        verb = VERDICTS.get(request.POST.get("verdict", ""))
        if verb is None:
            raise refuse(Refusal("A12", "input", "Say whether it is fine or not; what you typed is still there."))
        verb(found, actor=acting(found, request.actor), now=now, reason=text)
    except InvalidInput as no:
        context = _context(found, request.actor, typed=text, error=no.refusal.sentence)
        return page(request, TEMPLATE, context, status=no.status)
    except Refused as no:
        return refused(request, no.refusal, context={"back_href": found.href})
    return redirect("sample", pk=pk)


def acting(found: Sample, actor: Actor) -> Actor:
    """As whom the reader may look: as themself, else for somebody who passed their decisions on to them (A11)."""
    now = business_time.now()
    own = spot_checks.find_fine.refusal(found, actor=actor, now=now)
    if own is None or own.code == "STATE" or actor.person is None:
        return actor
    givers = set(access.answers_as(actor, now)) - {actor.person.pk}
    for person in light_path_spot_checks.may_look(found, now) if givers else ():
        if person.pk in givers:
            return actor.for_person(person)
    return actor


def _context(found: Sample, actor: Actor, *, typed: str = "", error: str = "") -> Shape:
    now, submission = business_time.now(), found.submission
    automation = submission.automation
    stands = automation.approved_version_id == submission.version_id
    who = acting(found, actor)
    no = spot_checks.find_fine.refusal(found, actor=who, now=now)
    what = "what policy approved" if found.is_of_policy else "what changed"
    return {
        "now": now,
        "crumbs": [
            {"label": automation.name, "href": reverse("automation", args=[automation.pk])},
            {"label": f"Version {submission.version.number}, looked at", "href": ""},
        ],
        "head": {
            "title": f"{automation.name}: is {what} fine?",
            "tier": submission.tier,
            "facts": [
                automation.team.name,
                f"version {submission.version.number} {'is' if stands else 'was'} in force",
                f"submitted by {submission.submitted_by.name}",
            ],
        },
        "sample": {"state": found.state, "due": found.due_at if found.state == SampleState.OPEN else None},
        "approved": _approved(found),
        "standing": _standing(found),
        "compare": compared(found.before, submission.version) if found.before is not None else None,
        "versions_href": reverse("automation_version", args=[automation.pk, submission.version.number]),
        "form": {
            "action": found.href,
            "reason": {"value": typed, "error": error},
            "for_whom": who.standing_for.name if who.standing_for else "",
        }
        if no is None
        else None,
        "locked": {"sentence": no.sentence, "code": no.code, "to_do": no.to_do} if no is not None else None,
        "events": timeline_queries.shapes(found, reader=actor.person, limit=EVENTS, actor=actor, now=now),
        "ledger_href": ledger_href(found, actor=actor, now=now),
    }


def _approved(found: Sample) -> Shape | None:
    """What policy approved, where that is what is looked at: in words, why it was asked for, on what (A13)."""
    record = found.approval
    if record is None:
        return None
    rows = [{"label": "Approved by", "text": approval_rows.policy_words(found.submission)}]
    if record.privilege is not None:
        entitlement = record.privilege.entitlement
        rows.append({"label": "Level", "text": record.privilege.get_level_display()})
        rows.append({"label": "Data", "text": entitlement.counted_class.capitalize()})
        owner = entitlement.resource.owner
        rows.append({"label": "Owner", "text": owner.name if owner is not None else "nobody"})
    rows.append({"label": "Term", "text": times.counted(record.granted_term_days or record.term_days, "day")})
    why = record.justification.shown if record.justification is not None else ""
    return {
        "title": record.title,
        "why": why,
        "asked_by": found.submission.submitted_by.name,
        "facts": rows,
        "reasons": [{"icon": "file", "text": text} for text in record.reasons],
        "review_href": reverse("review", args=[found.submission_id]),
    }


def _standing(found: Sample) -> list[Shape]:
    """How it came to be looked at, and what became of it."""
    rows: list[Shape] = []
    if found.drawn_from_seal is not None:
        drawn = f"Seal {found.drawn_from_seal} of the ledger; one in {policy_queries.of(found.submission.policy).sampled_one_in} is drawn"
        rows.append({"label": "Drawn from", "text": drawn})
    if found.state == SampleState.OPEN:
        names = list(Person.objects.filter(pk__in=found.asked).order_by("name", "pk").values_list("name", flat=True))
        rows.append({"label": "With", "text": " or ".join(names) or "nobody: it is suspended when its time is up"})
    if found.looked_by is not None:
        instead = f", for {found.looked_for.name}" if found.looked_for is not None else ""
        rows.append({"label": "Looked at by", "text": f"{found.looked_by.name}{instead}"})
    return rows
