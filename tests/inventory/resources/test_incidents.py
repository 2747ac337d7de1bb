"""An incident on a resource: who declares it, for how long, and that it is over (R1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice, Person
from inventory.models import Incident
from inventory.resources.transitions import incidents
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R1")]

DAY = timedelta(days=1)


def declare(c: Company, *, by: Person | None = None, **more: Any) -> Incident:
    """Omar, or somebody else, declares one on Slack for three days."""
    fields = {"now": c.now, "reference": "INC-2041", "until": c.now + 3 * DAY, "reason": "A token was posted.", **more}
    return incidents.declare_incident(c.slack, actor=as_actor(by or c.people.omar), **fields)


@pytest.mark.parametrize("who", ["amara", "theo", "rita", "ines", "yuki"])
def test_only_owner_and_security_declare_incident(company: Company, who: str) -> None:
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        declare(company, by=getattr(company.people, who))
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("reference", {"reference": "Omar Haddad was phished"}),
        ("reference", {"reference": ""}),
        ("reference", {"reference": "x" * 81}),
        ("until", {"until": timedelta()}),
        ("until", {"until": 31 * DAY}),
        ("", {"reason": " "}),
    ],
)
def test_incident_needs_reference_reason_and_end(company: Company, field: str, fields: dict[str, Any]) -> None:
    if "until" in fields:
        fields = {"until": company.now + fields["until"]}
    with pytest.raises(InvalidInput) as error:
        declare(company, **fields)
    assert [name for name, _ in error.value.refusal.detail] == ([field] if field else [])
    assert not Incident.objects.exists()


def test_one_at_a_time_runs_on_a_resource(company: Company) -> None:
    declare(company)
    with pytest.raises(OutOfTurn, match="declared INC-2041 on it already"):
        declare(company, reference="INC-2042")
    later = company.now + 4 * DAY  # it is over by itself
    declare(company, reference="INC-2042", now=later, until=later + DAY)
    assert Incident.objects.running(later).get().reference == "INC-2042"


@pytest.mark.parametrize("who", ["omar", "sana"])
def test_incident_notifies_other_responsible_people(company: Company, who: str) -> None:
    made = declare(company, by=getattr(company.people, who))
    recipients = {notice.recipient for notice in Notice.objects.filter(event="incident_declared")}
    n = company.people
    assert recipients == {n.omar, n.amara, n.sana, n.viktor} - {made.declared_by}
    event = LedgerEvent.objects.get(verb="incident.declared", outcome="done")
    assert f"inventory.resource:{company.slack.pk}" in event.about
    assert "INC-2041" not in str(event.payload)


def test_incident_is_ended_once_with_reason(company: Company) -> None:
    made = declare(company)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        incidents.end_incident(made, actor=as_actor(company.people.theo), now=company.now, reason="Enough.")
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        incidents.end_incident(made, actor=as_actor(company.people.sana), now=company.now)
    incidents.end_incident(made, actor=as_actor(company.people.sana), now=company.now, reason="The token is dead.")
    assert not made.runs(company.now)
    with pytest.raises(OutOfTurn, match="over already"):
        incidents.end_incident(made, actor=as_actor(company.people.omar), now=company.now, reason="Once more.")
