"""A requested waiver is on the home page of security reviewers who gain nothing by it, and of the requester (S7)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.inbox.task import Task
from approvals.models import Conflict, Submission, Waiver
from approvals.tasks import sweep_conflicts_and_waivers
from governance.core.models import Person
from governance.core.roles.roles import Role
from inventory.models import Version
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.waivers.test_waivers import ask, grant
from tests.inventory.automations.test_register_pages import cost
from tests.people import give_role, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import Ground, starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S7"), pytest.mark.database]


def in_twelve_conflicts(c: Company) -> Version:
    """A version breaks twelve rules."""
    for number in range(12):
        conflict_rules.rule(on(c.erp), on(c.slack), code=f"rule-{number}", title=f"Rule {number}", mode="enforce")
    return stock_report.version(c)


def waived(c: Company) -> Waiver:
    """Security grants a waiver of five days for the stock report in force."""
    conflict_rules.rule(on(c.erp), on(c.slack), title="Never both", mode="enforce")
    return grant(c, ask(c, stock_report.newest(c).automation, days=5), c.people.sana)


IN_TWELVE_CONFLICTS = starting_point("plain", in_twelve_conflicts)
WAIVED = starting_point("plain_in_force", waived)


@pytest.fixture
def version(ground: Ground) -> Version:
    """A version that breaks twelve rules."""
    return ground.made(IN_TWELVE_CONFLICTS.args[0])


def at_home(person: Person) -> dict[str, list[str]]:
    """Titles of the waivers that somebody's home shows, by group."""
    groups = client_of(person).get(reverse("home")).context["groups"]
    shown = {group.key: [row.name for row in group.shown_tasks] for group in groups}
    return {key: shown[key] for key in ("waivers", "asked") if key in shown}


@IN_TWELVE_CONFLICTS
def test_beneficiary_is_not_asked_for_waiver(plain: Company, version: Version) -> None:
    n = plain.people
    give_role(n.jonas, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    ask(plain, version.automation, code="rule-0")
    for person in (n.jonas, n.theo, n.yuki, n.ines):
        assert at_home(person) == {}, person.name


@IN_TWELVE_CONFLICTS
def test_waiver_waits_for_security_and_stays_with_requester(plain: Company, version: Version) -> None:
    n = plain.people
    waiver = ask(plain, version.automation, code="rule-0")
    assert at_home(n.sana) == {"waivers": ["Rule 0"]}
    assert at_home(n.rita) == {"asked": ["Rule 0"]}
    grant(plain, waiver, n.sana)
    assert at_home(n.sana) == at_home(n.rita) == {}


@IN_TWELVE_CONFLICTS
def test_home_costs_as_many_queries_with_many_as_with_one(plain: Company, version: Version) -> None:
    n, path = plain.people, reverse("home")
    ask(plain, version.automation, code="rule-0")
    one = {who.pk: cost(client_of(who), path)[0] for who in (n.sana, n.rita)}
    for number in range(1, 12):
        ask(plain, version.automation, code=f"rule-{number}")
    for who in (n.sana, n.rita):
        assert cost(client_of(who), path)[0] == one[who.pk] <= 15, who.name
    assert len(at_home(n.sana)["waivers"]) == len(at_home(n.rita)["asked"]) == 8


@WAIVED
def test_expired_waiver_is_warned_about_on_home_and_automation(
    plain: Company, plain_in_force: Submission, start: Waiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, automation = plain.people, plain_in_force.automation
    waiver = start
    assert waiver.ends_at is not None
    before = {who.pk: cost(client_of(who), reverse("home"))[0] for who in (n.rita, n.sana)}
    for at, is_over in ((waiver.ends_at - timedelta(hours=1), False), (waiver.ends_at, True)):
        sweep_conflicts_and_waivers(at)
        monkeypatch.setattr("governance.core.clock.current_time.now", lambda at=at: at)
        for who in (n.theo, n.omar):
            assert over_at_home(who) == []
        for who in (n.jonas, n.rita, n.sana, n.viktor):
            assert over_at_home(who) == (["Never both"] if is_over else []), who.name
        shown = client_of(n.rita).get(automation.href).content.decode()
        assert ("Of 1 a waiver is over" in shown) == is_over
    for who in (n.rita, n.sana):
        assert cost(client_of(who), reverse("home"))[0] == before[who.pk] + 1, (
            "the conflicts are read once there are some"
        )
    (row,) = over_tasks(n.rita)
    conflict = Conflict.objects.get()
    assert (row.href, row.due) == (conflict.href, conflict.due_at)
    assert row.text.startswith(f"{automation.name}: the waiver is over")


@WAIVED
def test_home_names_one_conflict_that_reader_answers_for(
    plain: Company, plain_in_force: Submission, start: Waiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Security sees all of them, and the first by name."""
    n, mine = plain.people, plain_in_force.automation
    joins(n.piet, n.finance_ops)
    other = stock_report.version(
        plain, lambda export: export.update(id="other", name="A first of all"), business_owner=n.piet
    )
    waiver = start
    sweep_conflicts_and_waivers(waiver.ends_at)
    Conflict.objects.filter(pk=Conflict.objects.standing("again", waiver.ends_at).get().pk).update(
        automations=sorted([mine.pk, other.automation_id])
    )
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: waiver.ends_at)
    named = {who.name: [row.text.partition(":")[0] for row in over_tasks(who)] for who in (n.jonas, n.sana)}
    assert named == {n.jonas.name: [mine.name], n.sana.name: [other.automation.name]}


@WAIVED
def test_warning_ends_with_new_waiver_or_resolution(
    plain: Company, plain_in_force: Submission, start: Waiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, automation = plain.people, plain_in_force.automation
    first = start
    sweep_conflicts_and_waivers(first.ends_at)
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: first.ends_at)
    assert over_at_home(n.rita) == ["Never both"]
    grant(plain, ask(plain, automation, days=5, now=first.ends_at), n.sana, now=first.ends_at)
    assert over_at_home(n.rita) == over_at_home(n.sana) == []


def over_tasks(person: Person) -> list[Task]:
    """The lines of a person's home page about ended waivers."""
    groups = client_of(person).get(reverse("home")).context["groups"]
    group = next((group for group in groups if group.key == "over"), None)
    return group.tasks if group is not None else []


def over_at_home(person: Person) -> list[str]:
    """Titles of the rules."""
    return [row.name for row in over_tasks(person)]
