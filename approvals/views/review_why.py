"""Why this tier, why this route: the reasons of each tier in words, and which signatures which version of the policy asks for (T2, T3, A1)."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals import policies
from approvals.models import Approval, SeatLabel, Submission
from approvals.views.policy_rows import SIGNED_BY
from approvals.views.reader import Shape
from governance.controls import clock
from governance.web.middleware import Request
from governance.web.pages import page

#: Signatures beside those of the policy: what somebody did before, is to the builder, or what else is held takes one more.
BESIDE = {
    SeatLabel.SECOND: "a second one, because the same was refused, withdrawn or stopped before",
    SeatLabel.OUTSIDE: "one from outside both teams, because two of the people often approve for each other",
    SeatLabel.CONFLICT: "one of security, because it is in conflict with something else",
}


@require_GET
def review_why(request: Request, pk: int) -> HttpResponse:
    """The page of one submission, for whoever may see it."""
    seen = Submission.objects.visible_to(request.actor, clock.now()).select_related("automation", "policy")
    submission = get_object_or_404(seen, pk=pk)
    about = ("privilege__entitlement__resource", "credential")
    records = submission.approvals.select_related(*about).prefetch_related("seats").order_by("stage", "pk")
    policy = policies.of(submission.policy)
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
            "policy": {"number": submission.policy.number, "href": submission.policy.href},
            "light": submission.light_path,
            "records": [_record(one, policy) for one in records],
        },
    }
    return page(request, "approvals/review_why.html", context)


def _record(record: Approval, policy: policies.Policy) -> Shape:
    there = [seat.label for seat in record.seats.all()]
    signed = [SIGNED_BY.get(label, label) for label in policy.seats(record.kind, record.tier)]
    return {
        "title": "The app" if record.stage == 1 else record.title,
        "tier": record.tier,
        "reasons": list(record.reasons),
        "seats": " and ".join(signed),
        "beside": "; ".join(BESIDE[SeatLabel(label)] for label in there if label in BESIDE),
        "days": record.term_days if record.stage == 2 else None,
        "by_policy": record.by_policy_id is not None,
    }
