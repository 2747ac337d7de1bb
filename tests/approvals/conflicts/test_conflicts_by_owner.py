"""Conflicts are found by owner and from the automation's page, as far as the reader may see them (S6)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Submission
from approvals.tasks import sweep_conflicts_and_waivers
from inventory.models import Automation
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import moved

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]


def caught(c: Company) -> None:
    """A report of Jonas's that one rule catches for a record and another refuses."""
    conflict_rules.rule(on(c.erp), on(c.slack), code="told")
    conflict_rules.rule(on(c.slack), on(c.erp), code="refused", title="Never both", mode="enforce")
    sweep_conflicts_and_waivers(c.now)


def two_teams_in_a_chain(c: Company) -> Automation:
    """Two automations in force are in conflict, of which one belongs to another team; returns that one."""
    n = c.people
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), scope="chain")
    in_force(c, described(c, "Writes", (c.slack, "write", "in")))
    other = in_force(c, described(c, "Elsewhere", (c.slack, "read", "in"))).automation
    moved(other.pk, team=n.marketing, business_owner=n.grace, technical_owner=n.tom)
    sweep_conflicts_and_waivers(c.now)
    return other


CAUGHT = starting_point("plain_in_force", caught)


@CAUGHT
def test_owner_filter_hides_invisible_conflicts(plain: Company) -> None:
    shown = client_of(plain.people.tom).get(reverse("conflict_list")).content.decode()
    assert "Jonas Weil" not in shown


@CAUGHT
def test_the_owner_is_a_link_and_a_choice_and_narrows_the_list(plain: Company) -> None:
    who, jonas = client_of(plain.people.rita), plain.people.jonas
    shown = who.get(reverse("conflict_list")).content.decode()
    assert f'<option value="{jonas.pk}">{jonas.name}</option>' in shown
    assert f'href="{reverse("conflict_list")}?owner={jonas.pk}">{jonas.name}</a>' in shown
    his = who.get(reverse("conflict_list"), {"owner": jonas.pk, "rule": "refused"}).content.decode()
    assert his.count("row-name") == 1
    assert "of the rule “Never both” and of automations that Jonas Weil answers for" in his
    assert "row-name" not in who.get(reverse("conflict_list"), {"owner": plain.people.theo.pk}).content.decode()


@CAUGHT
def test_team_is_a_choice_and_narrows_the_list_to_visible_automations(plain: Company) -> None:
    n, path = plain.people, reverse("conflict_list")
    assert n.finance_ops.name not in client_of(n.tom).get(path).content.decode()
    who = client_of(n.sana)
    of_team = who.get(path, {"team": n.finance_ops.pk}).content.decode()
    assert of_team.count("row-name") == 2
    assert f"of automations of {n.finance_ops.name}" in of_team
    assert "row-name" not in who.get(path, {"team": n.marketing.pk}).content.decode()


@CAUGHT
def test_automation_shows_number_of_conflicts_and_worst_effect(plain: Company, plain_in_force: Submission) -> None:
    who, automation = client_of(plain.people.rita), plain_in_force.automation
    shown = who.get(automation.href).content.decode()
    assert "It has a part in 2 conflicts." in shown
    assert "The worst is refused unless it is waived." in shown
    there = f"{reverse('conflict_list')}?automation={automation.pk}"
    assert f'href="{there}"' in shown
    assert who.get(there).content.decode().count("row-name") == 2


def test_automation_without_conflict_shows_nothing_in_one_query(plain: Company, plain_in_force: Submission) -> None:
    who, href = client_of(plain.people.rita), plain_in_force.automation.href
    who.get(href)

    def query_count() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert who.get(href).status_code == 200
        return len(caught.captured_queries)

    none = query_count()
    assert "It has a part in" not in who.get(href).content.decode()
    for number in range(4):
        conflict_rules.rule(on(plain.erp), on(plain.slack), code=f"told-{number}")
    sweep_conflicts_and_waivers(plain.now)
    assert query_count() == none + 1, "with conflicts it says more of them, however many they are"


@starting_point("plain", two_teams_in_a_chain)
def test_owner_filter_hides_owners_of_invisible_parts(plain: Company, start: Automation) -> None:
    n, other = plain.people, start
    who = client_of(n.rita)
    assert "row-name" in who.get(reverse("conflict_list")).content.decode()
    for hidden in ({"owner": n.grace.pk}, {"owner": n.tom.pk}, {"automation": other.pk}):
        assert "row-name" not in who.get(reverse("conflict_list"), hidden).content.decode()
