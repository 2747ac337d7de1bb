"""Details of a credential: who may give them, and their effects; never its value (I6, A2, T1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.mail import mail_text
from governance.core.models import LedgerEvent, Notice
from inventory.credentials import transitions as credential_transitions
from inventory.credentials.transitions import SECRET
from inventory.models import Automation, Credential, Resource, Version
from inventory.resources.transitions import resources
from inventory.versions import assessment
from tests import scenarios
from tests.approvals import stock_report
from tests.ledger_records import recorded
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.starting_points import starting_point
from tests.trigger_bypass import given

pytestmark = pytest.mark.django_db
#: Has the shape of a key and opens nothing.
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def brought_in(c: Company) -> Version:
    """Weekly stock report on an ERP whose data is internal, so that its reading would be low but for what its credential opens."""
    given(c.erp, data_class="internal")
    return stock_report.version(c)


BROUGHT_IN = starting_point("company", brought_in)


def opening(resource: Resource) -> Credential:
    """The credential that opens a resource."""
    return Credential.objects.get(opens=resource)


def vault(c: Company, owner: str = "lena", deputy: str = "piet") -> Resource:
    """A secret store in use."""
    n = c.people
    people = getattr(n, owner), getattr(n, deputy)
    return scenarios.resource(n, "Vault", "secret_store", "restricted", *people, n.supply)


def declare(c: Company, credential: Credential, person: object, codes: list[str] | None) -> Credential:
    """Somebody says what it opens."""
    return credential_transitions.declare_reach(credential, actor=as_actor(person), now=c.now, codes=codes)


def code_of(version: Version, credential: Credential) -> str:
    """The code of the one privilege that uses a credential."""
    return version.privileges.get(credential=credential).entitlement.code


def tier_of(version: Version, credential: Credential) -> str:
    """The tier of the one privilege that uses a credential, by the newest assessment."""
    return version.latest_assessment.levels["privileges"][version.privileges.get(credential=credential).key]["tier"]


@pytest.mark.rule("I6")
@pytest.mark.parametrize("name", ["lifetime", "issued_at", "owner", "rotation_due_on", "fingerprint"])
@BROUGHT_IN
def test_secret_like_text_is_refused_and_not_stored(company: Company, name: str) -> None:
    credential, before = opening(company.erp), LedgerEvent.objects.count()
    with pytest.raises(InvalidInput) as error:
        credential_transitions.describe_credential(
            credential, actor=as_actor(company.people.omar), now=company.now, fields={name: TOKEN}
        )
    assert error.value.refusal.sentence == SECRET
    assert TOKEN not in str(error.value.refusal)
    assert LedgerEvent.objects.count() == before
    with pytest.raises(InvalidInput) as error:
        declare(company, credential, company.people.omar, [TOKEN])
    assert TOKEN not in str(error.value.refusal)
    assert TOKEN not in str(list(Credential.history.values()))


@pytest.mark.rule("I6")
@BROUGHT_IN
def test_uninvolved_person_describes_no_credential(company: Company) -> None:
    n, credential = company.people, opening(company.erp)
    for person in (n.nadia, n.ines, n.yuki, n.grace):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            credential_transitions.describe_credential(
                credential, actor=as_actor(person), now=company.now, fields={"lifetime": "static"}
            )
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            credential_transitions.claim_store(credential, actor=as_actor(person), now=company.now, store=company.erp)
    for person in (n.nadia, n.rita, n.theo):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            declare(company, credential, person, ["*"])


@pytest.mark.rule("I6")
@BROUGHT_IN
def test_builder_owner_and_resource_owner_describe_credential(company: Company) -> None:
    n, credential = company.people, opening(company.erp)
    issued, due = datetime(2026, 1, 5, tzinfo=UTC), date(2027, 1, 5)
    fields = {"lifetime": "long", "issued_at": issued, "rotation_due_on": due, "owner": n.piet}
    credential_transitions.describe_credential(credential, actor=as_actor(n.rita), now=company.now, fields=fields)
    assert (credential.lifetime, credential.issued_at, credential.rotation_due_on, credential.owner) == (
        "long",
        issued,
        due,
        n.piet,
    )
    event = LedgerEvent.objects.get(verb="credential.described", outcome="done")
    assert event.payload == {"changed": ["issued_at", "lifetime", "owner", "rotation_due_on"]}
    row = credential.history.latest()
    assert (row.history_user, row.history_change_reason.split()[0]) == (n.rita, "credential.described")
    for person, lifetime in ((n.piet, "static"), (n.amara, "short"), (n.sana, "long")):
        credential_transitions.describe_credential(
            credential, actor=as_actor(person), now=company.now, fields={"lifetime": lifetime}
        )
        assert credential.lifetime == lifetime


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"issued_at": datetime(2027, 1, 1, tzinfo=UTC)}, "issued_at"),
        ({"issued_at": datetime(2026, 6, 1, tzinfo=UTC), "rotated_at": datetime(2026, 5, 1, tzinfo=UTC)}, "rotated_at"),
        ({"issued_at": datetime(2026, 6, 1, tzinfo=UTC), "expires_at": datetime(2026, 5, 1, tzinfo=UTC)}, "expires_at"),
        ({"issued_at": datetime(2026, 6, 1, tzinfo=UTC), "rotation_due_on": date(2026, 5, 1)}, "rotation_due_on"),
        ({"lifetime": "eternal"}, "lifetime"),
        ({"lifetime": "static"}, ""),  # as the import said
    ],
)
@BROUGHT_IN
def test_impossible_values_are_refused_beside_fields(company: Company, fields: dict[str, object], field: str) -> None:
    credential = opening(company.erp)
    with pytest.raises(InvalidInput) as error:
        credential_transitions.describe_credential(
            credential, actor=as_actor(company.people.omar), now=company.now, fields=fields
        )
    assert [name for name, _ in error.value.refusal.detail] == ([field] if field else [])


@pytest.mark.rule("I6")
def test_a_rotation_is_overdue_until_it_was_rotated_since(company: Company) -> None:
    credential = Credential(rotation_due_on=date(2026, 11, 1), expires_at=company.now)
    assert credential.is_overdue(company.now)
    assert credential.is_expired(company.now)
    assert not credential.is_expired(company.now - timedelta(seconds=1))
    credential.rotated_at = datetime(2026, 11, 1, tzinfo=UTC)
    assert not credential.is_overdue(company.now)


@pytest.mark.rule("I6", "T1")
@BROUGHT_IN
def test_builder_lowers_no_tier_by_declared_reach(company: Company, start: Version) -> None:
    version = start
    n, credential = company.people, opening(company.erp)
    Automation.objects.update(technical_owner=n.omar)
    for actor in (as_actor(n.omar), as_delegate(n.amara, giver=n.omar, now=company.now)):
        with pytest.raises(DutyConflict, match="uses this credential and you own it") as error:
            credential_transitions.declare_reach(
                credential, actor=actor, now=company.now, codes=[code_of(version, credential)]
            )
        assert error.value.refusal.code == "I6"
    with pytest.raises(DutyConflict, match="Only an owner of the opened resource"):
        declare(company, credential, n.sana, [code_of(version, credential)])
    assert (opening(company.erp).reach_kind, tier_of(version, credential)) == ("unknown", "standard")
    assert LedgerEvent.objects.filter(verb="credential.reach_declared", outcome="refused").count() == 3


@pytest.mark.rule("I6", "T1", "I2")
@BROUGHT_IN
def test_resource_owner_narrows_reach_and_tier(company: Company, start: Version) -> None:
    version = start
    n, credential = company.people, opening(company.erp)
    before = version.assessments.count()
    declare(company, credential, n.amara, [code_of(version, credential)])
    assert (credential.reach_kind, credential.reach, credential.reach_by) == (
        "declared",
        [code_of(version, credential)],
        n.amara,
    )
    assert tier_of(version, credential) == "low"
    assert version.assessments.count() == before + 1
    event = LedgerEvent.objects.get(verb="credential.reach_declared", outcome="done")
    assert event.payload == {"was": "unknown", "reach": "declared", "entitlements": 1, "versions": 1}
    assert recorded("credential.reach_narrowed", credential, by=n.amara) == {}


@pytest.mark.rule("I6", "A11")
@BROUGHT_IN
def test_delegate_of_responsible_person_speaks_for_them(company: Company, start: Version) -> None:
    version = start
    n, credential, store = company.people, opening(company.erp), vault(company)
    stands_in = as_delegate(n.tom, giver=n.omar, now=company.now)
    credential_transitions.declare_reach(
        credential, actor=stands_in, now=company.now, codes=[code_of(version, credential)]
    )
    assert (credential.reach_kind, credential.reach_by) == ("declared", n.tom)
    credential_transitions.claim_store(credential, actor=stands_in, now=company.now, store=store)
    assert (credential.said_by, credential.said_for) == (n.tom, n.omar)
    for_lena = as_delegate(n.grace, giver=n.lena, now=company.now)
    credential_transitions.confirm_store(credential, actor=for_lena, now=company.now, store=store.pk)
    assert (credential.kept_in, credential.kept_confirmed_by) == (store, n.grace)


@pytest.mark.rule("I6")
@BROUGHT_IN
def test_reach_is_chosen_from_register(company: Company) -> None:
    credential = opening(company.erp)
    for codes in (["nothing:like-it"], []):
        with pytest.raises(InvalidInput) as error:
            declare(company, credential, company.people.omar, codes)
        assert error.value.refusal.detail[0][0] == "codes"
    Credential.objects.update(opens=None)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        declare(company, credential, company.people.omar, ["x"])
    with pytest.raises(OutOfTurn, match="not known which resource"):
        declare(company, credential, company.people.sana, ["x"])


@pytest.mark.rule("I6", "T1")
@BROUGHT_IN
def test_security_widens_reach_at_once(company: Company, start: Version) -> None:
    version = start
    n, credential = company.people, opening(company.erp)
    code = code_of(version, credential)
    more = resources.add_entitlement(
        company.erp, actor=as_actor(n.omar), now=company.now, code="x:drop", words="Drop tables", level="admin"
    )
    declare(company, credential, n.omar, [code])
    declare(company, credential, n.sana, [code, more.code])
    assert tier_of(version, credential) == "standard"
    finding = version.latest_assessment.findings.get(code="credential_reach")
    assert (finding.severity, finding.detail) == ("high", "It opens more than is asked for: x:drop")
    with pytest.raises(DutyConflict, match=r"^I6: Only an owner of the opened resource"):
        declare(company, credential, n.sana, [code])
    declare(company, credential, n.sana, None)
    assert not version.latest_assessment.findings.filter(code="credential_reach").exists()
    assert tier_of(version, credential) == "standard"


@pytest.mark.rule("I6", "T1")
@BROUGHT_IN
def test_a_code_counts_for_the_resource_that_a_credential_opens_and_for_no_other(
    company: Company, start: Version
) -> None:
    version = start
    credential = opening(company.erp)
    declare(company, credential, company.people.omar, [code_of(version, credential)])
    Credential.objects.filter(pk=credential.pk).update(reach_kind="read", opens=company.mail)
    privilege = version.privileges.select_related("entitlement__resource", "credential").get(credential=credential)
    assert assessment.facts_of(privilege, "production").credential_reach == "wider"


@pytest.mark.rule("I6")
@BROUGHT_IN
def test_backend_reach_is_not_overridden(company: Company) -> None:
    credential = opening(company.erp)
    Credential.objects.update(reach_kind="read", reach=["a", "b"])
    with pytest.raises(OutOfTurn, match="read from the backend"):
        declare(company, credential, company.people.omar, ["a"])


@pytest.mark.rule("I6", "T1")
@BROUGHT_IN
def test_database_refuses_reach_narrowed_by_others(company: Company) -> None:
    n, rows = company.people, Credential.objects.filter(pk=opening(company.erp).pk)
    for person in (n.rita, n.sana, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(reach_kind="declared", reach=["x"], reach_by=person)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(reach_kind="declared", reach=[], reach_by=n.omar, reach_at=company.now)
    as_delegate(n.tom, giver=n.omar, now=company.now)
    over = company.now + timedelta(days=60)
    for who, at in ((n.tom, over), (n.tom, None), (n.rita, company.now)):
        with pytest.raises(IntegrityError, match="only an owner of a resource"), transaction.atomic():
            rows.update(reach_kind="declared", reach=["x"], reach_by=who, reach_at=at)
    rows.update(reach_kind="declared", reach=["x", "y"], reach_by=n.tom, reach_at=company.now)
    rows.update(reach_kind="declared", reach=["x"], reach_by=n.omar, reach_at=over)
    assert rows.update(reach_kind="declared", reach=["x", "y"], reach_by=n.omar) == 1
    with pytest.raises(IntegrityError, match="narrows its reach"), transaction.atomic():
        rows.update(reach=["x"], reach_by=n.rita)
    assert rows.update(reach=["x", "y", "z"], reach_by=n.sana) == 1


@pytest.mark.rule("A2")
@BROUGHT_IN
def test_store_needs_confirmation_of_its_side(company: Company) -> None:
    n, credential, store = company.people, opening(company.erp), vault(company)
    for wrong in (company.slack, scenarios.resource(n, "Old", "data_store", "internal", n.lena, n.piet, n.supply)):
        with pytest.raises(InvalidInput, match="Choose a secret store"):
            credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=wrong)
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=store)
    assert (credential.kept_in, credential.decided_on) == (None, company.erp)
    notices = Notice.objects.filter(event="credential_said_kept")
    assert {notice.recipient for notice in notices} == {n.lena, n.piet}
    assert mail_text.link(notices[0].context).endswith(credential.href)
    assert "Vault" in mail_text.write(notices[0], None).subject
    for person in (n.rita, n.omar, n.sana, n.ines):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            credential_transitions.confirm_store(credential, actor=as_actor(person), now=company.now, store=store.pk)
    with pytest.raises(OutOfTurn, match="It changed in the meantime"):
        credential_transitions.confirm_store(
            credential, actor=as_actor(n.lena), now=company.now, store=company.slack.pk
        )
    credential_transitions.confirm_store(credential, actor=as_actor(n.lena), now=company.now, store=store.pk)
    assert (credential.kept_in, credential.decided_on, credential.kept_confirmed_by) == (store, store, n.lena)
    assert (credential.said_kept_in, credential.said_by) == (None, None)
    assert {
        event.verb for event in LedgerEvent.objects.filter(subject_type="inventory.credential", outcome="done")
    } >= {
        "credential.kept_in_said",
        "credential.kept_in_confirmed",
    }


@pytest.mark.rule("A2", "S8")
@pytest.mark.parametrize("stake", ["said", "stands_in", "owner"])
@BROUGHT_IN
def test_proposer_and_user_do_not_confirm_store(company: Company, stake: str, start: Version) -> None:
    version = start
    n, credential = company.people, opening(company.erp)
    store = vault(company, "rita" if stake == "said" else "lena")
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=store)
    if stake == "owner":
        Automation.objects.filter(pk=version.automation_id).update(business_owner=n.lena)
    who = as_actor(n.rita if stake == "said" else n.lena)
    if stake == "stands_in":
        Credential.objects.update(said_for=n.lena)
    for verb in (credential_transitions.confirm_store, credential_transitions.refuse_store):
        with pytest.raises(DutyConflict, match="another person"):
            verb(credential, actor=who, now=company.now, store=store.pk)
    assert opening(company.erp).kept_in is None
    credential_transitions.confirm_store(credential, actor=as_actor(n.piet), now=company.now, store=store.pk)
    assert credential.kept_confirmed_by == n.piet


@pytest.mark.rule("A2")
@BROUGHT_IN
def test_refused_store_is_repeated_by_its_side_only(company: Company) -> None:
    n, credential, store = company.people, opening(company.erp), vault(company)
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=store)
    with pytest.raises(OutOfTurn, match="Rita Novak has already named"):
        credential_transitions.claim_store(credential, actor=as_actor(n.omar), now=company.now, store=store)
    credential_transitions.refuse_store(credential, actor=as_actor(n.lena), now=company.now, store=store.pk)
    assert (credential.said_kept_in, credential.kept_refused_for) == (None, [store.pk])
    for person in (n.rita, n.omar):
        with pytest.raises(InvalidInput, match="said that it does not keep"):
            credential_transitions.claim_store(credential, actor=as_actor(person), now=company.now, store=store)


@pytest.mark.rule("A2")
@BROUGHT_IN
def test_own_statement_can_be_withdrawn(company: Company) -> None:
    n, credential, store = company.people, opening(company.erp), vault(company)
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=store)
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=None)
    assert (credential.said_kept_in, credential.kept_refused_for) == (None, [])
    with pytest.raises(InvalidInput, match="Choose the store"):
        credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=None)


@pytest.mark.rule("A2")
@BROUGHT_IN
def test_a_confirmed_store_is_left_for_another_by_both_sides(company: Company) -> None:
    n, credential, store = company.people, opening(company.erp), vault(company)
    other = scenarios.resource(n, "Key vault", "secret_store", "restricted", n.mei, n.grace, n.it_ops)
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=store)
    credential_transitions.confirm_store(credential, actor=as_actor(n.lena), now=company.now, store=store.pk)
    for person in (n.rita, n.omar, n.sana):
        with pytest.raises(DutyConflict, match="only its owners can name another store"):
            credential_transitions.claim_store(credential, actor=as_actor(person), now=company.now, store=other)
    credential_transitions.claim_store(credential, actor=as_actor(n.lena), now=company.now, store=other)
    assert credential.decided_on == store
    credential_transitions.confirm_store(credential, actor=as_actor(n.grace), now=company.now, store=other.pk)
    assert credential.decided_on == other


@pytest.mark.rule("A2")
@BROUGHT_IN
def test_database_refuses_unconfirmed_store(company: Company) -> None:
    n, rows, store = company.people, Credential.objects.filter(pk=opening(company.erp).pk), vault(company)
    keeps = {"kept_in": store, "kept_confirmed_at": company.now, "said_kept_in": None, "said_by": None}
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**keeps, kept_confirmed_by=n.lena)  # nobody had said so
    rows.update(said_kept_in=store, said_by=n.lena)
    for person in (n.lena, n.rita, n.omar):
        with pytest.raises(IntegrityError, match="A2"), transaction.atomic():
            rows.update(**keeps, kept_confirmed_by=person)
    assert rows.update(**keeps, kept_confirmed_by=n.piet) == 1
    with pytest.raises(IntegrityError, match="A2"), transaction.atomic():
        rows.update(kept_in=None, kept_confirmed_by=None, kept_confirmed_at=None)
    with pytest.raises(IntegrityError, match="declared first"), transaction.atomic():
        Credential.objects.create(
            kind="x", kept_in=store, kept_confirmed_by=n.piet, kept_confirmed_at=company.now, external_id="new"
        )


@pytest.mark.rule("I6", "T1")
@BROUGHT_IN
def test_changed_target_of_credential_voids_declared_reach(company: Company, start: Version) -> None:
    version = start
    credential = opening(company.erp)
    declare(company, credential, company.people.omar, [code_of(version, credential)])
    stock_report.version(replace(company, erp=company.drive), stock_report.another_order)
    credential.refresh_from_db()
    assert (credential.opens, credential.reach_kind, credential.reach) == (company.drive, "unknown", [])


@pytest.mark.rule("I6")
@BROUGHT_IN
def test_credential_is_visible_to_responsible_people_and_readers(company: Company) -> None:
    n, credential, store = company.people, opening(company.erp), vault(company)

    def see() -> set[str]:
        return {
            p.name for p in n.people if Credential.objects.visible_to(as_actor(p), company.now).filter(pk=credential.pk)
        }

    first = see()
    assert {n.rita.name, n.omar.name, n.amara.name, n.sana.name, n.yuki.name, n.ines.name} <= first
    assert not first & {n.lena.name, n.mei.name, n.nadia.name, n.tom.name}
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=store)
    credential_transitions.describe_credential(
        credential, actor=as_actor(n.rita), now=company.now, fields={"owner": n.tom}
    )
    assert see() - first == {n.lena.name, n.piet.name, n.tom.name}
