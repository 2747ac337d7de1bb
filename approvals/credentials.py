"""What is said of a credential while it is decided about: by whom it is not said any more (I6, S1). Asked by the register's operations.

Who builds with a credential describes it until somebody has approved it; from then on whoever answers for it does. A party to what
was submitted says neither that it opens less, which lowers a tier, nor that a store keeps it, which chooses who decides; whoever has a stake
before that is asked by the register itself.
"""

from __future__ import annotations

from datetime import datetime

from approvals.models import Decision, DecisionOutcome, Party
from approvals.parties import FROM_THE_ONE_IN_FORCE
from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.refusals import Refusal
from inventory import registry
from inventory.models import Automation, AutomationState, Credential


def _until_approved(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    if registry.answers_for_it(actor, subject, now):
        return None
    if not Decision.objects.standing().filter(approval__credential=subject, outcome=DecisionOutcome.APPROVE).exists():
        return None
    sentence = "Somebody approved this credential as it was described, so who answers for it describes it now."
    return Refusal("I6", "duty", sentence, "Ask its owner, or who answers for what it opens.")


def _not_of_a_party(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    people = [person.pk for person in actor.people]
    uses = Automation.objects.filter(versions__version_credentials__credential=subject)
    uses = uses.exclude(state=AutomationState.RETIRED)
    rests = Party.objects.filter(
        FROM_THE_ONE_IN_FORCE, submission__automation__in=uses.order_by().values("pk"), person__in=people
    )
    found = rests.select_related("submission__automation", "person").order_by("pk").first()
    if found is None:
        return None
    who = "you are" if found.person == actor.person else f"{found.person.name}, for whom you would stand in, is"
    sentence = f"{found.submission.automation.name} uses this credential, and {who} a party to its submission."
    return Refusal("SOD-1", "duty", sentence, "Somebody else who answers for it does.")


UNTIL_APPROVED = Duty(
    "I6",
    "I6",
    "Who only builds with a credential describes it until somebody has approved it.",
    _until_approved,
)
NOT_OF_A_PARTY = Duty(
    "SOD-1",
    "S1",
    "A party to a submission of what uses a credential says neither that it opens less nor that a store keeps it.",
    _not_of_a_party,
)

#: Event to the duty that it demands.
DEMANDED = (
    ("credential.described", UNTIL_APPROVED),
    ("credential.kept_in_said", UNTIL_APPROVED),
    ("credential.reach_narrowed", NOT_OF_A_PARTY),
    ("credential.kept_in_confirmed", NOT_OF_A_PARTY),
    ("credential.kept_in_refused", NOT_OF_A_PARTY),
)
