"""The ledger's page: who reads it, what it finds, how it pages, what it verifies and exports."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from governance.core.duties.refusals import DutyConflict
from governance.core.keys import key_files
from governance.core.ledger import ledger_events, sealing, verifier
from governance.core.models import LedgerEvent, Seal
from governance.core.roles.roles import Role
from tests.appointments import propose_role
from tests.core.ledger.appended_events import appended
from tests.people import NOW, Northwind, as_actor, build
from tests.signed_in_client import client_of


def text(answer: Any) -> str:
    """What a page says."""
    content: str = answer.content.decode()
    return content


def rows(answer: Any) -> list[str]:
    """What happened in each event of the page, in order."""
    return [row["event"].verb for row in answer.context["events"]]


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["rita", "theo", "omar"])
@pytest.mark.parametrize("name", ["ledger", "ledger_export", "ledger_verify"])
def test_unauthorised_reader_learns_who_may_read_ledger(northwind: Northwind, who: str, name: str) -> None:
    client = client_of(getattr(northwind, who))
    answer = client.post(reverse(name)) if name == "ledger_verify" else client.get(reverse(name))
    assert answer.status_code == 403
    assert "auditors, security reviewers and admins" in text(answer)
    assert "role.given" not in text(answer)


@pytest.mark.django_db
def test_ledger_search_covers_all_fields(northwind: Northwind) -> None:
    with pytest.raises(DutyConflict, match=r"^SOD-8: You would gain by this yourself, so"):
        propose_role(northwind.ines, Role.AUDITOR, by=northwind.ines, now=NOW)
    event = appended(actor=as_actor(northwind.karl), verb="team.founded", subject=northwind.marketing, now=NOW)
    yuki = client_of(northwind.yuki)

    def search(**fields: str) -> list[str]:
        return rows(yuki.get(reverse("ledger"), fields))

    assert search(q=str(event.pk)) == ["team.founded"]
    assert search(q="team.founded") == ["team.founded"]
    assert search(q="sod-8") == ["proposal.made"]
    assert search(outcome="refused") == ["proposal.made"]
    assert search(actor="job") == ["role.bootstrapped"] * 4
    assert search(q="karl jensen", outcome="done")[0] == "team.founded"
    assert search(actor=str(northwind.karl.opaque_id))[0] == "team.founded"
    assert search(about=f"controls.team:{northwind.marketing.pk}") == ["team.founded"]
    assert search(since="2026-11-24", until="2026-11-24")
    assert search(since="2026-11-25") == []
    assert search(until="2026-11-23") == []
    assert search(q="no such thing") == []
    page = text(yuki.get(reverse("ledger")))
    assert "Karl Jensen" in page
    assert "Marketing" in page
    assert "Job: bootstrap" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"before": "x"},
        {"before": "9" * 40},
        {"after": "-1"},
        {"q": "9" * 40},
        {"q": "٣"},
        {"since": "2026-13-45"},
        {"until": "yesterday"},
        {"about": "x" * 500},
        {"actor": "y" * 500},
        {"outcome": "maybe"},
    ],
)
def test_an_address_that_says_nonsense_is_still_a_page(northwind: Northwind, fields: dict[str, str]) -> None:
    assert client_of(northwind.yuki).get(reverse("ledger"), fields).status_code == 200


@pytest.mark.django_db
def test_an_address_with_a_nul_in_it_is_a_bad_request_on_every_page(northwind: Northwind) -> None:
    for name in ("ledger", "people", "home", "automation_list"):
        assert client_of(northwind.yuki).get(reverse(name), {"q": "a\x00b"}).status_code == 400, name


@pytest.mark.django_db
def test_ledger_pages_by_key_with_constant_queries(northwind: Northwind) -> None:
    yuki = client_of(northwind.yuki)
    yuki.get(reverse("ledger"))
    with CaptureQueriesContext(connection) as few:
        yuki.get(reverse("ledger"))
    for number in range(120):
        ledger_events.append(
            actor=as_actor(northwind.people[number % 17]),
            verb="toy.moved",
            subject=northwind.people[number % 13],
            now=NOW,
            payload={"number": number},
        )
    with CaptureQueriesContext(connection) as many:
        first = yuki.get(reverse("ledger"))
    assert len(many) <= len(few) + 1
    assert len(many) <= 15
    numbers = [row["event"].pk for row in first.context["events"]]
    second = yuki.get(first.context["pager"].older_href)
    again = [row["event"].pk for row in second.context["events"]]
    assert len(numbers) == len(again) == 50
    assert max(again) < min(numbers)
    back = yuki.get(second.context["pager"].newer_href)
    assert [row["event"].pk for row in back.context["events"]] == numbers
    assert back.context["pager"].newer_href == ""


@pytest.mark.django_db
def test_a_filter_answers_with_the_rows_alone(northwind: Northwind) -> None:
    headers = {"HX-Request": "true", "HX-Target": "events"}
    part = text(client_of(northwind.yuki).get(reverse("ledger"), {"q": "role"}, headers=headers))
    assert part.lstrip().startswith("<section")
    assert "<html" not in part


@pytest.mark.race
@pytest.mark.rule("H2", "H9")
def test_ledger_shows_seals_verifies_and_exports(committed: None, alone: None) -> None:
    company = build(uuid.uuid4().hex[:8])
    yuki = client_of(company.yuki)
    sealing.seal_all(at=timezone.now())
    last = Seal.objects.order_by("-number")[0]
    fresh = appended(actor=as_actor(company.ines), verb="toy.moved", subject=company.rita, now=NOW)
    page = yuki.get(reverse("ledger"))
    events = {row["event"].pk: row["sealed"] for row in page.context["events"]}
    assert events[fresh.pk] == ""
    for number, sealed in events.items():
        event = LedgerEvent.objects.get(pk=number)
        over = next((s for s in Seal.objects.order_by("number") if (event.xid, event.pk) <= (s.last_xid, s.last)), None)
        assert sealed == (f"seal {over.number:,}" if over else "")
    assert "within seconds" in text(page)

    checked = yuki.post(reverse("ledger_verify"), headers={"HX-Request": "true", "HX-Target": "verification"})
    assert "<html" not in text(checked)
    assert f"All {last.number:,} seal" in text(checked)
    assert yuki.get(reverse("ledger")).context["verification"]["sound"] is True, "the last result stays"

    answer = yuki.get(reverse("ledger_export"))
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).decode().splitlines()]
    assert answer["Content-Disposition"] == f'attachment; filename="ledger-{last.number}.jsonl"'
    assert verifier.verify(lines, key_hex=key_files.public_key_hex()).problems == []


@pytest.mark.django_db
def test_invalid_ledger_filter_is_explained(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    from governance.core.ledger import ledger_export

    broken = verifier.Report(events=3, seals=1, problems=["Event 2 was altered."])
    monkeypatch.setattr(ledger_export, "verify_database", lambda: broken)
    answer = client_of(northwind.yuki).post(reverse("ledger_verify"))
    assert answer.context["verification"]["sound"] is False
    assert "1 thing does not fit." in text(answer)
    assert "Event 2 was altered." in text(answer)
