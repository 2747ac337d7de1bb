"""What a new automation may be the same as: noted as it is submitted, and said by whoever approves the app (I9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from approvals import alike
from approvals.models import Approval, Decision, Likeness, LikenessAnswer, Submission
from governance.controls.refusals import Refusal, refuse
from governance.controls.transitions import Step
from inventory.likeness import Alike


def note(step: Step[Any], submission: Submission, found: Iterable[Alike]) -> None:
    """Write down what was not known yet; each with an event of its own on the automation."""
    automation = submission.automation
    known = set(Likeness.objects.filter(automation=automation).values_list("other", flat=True))
    for one in found:
        if one.other.pk in known:
            continue
        Likeness.objects.create(
            automation=automation, other=one.other, submission=submission, because=one.because, at=step.now
        )
        step.record("automation.found_alike", automation, {"other": str(one.other.pk), "because": one.because})


def check(step: Step[Approval], same: Mapping[int, bool]) -> list[Likeness]:
    """What whoever approves the app has to say, and has said.

    Args:
        step: the running approval.
        same: by id of a likeness, whether it is the same.

    Raises:
        InvalidInput: one that they see is left out, or one is said that is no question of this record; with its field.
    """
    record = step.subject
    rows = alike.open_of(record.submission.automation) if record.stage == 1 else []
    seen = alike.seen(rows, step.actor, step.now)
    if not same.keys() <= seen:
        raise refuse(Refusal("I9", "input", "What it may be the same as was said meanwhile, or is no question here."))
    left = [one for one in rows if one.pk in seen and one.pk not in same]
    if left:
        detail = tuple((field_of(one), "Say whether it is the same.") for one in left)
        sentence = f"Say whether it is the same as {left[0].other}: it is approved once somebody has."
        raise refuse(
            Refusal(
                "I9", "input", sentence, "Look at the other one; reject this, or ask, where you can't tell.", detail
            )
        )
    return [one for one in rows if one.pk in same]


def answer(step: Step[Approval], rows: Iterable[Likeness], same: Mapping[int, bool], decision: Decision) -> None:
    """Write down what was said with a decision."""
    for one in rows:
        LikenessAnswer.objects.create(likeness=one, decision=decision, is_same=same[one.pk])
        event = "automation.said_same" if same[one.pk] else "automation.told_apart"
        step.record(event, one.automation, {"other": str(one.other_id)})


def field_of(one: Likeness) -> str:
    """The name of its field on the decision's form."""
    return f"same-{one.pk}"


__all__ = ["answer", "check", "field_of", "note"]
