"""Notices about a tier that rises during a submission, and webhook messages about submissions (A1, T1, T2).

The frozen request stays, and cannot be approved at the old tier (`current_tiers`). These hooks follow the operations of the
register that raise tiers, so that people learn of it at once.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from approvals.assignment import additional_seats, candidates
from approvals.assignment.context import SubmissionContext, load_context
from approvals.assignment.seat_state import list_names
from approvals.models import Approval, SeatLabel, Submission
from approvals.models.submission import UNFINISHED
from approvals.policies import current_tiers
from governance.core.engine.transition import Step
from governance.core.models import Person
from governance.core.webhooks import webhook_outbox
from inventory.models import Automation, Credential, Resource


def notify_of_raised_tier(raised: Resource | Credential | Automation, step: Step[Any]) -> None:
    """Notify the people concerned by a higher tier, once for each submission and tier. A handler."""
    submissions = Submission.objects.filter(state__in=UNFINISHED, **_affected_filter(raised))
    related = ("automation__team", "version", "policy", "submitted_by")
    for submission in submissions.select_related(*related).distinct().order_by("pk"):
        notify_of_tier(step, load_context(submission, step.now))


def _affected_filter(raised: Resource | Credential | Automation) -> dict[str, Any]:
    """Return the filter for submissions that may be affected."""
    if isinstance(raised, Automation):
        return {"automation": raised}
    if isinstance(raised, Credential):
        return {"version__privileges__credential": raised}
    return {"version__privileges__entitlement__resource": raised}


def notify_of_tier(step: Step[Any], context: SubmissionContext) -> None:
    """Notify builders and additional approvers of approvals that are blocked, because their tier has risen."""
    submission, risen = context.submission, []
    for approval in context.approvals:
        if approval.has_ended and approval.pk != submission.app_approval_id:
            continue
        tier = current_tiers.risen_tier(approval, context.facts)
        tier_refusal = current_tiers.tier_refusal(approval, context.facts)
        if tier is not None and tier_refusal is not None:
            risen.append((approval, tier, tier_refusal.sentence))
    if not risen:
        return
    highest = max(tier for _, tier, _ in risen)
    words = {
        "tier": highest.word,
        "what": list_names([approval.title for approval, _, _ in risen]),
        "because": " ".join(dict.fromkeys(sentence for _, _, sentence in risen)),
    }
    key = f"tier_raised:{highest.word}"
    candidates.notify_builders(step, submission, "tier_raised", key=key, **words)
    seats_by_person = _additional_approvers(context, [(approval, tier.word) for approval, tier, _ in risen])
    candidates.grant_view(submission.automation, seats_by_person)
    for person, labels in seats_by_person.items():
        seats = " and ".join(str(SeatLabel(label).label).lower() for label in sorted(labels))
        candidates.queue_notices(step, submission, [person], "tier_raised", key=f"{key}:asked", **words, asked=seats)
    asked_ids = [str(person.opaque_id) for person in seats_by_person]
    payload = {"tier": highest.word, "records": len(risen), "asked": asked_ids}
    step.record("submission.tier_raised", submission, payload)


def _additional_approvers(context: SubmissionContext, risen: Iterable[tuple[Approval, str]]) -> dict[Person, set[str]]:
    """Return the people for seats that the present tier needs and an approval lacks, with the seats."""
    labels_by_person = defaultdict[Person, set[str]](set)
    for approval, tier in risen:
        present_labels = additional_seats.labels_of(context, approval)
        for label in context.facts.policy.seats(approval.kind, tier):
            if label not in present_labels:
                for person in context.route.would_ask(approval, label):
                    labels_by_person[person].add(label)
    return dict(labels_by_person)


def announce(subject: Submission | Approval, step: Step[Any]) -> None:
    """Send a webhook message to the endpoints of this team. A handler.

    One act on ten approvals sends one message about their submission.
    """
    submission = subject.submission if isinstance(subject, Approval) else subject
    name, page = submission.automation.name, ["review", submission.pk]
    webhook_outbox.announce(step, submission, team=submission.automation.team, what=name, page=page)
