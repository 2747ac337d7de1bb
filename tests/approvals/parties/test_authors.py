"""The author that a source names is a party to its submission, and approves nothing in it (S1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Submission
from approvals.models.submission import Capacity
from approvals.parties import submission_parties
from governance.core.models import LedgerEvent, Person
from inventory.imports.transitions import previews
from inventory.models import Version, VersionAuthor
from inventory.ownership import parties
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build
from tests.approvals.intake.test_preview import people_asked, read
from tests.approvals.refusals import database_refuses, insert_decision, name_candidate, refused, sql
from tests.people import as_actor, make_person
from tests.scenarios import Company
from tests.signed_in_client import client_of

Edit = Callable[[dict[str, Any]], None]


def owned_by(account: str, name: str = "Somebody") -> Edit:
    """The REST shape: a personal project, which the platform names by its owner's account."""

    def edit(export: dict[str, Any]) -> None:
        project = {"id": "p1", "type": "personal", "name": f"{name} <{account}>"}
        export["shared"] = [{"role": "workflow:owner", "project": project}]

    return edit


def team_project(export: dict[str, Any]) -> None:
    """A project with a name that somebody typed; it looks like Theo's account."""
    project = {"id": "p2", "type": "team", "name": "Theo Brandt <theo.brandt@northwind.example>"}
    export["shared"] = [{"role": "workflow:owner", "project": project}]


def capacities(submission: Submission, person: Person) -> set[str]:
    return set(submission.parties.filter(person=person).values_list("capacity", flat=True))


# --- refused first ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("S1")
def test_an_author_named_by_the_source_does_not_approve_the_app(company: Company) -> None:
    theo = company.people.theo
    made = stock_report.submitted(company, owned_by(theo.email))
    assert capacities(made, theo) == {Capacity.AUTHOR}
    refused(decide.approve, scenarios.app_of(made), as_actor(theo), "SOD-1", now=company.now)
    scenarios.approve(scenarios.app_of(made), company.people.bram, now=company.now)


@pytest.mark.rule("S1", "S3")
def test_author_who_owns_resource_does_not_approve(company: Company) -> None:
    omar = company.people.omar
    made = stock_report.submitted(company, owned_by(omar.email.upper()))
    scenarios.decide_app(company, made)
    record = stock_report.privilege_on(made, company.slack)
    refused(decide.approve, record, as_actor(omar), "SOD-3", now=company.now)
    seat = name_candidate(record, omar)
    with database_refuses("SOD-1: a party decides nothing in submission #"):
        insert_decision(record, omar, now=company.now, seat=seat)


@pytest.mark.rule("S1", "R8")
def test_author_who_left_stays_party(company: Company) -> None:
    n = company.people
    record_leaver(n.bram, actor=as_actor(n.ines), now=company.now, reason="A new job.")
    assert capacities(stock_report.submitted(company, owned_by(n.bram.email)), n.bram) == {Capacity.AUTHOR}


@pytest.mark.rule("S1", "I7")
def test_the_same_content_that_names_an_author_only_now_makes_them_a_party_too(
    company: Company, stock_submitted: Submission
) -> None:
    theo = company.people.theo
    made = stock_submitted
    assert capacities(made, theo) == set()
    again = stock_report.version(company, owned_by(theo.email))
    assert again == made.version
    assert capacities(made, theo) == {Capacity.AUTHOR}
    refused(decide.approve, scenarios.app_of(made), as_actor(theo), "SOD-1", now=company.now)


@pytest.mark.rule("S1")
def test_author_joining_later_is_found_at_submission(company: Company) -> None:
    version = stock_report.version(company, owned_by("new.colleague@northwind.example"))
    assert VersionAuthor.objects.get(version=version).person is None
    late = make_person("New Colleague")
    assert late.email == "new.colleague@northwind.example"
    assert (late.pk, Capacity.AUTHOR) in submission_parties.next_parties(version.automation, version=version)


@pytest.mark.rule("S1")
@pytest.mark.parametrize("name", ["{} <old.address@northwind.example>", "a<b {}", "project To {}"])
def test_author_account_is_matched_behind_project_name(company: Company, name: str) -> None:
    theo = company.people.theo
    hint = f"{name.format(theo.name)} <{theo.email}>"
    assert parties.single_matches([hint]) == {hint: theo}


@pytest.mark.rule("S1", "H6")
def test_authors_text_can_be_erased_and_party_stays(company: Company) -> None:
    theo = company.people.theo
    version = stock_report.version(company, owned_by(theo.email))
    assert theo.email not in json.dumps(version.manifest), "what a version holds is never changed"
    (author,) = version.authors.all()
    assert theo.email in author.said.text
    author.said.text, author.said.key, author.said.erased_at = "", b"", company.now
    author.said.save()
    assert (theo.pk, Capacity.AUTHOR) in submission_parties.next_parties(version.automation, version=version)
    assert (
        theo.email not in client_of(company.people.rita).get(f"/automations/{version.automation_id}/").content.decode()
    )


# --- what is no match -------------------------------------------------------------------------------------------------


@pytest.mark.rule("S1", "I8")
@pytest.mark.parametrize(
    "hint", ["Theo Brandt", "theo.brandt", "nobody@northwind.example", "x theo.brandt@northwind.example"]
)
def test_name_and_unknown_account_match_nobody(company: Company, hint: str) -> None:
    assert parties.single_matches([hint]) == {}


@pytest.mark.rule("S1", "I8")
def test_project_named_after_account_matches_nobody(company: Company) -> None:
    made = stock_report.submitted(company, team_project)
    assert capacities(made, company.people.theo) == set()
    assert VersionAuthor.objects.get(version=made.version).person is None
    scenarios.approve(scenarios.app_of(made), company.people.theo, now=company.now)


@pytest.mark.rule("S1")
def test_shared_account_makes_all_holders_parties(company: Company) -> None:
    theo = company.people.theo
    assert parties.single_matches([theo.email]) == {theo.email: theo}
    other = Person.objects.create(source="entra", subject="7f0c", name="Theo B.", email=theo.email)
    assert parties.single_matches([theo.email]) == {}
    made = stock_report.submitted(company, owned_by(theo.email))
    assert capacities(made, theo) == capacities(made, other) == {Capacity.AUTHOR}
    refused(decide.approve, scenarios.app_of(made), as_actor(theo), "SOD-1", now=company.now)
    shown = client_of(company.people.rita).get(f"/automations/{made.automation_id}/").content.decode()
    assert "several people here, each a party" in shown
    rita = Build.by(company.people.rita)
    page = rita.see(rita.import_item(content=stock_report.source(owned_by(theo.email))))
    assert "whose account several people here have: each is a party" in page


@pytest.mark.rule("S1")
def test_authors_of_source_are_permanent(company: Company) -> None:
    version: Version = stock_report.version(company, owned_by(company.people.theo.email))
    stock_report.version(company)
    assert version.authors.count() == 1
    with database_refuses("Cannot update or delete"):
        sql("DELETE FROM inventory_versionauthor WHERE version_id = %s", version.pk)


# --- where it is shown ------------------------------------------------------------------------------------------------


@pytest.mark.rule("S1", "I8")
@pytest.mark.parametrize(
    ("edit", "text"),
    [(team_project, "not matched to anybody"), (owned_by("theo.brandt@northwind.example"), "Theo Brandt, a party")],
)
def test_preview_and_automation_show_authors_and_matches(
    company: Company, monkeypatch: pytest.MonkeyPatch, edit: Edit, text: str
) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: company.now)
    rita = Build.by(company.people.rita)
    page = rita.see(rita.import_item(content=stock_report.source(edit)))
    assert "Its source names an author." in page
    assert text in page
    version = stock_report.version(company, edit)
    shown = client_of(company.people.rita).get(f"/automations/{version.automation_id}/").content.decode()
    assert "Named by its source" in shown
    assert text.split(",")[0] in shown


@pytest.mark.rule("S1", "A9")
def test_preview_route_skips_author(company: Company) -> None:
    item = registry_item(company, owned_by(company.people.theo.email))
    people = people_asked(read(company, item))
    assert "Theo Brandt" not in people
    assert company.people.bram.name in people


def registry_item(company: Company, edit: Edit) -> Any:
    batch = previews.preview(
        [(stock_report.EXPORT, stock_report.source(edit))], actor=as_actor(company.people.rita), now=company.now
    )
    return batch.items.get()


@pytest.mark.rule("S1", "H1")
def test_ledger_records_parties_added_by_file(company: Company, stock_submitted: Submission) -> None:
    theo = company.people.theo
    made = stock_submitted
    stock_report.version(company, owned_by(theo.email))
    event = LedgerEvent.objects.get(
        verb="submission.parties_joined", about__contains=[f"approvals.submission:{made.pk}"]
    )
    assert event.payload["parties"] == [str(theo.opaque_id)]
