"""What was stopped and is imported once more, as it was: the preview says so, and the route is the one after (G5, A12)."""

from __future__ import annotations

import pytest

from approvals.grants.transitions import stops
from approvals.models import Grant, Submission
from inventory.models import ImportItem
from tests.approvals import stock_report
from tests.approvals.intake.builder import STOCK, Build
from tests.approvals.intake.test_preview_of_earlier_rejections import names_after, names_before, read, seats_on_slack
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def stop_on_slack(c: Company, submission: Submission) -> None:
    """Sana stops what it posts to Slack."""
    grant = Grant.objects.standing().get(
        automation=submission.automation, kind="privilege", entitlement__resource=c.slack
    )
    stops.stop_grant(grant, actor=as_actor(c.people.sana), now=c.now, reason="It posts nonsense.")


def typed(c: Company, rita: Build, item: ImportItem) -> dict[str, object]:
    """The form with what the register says already, so that stage 1 is asked nothing."""
    return rita.typed(item, c.people.jonas, purpose="Reminds customers of overdue invoices.")


@pytest.mark.rule("G5", "A12", "A9")
def test_reimport_of_stopped_version_needs_extra_approval(
    company: Company, stock_in_force: Submission, rita: Build
) -> None:
    live = stock_in_force
    assert "Nothing changed." in rita.see(rita.import_item(STOCK, stock_report.source()))
    stop_on_slack(company, live)
    item = rita.import_item(STOCK, stock_report.source())
    rita.post(item, typed(company, rita, item))
    item.refresh_from_db()
    preview = read(company, item)
    assert [row.requested.why for row in preview.asked_rows] == ["stopped"]
    seats = seats_on_slack(preview, company)
    assert seats == [("owner", ["Omar Haddad"], False), ("security", ["Viktor Lind"], True)]
    page = rita.see(item)
    assert "Was stopped" in page
    assert (
        "This is version 1, which is in force. Stopped access is asked again, and two other people decide about it."
        in page
    )
    assert "One extra approval for 1 privilege rejected, withdrawn or stopped before" in page
    before = names_before(preview)
    assert rita.post(item, typed(company, rita, item), do="submit").status_code == 302
    made = Submission.objects.order_by("-pk")[0]
    assert made.pk != live.pk
    after = names_after(made, company)
    assert after == {name: seats for name, seats in before.items() if name != "app"}


@pytest.mark.rule("G5", "A14")
def test_version_stopped_under_review_can_be_resubmitted(
    company: Company, stock_in_force: Submission, one_channel_more: Submission, rita: Build
) -> None:
    c, live, newer = company, stock_in_force, one_channel_more
    content = stock_report.source(stock_report.one_more_channel)
    again = rita.import_item(STOCK, content)
    assert 'value="submit"' not in rita.see(again), "nothing changed"
    stop_on_slack(c, live)
    page = rita.see(again)
    assert 'value="submit"' in page
    assert "Submitting this one continues it" in page
    rita.post(again, typed(c, rita, again), do="submit")
    made = Submission.objects.order_by("-pk")[0]
    assert made.continues == newer
    assert stock_report.privilege_on(live, c.slack).key in {record.key for record in made.approvals.all()}


@pytest.mark.rule("G5", "A14")
def test_unrelated_stop_changes_no_preview(company: Company, stock_in_force: Submission, rita: Build) -> None:
    live = stock_in_force
    stock_report.submitted(company, stock_report.without_slack, purpose="Counts stock.")
    again = rita.import_item(STOCK, stock_report.source(stock_report.without_slack))
    stop_on_slack(company, live)
    assert 'value="submit"' not in rita.see(again)
