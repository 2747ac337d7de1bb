"""Registers: who sees which rows, states, sorts, filters with counts, saved views, exports, and what a page costs."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.urls import reverse
from django.utils.text import slugify

from approvals.models import Approval, Grant, SavedView, Submission
from governance.core.models import Person, Team
from governance.portal.registers import exports
from governance.portal.registers.views import REGISTERS
from governance.web.pages import pager
from governance.web.registers import register as register_module
from inventory.models import Automation, Credential, NonHumanIdentity, Resource
from tests import scenarios
from tests.inventory.automations.test_register_pages import cost, drafts, entitlements
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = pytest.mark.django_db

MODELS: dict[str, Any] = {
    "automation_list": Automation,
    "resource_list": Resource,
    "identity_list": NonHumanIdentity,
    "credential_list": Credential,
    "grant_list": Grant,
    "submission_list": Submission,
}


def context(person: Person, name: str, query: str = "") -> Any:
    """Context of a register's page."""
    answer = client_of(person).get(f"{reverse(name)}?{query}")
    assert answer.status_code == 200
    return answer.context


def keys(person: Person, name: str, query: str = "") -> list[int]:
    """Keys of the listed rows."""
    return [row["pk"] for row in context(person, name, query)["rows"]]


@pytest.fixture
def company_in_force(company: Company, stock_in_force: Submission) -> Company:
    """The company with one automation in force, one draft and one identity."""
    scenarios.brought_in(company)
    NonHumanIdentity.objects.create(
        kind="spiffe",
        issuer="x",
        subject="spiffe://x/stock",
        owner=company.people.jonas,
        automation=stock_in_force.automation,
    )
    return company


@pytest.mark.rule("S5")
@pytest.mark.parametrize("name", MODELS)
def test_register_lists_visible_rows_only(company_in_force: Company, name: str) -> None:
    n, now = company_in_force.people, company_in_force.now
    for person in (n.nadia, n.rita, n.omar, n.sana):
        actor: Any = client_of(person).get(reverse(name)).wsgi_request.actor  # type: ignore[attr-defined]
        visible = MODELS[name].objects.visible_to(actor, now)
        if name == "resource_list":
            visible = visible.resolved()
        assert set(keys(person, name)) == set(visible.values_list("pk", flat=True)), (name, person)
    hidden = set(keys(n.sana, name)) - set(keys(n.nadia, name))
    assert hidden or name == "resource_list"


@pytest.mark.rule("S5")
def test_identity_hides_name_of_invisible_automation(company_in_force: Company) -> None:
    n = company_in_force.people
    NonHumanIdentity.objects.update(owner=n.nadia)
    shown = client_of(n.nadia).get(reverse("identity_list")).content.decode()
    assert "one that you may not see" in shown
    assert "Weekly stock report" not in shown


def test_rejected_automation_is_no_draft(company: Company) -> None:
    submission = scenarios.submitted(company, scenarios.brought_in(company))
    app = submission.approvals.get(stage=1)
    assert context(company.people.rita, "automation_list")["rows"][0]["shown_state"] == "in_review"
    scenarios.reject(app, company.people.theo, now=company.now)
    listed = context(company.people.rita, "automation_list")
    assert [row["shown_state"] for row in listed["rows"]] == ["rejected"]
    assert [chip["label"] for chip in listed["chips"]] == ["All", "Rejected"]
    assert keys(company.people.rita, "automation_list", "state=rejected")
    assert not keys(company.people.rita, "automation_list", "state=draft")


@pytest.mark.parametrize("name", REGISTERS)
def test_every_sort_and_filter_of_a_register_answers(company_in_force: Company, name: str) -> None:
    sana, path = company_in_force.people.sana, reverse(name)
    listed = context(sana, name)
    everything = set(keys(sana, name))
    for column in listed["columns"]:
        if column["sort"]:
            up, down = keys(sana, name, f"sort={column['sort']}"), keys(sana, name, f"sort=-{column['sort']}")
            assert set(up) == everything
            assert down == up[::-1], column
            html = client_of(sana).get(f"{path}?sort=-{column['sort']}").content.decode()
            assert html.count('aria-sort="descending"') == 1
    for chip in listed["chips"]:
        query = chip["href"].partition("?")[2]
        assert str(len(keys(sana, name, query))) == chip["count"], (name, chip)
    for one in listed["filters"]["fields"]:
        for option in one["options"]:
            assert set(keys(sana, name, f"{one['name']}={option['value']}")) <= everything
    for total in listed["totals"]:
        assert str(len(keys(sana, name, total["href"].partition("?")[2]))) == total["count"], (name, total)


@pytest.mark.parametrize("sort", ["risk", "-risk", "state", "owner", "-review"])
def test_pages_by_another_sort_join_without_gaps_or_repeats(
    company: Company, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pager, "PAGE", 5)
    drafts(company, [f"Script {number % 4}" for number in range(12)], holding=[])
    Automation.objects.filter(name="Script 1").update(tier="high")
    Automation.objects.filter(name="Script 2").update(review_on=company.now.date())
    who, pages = client_of(company.people.rita), []
    path = f"{reverse('automation_list')}?sort={sort}"
    while path:
        answer = who.get(path).context
        pages.append([row["pk"] for row in answer["rows"]])
        path = answer["pager"].older_href
    assert [len(page) for page in pages] == [5, 5, 2]
    assert len({pk for page in pages for pk in page}) == 12
    back = who.get(answer["pager"].newer_href).context
    assert [row["pk"] for row in back["rows"]] == pages[1]
    for beyond in (f"after={pages[-1][-1]}", f"before={pages[0][0]}"):
        first = who.get(f"{reverse('automation_list')}?sort={sort}&{beyond}").context
        assert [row["pk"] for row in first["rows"]] == pages[0], "the first page where nothing follows"
        assert not first["pager"].newer_href


@pytest.mark.rule("S5")
@pytest.mark.parametrize("sort", ["name", "-name"])
def test_page_after_an_invisible_row_is_that_after_no_row(company_in_force: Company, sort: str) -> None:
    """Its rows would tell where the name of the invisible row stands."""
    nadia, hidden = company_in_force.people.nadia, company_in_force.people.finance_ops.automations.earliest("pk")
    drafts(company_in_force, ["AAA", "ZZZ"], holding=[])
    Automation.objects.exclude(pk=hidden.pk).update(team=nadia.memberships.get().team)
    assert hidden.pk not in keys(nadia, "automation_list")
    unknown = keys(nadia, "automation_list", f"sort={sort}&after=123456789")
    assert len(unknown) >= 2
    assert keys(nadia, "automation_list", f"sort={sort}&after={hidden.pk}") == unknown


def test_counts_stop_at_a_limit(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts(company, ["One", "Two", "Three"], holding=[])
    monkeypatch.setattr(register_module, "MOST_COUNTED", 2)
    answer = client_of(company.people.rita).get(reverse("automation_list"))
    assert answer.context["facts"][0] == "2+ automations"
    assert answer.context["chips"][0]["count"] == "2+"
    assert "select, but at most the first 50,000. The file" in answer.content.decode()
    monkeypatch.setattr(register_module, "MOST_COUNTED", 3)
    answer = client_of(company.people.rita).get(reverse("automation_list"))
    assert answer.context["facts"][0] == "3 automations", "exactly as many as are counted"
    assert "every row that these filters select. The file" in answer.content.decode()


@pytest.mark.rule("S5")
@pytest.mark.parametrize("name", sorted(MODELS))
def test_rows_by_the_keys_of_the_counts_are_those_that_the_reader_may_see(company_in_force: Company, name: str) -> None:
    register = REGISTERS[name](as_actor(company_in_force.people.rita), company_in_force.now)
    for query in ("", *(f"state={state}" for state in register.states), *(f"sort=-{sort}" for sort in register.orders)):
        listing = register_module.Listing(register, QueryDict(query), "/")
        keys = [key for row in listing.counts.values() for key in row["keys"]]
        assert listing.page(keys).rows == listing.page().rows, query
        assert set(keys) <= set(register.rows.values_list("pk", flat=True))


@pytest.mark.parametrize("most", [1, 2, 3], ids=["more than are counted", "as many", "fewer"])
def test_search_keeps_the_other_choices_however_many_are_found(
    company: Company, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """The page reads what the counts found, or looks again where they stopped."""
    drafts(company, ["Sync one", "Sync two", "Other"], holding=[])
    Automation.objects.filter(name="Sync two").update(state="retired")
    monkeypatch.setattr(register_module, "MOST_COUNTED", most)
    rita = company.people.rita
    pks = dict(Automation.objects.values_list("name", "pk"))
    assert keys(rita, "automation_list", "q=sync") == [pks["Sync two"], pks["Sync one"]]
    assert keys(rita, "automation_list", "q=sync&state=retired") == [pks["Sync two"]]
    assert keys(rita, "automation_list", "q=sync&state=live") == []
    assert keys(rita, "automation_list", "q=nowhere") == []


@pytest.mark.rule("S5")
def test_only_readers_of_whole_register_filter_automations_by_any_team(company_in_force: Company) -> None:
    n, other = company_in_force.people, Team.objects.create(name="Far away")
    drafts(company_in_force, ["Elsewhere"], holding=[])
    moved = Automation.objects.get(name="Elsewhere")
    Automation.objects.filter(pk=moved.pk).update(team=other)
    empty = Team.objects.create(name="Without automations")
    assert offered_teams(context(n.nadia, "automation_list")) == ["My team"]
    offered = offered_teams(context(n.sana, "automation_list"))
    assert "Far away" in offered
    assert empty.name not in offered
    assert keys(n.sana, "automation_list", f"team={other.pk}") == [moved.pk]


def offered_teams(listed: Any) -> list[str]:
    """Labels of the filter by team."""
    return [
        option["label"] for one in listed["filters"]["fields"] if one["name"] == "team" for option in one["options"]
    ]


@pytest.mark.rule("S5")
def test_export_names_the_row_of_its_filter_only_for_those_who_see_it(
    company: Company, stock_in_force: Submission
) -> None:
    """The filter's words, and so the file's name, have a name instead of a number."""
    n, owner = company.people, stock_in_force.automation.business_owner
    stranger = Person.objects.create(name="Stranger", source="x", subject="stranger")
    query = QueryDict(f"resource={company.erp.pk}&owner={owner.pk}")

    def words(person: Person) -> str:
        register = REGISTERS["grant_list"](as_actor(person), company.now)
        return register_module.Listing(register, query, "/").filter_words()

    assert words(n.sana) == f"Resource: {company.erp.name}; Owner: {owner.name}"
    assert words(stranger) == f"Resource: {company.erp.name}; Owner: {owner.pk}"


@pytest.mark.rule("H4")
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_export_holds_all_selected_rows_and_says_what_it_is(
    company: Company, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pager, "PAGE", 2)
    drafts(company, ["=1+1", "Two", "Three", "Hidden"], holding=[])
    Automation.objects.exclude(name="Hidden").update(tier="high")
    team = company.people.finance_ops
    query = f"risk=high&team={team.pk}&sort=-name&export={form}"
    answer = client_of(company.people.rita).get(f"{reverse('automation_list')}?{query}")
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    name = re.escape(f"automations-risk-high-risk-team-{slugify(team.name)}-{company.now:%Y-%m-%d-%H%M}-")
    named = re.fullmatch(rf'attachment; filename="{name}([0-9a-f]{{16}})\.{form}"', answer["Content-Disposition"])
    assert named is not None
    if form == "xlsx":
        names = {
            name: zipfile.ZipFile(io.BytesIO(body)).read(name).decode()
            for name in zipfile.ZipFile(io.BytesIO(body)).namelist()
        }
        rows, about = names["xl/worksheets/sheet1.xml"], names["xl/worksheets/sheet2.xml"]
        assert ("Two" in rows, "Hidden" in rows, "<f>" in rows) == (True, False, False)
        assert ">'=1+1<" in rows.replace("&#39;", "'")
        assert f"Risk: High risk; Team: {team.name}" in about
        plain = client_of(company.people.rita).get(f"{reverse('automation_list')}?{query.replace('xlsx', 'csv')}")
        rest = b"".join(plain.streaming_content).partition(b"\r\n")[2]  # type: ignore[attr-defined]
        assert hashlib.sha256(rest).hexdigest() in about, "the digest is of the CSV's rows"
        assert hashlib.sha256(rest).hexdigest().startswith(named[1])
        return
    lines = list(csv.DictReader(io.StringIO(body.decode())))
    assert [line["Automation"] for line in lines] == ["Two", "Three", "'=1+1"]
    assert {(line["State"], line["Risk"], line["Environment"]) for line in lines} == {("Draft", "High", "Production")}


@pytest.mark.rule("H4")
def test_export_of_the_first_rows_only_says_so_in_its_name(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST", 2)
    drafts(company, ["One", "Two", "Three"], holding=[])
    answer = client_of(company.people.rita).get(f"{reverse('automation_list')}?export=csv")
    assert "-first-2-rows-" in answer["Content-Disposition"]
    assert len(b"".join(answer.streaming_content).splitlines()) == 3  # type: ignore[attr-defined]


@pytest.mark.rule("A2")
def test_who_can_touch_a_resource_is_one_number_with_its_credentials(
    company: Company, stock_in_force: Submission
) -> None:
    """The list, the register and the resource's own page count grants of credentials that open it or that it keeps."""
    opening = stock_in_force.automation.grants.get(credential__opens=company.erp, kind="credential")
    with unguarded(Approval):
        Approval.objects.filter(pk=opening.approval_id).update(decided_on=company.slack)
    listed = {row["pk"]: row["held"] for row in context(company.people.sana, "resource_list")["rows"]}
    for resource, expected in ((company.erp, 2), (company.slack, 3)):
        query = f"resource={resource.pk}&ends=open"
        touched = context(company.people.sana, "grant_list", query)
        assert touched["title"] == f"Who can touch {resource.name}"
        page = client_of(company.people.sana).get(reverse("resource_grants", args=[resource.pk])).context
        assert (listed[resource.pk], len(touched["rows"]), len(page["rows"])) == (expected,) * 3
        assert opening.pk in {row["pk"] for row in touched["rows"]}
        shown = client_of(company.people.sana).get(reverse("resource", args=[resource.pk])).content.decode()
        assert f"{reverse('grant_list')}?resource={resource.pk}&amp;state=active" in shown


@pytest.mark.rule("G3")
def test_who_can_touch_it_shows_grants_in_force_and_why_others_are_suspended(
    company: Company, stock_in_force: Submission
) -> None:
    touched = f"resource={company.erp.pk}&state="
    listed = context(company.people.yuki, "grant_list", f"{touched}active")
    assert len(listed["rows"]) == 2
    assert {row["why"] for row in listed["rows"]} == {""}
    Automation.objects.update(state="suspended")
    answer = client_of(company.people.yuki).get(f"{reverse('grant_list')}?{touched}active")
    assert not answer.context["rows"]
    assert "0 grants in force now" in answer.content.decode()
    chips = {chip["label"]: chip["count"] for chip in answer.context["chips"]}
    assert (chips["In force"], chips["Suspended"]) == ("0", "2")
    suspended = context(company.people.yuki, "grant_list", f"{touched}suspended")["rows"]
    assert {row["why"] for row in suspended} == {"the automation is stopped"}
    Automation.objects.update(state="live")
    term = {"begins_at": company.now - timedelta(days=90), "ends_at": company.now}
    with unguarded(Grant):
        Grant.objects.filter(kind="credential").update(**term)
    suspended = context(company.people.yuki, "grant_list", f"{touched}suspended")["rows"]
    assert [row["why"] for row in suspended] == ["the credential that it needs is not granted any more"]
    ended = context(company.people.yuki, "grant_list", f"{touched}ended")["rows"]
    assert {row["why"] for row in ended} == {"its term is over"}


def test_grants_that_end_soon_are_sorted_by_end_and_their_view_is_marked_for_a_team(
    company: Company, stock_in_force: Submission
) -> None:
    grants = list(stock_in_force.automation.grants.order_by("pk"))
    with unguarded(Grant):
        for days, grant in zip((9, 3, 20), grants, strict=False):
            Grant.objects.filter(pk=grant.pk).update(ends_at=company.now + timedelta(days=days))
    team = stock_in_force.automation.team_id
    listed = context(company.people.sana, "grant_list", f"ends=30&team={team}")
    assert [row["pk"] for row in listed["rows"]] == [grants[1].pk, grants[0].pk, grants[2].pk]
    assert [tab["label"] for tab in listed["tabs"] if tab["current"]] == ["Ends in 30 days"]
    assert listed["save_href"], "the view of one team can be saved"
    falling = keys(company.people.sana, "grant_list", "ends=30&sort=-until")
    assert falling == [grants[2].pk, grants[0].pk, grants[1].pk]


@pytest.mark.rule("S5")
def test_export_and_people_need_the_right_to_read_them(company: Company) -> None:
    for query in ("", "?export=csv", "?export=xlsx"):
        assert client_of(company.people.rita).get(reverse("people") + query).status_code == 403
    answer = client_of(company.people.yuki).get(f"{reverse('people')}?export=csv&role=auditor")
    assert "Yuki Sato" in b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def test_saved_view_is_a_tab_of_its_register_for_its_person(company: Company) -> None:
    rita, path = client_of(company.people.rita), reverse("automation_list")
    unsaved = rita.get(f"{path}?risk=high&sort=-name").context
    assert rita.post(unsaved["save_href"], {"name": "Risky"})["Location"] == f"{path}?risk=high&sort=-name"
    listed = rita.get(f"{path}?risk=high&sort=-name").context
    assert [tab["label"] for tab in listed["tabs"] if tab["current"]] == ["Risky"]
    assert listed["remove_href"] == reverse("saved_view_remove", args=[SavedView.objects.get().pk])
    for other in (rita.get(reverse("resource_list")), client_of(company.people.sana).get(path)):
        assert "Risky" not in other.content.decode()
    assert rita.get(f"{reverse('saved_view_save')}?list=health").status_code == 404


@pytest.mark.parametrize("name", REGISTERS)
def test_register_costs_at_most_eight_queries(company_in_force: Company, name: str) -> None:
    who, path = client_of(company_in_force.people.sana), reverse(name)
    few, _ = cost(who, path)
    drafts(company_in_force, [f"Script {number}" for number in range(60)], holding=entitlements(company_in_force))
    many, size = cost(who, path)
    assert many == few
    assert many <= (11 if name == "people" else 8)
    assert size <= 60_000
    rows = who.get(path, headers={"hx-request": "true", "hx-target": "list"})
    assert rows.content.lstrip().startswith(b'<section class="panel" id="list"')
    assert len(rows.content) <= 36_000
    assert len(rows.content) < len(who.get(path).content)


def test_search_of_grants_finds_what_is_shown_and_credentials_that_open_it(
    company: Company, stock_in_force: Submission
) -> None:
    """A word of an automation's purpose is no name, and a credential's grant belongs to the resource that it opens."""
    sana = client_of(company.people.sana)
    Automation.objects.filter(pk=stock_in_force.automation_id).update(
        search="weekly stock report reads the erp postgres"
    )
    rows = sana.get(f"{reverse('grant_list')}?q=postgres").context["rows"]
    assert {row["resource_name"] for row in rows} == {company.erp.name}
    assert "secret" in {row["drawn_level"] for row in rows}, "the grant of its credential"
    assert len(rows) > 1
    assert sana.get(f"{reverse('grant_list')}?q=reads").context["rows"] == []
    assert (
        len(sana.get(f"{reverse('grant_list')}?q=weekly").context["rows"]) == stock_in_force.automation.grants.count()
    )
