"""A better importer reads a running source again: its new findings are asked, and the grants are reviewed (I2, I8, T4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from approvals.models import Grant, SubmissionState
from governance.recertification.items import due_reviews
from governance.recertification.models import Item
from inventory.importers import reader
from inventory.importers.code import sql
from inventory.importers.code.sql import Query
from inventory.models import Version
from inventory.resources.transitions import resources
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.light_path.low_risk_report import asks
from tests.people import as_actor
from tests.recertification.review_steps import JOB
from tests.scenarios import Company
from tests.starting_points import starting_point

QUERY = asks("SELECT s.sku, h.salary FROM scm.stock s, hr.salaries h")


def _in_force(*tables: str) -> Callable[[Company], Version]:
    """A walk: in force as an older importer read it, which found these tables."""

    def walk(c: Company) -> Version:
        with pytest.MonkeyPatch.context() as old:
            old.setattr(sql, "read_query", lambda text, connector: Query("read", tables))
            old.setattr(reader, "VERSION", "1.2")
            return stock_report.in_force(c, QUERY).version

    return walk


READ_RIGHT = starting_point("company", _in_force("scm.stock", "hr.salaries"), "read right")
READ_TOO_MUCH = starting_point("company", _in_force("scm.stock", "hr.salaries", "s"), "read too much")
READ_TOO_LITTLE = starting_point("company", _in_force("scm.stock"), "read too little")


def reviews(company: Company, version: Version) -> list[str]:
    """Why what runs is reviewed, once the sweep has been there."""
    due_reviews.open_due(company.now + timedelta(days=1), JOB)
    return [item.reason_words for item in Item.objects.filter(automation=version.automation).order_by("pk")]


@pytest.mark.rule("I2", "T4")
@READ_RIGHT
def test_unchanged_reading_opens_nothing(company: Company, start: Version) -> None:
    version = start
    assert stock_report.version(company, QUERY) == version
    assert version.assessments.latest("pk").importer_version == reader.VERSION
    assert not version.assessments.latest("pk").findings.filter(code="found_more").exists()
    assert reviews(company, version) == []


@pytest.mark.rule("I2", "T4")
@READ_TOO_MUCH
def test_lower_reading_opens_nothing(company: Company, start: Version) -> None:
    version = start
    assert stock_report.version(company, QUERY) != version
    assert not version.assessments.latest("pk").findings.filter(code="found_more").exists()
    assert reviews(company, version) == []


@pytest.mark.rule("I2", "I8", "A12")
@READ_TOO_LITTLE
def test_newly_read_table_opens_review(company: Company, start: Version) -> None:
    version = start
    (held,) = Grant.objects.filter(automation=version.automation, entitlement__resource=company.erp)
    assert held.scope == ["scm.stock"]
    again = stock_report.version(company, QUERY)
    assert again != version
    assert again.privileges.get(entitlement__resource=company.erp).scope == ["scm.stock", "hr.salaries"]
    judged = version.assessments.latest("pk")
    (finding,) = judged.findings.filter(code="found_more")
    assert (judged.importer_version, finding.severity) == (reader.VERSION, "high")
    assert finding.detail == "Read better, the same source touches more than was asked about: hr.salaries"
    assert reviews(company, version) == ["Something was found in it that was not known when it was approved."]
    held.refresh_from_db()
    assert (held.state, held.scope) == ("active", ["scm.stock"])  # it runs on until somebody decides
    submission = scenarios.submitted(company, again)
    assert submission.state == SubmissionState.OPEN
    assert submission.approvals.filter(privilege__target="scm.stock, hr.salaries").exists()


@pytest.mark.rule("I2", "T4")
@READ_RIGHT
def test_higher_level_in_new_reading_raises_grant(
    company: Company, start: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = start
    monkeypatch.setattr(sql, "read_query", lambda text, connector: Query("write", ("scm.stock", "hr.salaries")))
    assert stock_report.version(company, QUERY) != version
    judged = version.assessments.latest("pk")
    (finding,) = judged.findings.filter(code="found_more")
    assert finding.detail == "Read better, the same source does more than was asked about"
    (held,) = Grant.objects.filter(automation=version.automation, entitlement__resource=company.erp)
    assert judged.levels["privileges"][held.key]["level"] == "write"
    assert (held.tier, held.counted_tier) == ("standard", "high")


@pytest.mark.rule("I2")
@READ_RIGHT
def test_reassessment_alone_is_no_new_reading(company: Company, start: Version) -> None:
    version = start
    resources.amend_resource(
        company.erp, actor=as_actor(company.people.omar), now=company.now, fields={"data_class": "restricted"}
    )
    assert version.assessments.count() > 1
    assert {assessment.importer_version for assessment in version.assessments.all()} == {"1.2"}
