"""From a preview to a submission: missing parts are named beside the field or on the page, and the version is saved (A1, A2, A9, I8)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Approval, Submission
from governance.core.models import LedgerEvent
from inventory.importers.manifest import binding_key
from inventory.imports import resolution
from inventory.imports.transitions import confirmation
from inventory.imports.transitions import previews as transition_previews
from inventory.models import Automation, Binding, ImportItem, ImportState, Resource, Version
from inventory.resources.transitions import bindings, resources
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake import builder
from tests.approvals.intake.builder import ONBOARDING, PRICES, STOCK, Build
from tests.people import as_actor
from tests.scenarios import EXPORTS, Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def nothing_submitted() -> bool:
    """Whether there is neither a submission nor a version."""
    return not Submission.objects.exists() and not Version.objects.exists()


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.rule("A1")
def test_missing_reason_is_shown_beside_field_and_nothing_is_stored(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    data = rita.typed(item, connected.people.jonas)
    empty = next(name for name in data if name.startswith("why-"))
    answer = rita.post(item, data | {empty: "   "}, do="submit")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(r'aria-describedby="reason-[0-9a-f]{12}-error"', page)
    assert page.count("Give a reason, in one sentence.") == 1
    assert page.count("It is needed for the report.") == 3
    assert nothing_submitted()


@pytest.mark.rule("I1")
@pytest.mark.parametrize(
    ("field", "words"),
    [("purpose", "Say what it is for, in a sentence or two."), ("business_owner", "Name who is accountable for it.")],
)
def test_purpose_and_business_owner_are_needed(connected: Company, rita: Build, field: str, words: str) -> None:
    item = rita.import_item()
    answer = rita.post(item, rita.typed(item, connected.people.jonas, **{field: ""}), do="submit")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert f'aria-describedby="id_{field}_' in page
    assert nothing_submitted()


@pytest.mark.parametrize("field", ["business_owner", "technical_owner"])
def test_foreign_owner_is_refused_beside_field_on_record(connected: Company, rita: Build, field: str) -> None:
    item, tom = rita.import_item(), connected.people.tom
    typed = rita.typed(item, connected.people.jonas, **{field: tom.pk, "escalation_contact": "#reports"})
    answer = rita.post(item, typed, do="submit")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Tom Ashby belongs neither to Finance Operations nor to a team above or below it" in page
    assert f'aria-describedby="id_{field}_' in page
    assert "#reports" in page, "nothing typed is lost"
    assert nothing_submitted()
    assert LedgerEvent.objects.get(verb="version.imported", outcome="refused").code == "I1"


@pytest.mark.rule("I1")
def test_the_form_offers_people_of_the_side_alone(connected: Company, rita: Build) -> None:
    offered = rita.see(rita.import_item()).partition('id="id_business_owner"')[2].partition("</select>")[0]
    assert [name for name in ("Jonas Weil", "Theo Brandt", "Ines Moreau") if name in offered] == [
        "Jonas Weil",
        "Theo Brandt",
        "Ines Moreau",
    ], "of the team, and of the team above"
    assert not [name for name in ("Tom Ashby", "Omar Haddad", "Sana Iqbal") if name in offered]


@pytest.mark.rule("I1")
def test_high_risk_is_not_submitted_with_one_owner(company: Company, rita: Build) -> None:
    builder.connect(company, ONBOARDING)
    item = rita.import_item(ONBOARDING)
    data = rita.typed(item, company.people.jonas, technical_owner=company.people.jonas.pk)
    answer = rita.post(item, data, do="submit")
    assert answer.status_code == 422
    assert "High risk needs a second person" in answer.content.decode()
    assert nothing_submitted()


@pytest.mark.rule("I8")
def test_unnamed_connection_is_asked_for(company: Company, rita: Build) -> None:
    item = rita.import_item()
    answer = rita.post(item, rita.typed(item, company.people.jonas), do="submit")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert page.count("Choose the resource that it opens.") == 2
    assert nothing_submitted()
    assert not Binding.objects.exists()


def unowned_chat(c: Company) -> tuple[Resource, ImportItem]:
    """The database of the stock report is known; where it posts to is a resource that Rita proposed and nobody owns."""
    connector, instance = stock_report.CONNECTIONS[c.erp.name]
    bindings.bind_connection(c.erp, actor=as_actor(c.people.omar), now=c.now, connector=connector, instance=instance)
    fields = {"name": "Stock chat", "kind": "saas_connector", "data_class": "internal"}
    rita = as_actor(c.people.rita)
    chat = resources.propose_resource(c.people.finance_ops, actor=rita, now=c.now, fields=fields)
    return chat, transition_previews.preview(
        [(STOCK, (EXPORTS / STOCK).read_bytes())], actor=rita, now=c.now
    ).items.get()


@pytest.mark.rule("I8")
@starting_point("company", unowned_chat)
def test_unowned_resource_delays_submission_until_accepted(
    company: Company, start: tuple[Resource, ImportItem], rita: Build
) -> None:
    c, n = company, company.people
    chat, item = start
    typed = {"bind": chat.pk, "why-": "It is needed for the report."}
    rows = {name: typed[name[:4]] for name in rita.fields(item) if name[:4] in typed}
    fields = {"purpose": "Tells buyers what runs low.", "environment": "production"}
    data = {**fields, **rows, "business_owner": n.jonas.pk, "technical_owner": n.rita.pk}
    answer = rita.client.post(reverse("import_preview", args=[item.pk]), {**data, "do": "submit"}, follow=True)
    page = answer.content.decode()
    assert "Version 1 is saved, and not submitted yet." in page
    assert "Wait for an admin to name an owner of Stock chat" in page
    assert "It is needed for the report." in page
    assert Version.objects.count() == 1
    assert not Submission.objects.exists()
    later = ImportItem.objects.get(progress=ImportState.PREVIEW)
    assert later.version == Version.objects.get()

    again = rita.client.post(reverse("import_preview", args=[later.pk]), {**data, "do": "submit"}, follow=True)
    assert "It is saved, and still" in again.content.decode()
    assert ImportItem.objects.count() == 2, "trying again without a change leaves nothing new behind"

    resources.name_owner(chat, actor=as_actor(n.ines), now=c.now, owner=n.omar, deputy=n.amara)
    resources.accept_ownership(chat, actor=as_actor(n.omar), now=c.now)
    resources.activate(chat, actor=as_actor(n.karl), now=c.now)
    answer = rita.client.post(reverse("import_preview", args=[later.pk]), {**data, "do": "submit"})
    made = Submission.objects.get()
    assert answer["Location"] == reverse("review", args=[made.pk])
    assert made.version.number == 1
    assert Automation.objects.count() == 1


@pytest.mark.rule("I8")
def test_dynamic_target_is_saved_but_not_submitted(company: Company, rita: Build) -> None:
    builder.connect(company, PRICES)
    item = rita.import_item(PRICES)
    bind = {name: company.drive.pk for name in rita.fields(item) if name.startswith("bind-")}
    data = rita.typed(item, company.people.jonas) | bind
    answer = rita.client.post(reverse("import_preview", args=[item.pk]), {**data, "do": "submit"}, follow=True)
    page = answer.content.decode()
    assert "Version 1 is saved, and not submitted yet." in page
    assert "Give “Write price” a fixed address in its source" in page
    assert Version.objects.count() == 1
    assert not Submission.objects.exists()


@pytest.mark.rule("A9")
def test_shortage_of_people_saves_version_and_is_shown(connected: Company, rita: Build) -> None:
    people = connected.people
    item = rita.import_item()
    for person in (people.omar, people.amara, people.bram, people.sana, people.viktor):
        person.is_active = False
        person.save()
    data = rita.typed(item, people.jonas)
    answer = rita.client.post(reverse("import_preview", args=[item.pk]), {**data, "do": "submit"}, follow=True)
    page = answer.content.decode()
    assert "is saved, and not submitted yet." in page
    assert not Submission.objects.exists()
    assert Version.objects.count() == 1


def test_former_team_member_does_not_submit(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    data = rita.typed(item, connected.people.jonas)
    connected.people.finance_ops.memberships.filter(person=rita.person).delete()
    connected.people.marketing.memberships.create(person=rita.person)
    assert rita.post(item, data | {"team": connected.people.finance_ops.pk}, do="submit").status_code == 404
    assert nothing_submitted()


# --- what goes through ----------------------------------------------------------------------------------------------


@pytest.mark.rule("A1", "A2", "S1")
def test_preview_becomes_version_and_submission_with_input(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    data = rita.typed(item, connected.people.jonas, escalation_contact="#stock")
    why = [name for name in data if name.startswith("why-")]
    data |= {name: f"Reason {index}." for index, name in enumerate(why)} | {why[0].replace("why-", "term-"): "30"}
    answer = rita.post(item, data, do="submit")
    made = Submission.objects.get()
    assert answer["Location"] == reverse("review", args=[made.pk])
    automation = made.automation
    assert (automation.purpose, automation.escalation_contact) == ("Tells buyers what runs low.", "#stock")
    assert (automation.business_owner, automation.technical_owner) == (connected.people.jonas, rita.person)
    records = made.approvals.filter(stage=2).select_related("justification").order_by("pk")
    assert {record.justification.text for record in records} == {f"Reason {index}." for index in range(4)}
    assert sorted(records.values_list("term_days", flat=True)) == [30, 180, 180, 180]
    parties = set(made.parties.values_list("person__name", "capacity"))
    assert {("Rita Novak", "submitter"), ("Rita Novak", "importer"), ("Jonas Weil", "business_owner")} <= parties
    done = LedgerEvent.objects.filter(outcome="done").values_list("verb", flat=True)
    assert {"version.imported", "submission.submitted"} <= set(done)


@pytest.mark.rule("I7", "A8")
def test_submit_pressed_twice_submits_once_and_leads_to_the_review(connected: Company, rita: Build) -> None:
    item = rita.import_item()
    data = rita.typed(item, connected.people.jonas)
    rita.post(item, data, do="submit")
    again = rita.post(item, data, do="submit")
    made = Submission.objects.get()
    assert again["Location"] == reverse("review", args=[made.pk])
    seen = rita.client.get(reverse("import_preview", args=[item.pk]))
    assert seen["Location"] == reverse("review", args=[made.pk])
    assert rita.panel(item, {"purpose": "Too late."}).status_code == 204


@pytest.mark.rule("A12", "A14")
def test_newer_version_asks_only_about_news(company: Company, stock_in_force: Submission, rita: Build) -> None:
    before = stock_in_force
    item = rita.import_item(STOCK, stock_report.source(stock_report.one_more_channel))
    page = rita.see(item)
    kept = {"purpose": before.automation.purpose, "business_owner": company.people.jonas.pk}
    data = rita.typed(item, company.people.jonas) | kept
    assert "Post messages to buyers" in page
    rita.post(item, data, do="submit")
    made = Submission.objects.exclude(pk=before.pk).get()
    assert made.version.number == 2
    assert made.approvals.filter(stage=1).count() == 0
    assert [record.privilege.target_name for record in made.approvals.filter(stage=2)] == ["buyers"]


@pytest.mark.rule("A2")
def test_the_route_before_is_the_route_after(connected: Company, rita: Build) -> None:
    from approvals.assignment.context import load_context
    from approvals.intake.drafts import Draft
    from approvals.intake.preview import queries as previews

    item = rita.import_item()
    rita.post(item, rita.typed(item, connected.people.jonas))
    item.refresh_from_db()
    preview = previews.load_preview(
        item, actor=as_actor(rita.person), now=connected.now, team=connected.people.finance_ops, draft=Draft.load(item)
    )
    before: dict[str, Any] = {
        str(row.requested.privilege or row.requested.credential): [
            [p.pk for p in seat.may_decide] for seat in row.seats
        ]
        for row in preview.asked_rows
    }
    before["app"] = [[person.pk for person in seat.may_decide] for seat in preview.app_seats]
    rita.post(item, rita.typed(item, connected.people.jonas), do="submit")
    made = Submission.objects.get()
    route = load_context(made, connected.now).route

    def name(record: Approval) -> str:
        return "app" if record.stage == 1 else str(record.privilege or record.credential)

    after = {
        name(record): [[person.pk for person in seat.may_decide] for seat in route.standing(record)]
        for record in made.approvals.all()
    }
    assert before == after


AGENT = "repo-triage-agent.mcp.json"


def filled_in(c: Company, rita: Build, item: ImportItem) -> dict[str, Any]:
    """The form of the agent's preview, its connections said to open GitHub."""
    opens = {field: c.github.pk for field in rita.fields(item) if field.startswith("bind-")}
    rita.post(item, opens)
    return rita.typed(item, c.people.jonas) | opens


def without_id(c: Company) -> ImportItem:
    """The agent, whose source has no id, submitted by Rita."""
    n, rita = c.people, as_actor(c.people.rita)
    item = transition_previews.preview([(AGENT, (EXPORTS / AGENT).read_bytes())], actor=rita, now=c.now).items.get()
    opens = {
        resolution.binding_name(binding_key(privilege)): c.github for privilege in builder.manifest_of(item).privileges
    }
    fields = {"business_owner": n.jonas, "technical_owner": n.rita, "purpose": "Tells buyers what runs low."}
    version = confirmation.confirm_import(n.finance_ops, actor=rita, now=c.now, item=item, fields=fields, chosen=opens)
    scenarios.submitted(c, version)
    return item


@pytest.mark.rule("I1", "I7")
def test_source_without_id_and_candidates_is_new(rita: Build) -> None:
    assert 'name="automation"' not in rita.see(rita.import_item(AGENT))


WITHOUT_ID = starting_point("company", without_id)


@pytest.mark.rule("I1", "I7")
@WITHOUT_ID
def test_the_same_source_without_an_id_is_found(company: Company, rita: Build) -> None:
    assert "Nothing changed." in rita.see(rita.import_item(AGENT))


@pytest.mark.rule("I1", "I7")
@WITHOUT_ID
def test_source_without_id_becomes_version_by_builders_choice(company: Company, start: ImportItem, rita: Build) -> None:
    content, first = (EXPORTS / AGENT).read_bytes(), start
    made = Submission.objects.get().automation
    changed = rita.import_item(AGENT, content.replace(b"--read-only", b"--read-write"))
    assert changed.manifest["source"]["content"] != first.manifest["source"]["content"]
    page = rita.see(changed)
    assert "Is a new version of" in page
    assert "Since it came in before" not in page, "a changed source without an id is matched by nobody's guess"
    rita.post(changed, {"automation": made.pk})
    assert "Since it came in before" in rita.see(changed)
    assert rita.post(changed, {"automation": "999999"}).status_code == 404
    rita.post(changed, filled_in(company, rita, changed) | {"automation": made.pk}, do="submit")
    assert Automation.objects.count() == 1
    assert sorted(Version.objects.values_list("number", flat=True)) == [1, 2]
