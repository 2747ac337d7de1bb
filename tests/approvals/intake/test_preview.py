"""The preview: everything shown, nothing guessed or lost; the route by the rules of the write (I7, I8, A9, A12, A14, T1, T2)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.models import Submission
from approvals.submissions.plan.context import PlanContext
from governance.core.models import FreeText, Team
from inventory.models import Automation, Binding, ImportItem, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake import builder
from tests.approvals.intake.builder import ONBOARDING, PRICES, STOCK, Build
from tests.people import as_actor, joins, make_person
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def row(page: str, words: str) -> str:
    """The row of the page that says these words."""
    rows = re.findall(r'<li class="wish".*?</li>', page, re.DOTALL)
    return next(row for row in rows if words in row)


def group_of(page: str, words: str) -> str:
    """The connection of the page, with its rows, that says these words."""
    groups = re.findall(r'<section class="connection.*?</section>', page, re.DOTALL)
    return next(group for group in groups if words in group)


def read(c: Company, item: ImportItem, **draft: Any) -> Preview:
    """The preview as the page reads it."""
    actor, typed = as_actor(c.people.rita), replace(Draft.load(item), **draft)
    return previews.load_preview(item, actor=actor, now=c.now, team=c.people.finance_ops, draft=typed)


def term(preview: Preview, row: PreviewRow) -> int | None:
    """The requested term of a row, in days."""
    return next(wanted.request.term_days for wanted in preview.wanted if wanted.key == row.key)


def people_asked(preview: Preview) -> set[str]:
    """All people of the route."""
    seats = [*preview.app_seats, *(seat for row in preview.asked_rows for seat in row.seats)]
    return {person.name for seat in seats for person in seat.may_decide}


# --- what is refused ------------------------------------------------------------------------------------------------


def test_previews_of_others_are_hidden(company: Company, rita: Build) -> None:
    item = rita.import_item()
    jonas = Build.by(company.people.jonas).client
    for name in ("import_preview", "import_discard"):
        assert jonas.get(reverse(name, args=[item.pk])).status_code == 404
    for name in ("import_preview", "import_panel"):
        assert jonas.post(reverse(name, args=[item.pk]), {"purpose": "Mine now."}).status_code == 404
    item.refresh_from_db()
    assert "purpose" not in item.draft.get("fields", {})


@pytest.mark.parametrize("field", ["team", "bind"])
def test_a_team_or_resource_that_one_may_not_choose_is_not_there(company: Company, rita: Build, field: str) -> None:
    item = rita.import_item()
    hidden = company.erp
    hidden.directory = False
    hidden.save()
    key = next(name for name in rita.fields(item) if name.startswith("bind-"))
    data = {"team": company.people.marketing.pk} if field == "team" else {key: hidden.pk}
    assert rita.post(item, data).status_code == 404
    assert rita.panel(item, data).status_code == 404


@pytest.mark.rule("I8")
def test_dynamic_target_is_shown_and_cannot_be_named(company: Company, rita: Build) -> None:
    builder.connect(company, PRICES)
    item = rita.import_item(PRICES)
    page = rita.see(item)
    shown = row(page, "Write price")
    assert "talks to something that is decided when it runs" in shown
    assert "put a fixed address into the source" in shown
    assert "Nobody yet" in shown
    assert 'name="bind-' not in shown
    assert "Give “Write price” a fixed address in its source" in page


@pytest.mark.rule("I8")
def test_binding_proposed_by_other_is_shown_and_not_repeated(company: Company, rita: Build) -> None:
    n = company.people
    scenarios.brought_in(company, STOCK, by=n.jonas, content=builder.of_its_own(STOCK, ""))
    binding = Binding.objects.get(resource=company.slack)
    item = rita.import_item()
    name = f"{binding.connector}|{binding.instance_name}"
    preview = read(company, item, chosen={name: company.mail.pk})
    (shown,) = [
        row for row in preview.wanted if row.requested.privilege and row.requested.privilege.connector == "slack"
    ]
    assert (shown.resource, shown.connection) == (company.slack, "")
    assert shown.proposed.startswith(f"{n.jonas.name} proposed already that it opens {company.slack.name}")
    page = group_of(rita.see(item), "Post messages to supply-stock")
    assert "proposed already that it opens" in page
    assert 'name="bind-' not in page


@pytest.mark.rule("I8", "I3")
def test_unknown_connection_counts_as_restricted_and_needs_binding(rita: Build) -> None:
    page = rita.see(rita.import_item())
    head, shown = group_of(page, "Post messages to supply-stock"), row(page, "Post messages to supply-stock")
    assert "Choose a resource" in head
    assert "counts as restricted data until you say what it opens" in head
    assert "Restricted" in shown
    assert "Nobody yet" in shown
    assert "Say what " in page
    assert 'aria-disabled="true"' in page


@pytest.mark.rule("A9", "S3")
def test_party_is_skipped_with_reason_and_deputy_is_asked(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    omar = connected.people.omar
    connected.people.finance_ops.memberships.create(person=omar)
    rita.post(item, rita.typed(item, omar))
    page = rita.see(item)
    assert "Omar Haddad is a party to this submission (business owner) (owner of" in page
    assert "help/rules/SOD-3/" in page
    item.refresh_from_db()
    assert "Omar Haddad" not in people_asked(read(connected, item))
    assert "Amara Okafor" in people_asked(read(connected, item))


@pytest.mark.rule("A9")
def test_shortage_of_people_is_shown_before_submission(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    people = connected.people
    for person in (people.omar, people.amara, people.bram, people.sana, people.viktor):
        person.is_active = False
        person.save()
    rita.post(item, rita.typed(item, people.jonas))
    page = rita.see(item)
    assert "Not enough different people." in page
    assert "Find enough different people" in page
    assert "Enough approvers for every stage" not in page


# --- what is kept ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("I7")
@pytest.mark.parametrize("how", ["save", "panel", "submit", "bind:"])
def test_every_button_keeps_input(connected: Company, rita: Build, how: str) -> None:
    item = rita.import_item()
    why = next(name for name in rita.fields(item) if name.startswith("why-"))
    data = {"purpose": "Half a purp", "business_owner": "", "escalation_contact": "#stock", why: "Half a reas"}
    data[why.replace("why-", "term-")] = "30"
    if how == "panel":
        assert rita.panel(item, data).status_code == 200
    else:
        do = how + why.removeprefix("why-") if how == "bind:" else how
        assert rita.post(item, data, do=do).status_code == (422 if how == "submit" else 302)
    page = rita.see(item)
    assert "Half a purp" in page
    assert "Half a reas" in page
    assert 'value="#stock"' in page
    assert re.search(rf'name="{why.replace("why-", "term-")}".*?value="30" selected', page, re.DOTALL)


@pytest.mark.rule("I7")
def test_a_change_is_answered_with_the_parts_that_follow_from_it_and_no_field(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    answer = rita.panel(item, rita.typed(item, connected.people.jonas))
    parts = answer.content.decode()
    assert parts.lstrip().startswith('<section class="panel route" id="route"')
    assert 'id="missing" class="preview-missing" hx-swap-oob="true"' in parts
    assert "Omar Haddad" in parts
    assert "<textarea" not in parts
    assert "<html" not in parts


@pytest.mark.rule("I7")
def test_discarded_preview_is_deleted(rita: Build) -> None:
    item = rita.import_item()
    rita.post(item, {"purpose": "Something private."})
    assert "Discard Weekly stock report?" in rita.client.get(reverse("import_discard", args=[item.pk])).content.decode()
    assert rita.client.post(reverse("import_discard", args=[item.pk])).status_code == 302
    item.refresh_from_db()
    assert (item.manifest, item.draft, item.secrets) == ({}, {}, [])
    assert rita.client.get(reverse("import_preview", args=[item.pk])).status_code == 404
    assert not Automation.objects.exists()


@pytest.mark.rule("H7")
def test_preview_writes_nothing_to_register(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    rita.post(item, rita.typed(item, connected.people.jonas))
    rita.see(item)
    assert not Automation.objects.exists()
    assert not Version.objects.exists()
    assert not FreeText.objects.filter(text="It is needed for the report.").exists()


# --- what it says ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("I7", "A2", "T1")
def test_preview_describes_each_privilege_in_plain_words(connected: Company, rita: Build) -> None:
    page = rita.see(rita.import_item())
    reads = row(page, "Read scm.stock in ERP Postgres (production)")
    for words in ("Read", "database:select", "Confidential", "Standard", "Omar Haddad"):
        assert words in reads
    posts = row(page, "Post messages to supply-stock in Finance Slack workspace")
    for words in ("Write", "Internal", "Standard", "Omar Haddad"):
        assert words in posts
    assert page.count('class="wish"') == 4  # two privileges, two credentials


@pytest.mark.rule("T2", "T3", "A9", "A10")
def test_route_shows_approver_reason_and_deadline(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    rita.post(item, rita.typed(item, connected.people.jonas))
    route = rita.see(item).partition('id="route"')[2]
    assert "Theo Brandt" in route
    assert "2 privileges on ERP Postgres (production) and Finance Slack workspace, 2 credentials" in route
    assert "Enough approvers for every stage" in route
    assert route.count("<time") == 2  # the app's and the owner's deadline
    assert "Sana Iqbal" not in route  # nothing here is high


@pytest.mark.rule("T2", "I1")
def test_high_risk_asks_for_two_owners_and_a_second_signature(company: Company, rita: Build) -> None:
    builder.connect(company, ONBOARDING)
    item = rita.import_item(ONBOARDING)
    rita.post(item, rita.typed(item, company.people.rita, technical_owner=""))
    page = rita.see(item)
    assert "Two people must own a high-risk app." in page
    assert "Name a second person as technical owner" in page
    assert "Sana Iqbal or Viktor Lind" in page


@pytest.mark.rule("G1")
def test_a_term_is_the_longest_that_the_tier_allows_unless_a_shorter_one_is_chosen(
    connected: Company, rita: Build
) -> None:
    item = rita.import_item()
    preview = read(connected, item)
    first = preview.asked_rows[0]
    assert term(preview, first) == preview.context.policy.longest_term(first.requested.tier) == 180
    assert term(read(connected, item, terms={first.key: 30}), first) == 30
    assert term(read(connected, item, terms={first.key: 400}), first) == 180
    assert term(read(connected, item, terms={first.key: 0}), first) == 180
    name = f"term-{first.key}"
    rita.post(item, {name: "30"})
    rita.post(item, {name: ""})  # the longest, whatever the tier is by then
    item.refresh_from_db()
    assert Draft.load(item).terms == {}


def test_credential_without_reason_uses_reason_of_privilege(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    preview = read(connected, item)
    credentials = [row for row in preview.asked_rows if row.requested.credential is not None]
    assert credentials[0].request.justification == ""
    reasons = {row.key: "Buyers must know." for row in preview.asked_rows if row.requested.privilege is not None}
    settled = read(connected, item, why=reasons)
    assert {row.request.justification for row in settled.asked_rows if row.requested.credential is not None} == {
        "It is needed for what it opens: Buyers must know."
    }
    explained = read(connected, item, why={**reasons, credentials[0].key: "No other way in."})
    (row,) = (row for row in explained.asked_rows if row.key == credentials[0].key)
    assert row.request.justification == "No other way in."


def queries(rita: Build, item: ImportItem) -> tuple[int, int]:
    """How many queries the plan of a preview takes, and how many its page takes in all."""
    of_plan = []

    class CountedContext(PlanContext):
        def __init__(self, *args: Any, **more: Any) -> None:
            with CaptureQueriesContext(connection) as counted:
                super().__init__(*args, **more)
            of_plan.append(len(counted))

    with pytest.MonkeyPatch.context() as patch, CaptureQueriesContext(connection) as of_page:
        patch.setattr(previews, "PlanContext", CountedContext)
        rita.see(item)
    (plan,) = of_plan
    return plan, len(of_page)


@pytest.mark.rule("I7")
def test_the_number_of_queries_does_not_grow_with_the_privileges(connected: Company, rita: Build) -> None:
    few, many = (rita.import_item(STOCK, builder.with_privileges(number)) for number in (3, 12))
    assert rita.see(few).count('id="level-') == 5, "and parses the conflict rules, which a process does once"
    assert rita.see(many).count('id="level-') == 14
    plan, page = queries(rita, few)
    assert (plan, page) == queries(rita, many)
    assert plan <= 5
    assert page <= 21


@pytest.mark.rule("I7", "A12")
def test_plan_of_a_change_takes_at_most_20_queries(company: Company, rita: Build, stock_in_force: Submission) -> None:
    item = rita.import_item(STOCK, stock_report.source(stock_report.one_more_channel))
    plan, page = queries(rita, item)
    assert plan <= 20
    assert page <= 42


@pytest.mark.rule("I7", "A14")
def test_plan_that_continues_takes_at_most_20_queries(
    company: Company, rita: Build, stock_in_stage_2: Submission
) -> None:
    item = rita.import_item(STOCK, stock_report.source(stock_report.one_more_channel))
    plan, page = queries(rita, item)
    assert plan <= 20
    assert page <= 47


def held(number: int) -> pytest.MarkDecorator:
    """An automation with so many privileges is in force."""

    def walk(c: Company) -> None:
        builder.connect(c, STOCK)
        scenarios.in_force(c, scenarios.brought_in(c, STOCK, content=builder.with_privileges(number)))

    return starting_point("company", walk, name=str(number))


@pytest.mark.full("holds many, to count queries")
@pytest.mark.rule("I7")
@pytest.mark.parametrize("number", [pytest.param(number, marks=held(number)) for number in (2, 4)])
def test_preview_query_count_is_constant(company: Company, rita: Build, number: int) -> None:
    item = rita.import_item(STOCK, builder.with_privileges(number))
    assert rita.see(item).count('id="level-') == number + 2
    plan, page = queries(rita, item)
    assert plan <= 21, "neither for two nor for four privileges; one more than a change, for its version's authors"
    assert page <= 42


# --- a second time --------------------------------------------------------------------------------------------------


@pytest.mark.rule("I7")
def test_unchanged_file_links_to_automation(company: Company, stock_in_force: Submission, rita: Build) -> None:
    live = stock_in_force
    item = rita.import_item(STOCK, stock_report.source())
    page = rita.see(item)
    assert "Nothing changed." in page
    assert f"This is version {live.version.number} as it was approved" in page
    assert live.automation.href in page
    assert 'value="submit"' not in page
    assert rita.post(item, {"purpose": live.automation.purpose}, do="submit").status_code == 302
    assert Submission.objects.count() == 1
    assert Version.objects.count() == 1


@pytest.mark.rule("I7", "A12")
def test_changed_file_asks_only_about_additions(company: Company, stock_in_force: Submission, rita: Build) -> None:
    item = rita.import_item(STOCK, stock_report.source(stock_report.one_more_channel))
    page = rita.see(item)
    assert "Since it came in before" in page
    assert "Added." in page
    assert "Post messages to buyers" in page
    assert page.count('name="why-') == 1
    assert page.count("Held already") == 4
    assert "Not asked again" in page
    preview = read(company, item)
    assert [row.requested.privilege.target_name for row in preview.asked_rows if row.requested.privilege] == ["buyers"]


@pytest.mark.rule("I7", "A12")
def test_a_removed_privilege_is_shown_as_removed_and_its_grant_ends(
    company: Company, stock_in_force: Submission, rita: Build
) -> None:
    item = rita.import_item(STOCK, stock_report.source(stock_report.without_slack))
    assert "Removed." in rita.see(item)
    preview = read(company, item)
    assert len(preview.context.changes.ending) == 2  # the privilege and the credential that only it used
    assert not preview.asked_rows


@pytest.mark.rule("A14")
def test_version_under_review_is_shown_as_continued(company: Company, stock_submitted: Submission, rita: Build) -> None:
    open_one = stock_submitted
    page = rita.see(rita.import_item(STOCK, stock_report.source(stock_report.one_more_channel)))
    assert "Version 1 is under review since" in page
    assert "continues it: what did not change keeps its decisions" in page
    assert reverse("review", args=[open_one.pk]) in page
    assert 'value="submit"' in page


@pytest.mark.rule("A14")
def test_the_very_version_under_review_is_not_offered_again(
    company: Company, stock_submitted: Submission, rita: Build
) -> None:
    open_one = stock_submitted
    page = rita.see(rita.import_item(STOCK, stock_report.source()))
    assert "Nothing changed." in page
    assert reverse("review", args=[open_one.pk]) in page
    assert 'value="submit"' not in page


@pytest.mark.rule("I1")
def test_an_automation_of_another_team_is_not_brought_in_here(company: Company, stock_in_force: Submission) -> None:
    piet = Build.by(company.people.piet)
    item = piet.import_item(STOCK, stock_report.source())
    page = piet.see(item)
    assert "An automation with this id is in the register already, and belongs to another team" in page
    answer = piet.post(item, piet.typed(item, company.people.piet, technical_owner=""), do="submit")
    assert answer.status_code == 403
    assert Version.objects.count() == 1


@pytest.mark.rule("I1")
@pytest.mark.parametrize("edit", [None, stock_report.nothing_but_the_trigger])
def test_invisible_automation_is_mentioned_without_details(
    company: Company, stock_in_force: Submission, edit: Any
) -> None:
    automation = Automation.objects.get(pk=stock_in_force.automation_id)
    team = Team.objects.create(name="Strangers", parent=company.people.finance_ops.parent)
    eve = Build.by(joins(make_person("Eve Marsh"), team))
    page = eve.see(eve.import_item(STOCK, stock_report.source(edit)))
    assert "An automation with this id is in the register already, and belongs to another team" in page
    assert automation.purpose not in page
    assert "It is needed for the reminder." not in page
    assert f'"{automation.href}"' not in page
    if edit is not None:
        assert automation.name not in page
        assert "ERP Postgres" not in page


def test_earlier_answers_are_prefilled(company: Company, stock_submitted: Submission, rita: Build) -> None:
    made = stock_submitted
    page = rita.see(rita.import_item(STOCK, stock_report.source(stock_report.one_more_channel)))
    assert page.count("It is needed for the reminder.") == made.approvals.filter(stage=2).count()
    assert made.automation.purpose in page
