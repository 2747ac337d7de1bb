"""Who is asked for the app beside the lead, so that the rest can be decided: the preview says what asking then does (A9)."""

from __future__ import annotations

import pytest

from approvals.assignment.context import load_context
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.models import Submission
from tests.appointments import leave_fallback, record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


@pytest.mark.rule("A9")
def test_preview_names_deputy_if_lead_is_needed_for_privilege(connected: Company, rita: Build) -> None:
    c, n = connected, connected.people
    item = rita.import_item()
    rita.post(item, rita.typed(item, n.jonas))
    assert "asked too" not in rita.see(item)
    stock_report.hand_over(c, c.slack, n.theo, n.rita)
    leave_fallback(n.fallback, n.bram, now=c.now)
    for person in (n.amara, n.sana, n.viktor):
        record_leaver(person, actor=as_actor(n.ines), now=c.now, reason="Left.")
    item.refresh_from_db()
    found = previews.read(item, actor=as_actor(n.rita), now=c.now, team=n.finance_ops, draft=Draft.of(item))
    assert not found.plan.short
    (seat,) = found.app_seats
    assert [(one.name) for one in seat.may_decide] == ["Theo Brandt", "Bram Visser"]
    page = rita.see(item)
    assert "deputy lead, asked too so that somebody is left for “May post messages" in page
    rita.post(item, rita.typed(item, n.jonas), do="submit")
    made = Submission.objects.get()
    app = made.approvals.get(stage=1)
    (standing,) = load_context(made, c.now).route.standing(app)
    assert (standing.may_decide, standing.beside) == (seat.may_decide, seat.beside)
    assert list(app.seats.get().candidates.values_list("person", flat=True)) == [n.theo.pk, n.bram.pk]
