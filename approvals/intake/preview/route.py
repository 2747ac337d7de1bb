"""The route of a preview: approvers, deadlines, skipped people, and whether enough people exist (A9, A10)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from approvals.assignment import due_dates, seat_state
from approvals.assignment.seat_state import SeatState
from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.models import SeatLabel
from approvals.review.remarks import Remark
from approvals.submissions.plan.problems import SHORTAGE_TO_DO
from governance.core.models import Person
from governance.core.texts.number_words import counted, day_of, day_words

QUESTION = "May this app exist for business use?"


@dataclass(frozen=True)
class AskedPerson:
    """A person who would be asked to approve the app."""

    name: str
    capacity: str


@dataclass(frozen=True)
class SeatBox:
    """Approvals of stage 2 for the same people."""

    name: str
    capacity: str
    text: str
    due: datetime | None
    #: Key of the first row that lacks something, if nobody can be asked yet.
    missing: str = ""


@dataclass(frozen=True)
class PreviewRoute:
    """Approvers, their approvals and deadlines, for the page and the API.

    Args:
        app: people asked in stage 1.
        app_text: the question of stage 1, or why it is not asked.
        app_due: the deadline of stage 1; None if nobody is asked.
        seats: boxes of stage 2.
        in_force: when it would be in force.
        is_enough: whether enough distinct people exist for all approvals together.
        short: approvals without an approver, in words; else empty.
        skipped: skipped people, each with the reason and the code of its rule.
    """

    app: list[AskedPerson]
    app_text: str
    app_due: datetime | None
    seats: list[SeatBox]
    in_force: str
    is_enough: bool
    short: str
    skipped: list[tuple[str, str]]


def preview_route(preview: Preview) -> PreviewRoute:
    """Return the route of a preview."""
    plan, now = preview.context, preview.context.now
    days, app_seats = plan.policy.due_days(preview.context.tier), preview.app_seats
    asked = [seat for seat in app_seats if seat.may_decide]
    app_due = max((due_dates.deadline_after(now, days, seat.may_decide[0]) for seat in asked), default=now)
    boxes = [] if plan.light else _boxes(preview, app_due)
    by_policy = (
        f"Policy version {plan.policy.version.number}",
        "auto-approved",
        f"{_counted(preview.asked_rows)}, at once",
    )
    has_problem = preview.plan.short or any(row.problems for row in preview.asked_rows)
    return PreviewRoute(
        app=_app_people(preview, asked),
        app_text=_app_text(preview),
        app_due=app_due if asked else None,
        seats=[SeatBox(*by_policy, None)] if plan.light else boxes,
        in_force=_in_force(preview, boxes, max([app_due, *(box.due for box in boxes if box.due)])),
        is_enough=preview.content.has_owner and not has_problem,
        short=f"Nobody is left to decide: {'; '.join(preview.plan.short)}. {SHORTAGE_TO_DO}"
        if preview.plan.short
        else "",
        skipped=_skipped(preview, app_seats),
    )


def light_path(preview: Preview) -> Remark | None:
    """Return the remark that policy approves stage 2, or why not if all is low risk (A13)."""
    if preview.context.light:
        app_seats = [seat for seat in preview.app_seats if seat.may_decide]
        deciding = f"{people_words(app_seats[0].may_decide)} decides" if len(app_seats) == 1 else "People decide"
        rest_words = f"the rest is approved by policy version {preview.context.policy.version.number}"
        text = f"{deciding} the app; {rest_words}. One grant in {preview.context.policy.sampled_one_in} gets a spot check afterwards."
        return Remark(text, "Auto-approved.", icon="arrow", tone="ok")
    if preview.context.not_light is not None:
        text = f"{preview.context.not_light.sentence} So owners decide."
        return Remark(text, "Low risk, but not auto-approved.", icon="info")
    return None


def people_words(people: Sequence[Person]) -> str:
    """Up to two people by name, more as a count: "Sana Iqbal or Viktor Lind"."""
    if len(people) > 2:
        return f"{people[0].name} or one of {len(people) - 1} others"
    return " or ".join(person.name for person in people)


def _capacity(label: str, basis: str) -> str:
    return "security" if label in (SeatLabel.SECURITY, SeatLabel.CONFLICT) else basis


def _app_text(preview: Preview) -> str:
    changes = preview.context.changes
    since = f" since version {changes.before.version.number}" if changes.before is not None else ""
    return QUESTION if changes.app else f"Not asked again: nothing that it decides about changed{since}."


def _app_people(preview: Preview, seats: Sequence[SeatState]) -> list[AskedPerson]:
    app = preview.plan.approval_of(None)
    return [asked for seat in seats for asked in _asked_people(seat, is_extra=bool(app and app.is_extra(seat.label)))]


def _asked_people(seat: SeatState, *, is_extra: bool) -> list[AskedPerson]:
    """People asked for one seat of stage 1, and those asked in addition if too few would be left for other seats (A9)."""
    suffix = ", extra approval" if is_extra else ""
    suffix = ", since it is in conflict" if seat.label == SeatLabel.CONFLICT else suffix
    capacity, beside = f"{_capacity(seat.label, seat.basis)}{suffix}", seat.beside
    if beside is None:
        return [AskedPerson(people_words(seat.may_decide), capacity)]
    others = f"{beside.basis}, asked too so that somebody is left for {seat_state.list_names(beside.short)}"
    return [AskedPerson(people_words(beside.first), capacity), AskedPerson(people_words(beside.people), others)]


def _boxes(preview: Preview, opens: datetime) -> list[SeatBox]:
    """Boxes of stage 2: one for the same people on the same basis."""
    rows_by_box = defaultdict[tuple[tuple[Person, ...], str, str, bool], list[PreviewRow]](list)
    for row in preview.asked_rows:
        for seat in row.seats:
            people = () if row.problems and seat.label != SeatLabel.SECURITY else seat.may_decide
            is_extra = row.approval is not None and row.approval.is_extra(seat.label)
            rows_by_box[tuple(people), seat.label, seat.basis if people else "", is_extra].append(row)
    # Security comes after the owners, and boxes without people last.
    boxes = sorted(rows_by_box.items(), key=lambda box: (not box[0][0], box[0][1] == SeatLabel.SECURITY))
    route_boxes = []
    for (people, label, basis, is_extra), rows in boxes:
        name, capacity, due, missing = "Nobody yet", "see what is missing", None, rows[0].key
        if people:
            name, capacity, missing = people_words(people), _capacity(label, basis), ""
            days = min(preview.context.policy.due_days(row.requested.tier) for row in rows)
            due = due_dates.deadline_after(opens, days, people[0])
        route_boxes.append(SeatBox(name, capacity, _question(rows, label, is_extra=is_extra), due, missing))
    return route_boxes


def _question(rows: Sequence[PreviewRow], label: str, *, is_extra: bool) -> str:
    count = len(rows)
    if label == SeatLabel.CONFLICT:
        return f"One extra approval for {counted(count, 'privilege')} in a conflict"
    if is_extra:
        return f"One extra approval for {counted(count, 'privilege')} rejected, withdrawn or stopped before"
    if label == SeatLabel.SECURITY:
        return f"Second approval of the {count} high-risk approvals" if count > 1 else "Second approval, high risk"
    return _counted(rows)


def _counted(wanted: Sequence[PreviewRow]) -> str:
    """Count the requested items by resource: 3 privileges on ERP Postgres and Finance Slack, 1 credential."""
    privileges = [row for row in wanted if row.requested.privilege is not None]
    parts = []
    if privileges:
        *resources, last = dict.fromkeys(row.resource.name for row in privileges if row.resource is not None)
        place = f"{', '.join(resources)} and {last}" if resources else last
        place = place if len(resources) < 3 else f"{len(resources) + 1} resources"
        parts.append(f"{counted(len(privileges), 'privilege')} on {place}")
    if len(wanted) > len(privileges):
        parts.append(counted(len(wanted) - len(privileges), "credential"))
    return ", ".join(parts)


def _in_force(preview: Preview, boxes: Sequence[SeatBox], last: datetime) -> str:
    if not preview.context.changes.app and not boxes:
        return "At once: nothing is asked."
    if not all(box.due for box in boxes):
        return "Once everything that it touches has an owner, and everybody says yes."
    day = day_words(day_of(last), day_of(preview.context.now))
    return f"{day} at the latest, if everybody says yes on time."


def _skipped(preview: Preview, app_seats: Sequence[SeatState]) -> list[tuple[str, str]]:
    """Each skipped person once per reason, with the approvals concerned and the code of the rule."""
    entries: dict[tuple[int, str], tuple[str, list[str]]] = {}
    seats = [("", seat) for seat in app_seats]
    for row in [] if preview.context.light else preview.asked_rows:
        seats += [(row.resource.name if row.resource else "", seat) for seat in row.seats]
    for name, seat in seats:
        for skip in seat.skipped:
            place = f"{skip.basis} of {name}" if name and skip.basis in ("owner", "deputy") else skip.basis
            entries.setdefault((skip.person.pk, skip.code), (skip.why, []))[1].append(place)
    shown = {key: " and ".join(list(dict.fromkeys(bases))[:2]) for key, (_, bases) in entries.items()}
    return [(f"{why} ({shown[key]})", key[1]) for key, (why, _) in entries.items()]
