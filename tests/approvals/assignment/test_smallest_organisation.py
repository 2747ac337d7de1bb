"""The least organisation: whether different people can fill all that one submission needs at once, and who is missing (S9)."""

from __future__ import annotations

from io import StringIO
from itertools import permutations
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from approvals.assignment import smallest_organisation
from approvals.assignment.matching import unfilled_places
from governance.core.clock import current_time
from governance.core.health import queries as health_queries
from governance.core.jobs import job_runs
from governance.core.models import Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.roles.roles import Role
from tests.appointments import record_leaver
from tests.people import NOW, Northwind, as_actor
from tests.scenarios import Company
from tests.trigger_bypass import unguarded

#: What is missing of each tier in a company of nobody.
NOBODY = [
    "Standard risk takes 3 different people at once and 0 are there. Missing: a builder, in a team; "
    "an approver of stage 1 (the team's lead); an approver of stage 2 (a resource's owner).",
    "High risk takes 5 different people at once and 0 are there. Missing: a builder, in a team; "
    "an approver of stage 1 (the team's lead); an approver of stage 2 (a resource's owner); "
    "a security reviewer for stage 2; a second owner beside the builder.",
]

could = st.frozensets(st.integers(1, 5), max_size=4)


@pytest.mark.rule("S9")
@given(st.lists(could, max_size=5))
def test_matching_leaves_fewest_places_empty(wanted: list[frozenset[int]]) -> None:
    empty = unfilled_places([("", people) for people in wanted])
    everybody = [1, 2, 3, 4, 5, *([0] * len(wanted))]  # 0 is nobody
    best = max(
        sum(person in people for person, people in zip(picked, wanted, strict=True))
        for picked in set(permutations(everybody, len(wanted)))
    )
    assert len(wanted) - len(empty) == best


@pytest.mark.rule("S9")
def test_matching_fills_earlier_places_first() -> None:
    people = frozenset({1})
    assert unfilled_places([("builder", people), ("lead", people), ("owner", frozenset({1, 2}))]) == [1]


@pytest.mark.rule("S9")
@pytest.mark.django_db
def test_empty_company_lacks_every_role() -> None:
    assert smallest_organisation.shortage_sentences(NOW) == NOBODY


@pytest.mark.rule("S9")
@pytest.mark.django_db
def test_fully_staffed_company_lacks_nobody(company: Company, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(7):
        assert smallest_organisation.shortage_sentences(company.now) == []


class Small:
    """A company that grows a person at a time."""

    def __init__(self) -> None:
        self.team = Team.objects.create(name="Team", kind=TeamKind.BUSINESS)

    def person(self, name: str, *roles: Role) -> Person:
        made = Person.objects.create(subject=name, name=name)
        for role in roles:
            with unguarded(RoleAssignment):
                RoleAssignment.objects.create(
                    person=made, role=role, proposed_at=NOW, confirmed_at=NOW, by_bootstrap=True
                )
        return made


@pytest.mark.rule("S9", "S1", "S2", "A8")
@pytest.mark.django_db
def test_one_person_with_every_role_is_one_person() -> None:
    small = Small()
    able = small.person("Able", Role.BUILDER, Role.SECURITY_REVIEWER)
    Membership.objects.create(team=small.team, person=able)
    small.team.lead = able
    with unguarded(Team):
        small.team.save()
    standard, high = smallest_organisation.shortage_sentences(NOW)
    assert standard == (
        "Standard risk takes 3 different people at once and 1 is there. Missing: "
        "an approver of stage 1 (the team's lead): the one who could is needed elsewhere; "
        "an approver of stage 2 (a resource's owner): the one who could is needed elsewhere."
    )
    assert high.startswith("High risk takes 5 different people at once and 1 is there.")


@pytest.mark.rule("S9", "A9")
@pytest.mark.django_db
def test_smallest_company_for_standard_is_too_small_for_high() -> None:
    small = Small()
    Membership.objects.create(team=small.team, person=small.person("Rita", Role.BUILDER))
    for name in ("Sana", "Viktor"):
        small.person(name, Role.SECURITY_REVIEWER)
    (high,) = smallest_organisation.shortage_sentences(NOW)
    assert high == (
        "High risk takes 5 different people at once and 3 are there. Missing: "
        "a security reviewer for stage 2: the 2 who could are needed elsewhere; "
        "a second owner beside the builder: the 3 who could are needed elsewhere."
    )


@pytest.mark.rule("S9")
@pytest.mark.django_db
def test_builder_without_team_and_leaver_do_not_count(company: Company) -> None:
    n = company.people
    for person in (n.piet, n.tom):
        record_leaver(person, actor=as_actor(n.ines), now=company.now, reason="A new job.")
    assert smallest_organisation.shortage_sentences(company.now) == []
    Membership.objects.filter(person=n.rita).delete()
    assert [
        sentence.partition("Missing: ")[2] for sentence in smallest_organisation.shortage_sentences(company.now)
    ] == ["a builder, in a team."] * 2


@pytest.mark.rule("S9")
@pytest.mark.django_db
def test_health_lists_missing_roles_as_advice(northwind: Northwind) -> None:
    n = northwind
    assert not [
        finding for finding in health_queries.findings(now=n.now, at=current_time.real()) if finding.part == "people"
    ]
    for person in (n.sana, n.viktor):
        record_leaver(person, actor=as_actor(n.ines), now=n.now, reason="A new job.")
    _, finding = [
        finding for finding in health_queries.findings(now=n.now, at=current_time.real()) if finding.part == "people"
    ]
    assert not finding.is_failure
    assert "a security reviewer for stage 2" in finding.sentence
    out = StringIO()
    for job in job_runs.health(current_time.real()):
        job_runs.run_job(job.job, lambda now: {})
    call_command("health", stdout=out)  # advice is no failure
    assert f"advice  people: {finding.sentence}" in out.getvalue()
