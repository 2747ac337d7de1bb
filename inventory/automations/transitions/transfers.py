"""Transfer an automation to another team: its lead requests it, the other team's lead agrees (L2).

The approvals app follows ``transfer.accepted`` for grants and for the new stage 1 decision. Delegates cannot transfer.
"""

from collections.abc import Iterable
from datetime import datetime

from governance.core.access import Actor, Permission, Refusal, duty, invalid
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person, Team, TeamKind
from governance.core.notices import outbox
from inventory.models import Automation, AutomationState, Transfer, TransferState

S = TransferState

#: Longest time, in days, that grants of the former team stay in force.
RUNS_ON_DAYS = 30

#: States in which both leads have to agree.
HELD = (AutomationState.LIVE, AutomationState.SUSPENDED)


def open_transfer(automation: Automation) -> Transfer | None:
    """Open transfer of an automation, or None."""
    return automation.transfers.filter(state=S.ASKED).first()


@duty("L2")
def in_person(subject: Automation | Transfer, actor: Actor, now: datetime) -> Refusal | None:
    """A delegate can't give away or take over an automation."""
    if actor.standing_for is None:
        return None
    sentence = "A delegate can't transfer an automation: the lead does it in person."
    return Refusal("L2", "duty", sentence, "Wait until they are back.")


@duty("L2", backed_by=("transfer_one_at_a_time",))
def no_open_transfer(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """An automation has one open transfer."""
    transfer = open_transfer(subject)
    if transfer is None:
        return None
    sentence = f"{transfer.asked_by.name} has asked {transfer.to_team.name} already."
    return Refusal("L2", "state", sentence, "Its lead answers, or it is withdrawn first.")


@duty("L2", backed_by=("transfer_by_two_people",))
def another_lead(subject: Transfer, actor: Actor, now: datetime) -> Refusal | None:
    """A lead of the giving team can't accept for the other team."""
    giving_team = subject.from_team
    leads = {giving_team.lead_id, giving_team.deputy_lead_id, subject.asked_by_id}
    if actor.person is None or actor.person.pk not in leads:
        return None
    sentence = f"You lead {giving_team.name} too: the lead of each team has to agree."
    return Refusal("L2", "duty", sentence, "Its other lead answers.")


@duty("L2")
def same_team(subject: Transfer, actor: Actor, now: datetime) -> Refusal | None:
    """Only an automation that is in use and still in the giving team can be transferred."""
    automation = subject.automation
    if automation.team_id != subject.from_team_id or automation.state not in HELD:
        state = automation.get_state_display().lower()
        return Refusal("L2", "state", f"{automation.name} is {state}, so it can't be transferred any more.")
    return None


@transition(
    Automation,
    event="transfer.asked",
    permission=Permission.TRANSFER_ASK,
    source=HELD,
    duties=[in_person, no_open_transfer],
    reason_needed=True,
)
def request_transfer(step: Step[Automation], *, team: Team) -> Effect:
    """Request that another team takes over an automation, as the lead of its team (L2)."""
    automation, person = step.subject, step.actor.person
    assert person is not None  # permitted by leading the team
    _check_team(automation, team, person)
    made = Transfer(
        automation=automation,
        from_team=automation.team,
        to_team=team,
        asked_by=person,
        asked_at=step.now,
        why=step.reason,
    )
    step.save(made)
    _notify(made, _leads_of(team), step, "transfer_asked")
    return Effect(subject=made, payload={"team": team.pk})


def _check_team(automation: Automation, team: Team, person: Person) -> None:
    leads = [lead for lead in (team.lead, team.deputy_lead) if lead is not None and lead.is_here]
    problems = (
        (team.pk == automation.team_id, f"It is {team.name}'s already."),
        (team.kind != TeamKind.BUSINESS, f"{team.name} builds nothing."),
        (not leads, f"{team.name} has no lead who could agree."),
        (person in leads, f"You lead {team.name} too: the lead of each team has to agree."),
    )
    for is_wrong, problem in problems:
        if is_wrong:
            raise invalid("L2", "team", problem, "Choose another team.")


@transition(
    Transfer,
    event="transfer.accepted",
    permission=Permission.TRANSFER_ANSWER,
    source=(S.ASKED,),
    target=(S.AGREED,),
    duties=[in_person, same_team, another_lead],
    parents=("automation",),
    reason_needed=True,
)
def accept_transfer(step: Step[Transfer]) -> Effect:
    """Accept a transfer as the lead of the other team. That team owns the automation and decides stage 1 from now on (L2)."""
    transfer, automation = step.subject, step.subject.automation
    transfer.answered_by, transfer.answered_at = step.actor.person, step.now
    people = [*automation.owners, *_leads_of(transfer.from_team), *_leads_of(transfer.to_team)]
    _notify(transfer, people, step, "transfer_accepted")
    facts = {"from_team": transfer.from_team_id, "to_team": transfer.to_team_id}
    return Effect(payload=facts, then=lambda: _move(transfer, step))


def _move(transfer: Transfer, step: Step[Transfer]) -> None:
    """Move the automation after the transfer is saved as agreed: the database allows no other change of team."""
    move(transfer, actor=step.actor, now=step.now)


@transition(
    Transfer, event="transfer.moved", permission=None, source=(S.AGREED,), target=(S.MOVED,), parents=("automation",)
)
def move(step: Step[Transfer]) -> Effect:
    """Move an automation to the other team after both leads agreed (L2)."""
    automation = step.subject.automation
    automation.team, automation.moved_at = step.subject.to_team, step.now
    step.save(automation)
    return Effect(payload={"team": automation.team_id})


@transition(
    Transfer,
    event="transfer.dropped",
    permission=Permission.TRANSFER_DROP,
    source=(S.ASKED,),
    target=(S.DROPPED,),
    duties=[in_person],
    reason_needed=True,
)
def drop_transfer(step: Step[Transfer]) -> None:
    """Decline or withdraw a transfer with a reason, as a lead of either team (L2)."""
    transfer = step.subject
    transfer.answered_by, transfer.answered_at = step.actor.person, step.now
    _notify(transfer, [transfer.asked_by, *_leads_of(transfer.to_team)], step, "transfer_dropped")


def _leads_of(team: Team) -> list[Person]:
    return [lead for lead in (team.lead, team.deputy_lead) if lead is not None]


def _notify(transfer: Transfer, people: Iterable[Person], step: Step[Automation] | Step[Transfer], event: str) -> None:
    context = {
        "automation": transfer.automation.name,
        "from_team": transfer.from_team.name,
        "to_team": transfer.to_team.name,
        "by": step.actor.person.name if step.actor.person is not None else "",
        "page": ["automation", transfer.automation.pk],
    }
    others = [person for person in people if person not in step.actor.people]
    outbox.notify(others, event, thread=f"transfer:{transfer.pk}", key=event, now=step.now, context=context)
