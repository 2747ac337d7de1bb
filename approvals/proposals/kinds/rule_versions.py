"""Versions of conflict rules that a proposal puts in force or takes back (S8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from approvals.conflicts import leg_members
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.rule_language.rule import parse_rule
from approvals.models import ConflictRule, Proposal
from governance.core.engine.transition import Step


def put_in_force(document: Mapping[str, Any] | None, proposal: Proposal, step: Step[Any]) -> ConflictRule:
    """Make the next version of a rule inside the approving operation; if one person signed, it ends when its time is up.

    Args:
        document: the new document; None to give the rule up.
        proposal: the proposal.
        step: the running step.
    """
    newest = ConflictRule.objects.filter(code=proposal.target).order_by("-number").first()
    return _next(newest, document, step, **proposal.signed_facts)


def take_back(proposal: Proposal, step: Step[Any]) -> ConflictRule:
    """Restore what two people signed before one tightened the rule alone, or no rule, as a new version.

    Args:
        proposal: the proposal without a countersignature.
        step: the running step that ends it.
    """
    versions = ConflictRule.objects.filter(code=proposal.target).order_by("-number")
    acting = versions.get(until=proposal.acting_until, proposed_by=proposal.proposed_by)
    signed = versions.filter(until__isnull=True).first()
    document = signed.document if signed is not None and not signed.is_given_up else None
    return _next(
        versions[0] if signed is None else signed, document, step, number=versions[0].number + 1, undoes=acting
    )


def _next(
    before: ConflictRule | None, document: Mapping[str, Any] | None, step: Step[Any], **more: Any
) -> ConflictRule:
    rule = parse_rule(document or (before.document if before is not None else {}))
    number = more.pop("number", before.number + 1 if before is not None else 1)
    facts = {"is_given_up": document is None, "effective_at": step.now, "number": number, **more}
    made = conflict_queries.build_version(rule, document=rule.to_dict(), **facts)
    made.save()
    leg_members.update_rules([made])
    step.record("conflict_rule.put_in_force", made, {"code": made.code, "number": made.number, "digest": made.digest})
    return made
