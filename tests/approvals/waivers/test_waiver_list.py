"""Waivers have a list: who may see it sees what waits, what counts and what is over, for as many queries however many there are (S7)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.models import Waiver
from approvals.waivers import transitions as waiver_transitions
from governance.core.models import Person
from governance.web.pages import pager
from inventory.models import Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.waivers.test_waivers import ask, grant
from tests.inventory.automations.test_register_pages import cost
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import Ground, starting_point
from tests.trigger_bypass import unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S7")]


def in_conflicts(c: Company, count: int = 8) -> Version:
    """A version breaks so many rules."""
    for number in range(count):
        conflict_rules.rule(on(c.erp), on(c.slack), code=f"rule-{number}", title=f"Rule {number}", mode="enforce")
    return stock_report.version(c)


IN_EIGHT_CONFLICTS = starting_point("plain", in_conflicts)


@pytest.fixture
def version(ground: Ground) -> Version:
    """A version that breaks eight rules."""
    return ground.made(IN_EIGHT_CONFLICTS.args[0])


def listed(person: Person, show: str = "") -> list[str]:
    """Titles that somebody sees."""
    answer = client_of(person).get(reverse("waiver_list"), {"show": show} if show else {})
    return [waiver.title for waiver in answer.context["rows"]]


@IN_EIGHT_CONFLICTS
def test_waivers_are_hidden_without_access_to_automation(plain: Company, version: Version) -> None:
    ask(plain, version.automation, code="rule-0")
    n = plain.people
    assert listed(n.theo) == listed(n.sana) == ["Rule 0"]
    assert listed(n.tom) == []


@IN_EIGHT_CONFLICTS
def test_each_stands_where_it_stands(plain: Company, version: Version) -> None:
    n = plain.people
    made = [ask(plain, version.automation, code=f"rule-{number}") for number in range(5)]
    grant(plain, made[1], n.sana)
    waiver_transitions.refuse_waiver(made[2], actor=as_actor(n.sana), now=plain.now, reason="No.")
    waiver_transitions.withdraw_waiver(made[3], actor=as_actor(n.rita), now=plain.now)
    grant(plain, made[4], n.sana, days=1)
    with unguarded(Waiver):  # over, and no run has said so yet
        Waiver.objects.filter(pk=made[4].pk).update(
            begins_at=plain.now - timedelta(days=2), ends_at=plain.now - timedelta(days=1)
        )
    assert listed(n.rita) == ["Rule 0"]
    assert listed(n.rita, "live") == ["Rule 1"]
    assert listed(n.rita, "over") == ["Rule 4", "Rule 3", "Rule 2"]


@IN_EIGHT_CONFLICTS
def test_team_filter_offers_teams_of_visible_waivers_only(plain: Company, version: Version) -> None:
    ask(plain, version.automation, code="rule-0")
    n, path = plain.people, reverse("waiver_list")
    team = n.finance_ops
    assert team.name not in client_of(n.tom).get(path, {"team": team.pk}).content.decode()
    of_team, of_other = (client_of(n.sana).get(path, {"team": pk}) for pk in (team.pk, n.marketing.pk))
    assert f'value="{team.pk}" selected>{team.name}<' in of_team.content.decode()
    assert [len(answer.context["rows"]) for answer in (of_team, of_other)] == [1, 0]


@IN_EIGHT_CONFLICTS
def test_waiver_list_query_count_is_constant_over_pages(
    plain: Company, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pager, "PAGE", 6)
    client, path = client_of(plain.people.sana), reverse("waiver_list")
    ask(plain, version.automation, code="rule-0")
    queries = cost(client, path)[0]
    for number in range(1, 8):
        ask(plain, version.automation, code=f"rule-{number}")
    assert cost(client, path)[0] == queries <= 8
    first = client.get(path).context
    assert len(first["rows"]) == 6
    second = client.get(first["pager"].older_href).context
    assert [waiver.title for waiver in second["rows"]] == ["Rule 1", "Rule 0"]
    assert client.get(second["pager"].newer_href).context["rows"] == first["rows"]


def test_review_and_automation_show_requested_and_live_waivers(plain: Company) -> None:
    n, version = plain.people, in_conflicts(plain, count=2)
    for number in range(2):
        waiver = grant(plain, ask(plain, version.automation, code=f"rule-{number}"), n.sana)
    submission = scenarios.submitted(plain, version)
    for path in (reverse("automation_grants", args=[version.automation_id]), reverse("review", args=[submission.pk])):
        answer = client_of(n.sana).get(path)
        assert [row.href for row in answer.context["waivers"]][:1] == [waiver.href]
        assert f'<a href="{waiver.href}">Rule 1</a>' in answer.content.decode()
    Waiver.objects.update(state="ended")
    assert client_of(n.sana).get(path).context["waivers"] == []
