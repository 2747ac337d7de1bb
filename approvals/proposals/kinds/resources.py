"""Owner and deputy, lower data class, kind and team of an active resource, as proposals (S8, I3).

Conflict rules depend on the kind, the escalation chain on the team. So the owner changes neither alone.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Choices, Q

from approvals.models import Approval, Proposal, WhatIf
from approvals.policies.diff import tightens
from approvals.policies.yaml_document import InvalidDocument, Problem
from approvals.proposals import beneficiaries
from approvals.proposals.kinds.kind import Document, Field, FieldsKind, Subject
from approvals.proposals.kinds.people import key_of, left_refusal, name_of, person_field, row_of
from governance.core.access import Refusal, Role
from governance.core.engine.transition import Step
from governance.core.models import Person, Team
from governance.core.texts.number_words import counted
from inventory.models import (
    Automation,
    AutomationState,
    DataClass,
    Environment,
    Resource,
    ResourceKind,
    ResourceState,
    Version,
)
from inventory.resources.transitions import resources as transition_resources


def choice_field(name: str, label: str, choices: type[Choices], words: Any = str, is_stricter: Any = None) -> Field:
    """Return a field with one of some values; without ``is_stricter``, a later value is stricter."""

    def is_later(before: str, after: str) -> bool:
        return choices.values.index(after) > choices.values.index(before)

    def problem(value: object) -> str:
        return "" if value in choices.values else f"{label}: this is not one of the list."

    return Field(name, label, words, problem, is_stricter or is_later)


class OfResource(FieldsKind):
    """A change of an active resource, by its key."""

    #: What approvals about the resource have to do with the change.
    impact: ClassVar[str] = "concerned it"

    def subjects(self, targets: Collection[str]) -> Mapping[str, Subject]:
        """Return the resources."""
        keys = {key_of(target): target for target in targets}
        resources = Resource.objects.filter(state=ResourceState.ACTIVE).in_bulk(keys)
        return {keys[pk]: Subject(resource.name, resource.href) for pk, resource in resources.items()}

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return how many approvals of the period were about the resource."""
        target = int(what_if.proposal.target)
        concerned = Q(privilege__entitlement__resource=target) | Q(decided_on=target)
        period = {"submission__submitted_at__gt": what_if.since, "submission__submitted_at__lte": what_if.until}
        count = Approval.objects.filter(concerned, **period).count()
        return [f"{counted(count, 'approval')} of the last 90 days {self.impact}."]


def _users_of(target: str) -> frozenset[int]:
    """Return owners and parties of automations with any version that uses the resource."""
    asking = Version.objects.filter(privileges__entitlement__resource=int(target)).order_by().values("automation")
    automations = Automation.objects.filter(pk__in=asking).exclude(state=AutomationState.RETIRED)
    return beneficiaries.beneficiaries_of_automations(automations)


class ResourceOwner(OfResource):
    """Owner and deputy: ``{"owner": key, "deputy": key}``."""

    code = "resource_owner"
    title = "Resource owner"
    fields = (person_field("owner", "Owner", is_needed=True), person_field("deputy", "Backup approver", is_needed=True))

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return owner and deputy."""
        owner, deputy = Resource.objects.values_list("owner_id", "deputy_id").get(pk=int(target))
        return {"owner": owner, "deputy": deputy}

    def check_document(self, target: str, document: Document, now: datetime) -> Document:
        """Accept two active people, one of them as before if any of those is active."""
        result = super().check_document(target, document, now)
        named, was = set(result.values()), self.current(target, now, document).values()
        present = set(Person.objects.filter(pk__in=was, is_active=True, left_at=None).values_list("pk", flat=True))
        if len(named) < len(self.fields):
            words, to_do = "Owner and backup approver are two people.", "Choose somebody of the list."
        elif present and not named & present:
            words = "Owner and backup approver each accept, so one of them changes at a time."
            to_do = "Propose the backup approver first."
        else:
            return result
        raise InvalidDocument(Problem(0, "deputy", words, to_do))

    def people_gaining(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return people who become owner or deputy and were neither before."""
        return frozenset(after.values()) - frozenset(before.values())

    def people_losing(self, target: str, before: Document, after: Document) -> frozenset[int]:
        """Return people who stop being owner or deputy, and an owner who becomes deputy."""
        losers = set(before.values()) - set(after.values())
        if before["owner"] != after["owner"]:
            losers.add(before["owner"])
        return frozenset(losers - {None})

    def appointed(self, target: str, before: Document, after: Document) -> Person | None:
        """Return the new owner or deputy; if the two swap, the new owner."""
        new = [pk for pk in (after["owner"], after["deputy"]) if pk not in before.values()]
        return Person.objects.get(pk=new[0] if new else after["owner"])

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a resource that is not active (two admins activate it with an owner), and people who have left."""
        if not self.subjects([target]):
            to_do = "Name its owner on its page; another admin puts it to use."
            return Refusal("S8", "state", "This is not in use.", to_do)
        refusals = (left_refusal("I3", row_of(Person, pk)) for pk in after.values())
        return next(filter(None, refusals), None)

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Appoint owner and deputy."""
        owner, deputy = (Person.objects.get(pk=proposal.document[name]) for name in ("owner", "deputy"))
        resource = Resource.objects.get(pk=int(proposal.target))
        transition_resources.appoint_owner(resource, actor=step.actor, now=step.now, owner=owner, deputy=deputy)
        return {"resource": resource.pk}


class ResourceClass(OfResource):
    """Data class and environment: ``{"data_class": …, "environment": …}``; a security reviewer countersigns."""

    code = "resource_class"
    title = "Data class"
    impact = "would have counted as less"
    countersigner = Role.SECURITY_REVIEWER
    fields = (
        choice_field("data_class", "Data class", DataClass),
        choice_field("environment", "Environment", Environment),
    )

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the current values; an unset class counts as restricted."""
        resource = Resource.objects.get(pk=int(target))
        return {"data_class": resource.counted_class, "environment": resource.environment}

    def people_gaining(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return people of automations that use the resource: they need fewer signatures."""
        return _users_of(target)

    def refusal(self, target: str, before: Document, after: Document, now: datetime) -> Refusal | None:
        """Refuse a change that only raises: the resource's page does that without a second person."""
        if not tightens(self.changes(target, before, after)):
            return None
        sentence = "What only goes upwards needs no second person."
        return Refusal("S8", "input", sentence, "Change it on the resource's page.")

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Write the register. Grants and approvals keep their tier: a lower tier counts from the renewal (T4)."""
        resource = Resource.objects.get(pk=int(proposal.target))
        transition_resources.amend_by_proposal(resource, actor=step.actor, now=step.now, fields=proposal.document)
        return {"resource": resource.pk}


_team_name = name_of(Team, "no team")


def _kind_name(kind: str) -> str:
    return str(ResourceKind(kind).label)


class KindAndTeam(OfResource):
    """Kind and team: ``{"kind": …, "team": key or None}``; a security reviewer countersigns.

    Neither direction is stricter, so it never acts at once.
    """

    code = "resource_kind"
    title = "Kind and team"
    countersigner = Role.SECURITY_REVIEWER
    fields = (
        choice_field("kind", "What it is", ResourceKind, _kind_name, is_stricter=lambda before, after: False),
        Field("team", "Whose it is", _team_name, lambda pk: ""),
    )

    def current(self, target: str, now: datetime, document: Document) -> Document:
        """Return the current kind and team."""
        kind, team = Resource.objects.values_list("kind", "team_id").get(pk=int(target))
        return {"kind": kind, "team": team}

    def check_document(self, target: str, document: Document, now: datetime) -> Document:
        """Accept a listed kind and a team; no team only if it has none."""
        team = document.get("team")
        if team != self.current(target, now, document)["team"] and row_of(Team, team) is None:
            raise InvalidDocument(Problem(0, "team", "There is no such team.", "Choose one of the list."))
        return super().check_document(target, document, now)

    def text(self, document: Document) -> str:
        """Return the document with the team's name."""
        return super().text({**document, "team": _team_name(document["team"])})

    def people_gaining(self, target: str, before: Document, after: Document, now: datetime) -> frozenset[int]:
        """Return new leads on its escalation chain, and people of automations that use the resource."""
        return _users_of(target) | (_leads(after["team"]) - _leads(before["team"]))

    def impact_sentences(self, what_if: WhatIf) -> list[str]:
        """Return how many approvals were about it, and the leads who come next."""
        sentences = super().impact_sentences(what_if)
        if what_if.proposal.before["team"] != what_if.proposal.document["team"]:
            was, would_be = (_team_name(side["team"]) for side in (what_if.proposal.before, what_if.proposal.document))
            sentences.append(f"After its owner and backup, the leads of {would_be} decide instead of those of {was}.")
        return sentences

    def apply(self, proposal: Proposal, step: Step[Any]) -> Mapping[str, Any]:
        """Write the register."""
        resource, document = Resource.objects.get(pk=int(proposal.target)), proposal.document
        fields = {"kind": document["kind"], "team": row_of(Team, document["team"])}
        transition_resources.amend_by_proposal(resource, actor=step.actor, now=step.now, fields=fields)
        return {"resource": resource.pk}


def _leads(pk: object) -> frozenset[int]:
    team = row_of(Team, pk)
    leads = (team.lead_id, team.deputy_lead_id) if team is not None else ()
    return frozenset(pk for pk in leads if pk is not None)


KINDS = (ResourceOwner, ResourceClass, KindAndTeam)
