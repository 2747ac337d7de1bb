"""Webhooks: signed, in the shape that the other side takes, once by their id, tried again, paused, never into our own network."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from approvals.models import ApprovalState
from governance.core.clock import current_time
from governance.core.duties.refusals import InvalidInput, NotPermitted
from governance.core.models import (
    DeliveryState,
    LedgerEvent,
    Notice,
    Team,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookState,
)
from governance.core.notices import delivery_attempts
from governance.core.webhooks import http_client, signing_keys
from governance.core.webhooks import jobs as webhook_jobs
from governance.core.webhooks import transitions as webhook_transitions
from governance.core.webhooks.webhook_outbox import CHOICES, EVENTS
from inventory.automations.transitions import lifecycle
from tests import scenarios
from tests.approvals import stock_report
from tests.core.webhooks.webhook_listener import Listener, listener, verified
from tests.people import NOW, Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

__all__ = ["listener"]

MINUTE = timedelta(minutes=1)

EVERYTHING = tuple(event for event, _ in CHOICES)


def added(
    n: Northwind, url: str, *, shape: str = "json", events: tuple[str, ...] = EVERYTHING, team: Team | None = None
) -> WebhookEndpoint:
    """One of the team of finance operations, added by Theo, its lead."""
    team = team or n.finance_ops
    actor = as_actor(team.lead or n.ines)
    made = webhook_transitions.add_webhook(team, actor=actor, now=NOW, url=url, shape=shape, events=events)
    assert isinstance(made, WebhookEndpoint)
    return made


def queued_events(endpoint: WebhookEndpoint) -> list[str]:
    """The events queued or sent there, in order."""
    return list(endpoint.deliveries.order_by("pk").values_list("event", flat=True))


# --- what is refused -----------------------------------------------------------------------------------------------------


def test_only_leads_and_admins_add_webhooks_for_their_scope(
    northwind: Northwind,
) -> None:
    n = northwind
    fields = {"url": "https://hooks.example.com/a", "shape": "json", "events": ["submission.submitted"]}
    for who in (n.rita, n.nadia, n.sana, n.yuki):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            webhook_transitions.add_webhook(n.finance_ops, actor=as_actor(who), now=NOW, **fields)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        webhook_transitions.add_for_all(WebhookEndpoint(team=None), actor=as_actor(n.theo), now=NOW, **fields)
    with pytest.raises(
        InvalidInput, match=r"^WEBHOOK: A new webhook of the whole organisation"
    ):  # a team's goes by its team
        webhook_transitions.add_for_all(WebhookEndpoint(team=n.finance_ops), actor=as_actor(n.ines), now=NOW, **fields)
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/a",
        "https://user:pw@hooks.example.com/",
        "https://user@hooks.example.com/",
        "ftp://hooks.example.com/",
        "https:///nowhere",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a\r\nX: y",
        "https://hooks.example.com/ä",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/#x",
        "https://hooks.example.com/" + "a" * 1000,
        "http://localhost.example.com/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/",
        "https://[fe80::1]/",
        "https://[::ffff:10.0.0.1]/",
        "javascript:alert(1)",
        "",
    ],
)
def test_webhook_needs_https_address(northwind: Northwind, url: str) -> None:
    with pytest.raises(InvalidInput, match=r"^WEBHOOK: "):
        added(northwind, url)


@pytest.mark.parametrize(
    ("shape", "events"),
    [("xml", EVERYTHING), ("json", ()), ("json", ("webhook.tested",)), ("json", (*EVERYTHING, "role.proposed"))],
)
def test_unknown_shape_and_event_are_refused(northwind: Northwind, shape: str, events: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"^WEBHOOK: Choose"):
        added(northwind, "https://hooks.example.com/a", shape=shape, events=events)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1"),
        *(
            "fec0::1",
            "feff::a",
            "192.88.99.1",
            "2002:c058:6301::1",
            "::127.0.0.1",
            "::ffff:0:127.0.0.1",
            "5f00::1",
            "3fff::1",
        ),
        *("2620:fe::5efe:10.0.0.1", "2620:fe::200:5efe:a00:1", "64:ff9b:1::a00:1", "2001:20::1", "100::1", "4000::1"),
        *("2002:a00:1::1", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1", "2001:db8::1", "192.0.2.1"),
    ],
)
def test_name_resolving_to_private_network_is_refused(
    address: str, northwind: Northwind, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEMO = False
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    answers = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (family, 1, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    with pytest.raises(http_client.NotAllowed, match="private network"):
        http_client.post("https://hooks.example.com/a", b"{}", {})


def test_assigned_addresses_are_public() -> None:
    for address in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "2a00:1450:4001::5e", "64:ff9b::5db8:d822"):
        assert http_client.is_public(address), address


def test_a_name_server_that_does_not_answer_in_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "WHOLE_SECONDS", 0.2)
    may_answer, was_waited_for = threading.Event(), []

    def resolve(*_: Any, **__: Any) -> list[Any]:
        was_waited_for.append(may_answer.wait(30))
        return []

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        with pytest.raises(TimeoutError):
            http_client.post("https://slow.example/", b"", {})
        assert was_waited_for == [], "it is asked still"
    finally:
        may_answer.set()


def test_the_first_words_of_tls_are_cut_off_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent endpoint is waited for no longer than the total time limit."""
    monkeypatch.setattr(http_client, "WHOLE_SECONDS", 0.2)
    monkeypatch.setattr(http_client, "STEP_SECONDS", 30)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(OSError, match=r"EOF|closed|reset|handshake"):
            http_client.post(f"https://localhost:{silent.getsockname()[1]}/", b"", {})
        assert time.monotonic() - began < 10


def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[Any] = []
    public = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)

    def connect(to: Any, timeout: float) -> Any:
        addresses.append(to)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(ConnectionRefusedError):
        http_client.post("https://hooks.example.com/a", b"{}", {})
    assert addresses == [("93.184.216.34", 443)]


def test_local_addresses_are_refused_outside_demo(settings: Any, listener: Listener) -> None:
    settings.DEMO = False
    for url in (listener.url, listener.url.replace("http:", "https:"), f"https://127.0.0.1:{listener.port}/"):
        with pytest.raises(http_client.NotAllowed):
            http_client.post(url, b"{}", {})
    assert listener.received == []


def test_a_redirect_is_followed_nowhere_and_is_no_yes(northwind: Northwind, listener: Listener) -> None:
    endpoint = added(northwind, listener.url)
    webhook_transitions.send_test(endpoint, actor=as_actor(northwind.theo), now=NOW)
    listener.status, listener.headers = 307, {"Location": f"http://localhost:{listener.port}/elsewhere"}
    assert webhook_jobs.send_due(now=NOW)["put_off"] == 1
    assert [message.path for message in listener.received] == ["/hook?token=s3cret"]
    assert WebhookDelivery.objects.get().status == 307


def test_slow_endpoint_is_cut_off(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "WHOLE_SECONDS", 0.2)
    listener.may_answer.clear()
    try:
        with pytest.raises((OSError, http.client.HTTPException)):
            http_client.post(listener.url, b"{}", {})
    finally:
        listener.may_answer.set()
    assert len(listener.received) == 1


# --- messages -----------------------------------------------------------------------------------------------------------


def test_message_is_signed_by_standard_webhooks(company: Company, listener: Listener) -> None:
    n = company.people
    endpoint, other = added(n, listener.url), added(n, "https://hooks.example.com/a")
    stock_report.submitted(company)
    at = current_time.real()
    WebhookDelivery.objects.filter(endpoint=other).delete()
    assert webhook_jobs.send_due(now=NOW, at=at)["sent"] == 1
    (message,) = listener.received
    key = signing_keys.shown(endpoint.opaque_id, 1)
    assert verified(key, message, at=at.timestamp())
    assert not verified(key, message, at=at.timestamp() + 301)
    assert not verified(signing_keys.shown(other.opaque_id, 1), message, at=at.timestamp())
    assert not verified(signing_keys.shown(endpoint.opaque_id, 2), message, at=at.timestamp())
    message.body += b" "
    assert not verified(key, message, at=at.timestamp())
    payload = json.loads(message.body)
    assert payload["type"] == "submission.submitted"
    assert payload["data"]["what"] == "Weekly stock report"
    assert payload["data"]["link"].endswith("/review/1/") or "/review/" in payload["data"]["link"]
    assert message.headers["content-type"] == "application/json"


def test_a_renewed_key_signs_from_then_on(northwind: Northwind, listener: Listener) -> None:
    endpoint, theo, at = added(northwind, listener.url), as_actor(northwind.theo), current_time.real()
    webhook_transitions.renew_key(endpoint, actor=theo, now=NOW)
    webhook_transitions.send_test(endpoint, actor=theo, now=NOW)
    webhook_jobs.send_due(now=NOW, at=at)
    (message,) = listener.received
    assert verified(signing_keys.shown(endpoint.opaque_id, 2), message, at=at.timestamp())


@pytest.mark.parametrize("shape", ["slack", "teams", "json"])
def test_message_has_words_and_link_and_typed_text_is_escaped(
    company: Company, listener: Listener, shape: str, settings: Any
) -> None:
    n = company.people
    added(n, listener.url, shape=shape)
    evil = "<!channel> [here](https://evil.example) <https://evil.example|x> & co"
    stock_report.submitted(company, lambda export: export.update(name=evil))
    webhook_jobs.send_due(now=NOW)
    payload = json.loads(listener.received[0].body)
    (link,) = {text for text in _strings(payload) if text.startswith(settings.BASE_URL)} or {
        text for text in _strings(payload) if settings.BASE_URL in text
    }
    assert "/review/" in link
    if shape == "slack":
        assert "&lt;!channel&gt;" in payload["text"]
        assert {block["type"] for block in payload["blocks"]} == {"header", "section", "context"}
        for block in payload["blocks"]:
            for text in [block.get("text"), *block.get("elements", [])]:
                assert text is None or text["type"] == "plain_text" or evil not in text["text"]
    if shape == "teams":
        (attachment,) = payload["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attachment["content"]
        assert (payload["type"], card["type"], card["version"]) == ("message", "AdaptiveCard", "1.4")
        assert {block["type"] for block in card["body"]} == {"RichTextBlock"}, "a TextBlock would read Markdown"


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return [value] if isinstance(value, str) else []


def test_webhook_gets_chosen_events_of_its_scope(company: Company) -> None:
    n, https = company.people, "https://hooks.example.com/a"
    chosen = added(n, https, events=("submission.put_in_force", "automation.stopped"))
    others = added(n, https, team=n.marketing)
    paused = added(n, https)
    webhook_transitions.pause(paused, actor=as_actor(n.theo), now=NOW)
    fields = {"url": https, "shape": "json", "events": EVERYTHING}
    of_all = webhook_transitions.add_for_all(WebhookEndpoint(team=None), actor=as_actor(n.ines), now=NOW, **fields)
    live = stock_report.in_force(company)
    lifecycle.stop(live.automation, actor=as_actor(n.jonas), now=NOW, reason="Strange.")
    assert queued_events(chosen) == ["submission.put_in_force", "automation.stopped"]
    assert queued_events(of_all) == ["submission.submitted", "submission.put_in_force", "automation.stopped"]
    assert queued_events(others) == queued_events(paused) == []


def test_rolled_back_event_is_not_sent(company: Company) -> None:
    endpoint = added(company.people, "https://hooks.example.com/a")
    version = stock_report.version(company)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        scenarios.submitted(company, version, by=company.people.yuki)
    assert queued_events(endpoint) == []


def test_bulk_operation_is_announced_once(company: Company) -> None:
    n = company.people
    endpoint = added(n, "https://hooks.example.com/a", events=("approval.changes_asked",))
    made = stock_report.in_stage_2(company)
    actor = as_actor(n.omar)
    from approvals.decisions.transitions import decide

    for record in made.approvals.filter(state=ApprovalState.OPEN).order_by("pk")[:2]:
        decide.ask_for_changes(record, actor=actor, now=NOW, reason="Why?", shown_digest=scenarios.shown(record))
    assert queued_events(endpoint) == ["approval.changes_asked"]


def test_message_holds_no_person_scope_or_address(company: Company, listener: Listener) -> None:
    n = company.people
    for shape in ("slack", "teams", "json"):
        added(n, listener.url, shape=shape)
    stock_report.in_force(company)
    webhook_jobs.send_due(now=NOW)
    assert len(listener.received) == 6
    for message in listener.received:
        text = message.body.decode()
        for name in (n.rita.name, n.theo.name, n.omar.name, n.jonas.name, "@", "scm.stock", "s3cret", "supply-stock"):
            assert name not in text, name


# --- what is kept ----------------------------------------------------------------------------------------------------------


def test_webhook_address_and_key_are_encrypted_per_installation(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.core.keys import key_files

    url = "https://hooks.slack.example/services/T000/B000/xyz-s3cret"
    endpoint = added(northwind, url, shape="slack")
    webhook_transitions.send_test(endpoint, actor=as_actor(northwind.theo), now=NOW)
    key = signing_keys.shown(endpoint.opaque_id, 1).removeprefix("whsec_")
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM \"{table}\" t")
            text = cursor.fetchone()[0] or ""
            assert "s3cret" not in text, table
            assert key not in text, table
    assert signing_keys.opened(endpoint.sealed_url, endpoint.opaque_id) == url
    with pytest.raises(signing_keys.NotOpened):
        signing_keys.opened(endpoint.sealed_url, uuid.uuid4())
    monkeypatch.setattr(key_files, "digest_key", lambda: b"another" * 5)
    with pytest.raises(signing_keys.NotOpened):
        signing_keys.opened(endpoint.sealed_url, endpoint.opaque_id)
    webhook_jobs.send_due(now=NOW)
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.paused_why) == (
        WebhookState.PAUSED,
        "The address was sealed with another key: enter it again.",
    )


def test_a_removed_one_has_no_address_any_more_and_stays_on_record(northwind: Northwind) -> None:
    endpoint = added(northwind, "https://hooks.example.com/a")
    webhook_transitions.remove(endpoint, actor=as_actor(northwind.theo), now=NOW)
    endpoint.refresh_from_db()
    assert (endpoint.sealed_url, endpoint.state) == ("", WebhookState.REMOVED)
    with pytest.raises(Exception, match="Cannot delete"), transaction.atomic():
        endpoint.delete()
    events = LedgerEvent.objects.filter(verb__startswith="webhook.").order_by("pk")
    assert [event.verb for event in events] == ["webhook.added", "webhook.removed"]
    assert "hooks.example.com" in str(events[0].payload)
    assert endpoint.history.count() == 2


def test_database_checks_delivery_states(northwind: Northwind) -> None:
    endpoint = added(northwind, "https://hooks.example.com/a")
    webhook_transitions.send_test(endpoint, actor=as_actor(northwind.theo), now=NOW)
    for wrong in ({"state": "sent"}, {"state": "lost"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            WebhookDelivery.objects.update(**wrong)


# --- once, again, no more -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("R9")
def test_killed_between_sending_and_marking_it_goes_out_again_under_the_same_id(
    northwind: Northwind, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, at = added(northwind, listener.url), current_time.real()
    webhook_transitions.send_test(endpoint, actor=as_actor(northwind.theo), now=NOW)

    class Killed(BaseException):
        """As a signal would."""

    def die() -> None:
        raise Killed

    real = WebhookDelivery.save
    monkeypatch.setattr(WebhookDelivery, "save", lambda self, **how: die() if self.status else real(self, **how))
    with pytest.raises(Killed):
        webhook_jobs.send_due(now=NOW, at=at)
    monkeypatch.undo()
    assert webhook_jobs.send_due(now=NOW, at=at)["sent"] == 0, "somebody may be at it still"
    at += delivery_attempts.DEAD_AFTER + timedelta(seconds=1)
    for _ in range(3):
        webhook_jobs.send_due(now=NOW, at=at)
    assert len(listener.received) == 2
    assert len({message.headers["webhook-id"] for message in listener.received}) == 1
    assert listener.received[0].body == listener.received[1].body


@pytest.mark.rule("R9")
def test_failing_webhook_is_retried_then_paused_with_notice(northwind: Northwind, listener: Listener) -> None:
    n, at = northwind, current_time.real()
    endpoint = added(n, listener.url)
    webhook_transitions.send_test(endpoint, actor=as_actor(n.theo), now=NOW)
    listener.status = 503
    webhook_jobs.send_due(now=NOW, at=at)
    for wait in delivery_attempts.WAITS:
        assert sum(webhook_jobs.send_due(now=NOW, at=at + wait - timedelta(seconds=1)).values()) == 0
        at += wait
        webhook_jobs.send_due(now=NOW, at=at)
    endpoint.refresh_from_db()
    row = WebhookDelivery.objects.get()
    assert (row.state, row.attempts, row.status) == (DeliveryState.FAILED, delivery_attempts.MOST_ATTEMPTS, 503)
    assert (endpoint.state, endpoint.paused_why) == (WebhookState.PAUSED, "It answered 503.")
    mails = Notice.objects.filter(event="webhook_paused")
    assert {notice.recipient for notice in mails} == {n.theo, n.finance_ops.deputy_lead} - {None}
    assert LedgerEvent.objects.filter(verb="webhook.paused", outcome="done").count() == 1
    assert len(listener.received) == delivery_attempts.MOST_ATTEMPTS
    webhook_transitions.resume(endpoint, actor=as_actor(n.theo), now=NOW)
    webhook_transitions.send_test(endpoint, actor=as_actor(n.theo), now=NOW + MINUTE)
    listener.status = 200
    assert webhook_jobs.send_due(now=NOW)["sent"] == 1


def test_gone_endpoint_is_paused_at_once_and_single_failure_is_not(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, answers = northwind, [500, 204]
    monkeypatch.setattr(http_client, "post", lambda *_: answers.pop(0) if answers else 500)
    endpoint, theo, at = added(n, "https://hooks.example.com/a"), as_actor(n.theo), current_time.real()
    webhook_transitions.send_test(endpoint, actor=theo, now=NOW)
    webhook_jobs.send_due(now=NOW, at=at)
    webhook_transitions.send_test(endpoint, actor=as_actor(n.theo), now=NOW + MINUTE)
    assert sum(webhook_jobs.send_due(now=NOW, at=at).values()) == 0, "it is left alone for a minute"
    at += MINUTE
    assert webhook_jobs.send_due(now=NOW, at=at) == {"sent": 1, "put_off": 1, "failed": 0}, "the fresh one first"
    for wait in delivery_attempts.WAITS[1:]:
        at += wait
        webhook_jobs.send_due(now=NOW, at=at)
    assert list(endpoint.deliveries.order_by("pk").values_list("state", flat=True)) == ["failed", "sent"]
    endpoint.refresh_from_db()
    assert endpoint.state == WebhookState.ACTIVE, "something arrived since"
    answers.append(410)
    webhook_transitions.send_test(endpoint, actor=as_actor(n.theo), now=NOW + 2 * MINUTE)
    assert webhook_jobs.send_due(now=NOW, at=at)["failed"] == 1
    endpoint.refresh_from_db()
    assert endpoint.state == WebhookState.PAUSED


def test_one_message_that_can_not_be_written_keeps_no_other_back(northwind: Northwind, listener: Listener) -> None:
    endpoint, theo = added(northwind, listener.url), as_actor(northwind.theo)
    webhook_transitions.send_test(endpoint, actor=theo, now=NOW)
    WebhookDelivery.objects.update(event="no.such_event")
    webhook_transitions.send_test(endpoint, actor=as_actor(northwind.theo), now=NOW + MINUTE)
    at = current_time.real()
    assert webhook_jobs.send_due(now=NOW, at=at) == {"sent": 0, "put_off": 1, "failed": 0}
    assert webhook_jobs.send_due(now=NOW, at=at + MINUTE) == {"sent": 1, "put_off": 1, "failed": 0}


def test_messages_queued_before_pause_are_not_sent(northwind: Northwind, listener: Listener) -> None:
    endpoint, theo = added(northwind, listener.url), as_actor(northwind.theo)
    webhook_transitions.send_test(endpoint, actor=theo, now=NOW)
    webhook_transitions.pause(endpoint, actor=theo, now=NOW)
    assert webhook_jobs.send_due(now=NOW)["failed"] == 1
    assert listener.received == []


def test_every_selectable_event_is_announced() -> None:
    from governance.core.engine import hooks

    followed = {
        event
        for event, names in hooks.registered().items()
        if any(name.split(".")[-2] == "webhooks" or name.endswith("notices.announce") for name in names)
    }
    assert followed == set(EVERYTHING) == set(EVENTS) - {"webhook.tested"}


# --- its pages ---------------------------------------------------------------------------------------------------------------


def test_a_lead_adds_one_is_shown_its_key_once_and_never_its_address(northwind: Northwind, listener: Listener) -> None:
    n = northwind
    client = client_of(n.theo)
    assert f"/teams/{n.finance_ops.pk}/webhooks/" in client.get("/me/").content.decode()
    form = {"url": listener.url, "shape": "json", "events": ["submission.submitted", "automation.stopped"]}
    answer = client.post(f"/teams/{n.finance_ops.pk}/webhooks/", form, follow=True)
    endpoint = WebhookEndpoint.objects.get()
    key = signing_keys.shown(endpoint.opaque_id, 1)
    assert key in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    client.post(f"/webhooks/{endpoint.pk}/test/")
    webhook_jobs.send_due(now=NOW)
    again = client.get(f"/webhooks/{endpoint.pk}/").content.decode()
    assert key not in again
    assert "204" in again
    for page in (again, client.get(f"/teams/{n.finance_ops.pk}/webhooks/").content.decode()):
        assert "s3cret" not in page
        assert f"localhost:{listener.port}" in page
    shown = client.post(f"/webhooks/{endpoint.pk}/renew-key/", follow=True).content.decode()
    assert signing_keys.shown(endpoint.opaque_id, 2) in shown


@pytest.mark.parametrize("shape", ["slack", "teams"])
def test_shape_without_signature_shows_no_key(northwind: Northwind, shape: str) -> None:
    client = client_of(northwind.theo)
    form = {"url": "https://hooks.example.com/a", "shape": shape, "events": ["submission.submitted"]}
    page = client.post(f"/teams/{northwind.finance_ops.pk}/webhooks/", form, follow=True).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    assert signing_keys.shown(endpoint.opaque_id, 1) not in page
    assert "igning key" not in page
    assert "Renew the key" not in page
    assert "Send a test" in page


def test_mistyped_webhook_is_reported_and_input_is_kept(northwind: Northwind) -> None:
    n = northwind
    client = client_of(n.theo)
    form = {"url": "http://hooks.example.com/a", "shape": "json", "events": ["submission.submitted"]}
    answer = client.post(f"/teams/{n.finance_ops.pk}/webhooks/", form)
    assert answer.status_code == 422
    assert "A webhook needs an https address." in answer.content.decode()
    assert "http://hooks.example.com/a" in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_removing_one_asks_first(northwind: Northwind) -> None:
    n = northwind
    endpoint, client = added(n, "https://hooks.example.com/a"), client_of(n.theo)
    address = f"/webhooks/{endpoint.pk}/remove/"
    shown = client.get(f"/webhooks/{endpoint.pk}/").content.decode()
    assert f'href="{address}"' in shown
    assert f'action="{address}"' not in shown, "no button removes it at once"
    page = client.get(address).content.decode()
    assert f'action="{address}"' in page
    assert "its address is forgotten" in page
    endpoint.refresh_from_db()
    assert endpoint.state == WebhookState.ACTIVE
    assert client.post(address).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.state == WebhookState.REMOVED
