"""What sort of thing a resource in use is, and whose team's, as something that is proposed (S8).

Conflict rules go by the kind, the ladder and the signature from outside by the team: whoever answers for it says neither alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models.expressions import Combinable

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.held_access import legs_of, mask_of, of_entitlement
from approvals.models import Proposal
from approvals.policies.diff import Change, Line
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.kinds.kind import About, Document, Given, Kind, Span, named
from approvals.proposals.kinds.people import about_resource, resources
from governance.core.engine.transition import Step
from governance.core.models import Team
from governance.core.roles.roles import Role
from inventory.models import Automation, AutomationState, Entitlement, Resource, ResourceKind, Version
from inventory.resources.transitions import resources as transition_resources


class KindAndTeam(Kind):
    """What it is and whose: a resource's key, ``{"kind": …, "team": key or None}``; a security reviewer countersigns."""

    code = "resource_kind"
    title = "Kind and team"
    countersigner = Role.SECURITY_REVIEWER

    def abouts(self, targets: Collection[str]) -> Mapping[str, About]:
        """The resource."""
        return resources(targets)

    def called(self) -> Combinable:
        """The resource's name."""
        return named(Resource.objects.all(), "name")

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """How it is now."""
        kind, team = Resource.objects.values_list("kind", "team_id").get(pk=int(target))
        return {"kind": kind, "team": team}

    def read(self, target: str, document: Document, now: datetime) -> Given:
        """A kind of the list, and a team; none only where it has none."""
        kind, team = document.get("kind"), document.get("team")
        if kind not in ResourceKind.values:
            return Given(problems=(Problem(0, "kind", "This is no sort of thing that there is.", "Choose one."),))
        had = self.current(target, now, document)["team"]
        if team != had and _team(team) is None:
            return Given(problems=(Problem(0, "team", "There is no such team.", "Choose one of the list."),))
        return Given({"kind": kind, "team": team})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """From what to what: neither is stricter than the other, so it never acts at once."""
        rows = (("kind", "What it is", _kind), ("team", "Whose it is", _team_name))
        return tuple(
            Change(name, label, words(before[name]), words(after[name]), tightens=False)
            for name, label, words in rows
            if before[name] != after[name]
        )

    def lines(self, before: Document, after: Document) -> list[Line]:
        """The same with the names of teams."""
        return super().lines(*({**one, "team": _team_name(one["team"])} for one in (before, after)))

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Who comes to stand on its ladder, and whose work it is that holds something on it, or would: less may be asked of them then."""
        asking = Version.objects.filter(privileges__entitlement__resource=int(target)).order_by().values("automation")
        theirs = beneficiaries.people_of(
            Automation.objects.filter(pk__in=asking).exclude(state=AutomationState.RETIRED)
        )
        return theirs | (_leads(after["team"]) - _leads(before["team"]))

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """How many records were about it, whose lead could have come to them, and what conflict rules would have made of what can be held on it."""
        count = about_resource(span).count()
        found = [f"In the last 90 days {count:,} record{'' if count == 1 else 's'} about it {_were(count)} asked."]
        if span.before["team"] != span.after["team"]:
            was, would_be = (_team_name(one["team"]) for one in (span.before, span.after))
            found.append(
                f"Where owner and deputy may not decide, the leads of {would_be} come next instead of those of {was}."
            )
        if span.before["kind"] != span.after["kind"]:
            found += _said_rules(span)
        return found

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Say so in the register."""
        resource, said = Resource.objects.get(pk=int(proposal.target)), proposal.document
        transition_resources.recast(
            resource, actor=step.actor, now=step.now, kind=said["kind"], team=_team(said["team"])
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


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _said_rules(span: Span) -> list[str]:
    """Conflict rules that look at something on it, or stop to, by its kind alone: those in force when it was proposed."""
    held = [
        of_entitlement(one) for one in Entitlement.objects.filter(resource=int(span.target)).select_related("resource")
    ]
    more, fewer = [], []
    for one in conflict_queries.in_force(span.until):
        legs = [leg for _, leg in legs_of(one.rule) if any(each.kinds for each in leg.any)]
        was, would_be = (
            [mask_of(leg, replace(each, kind=document["kind"])) for leg in legs for each in held]
            for document in (span.before, span.after)
        )
        if any(new & ~old for old, new in zip(was, would_be, strict=True)):
            more.append(one.rule.code)
        if any(old & ~new for old, new in zip(was, would_be, strict=True)):
            fewer.append(one.rule.code)
    found = []
    if more:
        found.append(f"Conflict rules that would look at more of what can be held on it: {', '.join(more)}.")
    if fewer:
        found.append(f"Conflict rules that would look at less of it: {', '.join(fewer)}.")
    return found or ["No conflict rule would look at anything on it that it does not look at now."]
