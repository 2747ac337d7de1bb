"""Changes since the approved version on the review page: in words, on each row, and old struck beside new in place (A12, I7)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantUsage, Submission
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def read(person: Person, submission: Submission, opened: int | None = None) -> str:
    """The review page as the person has it."""
    address = reverse("review", args=[submission.pk]) + (f"?open={opened}" if opened else "")
    answer = client_of(person).get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def part(page: str, key: str) -> str:
    """A section or row of a page, its tags left out save what was struck and what came instead."""
    match = re.search(rf'<(?:section|li)[^>]*id="{key}".*?(?=<li class="record|</section>)', page, re.DOTALL)
    if match is None:
        return ""
    return " ".join(re.sub(r"<(?!/?(?:del|ins)\b)[^>]+>", " ", match[0]).split())


def changes(person: Person, submission: Submission) -> str:
    """The panel of changes."""
    return part(read(person, submission), "changes")


def to_another_channel(export: dict[str, Any]) -> None:
    """An edit: it posts to one channel as it did, and to another than it did."""
    stock_report.node(export, ".slack")["parameters"]["channelId"] |= {
        "value": "C07BUYERS",
        "cachedResultName": "buyers",
    }


def query(sql: str) -> Any:
    """An edit: it reads stock by a query of its own."""

    def edit(export: dict[str, Any]) -> None:
        stock_report.node(export, ".postgres")["parameters"] = {
            "operation": "executeQuery",
            "query": sql,
            "options": {},
        }

    return edit


READS, CHANGES = "SELECT sku FROM scm.stock", "UPDATE scm.stock SET on_hand = 0"


@pytest.mark.rule("A12")
def test_first_version_shows_no_changes(company: Company, stock_submitted: Submission) -> None:
    page = read(company.people.theo, stock_submitted)
    assert 'id="changes"' not in page
    assert "Changed in the app" not in page
    assert not re.search(r'class="tag[^"]*">[^<]*(<svg.*?</svg>)?\s*New<', page), "all of it is new, and no row says so"


@pytest.mark.rule("A12", "I7")
def test_added_access_is_marked_on_row_and_in_diff(company: Company, one_channel_more: Submission) -> None:
    made = one_channel_more
    page = read(company.people.omar, made)
    text = part(page, "changes")
    assert "Since approved version 1" in text
    assert "1 privilege new" in text
    assert "2 privileges and 2 credentials unchanged: they keep their grants, not asked again" in text
    assert "<ins>Post messages to buyers in Finance Slack workspace</ins>" in text
    assert "message:post · C07BUYERS" in text
    assert " gone" not in text
    record = stock_report.privilege_on(made, company.slack)
    assert " New " in part(page, f"row-{record.pk}")
    opened = part(read(company.people.omar, made, record.pk), f"row-{record.pk}")
    assert "Version 1 did not ask for it." in opened


@pytest.mark.rule("A12", "I7")
def test_removed_access_is_struck_until_in_force(company: Company, live: Submission) -> None:
    text = changes(company.people.theo, stock_report.submitted(company, stock_report.without_slack))
    assert "1 privilege and 1 credential gone, ending when this is in force" in text
    assert "<del>Post messages to supply-stock in Finance Slack workspace</del>" in text


@pytest.mark.rule("A12", "I7")
def test_changed_target_shows_old_and_new(company: Company, live: Submission) -> None:
    made = stock_report.submitted(company, to_another_channel)
    page = read(company.people.omar, made)
    text = part(page, "changes")
    assert "1 privilege changed" in text
    assert " new" not in text.partition("Show all changes")[0]
    assert re.search(r"<del>Post messages to supply-stock[^<]*</del> <ins>Post messages to buyers", text)
    assert re.search(r"<del>message:post · C07STOCKRPT</del> message:post · C07BUYERS", text)
    record = stock_report.privilege_on(made, company.slack)
    assert " Changed " in part(page, f"row-{record.pk}")
    opened = part(read(company.people.omar, made, record.pk), f"row-{record.pk}")
    assert "In version 1: Post messages to supply-stock in Finance Slack workspace." in opened


def reads(c: Company) -> Submission:
    """It reads stock by a query, in force."""
    return stock_report.in_force(c, query(READS))


def writes(c: Company) -> Submission:
    """It changes stock by a query, in force."""
    return stock_report.in_force(c, query(CHANGES))


@pytest.mark.rule("A12", "I7")
@pytest.mark.parametrize(
    ("now", "count", "tag", "levels"),
    [
        pytest.param(
            CHANGES,
            "1 privilege raised or wider",
            "Raised: read → write",
            "<del>read</del> <ins>write</ins>",
            marks=starting_point("company", reads),
        ),
        pytest.param(
            READS,
            "1 privilege narrowed",
            "Narrowed: write → read",
            "<del>write</del> <ins>read</ins>",
            marks=starting_point("company", writes),
        ),
    ],
)
def test_wider_and_narrower_changes_differ(company: Company, now: str, count: str, tag: str, levels: str) -> None:
    made = stock_report.submitted(company, query(now))
    page = read(company.people.omar, made)
    text = part(page, "changes")
    assert count in text
    assert levels in text
    assert tag in part(page, f"row-{stock_report.privilege_on(made, company.erp).pk}")


@pytest.mark.rule("A7", "A12")
@starting_point("company", reads)
def test_open_row_tells_measured_use_of_what_is_held(company: Company) -> None:
    made = stock_report.submitted(company, query(CHANGES))
    record = stock_report.privilege_on(made, company.erp)

    def evidence() -> str:
        return part(read(company.people.omar, made, record.pk), f"row-{record.pk}")

    def measure(grant: Grant, days: int, allowed: int, refused: int) -> None:
        at = company.now - timedelta(days=days)
        GrantUsage.objects.create(grant=grant, day=at.date(), allowed=allowed, refused=refused, last_at=at)

    held = stock_report.privilege_on(Submission.objects.exclude(pk=made.pk).get(), company.erp)
    grant = made.automation.grants.get(key=held.key)
    measure(grant, 40, 5000, 50)
    assert "Its use in the last 30 days is not measured." in evidence()
    measure(grant, 3, 200, 1)
    measure(grant, 1, 12, 2)
    assert re.search(r"Its use since \w+ \d+ \w+ ?: 212 calls, 3 refused, the last yesterday", evidence())
    with CaptureQueriesContext(connection) as caught:
        read(company.people.omar, made)
    assert not [each for each in caught if "approvals_grantusage" in each["sql"]], "closed rows read none"


@pytest.mark.rule("A7")
def test_use_is_not_told_of_ended_approval(company: Company, live: Submission) -> None:
    record = stock_report.privilege_on(live, company.slack)
    grant = live.automation.grants.get(key=record.key)
    GrantUsage.objects.create(grant=grant, day=company.now.date(), allowed=7, refused=0, last_at=company.now)
    assert "Its use" not in part(read(company.people.omar, live, record.pk), f"row-{record.pk}")


@pytest.mark.rule("A7", "A12")
def test_use_of_what_is_not_held_is_not_told(company: Company, live: Submission) -> None:
    grant = live.automation.grants.get(key=stock_report.privilege_on(live, company.slack).key)
    lifecycle.revoke(grant, actor=as_actor(company.people.omar), now=company.now, reason="Nobody reads it.")
    made = stock_report.submitted(company, to_another_channel)
    record = stock_report.privilege_on(made, company.slack)
    GrantUsage.objects.create(grant=grant, day=company.now.date(), allowed=7, refused=0, last_at=company.now)
    assert "Its use" not in part(read(company.people.omar, made, record.pk), f"row-{record.pk}")


@pytest.mark.rule("A6", "A12")
def test_changed_purpose_and_owner_show_old_values(company: Company, live: Submission) -> None:
    n = company.people
    before = live.automation.purpose
    made = stock_report.submitted(company, purpose=f"{before} Weekly, for buyers.", business_owner=n.bram)
    live.automation.refresh_from_db()
    assert live.automation.purpose == before, "it is asked for and not in force"
    page = read(n.theo, made)
    app = part(page, "app")
    assert f"“{before} Weekly, for buyers.”" in page.partition('id="stepper"')[0], "under the title"
    assert f"Business {n.bram.name}" in app, "whom stage 1 is asked about"
    assert f"Purpose was: {before}" in app
    assert f"Business owner was: {n.jonas.name}" in app
    text = part(page, "changes")
    assert "Changed in the app: purpose and business owner" in text
    assert "<ins>Weekly, for buyers.</ins>" in text
    assert f"<del>{n.jonas.name}</del> <ins>{n.bram.name}</ins>" in text


@pytest.mark.rule("A12")
def test_changed_triggers_and_source_are_shown_at_stage_1(company: Company, live: Submission) -> None:
    page = read(company.people.theo, stock_report.submitted(company, stock_report.started_by_hand))
    app, text = part(page, "app"), part(page, "changes")
    assert "No longer starts: every week on Monday at 07:15" in app
    assert "Starts: a person starts it" in app
    assert "<del>every week on Monday at 07:15</del> <ins>a person starts it</ins>" in text
    assert "The file is not kept" in text


@pytest.mark.rule("A12")
def test_repeated_question_without_change_shows_reason(company: Company, live: Submission) -> None:
    grant = live.automation.grants.get(entitlement__resource=company.slack)
    lifecycle.revoke(grant, actor=as_actor(company.people.omar), now=company.now, reason="Too much noise.")
    made = stock_report.submitted(company, stock_report.another_order)
    page = read(company.people.omar, made)
    text = part(page, "changes")
    assert "1 privilege and 1 credential not changed, asked again" in text
    assert "It is not held now: it was rejected, has ended, or was taken back." in text
    assert "Not changed" in part(page, f"row-{stock_report.privilege_on(made, company.slack).pk}")


def two_more(c: Company) -> Submission:
    """One channel more is in force, and then another trigger; the middle one of the three."""
    second = stock_report.decide_rest(c, stock_report.newest(c))
    third = scenarios.decide_all(c, stock_report.submitted(c, stock_report.started_by_hand))
    assert third.state == second.state == "in_force"
    return second


@pytest.mark.rule("A12")
@starting_point("one_channel_more", two_more)
def test_decided_submission_shows_changes_of_its_time(company: Company, start: Submission) -> None:
    second, live = start, Submission.objects.earliest("pk")
    text = changes(company.people.theo, second)
    assert "Since approved version 1" in text
    assert "1 privilege new" in text
    assert 'id="changes"' not in read(company.people.theo, live)


def more(count: int) -> Any:
    """An edit: started by hand, and so many channels more."""

    def edit(export: dict[str, Any]) -> None:
        stock_report.started_by_hand(export)
        for number in range(count):
            stock_report.one_more_channel(export)
            last = export["nodes"][-1]
            last |= {"id": f"5d1f0a0e-0000-4000-8000-{number:012}", "name": f"Post {number}"}
            last["parameters"]["channelId"] |= {"value": f"C{number:08}", "cachedResultName": f"channel-{number}"}

    return edit


def one_more_by_hand(c: Company) -> Submission:
    """A start by hand and one channel more are asked of both stages."""
    return stock_report.submitted(c, more(1))


ONE_MORE_BY_HAND = starting_point("stock_in_force", one_more_by_hand)


def costs(c: Company, made: Submission) -> list[int]:
    """The number of queries of the review page: for the app's approver, the owner, and security."""
    counts = []
    for who in (c.people.theo, c.people.omar, c.people.sana):
        client, address = client_of(who), reverse("review", args=[made.pk])
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            page = client.get(address)
        assert len(page.content) <= 60_000
        counts.append(len(queries))
    assert max(counts) <= 29, counts
    return counts


@pytest.mark.full("changes much, to count queries")
@ONE_MORE_BY_HAND
def test_stage_1_diff_query_count_is_constant(company: Company, start: Submission) -> None:
    assert costs(company, start) == costs(company, stock_report.submitted(company, more(7)))


@pytest.mark.full("changes much, to count queries")
@starting_point(ONE_MORE_BY_HAND, lambda c: stock_report.app_approved(c, stock_report.newest(c)), name="in stage 2")
def test_stage_2_diff_query_count_is_constant(company: Company, start: Submission) -> None:
    costs(company, start)
    few = costs(
        company, stock_report.submitted(company, more(2))
    )  # the app's decision carries over, as to the next one
    assert few == costs(company, stock_report.submitted(company, more(7)))


@pytest.mark.rule("A3", "T2")
def test_kept_access_is_listed_by_risk(company: Company, chaser_in_force: Submission) -> None:
    """A new version is high because of an unchanged privilege, and the app's approver reads which one."""
    n = company.people
    export = (scenarios.EXPORTS / "invoice-chaser.json").read_bytes().replace(b"overdue", b"late")
    made = scenarios.submitted(company, scenarios.brought_in(company, content=export, purpose="Reminds, and reports."))
    assert not made.approvals.filter(stage=2).exists()
    response = client_of(n.theo).get(f"/review/{made.pk}/")
    (group,) = response.context["changes"]["groups"]
    held = list(made.version.privileges.select_related("entitlement__resource"))
    used = made.version.version_credentials.count()
    assert group["title"] == "Unchanged, they keep their grants"
    assert {privilege.sentence for privilege in held} <= {row["change"].item.sentence for row in group["rows"]}
    assert len(group["rows"]) == len(held) + used
    tiers = [row["tier"] for row in group["rows"]]
    assert tiers == sorted(tiers, key=("high", "standard", "low").index)
    assert (tiers[0], made.tier) == ("high", "high")
    text = part(str(response.content.decode()), "changes")
    assert all(f"{privilege.sentence} " in text for privilege in held)
    assert f"<ins>{held[0].sentence}" not in text
