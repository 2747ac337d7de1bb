"""What happens to a grant once it exists: refused first, then what each operation leaves behind (G1, G2, G3, G5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.grants import deploy_gate
from approvals.grants import jobs as grant_jobs
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.models import Grant, GrantState, Submission
from approvals.models.grant import Why
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.engine import hooks
from governance.core.engine.transition import Transition
from governance.core.models import LedgerEvent, Person
from governance.core.timeline import queries as timeline_queries
from inventory.automations.transitions import lifecycle
from inventory.models import Automation
from tests.approvals import stock_report
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.scenarios import Company

JOB = Actor.of_job("approvals.sweep")


@pytest.fixture
def company(company: Company, live: Submission) -> Company:
    """Northwind with Weekly stock report in force."""
    return company


@pytest.fixture
def grant(company: Company) -> Grant:
    """A standard grant of it, on Omar's ERP."""
    return Grant.objects.get(entitlement__resource=company.erp)


def _do(step: Any, *, do: Any) -> None:
    do(step)


#: Stands for whatever causes internal operations. It is in no registry: the matrix and the generated docs don't know it.
SOMETHING = Transition(
    name="tests.something",
    model=Automation,
    event="automation.something",
    body=_do,
    source=None,
    target=(),
    permission=transition_lifecycle.revoke.permission,
    duties=(),
    parents=(),
    reason_needed=False,
    words="",
)


def caused(grant: Grant, verb: Transition[Grant], company: Company, *, now: Any = None, **params: Any) -> Grant:
    """Cause an internal operation, as a review would."""
    made: list[Grant] = []
    at = now or company.now

    def do(step: Any) -> None:
        made.append(verb(grant, actor=step.actor, now=at, **params))

    SOMETHING(grant.automation, actor=as_actor(company.people.jonas), now=at, do=do)
    grant.refresh_from_db()
    return made[0]


@pytest.mark.rule("G5")
def test_only_responsible_people_security_and_on_call_stop_or_revoke(grant: Grant, company: Company) -> None:
    n = company.people
    superuser = Person.objects.create_superuser("root@northwind.example", name="Root")
    for nobody in (n.tom, n.theo, n.piet, n.ines, n.yuki, n.grace, superuser):
        for verb in (stops.stop_grant, transition_lifecycle.revoke):
            with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
                verb(grant, actor=as_actor(nobody), now=company.now, reason="I want it gone.")
    assert Grant.objects.get(pk=grant.pk).state == GrantState.ACTIVE
    for may in (n.jonas, n.rita, n.omar, n.amara, n.sana, n.viktor):
        assert stops.stop_grant.refusal(grant, actor=as_actor(may), now=company.now) is None, may
    assert LedgerEvent.objects.filter(verb="stop.pressed", outcome="refused").count() == 7


@pytest.mark.rule("G5")
def test_revoking_needs_a_reason(grant: Grant, company: Company) -> None:
    with pytest.raises(InvalidInput, match=r"^REASON: "):
        transition_lifecycle.revoke(grant, actor=as_actor(company.people.omar), now=company.now, reason="   ")


@pytest.mark.rule("G3")
@pytest.mark.parametrize(
    "verb",
    [
        transition_lifecycle.suspend,
        transition_lifecycle.reinstate,
        transition_lifecycle.end,
        transition_lifecycle.let_lapse,
        transition_lifecycle.succeed,
    ],
)
def test_internal_transitions_cannot_be_called_directly(
    verb: Transition[Grant], grant: Grant, company: Company
) -> None:
    for actor in (as_actor(company.people.jonas), as_actor(company.people.omar), JOB):
        refusal = verb.refusal(grant, actor=actor, now=company.now)
        assert refusal is not None
        assert refusal.code in ("INTERNAL", "STATE")


@pytest.mark.rule("G3", "G5")
def test_a_stop_takes_hold_at_once_and_no_review_lifts_it(grant: Grant, company: Company) -> None:
    assert grant in Grant.objects.live(company.now)
    stops.stop_grant(grant, actor=as_actor(company.people.omar), now=company.now, reason="It floods the server.")
    assert grant not in Grant.objects.live(company.now)
    assert grant.suspended_why == Why.STOPPED
    for verb, params in (
        (transition_lifecycle.reinstate, {"why": [Why.REVIEW, Why.SILENCE]}),
        (transition_lifecycle.succeed, {"answers": [], "ends_at": company.now + timedelta(days=30)}),
    ):
        with pytest.raises(OutOfTurn) as caught:
            caused(grant, verb, company, **params)
        assert caught.value.refusal.code == "G5"
    with pytest.raises(OutOfTurn, match=r"^G5: This grant is stopped already\."):
        stops.stop_grant(grant, actor=as_actor(company.people.sana), now=company.now, reason="Again.")


@pytest.mark.rule("G3")
def test_a_revoked_grant_never_comes_back(grant: Grant, company: Company) -> None:
    transition_lifecycle.revoke(grant, actor=as_actor(company.people.omar), now=company.now, reason="Not on my server.")
    assert (grant.state, grant.ended_why, grant.ended_at) == (GrantState.ENDED, Why.REVOKED, company.now)
    for verb, params in (
        (transition_lifecycle.reinstate, {"why": list(Why)}),
        (transition_lifecycle.suspend, {"why": Why.REVIEW}),
        (transition_lifecycle.end, {"why": Why.RETIRED}),
        (transition_lifecycle.succeed, {"answers": [], "ends_at": company.now + timedelta(days=1)}),
    ):
        with pytest.raises(OutOfTurn, match=r"^STATE: This grant is ended, so this can't"):
            caused(grant, verb, company, **params)


@pytest.mark.rule("G3")
def test_hooks_run_for_every_end_of_a_grant(grant: Grant, company: Company) -> None:
    heard: list[str] = []

    def listen(subject: Grant, step: Any) -> None:
        heard.append(subject.ended_why)

    hooks.register(listen, "grant.ended")
    try:
        token, other = Grant.objects.filter(credential__opens=company.slack).credentials_first()
        transition_lifecycle.revoke(grant, actor=as_actor(company.people.omar), now=company.now, reason="No.")
        transition_lifecycle.expire(token, actor=JOB, now=token.ends_at)
        made = caused(other, transition_lifecycle.succeed, company, answers=[], ends_at=company.now + timedelta(days=9))
        caused(made, transition_lifecycle.end, company, why=Why.RETIRED)
    finally:
        hooks._handlers["grant.ended"].remove(listen)
    assert heard == [Why.NOT_NEEDED, Why.REVOKED, Why.TERM, Why.SUCCEEDED, Why.RETIRED]


@pytest.mark.rule("G3")
def test_a_term_ends_at_an_instant_whether_or_not_anything_sweeps(grant: Grant, company: Company) -> None:
    last = grant.ends_at - timedelta(microseconds=1)
    assert grant in Grant.objects.live(last)
    assert grant not in Grant.objects.live(grant.ends_at)
    with pytest.raises(OutOfTurn, match=r"^G3: Its term is not over yet\."):
        transition_lifecycle.expire(grant, actor=JOB, now=last)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        transition_lifecycle.expire(grant, actor=as_actor(company.people.ines), now=grant.ends_at)
    assert grant_jobs.expire_due(last, JOB) == 0
    assert grant_jobs.expire_due(grant.ends_at, JOB) == Grant.objects.count()
    assert grant_jobs.expire_due(grant.ends_at, JOB) == 0
    grant.refresh_from_db()
    assert (grant.state, grant.ended_why) == (GrantState.ENDED, Why.TERM)


@pytest.mark.rule("A2", "A17", "G3")
@pytest.mark.parametrize("verb", [transition_lifecycle.revoke, stops.stop_grant])
def test_a_privilege_is_live_no_longer_than_the_grant_of_the_credential_that_it_needs(
    verb: Transition[Grant], grant: Grant, company: Company
) -> None:
    held = Grant.objects.get(automation=grant.automation, kind="credential", credential=grant.credential)
    others = set(Grant.objects.live(company.now).exclude(pk__in=[grant.pk, held.pk]))
    digest = grant.automation.approved_version.manifest_digest
    assert grant in deploy_gate.answer_for_automation(grant.automation, digest, now=company.now).grants
    assert grant.is_live(company.now)
    verb(held, actor=as_actor(company.people.omar), now=company.now, reason="It leaked.")
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE, "it stays approved, and unusable"
    assert not grant.is_live(company.now)
    assert set(Grant.objects.live(company.now)) == others
    assert set(deploy_gate.answer_for_automation(grant.automation, digest, now=company.now).grants) == others
    (current,) = Grant.objects.telling_usable(company.now).filter(pk=grant.pk)
    assert not current.usable


@pytest.mark.rule("L1", "G3")
def test_retired_automation_has_no_grants(grant: Grant, company: Company) -> None:
    automation = Automation.objects.get(pk=grant.automation_id)
    lifecycle.retire(automation, actor=as_actor(company.people.jonas), now=company.now, reason="Replaced.")
    assert set(Grant.objects.values_list("state", "ended_why")) == {(GrantState.ENDED, Why.RETIRED)}


@pytest.mark.rule("G2")
def test_successor_keeps_access_and_names_its_basis(grant: Grant, company: Company) -> None:
    at = grant.ends_at - timedelta(days=10)
    ends = transition_lifecycle.longest_end(grant, at)
    made = caused(grant, transition_lifecycle.succeed, company, now=at, answers=[4, 5], ends_at=ends)
    assert (made.predecessor, made.begins_at, made.ends_at) == (grant, at, ends)
    same = (
        "automation",
        "entitlement",
        "credential",
        "key",
        "target",
        "scope",
        "level",
        "tier",
        "app_approval",
        "approval",
    )
    assert [getattr(made, name) for name in same] == [getattr(grant, name) for name in same]
    assert (grant.state, grant.ended_why, grant.ended_at) == (GrantState.ENDED, Why.SUCCEEDED, at)
    event = LedgerEvent.objects.get(verb="grant.succeeded", outcome="done")
    assert (event.payload["predecessor"], event.payload["answers"]) == (grant.pk, [4, 5])
    assert made in Grant.objects.live(at)
    events = timeline_queries.shapes(grant.automation, actor=as_actor(company.people.jonas), now=at, limit=50)
    assert [event["actor"] for event in events if event["text"].startswith("renewed ")] == ["You"]
    assert not [event for event in events if event["text"].startswith("ended ")], "a renewal is not an end"


@pytest.mark.rule("G1", "G2")
def test_a_successor_is_never_longer_than_the_approved_term_and_the_database_says_so_too(
    grant: Grant, company: Company
) -> None:
    longest = transition_lifecycle.longest_end(grant, company.now)
    for ends in (longest + timedelta(seconds=1), company.now, company.now - timedelta(days=1)):
        with pytest.raises(InvalidInput) as caught:
            caused(grant, transition_lifecycle.succeed, company, answers=[], ends_at=ends)
        assert caught.value.refusal.code == "G2"
    with database_refuses("never grows"):
        sql("UPDATE approvals_grant SET ends_at = ends_at + interval '1 day' WHERE id = %s", grant.pk)


def _writing(export: dict[str, Any]) -> None:
    """An edit: it changes rows of a table that it only read, which is high on a confidential resource (T1)."""
    stock_report.node(export, ".postgres")["parameters"]["operation"] = "update"


@pytest.fixture
def of_tier(tier: str, company: Company) -> Grant:
    """A grant of a privilege of one tier, just begun."""
    standard = Grant.objects.get(entitlement__resource=company.erp)
    if tier == "low":
        return low_grants(standard.approval.submission, 1, begins_at=company.now)[0]
    if tier == "high":
        made = stock_report.in_force(company, _writing)
        return Grant.objects.get(approval__submission=made, entitlement__resource=company.erp)
    return standard


@pytest.mark.rule("G2")
@pytest.mark.parametrize("tier", ["low", "standard", "high"])
def test_a_year_after_its_last_decision_stage_2_decides_again(tier: str, of_tier: Grant, company: Company) -> None:
    grant = Grant.objects.get(pk=of_tier.pk)
    assert grant.tier == tier
    decided_at = grant.approval.ended_at
    assert decided_at is not None
    for days in (50, 100, 150, 200, 250, 300, 350):
        at = decided_at + timedelta(days=days)
        grant = caused(
            grant, transition_lifecycle.succeed, company, now=at, answers=[], ends_at=at + timedelta(days=60)
        )
    at = decided_at + timedelta(days=365)
    with pytest.raises(OutOfTurn, match=r"^G2: Stage 2 approved this more than a year ago"):
        caused(grant, transition_lifecycle.succeed, company, now=at, answers=[], ends_at=at + timedelta(days=1))


@pytest.mark.rule("G1")
def test_the_database_takes_no_second_standing_grant_of_the_same_thing(grant: Grant, company: Company) -> None:
    with database_refuses("grant_one_standing_per_key"):
        copied = {
            field.attname: getattr(grant, field.attname) for field in Grant._meta.concrete_fields if field.name != "id"
        }
        Grant(**copied).save()


@pytest.mark.rule("H1")
def test_each_operation_leaves_one_history_row_and_one_event(grant: Grant, company: Company) -> None:
    rows, events = grant.history.count(), LedgerEvent.objects.count()
    stops.stop_grant(grant, actor=as_actor(company.people.sana), now=company.now, reason="Unusual traffic.")
    assert (grant.history.count(), LedgerEvent.objects.count()) == (rows + 1, events + 2)
    latest = grant.history.first()
    assert latest.history_user == company.people.sana
    assert latest.history_change_reason.startswith("stop.pressed ")
    assert "Unusual traffic" not in str(latest.__dict__) + str(LedgerEvent.objects.order_by("-pk")[0].__dict__)


@pytest.mark.rule("R4")
def test_a_lapsing_grant_runs_to_its_date(grant: Grant, company: Company) -> None:
    named, was = company.now + timedelta(days=9), grant.ends_at
    caused(grant, transition_lifecycle.let_lapse, company, ends_at=was + timedelta(days=9))
    assert (grant.state, grant.renew, grant.ends_at) == (GrantState.ACTIVE, False, was)
    caused(grant, transition_lifecycle.let_lapse, company, ends_at=named)
    assert (grant.state, grant.ends_at) == (GrantState.ACTIVE, named)
    assert grant in Grant.objects.live(grant.ends_at - timedelta(seconds=1))
