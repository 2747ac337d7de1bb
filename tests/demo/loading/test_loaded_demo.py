"""The demo as it is loaded: by its command, into a database of its own beside the run's, with real commits and seals.

One load serves all tests here: it takes longer than all of them together.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Count
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Grant, GrantState, GrantUsage, Submission, SubmissionState, Waiver
from approvals.models.grant import Why
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import put_in_force, submit
from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.clock.organisation import zone_of
from governance.core.duties.refusals import DutyConflict
from governance.core.engine.transition import declared
from governance.core.ledger import ledger_export
from governance.core.models import JobRun, LedgerEvent, Notice, NoticeState, Person, Seal
from governance.core.notices import outbox
from governance.demo.company import tables
from governance.demo.loading import load
from governance.demo.management.commands.demo_hints import HINTS, TO_IMPORT
from governance.demo.stories.scenes import EXPORTS
from governance.recertification.items import cards
from governance.recertification.models import Item, ItemState, Question
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, AutomationState, NonHumanIdentity, Privilege, Resource
from tests import scenarios
from tests.demo.conftest import Database
from tests.demo.demo_states import COLUMNS, Column
from tests.environment import ROOT
from tests.people import as_actor
from tests.signed_in_client import client_of

pytestmark = pytest.mark.process


def automation(name: str) -> Automation:
    """One of the demo's automations by its name."""
    return Automation.objects.get(name__startswith=name)


def submission(name: str) -> Submission:
    """The latest submission of one of them."""
    return Submission.objects.filter(automation=automation(name)).latest("pk")


def states(name: str, stage: int = 2) -> set[str]:
    """The states of a stage's records in it."""
    return set(submission(name).approvals.filter(stage=stage).values_list("state", flat=True))


def act_as(key: str) -> Actor:
    """Somebody in a session."""
    name = next(row.name for row in tables.PEOPLE if row.key == key)
    return as_actor(Person.objects.get(name=name))


def test_loading_demo_again_changes_nothing(demo: str) -> None:
    assert demo == "Loading the demo …\n"
    before = (LedgerEvent.objects.count(), Notice.objects.count(), JobRun.objects.latest("pk").pk)
    call_command("load_demo", stdout=(output := StringIO()))
    assert output.getvalue() == "The demo is loaded already.\n"
    assert (LedgerEvent.objects.count(), Notice.objects.count(), JobRun.objects.latest("pk").pk) == before


@pytest.mark.rule("H2", "H9")
def test_the_demos_ledger_verifies_and_is_sealed_to_its_end(demo: str) -> None:
    report = ledger_export.verify_database()
    assert report.problems == []
    assert report.events == Seal.objects.latest("number").total == LedgerEvent.objects.count()
    assert not LedgerEvent.objects.filter(outcome="refused").exists()


def test_demo_reset_removes_protected_rows(
    demo: str, database: Database, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = checkpoint.read_text()
    migrated: list[str] = []
    monkeypatch.setattr(load, "call_command", lambda name, **_: migrated.append(name))
    with database("northwind_emptied", like="northwind_demo"):
        with pytest.raises(Exception, match="is not truncated"), connection.cursor() as cursor:
            cursor.execute("TRUNCATE controls_ledgerevent CASCADE")
        load.empty()
        assert connection.introspection.table_names() == []
    assert migrated == ["migrate"]
    assert not checkpoint.exists()
    checkpoint.write_text(there)


@pytest.mark.rule("H1")
def test_demo_ledger_is_in_order_of_time(demo: str) -> None:
    instants = list(LedgerEvent.objects.order_by("pk").values_list("at", flat=True))
    assert instants == sorted(instants)
    assert instants[-1] <= current_time.now()
    assert instants[0] < current_time.now() - timedelta(days=170)


@pytest.mark.parametrize("row", tables.PEOPLE, ids=lambda row: row.key)
def test_demo_people_sign_in_with_shared_password(demo: str, row: Any) -> None:
    person = Person.objects.get(name=row.name)
    assert person.is_here is (not row.leaves)
    assert person.check_password(tables.PASSWORD)


def test_each_automation_is_in_the_state_that_it_is_there_for(demo: str) -> None:
    state = AutomationState
    assert {automation.name.removesuffix(" ❄"): automation.state for automation in Automation.objects.all()} == {
        "Price list sync": state.DRAFT,
        "Campaign copy agent": state.DRAFT,
        "Newsletter writer": state.IN_REVIEW,
        "Two-week stock forecast": state.IN_REVIEW,
        "Alert deduplicator": state.DRAFT,
        "Reorder proposals": state.DRAFT,
        "Salary question helper": state.DRAFT,
        "Leave request helper": state.IN_REVIEW,
        "Invoice chaser": state.IN_REVIEW,
        "Payment run exporter": state.IN_REVIEW,
        "Shift handover agent": state.IN_REVIEW,
        "Supplier onboarding": state.LIVE,
        "Weekly stock report": state.LIVE,
        "Rates on the intranet": state.LIVE,
        "Incident scribe": state.LIVE,
        "Stock question agent": state.LIVE,
        "Stock forecast (trial)": state.LIVE,
        "Delivery route planner": state.LIVE,
        "Web analytics digest": state.LIVE,
        "Cold chain alert": state.SUSPENDED,
        "Voucher mailer": state.SUSPENDED,
        "Price tag printer": state.RETIRED,
    }
    assert set(HINTS["look"]) == {automation.name.removesuffix(" ❄") for automation in Automation.objects.all()}


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_demo_contains_every_reachable_state(demo: str, column: Column) -> None:
    leading = {state for transition in declared() if transition.model is column.model for state in transition.target}
    assert column.name != "state" or leading.isdisjoint(column.missing)
    assert column.occurring == column.choices - set(column.missing)


@pytest.mark.rule("A13")
def test_one_went_by_the_light_path(demo: str) -> None:
    rates = submission("Rates on the intranet")
    assert rates.light_path
    assert {record.by_policy for record in rates.approvals.filter(stage=2)} == {rates.policy}
    others = Approval.objects.filter(by_policy__isnull=False).exclude(submission=rates)
    assert not others.exists()
    forecast = submission("Stock forecast")
    assert (forecast.light_path, forecast.state) == (True, SubmissionState.IN_FORCE)
    left = LedgerEvent.objects.get(verb="submission.left_light_path")
    assert (left.subject_id, left.payload["because"]) == (str(forecast.pk), "somebody objected")
    assert {sample.state for sample in rates.samples.all()} <= {"waiting", "not_drawn", "open"}


def test_the_draft_has_things_missing(demo: str) -> None:
    draft = automation("Price list sync")
    assert draft.purpose == ""
    assert not draft.submissions.exists()
    held = Privilege.objects.filter(version__automation=draft)
    assert held.filter(recognised=False).exists()
    assert held.filter(entitlement__resource__state="proposed", entitlement__resource__unresolved=False).exists()


def test_demo_has_submission_that_skipped_its_lead(demo: str) -> None:
    app = submission("Leave request helper").approvals.get(stage=1)
    assert app.state == ApprovalState.OPEN
    assert states("Leave request helper") == {ApprovalState.WAITING}
    candidates = app.seats.get(label="lead").candidates.filter(at=app.opened_at)
    assert set(candidates.values_list("person__name", "basis")) == {
        ("Amara Okafor", "fallback owner"),
        ("Bram Visser", "fallback owner"),
    }
    assert not app.decisions.exists()


@pytest.mark.rule("A5")
def test_one_is_in_stage_2_with_every_kind_of_record_and_a_conversation(demo: str) -> None:
    state = ApprovalState
    assert states("Invoice chaser") == {state.APPROVED, state.REJECTED, state.OPEN, state.CHANGES_ASKED}
    assert states("Invoice chaser", stage=1) == {state.APPROVED}
    records = submission("Invoice chaser").approvals
    assert records.filter(state=state.APPROVED, granted_term_days__lt=180, stage=2).exists()
    comments = submission("Invoice chaser").comments
    assert comments.filter(is_objection=True).count() == 1
    assert comments.filter(is_objection=False).count() == 3


@pytest.mark.rule("A5")
def test_one_is_decided_and_waits_for_its_owner(demo: str) -> None:
    assert submission("Payment run exporter").state == SubmissionState.DECIDED
    assert states("Payment run exporter") == {ApprovalState.APPROVED, ApprovalState.REJECTED}


@pytest.mark.rule("A4")
def test_one_was_rejected_as_an_app(demo: str) -> None:
    assert submission("Campaign copy agent").state == SubmissionState.REJECTED
    assert states("Campaign copy agent") == {ApprovalState.NOT_APPLICABLE}


def test_demo_has_live_subset_with_newer_version(demo: str) -> None:
    onboarding = automation("Supplier onboarding")
    first, newer = onboarding.submissions.order_by("pk")
    assert (first.state, newer.state) == (SubmissionState.IN_FORCE, SubmissionState.OPEN)
    assert onboarding.approved_version == first.version != newer.version
    assert first.approvals.filter(stage=2, state=ApprovalState.REJECTED).count() == 1
    held = onboarding.grants.filter(state=GrantState.ACTIVE)
    assert held.filter(approval__granted_term_days=75).exists()
    assert held.count() == first.approvals.filter(stage=2, state=ApprovalState.APPROVED).count()
    assert newer.approvals.get(stage=1).state == ApprovalState.OPEN


@pytest.mark.rule("R1")
def test_one_has_its_reviews_open_and_one_of_them_is_half_answered(demo: str) -> None:
    items = Item.objects.filter(grant__automation=automation("Weekly stock report"))
    assert items.count() == automation("Weekly stock report").grants.count() == 4
    assert set(items.values_list("state", flat=True)) == {ItemState.OPEN}
    half = items.get(questions__answered_at__isnull=False)
    assert {question.asks: question.answered_at is not None for question in half.questions.all()} == {
        "needed": True,
        "acceptable": False,
    }


@pytest.mark.rule("R2")
def test_no_demo_owner_has_more_than_fifteen_cards(demo: str) -> None:
    """Items of one automation on one resource are one card: somebody has more items than cards, and nobody too many cards."""
    now, merged = current_time.now(), 0
    for person in Person.objects.all():
        actor = as_actor(person)
        shown, items = cards.load_cards(actor, now).count, cards.open_questions(actor, now).count()
        assert shown <= min(15, items), person.name
        merged += shown < items
    assert merged


@pytest.mark.rule("G5")
def test_one_was_stopped_by_a_person_and_another_has_asked_to_lift_it(demo: str) -> None:
    stopped = automation("Cold chain alert")
    assert stopped.stopped_by is not None
    assert stopped.stopped_by.name == "Lena Fischer"
    assert stopped.resume_asked_by is not None
    assert stopped.resume_asked_by.name == "Piet de Vries"


@pytest.mark.rule("I5")
def test_demo_has_waived_shared_identity(demo: str) -> None:
    identity = NonHumanIdentity.objects.get()
    assert {link.version.automation.name for link in identity.used_by.all()} == {
        "Incident scribe",
        "Shift handover agent",
    }
    assert identity.automation == automation("Incident scribe")
    assessment = automation("Shift handover agent").versions.get().latest_assessment
    assert assessment is not None
    assert assessment.findings.filter(code="shared_identity").exists()
    waiver = Waiver.objects.get(code="shared-identity", subject=identity.pk)
    assert waiver.is_live(current_time.now())
    assert {key.partition("/")[0] for key in waiver.covers} == {
        str(link.version.automation_id) for link in identity.used_by.all()
    }


@pytest.mark.rule("I3")
def test_demo_has_interim_owned_and_ownerless_objects(demo: str) -> None:
    now = current_time.now()
    digest = automation("Web analytics digest")
    assert not digest.business_owner.is_here
    meanwhile = digest.interim_owner(now)
    assert meanwhile is not None
    assert meanwhile.name == "Tom Ashby"
    assert [resource.name for resource in Resource.objects.ownerless(now)] == ["Web analytics"]


@pytest.mark.rule("G5", "R4", "R6", "G2")
def test_demo_has_every_kind_of_ended_grant(demo: str) -> None:
    grants = Grant.objects.values_list("automation__name", "ended_why", "suspended_why")
    assert {(name, ended or suspended) for name, ended, suspended in grants if ended or suspended} == {
        ("Incident scribe", Why.STOPPED),
        ("Stock question agent", Why.SUCCEEDED),
        ("Stock question agent", Why.TERM),
        ("Stock question agent", Why.REVIEW),
        ("Price tag printer", Why.RETIRED),
        ("Voucher mailer", Why.SILENCE),
    }


@pytest.mark.rule("A8", "T3")
def test_high_risk_was_decided_by_lead_and_by_two_in_stage_2(demo: str) -> None:
    for record in submission("Voucher mailer").approvals.all():
        assert record.tier == "high"
        assert record.decisions.values("person").distinct().count() == record.stage


@pytest.mark.rule("R3")
def test_demo_has_usage_for_reviews(demo: str) -> None:
    for item in Item.objects.filter(grant__kind="privilege", grant__state=GrantState.ACTIVE):
        days = GrantUsage.objects.filter(grant=item.grant)
        assert days.filter(day__gte=current_time.now().date() - timedelta(days=30)).exists()
    used = GrantUsage.objects.filter(grant__automation=automation("Weekly stock report"), allowed__gt=0)
    assert {row.day.weekday() for row in used} == {0}


def test_figures_of_use_are_marked_as_the_demos_where_they_are_read(demo: str, settings: Any) -> None:
    mark = "the demo’s own figures"
    piet = client_of(act_as("piet").person)
    item = re.search(r'href="(/recertify/\d+/\?[^"]*alone=1)"', piet.get(reverse("recert_mine")).content.decode())
    assert item is not None
    page = unescape(item[1])
    assert mark in piet.get(page).content.decode()
    settings.DEMO = False
    shown = piet.get(page).content.decode()
    assert "Is it used?" in shown
    assert mark not in shown


def test_demo_mails_were_written_in_time(demo: str) -> None:
    assert Notice.objects.count() > 100
    final_states = (NoticeState.SENT, NoticeState.CARRIED, NoticeState.DROPPED, NoticeState.WAITING)
    assert set(Notice.objects.exclude(state__in=final_states).values_list("event", "error")) == set()
    assert not Notice.objects.filter(state=NoticeState.CARRIED).exclude(digest__state=NoticeState.SENT).exists()
    yesterday = current_time.now() - timedelta(days=1, hours=1)
    assert not Notice.objects.filter(state=NoticeState.WAITING, created_at__lt=yesterday).exists()
    oldest = Notice.objects.filter(state=NoticeState.SENT).order_by("pk").first()
    assert oldest is not None
    assert oldest.sent_at is not None
    assert oldest.sent_at < current_time.now() - timedelta(days=170)


@pytest.mark.rule("R5", "H8")
def test_demo_has_one_digest_per_person_and_day(demo: str) -> None:
    sent = Notice.objects.filter(event="digest", state=NoticeState.SENT).select_related("recipient")
    digests = sent.exclude(carried__event__in=outbox.SOON)
    days = Counter(
        (digest.recipient_id, digest.sent_at.astimezone(zone_of(digest.recipient)).date())
        for digest in digests
        if digest.sent_at
    )
    assert days.total() == digests.count() > 50
    assert max(days.values()) == 1
    assert digests.annotate(things=Count("carried")).filter(things__gte=4).exists()


def test_the_hints_name_people_and_the_file(demo: str) -> None:
    call_command("demo_hints", stdout=(hints := StringIO()))
    text = hints.getvalue()
    assert tables.PASSWORD in text
    assert str(TO_IMPORT.relative_to(ROOT)) in text
    for name in ("Rita Novak", "Theo Brandt", "Omar Haddad", "yuki.sato@northwind.example"):
        assert name in text


@pytest.mark.rule("A5", "A7", "S1")
def test_the_hints_journey_can_be_gone(demo: str) -> None:
    """From the file that is not loaded to a live automation, each step as the hints tell it."""
    now = current_time.now()
    submitted = _bring_in_and_submit(now)
    app = submitted.approvals.get(stage=1)
    assert submitted.approvals.filter(kind="privilege").count() == 6
    assert {record.state for record in submitted.approvals.filter(stage=2)} == {ApprovalState.WAITING}
    assert "joined with another automation, which is high" in " ".join(submitted.reasons)
    _decide(app, "theo", now)
    with pytest.raises(DutyConflict, match="SOD-3"):
        _decide(_at(submitted, "Open invoices"), "jonas", now)
    _decide(_at(submitted, "Open invoices"), "omar", now)
    _decide(_at(submitted, "Payments of the month"), "omar", now, term_days=30)
    decide.reject(
        _at(submitted, "Tell accounts payable"),
        actor=act_as("omar"),
        now=now,
        reason="Not there.",
        shown_digest=_shown(_at(submitted, "Tell accounts payable")),
    )
    for record in submitted.approvals.filter(state=ApprovalState.OPEN).order_by("pk"):
        on = record.privilege.entitlement.resource if record.privilege else record.credential.decided_on
        if not record.decisions.exclude(seat__label="conflict").exists():
            _decide(record, next(row.owner for row in tables.RESOURCES if row.name == on.name), now)
        if Approval.objects.get(pk=record.pk).state == ApprovalState.OPEN:
            _decide(
                Approval.objects.get(pk=record.pk), "viktor", now
            )  # it is in conflict: what it reads could be sent away
    submitted.refresh_from_db()
    put_in_force.accept_subset(submitted, actor=act_as("jonas"), now=now)
    live = Automation.objects.get(name="Supplier statement check")
    assert live.state == AutomationState.LIVE
    assert live.grants.filter(kind="privilege").count() == 5
    assert not Question.objects.filter(item__grant__automation=live).exists()


def _bring_in_and_submit(now: datetime) -> Submission:
    rita = act_as("rita")
    batch = previews.preview([(TO_IMPORT.name, TO_IMPORT.read_bytes())], actor=rita, now=now)
    fields = {"business_owner": act_as("jonas").person, "technical_owner": rita.person}
    fields["purpose"] = "Compares statements with the ERP."
    team = automation("Invoice chaser").team
    version = confirmation.confirm_import(team, actor=rita, now=now, item=batch.items.get(), fields=fields)
    keys = [privilege.key for privilege in version.privileges.all()]
    keys += [f"credential:{link.credential_id}" for link in version.version_credentials.all()]
    wishes = {key: ItemRequest("The check needs it.") for key in keys}
    return submit.submit(version.automation, actor=rita, now=now, version=version, wishes=wishes)


def _at(submitted: Submission, place: str) -> Approval:
    return submitted.approvals.get(privilege__at__contains=[place])


def _shown(record: Approval) -> str:
    return scenarios.shown(record)


def _decide(record: Approval, key: str, now: datetime, **narrowing: Any) -> None:
    decide.approve(record, actor=act_as(key), now=now, reason="Yes.", shown_digest=_shown(record), **narrowing)


@pytest.mark.rule("I10")
def test_a_trial_is_promoted_to_the_production_database(demo: str) -> None:
    made, below = submission("Two-week stock forecast"), automation("Stock forecast (trial)")
    assert (made.kind, made.promoted_from) == ("promotion", below.approved_version)
    assert made.automation.lineage == below.lineage


@pytest.mark.rule("I9")
def test_demo_has_possible_duplicate_of_rejected_automation(demo: str) -> None:
    made = submission("Newsletter writer")
    assert [likeness.other.name for likeness in made.likenesses.all()] == ["Campaign copy agent"]


def test_every_export_but_two_is_a_story_of_the_demo(demo: str) -> None:
    """One is for bringing in by hand; the other, an agent's client configuration, for trying the second format."""
    files = {path.name for path in EXPORTS.iterdir()}
    loaded = {
        name
        for automation in Automation.objects.all()
        for v in automation.versions.all()
        for name in v.manifest["source"]["files"]
    }
    assert files - loaded - {TO_IMPORT.name} == {"repo-triage-agent.mcp.json"}
    assert loaded <= files
