"""The page of a spot check: a changed source or an auto-approved privilege, and the answer (A12, A13)."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods

from approvals.assignment.context import SubmissionContext, load_context
from approvals.light_path import rules
from approvals.light_path.transitions import spot_checks
from approvals.models import Sample
from approvals.review.dossier import UNSHOWN
from governance.core.access import Actor, InvalidInput, Refusal, access, refuse
from governance.core.clock import current_time
from governance.core.models import Person
from governance.web.pages.page import finish, page, timeline_context
from governance.web.requests.request import Request
from inventory.versions.views import diff_context

TEMPLATE = "approvals/light_path/spot_check.html"
#: Answers by the name of the form's button.
VERDICTS = {"fine": spot_checks.find_fine, "not_fine": spot_checks.find_not_fine}
#: What the page shows of a spot check.
RELATIONS = (
    *(f"submission__{name}" for name in ("automation__team", "version", "submitted_by", "policy")),
    *(f"approval__{name}" for name in ("justification", "privilege__entitlement__resource__owner", "credential")),
    "before",
)
#: Limit of events on the timeline; the ledger has all.
EVENTS = 20


@require_http_methods(["GET", "POST"])
def sample(request: Request, pk: int) -> HttpResponse:
    """Show a spot check. A reader who may not decide it sees why."""
    now = request.now()
    seen = Sample.objects.visible_to(request.actor, now).select_related(*RELATIONS)
    spot_check = get_object_or_404(seen.defer(*(f"submission__{name}" for name in UNSHOWN)), pk=pk)
    if request.method == "GET":
        return page(request, TEMPLATE, _context(spot_check, request.actor))
    text = request.POST.get("reason", "")
    try:
        verb = VERDICTS.get(request.POST.get("verdict", ""))
        if verb is None:
            raise refuse(Refusal("A12", "input", "Say whether it is fine or not; what you typed is still there."))
        reviewer = reviewing_actor(spot_check, request.actor, load_context(spot_check, now))
        verb(spot_check, actor=reviewer, now=now, reason=text)
    except InvalidInput as error:
        context = _context(spot_check, request.actor, typed=text, error=error.refusal.sentence)
        return page(request, TEMPLATE, context, status=error.status)
    return finish(request, verb, "sample", pk)


def reviewing_actor(spot_check: Sample, actor: Actor, context: SubmissionContext) -> Actor:
    """Return the actor who may decide: the reader, or the reader for a person who delegated to them (A11)."""
    own_refusal = spot_checks.find_fine.refusal(spot_check, actor=actor, now=context.now, context=context)
    if own_refusal is None or own_refusal.code == "STATE" or actor.person is None:
        return actor
    givers = set(access.answers_as(actor, context.now)) - {actor.person.pk}
    reviewers = rules.reviewers_of(spot_check, context) if givers else []
    return next((actor.for_person(person) for person in reviewers if person.pk in givers), actor)


def _context(spot_check: Sample, actor: Actor, *, typed: str = "", error: str = "") -> dict[str, Any]:
    now, submission, automation = current_time.now(), spot_check.submission, spot_check.submission.automation
    context = load_context(spot_check, now)
    verb = "is" if automation.approved_version_id == submission.version_id else "was"
    acting_as = reviewing_actor(spot_check, actor, context)
    subject_words = "the auto-approved access" if spot_check.is_of_policy else "the change"
    version, submitter = f"version {submission.version.number}", submission.submitted_by.name
    facts = [automation.team.name, f"{version} {verb} in force", f"submitted by {submitter}"]
    return {
        "head": {"title": f"{automation.name}: is {subject_words} fine?", "tier": submission.tier, "facts": facts},
        "sample": spot_check,
        "one_in": context.facts.policy.sampled_one_in,
        "reviewers": Person.objects.filter(pk__in=spot_check.asked).order_by("name", "pk"),
        "compare": diff_context(spot_check.before, submission.version) if spot_check.before is not None else None,
        "refusal": spot_checks.find_fine.refusal(spot_check, actor=acting_as, now=now, context=context),
        "giver": acting_as.standing_for,
        "typed": typed,
        "error": error,
        **timeline_context(spot_check, actor=actor, now=now, limit=EVENTS),
    }
