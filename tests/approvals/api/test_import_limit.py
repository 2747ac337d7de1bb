"""The API refuses a further import at once, and says when to ask again (I7)."""

from __future__ import annotations

import pytest

from inventory.models import ImportBatch
from tests.approvals import stock_report
from tests.approvals.api.programs import Program
from tests.approvals.intake.builder import connect
from tests.approvals.intake.test_import_limit import FULL, YOURS, full, reading
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def rita(company: Company) -> Program:
    """Rita's pipeline of Finance Operations."""
    connect(company, stock_report.EXPORT)
    return Program.of(company.people.rita, company.people.finance_ops)


@pytest.mark.rule("I7")
@pytest.mark.parametrize("address", ["/preview", "/automations"])
def test_a_second_import_of_a_person_is_refused(company: Company, rita: Program, address: str) -> None:
    with reading(company.people.rita):
        answer = rita.post(address, stock_report.source())
    assert (answer.status, answer.said["code"], answer.said["detail"]) == (429, "BUSY", YOURS)
    assert answer.headers["Retry-After"] == "2"
    assert not ImportBatch.objects.exists()


@pytest.mark.rule("I7")
@pytest.mark.parametrize("address", ["/preview", "/automations"])
def test_a_third_import_in_a_web_process_is_refused(company: Company, rita: Program, address: str) -> None:
    with full(company):
        answer = rita.post(address, stock_report.source())
    assert (answer.status, answer.said["code"], answer.said["detail"]) == (503, "BUSY", FULL)
    assert answer.headers["Retry-After"] == "2"
    assert rita.post("/preview", stock_report.source()).status == 200


@pytest.mark.rule("I7", "I8")
def test_a_file_over_its_limits_is_refused_with_its_reason(rita: Program) -> None:
    hostile = b'{"mcpServers": {"a": {"command": "npx", "args": [' + b'"x",' * 500_000 + b'"x"]}}}'
    answer = rita.post("/preview", hostile)
    assert answer.status == 422
    assert "it holds more than 1,000 entries in one list" in answer.said["detail"]
