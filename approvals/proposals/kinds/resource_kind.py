"""Kind and team of an active resource, as a proposal (S8).

Conflict rules depend on the kind, the escalation chain and outside signature on the team. So the owner changes
neither alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.held_access import held_by_entitlement, legs_of, mask_of
from approvals.models import Proposal
from approvals.policies.diff import Change, Line
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.kinds.kind import Document, Kind, ReadResult, Span, Subject
from approvals.proposals.kinds.people import approvals_of_resource, resource_subjects
from governance.core.engine.transition import Step
from governance.core.models import Team
from governance.core.roles.roles import Role
from inventory.models import Automation, AutomationState, Entitlement, Resource, ResourceKind, Version
from inventory.resources.transitions import resources as transition_resources


class KindAndTeam(Kind):
    """Kind and team: a resource's key, ``{"kind": …, "team": key or None}``; a security reviewer countersigns."""

    code = "resource_kind"
    title = "Kind and team"
    countersigner = Role.SECURITY_REVIEWER

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the resource."""
        return resource_subjects(targets)

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the current kind and team."""
        kind, team = Resource.objects.values_list("kind", "team_id").get(pk=int(target))
        return {"kind": kind, "team": team}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Accept a listed kind and a team; no team only if it has none."""
        kind, team = document.get("kind"), document.get("team")
        if kind not in ResourceKind.values:
            return ReadResult(problems=(Problem(0, "kind", "This is no sort of thing that there is.", "Choose one."),))
        had = self.current(target, now, document)["team"]
        if team != had and _team(team) is None:
            return ReadResult(problems=(Problem(0, "team", "There is no such team.", "Choose one of the list."),))
        return ReadResult({"kind": kind, "team": team})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changes. Neither direction is stricter, so it never acts at once."""
        rows = (("kind", "What it is", _kind), ("team", "Whose it is", _team_name))
        return tuple(
            Change(name, label, words(before[name]), words(after[name]), tightens=False)
            for name, label, words in rows
            if before[name] != after[name]
        )

    def lines(self, before: Document, after: Document) -> list[Line]:
        """Return the line diff with team names."""
        return super().lines(*({**side, "team": _team_name(side["team"])} for side in (before, after)))

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return new leads on its escalation chain, and beneficiaries of automations that use the resource."""
        asking = Version.objects.filter(privileges__entitlement__resource=int(target)).order_by().values("automation")
        beneficiary_ids = beneficiaries.beneficiaries_of_automations(
            Automation.objects.filter(pk__in=asking).exclude(state=AutomationState.RETIRED)
        )
        return beneficiary_ids | (_leads(after["team"]) - _leads(before["team"]))

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many approvals were about it, the leads who come next, and the effect on conflict rules."""
        count = approvals_of_resource(span).count()
        sentences = [
            f"In the last 90 days {count:,} record{'' if count == 1 else 's'} about it {_was_or_were(count)} asked."
        ]
        if span.before["team"] != span.after["team"]:
            was, would_be = (_team_name(side["team"]) for side in (span.before, span.after))
            sentences.append(
                f"Where owner and deputy may not decide, the leads of {would_be} come next instead of those of {was}."
            )
        if span.before["kind"] != span.after["kind"]:
            sentences += _rule_sentences(span)
        return sentences

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Write the register."""
        resource, document = Resource.objects.get(pk=int(proposal.target)), proposal.document
        transition_resources.change_kind_or_team(
            resource, actor=step.actor, now=step.now, kind=document["kind"], team=_team(document["team"])
        )
        return {"resource": resource.pk}


def _team(pk: object) -> Team | None:
    if not isinstance(pk, int) or isinstance(pk, bool) or not 0 < pk < 2**63:
        return None
    return Team.objects.filter(pk=pk).first()


def _team_name(pk: object) -> str:
    team = _team(pk)
    return team.name if team is not None else "no team"


def _kind(name: str) -> str:
    return str(ResourceKind(name).label)


def _leads(pk: object) -> frozenset[int]:
    team = _team(pk)
    return (
        frozenset(pk for pk in (team.lead_id, team.deputy_lead_id) if pk is not None)
        if team is not None
        else frozenset()
    )


def _was_or_were(count: int) -> str:
    return "was" if count == 1 else "were"


def _rule_sentences(span: Span) -> list[str]:
    """Return sentences about conflict rules whose reach changes with the kind: rules in force at the proposal."""
    entitlements = [
        held_by_entitlement(entitlement)
        for entitlement in Entitlement.objects.filter(resource=int(span.target)).select_related("resource")
    ]
    more, fewer = [], []
    for rule_in_force in conflict_queries.in_force(span.until):
        legs = [leg for _, leg in legs_of(rule_in_force.rule) if any(matcher.kinds for matcher in leg.any)]
        was, would_be = (
            [mask_of(leg, replace(entitlement, kind=document["kind"])) for leg in legs for entitlement in entitlements]
            for document in (span.before, span.after)
        )
        if any(new & ~old for old, new in zip(was, would_be, strict=True)):
            more.append(rule_in_force.rule.code)
        if any(old & ~new for old, new in zip(was, would_be, strict=True)):
            fewer.append(rule_in_force.rule.code)
    sentences = []
    if more:
        sentences.append(f"Conflict rules that would look at more of what can be held on it: {', '.join(more)}.")
    if fewer:
        sentences.append(f"Conflict rules that would look at less of it: {', '.join(fewer)}.")
    return sentences or ["No conflict rule would look at anything on it that it does not look at now."]
