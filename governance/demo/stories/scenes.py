"""Scenes that most stories have: an import with its submission, and the approval of everything that is left."""

from __future__ import annotations

from datetime import timedelta

from approvals.assignment.context import load_context
from approvals.decisions.transitions import decide
from approvals.models import ApprovalState, SeatLabel, Submission
from governance.demo.company.cast import Cast
from governance.demo.stories.playback import Ago, Scene

#: Time between import and submission, and between two decisions.
SOON, MINUTES = timedelta(minutes=30), timedelta(minutes=5)


def submit_export(d: Cast, name: str, days: int, at: str) -> Scene[Submission]:
    """Import an export so many days ago, and submit it half an hour later."""
    d.now = yield Ago(days, at)
    version = d.bring_in(name)
    d.now = yield SOON
    return d.submit(version, name)


def approve_rest(d: Cast, submission: Submission, reason: str = "") -> Scene[None]:
    """Approve all open approvals in all their seats by the asked people, a few minutes apart."""
    for pk in submission.approvals.filter(state=ApprovalState.OPEN).order_by("pk").values_list("pk", flat=True):
        approval = submission.approvals.get(pk=pk)  # an extra approval may have approved it (S6)
        while approval.state == ApprovalState.OPEN:
            seats = load_context(submission, d.now).route.standing(approval)
            by = next(seat.may_decide[0] for seat in seats if not seat.is_filled and seat.may_decide)
            needs_reason = approval.tier == "high" or approval.seats.filter(label=SeatLabel.CONFLICT).exists()
            d.decide(decide.approve, approval, by, reason if needs_reason else "")
            d.now = yield timedelta(minutes=d.dice.randint(2, 6))
