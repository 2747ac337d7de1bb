"""Environments of one automation share a lineage; what goes up is decided there anew, filled in from below, with a diff (I10)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from approvals.intake import promotion
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as previews
from approvals.intake.preview.missing import OF_AUTOMATION, missing_answers
from approvals.models import Submission, SubmissionKind
from approvals.models.submission import Capacity
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.models import Person
from inventory.automations import lineages
from inventory.automations.transitions import lifecycle
from inventory.imports.transitions import confirmation
from inventory.imports.transitions import previews as transition_previews
from inventory.models import Automation, ImportItem, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.api.programs import Program
from tests.approvals.intake.builder import Build, connect
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I10")]


def in_test(c: Company, edit: Callable[[dict[str, Any]], None] | None = None) -> Submission:
    """The stock report in force in test."""
    connect(c, stock_report.EXPORT)
    return stock_report.in_force(c, edit, environment="test")


IN_TEST = starting_point("company", in_test)


def promoted(c: Company) -> Submission:
    """The same in force in production too."""
    return scenarios.decide_all(c, stock_report.submitted(c))


def item_of(
    c: Company, edit: Callable[[dict[str, Any]], None] | None = None, *, by: Person | None = None
) -> ImportItem:
    """The stock report brought in once more."""
    files = [(stock_report.EXPORT, stock_report.source(edit))]
    return transition_previews.preview(files, actor=as_actor(by or c.people.rita), now=c.now).items.get()


def read(c: Company, item: ImportItem, by: Person | None = None, **draft: Any) -> previews.Preview:
    """The preview, with a draft instead of the stored one."""
    changed = replace(Draft.load(item), **draft)
    return previews.load_preview(
        item, actor=as_actor(by or c.people.rita), now=c.now, team=c.people.finance_ops, draft=changed
    )


def without_id(export: dict[str, Any]) -> None:
    """An edit: the source says not which automation it is."""
    del export["id"]


def elsewhere(export: dict[str, Any]) -> None:
    """An edit: as another installation of the platform exports it."""
    export["id"] = "exportedFromProduction"
    export["meta"] = {**export.get("meta", {}), "instanceId": "f" * 64}


# --- refused ----------------------------------------------------------------------------------------------------------------


@IN_TEST
def test_test_approval_does_not_allow_production(company: Company, start: Submission) -> None:
    below = start
    above = stock_report.version(company)
    assert above.automation != below.automation
    assert above.automation.approved_version is None
    assert not above.automation.grants.exists()


def test_foreign_automation_cannot_be_promoted(company: Company) -> None:
    below = stock_report.version(company, without_id, environment="test")
    n = company.people
    assert lineages.chosen_sibling(n.platform, below.automation_id, "production") is None
    item = transition_previews.preview(
        [(stock_report.EXPORT, stock_report.source(elsewhere))], actor=as_actor(n.omar), now=company.now
    ).items.get()
    with pytest.raises(InvalidInput) as caught:
        confirmation.confirm_import(
            n.platform,
            actor=as_actor(n.omar),
            now=company.now,
            item=item,
            fields={"business_owner": n.omar},
            sibling=below.automation,
        )
    assert caught.value.refusal.code == "I10"
    assert Automation.objects.count() == 1


@IN_TEST
def test_an_environment_holds_one_of_a_lineage(company: Company) -> None:
    stock_report.version(company)
    other = stock_report.version(company, elsewhere)
    below = Automation.objects.get(environment="test")
    assert other.automation.lineage != below.lineage
    with pytest.raises(IntegrityError, match="automation_one_per_environment"), transaction.atomic():
        Automation.objects.filter(pk=other.automation_id).update(lineage=below.lineage)


@IN_TEST
def test_existing_environment_is_not_offered_for_promotion(company: Company, start: Submission) -> None:
    below = start.automation
    stock_report.version(company)
    item = item_of(company, elsewhere)
    assert below not in lineages.sibling_choices(company.people.finance_ops, "production")
    preview = read(company, item, sibling=below.pk)
    assert preview.sibling is None
    assert OF_AUTOMATION["sibling"] in missing_answers(preview)


@IN_TEST
def test_builder_in_test_is_party_in_production(company: Company) -> None:
    n = company.people
    above = scenarios.brought_in(company, stock_report.EXPORT, by=n.jonas, content=stock_report.source())
    made = scenarios.submitted(company, above, by=n.jonas)
    parties = set(made.parties.values_list("person", "capacity"))
    assert {(n.rita.pk, Capacity.IMPORTER), (n.rita.pk, Capacity.SUBMITTER)} <= parties
    assert (n.jonas.pk, Capacity.SUBMITTER) in parties


@pytest.mark.parametrize("who", ["omar", "nadia", "karl"])
@IN_TEST
def test_only_builders_side_promotes(company: Company, who: str, start: Submission) -> None:
    below = start.automation
    person = getattr(company.people, who)
    with pytest.raises(Refused, match=r"^PERMISSION: "):
        promotion.begin_promotion(below, "production", actor=as_actor(person), now=company.now)
    assert not ImportItem.objects.filter(batch__by=person).exists()


@pytest.mark.parametrize("to", ["test", "development", "", "moon"])
@IN_TEST
def test_promotion_goes_upwards_only(company: Company, to: str, start: Submission) -> None:
    below = start.automation
    with pytest.raises(InvalidInput) as caught:
        promotion.begin_promotion(below, to, actor=as_actor(company.people.rita), now=company.now)
    assert caught.value.refusal.code == "I10"


def test_production_is_promoted_nowhere(company: Company, stock_in_force: Submission) -> None:
    refusal = promotion.promotion_refusal(
        stock_in_force.automation, actor=as_actor(company.people.rita), now=company.now
    )
    assert refusal == promotion.NOWHERE


@IN_TEST
def test_source_of_promotion_is_frozen(company: Company) -> None:
    made = stock_report.submitted(company)
    assert made.promoted_from is not None
    with pytest.raises(IntegrityError, match="A1"), transaction.atomic():
        Submission.objects.filter(pk=made.pk).update(promoted_from=None)


# --- promoted ---------------------------------------------------------------------------------------------------------------


@IN_TEST
def test_the_same_id_in_another_environment_is_of_the_lineage(company: Company, start: Submission) -> None:
    below = start
    made = stock_report.submitted(company)
    assert made.automation.lineage == below.automation.lineage
    assert (made.kind, made.promoted_from) == (SubmissionKind.PROMOTION, below.version)


@IN_TEST
def test_a_promotion_is_filled_in_from_below(company: Company, start: Submission) -> None:
    below = start
    preview = read(company, item_of(company))
    assert preview.content.registered is None
    assert (preview.sibling, preview.context.promoted_from) == (below.automation, below.version)
    assert preview.content.automation.purpose == below.automation.purpose
    assert preview.content.automation.business_owner == below.automation.business_owner
    reasons = {row.why for row in preview.asked_rows if row.requested.privilege is not None}
    assert reasons == {"It is needed for the reminder."}
    assert all(row.is_justified for row in preview.asked_rows)


@IN_TEST
def test_the_same_on_another_resource_is_one_change_and_no_loss(company: Company) -> None:

    def on_another(export: dict[str, Any]) -> None:
        used = stock_report.node(export, ".postgres")["credentials"]["postgres"]
        used |= {"id": "productionErp", "name": "ERP production"}

    item = item_of(company, on_another)
    reads = next(row for row in read(company, item).wanted if not row.is_named)
    preview = read(company, item, chosen={reads.connection: company.model.pk})
    drift = previews.drift(preview)
    assert drift is not None
    assert not drift.added
    assert not drift.removed
    (change,) = drift.changed
    rows = {label: (before, after) for label, before, after in change.rows}
    assert rows["Resource"] == (company.erp.name, company.model.name)
    assert set(rows) <= {"Resource", "Data class", "Connection", "Credential"}


@IN_TEST
def test_additional_access_in_production_is_shown_as_added(company: Company) -> None:
    preview = read(company, item_of(company, stock_report.one_more_channel))
    drift = previews.drift(preview)
    assert drift is not None
    assert [privilege.target_name for privilege in drift.added] == ["buyers"]
    assert not drift.changed


def test_source_without_id_is_promoted_by_builders_choice(company: Company) -> None:
    below = stock_report.version(company, without_id, environment="test").automation
    item = item_of(company, elsewhere)
    assert read(company, item).sibling is None
    assert read(company, item, sibling=below.pk).sibling == below
    n = company.people
    made = confirmation.confirm_import(
        n.finance_ops,
        actor=as_actor(n.rita),
        now=company.now,
        item=item,
        fields={"business_owner": n.jonas},
        sibling=below,
    )
    assert isinstance(made, Version)
    assert made.automation.lineage == below.lineage


def test_identical_source_is_offered_first_and_can_be_new(company: Company) -> None:
    below = stock_report.version(company, without_id, environment="test").automation
    item = item_of(company, without_id)
    assert read(company, item).sibling == below
    assert read(company, item, sibling=0).sibling is None


@starting_point(IN_TEST, promoted)
def test_a_newer_version_from_test_is_a_promotion_too_and_one_of_its_own_is_a_change(company: Company) -> None:
    stock_report.version(company, stock_report.another_order, environment="test")
    newer = stock_report.submitted(company, stock_report.another_order)
    assert newer.kind == SubmissionKind.PROMOTION
    assert newer.promoted_from == Version.objects.get(automation__environment="test", number=2)
    change = stock_report.submitted(company, stock_report.another_threshold)
    assert (change.kind, change.promoted_from) == (SubmissionKind.CHANGE, None)


@pytest.mark.rule("A8")
@IN_TEST
def test_two_presses_are_one_preview(company: Company, start: Submission) -> None:
    below = start.automation
    who = as_actor(company.people.rita)
    first = promotion.begin_promotion(below, "production", actor=who, now=company.now)
    assert promotion.begin_promotion(below, "production", actor=who, now=company.now) == first


@IN_TEST
def test_promotion_page_is_fully_prefilled(company: Company, start: Submission) -> None:
    below = start.automation
    rita = Build.by(company.people.rita)
    page = rita.client.get(below.href).content.decode()
    href = reverse("promote", args=[below.pk])
    assert href in page
    shown = rita.client.get(href).content.decode()
    assert "becomes a preview" in shown
    answer = rita.client.post(href, {"environment": "production"})
    item = ImportItem.objects.order_by("-pk")[0]
    assert answer["Location"] == reverse("import_preview", args=[item.pk])
    preview = rita.see(item)
    assert "Promotion from test." in preview
    assert "Against version 1 in test" in preview
    fields = dict(re.findall(r'<textarea[^>]*name="(why-[0-9a-f]{12})"[^>]*>([^<]*)<', preview))
    facts = {"purpose": below.purpose, "business_owner": below.business_owner_id, "environment": "production"}
    done = rita.post(item, {**facts, "technical_owner": company.people.rita.pk, **fields}, do="submit")
    made = Submission.objects.get(automation__environment="production")
    assert done["Location"] == reverse("review", args=[made.pk])
    assert made.kind == SubmissionKind.PROMOTION
    assert json.dumps(made.promoted_from.manifest) == json.dumps(below.approved_version.manifest)  # type: ignore[union-attr]


# --- by a program -----------------------------------------------------------------------------------------------------------


def test_program_cannot_promote_foreign_or_existing_automation(company: Company) -> None:
    below = stock_report.version(company, without_id, environment="test").automation
    body = json.loads(stock_report.source(elsewhere))
    omar = Program.of(company.people.omar)
    refused = omar.post(f"/automations?promoted_from={below.pk}&business_owner={company.people.omar.pk}", body)
    assert (refused.status, set(refused.fields)) == (422, {"promoted_from"})
    rita = Program.of(company.people.rita)
    assert rita.post(f"/automations?promoted_from={below.pk}", body).status == 201
    again = rita.post(f"/automations?promoted_from={below.pk}", json.loads(stock_report.source()))
    assert (again.status, set(again.fields)) == (422, {"promoted_from"})


@IN_TEST
def test_program_promotes_without_repeating_fields(company: Company, start: Submission) -> None:
    below = start.automation
    made = Program.of(company.people.rita).post("/automations", json.loads(stock_report.source()))
    assert made.status == 201
    above = Automation.objects.get(pk=made.said["automation"]["id"])
    assert (above.environment, above.lineage) == ("production", below.lineage)
    assert (above.business_owner, above.purpose) == (below.business_owner, below.purpose)
    preview = made.said["preview"]
    assert preview["promoted_from"] == {
        "automation": {"id": below.pk, "name": below.name},
        "environment": "test",
        "version": 1,
        "approved": True,
    }
    assert preview["missing"] == []


# --- as reviewers see it ----------------------------------------------------------------------------------------------------


def reviewed(c: Company, made: Submission) -> str:
    """The review page as Theo reads it, from what changed on."""
    page = client_of(c.people.theo).get(reverse("review", args=[made.pk])).content.decode()
    match = re.search(r'<section class="panel changes".*?</section>', page, re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<svg.*?</svg>", "", match[0], flags=re.DOTALL).split())) if match else ""


@IN_TEST
def test_review_shows_diff_to_lower_environment(company: Company) -> None:
    text = reviewed(company, stock_report.submitted(company, stock_report.one_more_channel))
    assert "Promotion from test: against version 1, approved there" in text
    assert "1 privilege new" in text
    assert "2 privileges and 2 credentials not changed, asked again" in text
    assert "keep their grants" not in text


def test_unapproved_lower_version_is_not_called_approved(company: Company) -> None:
    stock_report.version(company, environment="test")
    assert "against version 1, not approved there" in reviewed(company, stock_report.submitted(company))


@IN_TEST
def test_replaced_resource_is_shown_beside_original(company: Company) -> None:

    def on_another(export: dict[str, Any]) -> None:
        stock_report.node(export, ".postgres")["credentials"]["postgres"] |= {"id": "modelStore", "name": "Model store"}

    text = reviewed(company, stock_report.submitted(company, on_another))
    assert re.search(r"<del>[^<]*in ERP Postgres \(production\)</del> <ins>[^<]*in Model gateway</ins>", text)
    assert "1 privilege narrowed" in text, "from confidential data to internal"


@IN_TEST
def test_retired_lower_version_is_called_retired(company: Company, start: Submission) -> None:
    below = start.automation
    above = stock_report.version(company)
    below.refresh_from_db()
    lifecycle.retire(below, actor=as_actor(company.people.jonas), now=company.now, reason="It did harm in test.")
    assert "against version 1, retired there" in reviewed(company, scenarios.submitted(company, above))


def test_move_from_internal_to_confidential_data_raises_tier(company: Company) -> None:
    given(company.model, data_class="internal")

    def on_test_data(export: dict[str, Any]) -> None:
        stock_report.node(export, ".postgres")["credentials"]["postgres"] |= {"id": "modelStore", "name": "Model store"}

    stock_report.version(company, on_test_data, environment="test")
    text = reviewed(company, stock_report.submitted(company))
    assert "1 privilege raised or wider" in text
    assert "internal" in text
    assert "confidential" in text


def test_unrelated_version_is_not_called_promotion(company: Company) -> None:
    def only_posts(export: dict[str, Any]) -> None:
        export["nodes"] = [node for node in export["nodes"] if not node["type"].endswith(".postgres")]
        elsewhere(export)

    below = stock_report.version(company, stock_report.without_slack, environment="test").automation
    n, content = company.people, stock_report.source(only_posts)
    connect(company, content)
    item = transition_previews.preview([("posts.json", content)], actor=as_actor(n.rita), now=company.now).items.get()
    fields = {"business_owner": n.jonas, "technical_owner": n.rita, "purpose": "Posts."}
    made = confirmation.confirm_import(
        n.finance_ops, actor=as_actor(n.rita), now=company.now, item=item, fields=fields, sibling=below
    )
    assert isinstance(made, Version)
    text = reviewed(company, scenarios.submitted(company, made))
    assert "it has nothing in common with version 1 there" in text
