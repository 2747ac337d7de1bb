"""Reasons of the tiers and the route: words per tier, and the signatures that the policy version asks for (T2, T3, A1)."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from approvals.assignment.context import SubmissionContext, load_context
from approvals.conflicts.check.automation import FoundConflict
from approvals.models import Approval, SeatLabel, Submission
from approvals.models.conflict_rule import Mode
from approvals.policies.views.policies import SIGNED_BY
from approvals.review.views.reader import Shape
from governance.core.access import Actor
from governance.web.components import times
from governance.web.pages.page import page
from governance.web.requests.request import Request, visible_row
from inventory.models import Automation

#: Signatures in addition to the policy's.
ADDITIONAL_SIGNATURES = {
    SeatLabel.SECOND: "a second one, because the same was refused, withdrawn or stopped before",
    SeatLabel.CONFLICT: "one of security, because of",
}

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
        "why": {
            "reasons": [{"icon": "info", "text": text} for text in submission.reasons],
            "joined": _joined(loaded.facts.chain.others, request.actor, now),
            "policy": {"number": submission.policy.number, "href": submission.policy.href},
            "light": submission.light_path,
            "records": [_record(record, loaded) for record in loaded.approvals],
        },
    }
    return page(request, "approvals/review/route_reasons.html", context)


def _joined(others: Collection[int], actor: Actor, now: datetime) -> list[Shape]:
    """Connected automations (A16): visible ones by name, the others as a count."""
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=others).order_by("name", "pk")
    named = [{"name": automation.name, "href": automation.href} for automation in seen]
    more, hidden = len(named) - JOINED, len(others) - len(named)
    counted = [f"{more} more"] if more > 0 else []
    counted += [f"{times.counted(hidden, 'automation')} that you don’t see"] if hidden else []
    return [*named[:JOINED], *({"name": count_words, "href": ""} for count_words in counted)]


def _additional_signature(label: str, findings: Sequence[FoundConflict]) -> Shape:
    """An additional signature with the rules that ask for it. Without rules if they were changed or waived since."""
    words = ADDITIONAL_SIGNATURES[SeatLabel(label)]
    if label != SeatLabel.CONFLICT:
        return {"text": words, "rules": []}
    signed_for = [finding.standing for finding in findings if finding.standing.rule.mode == Mode.APPROVAL]
    rules = {row.rule.code: {"name": row.rule.title, "href": row.version.href} for row in signed_for}
    text = words if rules else f"{words} a conflict that was found when it was asked"
    return {"text": text, "rules": list(rules.values())}


def _record(record: Approval, context: SubmissionContext) -> Shape:
    labels = [seat.label for seat in context.facts.seats_of(record) if seat.label in ADDITIONAL_SIGNATURES]
    findings = context.conflicts.remaining_of(record)
    return {
        "record": record,
        "seats": [SIGNED_BY.get(label, label) for label in context.facts.policy.seats(record.kind, record.tier)],
        "beside": [_additional_signature(label, findings) for label in labels],
    }
