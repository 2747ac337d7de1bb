"""The second time nothing changes: no row is added anywhere, and what is settled by set is what bringing it in would say (I2, I7)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from governance.core.models import FreeText, Person
from governance.core.texts import free_text
from inventory.importers import reader
from inventory.importers.manifest import Manifest
from inventory.imports import queries as import_queries
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, Binding, Credential, ImportBatch, ImportItem, Resource
from tests.approvals.intake.uploads import batches
from tests.people import as_actor
from tests.run_lengths import run_length
from tests.savepoints import undone
from tests.scenarios import EXPORTS, Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.database]

#: What one confirmation writes where nothing changed: that it was tried, and nothing else.
ONE_EVENT = {"controls_ledgerevent": 1}


def settled(c: Company, batch: ImportBatch) -> dict[int, Any]:
    """What the check by set says of the previews of an upload."""
    return import_queries.unchanged_items(
        previews.open_items(batch), c.people.finance_ops, "production", apart=Automation.objects.none()
    )


def samples() -> list[tuple[str, bytes]]:
    """The exports of the demo: n8n and MCP, with and without ids of their own; of one workflow in two environments only one."""
    paths = (path for path in sorted(EXPORTS.glob("*.json")) if path.name != "stock-forecast.json")
    return [(path.name, path.read_bytes()) for path in paths]


def samples_brought_in(c: Company) -> ImportBatch:
    """The exports of the demo, and one more."""
    batch = batches.read_in(c, *samples(), batches.export(1))
    assert set(batches.brought_in(c, batch)) == {"new"}
    return batch


SAMPLES = starting_point("company", samples_brought_in)


@pytest.mark.rule("I7")
@SAMPLES
def test_a_whole_folder_again_changes_no_row_of_any_table(company: Company, start: ImportBatch) -> None:
    first, before = start, batches.rows()
    again = batches.read_in(company, *samples(), batches.export(1))
    assert batches.brought_in(company, again) == {"unchanged": first.items.exclude(version=None).count()}
    assert batches.rows() == before, "no version, no history, no event"
    pairs = zip(first.items.order_by("pk"), again.items.order_by("pk"), strict=True)
    assert all(item.version_id == other.version_id for item, other in pairs), "each is the version that it is"


def _bind(c: Company, change: Callable[[Binding], Any]) -> None:
    row = Binding.objects.order_by("pk")[0]
    change(row)
    row.save()


def _refuse(row: Binding) -> None:
    row.refused_at, row.refused_for = row.proposed_at, [row.resource_id]


def _move(row: Binding) -> None:
    row.resource = Resource.objects.exclude(pk=row.resource_id).filter(unresolved=False).order_by("pk")[0]


def _tier(c: Company, _: pytest.MonkeyPatch) -> None:
    automation = Automation.objects.get()
    Automation.objects.update(tier="high" if automation.tier != "high" else "low")


#: What happened between the two imports, for which the second is no mere repetition.
CHANGES: dict[str, Callable[[Company, pytest.MonkeyPatch], Any]] = {
    "an owner refused the connection": lambda c, _: _bind(c, _refuse),
    "the connection opens something else": lambda c, _: _bind(c, _move),
    "a connection is not known any more": lambda c, _: Binding.objects.update(instance_name="elsewhere"),
    "a better importer": lambda c, patch: patch.setattr(reader, "VERSION", "99"),
    "the register shows another tier": _tier,
    "the automation is another team's": lambda c, _: Automation.objects.update(team=c.people.marketing),
    "the automation is retired": lambda c, _: Automation.objects.update(state="retired"),
    "it runs elsewhere": lambda c, _: Automation.objects.update(environment="test"),
    "nobody knows what a credential opens": lambda c, _: Credential.objects.update(opens=None),
    "a credential is not known any more": lambda c, _: Credential.objects.update(external_id="another"),
    "its author was forgotten": lambda c, _: free_text.erase(FreeText.objects.all(), now=c.now),
}


@pytest.mark.rule("I2", "I7", "I8", "S1")
def test_almost_equal_import_is_not_settled_in_bulk(company: Company) -> None:
    owner = {"shared": [{"project": {"name": "Piet de Vries", "type": "personal"}}]}
    batches.brought_in(company, batches.read_in(company, batches.export(0, **owner)))
    again = batches.read_in(company, batches.export(0, **owner))
    settlements = {}
    for what, change in CHANGES.items():
        assert len(settled(company, again)) == 1, f"nothing has changed before: {what}"
        with undone(), pytest.MonkeyPatch.context() as patch:
            _, before = change(company, patch), batches.rows()
            settlements[what] = settled(company, again)
            assert batches.rows() == before, "it only reads"
    assert settlements == {what: {} for what in CHANGES}


@pytest.mark.full("brings in every sample twice")
@pytest.mark.rule("I2", "I7")
@SAMPLES
@pytest.mark.parametrize("half", [0, 1])
def test_bulk_settled_import_equals_single_import(company: Company, half: int) -> None:
    is_settled_as_brought_in(company, samples()[half::2])


@pytest.mark.full("brings in real exports twice")
@pytest.mark.rule("I2", "I7")
def test_bulk_settlement_agrees_for_real_exports(company: Company, real_exports: Path) -> None:
    folders = sorted((real_exports / "imports").glob("n8n_*"))
    paths = [path for folder in folders for path in sorted(folder.rglob("*.json"))]
    files = [(path.name, path.read_bytes()) for path in paths[:: run_length(40, soak=1)]]
    batches.brought_in(company, batches.read_in(company, *files))
    is_settled_as_brought_in(company, files)


def is_settled_as_brought_in(company: Company, files: list[tuple[str, bytes]]) -> None:
    """Files that were imported already, once more: what is settled by set is what each confirmation says."""
    again = batches.read_in(company, *files)
    found_same = settled(company, again)
    assert len(found_same) == previews.open_items(again).count() > 0
    for item in ImportItem.objects.filter(pk__in=found_same).order_by("pk"):
        before = batches.rows()
        n = company.people
        made = confirmation.confirm_import(
            n.finance_ops, actor=as_actor(n.rita), now=company.now, item=item, fields={"environment": "production"}
        )
        after = batches.rows()
        assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == ONE_EVENT
        assert (made, item.outcome) == (found_same[item.pk], "unchanged"), Manifest.from_dict(item.manifest).name


@pytest.mark.rule("I1", "I7")
def test_list_shows_known_automations_of_own_team_only(company: Company) -> None:
    batches.brought_in(company, batches.uploaded(company, 2))
    batch = batches.read_in(company, batches.export(0), batches.changed(1), batches.export(2))

    def statuses(by: Person) -> dict[str, str]:
        ImportBatch.objects.filter(pk=batch.pk).update(by=by)
        shown = client_of(by).get(reverse("import_batch", args=[batch.pk])).content.decode()
        return dict(re.findall(r'class="second">(exports/.*?)</div>.*?class="second">(.*?)</div>', shown))

    name = Automation.objects.get(external_id="many0000").name
    assert statuses(company.people.piet) == dict.fromkeys(
        [f"exports/000{number}.json" for number in range(3)], "New to the register"
    )
    assert statuses(company.people.rita) == {
        "exports/0000.json": f"Known: the source of {name}, version 1",
        "exports/0001.json": f"Known: a new version of {name}, after version 1",
        "exports/0002.json": "New to the register",
    }
