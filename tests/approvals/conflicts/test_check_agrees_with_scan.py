"""The check of one automation and the scan of all grants agree for every set of rules (S6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.conflicts import dry_run, leg_members, scan
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import submission
from approvals.conflicts.check.find_conflicts import FoundConflict, case_of_version, find_all_conflicts, find_conflicts
from approvals.conflicts.rule_language.selectors import ENTRIES
from approvals.models import ConflictRule, Submission
from approvals.policies.facts import load_version_facts
from inventory.models import Automation, NonHumanIdentity, VersionIdentity
from tests import run_lengths, scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.people import joins
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6"), pytest.mark.database]

#: The kind of a leg, before the resources are drawn.
LEGS = st.fixed_dictionaries(
    {},
    optional={
        "resources": st.sets(st.integers(0, 4), min_size=1, max_size=2),
        "levels": st.sets(st.sampled_from(["read", "write", "execute", "admin"]), min_size=1, max_size=3),
        "codes": st.sets(st.sampled_from(["*select*", "message:*", "*", "*post*"]), min_size=1, max_size=2),
        "data_classes": st.sets(st.sampled_from(["internal", "confidential", "restricted"]), min_size=1),
        "environments": st.sets(st.sampled_from(["test", "production"]), min_size=1),
        "model_controlled": st.booleans(),
        "outbound": st.booleans(),
    },
).filter(bool)
#: A leg that is no grant: a door that stands open, or running as an identity.
ENTRY_LEGS = st.fixed_dictionaries({"entry": st.sets(st.sampled_from(ENTRIES), min_size=1)})
LEGS = LEGS | ENTRY_LEGS
RULES = st.tuples(
    st.lists(LEGS, min_size=1, max_size=3),
    st.none() | LEGS,
    st.sampled_from(["automation", "owner", "team", "identity", "chain"]),
    st.none() | LEGS,
).filter(lambda rule: len(rule[0]) > 1 or rule[1] is not None)


#: As which identities the four run: one has two, and another has none.
RUN_AS = {"one": ("robot",), "two": ("robot", "batch"), "three": ("batch",), "four": ()}


def four_in_force(c: Company) -> None:
    """Four automations in force, of two owners: two hold the same, one holds half of it, one another half; two identities are shared."""
    n = c.people
    joins(n.piet, n.finance_ops)
    for word, edit, owner in (
        ("one", lambda export: None, n.jonas),
        ("two", lambda export: None, n.piet),
        ("three", stock_report.without_slack, n.jonas),
        ("four", without_database, n.piet),
    ):
        version = stock_report.version(c, both(edit, word), business_owner=owner)
        scenarios.in_force(c, version)
        for subject in RUN_AS[word]:
            more = {"kind": "service_account", "owner": owner}
            identity, _ = NonHumanIdentity.objects.get_or_create(issuer="n8n", subject=subject, defaults=more)
            VersionIdentity.objects.create(version=version, identity=identity)


ESTATE = starting_point("plain", four_in_force)


@pytest.fixture
def estate(plain: Company) -> Company:
    """The company with four automations in force."""
    return plain


def without_database(export: dict[str, Any]) -> None:
    """An edit: it reads nothing any more."""
    export["nodes"] = [node for node in export["nodes"] if not node["type"].endswith(".postgres")]


def both(edit: Any, word: str) -> Any:
    """That edit, in an automation of its own."""

    def edits(export: dict[str, Any]) -> None:
        edit(export)
        export["id"] = word

    return edits


def rule_of(company: Company, drawn: Any, number: int) -> dict[str, Any]:
    """The document of a drawn rule."""
    legs, without, scope, needs = drawn
    resources = [company.erp, company.slack, company.drive, company.mail, company.github]

    def leg(selector: dict[str, Any]) -> dict[str, Any]:
        named = (
            {"resources": [resources[place].pk for place in sorted(selector["resources"])]}
            if "resources" in selector
            else {}
        )
        rest = {name: sorted(value) if isinstance(value, set) else value for name, value in selector.items()}
        return rest | named

    more = {name: leg(part) for name, part in (("without", without), ("needs", needs)) if part is not None}
    return conflict_rules.document(*map(leg, legs), code=f"rule-{number}", scope=scope, **more)


def checked(company: Company) -> set[tuple[str, int, frozenset[str]]]:
    """What is found by asking of each automation alone."""
    conflicts = set()
    for automation in Automation.objects.filter(approved_version__isnull=False).select_related("approved_version"):
        assert automation.approved_version is not None
        for conflict in find_conflicts(case_of_version(automation, automation.approved_version), company.now):
            conflicts.add((conflict.standing.rule.code, conflict.subject, conflict.keys))
    return conflicts


def scanned(company: Company) -> set[tuple[str, int, frozenset[str]]]:
    """What a scan finds."""
    rules = conflict_queries.in_force(company.now)
    code = {rule.version.pk: rule.rule.code for rule in rules}
    conflicts = scan.scan(rules, company.now)
    return {
        (code[rule], subject, frozenset(part.covered_as for part in parts))
        for (rule, subject), parts in conflicts.items()
    }


def put(documents: Iterable[dict[str, Any]], company: Company) -> None:
    """Put rules in force."""
    for document in documents:
        ConflictRule.objects.bulk_create([conflict_rules.unsaved(document, company.now)])
    leg_members.update_all(company.now)


@pytest.mark.full
@ESTATE
@settings(
    max_examples=run_lengths.run_length(6, full=25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=st.lists(RULES, min_size=1, max_size=6))
def test_a_check_of_each_and_a_scan_of_all_find_the_same(estate: Company, drawn: list[Any]) -> None:
    with transaction.atomic():
        put((rule_of(estate, rule, number) for number, rule in enumerate(drawn)), estate)
        assert checked(estate) == scanned(estate)
        transaction.set_rollback(True)


@pytest.mark.full
@pytest.mark.rule("S8")
@ESTATE
@settings(
    max_examples=run_lengths.run_length(6, full=25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(drawn=st.lists(RULES, min_size=1, max_size=6))
def test_counts_of_rule_matches_agree_with_scan(estate: Company, drawn: list[Any]) -> None:
    documents = [rule_of(estate, rule, number) for number, rule in enumerate(drawn)]
    submissions = list(Submission.objects.order_by("pk"))
    one_by_one = [merged(dry_run.conflicts_of([waiting], estate.now, *documents))[0] for waiting in submissions]
    together = merged(dry_run.conflicts_of(submissions, estate.now, *documents))
    with transaction.atomic():
        put(documents, estate)
        rules = conflict_queries.in_force(estate.now)
        facts = load_version_facts(submissions, estate.now).values()
        submitted = [conflicts.case for conflicts in submission.load_cases(facts, rules)]
        checked_singly = [find_all_conflicts([case], estate.now, rules)[0] for case in submitted]
        found_together = find_all_conflicts(submitted, estate.now, rules)
        transaction.set_rollback(True)
    assert codes(one_by_one) == codes(checked_singly)
    assert codes(together) == codes(found_together)


def merged(by_rule: list[list[list[FoundConflict]]]) -> list[list[FoundConflict]]:
    """The conflicts of each submission, of all rules."""
    return [[conflict for conflicts in each for conflict in conflicts] for each in zip(*by_rule, strict=True)]


def codes(conflicts: Iterable[Iterable[FoundConflict]]) -> list[set[tuple[str, int]]]:
    """The rules that catch each subject, with their legs."""
    return [{(conflict.standing.rule.code, conflict.subject) for conflict in each} for each in conflicts]
