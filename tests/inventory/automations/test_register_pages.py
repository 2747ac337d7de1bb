"""Pages of the register: who sees what, what may be pressed, how many queries and bytes a page costs, and that both stay flat."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Submission
from approvals.submissions.transitions import put_in_force
from governance.core.models import LedgerEvent, Person
from inventory.imports import manual_description
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, Entitlement, Privilege, Resource, Version
from tests import scenarios
from tests.inventory.imports.sample_imports import again
from tests.manual_descriptions import registered
from tests.people import Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import given

pytestmark = pytest.mark.django_db

#: The demo alone reads the clock's row; production never does.
CLOCK = "controls_clockoffset"


@pytest.fixture
def live(company: Company, stock_in_force: Submission) -> Automation:
    """The weekly stock report, approved on both sides; Jonas and Rita own it."""
    return again(stock_in_force.automation)


def by_hand(
    company: Company, number: int, entitlements: list[Entitlement], *, again: Automation | None = None
) -> Automation:
    """An automation that holds something on each of the entitlements, or one more version of it."""
    n = company.people
    manifest = manual_description.describe_manually(
        name="Script",
        kind="script",
        platform="cron",
        privileges=[
            manual_description.DescribedPrivilege(entitlement, "read", f"#{number}-{place}")
            for place, entitlement in enumerate(entitlements)
        ],
        external_id=again.external_id if again else "",
    )
    fields = {"business_owner": n.jonas, "purpose": "Reads."}
    version = registered(n.finance_ops, actor=as_actor(n.rita), now=n.now, manifest=manifest, fields=fields)
    return version.automation


def drafts(company: Company, names: list[str], *, holding: list[Entitlement]) -> None:
    """Many drafts at once, each with a version that holds something: for paging and costs, where only their number matters."""
    n = company.people
    made = Automation.objects.bulk_create(
        Automation(
            team=n.finance_ops,
            name=name,
            purpose="Reads.",
            platform_instance="cron",
            business_owner=n.jonas,
            created_at=n.now,
            search=name.lower(),
        )
        for name in names
    )
    digests = {"source_digest": "x", "manifest_digest": "x", "binding_digest": "x", "manifest": {}}
    versions = Version.objects.bulk_create(
        Version(automation=automation, number=1, created_at=n.now, **digests) for automation in made
    )
    Privilege.objects.bulk_create(
        Privilege(version=version, entitlement=held, connector="x", level="read", key=f"{place}")
        for version in versions
        for place, held in enumerate(holding)
    )


def entitlements(company: Company) -> list[Entitlement]:
    """Something to read on each resource."""
    rows = [company.erp, company.slack, company.drive]
    return [Entitlement.objects.create(resource=row, code="x:read", words="Read", level="read") for row in rows]


def cost(client: Client, path: str, **headers: str) -> tuple[int, int]:
    """Queries, without the demo's clock, and bytes of one page; warmed up once."""
    client.get(path, **headers)
    with CaptureQueriesContext(connection) as caught:
        answer = client.get(path, **headers)
    assert answer.status_code == 200, answer.content
    queries = [query for query in caught.captured_queries if CLOCK not in query["sql"]]
    return len(queries), len(answer.content)


def lines(answer: Any) -> str:
    """The text of an answer, as it is."""
    return str(answer.content.decode())


def buttons(answer: Any) -> set[str]:
    """The words of an answer's buttons."""
    drawn = re.findall(r"<button[^>]*>(.*?)</button>", lines(answer), flags=re.S)
    return {re.sub(r"<[^>]*>", "", words).strip() for words in drawn}


PAGES = (
    "automation",
    "automation_stop",
    "automation_resume",
    "automation_retire",
    "automation_amend",
    "automation_raise",
)


@pytest.mark.rule("I1")
def test_invisible_automation_is_not_found(live: Automation, company: Company) -> None:
    root = Person.objects.create_superuser("root@northwind.example", name="Root")
    for who in (company.people.nadia, root):
        client = client_of(who)
        for page in PAGES:
            path = reverse(page, args=[live.pk])
            assert client.get(path).status_code == (405 if page == "automation_stop" else 404), path
            assert client.post(path).status_code == (405 if page == "automation" else 404), path
        assert live.name not in lines(client.get(reverse("automation_list")))


def test_register_needs_sign_in(live: Automation) -> None:
    for path in (reverse("automation_list"), live.href, reverse("resource_list")):
        answer = Client().get(path)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, reverse("account_login"))


@pytest.mark.rule("G5", "S5")
def test_unauthorised_stop_is_explained_and_recorded(live: Automation, company: Company) -> None:
    theirs = client_of(company.people.yuki)
    assert "Stop" not in buttons(theirs.get(live.href))
    answer = theirs.post(reverse("automation_stop", args=[live.pk]), {"reason": "I want to."})
    assert answer.status_code == 403
    assert "PERMISSION" in lines(answer)
    assert LedgerEvent.objects.filter(outcome="refused", actor_id=company.people.yuki.opaque_id).count() == 1
    assert again(live).state == "live"


@pytest.mark.rule("G5")
def test_stop_acts_at_once_and_shows_what_stopped(live: Automation, company: Company) -> None:
    path, owner = reverse("automation_stop", args=[live.pk]), client_of(company.people.jonas)
    assert "Stop" in buttons(owner.get(live.href))
    result = owner.post(path)["Location"]
    shown = lines(owner.get(result))
    assert again(live).state == "suspended"
    assert "Post messages to supply-stock in Finance Slack workspace" in shown
    assert "Read scm.stock in ERP Postgres (production)" in shown
    assert "Stopped by Jonas Weil." in lines(owner.get(live.href))
    assert owner.post(path)["Location"] == result, "a second press is the same stop"


@pytest.mark.rule("G5")
def test_a_stop_is_lifted_on_two_pages_by_two_people(live: Automation, company: Company) -> None:
    n, path = company.people, reverse("automation_resume", args=[live.pk])
    client_of(n.sana).post(reverse("automation_stop", args=[live.pk]), {"reason": "Hm."})
    assert client_of(n.rita).post(path, {"reason": "Mended."}).status_code == 302
    assert client_of(n.rita).get(path).status_code == 403
    assert client_of(n.sana).get(path).status_code == 403
    assert "Rita Novak asked for it" in lines(client_of(n.theo).get(path))
    client_of(n.theo).post(path, {"reason": "Seen."})
    assert again(live).state == "live"


@pytest.mark.rule("L1")
def test_retiring_names_visible_dependants_only(live: Automation, company: Company) -> None:
    n = company.people
    item = previews.preview(
        [("x.json", (scenarios.EXPORTS / "cold-chain-alert.json").read_bytes())], actor=as_actor(n.piet), now=n.now
    ).items.get()
    confirmation.confirm_import(
        n.supply, actor=as_actor(n.piet), now=n.now, item=item, fields={"business_owner": n.piet}
    )
    shown = lines(client_of(n.jonas).get(reverse("automation_retire", args=[live.pk])))
    assert "Cold chain" not in shown
    assert "And 1 more." in shown


@pytest.mark.rule("A12")
def test_a_change_of_purpose_waits_and_is_shown_as_waiting(live: Automation, company: Company) -> None:
    path, member = reverse("automation_amend", args=[live.pk]), client_of(company.people.rita)
    assert "until then they wait" in lines(member.get(path))
    typed = {
        "name": "Stock report",
        "purpose": "Something else.",
        "kind": "agent",
        "business_owner": live.business_owner_id,
    }
    assert member.post(path, typed).status_code == 302
    shown = lines(member.get(live.href))
    assert "Waits for stage 1" in shown
    assert "Something else." in shown
    wrong = member.post(path, typed | {"name": ""})
    assert wrong.status_code == 422
    assert "Something else." in lines(wrong)


@pytest.mark.rule("T2")
def test_a_tier_is_raised_with_a_reason_and_not_lowered(live: Automation, company: Company) -> None:
    path, reviewer = reverse("automation_raise", args=[live.pk]), client_of(company.people.sana)
    assert reviewer.post(path, {"tier": "high", "reason": ""}).status_code == 422
    assert reviewer.post(path, {"tier": "high", "reason": "It feeds the auditors."}).status_code == 302
    assert again(live).tier == "high"
    assert reviewer.post(path, {"tier": "standard", "reason": "Hm."}).status_code == 422


@pytest.mark.rule("I7")
def test_a_version_is_compared_with_the_approved_one(live: Automation, company: Company) -> None:
    document = json.loads((scenarios.EXPORTS / "weekly-stock-report.json").read_bytes())
    text = json.dumps(document).replace("C07STOCKRPT", "C07EVERYBODY")
    scenarios.brought_in(company, "weekly-stock-report.json", content=text.encode())
    who = client_of(company.people.rita)
    answer = who.get(f"{live.href}?tab=versions&version=2")
    shown = lines(answer)
    assert "From version 1 to 2" in shown
    assert "C07EVERYBODY" in shown


@pytest.mark.rule("I6")
def test_privileges_and_credentials_are_listed_with_level_tier_and_owner(live: Automation, company: Company) -> None:
    shown = lines(client_of(company.people.rita).get(f"{live.href}?tab=privileges"))
    assert "2 privileges, 2 credentials" in shown
    assert "postgres · static · reach unknown" in shown
    assert "Omar Haddad" in shown


@pytest.mark.rule("A5")
def test_refused_access_is_drawn_as_unreachable(company: Company) -> None:
    submission = scenarios.submitted(company, scenarios.brought_in(company, "weekly-stock-report.json"))
    scenarios.decide_app(company, submission)
    for record in submission.approvals.filter(stage=2, state="open").order_by("pk"):
        if record.privilege and record.privilege.entitlement.resource == company.slack:
            scenarios.reject(record, company.people.omar, now=company.now)
        else:
            scenarios.finish(company, record, now=company.now)
    submission.refresh_from_db()
    put_in_force.accept_subset(submission, actor=as_actor(company.people.jonas), now=company.now)
    shown = lines(client_of(company.people.jonas).get(again(submission.automation).href))
    assert "If it leaked: 1 resource within reach, none of them to change or run" in shown
    assert "not granted" in shown


def test_filters_and_words_stand_in_the_address_and_htmx_gets_the_rows_alone(
    live: Automation, company: Company
) -> None:
    scenarios.brought_in(company)
    who, path = client_of(company.people.rita), reverse("automation_list")
    assert "Invoice chaser" not in lines(who.get(path, {"q": "STOCK"}))
    assert live.name not in lines(who.get(path, {"state": "draft"}))
    assert "Invoice chaser" not in lines(who.get(path, {"risk": "standard"}))
    assert "Nothing matches these filters" in lines(who.get(path, {"q": "nothing like it"}))
    assert "Nothing matches these filters" in lines(who.get(path, {"team": company.people.supply.pk}))
    part = who.get(path, headers={"hx-request": "true", "hx-target": "list"})
    assert lines(part).lstrip().startswith('<section class="panel" id="list"')
    assert len(part.content) < len(who.get(path).content) / 2


@pytest.mark.parametrize("words", ["%", "after=x", "7-", "'; drop table"])
def test_any_words_may_be_searched_for(northwind: Northwind, words: str) -> None:
    who = client_of(northwind.rita)
    for name in ("automation_list", "resource_list"):
        assert who.get(reverse(name), {"q": words, "after": words, "team": words}).status_code == 200


@pytest.mark.parametrize("words", ["", "?q=script"])
def test_pages_of_a_list_join_without_gaps_or_repeats_also_backwards(company: Company, words: str) -> None:
    drafts(company, [f"Script {number % 60:03}" for number in range(123)], holding=[])  # names repeat: the key decides
    who = client_of(company.people.rita)

    def walk(path: str, way: str) -> list[list[str]]:
        pages = []
        while path:
            context = who.get(path).context
            pages.append([row["pk"] for row in context["rows"]])
            path = getattr(context["pager"], way)
        return pages

    first = reverse("automation_list") + words
    forwards = walk(first, "older_href")
    assert [len(rows) for rows in forwards] == [50, 50, 23]
    order = ("-pk",) if words else ("name", "pk")
    flat = [pk for rows in forwards for pk in rows]
    assert flat == list(Automation.objects.order_by(*order).values_list("pk", flat=True)), "a search: newest first"
    last = who.get(first).context
    for _ in range(2):
        last = who.get(last["pager"].older_href).context
    back = walk(last["pager"].newer_href, "newer_href")
    assert back == [forwards[1], forwards[0]]


def test_a_list_page_costs_the_same_however_many_rows_there_are(company: Company) -> None:
    held, who = entitlements(company), client_of(company.people.rita)
    drafts(company, ["First"], holding=held)
    few = {path: cost(who, path) for path in (reverse("automation_list"), reverse("resource_list"))}
    drafts(company, [f"A script with a name of some length {number}" for number in range(60)], holding=held)
    for number in range(60):
        Resource.objects.create(
            name=f"Resource {number}", kind="data_store", created_at=company.now, team=company.people.finance_ops
        )
    for path, (queries, _) in few.items():
        many, size = cost(who, path)
        assert many == queries, path
        assert many <= 8, path
        assert size <= 60_000, path
        rows = who.get(path, headers={"hx-request": "true", "hx-target": "list"})
        assert len(rows.content) <= (30_000 if path == reverse("automation_list") else 45_000), path


@pytest.mark.full("makes much of everything, to count queries")
@pytest.mark.parametrize("tab", ["overview", "privileges", "versions", "timeline"])
def test_a_detail_page_costs_the_same_however_much_an_automation_holds(company: Company, tab: str) -> None:
    held, who = entitlements(company), client_of(company.people.rita)
    automation = by_hand(company, 0, held[:1])
    by_hand(company, 0, held[:2], again=automation)
    few, _ = cost(who, f"{automation.href}?tab={tab}")
    for number in range(8):
        by_hand(company, number, held * 12, again=automation)
    many, size = cost(who, f"{automation.href}?tab={tab}")
    assert many <= few
    assert many <= 16
    assert size <= 60_000


def test_a_resource_page_costs_the_same_however_much_can_be_held(company: Company) -> None:
    who, resource = client_of(company.people.omar), company.slack
    few, _ = cost(who, resource.href)
    for number in range(60):
        Entitlement.objects.create(resource=resource, code=f"x:{number}", words="Do it", level="write")
    many, size = cost(who, resource.href)
    assert (many, many <= 15, size <= 60_000) == (few, True, True)


@pytest.mark.rule("I8", "S8")
def test_a_resource_goes_from_registered_to_in_use_on_its_pages_by_three_people(company: Company) -> None:
    n = company.people
    typed = {
        "name": "Warehouse",
        "kind": "data_store",
        "data_class": "internal",
        "environment": "production",
        "owner": n.omar.pk,
        "deputy": n.amara.pk,
        "team": n.platform.pk,
    }
    assert client_of(n.rita).get(reverse("resource_new")).status_code == 403
    assert client_of(n.ines).post(reverse("resource_new"), typed | {"deputy": n.omar.pk}).status_code == 422
    assert client_of(n.ines).post(reverse("resource_new"), typed | {"data_class": ""}).status_code == 422
    href = client_of(n.ines).post(reverse("resource_new"), typed)["Location"]
    resource = Resource.objects.get(name="Warehouse")
    assert href == resource.href
    assert "Omar Haddad was named" in lines(client_of(n.ines).get(href))
    assert client_of(n.ines).post(reverse("resource_activate", args=[resource.pk])).status_code == 409
    assert "Accept to own Warehouse" in lines(client_of(n.omar).get(href))
    client_of(n.omar).post(reverse("resource_accept", args=[resource.pk]))
    assert "Activate Warehouse" not in lines(client_of(n.ines).get(href))
    refused = client_of(n.ines).post(reverse("resource_activate", args=[resource.pk]))
    assert (refused.status_code, "SOD-8" in lines(refused)) == (403, True)
    assert "Activate Warehouse" in lines(client_of(n.karl).get(href))
    client_of(n.karl).post(reverse("resource_activate", args=[resource.pk]))
    assert Resource.objects.get(pk=resource.pk).state == "active"


@pytest.mark.rule("I3")
def test_a_resource_in_use_without_a_class_asks_for_one_on_its_page(company: Company) -> None:
    given(company.slack, data_class="")
    shown = lines(client_of(company.people.omar).get(company.slack.href))
    assert "Its data class is not set." in shown
    assert "Everything on it counts as restricted" in shown


@pytest.mark.rule("S8", "I4")
def test_owner_raises_resource_and_adds_entitlements_keeping_input(company: Company) -> None:
    omar, resource = client_of(company.people.omar), company.slack
    typed = {
        "name": resource.name,
        "kind": resource.kind,
        "data_class": "public",
        "environment": "production",
        "about": "Ours.",
    }
    lowered = omar.post(reverse("resource_amend", args=[resource.pk]), typed)
    assert (lowered.status_code, "Ours." in lines(lowered)) == (422, True)
    assert (
        omar.post(reverse("resource_amend", args=[resource.pk]), typed | {"data_class": "restricted"}).status_code
        == 302
    )
    held = {"code": "files:write", "words": "Upload files", "level": "write", "scope_kind": "set"}
    path = reverse("resource_entitlement", args=[resource.pk])
    assert omar.post(path, held).status_code == 302
    again_ = omar.post(path, held)
    assert (again_.status_code, "in the register already" in lines(again_)) == (422, True)
    assert client_of(company.people.rita).get(path).status_code in (403, 404)


@pytest.mark.rule("I8")
def test_unnamed_resource_is_in_no_list(company: Company) -> None:
    scenarios.brought_in(company, "price-list-sync.json")
    shown = lines(client_of(company.people.ines).get(reverse("resource_list")))
    assert "not known which" not in shown
    vague = Resource.objects.get(unresolved=True)
    assert "It can have no owner." in lines(client_of(company.people.ines).get(vague.href))
