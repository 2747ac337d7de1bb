"""A timeline says what was decided, of those records alone that its reader may see, in a query for all of them (H3)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.grants.transitions import stops
from approvals.models import Submission
from governance.core.models import Person
from governance.core.timeline import queries as timeline_queries
from inventory.models import Automation, Resource
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of


def lines(c: Company, row: Automation | Resource | Submission, reader: Person, *, limit: int = 50) -> list[str]:
    """The timeline of a row as somebody reads it."""
    shapes = timeline_queries.shapes(row, limit=limit, actor=as_actor(reader), now=c.now)
    return [f"{shape['actor']} {shape['text']}".strip() for shape in shapes]


@pytest.mark.rule("H3")
def test_name_only_reader_sees_no_privileges_in_timeline(company: Company, stage_2: Submission) -> None:
    scenarios.approve(stock_report.privilege_on(stage_2, company.slack), company.people.omar, now=company.now)
    stranger = company.people.nadia
    assert company.slack in Resource.objects.visible_to(as_actor(stranger), company.now)
    texts = lines(company, company.slack, stranger)
    assert "Omar Haddad approved a record: “Fine by me.”" in texts
    assert not any("May " in text for text in texts)
    page = client_of(stranger).get(reverse("resource", args=[company.slack.pk])).content.decode()
    assert "“May " not in page


@pytest.mark.rule("H3")
def test_each_decision_names_its_record_on_every_timeline(company: Company, stage_2: Submission) -> None:
    n = company.people
    slack, erp = stock_report.privilege_on(stage_2, company.slack), stock_report.privilege_on(stage_2, company.erp)
    posts = f"“{slack.title}”"
    scenarios.approve(slack, n.omar, now=company.now)
    scenarios.reject(erp, n.omar, now=company.now)
    automation = Automation.objects.get(pk=stage_2.automation_id)
    for row in (automation, stage_2):
        texts = lines(company, row, n.rita)
        assert f"Omar Haddad approved {posts}: “Fine by me.”" in texts
        assert f"Omar Haddad rejected “{erp.title}”: “No.”" in texts
        assert "Theo Brandt approved the app: “Fine by me.”" in texts
    assert f"You approved {posts}: “Fine by me.”" in lines(company, company.slack, n.omar)
    assert not any("{what}" in text for text in lines(company, automation, n.rita))


@pytest.mark.rule("H3", "S5")
def test_refused_attempt_names_its_approval(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    url = reverse("decide", args=[stage_2.pk])
    form = scenarios.decision_form(record, reason="Yes.")
    assert client_of(company.people.theo).post(url, form).status_code == 403
    texts = lines(company, stage_2, company.people.rita)
    assert any(text.startswith(f"Theo Brandt was refused (approved: “{record.title}”)") for text in texts)


@pytest.mark.rule("H3")
def test_end_of_grant_names_access(company: Company, live: Submission) -> None:
    automation = Automation.objects.get(pk=live.automation_id)
    grant = automation.grants.get(entitlement__resource=company.slack)
    stops.stop_grant(grant, actor=as_actor(company.people.omar), now=company.now, reason="It floods us.")
    sentence = stock_report.privilege_on(live, company.slack).title
    assert f"Omar Haddad stopped “{sentence}”: “It floods us.”" in lines(company, automation, company.people.jonas)


@pytest.mark.rule("H3")
def test_ledger_page_describes_subject_of_each_event(company: Company, live: Submission) -> None:
    automation = Automation.objects.get(pk=live.automation_id)
    grant = automation.grants.get(entitlement__resource=company.slack)
    stops.stop_grant(grant, actor=as_actor(company.people.omar), now=company.now, reason="It floods us.")
    query = {"about": f"inventory.automation:{automation.pk}"}
    answer = client_of(company.people.yuki).get(reverse("ledger"), query)
    descriptions = [event["words"] for event in answer.context["events"]]
    sentence = stock_report.privilege_on(live, company.slack).title
    assert f"Stopped “{sentence}”" in descriptions
    assert f"Approved “{sentence}”" in descriptions
    assert not [description for description in descriptions if "{" in description]


@pytest.mark.rule("H3")
def test_ledger_is_searched_by_subject_and_event(company: Company, live: Submission) -> None:
    automation, n = Automation.objects.get(pk=live.automation_id), company.people
    grant = automation.grants.get(entitlement__resource=company.slack)
    stops.stop_grant(grant, actor=as_actor(n.omar), now=company.now, reason="It floods us.")
    yuki = client_of(n.yuki)

    def events_found(words: str) -> list[tuple[str, str]]:
        events = yuki.get(reverse("ledger"), {"q": words}).context["events"]
        return [(row["event"].verb, row["subject"]) for row in events]

    named = events_found("weekly stock")
    assert {"submission.submitted", "approval.approved", "grant.stopped"} <= {verb for verb, _ in named}
    assert events_found("stopped weekly stock") == [("grant.stopped", automation.name)]
    assert ("grant.stopped", automation.name) in events_found("Finance Slack")
    assert {verb for verb, _ in events_found("activated")} == {"resource.activated"}
    assert {verb for verb, _ in events_found(live.reference)} >= {"submission.submitted", "approval.approved"}
    assert events_found("stopped nothing of this name") == []


@pytest.mark.rule("H3")
def test_more_lines_cost_no_more_queries(company: Company, live: Submission) -> None:
    automation = Automation.objects.get(pk=live.automation_id)
    counts = []
    for limit in (8, 50):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            texts = lines(company, automation, company.people.jonas, limit=limit)
        counts.append((len(texts) > 8, len(queries)))
    assert [many for many, _ in counts] == [False, True]
    assert counts[1][1] <= counts[0][1] + 1, "one for the kind of rows that came in, and none a line"


@pytest.mark.rule("H3")
def test_timeline_of_submission_is_read_apart_from_its_page(company: Company, stage_2: Submission) -> None:
    record, rita = stock_report.privilege_on(stage_2, company.slack), client_of(company.people.rita)
    scenarios.approve(record, company.people.omar, now=company.now)
    with CaptureQueriesContext(connection) as queries:
        page = rita.get(reverse("review", args=[stage_2.pk])).content.decode()
    assert not [query for query in queries.captured_queries if 'FROM "controls_ledgerevent"' in query["sql"]]
    timeline = reverse("review_timeline", args=[stage_2.pk])
    assert f'hx-get="{timeline}" hx-trigger="load, activity from:body" hx-target="#timeline"' in page
    part = rita.get(timeline, headers={"HX-Request": "true", "HX-Target": "timeline"}).content.decode()
    assert f"approved “{record.title}”" in part
    assert "<html" not in part
