"""No endpoint holds up another. One whose maker lost the right gets no messages until it is resumed (R9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.core.clock import current_time
from governance.core.duties.refusals import InvalidInput
from governance.core.models import DeliveryState, Notice, WebhookDelivery, WebhookEndpoint, WebhookState
from governance.core.webhooks import http_client
from governance.core.webhooks import jobs as webhook_jobs
from governance.core.webhooks import transitions as webhook_transitions
from tests.appointments import name_leads, record_leaver
from tests.core.webhooks.test_webhooks import MINUTE, added, queued_events
from tests.people import NOW, Northwind, as_actor

pytestmark = pytest.mark.django_db


def queue(endpoint: WebhookEndpoint, count: int) -> None:
    """So many messages wait for an endpoint."""
    fields = {"endpoint": endpoint, "event": "webhook.tested", "context": {"page": ["webhook", endpoint.pk]}}
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(key=f"{endpoint.pk}:{number}", created_at=NOW, **fields) for number in range(count)
    )


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were sent something, in order; a tarpit costs 15 s of the sweep's 20 each time and never answers."""
    hosts: list[str] = []
    seconds = [0.0]
    monkeypatch.setattr(webhook_jobs.time, "monotonic", lambda: seconds[0])

    def post(url: str, *_: object) -> int:
        hosts.append(url.split("/")[2].partition(".")[0])
        if hosts[-1].startswith("tarpit"):
            seconds[0] += 15
            raise TimeoutError
        return 204

    monkeypatch.setattr(http_client, "post", post)
    return hosts


def test_a_second_test_within_a_minute_is_refused(northwind: Northwind) -> None:
    n = northwind
    endpoint, other = added(n, "https://one.example/a"), added(n, "https://two.example/a")
    for webhook in (endpoint, other):
        webhook_transitions.send_test(webhook, actor=as_actor(n.theo), now=NOW)
    with pytest.raises(InvalidInput, match="less than a minute"):
        webhook_transitions.send_test(endpoint, actor=as_actor(n.theo), now=NOW + MINUTE - timedelta(seconds=1))
    assert len(queued_events(endpoint)) == 1
    webhook_transitions.send_test(endpoint, actor=as_actor(n.theo), now=NOW + MINUTE)
    assert len(queued_events(endpoint)) == 2


@pytest.mark.rule("R9")
def test_one_teams_slow_endpoint_holds_up_no_other_teams(northwind: Northwind, tried: list[str]) -> None:
    n = northwind
    queue(added(n, "https://tarpit.example/a"), 10)
    good = added(n, "https://good.example/a", team=n.platform)
    queue(good, 3)
    webhook_jobs.send_due(now=NOW)
    assert tried == ["tarpit", "good", "good", "good"]
    assert set(good.deliveries.values_list("state", flat=True)) == {DeliveryState.SENT}


@pytest.mark.rule("R9")
def test_slow_endpoint_delays_later_messages_once(northwind: Northwind, tried: list[str]) -> None:
    n, at = northwind, current_time.real()
    for number in range(4):
        queue(added(n, f"https://tarpit{number}.example/a"), 10)
    webhook_jobs.send_due(now=NOW, at=at)
    assert tried == ["tarpit0", "tarpit1"]
    queue(added(n, "https://good.example/a"), 1)
    for _ in range(3):
        webhook_jobs.send_due(now=NOW, at=at)
    assert tried == ["tarpit0", "tarpit1", "tarpit2", "tarpit3", "good"], "each rests for a minute"
    at += MINUTE
    webhook_jobs.send_due(now=NOW, at=at)
    assert tried[5:] == ["tarpit0", "tarpit1"]


def test_endpoints_take_turns(northwind: Northwind, tried: list[str]) -> None:
    for name in ("one", "two"):
        queue(added(northwind, f"https://{name}.example/a"), 3)
    webhook_jobs.send_due(now=NOW)
    assert tried == ["one", "two"] * 3


def _state(endpoint: WebhookEndpoint) -> tuple[str, str]:
    endpoint.refresh_from_db()
    return endpoint.state, endpoint.paused_why


def test_webhook_of_leaver_is_paused_until_resumed(northwind: Northwind) -> None:
    n = northwind
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=NOW, lead=n.theo, deputy_lead=n.bram)
    theirs, other = added(n, "https://theirs.example/a"), added(n, "https://other.example/a", team=n.platform)
    removed = webhook_transitions.remove(added(n, "https://removed.example/a"), actor=as_actor(n.theo), now=NOW)
    record_leaver(n.theo, actor=as_actor(n.ines), now=NOW, reason="Left.")
    assert _state(theirs) == (WebhookState.PAUSED, "Who added it has left.")
    assert _state(other) == (WebhookState.ACTIVE, "")
    assert _state(removed)[0] == WebhookState.REMOVED
    (mail,) = Notice.objects.filter(event="webhook_paused")
    assert (mail.recipient, mail.context["why"]) == (n.bram, "Who added it has left.")
    webhook_transitions.resume(theirs, actor=as_actor(n.bram), now=NOW)
    assert _state(theirs) == (WebhookState.ACTIVE, "")


def test_webhook_of_former_lead_is_paused_and_new_lead_notified(northwind: Northwind) -> None:
    n = northwind
    theirs = added(n, "https://theirs.example/a")
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=NOW, lead=n.theo, deputy_lead=n.bram)
    assert _state(theirs)[0] == WebhookState.ACTIVE, "Theo leads it still"
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=NOW, lead=n.bram, deputy_lead=None)
    assert _state(theirs) == (WebhookState.PAUSED, "Who added it leads the team no more.")
    assert n.bram in {notice.recipient for notice in Notice.objects.filter(event="webhook_paused")}
    webhook_transitions.resume(theirs, actor=as_actor(n.bram), now=NOW)
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=NOW, lead=n.bram, deputy_lead=n.nadia)
    assert _state(theirs)[0] == WebhookState.ACTIVE, "it was looked at once"
