"""What is new and refused by a conflict rule is saved first, and then a waiver of it can be asked for (S6, S7)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.models import Submission, Waiver
from approvals.waivers import transitions as waiver_transitions
from governance.core.clock import current_time
from inventory.models import ImportItem, ImportState, Version
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.intake.builder import Build
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S7")]

BUTTON = "waiver:read-and-tell"


@pytest.fixture(autouse=True)
def forbidden(connected: Company) -> None:
    """A rule that refuses what is imported."""
    conflict_rules.rule(on(connected.erp), on(connected.slack), mode="enforce", now=connected.now)


def test_incomplete_waiver_request_is_not_saved(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    data = rita.typed(item, connected.people.jonas)
    empty = next(name for name in data if name.startswith("why-"))
    answer = rita.client.post(reverse("import_preview", args=[item.pk]), {**data, empty: " ", "do": BUTTON})
    assert answer.status_code == 422
    assert "Give a reason, in one sentence." in answer.content.decode()
    assert not Version.objects.exists()


def test_draft_is_saved_and_submitted_after_waiver(connected: Company, rita: Build) -> None:
    c = connected
    item = rita.import_item()
    there = reverse("import_preview", args=[item.pk])
    assert f'name="do" value="{BUTTON}"' in rita.client.get(there).content.decode()
    answer = rita.client.post(there, {**rita.typed(item, c.people.jonas), "do": BUTTON}, follow=True)
    version = Version.objects.get()
    chosen = f"read-and-tell/{version.automation_id}"
    page = answer.content.decode()
    assert "Version 1 is saved, and not submitted yet." in page
    assert answer.context["form"]["conflict"].value() == chosen
    assert not Submission.objects.exists()
    fields = {"conflict": chosen, "reason": "It is due.", "control": "Piet reads every post.", "days": "30"}
    response = rita.client.post(reverse("waiver_ask", args=[version.automation_id]), fields)
    assert response.status_code == 302
    later = ImportItem.objects.get(progress=ImportState.PREVIEW)
    there = reverse("import_preview", args=[later.pk])
    page = rita.client.get(there).content.decode()
    assert BUTTON not in page
    assert reverse("waiver_ask", args=[version.automation_id]) in page
    assert "It is needed for the report." in page, "nothing typed is lost"
    waiver = Waiver.objects.get()
    waiver_transitions.grant_waiver(waiver, actor=as_actor(c.people.sana), now=current_time.now(), reason="For now.")
    rita.client.post(there, {**rita.typed(later, c.people.jonas), "do": "submit"})
    assert Submission.objects.get().version == version
