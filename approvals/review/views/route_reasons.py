"""Why this tier, why this route: the reasons of each tier in words, and which signatures which version of the policy asks for (T2, T3, A1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.conflicts.check import remaining_conflicts
from approvals.conflicts.check.automation import Found
from approvals.models import Approval, SeatLabel, Submission
from approvals.models.conflict import Mode
from approvals.policies import queries as policy_queries
from approvals.policies.views.rows import SIGNED_BY
from approvals.review.views.reader import Shape
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from inventory.chains import queries as chain_queries
from inventory.models import Automation

#: Signatures beside those of the policy: what somebody did before, is to the builder, or what else is held takes one more.
BESIDE = {
    SeatLabel.SECOND: "a second one, because the same was refused, withdrawn or stopped before",
    SeatLabel.CONFLICT: "one of security, because of",
}

#: Others of its chain that are named.
JOINED = 12


@require_GET
def review_why(request: Request, pk: int) -> HttpResponse:
    """The page of one submission, for whoever may see it."""
    now, actor = business_time.now(), request.actor
    seen = Submission.objects.visible_to(actor, now).select_related("automation", "version", "policy")
    submission = get_object_or_404(seen, pk=pk)
    about = ("privilege__entitlement__resource", "credential")
    records = submission.approvals.select_related(*about).prefetch_related("seats").order_by("stage", "pk")
    policy = policy_queries.of(submission.policy)
    context: Shape = {
        "crumbs": [
            {"label": "Desk", "href": reverse("desk")},
            {"label": f"Submission {submission.reference}", "href": reverse("review", args=[pk])},
            {"label": "Why", "href": ""},
        ],
        "head": {
            "title": "Why this tier, why this route",
            "tier": submission.tier,
            "facts": [submission.automation.name, f"submission {submission.reference}"],
        },
        "why": {
            "reasons": [{"icon": "info", "text": text} for text in submission.reasons],
            "joined": _joined(submission, actor, now),
            "policy": {"number": submission.policy.number, "href": submission.policy.href},
            "light": submission.light_path,
            "records": [_record(one, policy, remaining_conflicts.of_record(one, now)) for one in records],
        },
    }
    return page(request, "approvals/review/route_reasons.html", context)


def _joined(submission: Submission, actor: Actor, now: datetime) -> list[Shape]:
    """The others in its chain (A16): by name those that the reader may see, the rest counted."""
    others = chain_queries.with_version(submission.version).others
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=others).order_by("name", "pk")
    named = [{"name": one.name, "href": one.href} for one in seen]
    more, hidden = len(named) - JOINED, len(others) - len(named)
    counted = [f"{more} more"] if more > 0 else []
    counted += [f"{times.counted(hidden, 'automation')} that you don’t see"] if hidden else []
    return [*named[:JOINED], *({"name": said, "href": ""} for said in counted)]


def _beside(label: str, found: Sequence[Found]) -> Shape:
    """A signature beside those of the policy, with the rules that ask for it by title; none where they were changed or waived since."""
    signed_for = [one.standing for one in found if one.standing.rule.mode == Mode.APPROVAL]
    rules = {one.rule.code: {"name": one.rule.title, "href": one.version.href} for one in signed_for}
    is_of_rules = label == SeatLabel.CONFLICT
    gone = "" if rules or not is_of_rules else " a conflict that was found when it was asked"
    return {"text": f"{BESIDE[SeatLabel(label)]}{gone}", "rules": list(rules.values()) if is_of_rules else []}


def _record(record: Approval, policy: policy_queries.Policy, found: Sequence[Found]) -> Shape:
    there = [seat.label for seat in record.seats.all()]
    signed = [SIGNED_BY.get(label, label) for label in policy.seats(record.kind, record.tier)]
    return {
        "title": "The app" if record.stage == 1 else record.title,
        "tier": record.tier,
        "reasons": list(record.reasons),
        "seats": " and ".join(signed),
        "beside": [_beside(label, found) for label in there if label in BESIDE],
        "days": record.term_days if record.stage == 2 else None,
        "by_policy": record.by_policy_id is not None,
    }
