"""Who is asked for the app beside the lead, so that the rest can be decided: the preview says what asking then does (A9)."""

from __future__ import annotations

import pytest

from approvals.assignment.context import load_context
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.models import Submission
from inventory.models import ImportItem
from tests.appointments import leave_fallback, record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(connected: Company, rita: Build) -> ImportItem:
    """The stock report, imported by Rita for Jonas; not submitted yet."""
    item = rita.import_item()
    rita.post(item, rita.typed(item, connected.people.jonas))
    return item


@pytest.mark.rule("A9")
def test_preview_names_lead_alone_if_others_are_left(rita: Build, item: ImportItem) -> None:
    assert "asked too" not in rita.see(item)


@pytest.fixture
def few_left(connected: Company, item: ImportItem) -> None:
    """The channel is Theo's, who leads the team too, and nobody else is left who could decide on it."""
    c, n = connected, connected.people
    stock_report.hand_over(c, c.slack, n.theo, n.rita)
    leave_fallback(n.fallback, n.bram, now=c.now)
    for person in (n.amara, n.sana, n.viktor):
        record_leaver(person, actor=as_actor(n.ines), now=c.now, reason="Left.")


@pytest.mark.rule("A9")
@pytest.mark.usefixtures("few_left")
def test_preview_names_deputy_if_lead_is_needed_for_privilege(
    connected: Company, rita: Build, item: ImportItem
) -> None:
    c, n = connected, connected.people
    item.refresh_from_db()
    preview = previews.load_preview(item, actor=as_actor(n.rita), now=c.now, team=n.finance_ops, draft=Draft.load(item))
    assert not preview.plan.short
    (seat,) = preview.app_seats
    assert [(person.name) for person in seat.may_decide] == ["Theo Brandt", "Bram Visser"]
    page = rita.see(item)
    assert "deputy lead, asked too so that somebody is left for “Post messages" in page
    rita.post(item, rita.typed(item, n.jonas), do="submit")
    made = Submission.objects.get()
    app = made.approvals.get(stage=1)
    (standing,) = load_context(made, c.now).route.standing(app)
    assert (standing.may_decide, standing.beside) == (seat.may_decide, seat.beside)
    assert list(app.seats.get().candidates.values_list("person", flat=True)) == [n.theo.pk, n.bram.pk]
