"""A lower data class or environment of an active resource, as a proposal (S8, I3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from approvals.models import Proposal
from approvals.policies.diff import Change
from approvals.policies.yaml_document import Problem
from approvals.proposals import beneficiaries
from approvals.proposals.kinds.kind import Document, Kind, ReadResult, Span, Subject
from approvals.proposals.kinds.people import approvals_of_resource, resource_subjects
from governance.core.duties.refusals import Refusal
from governance.core.engine.transition import Step
from governance.core.roles.roles import Role
from inventory.models import Automation, AutomationState, DataClass, Environment, Resource, Version
from inventory.resources.transitions import resources as transition_resources

FIELDS = {"data_class": ("Data class", DataClass), "environment": ("Environment", Environment)}


class ResourceClass(Kind):
    """Data class and environment: a resource's key, ``{"data_class": …, "environment": …}``.

    A security reviewer countersigns.
    """

    code = "resource_class"
    title = "Data class"
    countersigner = Role.SECURITY_REVIEWER

    def abouts(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the resource."""
        return resource_subjects(targets)

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the current values; an unset class counts as restricted."""
        resource = Resource.objects.get(pk=int(target))
        return {"data_class": resource.counted_class, "environment": resource.environment}

    def read(self, target: str, document: Document, now: datetime) -> ReadResult:
        """Accept one listed value of each."""
        for name, (label, choices) in FIELDS.items():
            if document.get(name) not in choices.values:
                return ReadResult(problems=(Problem(0, name, f"{label}: this is not one of the list.", "Choose one."),))
        return ReadResult({name: document[name] for name in FIELDS})

    def changes(self, target: str, before: Document, after: Document) -> tuple[Change, ...]:
        """Return the changed values."""
        return tuple(
            Change(
                name,
                label,
                before[name],
                after[name],
                choices.values.index(after[name]) > choices.values.index(before[name]),
            )
            for name, (label, choices) in FIELDS.items()
            if before[name] != after[name]
        )

    def gains(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return owners and parties of automations with any version that uses the resource: they need fewer signatures."""
        asking = Version.objects.filter(privileges__entitlement__resource=int(target)).order_by().values("automation")
        return beneficiaries.beneficiaries_of_automations(
            Automation.objects.filter(pk__in=asking).exclude(state=AutomationState.RETIRED)
        )

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a change that only raises: the resource's page does that without a second person."""
        changed = self.changes(target, before, after)
        if changed and all(change.tightens for change in changed):
            sentence = "What only goes upwards needs no second person."
            return Refusal("S8", "input", sentence, "Change it on the resource's page.")
        return None

    def said(self, span: Span, counts: Mapping[str, int]) -> list[str]:
        """Return how many approvals were about the resource."""
        count = approvals_of_resource(span).count()
        if not count:
            return ["In the last 90 days nothing was asked about it."]
        return [f"In the last 90 days {count:,} record{'' if count == 1 else 's'} about it would have counted as less."]

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Write the register. Grants and approvals keep their tier: a lower tier counts from the renewal (T4)."""
        resource = Resource.objects.get(pk=int(proposal.target))
        transition_resources.reclassify(resource, actor=step.actor, now=step.now, **proposal.document)
        return {"resource": resource.pk}
