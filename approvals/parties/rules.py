"""What is said of a credential or an entitlement while it is decided about: by whom it is not said any more (I6, S1). Asked by the register's operations.

Who builds with a credential describes it until somebody has approved it; from then on whoever answers for it does. A party to what
was submitted says neither that it opens less, which lowers a tier, nor that a store keeps it, which chooses who decides; whoever has a stake
before that is asked by the register itself.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from approvals.models import Decision, DecisionOutcome
from approvals.parties import queries as party_queries
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from inventory.credentials import transitions as credential_transitions
from inventory.models import Automation, Credential, Entitlement
from inventory.ownership import parties as ownership_parties


def _until_approved(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    if credential_transitions.answers_for_it(actor, subject, now):
        return None
    if not Decision.objects.standing().filter(approval__credential=subject, outcome=DecisionOutcome.APPROVE).exists():
        return None
    sentence = "Somebody approved this credential as it was described, so who answers for it describes it now."
    return Refusal("I6", "duty", sentence, "Ask its owner, or who answers for what it opens.")


def _not_of_a_party(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    return _party(actor, "this credential", ownership_parties.uses_of_credential(subject))


def _says_no_control_of_a_party(subject: Entitlement, actor: Actor, now: datetime) -> Refusal | None:
    return _party(actor, "this", ownership_parties.uses_of_entitlement(subject))


def _party(actor: Actor, what: str, uses: QuerySet[Automation]) -> Refusal | None:
    found = party_queries.in_what_rests(uses, [person.pk for person in actor.people])
    if found is None:
        return None
    who = "you are" if found.person == actor.person else f"{found.person.name}, for whom you would stand in, is"
    sentence = f"{found.submission.automation.name} uses {what}, and {who} a party to its submission."
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
NO_CONTROL_OF_A_PARTY = Duty(
    "SOD-1",
    "S1",
    "A party to a submission of what holds an entitlement does not say that a control stands on it.",
    _says_no_control_of_a_party,
)

#: Event to the duty that it demands.
DEMANDED = (
    ("credential.described", UNTIL_APPROVED),
    ("credential.kept_in_said", UNTIL_APPROVED),
    ("credential.reach_narrowed", NOT_OF_A_PARTY),
    ("control.said", NO_CONTROL_OF_A_PARTY),
    ("credential.kept_in_confirmed", NOT_OF_A_PARTY),
    ("credential.kept_in_refused", NOT_OF_A_PARTY),
)
