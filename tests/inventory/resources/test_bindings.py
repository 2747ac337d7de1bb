"""Who says what a connection opens: its resource's side alone, and two people where it was confirmed already (I8)."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse

from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent
from inventory.models import Automation, Binding
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import given

pytestmark = pytest.mark.django_db
KNOWN = {"connector": "slack", "instance": "abc"}


def confirmed(c: Company) -> Binding:
    """A connection that Omar confirmed to open the Slack workspace."""
    bindings.bind_connection(c.slack, actor=as_actor(c.people.omar), now=c.now, **KNOWN)
    return kept()


def kept() -> Binding:
    """The connection as the database has it."""
    return Binding.objects.get(connector="slack", instance_name="abc")


@pytest.mark.rule("I8")
def test_admin_and_builder_confirm_no_binding(company: Company) -> None:
    n = company.people
    for person in (n.ines, n.rita, n.mei):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            bindings.bind_connection(company.slack, actor=as_actor(person), now=company.now, **KNOWN)
    assert not Binding.objects.exists()
    bindings.bind_connection(company.slack, actor=as_actor(n.amara), now=company.now, **KNOWN)
    assert kept().confirmed_by == n.amara


@pytest.mark.rule("I8")
def test_a_proposed_connection_is_not_taken_by_another_resources_owner(company: Company) -> None:
    scenarios.brought_in(company)
    binding = Binding.objects.get(resource=company.slack)
    key = {"connector": binding.connector, "instance": binding.instance_name}
    with pytest.raises(NotPermitted, match="proposed to open Finance Slack workspace") as error:
        bindings.bind_connection(company.drive, actor=as_actor(company.people.mei), now=company.now, **key)
    assert error.value.refusal.code == "I8"
    with pytest.raises(InvalidInput, match="is not confirmed"):
        bindings.request_move(company.drive, actor=as_actor(company.people.mei), now=company.now, **key)
    bindings.bind_connection(company.slack, actor=as_actor(company.people.omar), now=company.now, **key)
    binding.refresh_from_db()
    assert (binding.resource, binding.confirmed_by) == (company.slack, company.people.omar)


@pytest.mark.rule("I8")
@pytest.mark.parametrize("stake", ["proposed", "business_owner", "technical_owner"])
def test_proposer_and_user_do_not_confirm_binding(company: Company, stake: str) -> None:
    n = company.people
    version = scenarios.brought_in(company)
    if stake == "proposed":
        Binding.objects.update(proposed_by=n.omar)
    else:
        Automation.objects.filter(pk=version.automation.pk).update(**{stake: n.omar})
    key = Binding.objects.values("connector", instance=F("instance_name")).get(resource=company.slack)
    for actor in (as_actor(n.omar), as_delegate(n.amara, giver=n.omar, now=company.now)):
        with pytest.raises(DutyConflict, match="another person decides that") as error:
            bindings.bind_connection(company.slack, actor=actor, now=company.now, **key)
        assert error.value.refusal.code == "I8"
    assert LedgerEvent.objects.filter(verb="binding.confirmed", outcome="refused", code="I8").count() == 2
    assert not Binding.objects.filter(confirmed_at__isnull=False).exists()
    bindings.bind_connection(company.slack, actor=as_actor(n.amara), now=company.now, **key)
    assert Binding.objects.get(resource=company.slack).confirmed_by == n.amara


@pytest.mark.rule("I8")
def test_owner_withdraws_refusal_and_other_may_claim(company: Company) -> None:
    n = company.people
    made = Binding.objects.create(
        connector="slack",
        instance_name="abc",
        resource=company.slack,
        proposed_at=company.now,
        refused_by=n.omar,
        refused_at=company.now,
        refused_for=[company.slack.pk],
    )
    bindings.bind_connection(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    made.refresh_from_db()
    assert (made.resource, made.confirmed_by, made.refused_for) == (company.drive, n.mei, [company.slack.pk])


@pytest.mark.rule("I8")
def test_confirmed_binding_is_moved_by_two_people(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    for person, code in ((n.mei, "I8"), (n.ines, "PERMISSION")):
        with pytest.raises(NotPermitted, match=f"^{code}: "):
            bindings.bind_connection(company.drive, actor=as_actor(person), now=company.now, **KNOWN)
        bindings.request_move(company.drive, actor=as_actor(person), now=company.now, **KNOWN)
        with pytest.raises(DutyConflict, match=r"^SOD-8: You asked for this, so another person"):
            bindings.agree_to_move(binding, actor=as_actor(person), now=company.now, resource=company.drive.pk)
        assert kept().resource == company.slack
        if person == n.ines:
            with pytest.raises(DutyConflict, match="You asked for this") as error:
                bindings.agree_to_move(binding, actor=as_actor(n.ines), now=company.now, resource=company.drive.pk)
            assert error.value.refusal.code == "SOD-8"
        bindings.drop_move(binding, actor=as_actor(person), now=company.now)


@pytest.mark.rule("I8")
def test_open_request_is_not_replaced(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    bindings.request_move(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    with pytest.raises(OutOfTurn, match="Mei Tanaka has already asked that this connection opens"):
        bindings.request_move(company.mail, actor=as_actor(n.ines), now=company.now, **KNOWN)
    assert kept().moving_to == company.drive
    bindings.request_move(
        company.mail, actor=as_actor(n.mei), now=company.now, **KNOWN
    )  # she asks for something else instead
    assert (kept().moving_to, kept().moving_by) == (company.mail, n.mei)
    bindings.drop_move(binding, actor=as_actor(n.mei), now=company.now)
    assert kept().moving_to is None


@pytest.mark.rule("I8")
def test_an_owner_and_an_admin_do_not_make_two_sides(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    bindings.request_move(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    with pytest.raises(DutyConflict, match="an owner of Finance Slack workspace"):
        bindings.agree_to_move(binding, actor=as_actor(n.karl), now=company.now, resource=company.drive.pk)
    bindings.drop_move(binding, actor=as_actor(n.mei), now=company.now)
    bindings.request_move(company.drive, actor=as_actor(n.ines), now=company.now, **KNOWN)
    with pytest.raises(DutyConflict, match="an owner of Finance Slack workspace"):
        bindings.agree_to_move(binding, actor=as_actor(n.omar), now=company.now, resource=company.drive.pk)
    assert kept().resource == company.slack


@pytest.mark.rule("I8")
def test_the_new_side_asks_and_the_old_side_agrees(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    bindings.request_move(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    bindings.agree_to_move(binding, actor=as_actor(n.amara), now=company.now, resource=company.drive.pk)
    moved = kept()
    assert (moved.resource, moved.proposed_by, moved.confirmed_by) == (company.drive, n.mei, n.amara)
    assert (moved.moving_to, moved.moving_by) == (None, None)
    event = LedgerEvent.objects.get(verb="binding.moved", outcome="done")
    assert event.payload == {"from": str(company.slack.pk), "to": str(company.drive.pk)}


@pytest.mark.rule("I8")
def test_one_admin_asks_and_another_agrees(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    bindings.request_move(company.drive, actor=as_actor(n.ines), now=company.now, **KNOWN)
    bindings.agree_to_move(binding, actor=as_actor(n.karl), now=company.now, resource=company.drive.pk)
    assert kept().resource == company.drive


@pytest.mark.rule("I8", "A11")
def test_delegate_of_requester_does_not_agree(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    stands_in = as_delegate(n.omar, giver=n.mei, now=company.now)
    bindings.request_move(company.drive, actor=stands_in, now=company.now, **KNOWN)
    with pytest.raises(DutyConflict, match="You asked for this"):
        bindings.agree_to_move(binding, actor=as_actor(n.omar), now=company.now, resource=company.drive.pk)
    assert kept().resource == company.slack


@pytest.mark.rule("I8")
def test_agreement_covers_shown_request_of_responsible_requester(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    bindings.request_move(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    with pytest.raises(OutOfTurn, match="changed in the meantime"):
        bindings.agree_to_move(binding, actor=as_actor(n.omar), now=company.now, resource=company.mail.pk)
    given(company.drive, owner=n.lena, deputy=n.amara)
    with pytest.raises(DutyConflict, match="an owner of Finance Slack workspace"):
        bindings.agree_to_move(binding, actor=as_actor(n.omar), now=company.now, resource=company.drive.pk)


@pytest.mark.rule("I8")
def test_dropped_request_cannot_be_agreed_to(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    bindings.request_move(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    bindings.drop_move(binding, actor=as_actor(n.omar), now=company.now)
    with pytest.raises(OutOfTurn, match="no request to move"):
        bindings.agree_to_move(binding, actor=as_actor(n.omar), now=company.now, resource=company.drive.pk)


@pytest.mark.rule("I8")
def test_database_refuses_move_by_one_person(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    rows = Binding.objects.filter(pk=binding.pk)
    for change in ({"resource": company.drive}, {"confirmed_by": None, "confirmed_at": None}):
        with pytest.raises(IntegrityError, match="moved by two people"), transaction.atomic():
            rows.update(**change)
    bindings.request_move(company.drive, actor=as_actor(n.mei), now=company.now, **KNOWN)
    for change in ({"confirmed_by": n.mei, "moved_by": n.mei}, {"confirmed_by": n.omar}):  # nobody forgets who asked
        with pytest.raises(IntegrityError, match="moved by two people"), transaction.atomic():
            rows.update(resource=company.drive, moving_to=None, **change)
    assert rows.update(resource=company.drive, confirmed_by=n.omar, moved_by=n.mei, moving_to=None) == 1


@pytest.mark.rule("I8")
def test_the_database_lets_only_owners_confirm(company: Company) -> None:
    n, rows = company.people, Binding.objects.filter(pk=confirmed(company).pk)
    for person in (n.sana, n.ines, None):
        with pytest.raises(IntegrityError, match="only an owner of a resource"), transaction.atomic():
            rows.update(confirmed_by=person)
    assert (kept().resource, kept().confirmed_by) == (company.slack, n.omar)
    assert rows.update(confirmed_by=n.amara) == 1


@pytest.mark.rule("I8")
def test_the_resources_page_leads_through_both_steps(company: Company) -> None:
    n, binding = company.people, confirmed(company)
    drive, slack = (reverse("resource", args=[resource.pk]) for resource in (company.drive, company.slack))
    claim = reverse("resource_connection", args=[company.drive.pk])
    assert claim not in client_of(n.rita).get(drive).content.decode()
    assert client_of(n.rita).get(claim).status_code == 403
    mei, omar = client_of(n.mei), client_of(n.omar)
    assert claim in mei.get(drive).content.decode()
    assert mei.post(claim, KNOWN).status_code == 302
    agree = reverse("binding_agree", args=[binding.pk])
    assert agree not in mei.get(drive).content.decode()
    html = omar.get(slack).content.decode()
    assert f"{n.mei.name} asks that it opens {company.drive.name}" in html
    assert agree in html
    assert omar.post(agree, {"resource": company.drive.pk}).status_code == 302
    assert kept().resource == company.drive
    assert omar.post(reverse("binding_drop", args=[binding.pk])).status_code in (403, 409)


@pytest.mark.rule("I8")
def test_a_new_connection_is_confirmed_from_the_page(company: Company) -> None:
    claim = reverse("resource_connection", args=[company.slack.pk])
    assert client_of(company.people.ines).post(claim, KNOWN).status_code == 403
    assert client_of(company.people.omar).post(claim, KNOWN).status_code == 302
    assert (kept().resource, kept().confirmed_by) == (company.slack, company.people.omar)
