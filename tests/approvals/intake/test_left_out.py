"""What a builder leaves out of an import: it stays visible, gets no approval and no grant, and shortens the route (A1, A2, I8)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.rows import Preview
from approvals.intake.preview.shorter import read_only_route, shorter_route
from approvals.models import Submission
from approvals.review.tier_reasons import group_reasons
from governance.core.models import LedgerEvent
from inventory.models import ImportItem
from tests.approvals import stock_report
from tests.approvals.intake import builder
from tests.approvals.intake.builder import ONBOARDING, STOCK, Build
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def read(c: Company, item: ImportItem) -> Preview:
    """The preview as saved."""
    item.refresh_from_db()
    return previews.load_preview(
        item, actor=as_actor(c.people.rita), now=c.now, team=c.people.finance_ops, draft=Draft.load(item)
    )


def key_of(preview: Preview, words: str) -> str:
    """The row key of the privilege that says these words."""
    return next(row.key for row in preview.wanted if words in row.sentence)


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.rule("A12")
@pytest.mark.starting_point("stock_in_force")
def test_held_privilege_cannot_be_left_out(company: Company, stock_in_force: Submission, rita: Build) -> None:
    item = rita.import_item(STOCK, stock_report.source(stock_report.one_more_channel))
    key = key_of(read(company, item), "supply-stock")
    rita.post(item, {f"leave-{key}": "on"})
    preview = read(company, item)
    row = next(row for row in preview.wanted if row.key == key)
    assert (row.may_leave, row.request.is_left_out, row.asked_of) == (False, False, "Held already")
    assert not preview.context.changes.ending


@pytest.mark.rule("I8")
def test_unnamed_connection_blocks_unless_its_privileges_are_left_out(company: Company, rita: Build) -> None:
    builder.connect(company, STOCK)
    item = rita.import_item(builder.PRICES)
    page = rita.see(item)
    assert "a fixed address in its source" in page
    for row in read(company, item).wanted:
        if row.is_at_run_time:
            rita.post(item, {f"leave-{row.key}": "on"})
    assert "a fixed address in its source" not in rita.see(item)


# --- what is left out -----------------------------------------------------------------------------------------------


@pytest.mark.rule("A1", "A2", "A5")
def test_left_out_privilege_and_its_credential_get_no_approval(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    key = key_of(read(connected, item), "Post messages")
    rita.post(item, rita.typed(item, connected.people.jonas) | {f"leave-{key}": "on"})
    page = rita.see(item)
    assert "1 privilege, 1 credential, 2 not requested" in page
    assert page.count(">Not requested<") == 2  # the privilege, and the credential that nothing else uses
    rita.post(item, rita.typed(item, connected.people.jonas), do="submit")
    made = Submission.objects.get()
    assert [a.privilege.sentence for a in made.approvals.filter(kind="privilege")] == [
        "Read scm.stock in ERP Postgres (production)"
    ]
    assert made.approvals.filter(kind="credential").count() == 1
    assert made.version.privileges.count() == 2, "the version stays what the source is"
    (event,) = LedgerEvent.objects.filter(verb="submission.submitted", outcome="done")
    assert event.payload["not_requested"] == 2
    review = rita.client.get(reverse("review", args=[made.pk])).content.decode()
    assert "Not requested" in review
    assert "Post messages to supply-stock" in review
    assert not [held for held in made.held["things"] if held["key"].endswith(key)]


@pytest.mark.rule("T2")
def test_tier_reason_of_left_out_privilege_says_that_it_is_not_requested(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    key = key_of(read(connected, item), "Post messages")
    words = "Not requested, but the export contains it."
    said = f"Finance Slack workspace: It changes things on internal data. {words}"
    assert words not in rita.see(item)
    rita.post(item, rita.typed(item, connected.people.jonas) | {f"leave-{key}": "on"})
    assert said in rita.see(item)
    rita.post(item, rita.typed(item, connected.people.jonas), do="submit")
    review = rita.client.get(reverse("review", args=[Submission.objects.get().pk])).content.decode()
    assert review.count(words) == 1
    assert said in review


@pytest.mark.rule("T1")
def test_credential_says_that_the_use_which_sets_its_tier_is_not_requested(company: Company, rita: Build) -> None:
    builder.connect(company, ONBOARDING, otherwise=company.model)
    item = rita.import_item(ONBOARDING)
    key = key_of(read(company, item), "Add rows to scm.suppliers")
    rita.post(item, rita.typed(item, company.people.jonas) | {f"leave-{key}": "on"}, do="submit")
    made = Submission.objects.get()
    credential = made.approvals.get(credential__opens=company.erp)
    page = rita.client.get(reverse("review", args=[made.pk]) + f"?open={credential.pk}").content.decode()
    said = "Add rows to scm.suppliers in ERP Postgres (production). Not requested, but the export contains it."
    assert f"It is used for something high: {said}" in page


@pytest.mark.rule("T2")
def test_requested_privileges_come_first_in_the_reasons_of_a_tier() -> None:
    reasons = ["Receive requests: It touches restricted data.", "Read rows: It touches restricted data.", "A chain."]
    remarks = group_reasons(reasons, ["Receive requests", "Read rows"], ["Receive requests"])
    assert [remark.text for remark in remarks] == [
        "Read rows: It touches restricted data.",
        "A chain.",
        "Receive requests: It touches restricted data. Not requested, but the export contains it.",
    ]


@pytest.mark.rule("A8", "A14")
def test_restored_privilege_is_asked_by_a_new_submission(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    key = key_of(read(connected, item), "Post messages")
    rita.post(item, rita.typed(item, connected.people.jonas) | {f"leave-{key}": "on"}, do="submit")
    first = Submission.objects.get()
    again = rita.import_item()
    assert not read(connected, again).is_repeat
    rita.post(again, rita.typed(again, connected.people.jonas), do="submit")
    second = Submission.objects.exclude(pk=first.pk).get()
    assert second.continues_id == first.pk
    assert second.approvals.filter(kind="privilege").count() == 2


@pytest.mark.rule("A1")
def test_connection_without_a_requested_privilege_asks_for_nothing(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    key = key_of(read(connected, item), "Post messages")
    assert "Reason for all 2</span>" in rita.see(item), "the privilege and its credential"
    panel = rita.panel(item, rita.typed(item, connected.people.jonas) | {f"leave-{key}": "on"}).content.decode()
    (folded,) = re.findall(r'<div id="group-\w+" class="connection-name" data-left[^>]*>.*?</div>', panel, re.DOTALL)
    assert f"<h3>{connected.slack.name}</h3>" in folded
    assert "Not requested, 2 rows" in folded
    assert "Give a reason for" not in panel
    restored = rita.panel(item, {f"leave-{key}": ""}).content.decode()
    assert "data-left" not in restored
    assert restored.count("Reason for all 2</span>") == 2


def test_number_of_a_reason_follows_what_is_left(connected: Company, rita: Build) -> None:
    item = rita.import_item(STOCK, builder.with_privileges(4))
    assert "Reason for all 4</span>" in rita.see(item)
    key = key_of(read(connected, item), "Post messages")
    panel = rita.panel(item, {f"leave-{key}": "on"}).content.decode()
    assert re.search(r'<span id="all-\w+" hx-swap-oob="true">Reason for all 3</span>', panel)


# --- reasons --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("A1")
def test_one_reason_stands_for_a_connection_unless_a_row_has_its_own(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    page = rita.see(item)
    slack, erp = (
        re.search(rf'name="reason-(\w+)"[^>]*>(?:(?!<section).)*?{words}', page, re.DOTALL)[1]  # type: ignore[index]
        for words in ("supply-stock", "scm.stock")
    )
    assert "Give a reason for" in page
    data = rita.typed(item, connected.people.jonas)
    data |= {name: "" for name in data if name.startswith("why-")}
    own = f"why-{key_of(read(connected, item), 'Post messages')}"
    data |= {f"reason-{slack}": "Tells the buyers.", own: "Buyers plan by it."}
    assert rita.post(item, data, do="submit").status_code == 422
    answer = rita.post(item, data, do=f"spread:{slack}")
    assert answer["Location"].endswith(f"#reason-{slack}")
    item.refresh_from_db()
    assert item.draft["reasons"][erp] == "Tells the buyers."
    data[f"reason-{erp}"] = "Tells the buyers."
    rita.post(item, data, do="submit")
    texts = Submission.objects.get().approvals.filter(stage=2).values_list("justification__text", flat=True)
    assert sorted(texts) == ["Buyers plan by it.", *["Tells the buyers."] * 3]


def test_one_term_stands_for_all_rows(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    rita.post(item, {"term": "60"})
    assert {row.request.term_days for row in read(connected, item).asked_rows} == {60}
    assert rita.post(item, {"term": ""}).status_code == 302
    assert {row.request.term_days for row in read(connected, item).asked_rows} == {180}


# --- the shorter route ----------------------------------------------------------------------------------------------


@pytest.mark.rule("A1", "A9")
def test_preview_offers_the_change_that_spares_a_person_a_decision(company: Company, rita: Build) -> None:
    builder.connect(company, ONBOARDING, otherwise=company.model)
    item = rita.import_item(ONBOARDING)
    rita.post(item, rita.typed(item, company.people.jonas))
    preview = read(company, item)
    shorter = shorter_route(preview)
    assert shorter is not None
    people = {person for row in preview.asked_rows for seat in row.seats for person in seat.may_decide}
    assert "A shorter route:" in rita.see(item)
    answer = rita.post(item, {}, do=f"leave:{','.join(shorter.keys)}")
    assert answer["Location"].endswith("#route")
    less = read(company, item)
    assert {person for row in less.asked_rows for seat in row.seats for person in seat.may_decide} < people
    assert {row.key for row in less.wanted if row.request.is_left_out} >= set(shorter.keys)


@pytest.mark.rule("T1", "A9")
def test_preview_offers_to_make_a_write_read_only_and_the_changed_source_has_that_route(
    connected: Company, rita: Build
) -> None:
    def writes(export: dict[str, Any]) -> None:
        table = {"__rl": True, "value": "stock", "mode": "name"}
        values = {"mappingMode": "autoMapInputData", "value": {}}
        export |= {"id": "stockWriter0001"}
        stock_report.node(export, ".postgres")["parameters"] |= {
            "operation": "insert",
            "table": table,
            "columns": values,
        }

    item = rita.import_item(STOCK, stock_report.source(writes))
    rita.post(item, rita.typed(item, connected.people.jonas))
    preview = read(connected, item)
    offer = read_only_route(preview)
    assert offer is not None
    assert offer.effect == "Omar Haddad alone decides stage 2"
    page = rita.see(item)
    assert f"A shorter route:</b> {offer.change}, and Omar Haddad alone decides stage 2. Change “" in page
    assert {row.requested.tier for row in preview.asked_rows} == {"high", "standard"}, "an offer changes no tier"
    changed = read(connected, rita.import_item())
    assert read_only_route(changed) is None, "nothing of it writes confidential data"
    assert {person.name for row in changed.asked_rows for seat in row.seats for person in seat.may_decide} >= {
        "Omar Haddad"
    }


@pytest.mark.rule("T1")
def test_reading_restricted_data_is_high_risk_too_so_it_is_no_offer(company: Company, rita: Build) -> None:
    builder.connect(company, ONBOARDING)
    item = rita.import_item(ONBOARDING)
    assert read_only_route(read(company, item)) is None


def test_no_shorter_route_if_one_person_decides_all(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    rita.post(item, rita.typed(item, connected.people.jonas))
    assert shorter_route(read(connected, item)) is None


# --- what is proposed -----------------------------------------------------------------------------------------------


@pytest.mark.rule("I8")
def test_page_proposes_the_resource_that_other_connections_of_a_connector_open(company: Company, rita: Build) -> None:
    builder.connect(company, STOCK)
    item = rita.import_item(STOCK, builder.of_its_own(STOCK, "other"))
    page = rita.see(item)
    assert page.count("You propose this connection; its owner confirms it with the first decision.") == 2
    key = next(name for name in rita.fields(item) if name.startswith("bind-"))
    rita.post(item, {key: ""})
    assert rita.see(item).count("You propose this connection") == 1, "none is a choice of the builder's too"


@pytest.mark.rule("I1")
def test_owner_of_the_teams_newest_automation_is_proposed(
    company: Company, stock_submitted: Submission, rita: Build
) -> None:
    item = rita.import_item(ONBOARDING)
    page = rita.client.get(reverse("import_preview", args=[item.pk]))
    assert page.context["preview"].draft.fields["business_owner"] == company.people.jonas.pk
    assert "name a business owner" not in page.content.decode().lower()


@pytest.mark.rule("I7")
def test_rest_that_cannot_be_submitted_leaves_nothing_out(company: Company, rita: Build) -> None:
    item = rita.import_item(STOCK)
    first = read(company, item).wanted[0].key
    assert rita.post(item, {}, do=f"without:{first}").status_code == 422
    item.refresh_from_db()
    assert not Draft.load(item).left_out
