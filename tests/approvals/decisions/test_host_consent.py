"""A host that is known to open another owner's resource counts for a new claim only once that owner's side has agreed (I8)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.models import Approval
from governance.core.duties.refusals import DutyConflict, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice
from inventory.models import Binding, HostConsent
from inventory.resources import queries as resource_queries
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.decisions.test_bindings_of_parties import HOST, payroll, reads_payroll, submitted, version
from tests.approvals.refusals import database_refuses, insert_decision
from tests.people import as_actor, as_delegate, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import given, unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8")]


@pytest.fixture
def claimed(company: Company) -> Company:
    """Mei's drive is known by the host; Omar, who is no party to anything here, says that it opens a public resource of his."""
    n = company.people
    given(company.model, data_class="public")
    company.model.refresh_from_db()
    bindings.bind_connection(
        company.drive, actor=as_actor(n.mei), now=company.now, connector="googleDrive", instance=f"{HOST}:443"
    )
    bindings.bind_connection(
        company.model, actor=as_actor(n.omar), now=company.now, connector="httpRequest", instance=HOST
    )
    return company


def claim(c: Company) -> Binding:
    return Binding.objects.get(resource=c.model)


def submitted_approval(c: Company) -> Approval:
    """What asks to read the host, submitted by Rita for Jonas."""
    return submitted(c, technical_owner=c.people.rita)


# --- refused ----------------------------------------------------------------------------------------------------------------


def test_assessment_of_import_counts_claim_of_other_owner(claimed: Company) -> None:
    made = version(claimed, technical_owner=claimed.people.rita)
    key = made.privileges.get(instance=HOST).key
    assert (made.latest_assessment.tier, made.latest_assessment.levels["unvouched"]) == ("high", [key])


def test_claimed_host_is_high_until_other_owner_agrees(claimed: Company) -> None:
    record = submitted_approval(claimed)
    assert record.tier == "high"
    notice = Notice.objects.get(event="host_claimed")
    assert notice.recipient == claimed.people.mei
    page = client_of(claimed.people.omar).get(f"/review/{record.submission_id}/?open={record.pk}").content.decode()
    assert "This host is known to open Supplier Drive too." in page
    assert "until Mei Tanaka or the backup approver confirms that it also opens Model gateway" in page


def test_only_other_owners_side_agrees(claimed: Company) -> None:
    n, binding = claimed.people, claim(claimed)
    for person in (n.omar, n.sana, n.ines):
        with pytest.raises(NotPermitted, match="You don’t have access to this"):
            bindings.share_host(claimed.drive, actor=as_actor(person), now=claimed.now, binding=binding.pk)
    with database_refuses("I8: only an owner of a resource shares its host"):
        HostConsent.objects.create(
            binding=binding, resource=claimed.drive, opens=claimed.model, said_by=n.omar, said_at=claimed.now
        )
    assert submitted_approval(claimed).tier == "high"


def test_claimant_does_not_agree_for_other_side(claimed: Company) -> None:
    n, binding = claimed.people, claim(claimed)
    given(claimed.drive, deputy=n.omar)
    for actor in (as_actor(n.omar), as_delegate(n.omar, giver=n.mei)):
        with pytest.raises(DutyConflict, match="You said that this host opens Model gateway"):
            bindings.share_host(claimed.drive, actor=actor, now=claimed.now, binding=binding.pk)
    assert not HostConsent.objects.exists()


def test_owner_of_both_resources_does_not_agree(claimed: Company) -> None:
    amara, binding = claimed.people.amara, claim(claimed)
    assert amara.pk == claimed.drive.deputy_id == claimed.model.deputy_id
    with pytest.raises(DutyConflict, match="You own Model gateway too"):
        bindings.share_host(claimed.drive, actor=as_actor(amara), now=claimed.now, binding=binding.pk)
    assert "Confirm shared host" not in client_of(amara).get(claimed.drive.href).content.decode()


def test_consent_lapses_if_its_giver_owns_claiming_resource(claimed: Company) -> None:
    bindings.share_host(claimed.drive, actor=as_actor(claimed.people.mei), now=claimed.now, binding=claim(claimed).pk)
    given(claimed.model, deputy=claimed.people.mei)
    assert submitted_approval(claimed).tier == "high"


def test_a_move_of_the_older_binding_frees_no_claim(claimed: Company) -> None:
    n = claimed.people
    bindings.request_move(
        claimed.mail, actor=as_actor(n.mei), now=claimed.now, connector="googleDrive", instance=f"{HOST}:443"
    )
    row = Binding.objects.get(resource=claimed.drive)
    later = claimed.now + timedelta(hours=1)
    bindings.agree_to_move(row, actor=as_actor(n.amara), now=later, resource=claimed.mail.pk)
    waiting = claim(claimed)
    assert [binding.resource for binding in resource_queries.Bindings([waiting]).claims_on(waiting)] == [claimed.mail]


def test_retired_resource_blocks_no_claim(claimed: Company) -> None:
    given(claimed.drive, state="retired")
    assert submitted_approval(claimed).tier != "high"


def test_owner_of_affected_automation_does_not_agree(claimed: Company) -> None:
    n = claimed.people
    stock_report.version(claimed, reads_payroll, technical_owner=joins(n.mei, n.finance_ops))
    with pytest.raises(DutyConflict, match="uses this connection and you own it"):
        bindings.share_host(claimed.drive, actor=as_actor(n.mei), now=claimed.now, binding=claim(claimed).pk)


@pytest.mark.rule("S1")
def test_consent_of_later_party_does_not_count(claimed: Company) -> None:
    n = claimed.people
    bindings.share_host(claimed.drive, actor=as_actor(n.mei), now=claimed.now, binding=claim(claimed).pk)
    assert submitted(claimed, technical_owner=joins(n.mei, n.finance_ops)).tier == "high"


def test_a_consent_counts_for_no_other_resource_that_the_connection_moves_to(claimed: Company) -> None:
    n = claimed.people
    bindings.share_host(claimed.drive, actor=as_actor(n.mei), now=claimed.now, binding=claim(claimed).pk)
    bindings.request_move(
        claimed.slack, actor=as_actor(n.omar), now=claimed.now, connector="httpRequest", instance=HOST
    )
    row = claim(claimed)
    bindings.agree_to_move(row, actor=as_actor(n.amara), now=claimed.now, resource=claimed.slack.pk)
    assert resource_queries.open_claims(claimed.drive) == [row]


def test_the_database_refuses_an_approval_of_less_than_high_risk_on_it(claimed: Company) -> None:
    n = claimed.people
    bindings.share_host(claimed.drive, actor=as_actor(n.mei), now=claimed.now, binding=claim(claimed).pk)
    record = submitted_approval(claimed)
    stock_report.app_approved(claimed, record.submission)
    assert record.tier != "high"
    with unguarded(HostConsent):
        HostConsent.objects.all().delete()
    with database_refuses("I8: a party confirmed what the connection opens, or its host is another owner's"):
        insert_decision(payroll(record.submission), n.omar, now=claimed.now)


#: How a host is known for the drive, and how the claim names the same host.
SAME_HOST = (
    ("PAYROLL.example.", "payroll.example"),
    ("payroll.example.:8443", "payroll.example"),
    ("payroll.example", "payroll.example:8443"),
    ("xn--gehlter-7wa.example", "gehälter.example"),
    ("payroll", "payroll:8080"),
    ("localhost:5432", "localhost:8080"),
    ("[fd00::5]", "[FD00:0:0::5]:8080"),
    ("10.0.0.5", "[::ffff:10.0.0.5]"),
    ("10.0.0.5", "[::ffff:a00:5]:443"),
    ("10.0.0.5", "167772165"),
    ("10.0.0.5", "0x0a.0.0.5"),
    ("10.0.0.5", "0x0A000005"),
    ("10.0.0.5", "012.0.0.5"),
    ("10.0.0.5", "10.5:8080"),
)
OTHER_HOST = (
    ("payroll.example", "payroll.test"),
    ("payroll.example", "payroll"),
    ("[::ffff:10.0.0.5]", "[::ffff:10.0.0.9]"),
    ("npm:payroll.example", "npm:other.example"),
    ("https://payroll.example/a", "https://other.example/a"),
    ("1.2.3.4.5", "1.2.3.4.5:8080"),
)


def both_bound(c: Company, bound_as: str, claimed_as: str) -> None:
    """Mei's drive is known by one name of a host, and Omar says that another opens his resource."""
    n = c.people
    bindings.bind_connection(c.drive, actor=as_actor(n.mei), now=c.now, connector="graphql", instance=bound_as)
    bindings.bind_connection(c.model, actor=as_actor(n.omar), now=c.now, connector="httpRequest", instance=claimed_as)


@pytest.mark.parametrize(("bound_as", "claimed_as"), SAME_HOST)
def test_another_way_to_write_a_host_is_the_same_host(company: Company, bound_as: str, claimed_as: str) -> None:
    both_bound(company, bound_as, claimed_as)
    row = claim(company)
    assert [waits.resource for waits in resource_queries.Bindings([row]).claims_on(row)] == [company.drive]
    assert resource_queries.open_claims(company.drive) == [row]


@pytest.mark.parametrize(("bound_as", "claimed_as"), OTHER_HOST)
def test_other_host_needs_no_consent(company: Company, bound_as: str, claimed_as: str) -> None:
    both_bound(company, bound_as, claimed_as)
    row = claim(company)
    assert not resource_queries.Bindings([row]).claims_on(row)


def test_consent_without_claim_is_refused(claimed: Company) -> None:
    binding = Binding.objects.get(resource=claimed.drive)
    with pytest.raises(OutOfTurn, match="No other owner waits for Model gateway to share a host"):
        bindings.share_host(claimed.model, actor=as_actor(claimed.people.omar), now=claimed.now, binding=binding.pk)


# --- allowed ----------------------------------------------------------------------------------------------------------------


def test_the_other_owner_agrees_on_the_page_of_their_resource(claimed: Company) -> None:
    n, binding = claimed.people, claim(claimed)
    client = client_of(n.mei)
    page = client.get(claimed.drive.href).content.decode()
    assert "Confirm shared host" in page
    assert "Confirm shared host" not in client_of(n.sana).get(claimed.drive.href).content.decode()
    answer = client.post(reverse("binding_share", args=[binding.pk]), {"resource": claimed.drive.pk})
    assert answer.status_code == 302
    assert LedgerEvent.objects.filter(verb="binding.host_shared", outcome="done").count() == 1
    assert resource_queries.open_claims(claimed.drive) == []
    assert "Confirm shared host" not in client.get(claimed.drive.href).content.decode()
    assert submitted_approval(claimed).tier != "high"


def test_first_known_resource_needs_no_consent(claimed: Company) -> None:
    row = Binding.objects.select_related("resource").get(resource=claimed.drive)
    assert not resource_queries.Bindings([row]).claims_on(row)


def test_one_owner_of_both_is_not_asked_twice(claimed: Company) -> None:
    given(claimed.drive, owner=claimed.people.omar)
    assert submitted_approval(claimed).tier != "high"


def test_a_credential_used_for_two_services_is_no_host(company: Company) -> None:
    n = company.people
    bindings.bind_connection(
        company.drive, actor=as_actor(n.mei), now=company.now, connector="googleDrive", instance="gdrA1"
    )
    bindings.bind_connection(
        company.slack, actor=as_actor(n.omar), now=company.now, connector="slack", instance="gdrA1"
    )
    all_bindings = resource_queries.Bindings(Binding.objects.select_related("resource"))
    assert not any(all_bindings.claims_on(row) for row in all_bindings.values())


def test_an_approval_by_the_owner_alone_leaves_it_open_for_security(claimed: Company) -> None:
    n = claimed.people
    made = submitted_approval(claimed).submission
    scenarios.approve(scenarios.app_of(made), n.theo, now=claimed.now, reason="Fine.")
    scenarios.approve(payroll(made), n.omar, now=claimed.now, reason="Ours.")
    assert payroll(made).state == "open"
    assert payroll(made).seats.filter(label="security").exists()
