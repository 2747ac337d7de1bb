"""Every event of the ledger reaches the SIEM, in order and at least once; a receiver that fails is asked again (H2)."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from governance.core.actors.actor import Actor
from governance.core.audit_stream import jobs, senders
from governance.core.audit_stream.senders import NotAccepted
from governance.core.health import queries as health_queries
from governance.core.keys import key_files
from governance.core.ledger import ledger_events, ledger_export, sealing, verifier
from governance.core.models import AuditStream, Seal
from tests.core.ledger import rolled_back_ledger
from tests.core.webhooks.webhook_listener import Listener, listener
from tests.environment import Environment
from tests.people import NOW, make_person

__all__ = ["listener"]

pytestmark = [pytest.mark.django_db, pytest.mark.rule("H2")]
AT = timezone.now()


@pytest.fixture
def seals(monkeypatch: pytest.MonkeyPatch) -> int:
    """A ledger of several seals, of two events each at most; returns their number."""
    subject = make_person("Stream Mover")
    for number in range(7):
        ledger_events.append(
            actor=Actor.of_job("toys.sweep"), verb="toy.moved", subject=subject, now=NOW, payload={"number": number}
        )
    monkeypatch.setattr(sealing, "_NEXT", rolled_back_ledger._ALSO_OWN)
    while sealing.seal_next(at=AT, limit=2) is not None:
        pass
    return Seal.objects.count()


@pytest.fixture
def stream(listener: Listener, settings: Any) -> Listener:
    """A receiver over HTTP."""
    settings.AUDIT_STREAM_URL = f"http://localhost:{listener.port}/services/collector/raw"
    settings.AUDIT_STREAM_AUTHORIZATION = "Splunk a-token"
    return listener


def lines_of(stream: Listener) -> list[dict[str, Any]]:
    """What the receiver got."""
    return [json.loads(line) for request in stream.received for line in request.body.decode().splitlines()]


def whole() -> list[dict[str, Any]]:
    """The ledger, as an export has it."""
    last = sealing.latest()
    assert last is not None
    return [json.loads(json.dumps(line)) for line in ledger_export.lines(last)]


@pytest.mark.parametrize("status", [302, 400, 401, 429, 500, 503])
def test_refused_lines_are_sent_again(stream: Listener, seals: int, status: int) -> None:
    stream.status, stream.headers = status, {"Location": "/elsewhere"}
    assert jobs.send_due(at=AT) == {"lines": 0}
    assert (AuditStream.objects.get().seal, AuditStream.objects.get().failing_since) == (0, AT)
    assert len(stream.received) == 1, "no redirect is followed, and the rest waits"
    stream.status = 200
    stream.received.clear()
    jobs.send_due(at=AT + timedelta(seconds=10))
    assert lines_of(stream) == whole()
    assert AuditStream.objects.get().failing_since is None


def test_receiver_that_is_away_is_asked_again(settings: Any, seals: int) -> None:
    settings.AUDIT_STREAM_URL = "http://localhost:9/"
    assert jobs.send_due(at=AT) == {"lines": 0}
    assert AuditStream.objects.get().failing_since == AT


def test_without_receiver_nothing_is_sent(settings: Any, seals: int) -> None:
    assert jobs.send_due(at=AT) == {"lines": 0}
    assert not AuditStream.objects.exists()


def test_whole_ledger_arrives_in_order_and_verifies(stream: Listener, seals: int) -> None:
    assert jobs.send_due(at=AT)["lines"] == len(whole())
    assert lines_of(stream) == whole()
    report = verifier.verify(lines_of(stream), key_hex=key_files.public_key_hex(), needs_checkpoint=False)
    assert report.problems == []
    assert {request.headers["authorization"] for request in stream.received} == {"Splunk a-token"}
    assert {request.headers["content-type"] for request in stream.received} == {"application/x-ndjson"}
    assert jobs.send_due(at=AT) == {"lines": 0}, "a second run sends nothing more"


def test_killed_run_goes_on_at_its_seal(stream: Listener, seals: int, monkeypatch: pytest.MonkeyPatch) -> None:
    send, calls = senders.HttpsSender.send, []

    def killed_at_third(sender: senders.HttpsSender, lines: Any) -> None:
        send(sender, lines)
        calls.append(lines)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "MOST_LINES", 2)
    monkeypatch.setattr(senders.HttpsSender, "send", killed_at_third)
    with pytest.raises(KeyboardInterrupt):
        jobs.send_due(at=AT)
    monkeypatch.setattr(senders.HttpsSender, "send", send)
    jobs.send_due(at=AT)
    numbers = [line["event_id"] for line in lines_of(stream) if line["type"] == "event"]
    assert list(dict.fromkeys(numbers)) == [line["event_id"] for line in whole() if line["type"] == "event"]
    assert len(numbers) > len(set(numbers)), "the seal that was cut off came again"


def test_run_ends_after_its_time_and_the_next_goes_on(
    stream: Listener, seals: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MOST_SECONDS", -1)
    for number in range(1, seals + 1):
        jobs.send_due(at=AT)
        assert AuditStream.objects.get().seal == number
    assert lines_of(stream) == whole()


def test_two_workers_do_not_send_side_by_side(stream: Listener, seals: int, surroundings: Environment) -> None:
    with psycopg.connect(
        surroundings.superuser_url(), dbname=connection.settings_dict["NAME"], autocommit=True
    ) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [jobs._ADVISORY_LOCK])
        assert jobs.send_due(at=AT) == {"lines": 0}
        assert stream.received == []
        other.execute("SELECT pg_advisory_unlock(%s)", [jobs._ADVISORY_LOCK])
    assert jobs.send_due(at=AT)["lines"] > 0


def test_health_fails_after_five_minutes(stream: Listener, seals: int) -> None:
    stream.status = 500
    jobs.send_due(at=AT)
    later = AT + timedelta(minutes=5)
    assert not any(
        finding.part == "stream" for finding in health_queries.findings(now=NOW, at=later - timedelta(seconds=1))
    )
    (finding,) = [finding for finding in health_queries.findings(now=NOW, at=later) if finding.part == "stream"]
    assert f"{seals} seals wait" in finding.sentence
    assert finding.is_failure


class SyslogServer:
    """Reads one connection to its end."""

    def __init__(self) -> None:
        self.server, self.read = socket.create_server(("127.0.0.1", 0)), b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        """Accept a connection and read it."""
        accepted, _ = self.server.accept()
        with accepted, accepted.makefile("rb") as file:
            self.read = file.read()


@pytest.fixture
def syslog(settings: Any) -> Iterator[SyslogServer]:
    """A syslog server."""
    made = SyslogServer()
    settings.AUDIT_STREAM_URL = f"syslog://127.0.0.1:{made.server.getsockname()[1]}"
    settings.BASE_URL = "https://countersign.northwind.example"
    yield made
    made.server.close()


def test_syslog_frames_are_counted_messages(syslog: SyslogServer, seals: int) -> None:
    (first, *_) = list(ledger_export.lines_of(Seal.objects.get(number=1)))
    senders.SyslogSender().send([first, {"type": "event", "verb": "x" * 40, "outcome": "refused", "at": "now"}])
    syslog.thread.join(10)
    data, messages = syslog.read, []
    while data:
        size, _, rest = data.partition(b" ")
        messages.append(rest[: int(size)].decode())
        data = rest[int(size) :]
    head = f"<109>1 {first['at']} countersign.northwind.example countersign - {first['verb']} - "
    assert messages[0].startswith(head)
    assert json.loads(messages[0].removeprefix(head)) == json.loads(json.dumps(first))
    assert messages[1].startswith(f"<108>1 now countersign.northwind.example countersign - {'x' * 32} - ")


def test_syslog_over_tls_needs_a_trusted_certificate(settings: Any, seals: int) -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        accepted, _ = server.accept()
        accepted.sendall(b"no TLS at all\r\n" * 8)
        accepted.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings.AUDIT_STREAM_URL = f"syslog+tls://localhost:{server.getsockname()[1]}"
    with pytest.raises(NotAccepted, match="SSL"):
        senders.SyslogSender().send([{"type": "event"}])
    thread.join(10)
    server.close()
    assert ssl.create_default_context().verify_mode == ssl.CERT_REQUIRED
