"""Possible duplicates of a submission's app: state of the other automation, earlier answer, and the question to the approver (I9)."""

from collections.abc import Iterable, Sequence

from approvals.duplicates import queries
from approvals.duplicates.answers import field_name
from approvals.models import Likeness, Submission
from approvals.models.submission import TO_NOTHING
from approvals.review.views.reader import Reader
from governance.web.components import times
from governance.web.pages.page import Shape

SAID = {None: "", True: "Answered: it is the same.", False: "Answered: it is another automation."}


def possible_duplicates(submission: Submission, reader: Reader) -> list[Shape]:
    """Possible duplicates for ``approvals/review/app.html``: one query if there are none, else six."""
    rows = list(Likeness.objects.of_automation(submission.automation))
    if not rows:
        return []
    seen, ended = queries.ids_answerable_by(rows, reader.actor, reader.now), _ended(rows)
    return [_shape(row, row.pk in seen, ended.get(row.other_id, "")) for row in rows]


def _shape(row: Likeness, is_seen: bool, ended: str) -> Shape:
    """One possible duplicate. An automation that the reader does not see stays anonymous."""
    other, because = row.other, row.get_because_display().lower()
    shape: Shape = {"field": field_name(row), "said": SAID[row.is_same], "may_answer": is_seen and row.is_same is None}
    if not is_seen:
        return shape | {"name": "an automation of another team", "href": "", "words": because}
    words = filter(None, (because, f"{other.get_state_display().lower()}, {other.team.name}", ended))
    return shape | {"name": other.name, "href": other.href, "words": "; ".join(words)}


def questions(matches: Iterable[Shape], reader: Reader) -> Sequence[Shape]:
    """Open questions that the reader can answer, for ``approvals/review/decision_form.html``."""
    return [
        match | {"value": reader.typed.get(match["field"], ""), "error": reader.errors.get(match["field"], "")}
        for match in matches
        if match["may_answer"]
    ]


def _ended(rows: Iterable[Likeness]) -> dict[int, str]:
    """End of the last submission, by automation, if it says more than the automation's state."""
    latest = Submission.objects.filter(automation__in=[likeness.other_id for likeness in rows])
    latest = latest.order_by("automation_id", "-pk").distinct("automation_id")
    return {
        row.automation_id: f"its last submission was {row.get_state_display().lower()}, {times.stamp_words(row.ended_at)}"
        for row in latest
        if row.state in TO_NOTHING and row.ended_at is not None
    }
