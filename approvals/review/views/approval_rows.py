"""One approval as a row of the review page: words, state, and its buttons or the reason why it has none.

It uses a `Route` and loaded rows, and asks `refusal()` for the reader's actions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.urls import reverse

from approvals.assignment.context import SubmissionContext
from approvals.assignment.escalation_chain import resource_of
from approvals.assignment.route import Route, SeatState
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
from governance.core.duties.refusals import Refusal
from governance.web.components import times

#: Optional keys of a row. A missing name costs a template more than an empty one.
BLANK: Shape = dict.fromkeys(
    (
        "level_asked",
        "scope_asked",
        "name",
        "note",
        "quick",
        "signs",
        "held",
        "focus",
        "evidence",
        "decide",
        "object",
        "undo",
        "refusal",
        "typed",
    )
)
#: Words for a decision, to follow the person's name.
DECISION_WORDS = {
    DecisionOutcome.APPROVE: "approved it",
    DecisionOutcome.REJECT: "refused it",
    DecisionOutcome.ASK: "asked for changes",
}
SEAT_SEALS = {SeatLabel.LEAD: "left", SeatLabel.OWNER: "right", SeatLabel.SECURITY: "right"}


def holder_words(held: Iterable[Waiting]) -> str:
    """People who hold an approval, in words: alternatives per seat, joined over its seats (A8)."""
    return " and ".join(pending.names for pending in held)


def subject(record: Approval | None) -> str:
    """Subject of a comment: a privilege or credential in words, "the app", or empty for the submission."""
    return "" if record is None else str(record.privilege or record.credential or "the app")


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
    key = str(record.pk)
    review_href = reverse("review", args=[record.submission_id])
    shape = (
        BLANK
        | request_shape(record, context.facts)
        | {
            "key": key,
            "kind": record.kind,
            "tier": record.tier,
            "tags": _tags(record, context, objected),
            "owner": _owner(record),
            "open_href": f"{review_href}?open={key}#row-{key}",
            "close_href": review_href,
            "state": _state(record, context.route, reader, held, may_decide=may_decide),
            "refused": record.state in REFUSED,
            "aside": not may_decide and not record.has_ended,
            "may_decide": may_decide,
            "open": key == reader.opened or key in reader.also_open,
            "locked": _locked(say.refusal, held) if record.state == ApprovalState.OPEN else None,
            "mine": may_decide,
            "signs": may_decide and actions.gives_extra_approval(record, context, say.actor),
            "may_object": object_to.refusal(record, actor=reader.actor, now=reader.now, context=context) is None,
        }
    )
    if say.held is not None:
        shape["note"] = {"tone": "wait", "icon": "lock", "lead": say.held.sentence, "text": say.held.to_do}
        shape["held"] = True
    elif not may_decide or shape["signs"]:
        shape["note"] = actions.extra_approval_note(record, context, holder_words(held))
    elif record.tier != "high":
        shape["quick"] = {
            "action": decide_href(record),
            "digest": digest.digest(digest.facts_of_approval(record, context.conflicts)),
        }
    shape["undo"] = undo_action(record, context, reader)
    if shape["open"]:
        row_reader = reader.at(key)
        decide = decision_form(record, context, row_reader, say.actor, say.held) if may_decide else None
        objection = _objection_form(record, row_reader) if shape["may_object"] else None
        shape |= {"evidence": evidence(record, context, reader), "decide": decide, "object": objection}
        shape |= {"refusal": row_reader.refusal, "typed": "" if decide else (row_reader.typed or {}).get("reason", "")}
    return shape


def undo_action(record: Approval, context: SubmissionContext, reader: Reader) -> Shape | None:
    """Context of ``approvals/review/undo.html``, or None if the reader may not retract the decision (A8)."""
    counted = context.route.own_decisions(record)
    if not counted or not (reader.is_me(counted[-1].person) or reader.is_me(counted[-1].for_person)):
        return None
    if actions.undoer_of(record, context, reader)[1] is not None:
        return None
    return {"action": reverse("undo", args=[record.submission_id, record.pk]), "decision": counted[-1].pk}


def _objection_form(record: Approval, reader: Reader) -> Shape:
    """Context of ``approvals/review/objection.html`` (A3)."""
    typed = reader.typed or {}
    return {
        "action": reverse("object", args=[record.submission_id, record.pk]),
        "value": typed.get("reason", ""),
        "error": reader.errors.get("reason", ""),
        "focus": reader.opened == str(record.pk),
    }


def request_shape(record: Approval, facts: SubmissionFacts) -> Shape:
    """Words and code of an approval, with what was narrowed (A7)."""
    days = record.granted_term_days or record.term_days
    term = {"term": f"{days} d", "term_asked": str(record.term_days) if days != record.term_days else ""}
    if record.privilege is not None:
        privilege = record.privilege
        entitlement = privilege.entitlement
        level = record.granted_level or privilege.level
        scope = record.granted_scope if record.granted_scope is not None else privilege.scope
        narrowed = record.granted_scope is not None
        return term | {
            "level": level,
            "level_asked": privilege.level if level != privilege.level else "",
            "sentence": privilege.sentence,
            "scope": raw(entitlement.code, privilege.through, privilege.target, scope),
            "scope_asked": ", ".join(s for s in privilege.scope if s not in scope) if narrowed else "",
            "data_class": tiers.counted_class(privilege, facts),
        }
    credential = record.credential
    name = str(credential)
    kept = f", kept in {credential.kept_in.name}" if credential and credential.kept_in else ""
    return term | {
        "level": "secret",
        "sentence": f"{credential.sentence if credential else 'Uses a credential'}{kept}",
        "name": name,
        "scope": " · ".join(filter(None, [credential.external_id, credential.lifetime])) if credential else "",
        "data_class": tiers.counted_class_of_credential(record, facts),
    }


def raw(code: str, through: str, target: str, scope: Sequence[str]) -> str:
    """Code of a privilege, each name once."""
    return " · ".join(dict.fromkeys(filter(None, [code, through, target, ", ".join(scope)])))


def _owner(record: Approval) -> str:
    resource = resource_of(record)
    return resource.owner.name if resource is not None and resource.owner is not None else "Nobody"


def _tags(record: Approval, context: SubmissionContext, objected: Collection[int]) -> list[Shape]:
    found_tags = []
    if record.pk in objected:
        found_tags.append({"text": "Objected to", "tone": "wait", "icon": "speech"})
    if context.route.who_stopped(record):
        found_tags.append({"text": "Was stopped", "tone": "no", "icon": "ring-cross"})
    if credentials.is_left_out(record, context.facts):
        found_tags.append(
            {"text": "Not granted: every privilege that uses it was refused", "tone": "no", "icon": "key"}
        )
    return [*found_tags, *tags(record, context)]


def tags(record: Approval, context: SubmissionContext) -> list[Shape]:
    """Notable facts of an approval, for every page that decides it."""
    found_tags = [
        *conflict_rows.tags(context.conflicts.remaining_of(record)),
        *credentials.tags(record, context.facts),
    ]
    if record.earlier_id is not None:
        found_tags.append({"text": "Asked again", "tone": "wait", "icon": "undo"})
    if record.carried_from_id is not None:
        found_tags.append({"text": "Carried over", "tone": "", "icon": ""})
    privilege = record.privilege
    if privilege is not None and privilege.model_controlled:
        found_tags.append({"text": "Chosen by a model", "tone": "high", "icon": "robot"})
    if privilege is not None:
        found_tags += [
            {"text": short, "tone": "ok", "icon": "check"} for _, short in privilege.entitlement.controls_said
        ]
    if record.round > 1:
        found_tags.append({"text": f"Round {record.round}", "tone": "ask", "icon": "speech"})
    if credentials.is_refused(record, context.facts):
        found_tags.append({"text": "Unusable: its credential was refused", "tone": "no", "icon": "key"})
    return found_tags


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


def _locked(refusal: Refusal | None, held: Sequence[Waiting]) -> Shape | None:
    if refusal is None or refusal.kind != "duty":
        return None
    return {"sentence": refusal.sentence.rstrip("."), "code": refusal.code, "passed_to": holder_words(held)}


def evidence(record: Approval, context: SubmissionContext, reader: Reader) -> Shape:
    """Evidence of an approval: justification, reasons, seats, skipped people, and earlier decisions."""
    route = context.route
    standing = [] if record.by_policy_id is not None else route.standing(record)
    return {
        "asked_by": route.submission.submitted_by.name,
        "why": record.justification.shown if record.justification else "",
        "reasons": [
            *_conflicts(record, context),
            *credentials.reasons(record, context.facts),
            *_evidence_reasons(record, context.facts),
        ],
        "seats_title": f"Seats for a {record.tier}-risk {record.kind}",
        "seats": [_seat(seat, reader, is_open=record.state != ApprovalState.WAITING) for seat in standing],
        "skipped": [
            *(
                {"icon": "person", "text": f"{skip.why}.", "code": skip.code}
                for seat in standing
                for skip in seat.skipped
            ),
            *({"icon": "clock", "text": rung.words, "code": "A10"} for seat in standing for rung in seat.late),
        ],
        "history": _history(record, route, reader),
    }


def _conflicts(record: Approval, context: SubmissionContext) -> list[Shape]:
    """Conflicts of the approval, with their rules and reasons (S6)."""
    conflicts = context.conflicts
    return conflict_rows.reasons(conflicts.remaining_of(record), {conflicts.key_of(record)}, conflicts.sentences)


def _evidence_reasons(record: Approval, facts: SubmissionFacts) -> list[Shape]:
    reasons: list[Shape] = []
    if record.by_policy_id is not None:
        text = "It is low risk and on the light path, so nobody was asked about it."
        policy = policy_words(record.submission)
        reasons.append({"icon": "check", "lead": f"Approved by {policy}.", "text": text})
    reasons += [{"icon": "warning" if record.tier == "high" else "file", "text": text} for text in record.reasons]
    privilege = record.privilege
    if privilege is not None:
        places = ", ".join(privilege.at[:4])
        steps = "step" if len(privilege.at) == 1 else "steps"
        reasons.append({"icon": "file", "text": f"Used by {len(privilege.at)} {steps}:", "code": places})
        reasons += [
            {
                "icon": "check",
                "tone": "ok",
                "lead": f"{words}.",
                "text": "Whoever answers for it says so.",
                "href": privilege.entitlement.controls_href,
                "link": "Who, and how",
            }
            for words, _ in privilege.entitlement.controls_said
        ]
        if privilege.assumed:
            assumed_names = ", ".join(privilege.assumed)
            reasons.append(
                {"icon": "question", "text": f"The export does not say {assumed_names}; the platform's default counts."}
            )
        if privilege.credential is not None:
            text = "If that is refused, this stays approved but can’t be used."
            reasons.append({"icon": "key", "lead": f"Rests on {privilege.credential}.", "text": text})
    return reasons + bindings.binding_notes(record, facts)


def _seat(seat: SeatState, reader: Reader, *, is_open: bool) -> Shape:
    seal = SEAT_SEALS.get(SeatLabel(seat.label), "none")
    capacity = SeatLabel(seat.label).label
    if seat.decision is not None:
        state: Shape = {"value": "approved", "below": times.moment_words(seat.decision.at, reader.now)}
        reason = seat.decision.reason.shown if seat.decision.reason is not None else ""
        return {
            "capacity": capacity,
            "who": decided_by(seat.decision, reader),
            "seal": seal,
            "state": state,
            "said": reason,
        }
    names = " or ".join(reader.name(person) for person in seat.may_decide) or "nobody is left"
    mine = is_open and any(reader.is_me(person) for person in seat.may_decide)
    state = {"value": "open" if is_open else "waiting", "mine": mine}
    basis = f" ({seat.basis})" if seat.basis not in ("", "owner", "lead", "security reviewer") else ""
    return {"capacity": capacity, "who": f"{names}{basis}", "seal": seal, "state": state}


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
    words = {
        ApprovalState.APPROVED: "approved",
        ApprovalState.REJECTED: "refused",
        ApprovalState.EXPIRED: "refused",
        ApprovalState.CHANGES_ASKED: "asked",
        ApprovalState.WAITING: "later",
        ApprovalState.NOT_APPLICABLE: "later",
        ApprovalState.WITHDRAWN: "later",
    }
    return words.get(ApprovalState(record.state), "mine" if mine else "other")
