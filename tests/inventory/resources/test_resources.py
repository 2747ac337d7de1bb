"""Resources: proposed by one, named by an admin, accepted by the owner, put to use by another admin; classes go upwards."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Person
from governance.core.roles.roles import Role
from inventory.models import Automation, Resource, ResourceState
from inventory.resources.transitions import resources
from tests import scenarios
from tests.appointments import own
from tests.people import Northwind, as_actor, give_role
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = pytest.mark.django_db


def proposed(n: Northwind, **fields: Any) -> Resource:
    """A resource that Rita proposes."""
    given = {"name": "CRM", "kind": "saas_connector", **fields}
    return resources.propose_resource(
        n.finance_ops, actor=as_actor(n.rita), now=n.now, fields=given, suggested_owner=n.omar
    )


def named(n: Northwind, resource: Resource) -> Resource:
    """Ines names Omar, with Amara as deputy."""
    return resources.name_owner(resource, actor=as_actor(n.ines), now=n.now, owner=n.omar, deputy=n.amara)


@pytest.mark.rule("I8")
def test_a_suggested_owner_has_no_say_until_an_admin_names_them(northwind: Northwind) -> None:
    n = northwind
    made = proposed(n)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        resources.name_owner(made, actor=as_actor(n.rita), now=n.now, owner=n.omar, deputy=n.amara)
    named(n, made)
    resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    kept = Resource.objects.get(pk=made.pk)
    assert (kept.owner, kept.deputy, kept.named_owner) == (n.omar, n.amara, None)
    assert kept.state == ResourceState.PROPOSED


@pytest.mark.rule("S8")
def test_nobody_names_themself_owner(northwind: Northwind) -> None:
    n = northwind
    made = proposed(n)
    with pytest.raises(DutyConflict, match="can't name yourself"):
        resources.name_owner(made, actor=as_actor(n.ines), now=n.now, owner=n.ines, deputy=n.amara)
    with pytest.raises(IntegrityError, match="resource_nobody_names_themselves"), transaction.atomic():
        Resource.objects.filter(pk=made.pk).update(named_owner=n.ines, named_by=n.ines)


@pytest.mark.rule("S8")
def test_nobody_becomes_own_deputy_or_activates_as_deputy(
    northwind: Northwind,
) -> None:
    n = northwind
    made = proposed(n)
    with pytest.raises(DutyConflict, match="can't name yourself") as error:
        resources.name_owner(made, actor=as_actor(n.ines), now=n.now, owner=n.omar, deputy=n.ines)
    assert error.value.refusal.code == "SOD-8"
    with pytest.raises(IntegrityError, match="resource_nobody_names_themselves"), transaction.atomic():
        Resource.objects.filter(pk=made.pk).update(named_deputy=n.ines, named_by=n.ines)
    resources.name_owner(made, actor=as_actor(n.karl), now=n.now, owner=n.omar, deputy=n.ines)
    resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    with pytest.raises(DutyConflict, match="would own"):
        resources.activate(made, actor=as_actor(n.ines), now=n.now)
    assert Resource.objects.get(pk=made.pk).state == ResourceState.PROPOSED


@pytest.mark.rule("I3")
def test_owner_and_deputy_are_two_present_people(northwind: Northwind) -> None:
    n = northwind
    made = proposed(n)
    with pytest.raises(InvalidInput, match="two people"):
        resources.name_owner(made, actor=as_actor(n.ines), now=n.now, owner=n.omar, deputy=n.omar)
    n.omar.is_active = False
    n.omar.save()
    with pytest.raises(InvalidInput, match="must be active"):
        resources.name_owner(made, actor=as_actor(n.ines), now=n.now, owner=n.omar, deputy=n.amara)


@pytest.mark.rule("I8", "S8")
def test_proposing_admin_does_not_activate_resource(northwind: Northwind) -> None:
    n = northwind
    made = named(n, proposed(n))
    with pytest.raises(OutOfTurn, match="has no owner yet"):
        resources.activate(made, actor=as_actor(n.karl), now=n.now)
    resources.amend_resource(made, actor=as_actor(n.karl), now=n.now, fields={"data_class": "internal"})
    resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    with pytest.raises(DutyConflict, match="set its data class") as error:
        resources.activate(made, actor=as_actor(n.karl), now=n.now)
    assert error.value.refusal.code == "SOD-8"
    with pytest.raises(DutyConflict, match="named the owner"):
        resources.activate(made, actor=as_actor(n.ines), now=n.now)
    give_role(n.mei, Role.ADMIN, admins=(n.ines, n.karl))
    resources.activate(made, actor=as_actor(n.mei), now=n.now)
    assert Resource.objects.get(pk=made.pk).state == ResourceState.ACTIVE


@pytest.mark.rule("I3")
def test_a_resource_without_a_data_class_is_not_put_to_use(northwind: Northwind) -> None:
    n = northwind
    made = named(n, proposed(n))
    resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    with pytest.raises(OutOfTurn, match="Its data class is not set") as error:
        resources.activate(made, actor=as_actor(n.karl), now=n.now)
    assert (error.value.refusal.code, error.value.refusal.to_do) == (
        "I3",
        "Set it; another admin then activates the resource.",
    )
    resources.amend_resource(made, actor=as_actor(n.omar), now=n.now, fields={"data_class": "internal"})
    resources.activate(made, actor=as_actor(n.karl), now=n.now)
    assert Resource.objects.get(pk=made.pk).state == ResourceState.ACTIVE


NO_CLASS = "I3: a resource is put to use with a data class"


@pytest.mark.rule("I3")
def test_the_database_refuses_a_resource_in_use_without_a_data_class(company: Company) -> None:
    n = company.people
    made = named(n, proposed(n))
    resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    with pytest.raises(IntegrityError, match=NO_CLASS), transaction.atomic():
        Resource.objects.filter(pk=made.pk).update(state="active")
    with pytest.raises(IntegrityError, match=NO_CLASS), transaction.atomic():
        Resource.objects.filter(pk=company.slack.pk).update(data_class="")


@pytest.mark.rule("I3")
def test_class_of_active_resource_cannot_be_unset(company: Company) -> None:
    with pytest.raises(InvalidInput, match="Choose a data class") as error:
        resources.amend_resource(
            company.slack, actor=as_actor(company.people.omar), now=company.now, fields={"data_class": ""}
        )
    assert (error.value.refusal.code, error.value.refusal.detail) == ("I3", (("data_class", "Choose a data class."),))


@pytest.mark.rule("I3")
def test_active_resource_without_class_counts_as_restricted(company: Company) -> None:
    owner = as_actor(company.people.omar)
    given(company.slack, data_class="")
    resources.amend_resource(company.slack, actor=owner, now=company.now, fields={"about": "Our chat."})
    kept = Resource.objects.get(pk=company.slack.pk)
    assert (kept.about, kept.data_class, kept.counted_class) == ("Our chat.", "", "restricted")
    resources.amend_resource(kept, actor=owner, now=company.now, fields={"data_class": "restricted"})
    with pytest.raises(IntegrityError, match=NO_CLASS), transaction.atomic():
        Resource.objects.filter(pk=kept.pk).update(data_class="")


@pytest.mark.rule("I3")
def test_database_refuses_active_resource_without_accepted_owner(northwind: Northwind) -> None:
    made = proposed(northwind, data_class="internal")
    with pytest.raises(IntegrityError, match="resource_active_has_owner_and_deputy"), transaction.atomic():
        Resource.objects.filter(pk=made.pk).update(state="active")
    with pytest.raises(IntegrityError, match="resource_unresolved_is_never_active"), transaction.atomic():
        Resource.objects.filter(pk=made.pk).update(unresolved=True, state="retired")


@pytest.mark.rule("S8", "I3")
def test_owner_raises_but_never_lowers_class(company: Company) -> None:
    n = company.people
    for fields in ({"data_class": "public"}, {"environment": "test"}):
        with pytest.raises(InvalidInput, match="second person"):
            resources.amend_resource(company.slack, actor=as_actor(n.ines), now=n.now, fields=fields)
    resources.amend_resource(company.slack, actor=as_actor(n.omar), now=n.now, fields={"data_class": "confidential"})
    assert Resource.objects.get(pk=company.slack.pk).data_class == "confidential"
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        resources.amend_resource(company.slack, actor=as_actor(n.amara), now=n.now, fields={"about": "x"})
    event = LedgerEvent.objects.filter(verb="resource.amended", outcome="done").latest("id")
    assert event.payload["changed"] == ["data_class"]


@pytest.mark.rule("I3")
@pytest.mark.parametrize(
    ("fields", "field"),
    [({"name": " "}, "name"), ({"kind": "spoon"}, "kind"), ({"data_class": "cosmic"}, "data_class")],
)
def test_invalid_resource_is_refused_beside_field(northwind: Northwind, fields: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        proposed(northwind, **fields)
    assert error.value.refusal.detail[0][0] == field


@pytest.mark.rule("I8")
def test_a_new_owner_of_a_resource_in_use_takes_over_when_they_accept(company: Company) -> None:
    n = company.people
    with pytest.raises(OutOfTurn, match=r"^S8: Another owner of an active resource"):
        resources.name_owner(company.slack, actor=as_actor(n.ines), now=n.now, owner=n.lena, deputy=n.mei)
    assert Resource.objects.get(pk=company.slack.pk).owner == n.omar
    own(company.slack, n.lena, n.mei, now=n.now)
    kept = Resource.objects.get(pk=company.slack.pk)
    assert (kept.owner, kept.deputy, kept.state) == (n.lena, n.mei, ResourceState.ACTIVE)


@pytest.mark.rule("I3")
def test_resource_of_leaver_is_orphaned(company: Company) -> None:
    now = company.now
    assert not Resource.objects.ownerless(now).exists()
    company.people.omar.is_active = False
    company.people.omar.save()
    orphans = Resource.objects.ownerless(now)
    assert company.slack in orphans
    assert Resource.objects.get(pk=company.slack.pk).is_ownerless(now)


@pytest.mark.rule("I4")
def test_entitlement_is_added_once_with_known_level(company: Company) -> None:
    n = company.people
    added: dict[str, Any] = {"code": "files:write", "words": "Upload files", "level": "write"}
    resources.add_entitlement(company.slack, actor=as_actor(n.omar), now=n.now, **added)
    with pytest.raises(InvalidInput, match="already"):
        resources.add_entitlement(company.slack, actor=as_actor(n.omar), now=n.now, **added)
    with pytest.raises(InvalidInput, match="level"):
        resources.add_entitlement(
            company.slack, actor=as_actor(n.omar), now=n.now, **added | {"code": "x", "level": "y"}
        )
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        resources.add_entitlement(company.slack, actor=as_actor(n.rita), now=n.now, **added | {"code": "y"})


@pytest.mark.rule("S5")
def test_superuser_without_role_sees_and_changes_nothing(company: Company) -> None:
    scenarios.brought_in(company)
    root = Person.objects.create_superuser("root@northwind.example", name="Root")
    assert not Automation.objects.visible_to(as_actor(root), company.now).exists()
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        resources.amend_resource(company.slack, actor=as_actor(root), now=company.now, fields={"about": "x"})
