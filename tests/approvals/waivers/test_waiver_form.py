"""Asking for a waiver on its page: conflicts are read once, whatever was sent, and nothing typed is lost (S7)."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import reverse

from approvals.models import Waiver
from approvals.waivers import transitions as waiver_transitions
from inventory.models import Version
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.waivers.test_waivers import anew, ask
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S7")]

SAID = {"reason": "The report is due.", "control": "Piet reads every post.", "days": "30"}


@pytest.fixture
def version(plain: Company) -> Version:
    """A version that an enforced rule does not let be submitted."""
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce")
    return stock_report.version(plain)


def counted(client: Client, version: Version, fields: dict[str, Any] | None = None) -> tuple[int, Any]:
    """How often the conflicts were read, and the answer."""
    address = reverse("waiver_ask", args=[version.automation_id])
    with patch.object(waiver_transitions, "waivable_conflicts", wraps=waiver_transitions.waivable_conflicts) as read:
        answer = client.get(address) if fields is None else client.post(address, fields)
    return read.call_count, answer


@pytest.mark.parametrize("conflict", ["", "another/0", "read-and-tell/x", "read-and-tell/99999999999999999999"])
def test_unknown_conflict_is_refused_and_input_is_kept(plain: Company, version: Version, conflict: str) -> None:
    count, answer = counted(client_of(plain.people.rita), version, {**SAID, "conflict": conflict})
    assert count == 1
    assert answer.status_code in {409, 422}
    assert SAID["reason"] in answer.content.decode() or answer.status_code == 409
    assert not Waiver.objects.exists()


def test_missing_fields_are_shown_with_conflicts_to_choose(plain: Company, version: Version) -> None:
    chosen = f"read-and-tell/{version.automation_id}"
    count, answer = counted(client_of(plain.people.rita), version, {**SAID, "conflict": chosen, "control": " "})
    assert (count, answer.status_code) == (1, 422)
    page = answer.content.decode()
    assert f'value="{chosen}"' in page
    assert SAID["reason"] in page


def test_form_and_post_read_conflicts_once(plain: Company, version: Version) -> None:
    client = client_of(plain.people.rita)
    count, answer = counted(client, version)
    assert (count, answer.status_code) == (1, 200)
    assert "Read stock and tell of it" in answer.content.decode()
    count, answer = counted(client, version, {**SAID, "conflict": f"read-and-tell/{version.automation_id}"})
    assert (count, answer.status_code) == (1, 302)
    assert Waiver.objects.get().days == 30


@pytest.mark.parametrize("days", ["7 days", "7.0", "-3", "abc", "", "٧", "0", "31"])
def test_a_shorter_term_that_is_typed_wrongly_is_not_the_longest(plain: Company, version: Version, days: str) -> None:
    waiver = ask(plain, version.automation, days=30)
    sent = {"verdict": "grant", "days": days, "reason": "Until the release."}
    answer = client_of(plain.people.sana).post(reverse("waiver", args=[waiver.pk]), sent)
    assert answer.status_code == 422
    assert "Until the release." in answer.content.decode()
    assert Waiver.objects.get().state == "asked"


@pytest.mark.rule("S7", "A6")
def test_changed_rule_is_shown_first_and_input_is_kept(plain: Company, version: Version) -> None:
    who, waiver = client_of(plain.people.sana), ask(plain, version.automation, days=30)
    address = reverse("waiver", args=[waiver.pk])
    read = who.get(address).context["rule"].digest
    anew(
        plain,
        conflict_rules.document(on(plain.erp), on(plain.slack), mode="enforce", rating="high", reason="It leaks."),
    )
    sent = {"verdict": "grant", "days": "7", "reason": "Until the release.", "rule": read}
    answer = who.post(address, sent)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Until the release." in page
    assert 'value="7"' in page
    assert "It leaks." in page
    assert "Its rule has changed since this was asked for" in page
    assert Waiver.objects.get().state == "asked"
    again = who.post(address, {**sent, "rule": answer.context["rule"].digest})
    assert again.status_code == 302
    assert Waiver.objects.get().state == "granted"
    anew(plain, conflict_rules.document(on(plain.erp), on(plain.slack), mode="enforce"))
    assert "it lifts nothing of that" in who.get(address).content.decode()
