"""A credential's details change under review: approvers stay, changes are shown, and its reach comes first (A1, A2, A6, I6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.models import Approval, Grant, Submission
from governance.core.duties.refusals import DutyConflict, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice, Person
from governance.recertification.items import due_reviews
from inventory.credentials import transitions as credential_transitions
from inventory.models import Automation, Credential, Resource
from inventory.resources.transitions import resources
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.refusals import database_refuses
from tests.people import as_actor
from tests.recertification.review_steps import JOB
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def record_of(submission: Submission, resource: Resource) -> Approval:
    """The record about the credential that opens a resource."""
    return submission.approvals.get(credential__opens=resource)


def vault(c: Company) -> Resource:
    """A secret store of Lena's, with Piet as deputy."""
    n = c.people
    return scenarios.resource(n, "Vault", "secret_store", "restricted", n.lena, n.piet, n.supply)


def kept(c: Company, credential: Credential, store: Resource) -> Credential:
    """Rita says that a store keeps it, and Lena confirms it."""
    credential_transitions.claim_store(credential, actor=as_actor(c.people.rita), now=c.now, store=store)
    return credential_transitions.confirm_store(credential, actor=as_actor(c.people.lena), now=c.now, store=store.pk)


def approve_as_shown(c: Company, record: Approval, person: Person, digest: str) -> Approval:
    """One person approves what a page showed some time ago."""
    return decide.approve(record, actor=as_actor(person), now=c.now, reason="Fine.", shown_digest=digest)


@pytest.mark.rule("A2", "A1", "A9")
def test_store_confirmed_later_takes_over_no_open_approval(company: Company, stage_2: Submission) -> None:
    n, record = company.people, record_of(stage_2, company.erp)
    before = scenarios.shown(record)
    kept(company, record.credential, vault(company))
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        approve_as_shown(company, record, n.lena, scenarios.shown(record))
    with pytest.raises(OutOfTurn) as error:
        approve_as_shown(company, record, n.omar, before)
    assert error.value.refusal.code == "A6"
    assert any("Where the credential is kept" in text for change in error.value.refusal.detail for text in change)
    approve_as_shown(company, record, n.omar, scenarios.shown(record))
    assert record.state == "approved"


@pytest.mark.rule("A2")
def test_store_owner_decides_later_credentials(company: Company) -> None:
    n, version = company.people, stock_report.version(company)
    credential = Credential.objects.get(opens=company.erp)
    kept(company, credential, vault(company))
    submission = scenarios.submitted(company, version)
    scenarios.decide_app(company, submission)
    record = submission.approvals.get(credential=credential)
    assert record.decided_on.name == "Vault"
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        approve_as_shown(company, record, n.omar, scenarios.shown(record))
    approve_as_shown(company, record, n.lena, scenarios.shown(record))
    assert record.state == "approved"
    privilege = submission.approvals.get(privilege__credential=credential)
    scenarios.approve(privilege, n.omar, now=company.now)


@pytest.mark.rule("A1", "A2")
def test_database_freezes_deciding_side_of_credential(company: Company, stage_2: Submission) -> None:
    record, store = record_of(stage_2, company.erp), vault(company)
    with database_refuses("A1: the question of approval # is frozen"):
        Approval.objects.filter(pk=record.pk).update(decided_on=store)


@pytest.mark.rule("A6", "I6")
def test_decision_covers_credential_facts_but_not_rotation(company: Company, stage_2: Submission) -> None:
    n, record = company.people, record_of(stage_2, company.erp)
    before, day = scenarios.shown(record), datetime(2026, 11, 1, tzinfo=UTC)
    omar = as_actor(n.omar)
    credential_transitions.describe_credential(
        record.credential, actor=omar, now=company.now, fields={"rotated_at": day}
    )
    assert scenarios.shown(record) == before
    for fields in ({"lifetime": "long"}, {"expires_at": day.replace(year=2028)}, {"owner": n.piet}):
        stale = scenarios.shown(record)
        credential_transitions.describe_credential(record.credential, actor=omar, now=company.now, fields=fields)
        with pytest.raises(OutOfTurn) as error:
            approve_as_shown(company, record, n.omar, stale)
        assert error.value.refusal.code == "A6"
    codes = list(company.erp.entitlements.values_list("code", flat=True))
    stale = scenarios.shown(record)
    credential_transitions.declare_reach(record.credential, actor=omar, now=company.now, codes=codes)
    with pytest.raises(OutOfTurn, match=r"^A6: This changed after the page was shown"):
        approve_as_shown(company, record, n.omar, stale)


@pytest.mark.rule("I6")
def test_builder_describes_credential_until_first_approval(company: Company, stage_2: Submission) -> None:
    n, record = company.people, record_of(stage_2, company.erp)
    credential = record.credential
    credential_transitions.describe_credential(
        credential, actor=as_actor(n.rita), now=company.now, fields={"lifetime": "long"}
    )
    scenarios.approve(record, n.omar, now=company.now)
    with pytest.raises(DutyConflict, match="Somebody approved this credential as it was described"):
        credential_transitions.describe_credential(
            credential, actor=as_actor(n.rita), now=company.now, fields={"lifetime": "short"}
        )
    with pytest.raises(DutyConflict, match="Somebody approved this credential"):
        credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=vault(company))
    for person, lifetime in ((n.omar, "static"), (n.sana, "short")):
        credential_transitions.describe_credential(
            credential, actor=as_actor(person), now=company.now, fields={"lifetime": lifetime}
        )


@pytest.mark.rule("S1", "I6")
def test_party_neither_lowers_reach_nor_confirms_store(company: Company, stage_2: Submission) -> None:
    n, credential, store = company.people, record_of(stage_2, company.erp).credential, vault(company)
    stage_2.parties.create(person=n.amara, capacity="editor")
    stage_2.parties.create(person=n.lena, capacity="editor")
    codes = list(company.erp.entitlements.values_list("code", flat=True))
    credential_transitions.claim_store(credential, actor=as_actor(n.omar), now=company.now, store=store)
    with pytest.raises(DutyConflict, match="you are a party to it") as error:
        credential_transitions.declare_reach(credential, actor=as_actor(n.amara), now=company.now, codes=codes)
    assert error.value.refusal.code == "SOD-1"
    for verb in (credential_transitions.confirm_store, credential_transitions.refuse_store):
        with pytest.raises(DutyConflict, match="you are a party to it"):
            verb(credential, actor=as_actor(n.lena), now=company.now, store=store.pk)
    credential_transitions.declare_reach(credential, actor=as_actor(n.omar), now=company.now, codes=codes)
    credential_transitions.declare_reach(credential, actor=as_actor(n.amara), now=company.now, codes=None)
    assert credential.reach_kind == "unknown", "that it opens more anybody of its side says"
    credential_transitions.confirm_store(credential, actor=as_actor(n.piet), now=company.now, store=store.pk)


@pytest.mark.rule("T1", "A1")
def test_reach_beyond_request_is_shown_and_never_low(company: Company, stock_low: Submission) -> None:
    n, made = company.people, stock_low
    record = made.approvals.get(privilege__credential__opens=company.erp)
    assert (record.tier, record_of(made, company.erp).tier) == ("low", "low")
    credential_transitions.declare_reach(
        record.privilege.credential, actor=as_actor(n.sana), now=company.now, codes=None
    )
    assert Notice.objects.filter(event="tier_raised", recipient=n.rita).exists()
    for approval in (record, record_of(made, company.erp)):
        with pytest.raises(
            OutOfTurn, match="What its credential opens is not known any more, so this is standard risk"
        ):
            approve_as_shown(company, approval, n.omar, scenarios.shown(approval))


@pytest.mark.rule("I6")
def test_reach_beyond_request_stands_first_on_card(company: Company, stage_2: Submission) -> None:
    n, record = company.people, record_of(stage_2, company.erp)
    resources.add_entitlement(
        company.erp, actor=as_actor(n.omar), now=company.now, code="t:drop", words="Drop tables", level="admin"
    )
    omar, review = client_of(n.omar), reverse("review", args=[stage_2.pk])
    assert "more than asked for" not in omar.get(review).content.decode()
    codes = list(company.erp.entitlements.values_list("code", flat=True))
    credential_transitions.declare_reach(record.credential, actor=as_actor(n.omar), now=company.now, codes=codes)
    html = omar.get(review, {"open": record.pk}).content.decode()
    card = html[html.index(f'id="row-{record.pk}"') :]
    assert "Opens 1 more than asked for" in card
    reasons = card[card.index('<ul class="reasons">') :]
    assert reasons.index("It opens more than is asked for:") < reasons.index("t:drop") < reasons.index("What it opens:")
    assert "Reach of a credential" in html[: html.index(f'id="row-{record.pk}"')]


@pytest.mark.rule("I6")
def test_the_card_says_in_words_that_it_has_expired_and_where_it_is_kept(company: Company, stage_2: Submission) -> None:
    n, record = company.people, record_of(stage_2, company.erp)
    fields = {
        "expires_at": datetime(2026, 11, 1, tzinfo=UTC),
        "rotation_due_on": datetime(2026, 10, 1, tzinfo=UTC).date(),
    }
    credential_transitions.describe_credential(
        record.credential, actor=as_actor(n.omar), now=company.now, fields=fields
    )
    credential_transitions.claim_store(record.credential, actor=as_actor(n.omar), now=company.now, store=vault(company))
    html = client_of(n.omar).get(reverse("review", args=[stage_2.pk]), {"open": record.pk}).content.decode()
    for text in ("Expired on Sun 1 Nov", "Rotation overdue since Thu 1 Oct", "Omar Haddad says that Vault keeps it"):
        assert text in html


@pytest.mark.rule("T4", "T1")
def test_a_tier_that_rises_while_a_grant_lives_shortens_its_term_and_opens_a_review(
    company: Company, stock_low_in_force: Submission
) -> None:
    n, made = company.people, stock_low_in_force
    credential = Credential.objects.get(opens=company.erp)
    grants = Grant.objects.filter(automation=made.automation, credential=credential).order_by("pk")
    assert {(grant.tier, (grant.ends_at - grant.begins_at).days) for grant in grants} == {("low", 365)}
    later = company.now + timedelta(days=100)
    credential_transitions.declare_reach(credential, actor=as_actor(n.sana), now=later, codes=None)
    for grant in grants.all():
        assert (grant.tier, grant.raised_to, grant.ends_at) == (
            "low",
            "standard",
            grant.begins_at + timedelta(days=180),
        )
        assert due_reviews.open_due(later, JOB) >= 0
        assert grant.items.filter(state="open").count() == 1
    others = Grant.objects.filter(automation=made.automation).exclude(credential=credential)
    assert others.exists()
    assert not others.exclude(raised_to="").exists()
    assert Automation.objects.get(pk=made.automation_id).tier == "standard"


@pytest.mark.rule("T4", "R1")
def test_tier_raised_by_reach_brings_review_forward(company: Company) -> None:
    n, made = company.people, stock_report.low(company, stock_report.without_slack)
    scenarios.decide_rest(company, made)
    assert made.automation.tier == "low"
    credential, later = Credential.objects.get(opens=company.erp), company.now + timedelta(days=100)
    credential_transitions.declare_reach(credential, actor=as_actor(n.sana), now=later, codes=None)
    automation = Automation.objects.get(pk=made.automation_id)
    assert (automation.tier, automation.review_because) == ("standard", "tier raised")
    assert automation.review_on is not None
    assert automation.review_on <= (later + timedelta(days=22)).date()


@pytest.mark.rule("T4")
def test_falling_tier_changes_nothing_and_rising_tier_notifies_once(
    company: Company, stock_low_in_force: Submission
) -> None:
    n, made = company.people, stock_low_in_force
    credential = Credential.objects.get(opens=company.erp)
    codes = list(credential.reach)
    credential_transitions.declare_reach(credential, actor=as_actor(n.sana), now=company.now, codes=None)
    then = list(Grant.objects.filter(automation=made.automation).values("ends_at", "raised_to", "review_on"))
    later = company.now + timedelta(days=1)
    credential_transitions.declare_reach(credential, actor=as_actor(n.omar), now=later, codes=codes)
    credential_transitions.declare_reach(credential, actor=as_actor(n.sana), now=later, codes=None)
    assert list(Grant.objects.filter(automation=made.automation).values("ends_at", "raised_to", "review_on")) == then
    assert LedgerEvent.objects.filter(verb="grant.tier_raised").count() == 2


@pytest.mark.rule("T4")
def test_raised_class_shortens_grants_on_resource(company: Company, stock_low_in_force: Submission) -> None:
    made = stock_low_in_force
    resources.amend_resource(
        company.erp, actor=as_actor(company.people.omar), now=company.now, fields={"data_class": "restricted"}
    )
    risen = Grant.objects.filter(automation=made.automation).exclude(raised_to="")
    assert {(grant.raised_to, grant.ends_at) for grant in risen} == {("high", company.now + timedelta(days=90))}
    assert risen.count() == 2
