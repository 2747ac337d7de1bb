"""The life of an automation after it is registered: review, live, suspended, retired (I1, G5, L1).

What only an approval may cause is internal here and runs inside that approval's own operation. What follows for grants is
registered by approvals as consequences of ``automation.retired`` and the like.
"""

from __future__ import annotations

from datetime import date, datetime

from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.refusals import Refusal, refuse
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from inventory.models import Automation, AutomationState, Version

S = AutomationState


@transition(Automation, event="automation.put_in_review", permission=None, source=(S.DRAFT,), target=(S.IN_REVIEW,))
def put_in_review(step: Step[Automation]) -> Effect:
    """Its first submission was made; only before it first goes live."""
    return Effect()


@transition(Automation, event="automation.sent_back", permission=None, source=(S.IN_REVIEW,), target=(S.DRAFT,))
def back_to_draft(step: Step[Automation]) -> Effect:
    """Its submission was refused, withdrawn or declined before it ever was live."""
    return Effect()


@transition(
    Automation,
    event="automation.went_live",
    permission=None,
    source=(S.DRAFT, S.IN_REVIEW, S.LIVE, S.SUSPENDED),
    target=(S.LIVE, S.SUSPENDED),
)
def go_live(step: Step[Automation], *, version: Version, tier: str, review_on: date) -> Effect:
    """A version becomes the approved one, with what stage 1 approved about the automation; a stopped one stays stopped.

    Args:
        step: the running step.
        version: the version put in force.
        tier: the app's tier as it was decided.
        review_on: the day on which it comes up for review (R1).
    """
    automation = step.subject
    was_suspended = automation.state == S.SUSPENDED
    for name, value in automation.amendment.items():
        setattr(automation, name, value)
    automation.amendment = {}
    automation.approved_version = version
    automation.tier = tier
    automation.review_on = review_on
    return Effect(
        to=S.SUSPENDED if was_suspended else S.LIVE,
        payload={"version": version.number, "manifest": version.manifest_digest, "tier": tier},
    )


@transition(Automation, event="automation.suspended", permission=None, source=(S.LIVE,), target=(S.SUSPENDED,))
def suspend(step: Step[Automation], *, why: str) -> Effect:
    """Something else suspends it: a review that nobody answered, an owner's no."""
    step.subject.suspended_at = step.now
    return Effect(payload={"why": why})


@transition(
    Automation,
    event="automation.stopped",
    permission=Permission.AUTOMATION_STOP,
    source=(S.LIVE,),
    target=(S.SUSPENDED,),
    reason_needed=True,
)
def stop(step: Step[Automation]) -> Effect:
    """The kill switch: an owner, the team's lead, security or on-call stops it at once, alone and with a reason (G5)."""
    step.subject.suspended_at = step.now
    step.subject.stopped_by = step.actor.person
    step.subject.resume_asked_by = None
    return Effect()


def _not_who_stopped(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    if any(person.pk == subject.stopped_by_id for person in actor.people):
        return Refusal(
            "G5", "duty", "You stopped it; lifting that needs two others.", "Ask an owner and the team's lead."
        )
    return None


def _not_who_asked(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    if any(person.pk == subject.resume_asked_by_id for person in actor.people):
        return Refusal(
            "G5", "duty", "You asked to lift it; a second person does.", "Ask another owner or the team's lead."
        )
    return None


NOT_WHO_STOPPED = Duty("G5", "G5", "Who stopped it does not lift the stop.", _not_who_stopped)
NOT_WHO_ASKED = Duty("G5", "G5", "Lifting a stop needs two people.", _not_who_asked)


@transition(
    Automation,
    event="automation.resume_asked",
    permission=Permission.AUTOMATION_RESUME,
    source=(S.SUSPENDED,),
    duties=[NOT_WHO_STOPPED],
    reason_needed=True,
)
def ask_to_resume(step: Step[Automation]) -> Effect:
    """The first of two people asks to lift a stop (G5)."""
    step.subject.resume_asked_by = step.actor.person
    step.save(step.subject)
    return Effect()


@transition(
    Automation,
    event="automation.resumed",
    permission=Permission.AUTOMATION_RESUME,
    source=(S.SUSPENDED,),
    target=(S.LIVE,),
    duties=[NOT_WHO_STOPPED, NOT_WHO_ASKED],
    reason_needed=True,
)
def resume(step: Step[Automation]) -> Effect:
    """The second of two people lifts a stop; neither of them is who stopped it (G5)."""
    if step.subject.resume_asked_by is None:
        raise refuse(Refusal("G5", "state", "Somebody else asks to lift it first: it takes two people."))
    step.subject.suspended_at = step.subject.stopped_by = step.subject.resume_asked_by = None
    return Effect()


@transition(
    Automation,
    event="automation.retired",
    permission=Permission.AUTOMATION_RETIRE,
    source=(S.DRAFT, S.LIVE, S.SUSPENDED),
    target=(S.RETIRED,),
    reason_needed=True,
)
def retire(step: Step[Automation]) -> Effect:
    """An owner retires it: its grants end, nothing is freed, and coming back is a new submission (L1)."""
    return Effect()
