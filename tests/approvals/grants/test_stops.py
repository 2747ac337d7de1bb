"""Stop: one press suspends everything of an automation, grant, identity, resource or team; the same person undoes it for a minute (G5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from approvals.grants.transitions import lifecycle, stops
from approvals.models import Grant, GrantState, Stop, Submission
from approvals.models.grant import Why
from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent
from inventory.automations.transitions import lifecycle as automation_lifecycle
from inventory.models import Automation, AutomationState, Credential, NonHumanIdentity
from tests.inventory.automations.test_register_pages import cost, drafts
from tests.matrix.cast_and_states import inside
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("G5")]


@pytest.fixture
def automation(stock_in_force: Submission) -> Automation:
    """The weekly stock report in force; Jonas and Rita own it, Omar owns the ERP, Mei owns Slack."""
    return Automation.objects.get(pk=stock_in_force.automation_id)


def states(automation: Automation) -> dict[int, tuple[str, str]]:
    """State and reason of suspension of each of its grants."""
    rows = Grant.objects.filter(automation=automation).values_list("pk", "state", "suspended_why")
    return {pk: (state, why) for pk, state, why in rows}


def verbs(row: Stop) -> list[str]:
    """Events since the press, in order."""
    first = LedgerEvent.objects.filter(verb__in=("automation.stopped", "grant.stopped"), at=row.at).earliest("pk")
    events = LedgerEvent.objects.filter(pk__gte=first.pk, outcome="done").order_by("pk")
    return list(events.values_list("verb", flat=True))


def test_auditor_cannot_stop_and_sees_no_button(company: Company, automation: Automation) -> None:
    n = company.people
    for verb, row in (
        (stops.stop_automation, automation),
        (stops.stop_resource, company.erp),
        (stops.stop_team, automation.team),
    ):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            verb(row, actor=as_actor(n.yuki), now=company.now)
    assert Automation.objects.get(pk=automation.pk).state == AutomationState.LIVE
    assert LedgerEvent.objects.filter(outcome="refused", actor_id=n.yuki.opaque_id).count() == 3
    assert ">Stop</button>" not in client_of(n.yuki).get(automation.href).content.decode()
    assert ">Stop</button>" in client_of(n.jonas).get(automation.href).content.decode()


def test_undo_is_refused_to_others_and_after_60_seconds(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    row: Any = stops.stop_automation(automation, actor=as_actor(n.jonas), now=now)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        stops.undo(row, actor=as_actor(n.sana), now=now)
    with pytest.raises(OutOfTurn, match="60 seconds"):
        stops.undo(row, actor=as_actor(n.jonas), now=now + timedelta(seconds=60))
    assert Automation.objects.get(pk=automation.pk).state == AutomationState.SUSPENDED
    stops.undo(row, actor=as_actor(n.jonas), now=now + timedelta(seconds=59))
    with pytest.raises(OutOfTurn, match="undid"):
        stops.undo(row, actor=as_actor(n.jonas), now=now + timedelta(seconds=59))


def test_stop_of_automation_acts_at_once_and_undo_restores_it(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    before = states(automation)
    row: Any = stops.stop_automation(automation, actor=as_actor(n.jonas), now=now)
    assert not Grant.objects.live(now).filter(automation=automation).exists()
    assert Automation.objects.get(pk=automation.pk).stopped_by == n.jonas
    stops.undo(row, actor=as_actor(n.jonas), now=now + timedelta(seconds=5))
    again = Automation.objects.get(pk=automation.pk)
    assert (again.state, again.stopped_by, again.suspended_at) == (AutomationState.LIVE, None, None)
    assert states(automation) == before
    assert verbs(row) == ["automation.stopped", "stop.pressed", "automation.stop_undone", "stop.undone"]


def test_undo_keeps_suspension_by_a_review(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    with inside(automation, as_actor(n.sana), now):
        automation_lifecycle.suspend(automation, actor=as_actor(n.sana), now=now, why="overdue")
    row: Any = stops.stop_automation(automation, actor=as_actor(n.jonas), now=now)
    stops.undo(row, actor=as_actor(n.jonas), now=now)
    again = Automation.objects.get(pk=automation.pk)
    assert (again.state, again.stopped_by) == (AutomationState.SUSPENDED, None)


def test_stop_of_resource_suspends_its_grants_and_undo_restores_only_these(
    company: Company, automation: Automation
) -> None:
    n, now = company.people, company.now
    resource = company.erp
    on_slack = Grant.objects.get(automation=automation, entitlement__resource=company.slack)
    first = stops.stoppable_grants(resource).order_by("pk")[0]
    stops.stop_grant(first, actor=as_actor(n.sana), now=now, reason="It leaks.")
    before = states(automation)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        stops.stop_resource(resource, actor=as_actor(n.jonas), now=now)
    row: Any = stops.stop_resource(resource, actor=as_actor(n.omar), now=now)
    stopped = {pk for pk, state in states(automation).items() if state == (GrantState.SUSPENDED, Why.STOPPED)}
    assert stopped == {first.pk, *map(int, row.grants)}
    assert first.pk not in map(int, row.grants)
    assert states(automation)[on_slack.pk] == before[on_slack.pk]
    stops.undo(row, actor=as_actor(n.omar), now=now)
    assert states(automation) == before
    held = len(row.grants)
    assert verbs(row) == [
        "grant.stopped",
        "stop.pressed",
        *["grant.stopped"] * held,
        "stop.pressed",
        *["grant.stop_undone"] * held,
        "stop.undone",
    ]


def test_stop_of_identity_and_of_team(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    idle, identity = (
        NonHumanIdentity.objects.create(kind="spiffe", issuer="x", subject=subject, owner=n.jonas, automation=runs)
        for subject, runs in (("spiffe://x/idle", None), ("spiffe://x/report", automation))
    )
    with pytest.raises(OutOfTurn, match="nothing to stop"):
        stops.stop_identity(idle, actor=as_actor(n.jonas), now=now)
    row: Any = stops.stop_identity(identity, actor=as_actor(n.jonas), now=now)
    assert not Grant.objects.filter(automation=automation, state=GrantState.ACTIVE).exists()
    stops.undo(row, actor=as_actor(n.jonas), now=now)
    row = stops.stop_team(automation.team, actor=as_actor(n.theo), now=now)
    assert row.automations == [automation.pk]
    assert Automation.objects.get(pk=automation.pk).stopped_by == n.theo
    stops.undo(row, actor=as_actor(n.theo), now=now)
    assert Automation.objects.get(pk=automation.pk).state == AutomationState.LIVE


def test_undo_for_a_team_restores_the_rest_when_one_was_retired(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    drafts(company, ["Another"], holding=[])
    with unguarded(Automation):
        another = Automation.objects.filter(name="Another")
        another.update(state="live", team=automation.team, approved_version=automation.approved_version)
    row: Any = stops.stop_team(automation.team, actor=as_actor(n.theo), now=now)
    assert len(row.automations) == 2
    automation.refresh_from_db()
    automation_lifecycle.retire(automation, actor=as_actor(n.jonas), now=now, reason="Gone.")
    stops.undo(row, actor=as_actor(n.theo), now=now + timedelta(seconds=20))
    assert Automation.objects.get(name="Another").state == AutomationState.LIVE
    assert Automation.objects.get(pk=automation.pk).state == AutomationState.RETIRED


@pytest.mark.rule("A13", "G5", "S6")
@pytest.mark.parametrize("why", [Why.NOT_FINE, Why.CONFLICT])
def test_undo_leaves_a_grant_that_was_held_back_meanwhile(company: Company, automation: Automation, why: Why) -> None:
    n, now = company.people, company.now
    before = states(automation)
    row: Any = stops.stop_resource(company.erp, actor=as_actor(n.omar), now=now)
    grant = Grant.objects.get(pk=min(map(int, row.grants)))
    with inside(grant.automation, as_actor(n.sana), now):
        lifecycle.hold_back(grant, actor=as_actor(n.sana), now=now, why=why)
    stops.undo(row, actor=as_actor(n.omar), now=now + timedelta(seconds=20))
    assert states(automation) == before | {grant.pk: (GrantState.SUSPENDED, why)}


def test_second_press_shows_the_same_stop(company: Company, automation: Automation) -> None:
    first = stops.stop_automation(automation, actor=as_actor(company.people.jonas), now=company.now)
    assert stops.stop_automation(automation, actor=as_actor(company.people.jonas), now=company.now) == first


def test_reader_without_the_button_is_told_who_can_stop(company: Company, automation: Automation) -> None:
    words, n = "security or on-call can stop it", company.people
    pages = {person: client_of(person).get(automation.href).content.decode() for person in (n.ines, n.jonas, n.sana)}
    assert (words in pages[n.ines], "/stop/" in pages[n.ines]) == (True, False)
    assert not any(words in pages[person] for person in (n.jonas, n.sana))
    assert all("/stop/" in pages[person] for person in (n.jonas, n.sana))


@pytest.mark.rule("G5", "H1")
def test_press_after_restart_is_refused_and_recorded(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    stops.stop_automation(automation, actor=as_actor(n.jonas), now=now)
    automation_lifecycle.request_resume(automation, actor=as_actor(n.theo), now=now, reason="Fixed.")
    automation_lifecycle.resume(automation, actor=as_actor(n.sana), now=now, reason="Seen.")
    stops.stop_automation(automation, actor=as_actor(n.sana), now=now)
    with pytest.raises(OutOfTurn, match=r"^G5: "):
        stops.stop_automation(automation, actor=as_actor(n.jonas), now=now)
    refused = LedgerEvent.objects.get(verb="stop.pressed", outcome="refused")
    assert refused.actor_id == str(n.jonas.opaque_id)


def test_press_on_a_grant_is_refused_to_others(company: Company, automation: Automation) -> None:
    n = company.people
    grant = Grant.objects.get(automation=automation, entitlement__resource=company.slack)
    for person, status in ((n.nadia, 404), (n.yuki, 403), (n.theo, 403)):
        answer = client_of(person).post(reverse("grant_stop", args=[grant.pk]))
        assert answer.status_code == status
        assert grant.sentence not in answer.content.decode()
    assert client_of(n.omar).get(reverse("grant_stop", args=[grant.pk])).status_code == 405
    assert states(automation)[grant.pk] == (GrantState.ACTIVE, "")


@pytest.mark.rule("G5", "A2", "I6")
@pytest.mark.usefixtures("clock_stands")
def test_page_of_a_stopped_credential_shows_what_needs_it_and_its_reach(
    company: Company, automation: Automation
) -> None:
    before, now = states(automation), company.now
    grant = Grant.objects.get(automation=automation, kind="credential", credential__opens=company.erp)
    needing = Grant.objects.get(automation=automation, kind="privilege", credential=grant.credential)
    other = Grant.objects.get(automation=automation, kind="privilege", entitlement__resource=company.slack)
    omar = client_of(company.people.omar)
    page = omar.post(reverse("grant_stop", args=[grant.pk]), follow=True).content.decode()
    row = Stop.objects.get()
    assert grant.sentence in page
    assert needing.sentence in page
    assert other.sentence not in page
    assert "What else it opens is not known." in page
    assert "Undo this stop" in page
    assert {pk for pk in before if pk not in set(Grant.objects.live(now).values_list("pk", flat=True))} == {
        *map(int, row.grants)
    }
    assert states(automation)[needing.pk] == before[needing.pk], "it stays approved, and unusable"
    Credential.objects.filter(pk=grant.credential_id).update(reach_kind="read", reach=["row:delete", "row:select"])
    page = omar.post(reverse("stop_explain", args=[row.pk]), {"reason": "Leaked."}, follow=True).content.decode()
    assert "It opens: row:delete, row:select." in page
    assert "Leaked." in page
    assert cost(omar, row.href)[0] <= 15
    omar.post(reverse("stop_undo", args=[row.pk]))
    assert states(automation) == before
    assert verbs(row) == ["grant.stopped", "stop.pressed", "stop.explained", "grant.stop_undone", "stop.undone"]


def test_stop_of_a_grant_stands_after_60_seconds(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    grant = Grant.objects.get(automation=automation, entitlement__resource=company.slack)
    row: Any = stops.stop_grant(grant, actor=as_actor(n.jonas), now=now)
    assert stops.stop_grant(grant, actor=as_actor(n.jonas), now=now) == row
    with pytest.raises(OutOfTurn, match="60 seconds to undo this are over"):
        stops.undo(row, actor=as_actor(n.jonas), now=now + timedelta(seconds=60))
    assert states(automation)[grant.pk] == (GrantState.SUSPENDED, Why.STOPPED)


@pytest.mark.usefixtures("clock_stands")
def test_page_of_an_old_stop_does_not_change(company: Company, automation: Automation) -> None:
    n, now = company.people, company.now
    held = Grant.objects.filter(automation=automation).order_by("pk")
    first, *later = held
    lifecycle.revoke(first, actor=as_actor(n.sana), now=now, reason="Not needed.")
    row: Any = stops.stop_automation(automation, actor=as_actor(n.jonas), now=now)
    lifecycle.revoke(later[0], actor=as_actor(n.sana), now=now, reason="Not needed.")
    shown = client_of(n.jonas).get(row.href).context["grants"]
    assert first not in shown
    assert later[0] in shown


@pytest.mark.usefixtures("clock_stands")
def test_page_shows_what_stopped_and_the_reason_keeps_the_undo(company: Company, automation: Automation) -> None:
    jonas = client_of(company.people.jonas)
    answer = jonas.post(reverse("automation_stop", args=[automation.pk]), follow=True)
    page, row = answer.content.decode(), Stop.objects.get()
    grants = Grant.objects.filter(automation=automation)
    assert all(grant.sentence in page for grant in grants)
    assert "Undo this stop" in page
    assert jonas.post(reverse("stop_explain", args=[row.pk]), {"reason": " "}).status_code == 422
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        stops.explain(row, actor=as_actor(company.people.jonas), now=company.now)
    page = jonas.post(
        reverse("stop_explain", args=[row.pk]), {"reason": "It posts nonsense."}, follow=True
    ).content.decode()
    assert "It posts nonsense." in page
    assert "Undo this stop" in page
    assert client_of(company.people.omar).get(row.href).status_code == 404
    page = jonas.post(reverse("stop_undo", args=[row.pk]), follow=True).content.decode()
    assert "Stop undone" in page
    assert "Undo this stop" not in page
    assert cost(jonas, row.href)[0] <= 15


@pytest.mark.rule("G4", "G5")
@pytest.mark.usefixtures("clock_stands")
def test_page_says_what_was_not_cut_and_who_switches_it_off(company: Company, automation: Automation) -> None:
    jonas = client_of(company.people.jonas)
    grants, where = Grant.objects.filter(automation=automation), reverse("automation_stop", args=[automation.pk])
    page = jonas.post(where, follow=True).content.decode()
    assert "<b>It can still act.</b>" in page
    assert "It can no longer act" not in page
    owner = (automation.technical_owner or automation.business_owner).name
    assert f"n8n still runs <b>{automation.name}</b>: ask {owner} to switch it off there." in page
    for number, words in ((1, "Countersign can’t cut 3 of 4 grants."), (4, "It can no longer act.")):
        with unguarded(Grant):
            grants.filter(pk__in=grants.order_by("pk").values("pk")[:number]).update(enforcement="gated")
        assert f"<b>{words}</b>" in jonas.get(Stop.objects.get().href).content.decode()


@pytest.mark.rule("S5")
@pytest.mark.usefixtures("clock_stands")
def test_page_names_no_access_of_an_automation_that_the_reader_may_not_see(
    company: Company, automation: Automation
) -> None:
    n, nadia = company.people, client_of(company.people.nadia)
    identity = NonHumanIdentity.objects.create(
        kind="spiffe", issuer="x", subject="spiffe://x/report", owner=n.nadia, automation=automation
    )
    assert nadia.get(automation.href).status_code == 404
    page = nadia.post(reverse("identity_stop", args=[identity.pk]), follow=True).content.decode()
    assert Grant.objects.filter(automation=automation, suspended_why=Why.STOPPED).count() == 4
    assert not [grant for grant in Grant.objects.filter(automation=automation) if grant.sentence in page]
    assert "You don’t see the automations that held these grants." in page
