"""Approval marks of a row: all who have approved, who is next, and what the reader has decided (A8, A9)."""

from approvals.assignment.route import Route
from approvals.assignment.seat_state import SeatState
from approvals.inbox.waiting_for import join_with_or
from approvals.models import Approval, ApprovalState, DecisionOutcome, SeatLabel
from approvals.review.dossier import Dossier
from approvals.review.views.reader import Reader
from governance.web.pages.page import Shape

#: Capacities of the approvers, by the label of their seat or by their rung of the escalation chain.
CAPACITIES: dict[str, str] = {
    SeatLabel.LEAD: "lead",
    SeatLabel.OWNER: "owner",
    SeatLabel.SECURITY: "security",
    SeatLabel.SECOND: "extra approval",
    SeatLabel.CONFLICT: "security, for the conflict",
    "deputy": "backup approver",
    "fallback owner": "fallback approver",
}
#: What the reader or another person did, by the outcome of the decision.
DID: dict[str, str] = {
    DecisionOutcome.APPROVE: "approved",
    DecisionOutcome.REJECT: "rejected",
    DecisionOutcome.ASK: "requested changes",
}
TONES: dict[str, str] = {DecisionOutcome.REJECT: "no", DecisionOutcome.ASK: "ask"}
ICONS: dict[str, str] = {DecisionOutcome.REJECT: "cross", DecisionOutcome.ASK: "speech"}
#: Empty fields of a mark.
NO_MORE: Shape = {"icon": "", "at": None, "below": ""}
#: States in which nobody approves any more, or nobody was asked.
WITHOUT_MARKS = (ApprovalState.NOT_APPLICABLE, ApprovalState.WITHDRAWN, ApprovalState.EXPIRED)


def marks(record: Approval, details: Dossier, reader: Reader, mine: SeatState | None) -> list[Shape]:
    """One mark a seat for ``approvals/review/marks.html``: tone, icon, name, text and instant; then a rejection or a question.

    ``mine`` is the seat that the reader's decision would fill.
    """
    if record.by_policy_id is not None or record.state in WITHOUT_MARKS:
        return []
    decisions = details.route.own_decisions(record)
    last = decisions[-1] if decisions and decisions[-1].outcome in TONES else None
    standing = details.route.standing(record)
    shown = [_mark(seat, record, reader, mine) for seat in standing if last is None or seat.is_filled]
    if last is not None:
        text = f"{reader.decided_by(last)} {DID[last.outcome]}"
        mark = {"tone": TONES[last.outcome], "icon": ICONS[last.outcome], "name": last.person.name, "text": text}
        shown.append({**NO_MORE, **mark, "at": last.at})
    return shown


def _mark(seat: SeatState, record: Approval, reader: Reader, mine: SeatState | None) -> Shape:
    capacity = CAPACITIES.get(seat.label, seat.label)
    if seat.decision is not None:
        text = f"{reader.decided_by(seat.decision)}, {capacity}"
        mark = {"tone": "ok", "icon": "check", "name": seat.decision.person.name, "text": text}
        return {**NO_MORE, **mark, "at": seat.decision.at}
    if mine is not None and seat.seat == mine.seat and reader.actor.person is not None:
        capacity = CAPACITIES.get(seat.basis_of(reader.actor.person), capacity)
        return {**NO_MORE, "tone": "you", "name": reader.actor.person.name, "text": f"You decide, as {capacity}"}
    people = [person for person in seat.may_decide if mine is None or not reader.is_me(person)]
    names = join_with_or([reader.name(person, start=True) for person in people]) or "Nobody is left"
    mark = {"tone": "wait", "name": people[0].name if people else "?", "text": f"{names}, {capacity}"}
    return {**NO_MORE, **mark, "below": "next" if record.state == ApprovalState.OPEN else "after stage 1"}


def needs_words(record: Approval, route: Route, mine: SeatState | None) -> str:
    """Which approvals are still needed besides that of the reader, who may decide now."""
    standing = route.standing(record)
    others = [seat for seat in standing if not seat.is_filled and (mine is None or seat.seat != mine.seat)]
    if others:
        return f"Then also {' and '.join(CAPACITIES.get(seat.label, seat.label) for seat in others)}."
    return "Your approval is the last one." if len(standing) > 1 else "Only your approval is needed."


def own_words(record: Approval, details: Dossier, reader: Reader) -> Shape | None:
    """What the reader decided in this round, and who is next: "You approved · waiting for Viktor Lind (security)"."""
    decisions = details.route.own_decisions(record)
    last = next((row for row in reversed(decisions) if reader.is_me(row.person) or reader.is_me(row.for_person)), None)
    if last is None or record.carried_from_id is not None:
        return None
    held = details.rows[record.pk].held
    capacities = {seat: f" ({words})" for seat, words in CAPACITIES.items()}
    waiting = " and ".join(f"{pending.names}{capacities.get(pending.seat, '')}" for pending in held)
    text = f"{reader.decided_by(last)} {DID[last.outcome]}"
    return {"outcome": last.outcome, "text": f"{text} · waiting for {waiting}" if waiting else text, "decision": last}
