"""Possible duplicates of a submission's app: state of the other automation, earlier answer, and the question to the approver (I9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from approvals.decisions.transitions.duplicates import field_name
from approvals.models import Likeness, Submission, SubmissionState
from approvals.models.duplicate import Because
from approvals.prior_decisions import duplicates
from approvals.review.views.reader import Reader, Shape
from governance.web.components import times

BECAUSE = {Because.SOURCE: "the very same source", Because.PRIVILEGES: "nearly the same privileges"}
#: End of the other automation's submission, if it says more than the automation's state.
ENDED = {
    SubmissionState.REJECTED: "rejected",
    SubmissionState.WITHDRAWN: "withdrawn",
    SubmissionState.EXPIRED: "expired",
    SubmissionState.DECLINED: "declined",
}


@dataclass(frozen=True)
class PossibleDuplicate:
    """One possible duplicate as the reader sees it.

    Args:
        row: with the other automation and the answer.
        is_seen: whether the reader may see the other automation.
        ended: how its last submission ended without coming into force, in words; else empty.
    """

    row: Likeness
    is_seen: bool
    ended: str

    @property
    def field(self) -> str:
        """Name of its field in the decision form."""
        return field_name(self.row)

    def shape(self) -> Shape:
        """Context for ``approvals/review/app.html``."""
        other = self.row.other
        name = other.name if self.is_seen else "an automation of another team"
        stands = f"{other.get_state_display().lower()}, {other.team.name}" if self.is_seen else ""
        words = "; ".join(
            filter(None, [BECAUSE[Because(self.row.because)], stands, self.ended if self.is_seen else ""])
        )
        answer_words = {None: "", True: "It was said to be the same.", False: "It was said to be another one."}[
            self.row.said
        ]
        return {"name": name, "href": other.href if self.is_seen else "", "words": words, "said": answer_words}

    def question(self, reader: Reader) -> Shape:
        """Context for ``approvals/review/decision_form.html``."""
        name, typed = self.field, (reader.typed or {}).get("same", {})
        return {**self.shape(), "field": name, "value": typed.get(name, ""), "error": reader.errors.get(name, "")}


def possible_duplicates(submission: Submission, reader: Reader) -> list[PossibleDuplicate]:
    """Possible duplicates: one query if there are none, else three."""
    rows = list(Likeness.objects.of(submission.automation))
    if not rows:
        return []
    seen, ended = duplicates.ids_answerable_by(rows, reader.actor, reader.now), _ended(rows)
    return [PossibleDuplicate(row, row.pk in seen, ended.get(row.other_id, "")) for row in rows]


def questions(matches: Iterable[PossibleDuplicate], reader: Reader) -> Sequence[Shape]:
    """Open questions that the reader can answer."""
    return [match.question(reader) for match in matches if match.is_seen and match.row.said is None]


def _ended(rows: Iterable[Likeness]) -> dict[int, str]:
    latest = Submission.objects.filter(automation__in=[likeness.other_id for likeness in rows])
    latest = latest.order_by("automation_id", "-pk").distinct("automation_id")
    return {
        submission.automation_id: f"its last submission was {ENDED[SubmissionState(submission.state)]}, {times.stamp_words(submission.ended_at)}"
        for submission in latest
        if submission.state in ENDED and submission.ended_at is not None
    }
