"""Add, pause, resume and remove webhooks. `webhook_outbox` queues their messages; `delivery` sends them.

A team's leads manage their team's webhooks, governance admins all of them. The ledger has host, format and events of an endpoint, never
its address, which holds a secret for Slack and Teams.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.db.models import QuerySet

from governance.core.access import Actor, Permission, Refusal, Role, access, refuse
from governance.core.engine import hooks
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person, Team, WebhookEndpoint, WebhookFormat, WebhookState
from governance.core.notices import outbox
from governance.core.webhooks import http_client, signing_keys, webhook_outbox
from governance.core.webhooks.webhook_outbox import EVENTS, TEST

ACTIVE, PAUSED, REMOVED = WebhookState.ACTIVE, WebhookState.PAUSED, WebhookState.REMOVED

#: How long after a test the next one may be sent to the same endpoint.
BETWEEN_TESTS = timedelta(minutes=1)

#: The mail to the managers of an endpoint that was paused after failed deliveries.
PAUSED_MAIL = "webhook_paused"

#: Reasons to pause, without the maker's name: they stay on record.
LEFT, LEADS_NO_MORE = "Who added it has left.", "Who added it leads the team no more."


#: Declares what the managers of an endpoint do with it.
managed = partial(transition, WebhookEndpoint, permission=Permission.WEBHOOK_MANAGE)


@transition(Team, event="webhook.added", permission=Permission.WEBHOOK_MANAGE)
def add_webhook(step: Step[Team], *, url: str, shape: str, events: Sequence[str]) -> Effect:
    """Add a webhook for some events of a team, as its lead.

    Args:
        step: the running step; its subject is the team.
        url: the address, stored sealed.
        shape: a `WebhookFormat`.
        events: names from `webhook_outbox.EVENTS`.
    """
    return _add(step, WebhookEndpoint(team=step.subject), url, shape, events)


@managed(event="webhook.added")
def add_for_all(step: Step[WebhookEndpoint], *, url: str, shape: str, events: Sequence[str]) -> Effect:
    """Add a webhook for some events of the whole organisation, as an admin; the subject is unsaved.

    Args:
        step: the running step; its subject is the unsaved webhook.
        url: the address, stored sealed.
        shape: a `WebhookFormat`.
        events: names from `webhook_outbox.EVENTS`.
    """
    if not step.subject._state.adding or step.subject.team_id is not None:
        raise refuse(Refusal("WEBHOOK", "input", "A new webhook of the whole organisation belongs to no team."))
    return _add(step, step.subject, url, shape, events)


def _add(step: Step[Any], made: WebhookEndpoint, url: str, shape: str, events: Sequence[str]) -> Effect:
    chosen = [event for event in EVENTS if event in events and event != TEST]
    if not chosen or len(chosen) != len(set(events)):
        raise refuse(Refusal("WEBHOOK", "input", "Choose at least one event of the list."))
    if shape not in WebhookFormat.values:
        raise refuse(Refusal("WEBHOOK", "input", "Choose a format."))
    try:
        parts = http_client.parsed(url.strip())
    except http_client.NotAllowed as no:
        raise refuse(Refusal("WEBHOOK", "input", str(no))) from no
    assert step.actor.person is not None  # no job manages webhooks
    made.host = parts.netloc.lower()
    made.sealed_url = signing_keys.seal(url.strip(), made.opaque_id)
    made.format, made.events = shape, chosen
    made.made_by, made.made_at = step.actor.person, step.now
    step.save(made)
    return Effect(subject=made, payload={"host": made.host, "format": shape, "events": chosen})


@transition(
    WebhookEndpoint, event="webhook.paused", permission=Permission.WEBHOOK_PAUSE, source=(ACTIVE,), target=(PAUSED,)
)
def pause(step: Step[WebhookEndpoint], *, why: str = "") -> Effect:
    """Pause an endpoint. A job does it after failed deliveries, and notifies the managers."""
    step.subject.paused_why = why
    if step.actor.kind == "job":
        _tell(step, why)
    return Effect(payload={"why": why} if why else {})


@transition(WebhookEndpoint, event="webhook.paused", permission=None, source=(ACTIVE,), target=(PAUSED,))
def pause_without_maker(step: Step[WebhookEndpoint], *, why: str) -> Effect:
    """Pause an endpoint after its maker lost the right to manage it, and notify its managers."""
    step.subject.paused_why = why
    _tell(step, why)
    return Effect(payload={"why": why})


@managed(event="webhook.resumed", source=(PAUSED,), target=(ACTIVE,))
def resume(step: Step[WebhookEndpoint]) -> None:
    """Resume an endpoint: it gets the events from now on."""
    step.subject.paused_why = ""


@managed(event="webhook.removed", source=(ACTIVE, PAUSED), target=(REMOVED,))
def remove(step: Step[WebhookEndpoint]) -> None:
    """Remove an endpoint and forget its address."""
    step.subject.sealed_url = ""


@managed(event="webhook.key_renewed", source=(ACTIVE, PAUSED))
def renew_key(step: Step[WebhookEndpoint]) -> Effect:
    """Renew the signing key: later messages are signed with the next key."""
    step.subject.key_number += 1
    step.save(step.subject)
    return Effect(payload={"number": step.subject.key_number})


@managed(event=TEST, source=(ACTIVE,))
def send_test(step: Step[WebhookEndpoint]) -> None:
    """Send a test message to an endpoint, at most one a minute."""
    tests = step.subject.deliveries.filter(event=TEST, created_at__gt=step.now - BETWEEN_TESTS)
    if tests.exists():
        sentence = "A test was sent there less than a minute ago."
        raise refuse(Refusal("WEBHOOK", "input", sentence, "Wait for what it comes to."))
    webhook_outbox.queue_test(step)


def managers(endpoint: WebhookEndpoint, step: Step[Any]) -> Iterable[Person]:
    """Return the managers: the maker, and the team's leads, or the admins for the whole organisation; each once."""
    team = endpoint.team
    others = (
        [team.lead, team.deputy_lead] if team else list(Person.objects.with_role(Role.ADMIN, step.now).order_by("pk"))
    )
    return {person.pk: person for person in (endpoint.made_by, *others) if person is not None}.values()


def _tell(step: Step[WebhookEndpoint], why: str) -> None:
    endpoint, thread = step.subject, f"webhook:{step.subject.pk}"
    team = endpoint.team.name if endpoint.team else ""
    context = {"host": endpoint.host, "why": why, "team": team, "page": ["webhook", endpoint.pk]}
    people, key = managers(endpoint, step), f"paused:{step.now.isoformat()}"
    outbox.notify(people, PAUSED_MAIL, thread=thread, key=key, now=step.now, context=context)


def register() -> None:
    """Pause the webhooks of a leaver. Naming a team's leads calls `pause_of_former_leads`, because it knows the former ones."""
    hooks.register(pause_of_leaver, "person.left")


def pause_of_leaver(person: Person, step: Step[Any]) -> None:
    """Pause the webhooks that a leaver added, until a present manager resumes them: their addresses may be the leaver's."""
    _pause_each(step, WebhookEndpoint.objects.filter(made_by=person), LEFT)


def pause_of_former_leads(step: Step[Team], people: Iterable[Person]) -> None:
    """Pause the webhooks of former leads of a team, unless they still manage them as admins."""
    for person in people:
        if not access.may(Actor.of_person(person), Permission.WEBHOOK_MANAGE, step.subject, now=step.now):
            _pause_each(step, step.subject.webhooks.filter(made_by=person), LEADS_NO_MORE)


def _pause_each(step: Step[Any], endpoints: QuerySet[WebhookEndpoint], why: str) -> None:
    for endpoint in endpoints.filter(state=ACTIVE).order_by("pk"):
        pause_without_maker(endpoint, actor=step.actor, now=step.now, why=why)
