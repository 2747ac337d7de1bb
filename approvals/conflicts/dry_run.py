"""Dry run of conflict rules: which submissions a rule would catch, with the access of others and with waivers (S6, S8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from approvals.conflicts import leg_members, scan
from approvals.conflicts.check import automation as automation_check
from approvals.conflicts.check import submission
from approvals.conflicts.check.automation import FoundConflict
from approvals.conflicts.queries import StoredRule, build_version
from approvals.conflicts.rule_language.rule import parse_rule
from approvals.conflicts.scan import Conflicts, Members
from approvals.models import Grant, Submission
from approvals.policies.facts import load_version_facts
from inventory.models import Entitlement


def conflicts_of(
    submissions: Sequence[Submission], now: datetime, *documents: Mapping[str, Any] | None
) -> list[list[list[FoundConflict]]]:
    """For each rule, find the conflicts of each submission as if the rule were in force.

    The number of queries is fixed.

    Args:
        submissions: the submissions whose versions are checked.
        now: business time; others' access and waivers count as of this instant.
        documents: the document of each rule; None for no rule.
    """
    parsed = [parse_rule(document) if document is not None else None for document in documents]
    ids = range(-1, -len(parsed) - 1, -1)  # no row has a negative key
    rules = [StoredRule(build_version(rule, pk=pk), rule) for pk, rule in zip(ids, parsed, strict=True) if rule]
    facts = load_version_facts(submissions, now).values()
    cases = [conflicts.case for conflicts in submission.load_cases(facts, rules)]
    conflicts_by_case = automation_check.find_all_conflicts(cases, now, rules, read_others=_read_holdings)
    return [
        [[conflict for conflict in conflicts if conflict.standing.version.pk == pk] for conflicts in conflicts_by_case]
        for pk in ids
    ]


def _read_holdings(rules: Sequence[StoredRule], subjects: Members, now: datetime) -> Conflicts:
    """Read the access of others for rules without stored members, which are computed here."""
    held = Entitlement.objects.filter(pk__in=Grant.objects.standing().values("entitlement"))
    return scan.read_holdings(rules, subjects, now, leg_members.compute_members(rules, held))
