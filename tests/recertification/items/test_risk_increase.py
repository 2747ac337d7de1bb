"""What is held has become riskier than it was approved as: its term shortens and it is reviewed, once (I2, T4, R1, R2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.grants.transitions import lifecycle, stops
from approvals.models import ConflictRule, Grant
from governance.core.duties.refusals import InvalidInput, OutOfTurn
from governance.core.engine.transition import Step
from governance.core.models import LedgerEvent, Notice, Person, Team
from governance.recertification.items import answer_deadlines, drafts, due_reviews, reviewers
from governance.recertification.items import context as item_context
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import risk_increase
from governance.recertification.items.transitions.answer import NO_CARD_VIEW
from governance.recertification.models import Asks, Item, ItemState
from inventory.chains import transitions as chain_transitions
from inventory.importers import reader
from inventory.importers.manifest import Finding, Identity, Manifest
from inventory.imports import manual_description
from inventory.imports.transitions import confirmation
from inventory.models import Assessment, Automation, NonHumanIdentity, Version, VersionIdentity
from inventory.resources.transitions import resources
from inventory.risk.tiers import Tier
from inventory.versions import assessment
from inventory.versions import transitions as version_transitions
from tests import run_lengths, scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.refusals import database_refuses, sql
from tests.ledger_records import recorded
from tests.manual_descriptions import registered
from tests.matrix.cast_and_states import inside
from tests.people import as_actor
from tests.recertification.review_steps import JOB, Held, opened, question, submit_answer
from tests.scenarios import Company
from tests.starting_points import STARTS, starting_point

pytestmark = pytest.mark.django_db

LATER = timedelta(days=40)

#: So many more run as the same identity where their number matters: each goes through both stages.
MANY = run_lengths.run_length(3, soak=12)


def raise_class(held: Held, *, now: Any = None, data_class: str = "confidential") -> Grant:
    """Omar says that the Slack workspace, on which the report posts, holds more than was thought; its grant afterwards."""
    resources.amend_resource(
        held.company.slack,
        actor=as_actor(held.people.omar),
        now=now or held.company.now + LATER,
        fields={"data_class": data_class},
    )
    return held.grant(on=held.company.slack)


def assess_anew(
    held: Held, monkeypatch: pytest.MonkeyPatch, change: Mapping[str, Any], word: str = "better"
) -> Assessment:
    """A better importer reads the same export again: what the register has makes no new version (I2)."""
    version = Version.objects.get(approved_for=held.automation)
    monkeypatch.setattr(reader, "VERSION", word)
    manifest = Manifest.from_dict({**version.manifest, **change})
    with inside(version, JOB, held.company.now + LATER):
        version_transitions.assess_version(version, now=held.company.now + LATER, manifest=manifest)
    assessment = version.latest_assessment
    assert assessment is not None
    return assessment


def open_due(held: Held, *, now: Any = None) -> list[tuple[str, str]]:
    """What the sweep opens: reason and what it is about."""
    earlier = set(Item.objects.values_list("pk", flat=True))
    due_reviews.open_due(now or held.company.now + LATER, JOB)
    new = Item.objects.exclude(pk__in=earlier).order_by("pk")
    return [(item.reason, str(item.grant.pk if item.grant else "automation")) for item in new]


# --- what opens nothing ------------------------------------------------------------------------------------------------


@pytest.mark.rule("I2", "T4")
def test_equal_or_better_result_changes_nothing(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {grant.pk: (grant.ends_at, grant.review_on) for grant in Grant.objects.all()}
    assess_anew(held, monkeypatch, {})
    resources.amend_resource(
        held.company.slack, actor=as_actor(held.people.omar), now=held.company.now, fields={"about": "Finance."}
    )
    with pytest.raises(InvalidInput, match=r"^S8: Lowering a data class takes a second"):
        raise_class(held, data_class="public")
    assert {grant.pk: (grant.ends_at, grant.review_on) for grant in Grant.objects.all()} == before
    assert open_due(held) == []


@pytest.mark.rule("I2")
def test_unapproved_version_opens_nothing(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    version = stock_report.version(held.company, stock_report.one_more_channel)
    worse = [asdict(Finding("opaque_code", "Code", "high", "Runs what it downloads"))]
    with inside(version, JOB, held.company.now + LATER):
        manifest = Manifest.from_dict({**version.manifest, "findings": worse})
        version_transitions.assess_version(version, now=held.company.now + LATER, manifest=manifest)
    assert open_due(held) == []


@pytest.mark.rule("T4")
def test_a_risk_that_rose_does_not_fall_again_before_its_renewal(held: Held) -> None:
    grant = raise_class(held)
    with inside(grant.automation, JOB, held.company.now), pytest.raises(OutOfTurn, match="that high already"):
        lifecycle.raise_tier(
            grant,
            actor=JOB,
            now=held.company.now,
            tier=Tier.from_word("high"),
            not_before=grant.ends_at,
            review_on=None,
        )
    with database_refuses("T4: the risk of grant"):
        sql("UPDATE approvals_grant SET raised_to = '' WHERE id = %s", grant.pk)
    with database_refuses("grant_raised_to_known"):
        sql("UPDATE approvals_grant SET raised_to = 'highest' WHERE id = %s", grant.pk)


# --- what opens a review -----------------------------------------------------------------------------------------------


@pytest.mark.rule("T4", "I2", "R1")
def test_raised_class_shortens_term_and_opens_one_review(held: Held) -> None:
    before, now = held.grant(on=held.company.slack), held.company.now + LATER
    other = held.grant(on=held.company.erp)
    grant = raise_class(held)
    assert (before.counted_tier, grant.tier, grant.counted_tier) == ("standard", "standard", "high")
    assert (before.ends_at - before.begins_at).days == 180
    assert grant.ends_at == grant.begins_at + timedelta(days=90)
    assert Grant.objects.get(pk=other.pk).ends_at == other.ends_at
    reviews = open_due(held)
    assert ("tier raised", str(grant.pk)) in reviews
    assert ("tier raised", "automation") in reviews
    assert not [review for review in reviews if review[1] == str(other.pk)]
    item = Item.objects.get(grant=grant)
    assert (item.snapshot["tier"], item.campaign.tier, item.reason_words) == (
        *("high", "high"),
        "Its risk has risen since it was approved.",
    )
    assert now < item.deadline < item.grace_until < grant.ends_at
    assert {notice.context["because"] for notice in Notice.objects.filter(event="recertification_opened")} == {
        "Its risk has risen since it was approved."
    }
    raise_class(held)  # said again, it is the same
    assert open_due(held, now=now + timedelta(minutes=5)) == []
    events = LedgerEvent.objects.filter(verb="grant.tier_raised", outcome="done", subject_id=str(grant.pk))
    assert [event.payload["tier"] for event in events] == ["high"]


@pytest.mark.rule("T4", "R1")
def test_a_term_that_would_be_over_already_leaves_time_for_the_review(held: Held) -> None:
    late = held.company.now + timedelta(days=100)  # more than what high risk may have
    grant = raise_class(held, now=late)
    assert grant.ends_at == late + timedelta(days=answer_deadlines.OPENS_BEFORE["high"] + 1)
    assert ("tier raised", str(grant.pk)) in open_due(held, now=late)
    item = Item.objects.get(grant=grant)
    assert late < item.deadline < item.grace_until < grant.ends_at


@pytest.mark.rule("T4", "T1")
def test_credential_keeps_highest_tier_of_its_uses(held: Held) -> None:
    c, n = held.company, held.people
    posting = held.grant(on=c.slack)
    stops.stop_grant(posting, actor=as_actor(n.omar), now=c.now, reason="Not now.")
    raise_class(held)
    kept = Grant.objects.get(automation=held.automation, kind="credential", credential=posting.credential)
    assert (kept.state, kept.counted_tier) == ("active", "high")
    assert ("tier raised", str(kept.pk)) in open_due(held)


def own_identity(c: Company) -> None:
    """The report runs as an identity that others may run as too: the rule against it is given up."""
    held = Held(c, stock_report.newest(c))
    conflict_rules.give_up(ConflictRule.objects.get(code="shared-identity"), *Person.objects.order_by("pk")[:2])
    made = NonHumanIdentity.objects.create(
        kind="service_account", issuer="cron", subject="fin/robot", owner=held.people.jonas, automation=held.automation
    )
    VersionIdentity.objects.create(version=held.automation.approved_version, identity=made)
    chain_transitions.refresh_chains(held.automation.pk)


STARTS["robot"] = "stock_in_force", own_identity


@pytest.fixture
def robot(held: Held) -> NonHumanIdentity:
    """The identity that the report runs as."""
    return NonHumanIdentity.objects.get(subject="fin/robot")


def runs_as_robot(held: Held, level: str, number: int = 0) -> Version:
    """Another automation of the same team that runs as the same, submitted and in force."""
    made = described_as_robot(held, level, f"Sweeper {number}" if number else "Sweeper")
    scenarios.decide_all(held.company, scenarios.submitted(held.company, made))
    return Version.objects.get(pk=made.pk)


def described_as_robot(
    held: Held,
    level: str,
    name: str,
    *,
    kind: str = "script",
    identity: str = "robot",
    team: Team | None = None,
    by: Person | None = None,
    owner: Person | None = None,
) -> Version:
    """Another automation that runs as the same identity, by default of the same team."""
    c, n = held.company, held.people
    code = f"x:{level}:{name}"
    entitlement = resources.add_entitlement(
        c.slack, actor=as_actor(n.omar), now=c.now, code=code, words=f"May {level} it", level=level
    )
    manifest = manual_description.describe_manually(
        name=name, kind=kind, platform="cron", privileges=[manual_description.DescribedPrivilege(entitlement, level)]
    )
    manifest = replace(manifest, identities=(Identity("service_account", identity, "fin"),))
    fields = {"business_owner": owner or n.jonas, "technical_owner": None if owner else n.bram, "purpose": "Sweeps."}
    made: Version = registered(
        team or n.finance_ops, actor=as_actor(by or n.rita), now=c.now, manifest=manifest, fields=fields
    )
    return made


def sweeper_of(level: str) -> Callable[[Company], Version]:
    """A walk: another automation with a privilege of that level comes into force, and runs as the robot."""
    return lambda c: runs_as_robot(Held(c, stock_report.newest(c)), level)


ADMIN_SWEEPER = starting_point("robot", sweeper_of("admin"), "admin")
WRITE_SWEEPER = starting_point("robot", sweeper_of("write"), "write")


@ADMIN_SWEEPER
@pytest.mark.rule("I5", "T2", "T4")
def test_sharer_of_riskier_identity_is_raised_and_reviewed(held: Held, robot: NonHumanIdentity, start: Version) -> None:
    sweeper = start
    assert (sweeper.automation.tier, held.automation.tier) == ("high", "standard")
    assert item_jobs.reassess_due(held.company.now + LATER, JOB) == 1
    assert held.automation.tier == "high"
    assessment = held.automation.approved_version.latest_assessment
    assert "runs as the same identity as another automation, which is high" in " ".join(assessment.reasons)
    assert ("tier raised", "automation") in open_due(held)
    assert item_jobs.reassess_due(held.company.now + LATER, JOB) == 0, "each once"


@pytest.mark.full("puts many in force, to count queries")
@WRITE_SWEEPER
@pytest.mark.rule("I5", "R9")
def test_however_many_share_an_identity_each_is_judged_once_and_a_sweep_costs_as_much(
    held: Held, robot: NonHumanIdentity, start: Version
) -> None:
    few = [start.automation]
    with CaptureQueriesContext(connection) as queries:
        risk_increase.connected_with_riskier()
    more = [runs_as_robot(held, "write", number=number).automation for number in range(1, MANY)]
    assert not risk_increase.connected_with_riskier()
    with CaptureQueriesContext(connection) as more_queries:
        risk_increase.connected_with_riskier()
    assert len(queries) == len(more_queries) <= 3
    raise_to = {"actor": as_actor(held.people.theo), "now": held.company.now, "reason": "It mails.", "tier": "high"}
    confirmation.raise_tier(Automation.objects.get(pk=few[0].pk), **raise_to)
    before = Assessment.objects.count()
    others = {automation.pk for automation in (*few[1:], *more)} | {held.automation.pk}
    assert risk_increase.connected_with_riskier() == others
    assert item_jobs.reassess_due(held.company.now, JOB) == len(others)
    assert Assessment.objects.count() == before + len(others)
    assert {automation.tier for automation in Automation.objects.filter(pk__in=others)} == {"high"}
    assert risk_increase.connected_with_riskier() == set()


@ADMIN_SWEEPER
@pytest.mark.rule("I5", "T4")
def test_shared_risk_does_not_spread_further(held: Held, robot: NonHumanIdentity) -> None:
    item_jobs.reassess_due(held.company.now, JOB)
    sweeper = Automation.objects.get(name="Sweeper")
    assert assessment.shared_tier(sweeper, [robot]) is Tier.STANDARD
    assert assessment.shared_tier(held.automation, [robot]) is Tier.HIGH


@pytest.mark.rule("I5", "T2", "T4")
def test_a_kind_that_is_only_asked_for_hides_no_risk_of_a_sharer(held: Held, robot: NonHumanIdentity) -> None:
    confirmation.amend_automation(
        held.automation, actor=as_actor(held.people.rita), now=held.company.now, fields={"kind": "integration"}
    )
    runs_as_robot(held, "admin")
    item_jobs.reassess_due(held.company.now, JOB)
    assert (held.automation.tier, held.automation.kind) == ("high", "workflow")


@pytest.mark.rule("I5", "T2")
def test_foreign_draft_raises_no_sharer(held: Held, robot: NonHumanIdentity) -> None:
    c, n = held.company, held.people
    waiting = scenarios.submitted(c, described_as_robot(held, "write", "Waiting"))
    described_as_robot(held, "admin", "Stranger", team=n.marketing, by=n.tom, owner=n.grace)
    assert assessment.shared_tier(waiting.automation, [robot]) is Tier.STANDARD  # of the weekly stock report
    scenarios.approve(scenarios.app_of(waiting), n.theo, now=c.now)
    described_as_robot(held, "admin", "Own draft")
    assert assessment.shared_tier(waiting.automation, [robot]) is Tier.HIGH


@pytest.mark.rule("I5", "T2")
def test_requested_kind_lowers_no_sharer(held: Held, robot: NonHumanIdentity) -> None:
    agent = described_as_robot(held, "read", "Helper", kind="agent")
    scenarios.decide_all(held.company, scenarios.submitted(held.company, agent))
    helper = Automation.objects.get(name="Helper")
    confirmation.amend_automation(
        helper, actor=as_actor(held.people.rita), now=held.company.now, fields={"kind": "script"}
    )
    with inside(helper.approved_version, JOB, held.company.now):
        made = version_transitions.assess_version(helper.approved_version, now=held.company.now)
    assert made.levels["own"] == "standard"


@WRITE_SWEEPER
@pytest.mark.rule("I5", "R9")
def test_served_identity_is_reassessed_and_sweep_terminates(
    held: Held, robot: NonHumanIdentity, start: Version
) -> None:
    NonHumanIdentity.objects.filter(pk=robot.pk).update(automation=start.automation)
    chain_transitions.rebuild_chains()
    other = described_as_robot(held, "write", "Served", identity="other")
    scenarios.decide_all(held.company, scenarios.submitted(held.company, other))
    NonHumanIdentity.objects.filter(pk=robot.pk).update(automation=other.automation)
    chain_transitions.rebuild_chains()
    confirmation.raise_tier(
        held.automation, actor=as_actor(held.people.theo), now=held.company.now, reason="It mails.", tier="high"
    )
    assert item_jobs.reassess_due(held.company.now, JOB) == 2
    assert Automation.objects.get(name="Served").tier == "high"
    assert risk_increase.connected_with_riskier() == set()


@pytest.mark.rule("I5", "T2", "T3")
def test_submission_is_not_put_in_force_below_current_risk(held: Held, robot: NonHumanIdentity) -> None:
    c, n = held.company, held.people
    waiting = scenarios.submitted(c, described_as_robot(held, "write", "Waiting"))
    confirmation.raise_tier(held.automation, actor=as_actor(n.theo), now=c.now, reason="It mails.", tier="high")
    with pytest.raises(OutOfTurn, match="this is high risk"):
        scenarios.approve(scenarios.app_of(waiting), n.theo, now=c.now)
    confirmation.amend_automation(
        waiting.automation, actor=as_actor(n.rita), now=c.now, fields={"technical_owner": None}
    )
    with pytest.raises(InvalidInput, match="two different owners"):
        scenarios.submitted(c, waiting.version)  # and no second press of an unchanged answer (A8)
    confirmation.amend_automation(
        waiting.automation, actor=as_actor(n.rita), now=c.now, fields={"technical_owner": n.bram}
    )
    again = scenarios.submitted(c, waiting.version)
    assert (again.tier, again.continues) == ("high", waiting)


@WRITE_SWEEPER
@pytest.mark.rule("I5", "T4")
def test_later_raised_tier_raises_identity_sharers(held: Held, robot: NonHumanIdentity, start: Version) -> None:
    sweeper = start.automation
    judged = held.automation.approved_version.assessments.count()
    assert (sweeper.tier, held.automation.tier) == ("standard", "standard")
    raise_to = {"actor": as_actor(held.people.theo), "now": held.company.now + LATER, "reason": "It mails."}
    confirmation.raise_tier(Automation.objects.get(pk=sweeper.pk), tier="high", **raise_to)
    item_jobs.sweep(held.company.now + LATER)
    assert held.automation.tier == "high"
    assert held.automation.approved_version.assessments.count() == judged + 1
    raise_class(held, now=held.company.now + LATER)  # it is high already: nothing goes round
    assert Automation.objects.get(pk=sweeper.pk).tier == "high"


@pytest.mark.rule("I2")
def test_a_better_importer_that_finds_more_opens_a_review_of_the_approved_version_once(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = [asdict(Finding("embedded_secret", "HTTP Request", "high", "A key in the source"))]
    assess_anew(held, monkeypatch, {"findings": worse})
    assert open_due(held) == [("new finding", "automation")]
    assess_anew(held, monkeypatch, {"findings": worse}, "better still")
    assert open_due(held) == []
    item = Item.objects.get(automation=held.automation)
    assert item.state == ItemState.OPEN
    assert item.reason_words == "Something was found in it that was not known when it was approved."
    assert "joined" not in item.snapshot


@pytest.mark.rule("I2", "T4")
def test_a_better_importer_that_reads_a_higher_level_raises_the_grant(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = Version.objects.get(approved_for=held.automation)
    privileges = [{**privilege, "access": "admin"} for privilege in version.manifest["privileges"]]
    assess_anew(held, monkeypatch, {"privileges": privileges})
    risen_to = {grant.counted_tier for grant in Grant.objects.filter(kind="privilege")}
    assert risen_to == {"high"}
    assert held.automation.tier == "high"
    assert {reason for reason, _ in open_due(held)} == {"tier raised"}


@pytest.mark.rule("T2", "T4")
def test_tier_raised_by_person_opens_review(held: Held) -> None:
    confirmation.raise_tier(
        held.automation, actor=as_actor(held.people.theo), now=held.company.now + LATER, reason="It mails.", tier="high"
    )
    payload = recorded("automation.review_brought_forward", held.automation, by=held.people.theo)
    assert (payload["tier"], payload["because"]) == ("high", "tier raised")
    assert open_due(held) == [("tier raised", "automation")]


# --- what is open already, and what comes after ------------------------------------------------------------------------


@pytest.mark.rule("R2", "R5", "T4")
def test_raise_joins_open_item_and_only_brings_forward(held: Held) -> None:
    before = held.grant(on=held.company.slack)
    opens = before.ends_at - timedelta(days=answer_deadlines.OPENS_BEFORE["standard"]) + timedelta(hours=1)
    item = opened(before, opens)
    was = item.deadline
    grant = raise_class(held, now=opens + timedelta(days=1))
    item.refresh_from_db()
    assert Item.objects.filter(grant=grant).get() == item
    assert (item.snapshot["tier"], item.snapshot["joined"]) == ("high", ["tier raised"])
    assert item.deadline <= was
    assert Notice.objects.filter(event="recertification_joined").exists()
    open_due(held, now=opens + timedelta(days=1))
    assert Item.objects.filter(grant=grant).count() == 1


@pytest.mark.rule("S4", "T4")
def test_open_low_item_gets_second_question_after_raise(held: Held) -> None:
    low = held.low_grant()
    item = opened(low, low.ends_at - timedelta(days=answer_deadlines.OPENS_BEFORE["low"]) + timedelta(hours=1))
    sides = set(item.questions.values_list("asks", flat=True))
    now = item.opened_at + timedelta(days=1)
    with inside(held.automation, JOB, now):
        risk_increase._raise(_step(held, now), low, Tier.from_word("standard"))
    assert set(item.questions.values_list("asks", flat=True)) == {*sides, Asks.NEEDED, Asks.ACCEPTABLE}


@pytest.mark.rule("S4", "A9", "T4")
@pytest.mark.parametrize("way", ["alone", "together"])
def test_one_answer_keeps_nothing_without_second_reviewer(held: Held, way: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(item_context, "is_drawn", lambda grant: False)
        low = held.low_grant()
        item = opened(low, low.ends_at - timedelta(days=answer_deadlines.OPENS_BEFORE["low"]) + timedelta(hours=1))
    now = item.opened_at + timedelta(days=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reviewers, "acceptable_chain", lambda resource, bench: [])
        with inside(held.automation, JOB, now):
            risk_increase._raise(_step(held, now), low, Tier.from_word("standard"))
        item.refresh_from_db()
        assert item.nobody
        notices = Notice.objects.filter(event="recertification_unasked", recipient=held.people.sana)
        assert "acceptable" in notices.get().context["asks"]
        needed = question(item, Asks.NEEDED)
        if way == "alone":
            submit_answer(needed, "keep", now=now, reason="Needed.")
        else:
            actor = as_actor(needed.reviewer)
            later = now + timedelta(minutes=1)
            made = drafts.save_draft(needed, "keep", actor=actor, now=later, reason="Needed.", seen=NO_CARD_VIEW)
            drafts.submit([made], actor=actor, now=later)
        item_jobs.sweep(item.grace_until)
        item.refresh_from_db()
        assert (item.state, item.outcome, item.suspended_at) == (ItemState.OPEN, "", None), "nobody is late"
    then = item.grace_until
    item_jobs.assign_waiting_items(then, JOB)
    item.refresh_from_db()
    assert (item.nobody, item.deadline > item.grace_until - timedelta(days=30)) == (False, True)
    submit_answer(question(item, Asks.ACCEPTABLE), "keep", now=then + timedelta(hours=1), reason="Fine.")
    item.refresh_from_db()
    assert (item.state, item.outcome) == (ItemState.CLOSED, "kept")


@pytest.mark.rule("S4", "R6")
def test_silent_reviewer_keeps_nothing_without_other_reviewer(held: Held) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(item_context, "is_drawn", lambda grant: False)
        low = held.low_grant()
        item = opened(low, low.ends_at - timedelta(days=answer_deadlines.OPENS_BEFORE["low"]) + timedelta(hours=1))
        patched.setattr(reviewers, "acceptable_chain", lambda resource, bench: [])
        with inside(held.automation, JOB, item.opened_at):
            risk_increase._raise(_step(held, item.opened_at), low, Tier.from_word("standard"))
        item.refresh_from_db()
        item_jobs.sweep(item.deadline)
        item.refresh_from_db()
        item_jobs.sweep(item.grace_until)
    item.refresh_from_db()
    assert item.nobody
    assert item.suspended_at is not None


def _step(held: Held, now: Any) -> Any:
    return Step(held.automation, JOB, now, "test.caused")


@pytest.mark.rule("T4", "G2")
def test_kept_access_continues_at_current_risk(held: Held) -> None:
    grant, now = raise_class(held), held.company.now + LATER
    open_due(held)
    item = Item.objects.get(grant=grant)
    for asks in (Asks.NEEDED, Asks.ACCEPTABLE):
        submit_answer(question(item, asks), "keep", now=now, reason="Needed.")
    successor = Grant.objects.get(predecessor=grant)
    assert (successor.tier, successor.counted_tier) == ("standard", "high")
    assert successor.ends_at <= now + timedelta(days=90)
    with database_refuses("G2: a successor is never wider"):
        columns = ", ".join(field.column for field in Grant._meta.concrete_fields if field.column not in ("id",))
        values = columns.replace("predecessor_id", "id").replace("raised_to", "''").replace("state", "'active'", 1)
        sql(
            "UPDATE approvals_grant SET state = 'ended', ended_at = %s, ended_why = 'x' WHERE id = %s",
            now,
            successor.pk,
        )
        sql(f"INSERT INTO approvals_grant ({columns}) SELECT {values} FROM approvals_grant WHERE id = %s", successor.pk)


@pytest.mark.rule("I2", "A12")
def test_a_kind_that_was_asked_for_and_not_approved_is_no_reason(held: Held) -> None:
    confirmation.amend_automation(
        held.automation, actor=as_actor(held.people.rita), now=held.company.now, fields={"kind": "agent"}
    )
    version = Version.objects.get(approved_for=held.automation)
    with inside(version, JOB, held.company.now + LATER):
        version_transitions.assess_version(version, now=held.company.now + LATER)
    assert open_due(held) == []
    assert Automation.objects.get(pk=held.automation.pk).review_because == ""
