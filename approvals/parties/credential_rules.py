"""Duties on describing a credential or an entitlement during a review (I6, S1). The register's operations ask them.

Builders describe a credential until it is approved; then the person who answers for it does. A party to a submission
can't say:
- that the credential opens less, which would lower a tier
- that a store keeps it, which would choose the approver

The register itself checks interests before a submission.
"""

from datetime import datetime

from approvals.models import Decision, DecisionOutcome
from approvals.parties import submission_parties
from governance.core.access import Actor, Refusal, duty
from inventory.credentials import transitions as credential_transitions
from inventory.models import Credential
from inventory.ownership import parties as ownership_parties


@duty("I6")
def until_approved(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """Who only builds with a credential describes it until somebody has approved it."""
    if credential_transitions.may_describe(actor, subject, now):
        return None
    if not Decision.objects.standing().filter(approval__credential=subject, outcome=DecisionOutcome.APPROVE).exists():
        return None
    sentence = "Somebody approved this credential as it was described, so who answers for it describes it now."
    return Refusal("I6", "duty", sentence, "Ask its owner, or who answers for what it opens.")


@duty("SOD-1")
def not_of_a_party(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """A party can't narrow the reach of a credential in its submission, or confirm its store."""
    uses = ownership_parties.uses_of_credential(subject)
    party = submission_parties.party_of_running(uses, [person.pk for person in actor.people])
    if party is None:
        return None
    clause = "you are" if party.person == actor.person else f"{party.person.name}, whose delegate you would be, is"
    sentence = f"{party.submission.automation.name} uses this credential, and {clause} a party to its submission."
    return Refusal("SOD-1", "duty", sentence, "Somebody else who answers for it does.")
