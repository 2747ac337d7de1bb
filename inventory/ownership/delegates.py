"""Eligible delegates: people who share each responsibility of the giver (A11). Reads only.

For each item that the giver owns or leads, a delegate is its deputy, a lead of its team or a fallback owner. The
database's `may_stand_in` is the rule; this module has the choices of the form and the sentence of a refusal.
`governance.core.people.transitions.delegations` sets a delegation.
"""

from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet

from governance.core.access import Actor, Refusal, access, duty
from governance.core.models import Membership, Person, TeamKind
from governance.core.roles.roles import SAME_DUTY

#: Items that `no_delegate_sentence` names.
MOST = 3
TO_DO = "Choose a backup approver or team lead for all that you own or lead, or a fallback approver."


def eligible_delegates(giver: Person, now: datetime) -> QuerySet[Person]:
    """Eligible delegates of a person at ``now``, by name."""
    others = Person.objects.filter(is_active=True, left_at__isnull=True).exclude(pk=giver.pk).order_by("name", "pk")
    for role in access.roles_of(giver, now) & {*SAME_DUTY}:
        others = others.filter(pk__in=Person.objects.with_role(role, now).order_by().values("pk"))
    items = responsibilities(giver, now)
    if not items:
        return others
    shared = set.intersection(*(sharers for _, sharers in items))
    return others.filter(Q(pk__in=shared) | Q(pk__in=_fallback_owners().order_by().values("person")))


def _fallback_owners() -> QuerySet[Membership]:
    return Membership.objects.filter(team__kind=TeamKind.FALLBACK)


def responsibilities(giver: Person, now: datetime) -> list[tuple[str, set[int]]]:
    """Items that a person owns or leads at ``now``: the name of each, and the people who share it besides the fallback owners."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sharers FROM responsibilities(%s, %s) ORDER BY name", [giver.pk, now])
        return [(name, set(sharers)) for name, sharers in cursor.fetchall()]


def no_delegate_sentence(giver: Person, now: datetime) -> str:
    """Sentence for a giver without an eligible delegate: the missing condition and the next step."""
    names = [name for name, _ in responsibilities(giver, now)]
    if not names:
        return "You have no eligible delegate: nobody else holds your roles. Ask an admin to propose a second person for them."
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return (
        "You have no eligible delegate. A delegate holds your roles and is backup approver or team lead for all that you own or lead"
        f" ({', '.join(names[:MOST])}{more}), or is a fallback approver."
        " Ask an admin to name such a backup approver or to propose a fallback approver."
    )


@duty("A11", backed_by=("delegation_same_responsibility",))
def shares_responsibility(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """A delegate is, for each item that the giver owns or leads, its deputy, a lead of its team or a fallback owner."""
    giver = actor.person
    if giver is None or actor.standing_for is not None or giver == subject:
        return None
    if access.roles_of(giver, now) & {*SAME_DUTY} - access.roles_of(subject, now):
        return None
    items = responsibilities(giver, now)
    item = next((name for name, sharers in items if subject.pk not in sharers), None)
    if item is None or _fallback_owners().filter(person=subject).exists():
        return None
    return Refusal("A11", "duty", f"{subject.name} does not share your responsibility for {item}.", TO_DO)
