"""An upload is imported by one order: what is refused, stopped or killed half-way leaves nothing half done, and goes on (I1, I7, R9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.db import OperationalError

from approvals.intake import bulk_import
from approvals.models import Submission
from governance.core.jobs import nudge
from governance.core.models import LedgerEvent
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, AutomationState, BatchState, ImportBatch, ImportState, Version
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals.intake import builder
from tests.approvals.intake.builder import Build
from tests.approvals.intake.uploads import batches
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def imported() -> int:
    """How often the ledger says that something was imported."""
    return LedgerEvent.objects.filter(verb="version.imported", outcome="done").count()


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Have the process end at the so-manieth call of something."""

    def patch(where: str, at: int) -> None:
        module, _, name = where.rpartition(".")
        holder: Any = __import__(module, fromlist=[name])
        real, calls = getattr(holder, name), [0]

        def call(*args: Any, **more: Any) -> Any:
            calls[0] += 1
            if calls[0] == at:
                raise SystemExit("killed")
            return real(*args, **more)

        monkeypatch.setattr(holder, name, call)

    return patch


@pytest.mark.rule("I1")
def test_foreign_automation_is_refused_and_others_are_imported(company: Company) -> None:
    n = company.people
    n.marketing.memberships.create(person=n.rita)
    first = batches.uploaded(company, 1)
    batches.brought_in(company, first, team=n.marketing.pk, business_owner=n.grace.pk)
    batch = batches.uploaded(company, 3)
    assert batches.brought_in(company, batch) == {"refused": 1, "new": 2}
    refused = batch.items.get(outcome="refused")
    assert "belongs to another team" in refused.reason
    assert "Ask that team" in refused.reason
    assert refused.progress == ImportState.PREVIEW, "to be mended by hand"
    assert Automation.objects.get(external_id="many0000").team == n.marketing
    assert Build.by(n.rita).see(refused)


@pytest.mark.rule("S5", "I7")
def test_former_team_member_imports_nothing_more_with_one_record(company: Company, batch: ImportBatch) -> None:
    batches.ordered(company, batch)
    company.people.finance_ops.memberships.filter(person=company.people.rita).delete()
    assert batches.swept(company) == {"refused": 4}
    assert not Automation.objects.exists()
    assert all("You don’t have access to this" in item.reason for item in batch.items.filter(outcome="refused"))
    assert LedgerEvent.objects.filter(verb="version.imported", outcome="refused").count() == 1


@pytest.mark.rule("S5", "I7")
def test_order_of_leaver_is_not_imported(company: Company, batch: ImportBatch) -> None:
    batches.ordered(company, batch)
    record_leaver(company.people.rita, actor=as_actor(company.people.ines), now=company.now, reason="New job")
    assert batches.swept(company) == {"refused": 4}
    assert not Automation.objects.exists()


@pytest.mark.rule("I1")
def test_owner_who_left_owns_nothing(company: Company, batch: ImportBatch) -> None:
    batches.ordered(company, batch)
    record_leaver(company.people.jonas, actor=as_actor(company.people.ines), now=company.now, reason="New job")
    assert batches.swept(company) == {"refused": 4}
    assert {item.reason for item in batch.items.filter(outcome="refused")} == {"Jonas Weil is not here any more."}


@pytest.mark.rule("I8", "R9")
def test_unexpected_failure_is_reported_and_blocks_nothing(
    company: Company, batch: ImportBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = batch.items.filter(progress=ImportState.PREVIEW).order_by("pk")[1]
    item.manifest = {"schema": "of another time", "source": {}}
    item.save()
    assert batches.brought_in(company, batch) == {"refused": 1, "new": 3}
    item.refresh_from_db()
    assert item.reason == bulk_import.UNEXPECTED


@pytest.mark.rule("R9")
def test_database_outage_is_not_recorded_as_refusal(
    company: Company, batch: ImportBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches.ordered(company, batch)
    with monkeypatch.context() as patch:
        patch.setattr(
            bulk_import, "_confirm", lambda *_: (_ for _ in ()).throw(OperationalError("the server went away"))
        )
        with pytest.raises(OperationalError):
            bulk_import.sweep(company.now)
    assert batches.outcomes(batch) == ["", "", "", ""]
    assert batches.swept(company) == {"new": 4}


@pytest.mark.rule("I7", "A8")
def test_double_press_is_one_order(company: Company, batch: ImportBatch) -> None:
    batches.ordered(company, batch)
    order = bulk_import.Order(company.people.finance_ops.pk, company.people.rita.pk)
    assert not bulk_import.order(batch, order)
    batch.refresh_from_db()
    assert batch.order["business_owner"] == company.people.jonas.pk, "the second press changes nothing"
    assert batches.swept(company) == {"new": 4}
    assert batches.swept(company) == {}
    assert imported() == Automation.objects.count() == 4


@pytest.mark.rule("I7")
def test_bulk_import_creates_drafts_only(company: Company, batch: ImportBatch) -> None:
    assert batches.brought_in(company, batch, technical_owner=company.people.rita.pk) == {"new": 4}
    batch.refresh_from_db()
    assert batch.progress == BatchState.CONFIRMED
    assert not Submission.objects.exists()
    for automation in Automation.objects.all():
        assert (automation.state, automation.team) == (AutomationState.DRAFT, company.people.finance_ops)
        assert (automation.business_owner, automation.technical_owner) == (company.people.jonas, company.people.rita)
    done = LedgerEvent.objects.filter(verb="version.imported", outcome="done")
    assert {event.actor_id for event in done} == {str(company.people.rita.opaque_id)}, "as the person who ordered it"


@pytest.mark.rule("R9", "I7")
@pytest.mark.parametrize(
    ("where", "done"),
    [
        ("approvals.intake.bulk_import._import_item", 2),  # between two of them
        ("inventory.imports.transitions.confirmation.Effect", 2),  # inside the transaction of one
        ("inventory.imports.transitions.confirmation.write_version", 2),
    ],
)
def test_killed_run_leaves_nothing_half_done(
    company: Company, batch: ImportBatch, killed: Callable[[str, int], None], where: str, done: int
) -> None:
    batches.ordered(company, batch)
    killed(where, done + 1)
    with pytest.raises(SystemExit):
        bulk_import.sweep(company.now)
    assert batches.outcomes(batch) == ["new", "new", "", ""]
    assert Automation.objects.count() == Version.objects.count() == imported() == done
    assert batches.swept(company) == {"new": 2}
    assert Automation.objects.count() == Version.objects.count() == imported() == 4


@pytest.mark.rule("I7")
def test_order_can_be_stopped_and_repeated(
    company: Company, batch: ImportBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches.ordered(company, batch)
    monkeypatch.setattr(bulk_import, "LOOK", 1)
    real = bulk_import._import_item

    def stopping(*args: Any) -> str:
        previews.stop_import(batch)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(bulk_import, "_import_item", stopping)
        assert bulk_import.sweep(company.now)["new"] == 1
    assert batches.swept(company) == {}, "nobody goes on with what was stopped"
    batch.refresh_from_db()
    assert batch.progress == BatchState.PREVIEW
    assert batches.brought_in(company, batch) == {"new": 3}


@pytest.mark.rule("R9")
def test_a_run_takes_a_slice_of_each_and_asks_for_the_next(
    company: Company, batch: ImportBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = batches.read_in(company, *(batches.export(number) for number in range(10, 14)))
    for upload in (batch, other):
        batches.ordered(company, upload)
    monkeypatch.setattr(bulk_import, "SLICE", 4)
    current_app.loader.import_default_modules()  # as a worker does: it registers the jobs
    sent: list[str] = []
    monkeypatch.setattr(nudge, "send", sent.append)

    def run() -> bool:
        sent.clear()
        current_app.tasks[bulk_import.JOB]()
        return bulk_import.JOB in sent

    assert run()
    assert batches.outcomes(batch) == batches.outcomes(other) == ["new", "new", "", ""]
    assert not run(), "nothing is left"
    assert set(ImportBatch.objects.values_list("progress", flat=True)) == {BatchState.CONFIRMED}


@pytest.mark.rule("I7")
def test_earlier_input_about_an_automation_is_used(company: Company, batch: ImportBatch, rita: Build) -> None:
    item = batch.items.filter(progress=ImportState.PREVIEW).order_by("pk")[0]
    typed = {"purpose": "Counts what is short.", "business_owner": company.people.theo.pk, "technical_owner": ""}
    rita.post(item, {**typed, "environment": "test"})
    assert batches.brought_in(company, batch, technical_owner=company.people.rita.pk) == {"new": 4}
    mine = Automation.objects.get(environment="test")
    assert (mine.purpose, mine.business_owner) == ("Counts what is short.", company.people.theo)
    assert mine.technical_owner == company.people.rita, "nobody was typed: the order says it"
    assert Automation.objects.filter(business_owner=company.people.jonas, purpose="").count() == 3


@pytest.mark.rule("I1", "S1")
def test_existing_owners_are_kept(company: Company) -> None:
    n = company.people
    batches.brought_in(company, batches.uploaded(company, 2), business_owner=n.theo.pk, technical_owner=n.rita.pk)
    batch = batches.read_in(company, batches.changed(0), batches.export(1), batches.export(2))
    assert batches.brought_in(company, batch) == {"changed": 1, "unchanged": 1, "new": 1}
    assert batches.outcomes(batch) == ["changed", "unchanged", "new"]
    owners = Automation.objects.order_by("external_id").values_list("business_owner", flat=True)
    assert list(owners) == [n.theo.pk, n.theo.pk, n.jonas.pk]
    assert Automation.objects.get(external_id="many0000").versions.count() == 2


@pytest.mark.rule("I7")
def test_refused_automation_is_fixed_by_hand_or_reordered(company: Company, rita: Build) -> None:
    n = company.people
    batches.brought_in(company, batches.uploaded(company, 1), business_owner=n.theo.pk)
    automation = Automation.objects.get()
    Automation.objects.filter(pk=automation.pk).update(team=n.marketing)
    batch = batches.uploaded(company, 2)
    assert batches.brought_in(company, batch) == {"refused": 1, "new": 1}
    assert batches.brought_in(company, batch) == {"refused": 1}, "ordered once more, for the same reason"
    Automation.objects.filter(pk=automation.pk).update(team=n.finance_ops)
    item = batch.items.get(outcome="refused")
    confirmation.confirm_import(n.finance_ops, actor=as_actor(n.rita), now=company.now, item=item, fields={})
    item.refresh_from_db()
    assert (item.outcome, item.reason) == ("unchanged", "")


@pytest.mark.rule("S1")
def test_automation_in_review_is_imported_singly(
    company: Company,
) -> None:
    n = company.people
    builder.connect(company, batches.export(0)[1])
    batches.brought_in(company, batches.uploaded(company, 2))
    automation = Automation.objects.get(external_id="many0000")
    automation = confirmation.amend_automation(
        automation, actor=as_actor(n.rita), now=company.now, fields={"purpose": "Counts.", "technical_owner": n.rita}
    )
    scenarios.submitted(company, automation.versions.get())
    before = imported()
    assert batches.brought_in(company, batches.uploaded(company, 2)) == {"unchanged": 2}
    assert imported() == before + 1, "the one in review by the operation, the other by set"
