"""How people, roles, teams and delegations get into the states of ``controls.csv``, and what allowed writes are called with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models

from governance.core.erasure import transitions as erasure_transitions
from governance.core.models import (
    ApiToken,
    Delegation,
    Erasure,
    LinkedAccount,
    Person,
    RoleAssignment,
    Team,
    WebhookEndpoint,
)
from governance.core.people.transitions import delegations
from governance.core.roles.roles import ASSIGNABLE, Role
from governance.core.sign_in import accounts
from governance.core.sign_in.accounts import Account
from governance.core.tokens import transitions as token_transitions
from governance.core.webhooks import transitions as webhook_transitions
from tests.appointments import end_role, record_leaver
from tests.matrix.cast_and_states import World, arguments, creating, state
from tests.people import give_role, make_person, shares

PERSON, ERASURE, ROLE, DELEGATION, TEAM, WEBHOOK, TOKEN, LINKED = (
    "controls.person",
    "controls.erasure",
    "controls.roleassignment",
    "controls.delegation",
    "controls.team",
    "controls.webhookendpoint",
    "controls.apitoken",
    "controls.linkedaccount",
)

creating(f"{TEAM}.found_team", f"{PERSON}.add_person", f"{PERSON}.admit", f"{WEBHOOK}.add_for_all")


@state(TEAM, "new")
def new_team(w: World) -> Team:
    """A team that nobody has founded yet."""
    return Team(name="Warehouse", parent=w.northwind.company)


@state(PERSON, "new")
def new_person(w: World) -> Person:
    """Somebody who is about to be entered."""
    return Person(subject="new@northwind.example", email="new@northwind.example", name="Nora New")


@state(PERSON, "here")
def here(w: World) -> Person:
    """Somebody with every role, so that anybody who owns and leads nothing may delegate to them."""
    made = make_person("Uma Deputy")
    for role in ASSIGNABLE:
        give_role(made, role, admins=(w.people["admin"], w.people["other_admin"]))
    return made


@state(PERSON, "left", on=here)
def left(w: World, made: Person) -> Person:
    """Somebody who has left."""
    return record_leaver(made, actor=w.actor("admin"), now=w.now, reason="Left.")


@state(ERASURE, "asked")
def asked_erasure(w: World) -> Erasure:
    """Asked by *admin*, of somebody who has left."""
    leaver = record_leaver(make_person("Lars Holm"), actor=w.actor("admin"), now=w.now, reason="Left.")
    erasure_transitions.ask_erasure(leaver, actor=w.actor("admin"), now=w.now, reason="He wants it.", named=leaver.name)
    return Erasure.objects.get(person=leaver)


@state(ERASURE, "dropped", on=asked_erasure)
def dropped_erasure(w: World, made: Erasure) -> Erasure:
    """Dropped again."""
    return erasure_transitions.drop_erasure(made, actor=w.actor("other_admin"), now=w.now)


@state(ERASURE, "confirmed", on=asked_erasure)
def confirmed_erasure(w: World, made: Erasure) -> Erasure:
    """Confirmed by *other_admin*."""
    erasure_transitions.erase(made, actor=w.actor("other_admin"), now=w.now, named=made.person.name)
    return Erasure.objects.get(pk=made.pk)


@state(PERSON, "erased", on=left)
def erased(w: World, made: Person) -> Person:
    """Somebody who has left, and was erased by both admins."""
    erasure_transitions.ask_erasure(made, actor=w.actor("admin"), now=w.now, reason="They want it.", named=made.name)
    erasure_transitions.erase(made.erasures.get(), actor=w.actor("other_admin"), now=w.now, named=made.name)
    return Person.objects.get(pk=made.pk)


@state(ROLE, "held")
def held_role(w: World) -> RoleAssignment:
    """Given by *admin* and *other_admin*, and accepted."""
    return give_role(make_person("Nora New"), Role.AUDITOR, admins=(w.people["admin"], w.people["other_admin"]))


@state(ROLE, "ended", on=held_role)
def ended_role(w: World, made: RoleAssignment) -> RoleAssignment:
    """Ended again."""
    return end_role(made.person, Role.AUDITOR, now=w.now)


@state(DELEGATION, "running")
def running(w: World) -> Delegation:
    """Given by *resource_owner*."""
    owner = w.people["resource_owner"]
    until = w.now + timedelta(days=7)
    shares(w.northwind.tom, owner)
    made = delegations.delegate(
        w.northwind.tom, actor=w.actor("resource_owner"), now=w.now, giver=owner, from_at=w.now, until_at=until
    )
    return Delegation.objects.get(pk=made.pk)


@state(DELEGATION, "ended", on=running)
def ended_delegation(w: World, made: Delegation) -> Delegation:
    """Taken back."""
    return delegations.end_delegation(made, actor=w.actor("resource_owner"), now=w.now)


@state(WEBHOOK, "new")
def new_webhook(w: World) -> WebhookEndpoint:
    """One of the whole organisation, which nobody has added yet."""
    return WebhookEndpoint(team=None)


@state(WEBHOOK, "active")
def active_webhook(w: World) -> WebhookEndpoint:
    """One of the team that *team_lead* leads."""
    fields = {"url": "https://hooks.example.com/a", "shape": "json", "events": ["submission.submitted"]}
    return webhook_transitions.add_webhook(w.northwind.finance_ops, actor=w.actor("team_lead"), now=w.now, **fields)


@state(WEBHOOK, "paused", on=active_webhook)
def paused_webhook(w: World, made: WebhookEndpoint) -> WebhookEndpoint:
    """Paused by *team_lead*."""
    return webhook_transitions.pause(made, actor=w.actor("team_lead"), now=w.now)


@state(WEBHOOK, "removed", on=active_webhook)
def removed_webhook(w: World, made: WebhookEndpoint) -> WebhookEndpoint:
    """Removed by *team_lead*."""
    return webhook_transitions.remove(made, actor=w.actor("team_lead"), now=w.now)


@state(TOKEN, "live")
def live_token(w: World) -> ApiToken:
    """Made by *builder* for a pipeline of the team."""
    fields = {
        "name": "Nightly deploy",
        "secret": token_transitions.new_secret(),
        "days": 30,
        "team": w.northwind.finance_ops,
    }
    made = token_transitions.make_token(w.people["builder"], actor=w.actor("builder"), now=w.now, **fields)
    return ApiToken.objects.get(pk=made.pk)


@state(TOKEN, "revoked", on=live_token)
def revoked_token(w: World, made: ApiToken) -> ApiToken:
    """Revoked by *builder*."""
    return token_transitions.revoke_token(made, actor=w.actor("builder"), now=w.now)


@state(LINKED, "linked")
def linked(w: World) -> LinkedAccount:
    """Linked by *builder*."""
    account = Account("guests", "rita")
    return accounts.link_account(
        w.people["builder"], actor=w.actor("builder"), now=w.now, account=account, provider="Guests"
    )


@state(LINKED, "unlinked", on=linked)
def unlinked(w: World, made: LinkedAccount) -> LinkedAccount:
    """The link has ended."""
    return accounts.unlink_account(made, actor=w.actor("builder"), now=w.now)


@arguments(f"{PERSON}.admit")
def _admitted(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"provider": "Guests"}


@arguments(f"{PERSON}.describe")
def _described(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"account": Account("guests", "uma", "Uma Novak", "uma@northwind.example")}


@arguments(f"{PERSON}.leave_by_directory", f"{PERSON}.come_back")
def _entry(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"write": list.append.__get__([])}


@arguments(f"{PERSON}.end_sessions")
def _sessions(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"end": int}


@arguments(f"{TEAM}.join_team", f"{TEAM}.leave_team")
def _member(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"person": w.northwind.tom}


@arguments(f"{TEAM}.add_webhook", f"{WEBHOOK}.add_for_all")
def _webhook(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"url": "https://hooks.example.com/a", "shape": "json", "events": ["submission.submitted"]}


@arguments(f"{PERSON}.ask_erasure", f"{ERASURE}.erase")
def _named(w: World, subject: models.Model) -> Mapping[str, Any]:
    person = subject.person if isinstance(subject, Erasure) else subject
    assert isinstance(person, Person)
    return {"named": person.name}


@arguments(f"{PERSON}.delegate")
def _delegation(w: World, subject: models.Model) -> Mapping[str, Any]:
    until = w.now + timedelta(days=7)
    return {"giver": w.people[w.made["who"]], "from_at": w.now, "until_at": until}


@arguments(f"{PERSON}.set_password")
def _password(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"password": "correct horse battery staple"}


@arguments(f"{PERSON}.sign_in")
def _begin(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"begin": list}


@arguments(*(f"{PERSON}.{verb}" for verb in ("enrol_second_factor", "remove_second_factor", "make_recovery_codes")))
def _change(w: World, subject: models.Model) -> Mapping[str, Any]:
    return {"change": list}
