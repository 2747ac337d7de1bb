"""Drawing of the route: approvers, deadlines, skipped people, and whether enough people exist (A9, A10)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from approvals.assignment import due_dates, next_approver
from approvals.assignment.next_approver import SeatState
from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.models import SeatLabel
from governance.core.models import Person
from governance.web.components import times
from governance.web.pages.page import Shape

QUESTION = "May this app exist for business use?"
WAY_OUT = "Name a deputy for the resource, or let somebody else submit."


@dataclass
class _Box:
    """One box of stage 2: the same people on the same basis."""

    seat: SeatState
    people: tuple[Person, ...]
    is_extra: bool
    wanted: list[PreviewRow] = field(default_factory=list)
    due: datetime | None = None


def context(preview: Preview, builder: Person) -> Shape:
    """Context of ``components/route.html``.

    Args:
        preview: the import as it would be submitted.
        builder: the person who would submit it.
    """
    plan, now, version, base = preview.context, preview.context.now, preview.content.version, preview.base
    days = plan.policy.due_days(preview.tier)
    asked = [seat for seat in preview.app_seats if seat.may_decide]
    app_due = max((due_dates.deadline_after(now, days, seat.may_decide[0]) for seat in asked), default=now)
    boxes = [] if plan.light else _boxes(preview, app_due)
    last = max([app_due, *(box.due for box in boxes if box.due)])
    number = version.number if version else base.number + 1 if base else 1
    return {
        "you": {"name": builder.name, "text": f"Today. Version {number} is frozen as it stands."},
        "app": _app(preview, app_due),
        "light": _light(preview),
        "seats": [_by_policy(preview)] if plan.light else [_box(box) for box in boxes],
        "force": {"text": _force(preview, boxes, last)},
        "enough": _is_enough(preview),
        "short": f"Nobody is left to decide: {'; '.join(preview.plan.short)}. {WAY_OUT}" if preview.plan.short else "",
        "skipped": _skipped(preview),
    }


def _light(preview: Preview) -> Shape | None:
    """Notice that policy approves stage 2, or why not if all is low risk (A13)."""
    if preview.context.light:
        seats = [names(seat.may_decide) for seat in preview.app_seats if seat.may_decide]
        deciding = f"{' and '.join(seats)} decides" if len(seats) == 1 else "People decide"
        rest_words = f"the rest is approved by policy version {preview.context.policy.version.number}"
        text = f"{deciding} the app; {rest_words}. One grant in {preview.context.policy.sampled_one_in} is looked at afterwards."
        return {"tone": "ok", "icon": "arrow", "lead": "Light path.", "text": text}
    if preview.context.not_light is not None:
        text = f"{preview.context.not_light.sentence} So owners are asked."
        return {"tone": "", "icon": "info", "lead": "Low risk, and not on the light path.", "text": text}
    return None


def _by_policy(preview: Preview) -> Shape:
    """Stage 2 on the light path: one box without people."""
    name = f"Policy version {preview.context.policy.version.number}"
    return {"name": name, "capacity": "light path", "text": f"{_counted(preview.asked)}, at once", "due": None}


def names(people: Sequence[Person]) -> str:
    """Up to two people by name, more as a count: "Sana Iqbal or Viktor Lind"."""
    if len(people) > 2:
        return f"{people[0].name} or one of {len(people) - 1} others"
    return " or ".join(person.name for person in people)


def _capacity(seat: SeatState) -> str:
    return "security" if seat.label in (SeatLabel.SECURITY, SeatLabel.CONFLICT) else seat.basis


def _app(preview: Preview, due: datetime) -> Shape:
    changes = preview.context.changes
    if not changes.app:
        since = f" since version {changes.before.version.number}" if changes.before is not None else ""
        return {"people": [], "text": f"Not asked again: nothing that it decides about changed{since}."}
    app, seats = preview.plan.approval_of(None), [seat for seat in preview.app_seats if seat.may_decide]
    people = [asked for seat in seats for asked in _asked_people(seat, is_extra=bool(app and app.is_extra(seat.label)))]
    return {"people": people, "text": QUESTION, "due": due if people else None}


def _asked_people(seat: SeatState, *, is_extra: bool) -> list[Shape]:
    """People asked for one seat of stage 1, and those asked in addition if too few would be left for other seats (A9)."""
    suffix = ", one signature more" if is_extra else ""
    suffix = ", since it is in conflict" if seat.label == SeatLabel.CONFLICT else suffix
    capacity, beside = f"{_capacity(seat)}{suffix}", seat.beside
    if beside is None:
        return [{"name": names(seat.may_decide), "capacity": capacity}]
    others = f"{beside.basis}, asked too so that somebody is left for {next_approver.list_names(beside.short)}"
    return [
        {"name": names(beside.first), "capacity": capacity},
        {"name": names(beside.people), "capacity": others},
    ]


def _boxes(preview: Preview, opens: datetime) -> list[_Box]:
    boxes: dict[tuple[object, ...], _Box] = {}
    for row in preview.asked:
        for seat in row.seats:
            people = () if row.problems and seat.label != SeatLabel.SECURITY else seat.may_decide
            basis = seat.basis if people else ""
            is_extra = row.approval is not None and row.approval.is_extra(seat.label)
            key = (tuple(person.pk for person in people), seat.label, is_extra, basis)
            box = boxes.setdefault(key, _Box(seat, people, is_extra))
            box.wanted.append(row)
            if people:
                due = due_dates.deadline_after(opens, preview.context.policy.due_days(row.requested.tier), people[0])
                box.due = min(box.due, due) if box.due else due
    return sorted(boxes.values(), key=lambda box: (not box.people, box.seat.label == SeatLabel.SECURITY))


def _box(box: _Box) -> Shape:
    label, count = box.seat.label, len(box.wanted)
    if label == SeatLabel.CONFLICT and box.people:
        text = f"One extra approval for {times.counted(count, 'record')} in conflict"
    elif box.is_extra and box.people:
        text = f"One signature more on {times.counted(count, 'record')} refused, withdrawn or stopped before"
    elif label == SeatLabel.SECURITY and box.people:
        text = f"Second signature on the {count} high-risk records" if count > 1 else "Second signature, high risk"
    else:
        text = _counted(box.wanted)
    name = names(box.people) or "Nobody yet"
    return {"name": name, "capacity": _capacity(box.seat) if box.people else "", "text": text, "due": box.due}


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


def _force(preview: Preview, boxes: Sequence[_Box], last: datetime) -> str:
    if not preview.context.changes.app and not boxes:
        return "At once: nothing is asked."
    if not all(box.people for box in boxes):
        return "Once everything that it touches has an owner, and everybody says yes."
    day = times.day_words(times.day_of(last), times.day_of(preview.context.now))
    return f"{day} at the latest, if everybody says yes on time."


def _is_enough(preview: Preview) -> bool:
    has_problem = preview.plan.short or any(row.problems for row in preview.asked)
    return not has_problem and bool(preview.draft.fields.get("business_owner"))


def _skipped(preview: Preview) -> list[str]:
    """Each skipped person once per reason, with the approvals concerned."""
    entries: dict[tuple[int, str], tuple[str, list[str]]] = {}
    seats = [("", seat) for seat in preview.app_seats]
    for row in [] if preview.context.light else preview.asked:
        seats += [(row.resource.name if row.resource else "", seat) for seat in row.seats]
    for name, seat in seats:
        for skip in seat.skipped:
            place = f"{skip.basis} of {name}" if name and skip.basis in ("owner", "deputy") else skip.basis
            entries.setdefault((skip.person.pk, skip.code), (skip.why, []))[1].append(place)
    shown = {key: " and ".join(list(dict.fromkeys(bases))[:2]) for key, (_, bases) in entries.items()}
    return [f"{why} ({shown[key]}) · {key[1]}" for key, (why, _) in entries.items()]
