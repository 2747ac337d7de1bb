"""Possible duplicates of a new automation: stored at submission, and answered by the approver of the app (I9)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from approvals.duplicates import queries
from approvals.duplicates.queries import Duplicate
from approvals.models import Approval, Decision, Likeness, LikenessAnswer, Submission
from governance.core.access import Refusal, refuse
from governance.core.engine.transition import Step

#: Prefix of the decision form's fields about duplicates.
FIELD = "same-"


def store_likenesses(step: Step[Any], submission: Submission, matches: Sequence[Duplicate]) -> None:
    """Store new likenesses, with an event on the automation."""
    automation = submission.automation
    stored_pairs = set(Likeness.objects.filter(automation=automation).values_list("other", "because"))
    new = [match for match in matches if (match.other.pk, match.because) not in stored_pairs]
    Likeness.objects.bulk_create(
        Likeness(automation=automation, other=match.other, submission=submission, because=match.because, at=step.now)
        for match in new
    )
    if new:
        step.record("automation.found_alike", automation, {"others": [str(match.other.pk) for match in new]})


def check_answers(step: Step[Approval], same: Mapping[int, bool]) -> list[Likeness]:
    """Return the likenesses that the approver has answered.

    Args:
        step: the running approval.
        same: whether it is the same, by id of the likeness.

    Raises:
        InvalidInput: a visible likeness has no answer, or an answer has no open likeness here; with its field.
        OutOfTurn: the approver may not see one, and nobody signs after them.
    """
    rows, seen = _likenesses_to_answer(step)
    if not same.keys() <= seen:
        raise refuse(Refusal("I9", "input", "This was answered already, or is not part of this approval."))
    unseen = [likeness for likeness in rows if likeness.pk not in seen]
    if unseen and sum(not seat.is_filled for seat in step.context.route.standing(step.subject)) < 2:
        sentence = "It may be a duplicate of an automation that you can't see. Its reader answers that first."
        raise refuse(Refusal("I9", "state", sentence, "Somebody who sees both can approve. You can reject or ask."))
    missing = [likeness for likeness in rows if likeness.pk in seen and likeness.pk not in same]
    if missing:
        detail = _missing_answers(missing)
        sentence = f"Say whether it is the same as {missing[0].other}: it is approved once somebody has."
        to_do = "Look at the other one; reject this, or ask, where you can't tell."
        raise refuse(Refusal("I9", "input", sentence, to_do, detail))
    return [likeness for likeness in rows if likeness.pk in same]


def missing_answers(step: Step[Approval], same: Mapping[int, bool]) -> tuple[tuple[str, str], ...]:
    """Return the visible likenesses without an answer, by field, for a refusal that lists everything missing."""
    rows, seen = _likenesses_to_answer(step)
    return _missing_answers([likeness for likeness in rows if likeness.pk in seen and likeness.pk not in same])


def _likenesses_to_answer(step: Step[Approval]) -> tuple[list[Likeness], frozenset[int]]:
    """Return the likenesses that stage 1 has to answer, and the ids that the actor may see."""
    approval = step.subject
    rows = queries.unanswered(approval.submission.automation) if approval.stage == 1 else []
    return rows, queries.ids_answerable_by(rows, step.actor, step.now)


def _missing_answers(missing: Iterable[Likeness]) -> tuple[tuple[str, str], ...]:
    return tuple((field_name(likeness), "Say whether it is the same.") for likeness in missing)


def store_answers(step: Step[Approval], rows: Iterable[Likeness], same: Mapping[int, bool], decision: Decision) -> None:
    """Store the answers that were given with a decision."""
    for likeness in rows:
        LikenessAnswer.objects.create(likeness=likeness, decision=decision, is_same=same[likeness.pk])
        event = "automation.said_same" if same[likeness.pk] else "automation.told_apart"
        step.record(event, likeness.automation, {"other": str(likeness.other_id)})


def field_name(likeness: Likeness) -> str:
    """Return the name of its field on the decision form."""
    return f"{FIELD}{likeness.pk}"
