"""What a new automation may be the same as: noted as it is submitted, and said by whoever approves the app (I9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approvals.assignment.route import route_of
from approvals.models import Approval, Decision, Likeness, LikenessAnswer, Submission
from approvals.prior_decisions import duplicates
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Step
from inventory.duplicates.queries import Alike

#: How the fields of a decision's form begin that say whether the app is the same as another.
FIELD = "same-"


def note(step: Step[Any], submission: Submission, found: Sequence[Alike]) -> None:
    """Write down what was not known yet, with an event on the automation."""
    automation = submission.automation
    known = set(Likeness.objects.filter(automation=automation).values_list("other", "because"))
    new = [one for one in duplicates.told(automation, found) if (one.other.pk, one.because) not in known]
    Likeness.objects.bulk_create(
        Likeness(automation=automation, other=one.other, submission=submission, because=one.because, at=step.now)
        for one in new
    )
    if new:
        others = [str(one.other.pk) for one in new]
        step.record("automation.found_alike", automation, {"others": others})


def check(step: Step[Approval], same: Mapping[int, bool]) -> list[Likeness]:
    """What whoever approves the app has to say, and has said.

    Args:
        step: the running approval.
        same: by id of a likeness, whether it is the same.

    Raises:
        InvalidInput: one that they see is left out, or one is said that is no question of this record; with its field.
        OutOfTurn: they may not see one, and nobody signs after them.
    """
    record = step.subject
    rows = duplicates.open_of(record.submission.automation) if record.stage == 1 else []
    seen = duplicates.seen(rows, step.actor, step.now)
    if not same.keys() <= seen:
        raise refuse(Refusal("I9", "input", "What it may be the same as was said meanwhile, or is no question here."))
    unseen = [one for one in rows if one.pk not in seen]
    if unseen and sum(not seat.is_filled for seat in route_of(record, step.now).standing(record)) < 2:
        sentence = "It may be the same as another automation, and whoever may see that one says first whether it is."
        raise refuse(Refusal("I9", "state", sentence, "Somebody who sees both approves it; you can reject it, or ask."))
    left = [one for one in rows if one.pk in seen and one.pk not in same]
    if left:
        detail = _asked(left)
        sentence = f"Say whether it is the same as {left[0].other}: it is approved once somebody has."
        raise refuse(
            Refusal(
                "I9", "input", sentence, "Look at the other one; reject this, or ask, where you can't tell.", detail
            )
        )
    return [one for one in rows if one.pk in same]


def unsaid(step: Step[Approval], same: Mapping[int, bool]) -> tuple[tuple[str, str], ...]:
    """What whoever approves the app has left out, each by its field, for a refusal that says all that is missing at once."""
    record = step.subject
    rows = duplicates.open_of(record.submission.automation) if record.stage == 1 else []
    seen = duplicates.seen(rows, step.actor, step.now)
    return _asked([one for one in rows if one.pk in seen and one.pk not in same])


def _asked(left: Iterable[Likeness]) -> tuple[tuple[str, str], ...]:
    return tuple((field_of(one), "Say whether it is the same.") for one in left)


def answer(step: Step[Approval], rows: Iterable[Likeness], same: Mapping[int, bool], decision: Decision) -> None:
    """Write down what was said with a decision."""
    for one in rows:
        LikenessAnswer.objects.create(likeness=one, decision=decision, is_same=same[one.pk])
        event = "automation.said_same" if same[one.pk] else "automation.told_apart"
        step.record(event, one.automation, {"other": str(one.other_id)})


def field_of(one: Likeness) -> str:
    """The name of its field on the decision's form."""
    return f"{FIELD}{one.pk}"


__all__ = ["answer", "check", "field_of", "note", "unsaid"]
