"""Repeated requests: return the result of the first decision, submission or confirmation (A8). Reads only."""

from collections.abc import Mapping, Sequence
from typing import Any

from approvals.decisions import digest
from approvals.models import Approval, Decision, DecisionOutcome, Submission
from approvals.models.submission import UNFINISHED
from governance.core.access import Actor
from governance.core.engine.transition import Repeats, acts_as, said_the_same
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent
from inventory.models import Automation


def repeats_decision(outcome: DecisionOutcome) -> Repeats:
    """Return a check for repeats. It finds the approval if the person has decided the same in this round.

    The page, the reason, the narrowing and the answers must be the same.
    """

    def repeats(approval: Approval, actor: Actor, text: str, params: Mapping[str, Any]) -> Approval | None:
        own_decisions = approval.decisions.standing().filter(person=actor.person, round=approval.round)
        decision = own_decisions.select_related("reason").first()
        if decision is None or not acts_as(actor, decision.for_person_id):
            return None
        if (decision.outcome, decision.shown_digest) != (outcome, params.get("shown_digest")):
            return None
        is_same = said_the_same(decision.reason, text) and _has_same_narrowing(approval, decision, params)
        answers = dict(decision.likeness_answers.values_list("likeness", "is_same"))  # about duplicates (I9)
        is_same = is_same and answers == dict(params.get("same") or {})
        return approval if is_same and bool(params.get("not_mine")) == _has_refused_binding(approval) else None

    return repeats


def _has_refused_binding(approval: Approval) -> bool:
    """Return whether the rejection stated that the connection does not open the decider's resource (I8)."""
    kind, key = ledger_events.name_of(approval)
    return LedgerEvent.objects.filter(subject_type=kind, subject_id=key, payload__binding="refused").exists()


def _has_same_narrowing(approval: Approval, decision: Decision, params: Mapping[str, Any]) -> bool:
    """Return whether a form has the decided term, level and scope. An empty field means as requested."""
    privilege = approval.privilege
    days, level, scope = params.get("term_days"), params.get("level", ""), params.get("scope")
    asked_terms = {None, approval.term_days, approval.granted_term_days}
    terms = {decision.term_days} if decision.term_days is not None else asked_terms
    counted = privilege.counted_level if privilege is not None else ""
    levels = {decision.level} if decision.level else {"", counted, approval.granted_level}
    if days not in terms or level not in levels:
        return False
    if decision.scope is not None:
        return _has_same_parts(scope, decision.scope)
    asked_scope = privilege.scope if privilege is not None else []
    return scope is None or _has_same_parts(scope, asked_scope) or _has_same_parts(scope, approval.granted_scope)


def _has_same_parts(scope: Sequence[str] | None, other_scope: Sequence[str] | None) -> bool:
    return scope is not None and other_scope is not None and sorted(scope) == sorted(other_scope)


def repeats_submission(automation: Automation, actor: Actor, text: str, params: Mapping[str, Any]) -> Submission | None:
    """Return the unfinished submission if the person submitted this version in it, with the same facts and wishes.

    Args:
        automation: the subject of the call.
        actor: the caller.
        text: the reason.
        params: the arguments of the call.
    """
    own_submissions = automation.submissions.filter(submitted_by=actor.person, version=params["version"])
    submission = own_submissions.filter(state__in=UNFINISHED).first()
    if submission is None:
        return None
    facts = digest.facts_of_version(automation, submission.version, submission.tier)
    if digest.digest(facts) != submission.digest:
        return None
    approvals = submission.approvals.filter(stage=2).select_related("privilege", "credential", "justification")
    for approval in approvals:
        wish = params["wishes"].get(approval.key)
        if wish is None or wish.is_left_out or not said_the_same(approval.justification, wish.justification.strip()):
            return None
        if wish.term_days not in (None, approval.term_days):
            return None
    requested = {key for key, wish in params["wishes"].items() if not wish.is_left_out}
    if new := requested - {approval.key for approval in approvals}:  # left out then, unless it is held
        held = automation.grants.standing().filter(key__in=new).values_list("key", flat=True)
        return submission if new == set(held) else None
    return submission
