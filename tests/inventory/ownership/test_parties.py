"""Owners, submitters and authors of automations that use a credential can't lower its risk, also before a submission (S1, T1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Submission
from approvals.submissions.transitions import withdraw
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Person
from inventory.credentials import transitions as credential_transitions
from inventory.imports.transitions import confirmation
from inventory.models import Automation, Credential, InterimOwner
from inventory.ownership import transitions as ownership_transitions
from tests import scenarios, starting_points
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.parties.test_authors import owned_by
from tests.inventory.credentials.test_credential_facts import brought_in, code_of, declare, opening, tier_of, vault
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def in_charge(c: Company, person: Person) -> None:
    """Somebody answers for what the credential opens."""
    stock_report.hand_over(c, c.erp, person, c.people.omar)


def imported(c: Company) -> Person:
    """Rita has brought it in; others own it."""
    stock_report.version(c, technical_owner=None)
    return c.people.rita


def edited(c: Company) -> Person:
    """Bram has changed its details."""
    made = stock_report.version(c)
    confirmation.amend_automation(
        made.automation, actor=as_actor(c.people.bram), now=c.now, fields={"purpose": "Counts the stock."}
    )
    return c.people.bram


def named_by_its_source(c: Company) -> Person:
    """The platform names Mei as its author."""
    stock_report.version(c, owned_by(c.people.mei.email))
    return c.people.mei


def owned_before(c: Company) -> Person:
    """Bram was its owner until now."""
    made = stock_report.version(c, technical_owner=c.people.bram)
    confirmation.amend_automation(
        made.automation, actor=as_actor(c.people.rita), now=c.now, fields={"technical_owner": None}
    )
    return c.people.bram


def will_own(c: Company) -> Person:
    """It runs, and Bram will own it once that is approved."""
    made = stock_report.newest(c)
    confirmation.amend_automation(
        Automation.objects.get(pk=made.automation_id),
        actor=as_actor(c.people.rita),
        now=c.now,
        fields={"technical_owner": c.people.bram},
    )
    return c.people.bram


def submitted_in_vain(c: Company) -> Person:
    """Bram submitted it and withdrew that: he is a party to whatever is submitted next (A15)."""
    version = stock_report.version(c)
    made = scenarios.submitted(c, version, by=c.people.bram)
    withdraw.withdraw(made, actor=as_actor(c.people.bram), now=c.now, reason="Not yet.")
    return c.people.bram


@pytest.fixture
def who(company: Company, stake: Callable[[Company], Person]) -> Person:
    """Who has a stake."""
    return stake(company)


@pytest.mark.rule("S1", "T1", "I6")
@pytest.mark.parametrize(
    ("starting_point", "stake"),
    [
        ("company", imported),
        ("company", edited),
        ("company", named_by_its_source),
        ("company", owned_before),
        ("stock_in_force", will_own),
        ("company", submitted_in_vain),
    ],
    ids=lambda given: getattr(given, "__name__", given),
)
def test_party_of_user_narrows_no_reach(company: Company, starting_point: str, who: Person) -> None:
    c, n = company, company.people
    credential, store = opening(c.erp), vault(c, deputy="omar")
    in_charge(c, who)
    stock_report.hand_over(c, store, who, n.lena)
    version = Automation.objects.get().versions.get()
    before = tier_of(version, credential)
    credential_transitions.claim_store(credential, actor=as_actor(n.omar), now=c.now, store=store)
    for actor in (as_actor(who), as_delegate(n.grace, giver=who, now=c.now)):
        with pytest.raises(DutyConflict) as error:
            credential_transitions.declare_reach(
                credential, actor=actor, now=c.now, codes=[code_of(version, credential)]
            )
        assert error.value.refusal.code in ("I6", "SOD-1")
        for verb in (credential_transitions.confirm_store, credential_transitions.refuse_store):
            with pytest.raises(DutyConflict, match=f"^{error.value.refusal.code}: "):
                verb(credential, actor=actor, now=c.now, store=store.pk)
    assert LedgerEvent.objects.filter(subject_id=str(credential.pk), outcome="refused").count() == 6
    assert (opening(c.erp).reach_kind, tier_of(version, credential)) == ("unknown", before)
    declare(c, credential, n.omar, [code_of(version, credential)])  # the deputy, who has none
    credential_transitions.confirm_store(credential, actor=as_actor(n.lena), now=c.now, store=store.pk)
    declare(c, credential, who, None)  # its owner says that it opens more
    assert opening(c.erp).reach_kind == "unknown"


@pytest.mark.rule("T1", "S1")
def test_statement_before_own_import_does_not_lower_risk(company: Company) -> None:
    c, n = company, company.people
    version = brought_in(c)
    credential = opening(c.erp)
    stock_report.hand_over(c, c.erp, n.bram, n.omar)
    for_bram = as_delegate(n.grace, giver=n.bram, now=c.now)
    credential_transitions.declare_reach(credential, actor=for_bram, now=c.now, codes=[code_of(version, credential)])
    assert (tier_of(version, credential), credential.reach_by, credential.reach_for) == ("low", n.grace, n.bram)

    def again(export: dict[str, Any]) -> None:
        export["id"] = "bramsOwn"

    own_version = stock_report.version(c, again, by=n.bram)
    assert tier_of(own_version, credential) == "standard", "his own word makes nothing of his low"

    def anew(export: dict[str, Any]) -> None:
        stock_report.another_order(export)
        again(export)

    assert tier_of(stock_report.version(c, anew), credential) == "standard", (
        "nor when somebody else brings in the next version"
    )
    assert tier_of(stock_report.version(c, stock_report.another_order), credential) == "low"


@pytest.mark.rule("T1", "S1")
@pytest.mark.parametrize("part", ["amends", "submits"])
def test_statement_of_party_does_not_lower_risk(company: Company, part: str) -> None:
    c, n = company, company.people
    version = brought_in(c)
    credential = opening(c.erp)
    stock_report.hand_over(c, c.erp, n.bram, n.omar)
    declare(c, credential, n.bram, [code_of(version, credential)])
    assert tier_of(version, credential) == "low"
    if part == "amends":
        confirmation.amend_automation(
            version.automation, actor=as_actor(n.bram), now=c.now, fields={"purpose": "Counts."}
        )
    made = scenarios.submitted(c, version, by=n.bram if part == "submits" else n.rita)
    assert made.approvals.get(privilege__credential=credential).tier == "standard"


@pytest.mark.rule("I6", "T1")
def test_void_statement_can_be_repeated_by_other_person(company: Company) -> None:
    c, n = company, company.people
    stock_report.hand_over(c, c.erp, n.bram, n.omar)
    version = brought_in(c)
    credential = opening(c.erp)
    declare(c, credential, n.bram, [code_of(version, credential)])
    own_version = stock_report.version(c, stock_report.another_order, by=n.bram)
    assert tier_of(own_version, credential) == "standard"
    with pytest.raises(InvalidInput, match="says that already"):
        declare(c, credential, n.bram, [code_of(version, credential)])
    with pytest.raises(DutyConflict, match=r"^I6: Only an owner of the opened resource"):
        declare(c, credential, n.sana, [code_of(version, credential)])
    declare(c, credential, n.omar, [code_of(version, credential)])
    assert (credential.reach_by, tier_of(own_version, credential)) == (n.omar, "low")


@pytest.mark.rule("I6", "T1")
def test_party_may_widen_reach(company: Company) -> None:
    """Else naming Omar as the author of a draft would keep him from speaking for his own resource."""
    c, n = company, company.people
    version = brought_in(c)
    credential = opening(c.erp)
    declare(c, credential, n.omar, [code_of(version, credential)])

    def another(export: dict[str, Any]) -> None:
        export["id"] = "another"
        owned_by(n.omar.email)(export)

    stock_report.version(c, another)
    declare(c, credential, n.omar, None)
    assert opening(c.erp).reach_kind == "unknown"


def first_version_was_brams(c: Company) -> None:
    """Bram brought in its first version, and others its second, both approved; now he answers for what it opens."""
    stock_report.in_force(c, by=c.people.bram)
    stock_report.decide_rest(c, stock_report.submitted(c, stock_report.one_more_channel))
    in_charge(c, c.people.bram)


@pytest.mark.rule("S1")
@starting_points.starting_point("company", first_version_was_brams)
def test_part_in_earlier_versions_is_no_stake(company: Company) -> None:
    c, n = company, company.people
    credential = opening(c.erp)
    version = Automation.objects.get().approved_version
    assert (version.number, version.imported_by) == (2, n.rita)
    declare(c, credential, n.bram, [code_of(version, credential)])
    assert credential.reach_by == n.bram


# --- who answers for a credential ------------------------------------------------------------------------------------


def owner_left(c: Company) -> Credential:
    """Piet answered for it, and has left."""
    credential = opening(c.erp)
    credential_transitions.describe_credential(
        credential, actor=as_actor(c.people.rita), now=c.now, fields={"owner": c.people.piet}
    )
    record_leaver(c.people.piet, actor=as_actor(c.people.ines), now=c.now, reason="A new job.")
    return opening(c.erp)


def describe(c: Company, credential: Credential, by: Person, owner: Person | None) -> None:
    """Somebody says who answers for it."""
    credential_transitions.describe_credential(credential, actor=as_actor(by), now=c.now, fields={"owner": owner})


@pytest.mark.rule("I3")
def test_builder_takes_credential_from_no_owner(company: Company) -> None:
    c, n = company, company.people
    brought_in(c)
    credential = opening(c.erp)
    describe(c, credential, n.rita, n.piet)
    with pytest.raises(DutyConflict, match="Piet de Vries owns it"):
        describe(c, credential, n.rita, n.rita)
    for by in (n.rita, n.piet, n.omar):
        with pytest.raises(InvalidInput, match="name who does instead") as error:
            describe(c, credential, by, None)
        assert error.value.refusal.detail[0][0] == "owner"
    assert opening(c.erp).owner == n.piet
    describe(c, credential, n.piet, n.lena)
    describe(c, credential, n.omar, n.piet)
    assert opening(c.erp).owner == n.piet


@pytest.mark.rule("I3")
def test_owner_who_left_is_replaced_after_interim_confirmation(company: Company) -> None:
    c, n = company, company.people
    brought_in(c)
    credential = owner_left(c)
    for by in (n.rita, n.omar, n.sana):
        with pytest.raises(OutOfTurn, match="Piet de Vries left, and it has no interim owner"):
            describe(c, credential, by, n.mei)
    assert opening(c.erp).is_ownerless(c.now)
    named = ownership_transitions.NAME_INTERIM["credential"](
        credential, actor=as_actor(n.amara), now=c.now, person=n.mei
    )
    ownership_transitions.confirm_interim(InterimOwner.objects.get(pk=named.pk), actor=as_actor(n.sana), now=c.now)
    for by in (n.rita, n.sana):
        with pytest.raises(DutyConflict, match="Mei Tanaka is its interim owner"):
            describe(c, opening(c.erp), by, n.lena)
    describe(c, opening(c.erp), n.mei, n.lena)
    now_known = opening(c.erp)
    assert (now_known.owner, now_known.interim, InterimOwner.objects.get().state) == (n.lena, None, "ended")


@pytest.mark.rule("I3", "S1")
def test_stakeholder_does_not_replace_owner(company: Company) -> None:
    c, n = company, company.people
    brought_in(c)
    credential = owner_left(c)
    in_charge(c, n.rita)
    named = ownership_transitions.NAME_INTERIM["credential"](
        credential, actor=as_actor(n.amara), now=c.now, person=n.mei
    )
    ownership_transitions.confirm_interim(InterimOwner.objects.get(pk=named.pk), actor=as_actor(n.sana), now=c.now)
    with pytest.raises(DutyConflict, match="is its interim owner"):
        describe(c, opening(c.erp), n.rita, n.rita)
    describe(c, opening(c.erp), n.omar, n.lena)
    assert opening(c.erp).owner == n.lena


@pytest.mark.rule("I3", "I6")
def test_other_facts_stay_shown_without_naming_leaver(company: Company) -> None:
    c, n = company, company.people
    brought_in(c)
    credential = owner_left(c)
    fields = {"lifetime": "long", "owner": n.piet}
    credential_transitions.describe_credential(credential, actor=as_actor(n.rita), now=c.now, fields=fields)
    assert (credential.lifetime, credential.owner) == ("long", n.piet)
    other = opening(c.slack)
    with pytest.raises(InvalidInput, match="Piet de Vries is not here any more"):
        describe(c, other, n.rita, type(n.piet).objects.get(pk=n.piet.pk))
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        describe(c, other, n.tom, n.tom)


@pytest.mark.rule("I3", "I6")
def test_interim_owner_speaks_for_approved_credential(company: Company, stock_in_stage_2: Submission) -> None:
    c, n, made = company, company.people, stock_in_stage_2
    credential = owner_left(c)
    named = ownership_transitions.NAME_INTERIM["credential"](
        credential, actor=as_actor(n.amara), now=c.now, person=n.mei
    )
    ownership_transitions.confirm_interim(InterimOwner.objects.get(pk=named.pk), actor=as_actor(n.sana), now=c.now)
    scenarios.approve(stock_report.credential_for(made, c.erp), n.omar, now=c.now)
    with pytest.raises(DutyConflict, match="Somebody approved this credential"):
        credential_transitions.describe_credential(
            credential, actor=as_actor(n.rita), now=c.now, fields={"lifetime": "long"}
        )
    credential_transitions.describe_credential(
        credential, actor=as_actor(n.mei), now=c.now, fields={"lifetime": "long"}
    )
    describe(c, opening(c.erp), n.mei, n.lena)
    assert (opening(c.erp).owner, opening(c.erp).lifetime) == (n.lena, "long")


@pytest.mark.rule("A6", "I3")
def test_stale_page_withdraws_only_touched_fields(company: Company) -> None:
    c, n = company, company.people
    brought_in(c)
    credential = opening(c.erp)
    describe(c, credential, n.rita, n.piet)
    omar = client_of(n.omar)
    where = reverse("credential_describe", args=[credential.pk])
    page = omar.get(where).content.decode()
    assert f'name="initial-owner" value="{n.piet.pk}"' in page
    describe(c, credential, n.piet, n.lena)
    form = {"lifetime": "long", "owner": n.piet.pk, "initial-owner": n.piet.pk, "initial-lifetime": "static"}
    assert omar.post(where, form).status_code == 302
    assert (opening(c.erp).owner, opening(c.erp).lifetime) == (n.lena, "long")


@pytest.mark.rule("I3")
def test_the_form_says_why_its_reader_can_not_name_another(company: Company) -> None:
    c, n = company, company.people
    brought_in(c)
    owner_left(c)
    page = client_of(n.rita).get(reverse("credential_describe", args=[opening(c.erp).pk])).content.decode()
    field = page[page.index('id="id_owner"') - 200 : page.index('id="id_owner"') + 200]
    assert "disabled" in field
    assert "Piet de Vries left, and it has no interim owner." in page
