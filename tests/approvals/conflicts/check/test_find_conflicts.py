"""The check of one automation and the scan of all agree (S6)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import scan
from approvals.conflicts.check.find_conflicts import FoundConflict, case_of_version, find_conflicts
from approvals.models import Submission
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.scenarios import Company, grants_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]


def conflicts_of(submission: Submission, plain: Company) -> list[FoundConflict]:
    """What is found for an automation as it is with the version in force."""
    return find_conflicts(case_of_version(submission.automation, submission.version), plain.now)


def scanned(plain: Company) -> dict[str, set[int]]:
    """What a scan finds: subjects by code."""
    rules = conflict_queries.in_force(plain.now)
    by_version = {rule.version.pk: rule.rule.code for rule in rules}
    subjects: dict[str, set[int]] = {}
    for rule, subject in scan.scan(rules, plain.now):
        subjects.setdefault(by_version[rule], set()).add(subject)
    return subjects


def test_access_to_two_resources_is_found_by_rule_over_both(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    (conflict,) = conflicts_of(plain_in_force, plain)
    assert [len(conflict.own[leg]) for leg in (1, 2)] == [1, 1]
    assert scanned(plain) == {"read-and-tell": {plain_in_force.automation_id}}


def test_one_leg_alone_is_no_conflict(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.github))
    assert conflicts_of(plain_in_force, plain) == []
    assert scanned(plain) == {}


def test_read_access_does_not_match_write_leg(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp, levels=["write"]), on(plain.slack))
    assert conflicts_of(plain_in_force, plain) == []
    assert scanned(plain) == {}


def test_one_without_the_other_is_a_conflict_until_the_other_is_there(
    plain: Company, plain_in_force: Submission
) -> None:
    conflict_rules.rule(on(plain.slack), without=on(plain.github), code="unlogged")
    conflict_rules.rule(on(plain.slack), without=on(plain.erp), code="logged")
    assert conflict_rules.codes(conflicts_of(plain_in_force, plain)) == ["unlogged"]
    assert scanned(plain) == {"unlogged": {plain_in_force.automation_id}}


def test_ended_and_expired_access_is_not_held(plain: Company, plain_in_force: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    ends = max(grant.ends_at for grant in grants_of(plain_in_force))
    rules = conflict_queries.in_force(plain.now)
    assert scan.scan(rules, ends - timedelta(seconds=1))
    assert not scan.scan(rules, ends)
