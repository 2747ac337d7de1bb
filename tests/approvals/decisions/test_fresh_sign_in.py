"""A decision on high risk from a stale session: refused with the way to a new sign-in, and back (S5)."""

from __future__ import annotations

import pytest
from django.utils.html import escape

from approvals.models import ApprovalState, Submission
from governance.core.clock import current_time
from tests import scenarios
from tests.approvals import stock_report
from tests.scenarios import Company
from tests.signed_in_client import client_of

AGAIN = escape("/account/reauthenticate/?next=%2Freview%2F{}%2F")


@pytest.fixture(autouse=True)
def _pages_play_then(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_time, "now", lambda: company.now)


@pytest.mark.rule("S5")
def test_stale_session_is_led_to_sign_in_and_keeps_input(company: Company, chaser: Submission) -> None:
    mei = company.people.mei
    high = stock_report.privilege_on(chaser, company.mail)
    client = client_of(mei, minutes_ago=60)
    here = f"/review/{chaser.pk}/"
    form = scenarios.decision_form(high, reason="Needed for month end.")
    path = f"{here}decide/"
    plain = client.post(path, form)
    assert plain.status_code == 403
    assert AGAIN.format(chaser.pk) in plain.content.decode()
    part = client.post(path, form, headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{here}"})
    assert part.status_code == 403
    assert AGAIN.format(chaser.pk) in part.content.decode()
    assert 'target="_blank"' in part.content.decode(), "the form with what was typed stays where it is"
    assert AGAIN.format(chaser.pk) in client.get(here).content.decode(), "the locked row says the way too"
    assert client.post("/account/reauthenticate/", {"next": here})["Location"] == here
    assert client.post(path, form).status_code == 302
    assert stock_report.privilege_on(chaser, company.mail).decisions.get().person == mei
    assert stock_report.privilege_on(chaser, company.mail).state == ApprovalState.OPEN, "security's seat is still empty"
