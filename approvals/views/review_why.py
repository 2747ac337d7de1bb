"""Why this tier, why this route: the reasons of each tier in words, and which signatures which version of the policy asks for (T2, T3, A1)."""

from __future__ import annotations

from approvals import policies
from approvals.models import Approval, SeatLabel
from approvals.views.policy_rows import SIGNED_BY
from approvals.views.reader import Reader, Shape
from approvals.views.review_read import Dossier

#: Signatures beside those of the policy: what somebody did before, or is to the builder, takes one more.
BESIDE = {
    SeatLabel.SECOND: "a second one, because the same was refused, withdrawn or stopped before",
    SeatLabel.OUTSIDE: "one from outside both teams, because two of the people often approve for each other",
}


def shape(about: Dossier, reader: Reader) -> Shape:
    """The context of ``approvals/review/why.html``.

    Args:
        about: the submission.
        reader: who reads.
    """
    submission = about.submission
    policy = policies.of(submission.policy)
    return {
        "tier": submission.tier,
        "reasons": [{"icon": "info", "text": text} for text in submission.reasons],
        "policy": {"number": submission.policy.number, "href": submission.policy.href},
        "light": submission.light_path,
        "records": [_record(one, about, policy) for one in about.records],
    }


def _record(record: Approval, about: Dossier, policy: policies.Policy) -> Shape:
    asked = policy.seats(record.kind, record.tier)
    there = [seat.label for seat in about.route.seats(record)]
    signed = [SIGNED_BY.get(label, label) for label in asked]
    beside = [BESIDE[SeatLabel(label)] for label in there if label in BESIDE]
    return {
        "title": "The app" if record.stage == 1 else record.title,
        "tier": record.tier,
        "reasons": list(record.reasons),
        "seats": " and ".join(signed),
        "beside": "; ".join(beside),
        "days": record.term_days if record.stage == 2 else None,
        "by_policy": record.by_policy_id is not None,
    }
