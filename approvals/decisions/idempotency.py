"""A second press of the button that decided, submitted or confirmed: what the first one made (A8). Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from approvals.decisions import digest
from approvals.models import Approval, Decision, DecisionOutcome, Submission
from approvals.models.submission import UNFINISHED
from governance.core.actors.actor import Actor
from governance.core.engine.repeats import acts_as, said_the_same
from governance.core.engine.transition import Repeats
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent
from inventory.models import Automation


def decided(outcome: DecisionOutcome) -> Repeats:
    """The record, where the person's decision in its present round says the same, of the same page, for the same reason."""

    def repeats(record: Approval, actor: Actor, text: str, params: Mapping[str, Any]) -> Approval | None:
        mine = record.decisions.standing().filter(person=actor.person, round=record.round)
        own = mine.select_related("reason").first()
        if own is None or not acts_as(actor, own.for_person_id):
            return None
        if (own.outcome, own.shown_digest) != (outcome, params.get("shown_digest")):
            return None
        is_same = said_the_same(own.reason, text) and _is_as_wide(record, own, params)
        is_same = is_same and _said_alike(own) == dict(params.get("same") or {})
        return record if is_same and bool(params.get("not_mine")) == _refused_binding(record) else None

    return repeats


def _said_alike(own: Decision) -> dict[int, bool]:
    """What was said with a decision about what the app may be the same as (I9)."""
    return dict(own.likeness_answers.values_list("likeness", "is_same"))


def _refused_binding(record: Approval) -> bool:
    """Whether the rejection said that the connection does not open the decider's resource (I8)."""
    kind, key = ledger_events.name_of(record)
    return LedgerEvent.objects.filter(subject_type=kind, subject_id=key, payload__binding="refused").exists()


def _is_as_wide(record: Approval, own: Decision, params: Mapping[str, Any]) -> bool:
    """Whether a form says the term, level and scope that were decided; what was left as asked is said by saying nothing too."""
    privilege = record.privilege
    days, level, scope = params.get("term_days"), params.get("level", ""), params.get("scope")
    terms = {own.term_days} if own.term_days is not None else {None, record.term_days, record.granted_term_days}
    counted = privilege.counted_level if privilege is not None else ""
    levels = {own.level} if own.level else {"", counted, record.granted_level}
    if days not in terms or level not in levels:
        return False
    if own.scope is not None:
        return _same_parts(scope, own.scope)
    asked = privilege.scope if privilege is not None else []
    return scope is None or _same_parts(scope, asked) or _same_parts(scope, record.granted_scope)


def _same_parts(said: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    return said is not None and other is not None and sorted(said) == sorted(other)


def submitted(automation: Automation, actor: Actor, text: str, params: Mapping[str, Any]) -> Submission | None:
    """The unfinished submission, where the person has submitted this version in it, saying the same of the app and of each record."""
    found = automation.submissions.filter(
        state__in=UNFINISHED, submitted_by=actor.person, version=params["version"]
    ).first()
    if found is None or digest.digest(digest.of_version(automation, found.version, found.tier)) != found.digest:
        return None
    records = found.approvals.filter(stage=2).select_related("privilege", "credential", "justification")
    wishes = params["wishes"]
    for record in records:
        wish = wishes.get(record.key)
        if wish is None or not said_the_same(record.justification, wish.justification.strip()):
            return None
        if wish.term_days not in (None, record.term_days):
            return None
    return found


__all__ = ["decided", "submitted"]
