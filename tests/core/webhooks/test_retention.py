"""What endpoints were told is forgotten after thirty days, and that is on record (H7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.core.models import DeliveryState, LedgerEvent, WebhookDelivery, WebhookEndpoint
from governance.core.webhooks import jobs as webhook_jobs
from governance.core.webhooks import transitions as webhook_transitions
from tests.people import NOW, Northwind, as_actor

pytestmark = [pytest.mark.django_db, pytest.mark.rule("H7")]

DAY = timedelta(days=1)


@pytest.fixture
def endpoint(northwind: Northwind) -> WebhookEndpoint:
    fields = {"url": "https://hooks.example.com/a", "shape": "json", "events": ["submission.submitted"]}
    made = webhook_transitions.add_webhook(northwind.finance_ops, actor=as_actor(northwind.theo), now=NOW, **fields)
    assert isinstance(made, WebhookEndpoint)
    return made


def delivery(endpoint: WebhookEndpoint, days_ago: int, state: str = DeliveryState.SENT) -> WebhookDelivery:
    at = NOW - days_ago * DAY
    count = WebhookDelivery.objects.count()
    sent_at = at if state == DeliveryState.SENT else None
    return WebhookDelivery.objects.create(
        key=f"one:{count}", endpoint=endpoint, event="submission.submitted", state=state, created_at=at, sent_at=sent_at
    )


def test_recent_open_and_last_deliveries_are_kept(endpoint: WebhookEndpoint) -> None:
    waits = delivery(endpoint, 40, DeliveryState.QUEUED)
    young = delivery(endpoint, 29)
    last = delivery(endpoint, 60)
    assert webhook_jobs.forget_due(NOW) == {"endpoints": 0}
    assert set(WebhookDelivery.objects.all()) == {waits, young, last}
    assert not LedgerEvent.objects.filter(verb="webhook.deliveries_forgotten").exists()


def test_old_deliveries_are_deleted_with_ledger_event(endpoint: WebhookEndpoint) -> None:
    for state in (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.SENT):
        delivery(endpoint, 31, state)
    left = delivery(endpoint, 1)
    for _ in range(2):
        webhook_jobs.forget_due(NOW)
    assert list(WebhookDelivery.objects.all()) == [left]
    event = LedgerEvent.objects.get(verb="webhook.deliveries_forgotten")
    assert event.payload["deliveries"] == 3


def test_a_sweep_takes_no_more_than_its_slice_and_the_next_goes_on(
    endpoint: WebhookEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_jobs, "FORGOTTEN_AT_ONCE", 2)
    for _ in range(3):
        delivery(endpoint, 31)
    delivery(endpoint, 1)
    assert webhook_jobs.forget_due(NOW) == {"endpoints": 1}
    assert WebhookDelivery.objects.count() == 2
    webhook_jobs.forget_due(NOW)
    assert WebhookDelivery.objects.count() == 1
