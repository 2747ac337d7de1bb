"""One approval as a row of the review page: the reader's actions and, of an open row, the evidence and the form.

The templates read the approval and its `ApprovalRow`, which API answers share. This module uses a `Route` and loaded rows, and asks `refusal()` for the reader's actions.
"""

from collections.abc import Iterable, Mapping

from approvals.assignment.context import SubmissionContext
from approvals.assignment.route import Route
from approvals.assignment.seat_state import SeatState
from approvals.conflicts.views import rows as conflict_rows
from approvals.decisions.transitions.comment import object_to
from approvals.models import Approval, ApprovalState, Decision, SeatLabel
from approvals.policies import current_tiers
from approvals.policies.facts import SubmissionFacts
from approvals.review.changes import Change, privilege_code
from approvals.review.dossier import Dossier
from approvals.review.tier_reasons import NOT_REQUESTED
from approvals.review.views import actions, approval_marks, bindings, credentials, decision_bar
from approvals.review.views.decision_form import decision_form
from approvals.review.views.reader import Reader
from governance.core.access import Refusal
from governance.web.pages.page import Shape
from inventory.models import Privilege

#: Segments of ended, sent back and waiting approvals in the stepper's bar.
SEGMENTS: dict[str, str] = {
    ApprovalState.APPROVED: "approved",
    ApprovalState.REJECTED: "refused",
    ApprovalState.EXPIRED: "refused",
    ApprovalState.CHANGES_ASKED: "asked",
    ApprovalState.WAITING: "later",
    ApprovalState.NOT_APPLICABLE: "later",
    ApprovalState.WITHDRAWN: "later",
}
#: Empty fields of a row. A template takes longer for a missing key.
NOTHING_MORE = dict.fromkeys(("name", "scope_asked", "focus", "extra_approval", "select", "is_selected", "decide"), "")
#: Most chips of a row; the rest stands in the evidence.
MOST_CHIPS = 2
#: Tones of chips by what they are about: reach or time. A conflict has its own.
CHIP_TONES = {"warning": "high", "key": "high", "clock": "wait"}
#: Refusals of a decision that say nothing for good: the reader has decided, or others come first.
NOT_FOR_GOOD = ("A8", "A9")
#: Bases that the name of a seat tells already.
PLAIN_BASES = ("", "owner", "lead", "security reviewer")


def row(record: Approval, details: Dossier, reader: Reader, usage: Mapping[str, Shape]) -> Shape:
    """Context of ``approvals/review/row.html`` for one stage-2 approval; ``usage`` is that of open rows, by key."""
    context, key, facts = details.context, str(record.pk), details.rows[record.pk]
    say = actions.allowed_actions(record, context, reader)
    may_decide, is_open = say.refusal is None, key == reader.opened or key in reader.also_open
    mine = context.route.seat_for(record, say.actor) if may_decide else None
    signs = mine is not None and mine.label == SeatLabel.CONFLICT
    last, open_href = last_decision(record, context.route), f"{details.href}?open={key}#row-{key}"
    shape: Shape = NOTHING_MORE | request_shape(record, context.facts)
    shape |= {
        "approval": record,
        "facts": facts,
        "key": key,
        "open_href": open_href,
        "toggle_href": details.href if is_open else open_href,
        "is_open": is_open,
        "may_decide": may_decide,
        "is_kept": may_decide or key in reader.kept,
        "held": say.held,
        "refusal": reader.refusals.get(key),
        "holders": facts.holders,
        "locked": locked(say.refusal, facts.holders) if record.state == ApprovalState.OPEN else None,
        "may_object": object_to.refusal(record, actor=reader.actor, now=reader.now, context=context) is None,
        "undo": actions.undoable_decision(record, context, reader),
        "decision": last,
        "decided_by": reader.decided_by(last) if last is not None else "",
        "own": approval_marks.own_words(record, details, reader),
        "marks": approval_marks.marks(record, details, reader, mine),
        "needs": approval_marks.needs_words(record, context.route, mine) if may_decide else "",
        "change": details.since.of_record(record) if details.since is not None else None,
        "css": css_of(record.state, is_open=is_open, is_aside=not may_decide and not record.has_ended),
    }
    if may_decide:
        shape["select"] = decision_bar.selection(record, details, say, shape["sentence"], signs=signs)
    if say.held is None and (signs or not may_decide):
        shape["extra_approval"] = actions.extra_approval_words(record, context, facts.holders)
    if is_open:
        shape["usage"] = usage.get(_held_key(record, shape["change"]))
        shape |= _evidence(record, context, reader) | {"reader": reader.for_row(key)}
        if may_decide:
            shape["decide"] = decision_form(record, context, shape["reader"], say.actor, signs=signs or bool(say.held))
    return shape | _notable(record, details, is_open=is_open)


def _held_key(record: Approval, change: Change | None) -> str:
    """Key of the grant that is held now. A changed privilege has another one."""
    return change.before.key if change is not None and isinstance(change.before, Privilege) else record.key


def _notable(record: Approval, details: Dossier, *, is_open: bool) -> Shape:
    """Return the first tags of a row as chips, and the others of an open row."""
    notable = [*tags(record, details.context), *_tags_of_review(record, details)]
    chips = [{**tag, "tone": CHIP_TONES.get(tag["icon"], tag["tone"])} for tag in notable[:MOST_CHIPS]]
    return {"chips": chips, "tags": notable[MOST_CHIPS:] if is_open else ()}


def css_of(state: str, *, is_open: bool, is_aside: bool) -> str:
    """Return the classes of a row. A row is aside while others decide it."""
    is_refused = state in (ApprovalState.REJECTED, ApprovalState.EXPIRED)
    classes = {"open": is_open, "refused": is_refused, "aside": is_aside}
    return " ".join(["record", *(f"record-{name}" for name, applies in classes.items() if applies)])


def request_shape(record: Approval, facts: SubmissionFacts) -> Shape:
    """The sentence and code of a requested privilege or credential, with the changes of its approvers (A7)."""
    privilege, credential = record.privilege, record.credential
    if privilege is not None:
        scope = record.granted_scope if record.granted_scope is not None else privilege.scope
        return {
            "level": record.granted_level or privilege.level,
            "sentence": privilege.sentence,
            "scope": privilege_code(privilege, scope),
            "scope_asked": ", ".join(part for part in privilege.scope if part not in scope),
            "data_class": current_tiers.counted_class(privilege, facts),
        }
    assert credential is not None  # an approval of stage 2 has one of the two
    kept = f", kept in {credential.kept_in.name}" if credential.kept_in else ""
    return {
        "level": "secret",
        "sentence": f"{credential.sentence}{kept}",
        "name": str(credential),
        "scope": " · ".join(filter(None, [credential.external_id, credential.get_lifetime_display().lower()])),
        "data_class": current_tiers.counted_class_of_credential(record, facts),
    }


def _tags_of_review(record: Approval, details: Dossier) -> list[Shape]:
    """Tags of an approval that stand on its review page only."""
    left_out = "Not granted: every privilege that uses it was rejected"
    notable = [
        (record.pk in details.objected, "Objected to", "wait", "speech"),
        (bool(details.route.who_stopped(record)), "Was stopped", "no", "ring-cross"),
        (credentials.is_left_out(record, details.context.facts), left_out, "no", "key"),
    ]
    return _applying(notable)


def tags(record: Approval, context: SubmissionContext) -> list[Shape]:
    """Notable facts of an approval as tags, for every page that decides it."""
    is_unusable = credentials.is_refused(record, context.facts)
    notable = [
        (record.earlier_id is not None, "Asked again", "wait", "undo"),
        (record.carried_from_id is not None, "Carried over", "", ""),
        (record.privilege is not None and record.privilege.model_controlled, "Chosen by a model", "high", "robot"),
        (record.round > 1, f"Round {record.round}", "ask", "speech"),
        (is_unusable, "Unusable: its credential was rejected", "no", "key"),
    ]
    conflicts = conflict_rows.tags(context.conflicts.remaining_of(record))
    return [*conflicts, *credentials.tags(record, context.facts), *_applying(notable)]


def _applying(notable: Iterable[tuple[bool, str, str, str]]) -> list[Shape]:
    """Return the tags whose condition holds. Each has a condition, a text, a tone and an icon."""
    return [{"text": text, "tone": tone, "icon": icon} for applies, text, tone, icon in notable if applies]


def last_decision(record: Approval, route: Route) -> Decision | None:
    """The newest decision on an approval, or on the one that it carries over."""
    decisions = route.decisions.get(record.pk) or route.decisions.get(record.carried_from_id or 0)
    return decisions[-1] if decisions else None


def locked(refusal: Refusal | None, holders: str) -> Shape | None:
    """Context of ``approvals/review/locked.html`` if a duty keeps the reader from deciding for good, or until a new sign-in."""
    if refusal is None or refusal.kind != "duty" or refusal.code in NOT_FOR_GOOD:
        return None
    return {"sentence": refusal.sentence.rstrip("."), "code": refusal.code, "passed_to": holders}


def _evidence(record: Approval, context: SubmissionContext, reader: Reader) -> Shape:
    """Context of ``approvals/review/evidence.html``: reasons, seats, skipped people, and earlier decisions (A14, A15)."""
    route, conflicts, facts = context.route, context.conflicts, context.facts
    standing = [] if record.by_policy_id is not None else route.standing(record)
    rounds = [d for d in route.decisions.get(record.pk, ()) if d.round < record.round and d.reason is not None]
    remaining, own_keys = conflicts.remaining_of(record), {conflicts.key_of(record)}
    uses_left_out = tuple(f": {sentence}." for sentence in conflicts.left_out)
    return {
        "reasons": [text + (NOT_REQUESTED if text.endswith(uses_left_out) else "") for text in record.reasons],
        "conflicts": conflict_rows.reasons(remaining, own_keys, conflicts.sentences),
        "credential": credentials.facts_of(record, facts),
        "bindings": list(bindings.binding_notes(record, facts)),
        "seats": [
            (seat, _seat_words(seat, reader), any(reader.is_me(person) for person in seat.may_decide))
            for seat in standing
        ],
        "skipped": [skip for seat in standing for skip in seat.skipped],
        "late": [rung for seat in standing for rung in seat.late],
        "history": decision_words([*rounds, *route.before.get(record.pk, ())], reader),
    }


def _seat_words(seat: SeatState, reader: Reader) -> str:
    """Who filled a seat, or who may fill it."""
    if seat.decision is not None:
        return reader.decided_by(seat.decision)
    names = " or ".join(reader.name(person) for person in seat.may_decide) or "nobody is left"
    return names if seat.basis in PLAIN_BASES else f"{names} ({seat.basis})"


def decision_words(decisions: Iterable[Decision], reader: Reader) -> list[tuple[str, Decision]]:
    """Decisions, each with what its person did in words: "Omar Haddad rejected"."""
    return [
        (f"{reader.decided_by(decision, start=False)} {approval_marks.DID[decision.outcome]}", decision)
        for decision in decisions
    ]


def segment(record: Approval, *, mine: bool) -> str:
    """Segment of one approval in the stepper's bar."""
    return SEGMENTS.get(record.state, "mine" if mine else "other")
