"""Eligible owners of an automation, and duties of the people who name an interim owner (I1, I3, S1, A9).

An owner is a member of the automation's team and not its approver. An owner is a party and decides nothing, so naming an
approver as owner would choose who decides. Forms offer `possible_owners`; writes check the same rule in
`owner_refusals`.
"""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, Q
from django.db.models.expressions import RawSQL

from governance.core.access import Actor, Refusal, Role, access, duty
from governance.core.database.querysets import among
from governance.core.engine import hooks
from governance.core.models import Person, Team
from inventory.models import Automation, InterimOwner, InterimState, NamedAs, Owned

#: Bar of higher apps against naming people as owners, with reasons (see `hooks.bar`).
NAMING_OWNERS = "automation.owner_named"

#: Fields that name an owner, by column.
OWNERS = ("business_owner", "technical_owner")


def possible_owners(team: Team, automation: Automation | None, now: datetime) -> list[Person]:
    """Eligible owners by name: active people of the team who are not approvers, and the present owners.

    Args:
        team: of the automation.
        automation: the automation; None for a new one.
        now: business time.
    """
    current = _owners_of(automation)
    active = Person.objects.filter(_is_member_of(team) | Q(pk__in=current), is_active=True, left_at__isnull=True)
    barred = _barred_people(automation, now)
    return [person for person in active.order_by("name", "pk") if person.pk in current or person.pk not in barred]


def owner_refusals(
    team: Team, automation: Automation | None, named: Mapping[str, Person | None], now: datetime
) -> list[tuple[str, Refusal]]:
    """Refusals of named owners, each with its field. Present owners may stay.

    Args:
        team: of the automation.
        automation: the automation, locked in a write; None for a new one.
        named: people by the names of `OWNERS`; others are left out.
        now: business time.
    """
    current = _owners_of(automation)
    new = {
        name: person
        for name, person in named.items()
        if name in OWNERS and person is not None and person.pk not in current
    }
    if not new:
        return []
    wanted = {person.pk for person in new.values()}
    near = set(Person.objects.filter(_is_member_of(team), pk__in=wanted).values_list("pk", flat=True))
    barred = _barred_people(automation, now)
    refusals = []
    for name, person in new.items():
        if person.pk not in near:
            refusals.append((name, _refuse_other_team(person, team)))
        elif person.pk in barred:
            refusals.append((name, barred[person.pk]))
    return refusals


def _refuse_other_team(person: Person, team: Team) -> Refusal:
    sentence = f"{person.name} belongs neither to {team.name} nor to a team above or below it."
    to_do = "Name somebody of the side that builds it; an admin adds people to teams."
    return Refusal("I1", "input", sentence, to_do, is_attempt=True)


def _owners_of(automation: Automation | None) -> set[int]:
    """Ids of the owners, and of the owners in an open amendment."""
    if automation is None:
        return set()
    owner_ids = {
        automation.business_owner_id,
        automation.technical_owner_id,
        *(automation.requested_fields[f"{name}_id"] for name in OWNERS),
    }
    return {pk for pk in owner_ids if pk is not None}


def _barred_people(automation: Automation | None, now: datetime) -> dict[int, Refusal]:
    return hooks.barred(NAMING_OWNERS, automation, now) if automation is not None else {}


#: The members and leads of a team, and of the teams above and below it at any depth.
_NEAR = """ARRAY(
WITH RECURSIVE above AS (
SELECT id, parent_id FROM controls_team WHERE id = %s
UNION SELECT team.id, team.parent_id FROM controls_team team JOIN above ON team.id = above.parent_id
), below AS (
SELECT id FROM controls_team WHERE id = %s
UNION SELECT team.id FROM controls_team team JOIN below ON team.parent_id = below.id
), line AS (SELECT id FROM above UNION SELECT id FROM below)
SELECT person_id FROM controls_membership WHERE team_id IN (SELECT id FROM line)
UNION SELECT unnest(ARRAY[lead_id, deputy_lead_id]) FROM controls_team WHERE id IN (SELECT id FROM line))"""


def _is_member_of(team: Team) -> Q:
    """Condition that a person is member, lead or deputy lead of a team, or of a team above or below it."""
    people = RawSQL(_NEAR, (team.pk, team.pk), ArrayField(BigIntegerField()))  # noqa: S611  a constant
    return Q(among(people))


# --- interim owners ----------------------------------------------------------------------------------------------------


def open_interims(subject: Owned, now: datetime) -> tuple[InterimOwner, ...]:
    """Named or confirmed interim owner of an item at ``now``; empty after the term or after the person left."""
    interims = InterimOwner.objects.filter(**{subject.item_kind: subject}).exclude(state=InterimState.ENDED)
    interim = interims.select_related("person", "named_by", "named_for", "confirmed_by").first()
    if interim is None or not interim.person.is_here:
        return ()
    setattr(interim, subject.item_kind, subject)
    return (interim,) if interim.state == InterimState.NAMED or interim.runs(now) else ()


def capacities(subject: Owned, actor: Actor, now: datetime) -> tuple[NamedAs, ...]:
    """Capacities in which an actor may name or confirm an interim owner."""
    person = actor.capacity_of
    if person is None or not access.stands_in(actor, now):
        return ()
    held = [NamedAs.LEAD] if subject.is_led_by(person) else []
    return (*held, NamedAs.SECURITY) if Role.SECURITY_REVIEWER in access.roles_held(actor, now) else tuple(held)


def may_confirm(interim: InterimOwner, person: Person, *, is_reviewer: bool) -> bool:
    """Whether a person can confirm a named interim owner.

    Args:
        interim: the named interim owner.
        person: the person who would confirm.
        is_reviewer: whether they are a security reviewer.
    """
    if person.pk in (interim.person_id, interim.named_by_id, interim.named_for_id):
        return False
    return interim.subject.is_led_by(person) if interim.confirmed_as == NamedAs.LEAD else is_reviewer


_CONFIRMS = {NamedAs.LEAD: "The team's lead", NamedAs.SECURITY: "A security reviewer"}


@duty("I3")
def ownerless(subject: Owned, actor: Actor, now: datetime) -> Refusal | None:
    """Only an item whose owner has left gets an interim owner."""
    if subject.is_ownerless(now):
        return None
    interim = subject.interim_owner(now)
    if interim is not None:
        return Refusal("I3", "state", f"{interim.name} is its interim owner.", "End their term first.")
    if subject.accountable is None:
        return Refusal("I3", "state", "It never had an owner, so it gets no interim owner.")
    return Refusal("I3", "state", f"{subject.accountable.name} is here and owns it.")


@duty("I3")
def in_use(subject: Owned, actor: Actor, now: datetime) -> Refusal | None:
    """Only an item in use gets an interim owner."""
    state = getattr(subject, "state", "")
    if state in ("retired", "proposed"):
        return Refusal("I3", "state", f"It is {state}, so it needs no interim owner.")
    return None


@duty("I3", backed_by=("interim_one_at_a_time",), needs_context=True)
def nobody_named(subject: Owned, actor: Actor, now: datetime, interims: tuple[InterimOwner, ...]) -> Refusal | None:
    """An item has one interim owner at a time."""
    for interim in interims:
        sentence = f"{interim.named_by.name} has named {interim.person.name} already."
        to_do = f"{_CONFIRMS[interim.confirmed_as]} confirms that, or it is withdrawn first."
        return Refusal("I3", "state", sentence, to_do)
    return None


@duty("SOD-8", backed_by=("interim_named_by_two_others",))
def another_person(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    """An interim owner doesn't confirm their own term."""
    if subject.person_id in actor.people_ids:
        return Refusal("SOD-8", "duty", "You can't confirm yourself as interim owner.", "Two other people do.")
    return None


@duty("SOD-8", backed_by=("interim_named_by_two_others",))
def second_person(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    """The person who named an interim owner doesn't confirm them."""
    if not actor.people_ids.isdisjoint((subject.named_by_id, subject.named_for_id)):
        sentence = f"You named {subject.person.name}, so you can't confirm them."
        return Refusal("SOD-8", "duty", sentence, f"{_CONFIRMS[subject.confirmed_as]} does.")
    return None


@duty("I3")
def other_capacity(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    """The team's lead and a security reviewer name an interim owner together."""
    if subject.confirmed_as in capacities(subject.subject, actor, now):
        return None
    named_as, confirms = NamedAs(subject.named_as).label.lower(), _CONFIRMS[subject.confirmed_as].lower()
    sentence = f"A {named_as} named {subject.person.name}, so {confirms} confirms it."
    return Refusal("I3", "duty", sentence, "The team's lead and a security reviewer name an interim owner together.")


@duty("I3")
def still_ownerless(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    """An interim owner is confirmed only while the item has no owner."""
    if not subject.person.is_here:
        return Refusal("I3", "state", f"{subject.person.name} is not here any more.", "Name another person.")
    return ownerless.refusal(subject.subject, actor, now)
