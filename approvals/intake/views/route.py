"""Drawing of the route: approvers, deadlines, skipped people, and whether enough people exist (A9, A10)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from approvals.assignment import due_dates, seat_state
from approvals.assignment.seat_state import SeatState
from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.models import SeatLabel
from governance.core.models import Person
from governance.web.components import times
from governance.web.pages.page import Shape

QUESTION = "May this app exist for business use?"
WAY_OUT = "Name a deputy for the resource, or let somebody else submit."


def context(preview: Preview, builder: Person) -> Shape:
    """Context of ``components/route.html``.

    Args:
        preview: the import as it would be submitted.
        builder: the person who would submit it.
    """
    plan, now, version, base = preview.context, preview.context.now, preview.content.version, preview.base
    days, app_seats = plan.policy.due_days(preview.tier), preview.app_seats
    asked = [seat for seat in app_seats if seat.may_decide]
    app_due = max((due_dates.deadline_after(now, days, seat.may_decide[0]) for seat in asked), default=now)
    boxes = [] if plan.light else _boxes(preview, app_due)
    by_policy = {"name": f"Policy version {plan.policy.version.number}", "capacity": "auto-approved", "due": None}
    has_problem = preview.plan.short or any(row.problems for row in preview.asked)
    number = version.number if version else base.number + 1 if base else 1
    return {
        "you": {"name": builder.name, "text": f"Today. Version {number} is frozen."},
        "app": _app(preview, asked, app_due),
        "light": _light(preview, asked),
        "seats": [{**by_policy, "text": f"{_counted(preview.asked)}, at once"}] if plan.light else boxes,
        "force": {"text": _force(preview, boxes, max([app_due, *(box["due"] for box in boxes if box["due"])]))},
        "enough": not has_problem and bool(preview.draft.fields.get("business_owner")),
        "short": f"Nobody is left to decide: {'; '.join(preview.plan.short)}. {WAY_OUT}" if preview.plan.short else "",
        "skipped": _skipped(preview, app_seats),
    }


def _light(preview: Preview, app_seats: Sequence[SeatState]) -> Shape | None:
    """Notice that policy approves stage 2, or why not if all is low risk (A13)."""
    if preview.context.light:
        deciding = f"{names(app_seats[0].may_decide)} decides" if len(app_seats) == 1 else "People decide"
        rest_words = f"the rest is approved by policy version {preview.context.policy.version.number}"
        text = f"{deciding} the app; {rest_words}. One grant in {preview.context.policy.sampled_one_in} gets a spot check afterwards."
        return {"tone": "ok", "icon": "arrow", "lead": "Auto-approved.", "text": text}
    if preview.context.not_light is not None:
        text = f"{preview.context.not_light.sentence} So owners decide."
        return {"tone": "", "icon": "info", "lead": "Low risk, but not auto-approved.", "text": text}
    return None


def names(people: Sequence[Person]) -> str:
    """Up to two people by name, more as a count: "Sana Iqbal or Viktor Lind"."""
    if len(people) > 2:
        return f"{people[0].name} or one of {len(people) - 1} others"
    return " or ".join(person.name for person in people)


def _capacity(label: str, basis: str) -> str:
    return "security" if label in (SeatLabel.SECURITY, SeatLabel.CONFLICT) else basis


def _app(preview: Preview, seats: Sequence[SeatState], due: datetime) -> Shape:
    changes = preview.context.changes
    if not changes.app:
        since = f" since version {changes.before.version.number}" if changes.before is not None else ""
        return {"people": [], "text": f"Not asked again: nothing that it decides about changed{since}."}
    app = preview.plan.approval_of(None)
    people = [asked for seat in seats for asked in _asked_people(seat, is_extra=bool(app and app.is_extra(seat.label)))]
    return {"people": people, "text": QUESTION, "due": due if people else None}


def _asked_people(seat: SeatState, *, is_extra: bool) -> list[Shape]:
    """People asked for one seat of stage 1, and those asked in addition if too few would be left for other seats (A9)."""
    suffix = ", extra approval" if is_extra else ""
    suffix = ", since it is in conflict" if seat.label == SeatLabel.CONFLICT else suffix
    capacity, beside = f"{_capacity(seat.label, seat.basis)}{suffix}", seat.beside
    if beside is None:
        return [{"name": names(seat.may_decide), "capacity": capacity}]
    others = f"{beside.basis}, asked too so that somebody is left for {seat_state.list_names(beside.short)}"
    return [
        {"name": names(beside.first), "capacity": capacity},
        {"name": names(beside.people), "capacity": others},
    ]


def _boxes(preview: Preview, opens: datetime) -> list[Shape]:
    """Boxes of stage 2: one for the same people on the same basis."""
    rows_by_box = defaultdict[tuple[tuple[Person, ...], str, str, bool], list[PreviewRow]](list)
    for row in preview.asked:
        for seat in row.seats:
            people = () if row.problems and seat.label != SeatLabel.SECURITY else seat.may_decide
            is_extra = row.approval is not None and row.approval.is_extra(seat.label)
            rows_by_box[tuple(people), seat.label, seat.basis if people else "", is_extra].append(row)
    # Security comes after the owners, and boxes without people last.
    boxes = sorted(rows_by_box.items(), key=lambda box: (not box[0][0], box[0][1] == SeatLabel.SECURITY))
    shapes = []
    for (people, label, basis, is_extra), rows in boxes:
        days = min(preview.context.policy.due_days(row.requested.tier) for row in rows)
        shapes.append(
            {
                "name": names(people) or "Nobody yet",
                "capacity": _capacity(label, basis) if people else "",
                "text": _question(rows, label, is_extra=is_extra) if people else _counted(rows),
                "due": due_dates.deadline_after(opens, days, people[0]) if people else None,
            }
        )
    return shapes


def _question(rows: Sequence[PreviewRow], label: str, *, is_extra: bool) -> str:
    count = len(rows)
    if label == SeatLabel.CONFLICT:
        return f"One extra approval for {times.counted(count, 'request')} in conflict"
    if is_extra:
        return f"One extra approval for {times.counted(count, 'request')} refused, withdrawn or stopped before"
    if label == SeatLabel.SECURITY:
        return f"Second approval of the {count} high-risk requests" if count > 1 else "Second approval, high risk"
    return _counted(rows)


def _counted(wanted: Sequence[PreviewRow]) -> str:
    """Count the requested items by resource: 3 privileges on ERP Postgres and Finance Slack, 1 credential."""
    privileges = [row for row in wanted if row.requested.privilege is not None]
    parts = []
    if privileges:
        *resources, last = dict.fromkeys(row.resource.name for row in privileges if row.resource is not None)
        place = f"{', '.join(resources)} and {last}" if resources else last
        place = place if len(resources) < 3 else f"{len(resources) + 1} resources"
        parts.append(f"{times.counted(len(privileges), 'privilege')} on {place}")
    if len(wanted) > len(privileges):
        parts.append(times.counted(len(wanted) - len(privileges), "credential"))
    return ", ".join(parts)


def _force(preview: Preview, boxes: Sequence[Shape], last: datetime) -> str:
    if not preview.context.changes.app and not boxes:
        return "At once: nothing is asked."
    if not all(box["due"] for box in boxes):
        return "Once everything that it touches has an owner, and everybody says yes."
    day = times.day_words(times.day_of(last), times.day_of(preview.context.now))
    return f"{day} at the latest, if everybody says yes on time."


def _skipped(preview: Preview, app_seats: Sequence[SeatState]) -> list[str]:
    """Each skipped person once per reason, with the approvals concerned."""
    entries: dict[tuple[int, str], tuple[str, list[str]]] = {}
    seats = [("", seat) for seat in app_seats]
    for row in [] if preview.context.light else preview.asked:
        seats += [(row.resource.name if row.resource else "", seat) for seat in row.seats]
    for name, seat in seats:
        for skip in seat.skipped:
            place = f"{skip.basis} of {name}" if name and skip.basis in ("owner", "deputy") else skip.basis
            entries.setdefault((skip.person.pk, skip.code), (skip.why, []))[1].append(place)
    shown = {key: " and ".join(list(dict.fromkeys(bases))[:2]) for key, (_, bases) in entries.items()}
    return [f"{why} ({shown[key]}) · {key[1]}" for key, (why, _) in entries.items()]
