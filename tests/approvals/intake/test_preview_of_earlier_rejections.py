"""What was refused and is asked again, in the preview: who said no is asked first, else one signature more (A15, A9)."""

from __future__ import annotations

import pytest

from approvals.assignment.context import load_context
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.models import Approval, Submission
from inventory.models import ImportItem
from tests.appointments import name_leads, record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import STOCK, Build
from tests.approvals.refusals import sql
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def read(c: Company, item: ImportItem) -> Preview:
    return previews.load_preview(
        item, actor=as_actor(c.people.rita), now=c.now, team=c.people.finance_ops, draft=Draft.load(item)
    )


def names_before(preview: Preview) -> dict[str, list[tuple[str, list[str]]]]:
    by_privilege = {
        str(row.requested.privilege or row.requested.credential): [
            (seat.label, sorted(p.name for p in seat.may_decide)) for seat in row.seats
        ]
        for row in preview.asked_rows
    }
    return by_privilege | {"app": [(seat.label, sorted(p.name for p in seat.may_decide)) for seat in preview.app_seats]}


def names_after(made: Submission, c: Company) -> dict[str, list[tuple[str, list[str]]]]:
    route = load_context(made, c.now).route

    def name(record: Approval) -> str:
        return "app" if record.stage == 1 else str(record.privilege or record.credential)

    return {
        name(record): [
            (seat.label, sorted(person.name for person in seat.may_decide)) for seat in route.standing(record)
        ]
        for record in made.approvals.all()
    }


def on_slack(preview: Preview, c: Company) -> PreviewRow:
    return next(row for row in preview.asked_rows if row.requested.privilege is not None and row.resource == c.slack)


def is_extra(preview: Preview, c: Company, label: str) -> bool:
    """Whether a seat of the posts is one that the policy does not ask for."""
    approval = on_slack(preview, c).approval
    return approval is not None and approval.is_extra(label)


def seats_on_slack(preview: Preview, c: Company) -> list[tuple[str, list[str], bool]]:
    """The seats of the posts: label, people, and whether the policy does not ask for it."""
    return [
        (seat.label, [person.name for person in seat.may_decide], is_extra(preview, c, seat.label))
        for seat in on_slack(preview, c).seats
    ]


def of_piet(c: Company) -> Submission:
    """Slack, on which Omar refused it, is Piet's since."""
    stock_report.hand_over(c, c.slack, c.people.piet, c.people.amara)
    return stock_report.newest(c)


OF_PIET = starting_point("stock_declined", of_piet)


def omar_left(c: Company) -> None:
    """And Omar has left."""
    stock_report.hand_over(c, c.erp, c.people.lena, c.people.amara)
    record_leaver(c.people.omar, actor=as_actor(c.people.ines), now=c.now, reason="Left.")


OMAR_LEFT = starting_point(OF_PIET, omar_left)


def led_by_bram(c: Company) -> None:
    """What Theo and Omar approved was withdrawn; Bram leads the team since, and Slack is Piet's."""
    n = c.people
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.bram, deputy_lead=None)
    stock_report.hand_over(c, c.slack, n.piet, n.amara)


LED_BY_BRAM = starting_point("stock_withdrawn", led_by_bram)


def both_left(c: Company) -> None:
    """And both have left."""
    stock_report.hand_over(c, c.erp, c.people.lena, c.people.amara)
    for person in (c.people.theo, c.people.omar):
        record_leaver(person, actor=as_actor(c.people.ines), now=c.now, reason="Left.")


@pytest.mark.rule("A15", "A9")
@pytest.mark.parametrize("who_left", [pytest.param(False, marks=OF_PIET), pytest.param(True, marks=OMAR_LEFT)])
def test_the_route_before_is_the_route_after_also_when_it_was_refused(
    who_left: bool, company: Company, rita: Build
) -> None:
    n = company.people
    item = rita.import_item(STOCK, stock_report.source())
    rita.post(item, rita.typed(item, n.jonas))
    item.refresh_from_db()
    preview = read(company, item)
    seats = on_slack(preview, company).seats
    if who_left:
        assert [(seat.label, is_extra(preview, company, seat.label)) for seat in seats] == [
            ("owner", False),
            ("security", True),
        ]
        assert "One extra approval for 1 privilege rejected, withdrawn or stopped before" in rita.see(item)
    else:
        assert [(seat.basis, [person.name for person in seat.may_decide]) for seat in seats] == [
            ("decided before", ["Omar Haddad"])
        ]
        assert "One extra approval" not in rita.see(item)
    before = names_before(preview)
    assert rita.post(item, rita.typed(item, n.jonas), do="submit").status_code == 302
    assert names_after(Submission.objects.order_by("-pk")[0], company) == before


@pytest.mark.rule("A15", "A9")
@pytest.mark.parametrize(
    "who_left",
    [
        pytest.param(False, marks=LED_BY_BRAM),
        pytest.param(True, marks=starting_point(LED_BY_BRAM, both_left)),
    ],
)
def test_previewed_route_equals_submitted_route_after_withdrawal(who_left: bool, company: Company, rita: Build) -> None:
    n = company.people
    item = rita.import_item(STOCK, stock_report.source())
    rita.post(item, rita.typed(item, n.jonas))
    item.refresh_from_db()
    preview = read(company, item)
    seats = seats_on_slack(preview, company)
    if who_left:
        assert seats == [("owner", ["Piet de Vries"], False), ("security", ["Sana Iqbal", "Viktor Lind"], True)]
        assert [seat.label for seat in preview.app_seats] == ["lead", "security"]
    else:
        assert seats == [("owner", ["Omar Haddad"], False)]
        assert [[person.name for person in seat.may_decide] for seat in preview.app_seats] == [["Theo Brandt"]]
    before = names_before(preview)
    assert rita.post(item, rita.typed(item, n.jonas), do="submit").status_code == 302
    assert names_after(Submission.objects.order_by("-pk")[0], company) == before


@pytest.mark.rule("A15")
@OF_PIET
def test_old_or_missing_rejection_needs_no_extra_approval(company: Company, start: Submission, rita: Build) -> None:
    n = company.people
    long_ago = company.now.replace(year=2026, month=8)
    sql("SET CONSTRAINTS ALL IMMEDIATE")
    sql("ALTER TABLE approvals_approval DISABLE TRIGGER USER")  # when a record ended is frozen
    Approval.objects.filter(submission=start, state="rejected").update(ended_at=long_ago)
    sql("ALTER TABLE approvals_approval ENABLE TRIGGER USER")
    record_leaver(n.omar, actor=as_actor(n.ines), now=company.now, reason="Left.")
    preview = read(company, rita.import_item(STOCK, stock_report.source()))
    assert not any(is_more for _, _, is_more in seats_on_slack(preview, company))


@pytest.mark.rule("A15", "A9")
@OMAR_LEFT
def test_preview_reports_missing_person_for_extra_approval(company: Company, rita: Build) -> None:
    n = company.people
    for person in (n.sana, n.viktor):
        record_leaver(person, actor=as_actor(n.ines), now=company.now, reason="Left.")
    preview = read(company, rita.import_item(STOCK, stock_report.source()))
    assert any("slack" in sentence.lower() or "post" in sentence.lower() for sentence in preview.plan.short), (
        preview.plan.short
    )
