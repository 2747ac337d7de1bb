"""One approval as a row of the review page: words, state, and its buttons or the reason why it has none.

It uses a `Route` and loaded rows, and asks `refusal()` for the reader's actions.
"""

from collections.abc import Collection, Iterable, Sequence

from django.urls import reverse

from approvals.assignment.context import SubmissionContext
from approvals.assignment.escalation_chain import resource_of
from approvals.assignment.next_approver import SeatState
from approvals.assignment.route import Route
from approvals.conflicts.views import rows as conflict_rows
from approvals.decisions import digest
from approvals.decisions.transitions.comment import object_to
from approvals.inbox.waiting_for import Waiting
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, SeatLabel, Submission
from approvals.policies import tiers
from approvals.policies.facts import SubmissionFacts
from approvals.review.views import actions, bindings, credentials
from approvals.review.views.credentials import REFUSED
from approvals.review.views.decision_form import decide_href, decision_form
from approvals.review.views.reader import Reader, Shape
from governance.core.access import Refusal
from governance.web.components import times

#: Words for a decision, to follow the person's name.
DECISION_WORDS = {
    DecisionOutcome.APPROVE: "approved it",
    DecisionOutcome.REJECT: "refused it",
    DecisionOutcome.ASK: "asked for changes",
}
#: Segments of ended, sent back and waiting approvals in the stepper's bar.
SEGMENTS = {
    ApprovalState.APPROVED: "approved",
    ApprovalState.REJECTED: "refused",
    ApprovalState.EXPIRED: "refused",
    ApprovalState.CHANGES_ASKED: "asked",
    ApprovalState.WAITING: "later",
    ApprovalState.NOT_APPLICABLE: "later",
    ApprovalState.WITHDRAWN: "later",
}
SEAT_SEALS = {SeatLabel.LEAD: "left", SeatLabel.OWNER: "right", SeatLabel.SECURITY: "right"}


def holder_words(held: Iterable[Waiting]) -> str:
    """People who hold an approval, in words: alternatives per seat, joined over its seats (A8)."""
    return " and ".join(pending.names for pending in held)


def row(
    record: Approval,
    context: SubmissionContext,
    reader: Reader,
    held: Sequence[Waiting],
    *,
    objected: Collection[int] = (),
) -> Shape:
    """Context of ``approvals/review/row.html`` for one stage-2 approval.

    Args:
        record: the approval.
        context: of its submission.
        reader: the reader.
        held: its open seats and holders.
        objected: ids of approvals with an objection (A3).
    """
    say = actions.allowed_actions(record, context, reader)
    may_decide = say.refusal is None
    key, row_href = str(record.pk), reverse("review", args=[record.submission_id])
    may_object = object_to.refusal(record, actor=reader.actor, now=reader.now, context=context) is None
    shape = request_shape(record, context.facts) | {
        "key": key,
        "kind": record.kind,
        "tier": record.tier,
        "tags": _tags(record, context, objected),
        "owner": _owner(record),
        "open_href": f"{row_href}?open={key}#row-{key}",
        "close_href": row_href,
        "state": _state(record, context.route, reader, held, may_decide=may_decide),
        "refused": record.state in REFUSED,
        "aside": not may_decide and not record.has_ended,
        "may_decide": may_decide,
        "open": key == reader.opened or key in reader.also_open,
        "locked": locked(say.refusal, held) if record.state == ApprovalState.OPEN else None,
        "mine": may_decide,
        "signs": may_decide and actions.gives_extra_approval(record, context, say.actor),
        "may_object": may_object,
        "undo": undo_action(record, context, reader),
    }
    if say.held is not None:
        shape["note"] = {"tone": "wait", "icon": "lock", "lead": say.held.sentence, "text": say.held.to_do}
        shape["held"] = True
    elif not may_decide or shape["signs"]:
        shape["note"] = actions.extra_approval_note(record, context, holder_words(held))
    elif record.tier != "high":
        shown = digest.digest(digest.facts_of_approval(record, context.conflicts))
        shape["quick"] = {"action": decide_href(record), "digest": shown}
    if shape["open"]:
        shape |= _opened(record, context, reader, say, may_object=may_object)
    return shape


def _opened(
    record: Approval, context: SubmissionContext, reader: Reader, say: actions.AllowedActions, *, may_object: bool
) -> Shape:
    """The evidence of an open row, and the form of the reader's decision or objection."""
    key = str(record.pk)
    row_reader = reader.at(key)
    typed = (row_reader.typed or {}).get("reason", "")
    shape: Shape = {"evidence": evidence(record, context, reader), "refusal": row_reader.refusal}
    if say.refusal is None:
        shape["decide"] = decision_form(record, context, row_reader, say.actor, say.held)
    else:
        shape["typed"] = typed
    if may_object:
        action, error = reverse("object", args=[record.submission_id, record.pk]), row_reader.errors.get("reason", "")
        shape["object"] = {"action": action, "value": typed, "error": error, "focus": reader.opened == key}
    return shape


def undo_action(record: Approval, context: SubmissionContext, reader: Reader) -> Shape | None:
    """Context of ``approvals/review/undo.html``, or None if the reader may not retract the decision (A8)."""
    counted = context.route.own_decisions(record)
    if not counted or not (reader.is_me(counted[-1].person) or reader.is_me(counted[-1].for_person)):
        return None
    if actions.undoer_of(record, context, reader)[1] is not None:
        return None
    return {"action": reverse("undo", args=[record.submission_id, record.pk]), "decision": counted[-1].pk}


def request_shape(record: Approval, facts: SubmissionFacts) -> Shape:
    """Words and code of an approval, with what was narrowed (A7)."""
    days, privilege, credential = record.granted_term_days or record.term_days, record.privilege, record.credential
    term = {"term": f"{days} d", "term_asked": str(record.term_days) if days != record.term_days else ""}
    if privilege is not None:
        level = record.granted_level or privilege.level
        scope = record.granted_scope if record.granted_scope is not None else privilege.scope
        return term | {
            "level": level,
            "level_asked": privilege.level if level != privilege.level else "",
            "sentence": privilege.sentence,
            "scope": raw(privilege.entitlement.code, privilege.through, privilege.target, scope),
            "scope_asked": ", ".join(part for part in privilege.scope if part not in scope),
            "data_class": tiers.counted_class(privilege, facts),
        }
    assert credential is not None  # an approval of stage 2 has one of the two
    kept = f", kept in {credential.kept_in.name}" if credential.kept_in else ""
    return term | {
        "level": "secret",
        "sentence": f"{credential.sentence}{kept}",
        "name": str(credential),
        "scope": " · ".join(filter(None, [credential.external_id, credential.lifetime])),
        "data_class": tiers.counted_class_of_credential(record, facts),
    }


def raw(code: str, through: str, target: str, scope: Sequence[str]) -> str:
    """Code of a privilege, each name once."""
    return " · ".join(dict.fromkeys(filter(None, [code, through, target, ", ".join(scope)])))


def _owner(record: Approval) -> str:
    resource = resource_of(record)
    return resource.owner.name if resource is not None and resource.owner is not None else "Nobody"


def _tags(record: Approval, context: SubmissionContext, objected: Collection[int]) -> list[Shape]:
    left_out = credentials.is_left_out(record, context.facts)
    shown = (
        (record.pk in objected, "Objected to", "wait", "speech"),
        (context.route.who_stopped(record), "Was stopped", "no", "ring-cross"),
        (left_out, "Not granted: every privilege that uses it was refused", "no", "key"),
    )
    return [*_if_so(shown), *tags(record, context)]


def _if_so(candidates: Iterable[tuple[object, str, str, str]]) -> list[Shape]:
    """Tags whose condition holds: condition, text, tone and icon."""
    return [{"text": text, "tone": tone, "icon": icon} for is_so, text, tone, icon in candidates if is_so]


def tags(record: Approval, context: SubmissionContext) -> list[Shape]:
    """Notable facts of an approval, for every page that decides it."""
    privilege, is_refused = record.privilege, credentials.is_refused(record, context.facts)
    shown = (
        (record.earlier_id, "Asked again", "wait", "undo"),
        (record.carried_from_id, "Carried over", "", ""),
        (privilege is not None and privilege.model_controlled, "Chosen by a model", "high", "robot"),
        (record.round > 1, f"Round {record.round}", "ask", "speech"),
        (is_refused, "Unusable: its credential was refused", "no", "key"),
    )
    conflicts = conflict_rows.tags(context.conflicts.remaining_of(record))
    return [*conflicts, *credentials.tags(record, context.facts), *_if_so(shown)]


def _state(record: Approval, route: Route, reader: Reader, held: Sequence[Waiting], *, may_decide: bool) -> Shape:
    state: Shape = {"value": record.state, "mine": may_decide, "holder": "", "below": "", "answer_due": None}
    if not may_decide:
        state["holder"] = holder_words(held)
    if record.state == ApprovalState.CHANGES_ASKED:
        state["answer_due"] = record.builder_due_at
    last = last_decision(record, route)
    if last is not None and (record.has_ended or record.state == ApprovalState.CHANGES_ASKED):
        reason = f": “{last.reason.shown}”" if last.reason is not None else ""
        state["below"] = f"{decided_by(last, reader)}{reason}"
    elif record.by_policy_id is not None:
        state["below"] = f"By {policy_words(route.submission)}"
    elif record.state == ApprovalState.WAITING and route.submission.light_path:
        state["below"] = f"By {policy_words(route.submission)} then"
    elif record.state == ApprovalState.EXPIRED:
        state["below"] = "Nobody decided in time"
    return state


def policy_words(submission: Submission) -> str:
    """Name of the policy version that approves on the light path: that of the submission (A13)."""
    return f"policy version {submission.policy.number}"


def last_decision(record: Approval, route: Route) -> Decision | None:
    """The newest decision on an approval, or on the one that it carries over."""
    decisions = route.decisions.get(record.pk) or route.decisions.get(record.carried_from_id or 0)
    return decisions[-1] if decisions else None


def decided_by(decision: Decision, reader: Reader, *, start: bool = True) -> str:
    """Decider in words, with the giver: "Mei Tanaka for you"."""
    name = reader.name(decision.person, start=start)
    return f"{name} for {reader.name(decision.for_person)}" if decision.for_person else name


def locked(refusal: Refusal | None, held: Sequence[Waiting]) -> Shape | None:
    """Context of ``approvals/review/locked.html`` if a duty keeps the reader from deciding."""
    if refusal is None or refusal.kind != "duty":
        return None
    return {"sentence": refusal.sentence.rstrip("."), "code": refusal.code, "passed_to": holder_words(held)}


def evidence(record: Approval, context: SubmissionContext, reader: Reader) -> Shape:
    """Evidence of an approval: justification, reasons, seats, skipped people, and earlier decisions."""
    route, conflicts = context.route, context.conflicts
    standing = [] if record.by_policy_id is not None else route.standing(record)
    skipped = [("person", f"{skip.why}.", skip.code) for seat in standing for skip in seat.skipped]
    skipped += [("clock", rung.words, "A10") for seat in standing for rung in seat.late]
    return {
        "asked_by": route.submission.submitted_by.name,
        "why": record.justification.shown if record.justification else "",
        "reasons": [
            *conflict_rows.reasons(conflicts.remaining_of(record), {conflicts.key_of(record)}, conflicts.sentences),
            *credentials.reasons(record, context.facts),
            *_evidence_reasons(record, context.facts),
        ],
        "seats_title": f"Seats for a {record.tier}-risk {record.kind}",
        "seats": [_seat(seat, reader, is_open=record.state != ApprovalState.WAITING) for seat in standing],
        "skipped": [{"icon": icon, "text": text, "code": code} for icon, text, code in skipped],
        "history": _history(record, route, reader),
    }


def _evidence_reasons(record: Approval, facts: SubmissionFacts) -> list[Shape]:
    reasons: list[Shape] = []
    if record.by_policy_id is not None:
        text = "It is low risk and on the light path, so nobody was asked about it."
        policy = policy_words(record.submission)
        reasons.append({"icon": "check", "lead": f"Approved by {policy}.", "text": text})
    reasons += [{"icon": "warning" if record.tier == "high" else "file", "text": text} for text in record.reasons]
    privilege = record.privilege
    if privilege is None:
        return reasons + bindings.binding_notes(record, facts)
    steps = "step" if len(privilege.at) == 1 else "steps"
    places = ", ".join(privilege.at[:4])
    reasons.append({"icon": "file", "text": f"Used by {len(privilege.at)} {steps}:", "code": places})
    if privilege.assumed:
        text = f"The export does not say {', '.join(privilege.assumed)}; the platform's default counts."
        reasons.append({"icon": "question", "text": text})
    if privilege.credential is not None:
        text = "If that is refused, this stays approved but can’t be used."
        reasons.append({"icon": "key", "lead": f"Rests on {privilege.credential}.", "text": text})
    return reasons + bindings.binding_notes(record, facts)


def _seat(seat: SeatState, reader: Reader, *, is_open: bool) -> Shape:
    label, decision = SeatLabel(seat.label), seat.decision
    shape: Shape = {"capacity": label.label, "seal": SEAT_SEALS.get(label, "none")}
    if decision is not None:
        return shape | {
            "who": decided_by(decision, reader),
            "state": {"value": "approved", "below": times.moment_words(decision.at, reader.now)},
            "said": decision.reason.shown if decision.reason is not None else "",
        }
    names = " or ".join(reader.name(person) for person in seat.may_decide) or "nobody is left"
    basis = f" ({seat.basis})" if seat.basis not in ("", "owner", "lead", "security reviewer") else ""
    mine = is_open and any(reader.is_me(person) for person in seat.may_decide)
    return shape | {"who": f"{names}{basis}", "state": {"value": "open" if is_open else "waiting", "mine": mine}}


def _history(record: Approval, route: Route, reader: Reader) -> list[Shape]:
    """Decisions of its earlier rounds, and on the same item where it was refused or withdrawn (A14, A15)."""
    rounds = [d for d in route.decisions.get(record.pk, ()) if d.round < record.round and d.reason is not None]
    return _decision_lines([*rounds, *route.before.get(record.pk, ())], reader)


def earlier(record: Approval, route: Route, reader: Reader) -> list[Shape]:
    """Decisions on the same item where it was refused or withdrawn, in this automation or a possible duplicate (A15, I9)."""
    return _decision_lines(route.before.get(record.pk, ()), reader)


def _decision_lines(decisions: Iterable[Decision], reader: Reader) -> list[Shape]:
    return [
        {
            "who": f"{decided_by(decision, reader, start=False)} {DECISION_WORDS[DecisionOutcome(decision.outcome)]}",
            "at": decision.at,
            "text": decision.reason.shown if decision.reason is not None else "",
        }
        for decision in decisions
    ]


def decided_words(records: Sequence[Approval]) -> str:
    """Count of ended approvals of a stage: "2 of 3 decided". Withdrawn or closed ones alone count as none."""
    ended = [record for record in records if record.has_ended]
    if len(ended) == len(records) and not any(record.is_decided for record in records):
        return f"None of {len(records)} decided"
    return f"{len(ended)} of {len(records)} decided"


def segment(record: Approval, *, mine: bool) -> str:
    """Segment of one approval in the stepper's bar."""
    return SEGMENTS.get(ApprovalState(record.state), "mine" if mine else "other")
