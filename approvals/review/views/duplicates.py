"""What the app of a submission may be the same as: how the other stands, what was said, and the question to whoever decides (I9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from approvals.decisions.transitions.duplicates import field_of
from approvals.models import Likeness, Submission, SubmissionState
from approvals.models.duplicate import Because
from approvals.prior_decisions import duplicates
from approvals.review.views.reader import Reader, Shape
from governance.web.components import times

BECAUSE = {Because.SOURCE: "the very same source", Because.PRIVILEGES: "nearly the same privileges"}
#: How a submission of the other ended, where that says more than how the other stands.
ENDED = {
    SubmissionState.REJECTED: "rejected",
    SubmissionState.WITHDRAWN: "withdrawn",
    SubmissionState.EXPIRED: "expired",
    SubmissionState.DECLINED: "declined",
}


@dataclass(frozen=True)
class Known:
    """One likeness as a reader sees it.

    Args:
        row: with its other and what was said.
        is_seen: whether the reader may see the other automation.
        ended: how its last submission came to nothing, in words; else empty.
    """

    row: Likeness
    is_seen: bool
    ended: str

    @property
    def field(self) -> str:
        """The name of its field on the decision's form."""
        return field_of(self.row)

    def shape(self) -> Shape:
        """What ``approvals/review/app.html`` shows of it."""
        other = self.row.other
        name = other.name if self.is_seen else "an automation of another team"
        stands = f"{other.get_state_display().lower()}, {other.team.name}" if self.is_seen else ""
        words = "; ".join(
            filter(None, [BECAUSE[Because(self.row.because)], stands, self.ended if self.is_seen else ""])
        )
        said = {None: "", True: "It was said to be the same.", False: "It was said to be another one."}[self.row.said]
        return {"name": name, "href": other.href if self.is_seen else "", "words": words, "said": said}

    def question(self, reader: Reader) -> Shape:
        """What ``approvals/review/decision_form.html`` asks of it."""
        name, typed = self.field, (reader.typed or {}).get("same", {})
        return {**self.shape(), "field": name, "value": typed.get(name, ""), "error": reader.errors.get(name, "")}


def of(submission: Submission, reader: Reader) -> list[Known]:
    """What it may be the same as: no query where `dossier.visible` found none, else three."""
    if not getattr(submission, "has_alike", True):
        return []
    rows = list(Likeness.objects.of(submission.automation))
    seen, ended = duplicates.seen(rows, reader.actor, reader.now), _ended(rows)
    return [Known(row, row.pk in seen, ended.get(row.other_id, "")) for row in rows]


def questions(known: Iterable[Known], reader: Reader) -> Sequence[Shape]:
    """Those that nobody has answered and that the reader can answer."""
    return [one.question(reader) for one in known if one.is_seen and one.row.said is None]


def _ended(rows: Iterable[Likeness]) -> dict[int, str]:
    last = Submission.objects.filter(automation__in=[one.other_id for one in rows])
    last = last.order_by("automation_id", "-pk").distinct("automation_id")
    return {
        one.automation_id: f"its last submission was {ENDED[SubmissionState(one.state)]}, {times.stamp_words(one.ended_at)}"
        for one in last
        if one.state in ENDED and one.ended_at is not None
    }
