"""No endpoint holds up another: they take turns, and one that does not answer is left alone for a while (R9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.controls import clock, webhook_http, webhook_sending, webhooks
from governance.controls.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from governance.controls.refusals import InvalidInput
from tests.controls.test_webhooks import MINUTE, added, told
from tests.people import NOW, Northwind, as_actor

pytestmark = pytest.mark.django_db


def queue(endpoint: WebhookEndpoint, count: int) -> None:
    """So many messages wait for an endpoint."""
    said = {"endpoint": endpoint, "event": "webhook.tested", "context": {"page": ["webhook", endpoint.pk]}}
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(key=f"{endpoint.pk}:{number}", created_at=NOW, **said) for number in range(count)
    )


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were sent something, in order; a tarpit costs 15 s of the sweep's 20 each time and never answers."""
    found: list[str] = []
    seconds = [0.0]
    monkeypatch.setattr(webhook_sending.time, "monotonic", lambda: seconds[0])

    def post(url: str, *_: object) -> int:
        found.append(url.split("/")[2].partition(".")[0])
        if found[-1].startswith("tarpit"):
            seconds[0] += 15
            raise TimeoutError
        return 204

    monkeypatch.setattr(webhook_http, "post", post)
    return found


def test_a_second_test_within_a_minute_is_refused(northwind: Northwind) -> None:
    n = northwind
    endpoint, other = added(n, "https://one.example/a"), added(n, "https://two.example/a")
    for one in (endpoint, other):
        webhooks.send_test(one, actor=as_actor(n.theo), now=NOW)
    with pytest.raises(InvalidInput, match="less than a minute"):
        webhooks.send_test(endpoint, actor=as_actor(n.theo), now=NOW + MINUTE - timedelta(seconds=1))
    assert len(told(endpoint)) == 1
    webhooks.send_test(endpoint, actor=as_actor(n.theo), now=NOW + MINUTE)
    assert len(told(endpoint)) == 2


@pytest.mark.rule("R9")
def test_one_teams_slow_endpoint_holds_up_no_other_teams(northwind: Northwind, tried: list[str]) -> None:
    n = northwind
    queue(added(n, "https://tarpit.example/a"), 10)
    good = added(n, "https://good.example/a", team=n.platform)
    queue(good, 3)
    webhook_sending.send_due(now=NOW)
    assert tried == ["tarpit", "good", "good", "good"]
    assert set(good.deliveries.values_list("state", flat=True)) == {DeliveryState.SENT}


@pytest.mark.rule("R9")
def test_what_comes_later_waits_for_each_slow_endpoint_once_at_most(northwind: Northwind, tried: list[str]) -> None:
    n, at = northwind, clock.real()
    for number in range(4):
        queue(added(n, f"https://tarpit{number}.example/a"), 10)
    webhook_sending.send_due(now=NOW, at=at)
    assert tried == ["tarpit0", "tarpit1"]
    queue(added(n, "https://good.example/a"), 1)
    for _ in range(3):
        webhook_sending.send_due(now=NOW, at=at)
    assert tried == ["tarpit0", "tarpit1", "tarpit2", "tarpit3", "good"], "each rests for a minute"
    at += MINUTE
    webhook_sending.send_due(now=NOW, at=at)
    assert tried[5:] == ["tarpit0", "tarpit1"]


def test_endpoints_take_turns(northwind: Northwind, tried: list[str]) -> None:
    for name in ("one", "two"):
        queue(added(northwind, f"https://{name}.example/a"), 3)
    webhook_sending.send_due(now=NOW)
    assert tried == ["one", "two"] * 3
