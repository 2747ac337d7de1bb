"""Transitions of teams: found a team, name leads, add and remove members (S8)."""

from datetime import datetime

from governance.core.access import Actor, Permission, Refusal, duty, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Membership, Person, Team, TeamKind
from governance.core.texts import free_text
from governance.core.webhooks.transitions import pause_of_former_leads


@duty("STATE", rule="S8")
def new(subject: Team, actor: Actor, now: datetime) -> Refusal | None:
    """A team is founded once."""
    return None if subject._state.adding else Refusal("STATE", "state", f"{subject.name} is here already.")


@duty("S8")
def no_fallback(subject: Team, actor: Actor, now: datetime) -> Refusal | None:
    """Fallback owners change by a proposal of two people."""
    if subject.kind != TeamKind.FALLBACK:
        return None
    sentence = "Who is a fallback owner decides where nobody else is left, so one person alone changes it for nobody."
    return Refusal("S8", "duty", sentence, "Propose it; a second admin countersigns, and the person accepts.")


@transition(Team, event="team.founded", permission=Permission.TEAM_MANAGE, duties=[new])
def found_team(step: Step[Team]) -> Effect:
    """Found a team, as an admin; the subject is unsaved, and its leads are named afterwards."""
    if step.subject.lead_id or step.subject.deputy_lead_id:
        raise refuse(Refusal("TEAM", "input", "Found the team first, then name its leads."))
    step.subject.name = free_text.name(step.subject.name)
    if not step.subject.name:
        raise refuse(Refusal("TEAM", "input", "Give it a name."))
    step.save(step.subject)
    return Effect(payload={"kind": step.subject.kind})


@transition(Team, event="team.leads_named", permission=None)
def name_leads(step: Step[Team], *, lead: Person | None, deputy_lead: Person | None) -> Effect:
    """Change lead and deputy lead of a team, by a proposal that two people signed and the person accepted (S8)."""
    named = [person for person in (lead, deputy_lead) if person is not None]
    if lead is not None and lead == deputy_lead:
        raise refuse(Refusal("TEAM", "input", "Lead and deputy lead must be two people."))
    for person in named:
        if not person.is_here:
            raise refuse(Refusal("TEAM", "input", f"{person.name} has left."))
    before = [
        person for person in (step.subject.lead, step.subject.deputy_lead) if person is not None and person not in named
    ]
    if lead != step.subject.lead:
        step.subject.lead, step.subject.lead_since = lead, step.now
    if deputy_lead != step.subject.deputy_lead:
        step.subject.deputy_lead, step.subject.deputy_lead_since = deputy_lead, step.now
    step.save(step.subject)
    pause_of_former_leads(step, before)
    seats = {"lead": lead, "deputy_lead": deputy_lead}
    return Effect(payload={seat: str(person.opaque_id) if person else None for seat, person in seats.items()})


@transition(Team, event="team.joined", permission=Permission.TEAM_MANAGE, duties=[no_fallback])
def join_team(step: Step[Team], *, person: Person) -> Effect:
    """Add another person to a team, as an admin; a second call changes nothing."""
    if person in step.actor.people:
        raise refuse(Refusal("SOD-8", "duty", "You can't put yourself into a team.", "Ask another governance admin."))
    Membership.objects.get_or_create(team=step.subject, person=person, defaults={"since": step.now})
    return Effect(payload={"person": str(person.opaque_id)})


@transition(Team, event="team.joined", permission=None)
def join_fallback(step: Step[Team], *, person: Person) -> Effect:
    """Make a person a fallback owner, by a proposal that two people signed and the person accepted (S8)."""
    if not person.is_here:
        raise refuse(Refusal("TEAM", "input", f"{person.name} has left."))
    Membership.objects.get_or_create(team=step.subject, person=person, defaults={"since": step.now})
    return Effect(payload={"person": str(person.opaque_id)})


@transition(Team, event="team.left", permission=None)
def leave_fallback(step: Step[Team], *, person: Person) -> Effect:
    """End a person's fallback ownership, by a proposal that two people signed (S8)."""
    Membership.objects.filter(team=step.subject, person=person).delete()
    return Effect(payload={"person": str(person.opaque_id)})


@transition(Team, event="team.left", permission=Permission.TEAM_MANAGE, duties=[no_fallback])
def leave_team(step: Step[Team], *, person: Person) -> Effect:
    """End a membership, as an admin. A party stays a party (S1)."""
    Membership.objects.filter(team=step.subject, person=person).delete()
    return Effect(payload={"person": str(person.opaque_id)})
