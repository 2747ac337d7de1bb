"""How the register's subjects get into the states of ``inventory.csv``, and what allowed writes are called with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models

from governance.core.actors.actor import Actor
from governance.core.models import Team
from inventory.automations.transitions import lifecycle, transfers
from inventory.credentials import transitions as credential_transitions
from inventory.imports.transitions import previews
from inventory.models import (
    Automation,
    Binding,
    Credential,
    Incident,
    InterimOwner,
    NonHumanIdentity,
    Resource,
    Transfer,
    Version,
)
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions import bindings, incidents, resources
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.inventory.imports.sample_imports import export
from tests.matrix.cast_and_states import World, arguments, inside, state
from tests.people import as_actor
from tests.trigger_bypass import given

AUTOMATION, RESOURCE = "inventory.automation", "inventory.resource"
IDENTITY, CREDENTIAL, INTERIM = "inventory.nonhumanidentity", "inventory.credential", "inventory.interimowner"


@state("controls.team", "any")
def team(w: World) -> Team:
    """The team of builder, leads and business owner."""
    return w.northwind.finance_ops


@state("inventory.version", "any")
def version(w: World) -> Version:
    """A version of a draft."""
    owners = {"business_owner": w.people["business_owner"], "technical_owner": w.people["technical_owner"]}
    return scenarios.brought_in(w.company, by=w.people["builder"], export="weekly-stock-report.json", **owners)


@state(AUTOMATION, "draft", on=version)
def draft(w: World, made: Version) -> Automation:
    """Imported and not submitted."""
    return made.automation


@state(AUTOMATION, "in_review", on=version)
def in_review(w: World, made: Version) -> Automation:
    """Submitted for the first time."""
    return scenarios.submitted(w.company, made, by=w.people["builder"]).automation


@state(AUTOMATION, "app_approved", on=in_review)
def app_approved(w: World, automation: Automation) -> Automation:
    """The same, and the team's lead has approved the app: stage 2 is open."""
    scenarios.approve(scenarios.app_of(automation.submissions.get()), w.people["team_lead"], now=w.now)
    return automation


@state(AUTOMATION, "live", on=app_approved)
def live(w: World, automation: Automation) -> Automation:
    """Approved on both sides."""
    return stock_report.decide_rest(w.company, automation.submissions.get()).automation


@state("controls.team", "runs", on=live)
def team_of_live(w: World, automation: Automation) -> Team:
    """The same team, with a live automation."""
    return w.northwind.finance_ops


@state(AUTOMATION, "ownerless", on=live)
def ownerless_automation(w: World, automation: Automation) -> Automation:
    """Its business owner has left."""
    _leaves(w, "business_owner")
    return automation


@state(AUTOMATION, "suspended", on=live)
def suspended(w: World, automation: Automation) -> Automation:
    """Suspended by something else, a review that nobody answered say."""
    with inside(automation, w.actor("job"), w.now):
        lifecycle.suspend(automation, actor=w.actor("job"), now=w.now, why="overdue")
    return automation


@state(AUTOMATION, "stopped", on=live)
def stopped(w: World, automation: Automation) -> Automation:
    """Stopped by its business owner."""
    lifecycle.stop(automation, actor=w.actor("business_owner"), now=w.now, reason="It misbehaves.")
    return automation


@state(AUTOMATION, "resume_asked", on=stopped)
def resume_asked(w: World, automation: Automation) -> Automation:
    """Stopped by its business owner, and its technical owner asks to lift that."""
    lifecycle.request_resume(automation, actor=w.actor("technical_owner"), now=w.now, reason="It is mended.")
    return automation


@state(AUTOMATION, "retired", on=draft)
def retired(w: World, automation: Automation) -> Automation:
    """Retired by an owner."""
    lifecycle.retire(automation, actor=w.actor("business_owner"), now=w.now, reason="Nobody needs it.")
    return automation


@state("inventory.transfer", "asked", on=live)
def transfer_asked(w: World, automation: Automation) -> Transfer:
    """The team's lead asks the team that *stranger* leads."""
    return transfers.request_transfer(
        automation, actor=w.actor("team_lead"), now=w.now, reason="They use it.", team=w.northwind.people_team
    )


@state("inventory.transfer", "moved", on=transfer_asked)
def transfer_moved(w: World, transfer: Transfer) -> Transfer:
    """Its lead agrees."""
    return transfers.accept_transfer(transfer, actor=w.actor("stranger"), now=w.now, reason="We do.")


@state("inventory.transfer", "dropped", on=transfer_asked)
def transfer_dropped(w: World, transfer: Transfer) -> Transfer:
    """Its lead does not agree."""
    return transfers.drop_transfer(transfer, actor=w.actor("stranger"), now=w.now, reason="We don't.")


@arguments("inventory.automation.request_transfer")
def _ask_transfer(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"team": w.northwind.people_team}


@state("inventory.binding", "any", on=version)
def binding(w: World, made: Version) -> Binding:
    """A connection that a builder said opens a resource in use."""
    return Binding.objects.get(resource=w.company.slack)


def _vault(w: World) -> Resource:
    """A secret store in use, of the same owner and deputy as the other resources."""
    owner, deputy = w.people["resource_owner"], w.people["resource_deputy"]
    return scenarios.resource(w.northwind, "Vault", "secret_store", "restricted", owner, deputy, w.northwind.platform)


@state(CREDENTIAL, "any", on=version)
def credential(w: World, made: Version) -> Credential:
    """What opens a resource of the deputy's team, the technical owner's; used by a draft of the builder's."""
    credential = Credential.objects.get(opens=w.company.erp)
    credential.owner = w.people["technical_owner"]
    credential.save()
    return credential


@state(CREDENTIAL, "said", on=credential)
def said_to_be_kept(w: World, credential: Credential) -> Credential:
    """The builder says that a store keeps it."""
    return credential_transitions.claim_store(credential, actor=w.actor("builder"), now=w.now, store=_vault(w))


@state(CREDENTIAL, "approved", on=live)
def approved(w: World, automation: Automation) -> Credential:
    """Somebody has approved it."""
    return Credential.objects.get(opens=w.company.erp)


def _asked_for(w: World, who: Actor) -> Binding:
    """A connection that the Slack workspace's owner confirmed, and that somebody wants to open the drive."""
    connection = {"connector": "slack", "instance": "abc"}
    bindings.bind_connection(w.company.slack, actor=w.actor("resource_owner"), now=w.now, **connection)
    bindings.request_move(w.company.drive, actor=who, now=w.now, **connection)
    return Binding.objects.get(instance_name="abc")


@state("inventory.binding", "moving")
def moving(w: World) -> Binding:
    """The drive's owner asks for it."""
    return _asked_for(w, as_actor(w.northwind.mei))


@state("inventory.binding", "admin_moves")
def admin_moves(w: World) -> Binding:
    """An admin asks for it."""
    return _asked_for(w, w.actor("admin"))


@state(RESOURCE, "proposed")
def proposed(w: World) -> Resource:
    """Proposed by a builder; nobody was named."""
    made = resources.propose_resource(
        w.northwind.finance_ops, actor=w.actor("builder"), now=w.now, fields={"name": "CRM", "kind": "saas_connector"}
    )
    return Resource.objects.get(pk=made.pk)


@state(RESOURCE, "registered")
def registered(w: World) -> Resource:
    """Registered by an admin, who named owner and deputy."""
    made = resources.register_resource(
        w.northwind.platform,
        actor=w.actor("admin"),
        now=w.now,
        fields={"name": "Warehouse", "kind": "data_store", "data_class": "internal"},
        owner=w.people["resource_owner"],
        deputy=w.people["resource_deputy"],
    )
    return Resource.objects.get(pk=made.pk)


@state(RESOURCE, "accepted", on=registered)
def accepted(w: World, made: Resource) -> Resource:
    """The named owner has accepted."""
    return resources.accept_ownership(made, actor=w.actor("resource_owner"), now=w.now)


@state(RESOURCE, "active", on=accepted)
def active(w: World, made: Resource) -> Resource:
    """Put to use by the other admin."""
    return resources.activate(made, actor=w.actor("other_admin"), now=w.now)


@state(RESOURCE, "ownerless", on=active)
def ownerless_resource(w: World, made: Resource) -> Resource:
    """Its owner has left. Its deputy leads its team."""
    _leaves(w, "resource_owner")
    return made


def _leaves(w: World, who: str) -> None:
    record_leaver(w.people[who], actor=w.actor("admin"), now=w.now, reason="A new job.")


@state(RESOURCE, "in_use", on=live)
def resource_in_use(w: World, automation: Automation) -> Resource:
    """Something live holds access to it."""
    return w.company.erp


@state(RESOURCE, "unresolved")
def unresolved(w: World) -> Resource:
    """Stands for a host that is decided at run time."""
    scenarios.brought_in(w.company, export="price-list-sync.json", by=w.people["builder"])
    return Resource.objects.get(unresolved=True)


@state(IDENTITY, "any", on=version)
def identity(w: World, made: Version) -> NonHumanIdentity:
    """What the draft runs as, the business owner's."""
    return _identity_of(w, made.automation)


@state(IDENTITY, "in_use", on=live)
def identity_in_use(w: World, automation: Automation) -> NonHumanIdentity:
    """What the live automation runs as."""
    return _identity_of(w, automation)


def _identity_of(w: World, automation: Automation) -> NonHumanIdentity:
    owner = w.people["business_owner"]
    return NonHumanIdentity.objects.create(
        kind="spiffe", issuer="northwind", subject="spiffe://northwind/report", owner=owner, automation=automation
    )


@state(IDENTITY, "ownerless", on=identity)
def ownerless_identity(w: World, made: NonHumanIdentity) -> NonHumanIdentity:
    """The same, and its owner has left."""
    _leaves(w, "business_owner")
    return made


@state(CREDENTIAL, "ownerless", on=credential)
def ownerless_credential(w: World, made: Credential) -> Credential:
    """The same, and its owner has left."""
    _leaves(w, "technical_owner")
    return made


def _names(w: World, made: Resource, who: str) -> InterimOwner:
    named = ownership_transitions.NAME_INTERIM["resource"](
        made, actor=w.actor(who), now=w.now, person=w.people["stranger"]
    )
    return InterimOwner.objects.get(pk=named.pk)


@state(INTERIM, "named", on=ownerless_resource)
def named(w: World, made: Resource) -> InterimOwner:
    """The team's lead names *stranger*, who has no other part in it."""
    return _names(w, made, "resource_deputy")


@state(INTERIM, "named_by_security", on=ownerless_resource)
def named_by_security(w: World, made: Resource) -> InterimOwner:
    """A security reviewer does."""
    return _names(w, made, "security")


@state(INTERIM, "confirmed", on=named)
def confirmed(w: World, made: InterimOwner) -> InterimOwner:
    """The lead named, and a security reviewer confirmed it."""
    return ownership_transitions.confirm_interim(made, actor=w.actor("security"), now=w.now)


@state(INTERIM, "ended", on=confirmed)
def ended(w: World, made: InterimOwner) -> InterimOwner:
    """The person has said no after all."""
    return ownership_transitions.drop_interim(made, actor=w.actor("stranger"), now=w.now, reason="I can't.")


@arguments(*(f"{label}.name_interim" for label in (RESOURCE, AUTOMATION, IDENTITY, CREDENTIAL)))
def _interim(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"person": w.people["stranger"]}


@arguments("controls.team.confirm_import")
def _import(w: World, subject: models.Model) -> Mapping[str, Any]:
    # A preview belongs to its importer; the actor of this cell imports the file first.
    who = w.made["who"]
    item = previews.preview([("x.json", export())], actor=w.actor(who), now=w.now).items.get()
    return {"item": item, "fields": {"business_owner": w.people["business_owner"]}}


@arguments("controls.team.propose_resource")
def _propose(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"fields": {"name": "CRM", "kind": "saas_connector"}}


@arguments("controls.team.register_resource")
def _register(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"fields": {"name": "CRM", "kind": "saas_connector"}, **_named(w, subject)}


@arguments("inventory.resource.name_owner")
def _named(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"owner": w.northwind.lena, "deputy": w.northwind.mei}


@arguments("inventory.automation.amend_automation")
def _amend(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"fields": {"purpose": "Something else."}}


@arguments("inventory.automation.raise_tier")
def _raise(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"tier": "high"}


@arguments("inventory.resource.amend_resource")
def _amend_resource(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"fields": {"about": "In words."}}


@arguments("inventory.resource.add_entitlement")
def _entitlement(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"code": "rows:read", "words": "Read rows", "level": "read"}


@arguments("inventory.credential.describe_credential")
def _describe(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"fields": {"lifetime": "long"}}


@arguments("inventory.credential.declare_reach")
def _declare(w: World, subject: models.Model) -> Mapping[str, Any]:
    # A cleared reach lowers no tier, so every person who may give details may clear it.
    codes = list(w.company.erp.entitlements.values_list("code", flat=True))
    if Credential.objects.filter(opens=w.company.erp, reach_kind="unknown").exists():
        credential_transitions.declare_reach(subject, actor=as_actor(w.company.erp.owner), now=w.now, codes=codes)
    return {"codes": None}


@arguments("inventory.credential.claim_store")
def _say_kept_in(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"store": _vault(w)}


@arguments("inventory.credential.confirm_store", "inventory.credential.refuse_store")
def _answer_for_store(w: World, subject: models.Model) -> Mapping[str, Any]:
    assert isinstance(subject, Credential)
    return {"store": subject.said_kept_in_id}


@state("inventory.incident", "running", on=active)
def incident_running(w: World, resource: Resource) -> Incident:
    """Declared by the resource's owner yesterday, for a week."""
    return incidents.declare_incident(
        resource,
        actor=w.actor("resource_owner"),
        now=w.now,
        reason="A token was posted.",
        reference="INC-1",
        until=w.now + timedelta(days=7),
    )


@state("inventory.incident", "over", on=incident_running)
def incident_over(w: World, incident: Incident) -> Incident:
    """Ended by security."""
    return incidents.end_incident(incident, actor=w.actor("security"), now=w.now, reason="The token is dead.")


@arguments("inventory.resource.declare_incident")
def _declare_incident(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"reference": "INC-2", "until": w.now + timedelta(days=1)}


@arguments("inventory.resource.request_move")
def _ask_to_move(w: World, subject: models.Model) -> Mapping[str, Any]:
    connection = {"connector": "slack", "instance": "abc"}
    bindings.bind_connection(w.company.slack, actor=as_actor(w.company.slack.deputy), now=w.now, **connection)
    return connection


@arguments("inventory.resource.share_host")
def _share(w: World, subject: models.Model) -> Mapping[str, Any]:
    """Mei claims a host of the subject for the drive. The two resources have no owner or deputy in common."""
    assert isinstance(subject, Resource)
    given(w.company.drive, deputy=w.northwind.bram)
    host = "files.example"
    bindings.bind_connection(subject, actor=as_actor(subject.deputy), now=w.now, connector="slack", instance=host)
    mei = as_actor(w.northwind.mei)
    return {
        "binding": bindings.bind_connection(
            w.company.drive, actor=mei, now=w.now, connector="httpRequest", instance=host
        ).pk
    }


@arguments("inventory.binding.agree_to_move")
def _agree(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"resource": w.company.drive.pk}


@arguments("inventory.resource.bind_connection")
def _bind(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"connector": "postgres", "instance": "abc"}
