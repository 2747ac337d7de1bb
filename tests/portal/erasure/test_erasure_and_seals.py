"""An erased person and the ledger, really committed: it verifies before and after, inside and by the program that stands alone (H2, H6)."""

from __future__ import annotations

import json
import uuid
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Submission
from governance.core.duties.refusals import Refused
from governance.core.erasure.transitions import ask_erasure, erase
from governance.core.keys import key_files
from governance.core.ledger import ledger_export, sealing
from governance.core.models import Erasure, LedgerEvent, Person
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.intake.builder import everything_stored
from tests.core.ledger.test_sealing import verify_alone
from tests.core.people.test_races import at_once
from tests.people import as_actor, build

pytestmark = pytest.mark.race


def exported() -> list[dict[str, Any]]:
    """The lines of an export, everything sealed."""
    sealing.seal_all(at=timezone.now())
    file = StringIO()
    ledger_export.write(file, at=timezone.now())
    return [json.loads(line) for line in file.getvalue().splitlines()]


@pytest.fixture
def requested_erasure(committed: None) -> tuple[scenarios.Company, Submission, list[dict[str, Any]], Erasure]:
    """Rita has submitted something and left, and her erasure is asked for; with what was exported before she left."""
    word = uuid.uuid4().hex[:8]
    company = scenarios.company(build(word))
    n, now = company.people, company.now
    made = stock_report.in_stage_2(company, business_owner=n.rita, technical_owner=n.jonas)
    before = exported()
    person = record_leaver(n.rita, actor=as_actor(n.ines), now=now, reason=f"Rita Novak {word} goes.")
    ask_erasure(person, actor=as_actor(n.ines), now=now, reason="She wants it.", named=person.name)
    return company, made, before, Erasure.objects.get(person=person)


@pytest.mark.rule("H2", "H6", "H9")
def test_two_confirm_at_once_one_erases_and_the_ledger_verifies_as_before(
    requested_erasure: tuple[scenarios.Company, Submission, list[dict[str, Any]], Erasure], tmp_path: Path
) -> None:
    company, made, before, row = requested_erasure
    n, now, person = company.people, company.now, row.person

    results = at_once(
        *(
            lambda: erase(Erasure.objects.get(pk=row.pk), actor=as_actor(n.karl), now=now, named="Rita Novak")
            for _ in range(2)
        )
    )

    assert sorted(isinstance(result, Refused) for result in results) == [False, True], results
    assert LedgerEvent.objects.filter(verb="person.erased", outcome="done").count() == 1
    after = exported()
    assert after[: len(before) - 1] == before[:-1], "nothing of what was sealed is otherwise"
    assert ledger_export.verify_database().problems == []
    file = tmp_path / "export.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in after))
    alone = verify_alone(tmp_path, str(file), "--key", key_files.public_key_hex())
    assert (alone.returncode, alone.stderr) == (0, "")
    for needle in (n.rita.email, "Rita Novak"):
        assert not any(needle in stored for stored in everything_stored())
        assert needle not in file.read_text()
    assert str(Person.objects.get(pk=person.pk).opaque_id) in file.read_text()
    assert (person.pk, "submitter") in made.parties.values_list("person", "capacity")
