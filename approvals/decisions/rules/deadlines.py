"""The duties about time: until when an approval, an answer or an acceptance counts, and from when it expires (A10, A14).

`assignment.due_dates` sets the dates.
"""

from datetime import datetime

from approvals.models import Approval, ApprovalState, Submission
from governance.core.access import Actor, Refusal, duty
from governance.core.clock import organisation


@duty("A14")
def accept_in_time(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    """A partial approval is accepted before its deadline."""
    return _late_refusal("A14", subject.accept_due_at, now, "accept what was approved", "Submit it again.")


@duty("A14")
def accept_time_is_up(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    """A partial approval expires when nobody accepts it in time."""
    return _early_refusal("A14", subject.accept_due_at, now)


@duty("A10")
def time_is_up(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    """An approval without a decision expires when its time is up."""
    ends = subject.expires_at if subject.state == ApprovalState.OPEN else subject.builder_due_at
    return _early_refusal("A10", ends, now)


@duty("A10")
def in_time(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    """An approval can't be decided after it expired."""
    to_do = "The submitter can submit it again. The approvers then decide again."
    return _late_refusal("A10", subject.expires_at, now, "decide this", to_do)


@duty("A14")
def answer_in_time(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    """The builder can't answer after the deadline."""
    to_do = "Submit the automation again, and say the answer in the justification."
    return _late_refusal("A14", subject.builder_due_at, now, "answer this", to_do)


def _late_refusal(code: str, due: datetime | None, now: datetime, verb: str, to_do: str) -> Refusal | None:
    """Return the refusal after a deadline, or None. ``verb`` says what there was time for."""
    if due is None or now < due:
        return None
    return Refusal(code, "state", f"The time to {verb} was over on {deadline_day(due)}: it expires.", to_do)


def _early_refusal(code: str, due: datetime | None, now: datetime) -> Refusal | None:
    """Return the refusal before a deadline, or None."""
    return Refusal(code, "state", "Its time is not up.") if due is None or due > now else None


def deadline_day(instant: datetime) -> str:
    """Return the day on which a deadline ended, in the organisation's time zone (H8)."""
    local = instant.astimezone(organisation.organisation_zone())
    return f"{local.day} {local:%B %Y}"
