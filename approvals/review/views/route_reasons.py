"""Reasons of the tiers and the route: words per tier, and the signatures that the policy version asks for (T2, T3, A1)."""

from collections.abc import Collection
from datetime import datetime

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from approvals.assignment.context import SubmissionContext, load_context
from approvals.models import Approval, SeatLabel, Submission
from approvals.models.conflict_rule import Mode
from approvals.policies.views.policies import SIGNED_BY
from governance.core.access import Actor
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, visible_row
from inventory.models import Automation

#: Seats in addition to the policy's.
ADDITIONAL = (SeatLabel.SECOND, SeatLabel.CONFLICT)
#: Maximum number of connected automations by name.
JOINED = 12


@require_GET
def review_why(request: Request, pk: int) -> HttpResponse:
    """Show the reasons of one submission to its readers."""
    submission, now = visible_row(request, Submission, pk, "automation", "version", "policy")
    loaded = load_context(submission, now)
    context: Shape = {
        "submission": submission,
        "head": {
            "title": "Why this tier, why this route",
            "tier": submission.tier,
            "facts": [submission.automation.name, f"submission {submission.reference}"],
        },
        "joined": _joined(loaded.facts.chain.others, request.actor, now),
        "records": [_record(record, loaded) for record in loaded.approvals],
    }
    return page(request, "approvals/review/route_reasons.html", context)


def _joined(others: Collection[int], actor: Actor, now: datetime) -> Shape:
    """Connected automations (A16): visible ones, and counts of the others."""
    seen = list(Automation.objects.visible_to(actor, now).filter(pk__in=others).order_by("name", "pk"))
    return {"named": seen[:JOINED], "more": max(len(seen) - JOINED, 0), "hidden": len(others) - len(seen)}


def _record(record: Approval, context: SubmissionContext) -> Shape:
    """An approval with its seats, and the rules that ask for an extra approval, unless they were changed or waived since."""
    standing = [finding.standing for finding in context.conflicts.remaining_of(record)]
    return {
        "approval": record,
        "seats": [SIGNED_BY.get(label, label) for label in context.facts.policy.seats(record.kind, record.tier)],
        "additional": [seat.label for seat in context.facts.seats_of(record) if seat.label in ADDITIONAL],
        "rules": list({row.rule.code: row for row in standing if row.rule.mode == Mode.APPROVAL}.values()),
    }
