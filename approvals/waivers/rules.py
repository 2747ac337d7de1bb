"""Rules of waivers: their term, beneficiaries and delegates who do not decide, and how many follow in a row (S7, A11).

The roles that ask for waivers and decide about them are in `governance.core.roles.roles`.
"""

from datetime import datetime

from approvals.models import Waiver
from approvals.parties import submission_parties
from approvals.policies import fresh_sign_in
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, Refusal, duty, invalid, refuse
from governance.core.models import Delegation
from inventory.models import Automation


def beneficiary_ids(waiver: Waiver, now: datetime) -> set[int]:
    """Return ids of the requester, and of parties and owners of the automations that a waiver covers, at ``now`` (S7)."""
    covered = {int(key.partition("/")[0]) for key in waiver.covers} | {waiver.automation_id}
    people = {waiver.asked_by_id, *waiver.beneficiaries}
    for automation in Automation.objects.filter(pk__in=covered).select_related("business_owner", "technical_owner"):
        people |= {person_id for person_id, _ in submission_parties.next_parties(automation)}
        people |= {person.pk for person in automation.answering(now)}
    return people


def preceding_waiver(waiver: Waiver, policy: policy_queries.Policy) -> Waiver | None:
    """Return the granted waiver that this one follows (S7).

    Raises:
        Refused: too many in a row.
    """
    same = Waiver.objects.of_the_same(waiver.code, waiver.scope, waiver.subject, waiver.covers)
    before = same.counting(waiver.asked_at).exclude(pk=waiver.pk).order_by("-in_a_row", "-ends_at").first()
    if before is not None and before.in_a_row >= policy.waivers_in_a_row:
        followed = f"{before.in_a_row} waivers followed each other" if before.in_a_row > 1 else "A waiver was granted"
        sentence = f"{followed} here already: what lasts longer is no exception."
        raise refuse(Refusal("S7", "duty", sentence, "Resolve the conflict, or propose another rule."))
    return before


def check_requested_days(days: int, policy: policy_queries.Policy) -> None:
    """Refuse a request for less than a day, or for more days than policy allows (S7)."""
    if not 1 <= days <= policy.waiver_days:
        raise invalid("S7", "days", f"Between 1 and {policy.waiver_days} days.")


def granted_days(waiver: Waiver, days: int | None, policy: policy_queries.Policy) -> int:
    """Return the term of a waiver in days, at most as requested and as policy allows now (S7).

    Raises:
        Refused: another term.
    """
    if days is not None and not 1 <= days <= waiver.days:
        raise invalid("S7", "days", f"A term can be shortened only: 1 to {waiver.days} days.")
    term = days or waiver.days
    if term > policy.waiver_days:
        sentence = f"By the policy of now a waiver lasts at most {policy.waiver_days} days: shorten it."
        raise invalid("S7", "days", sentence)
    return term


@duty("S7", backed_by=("waiver_by_nobody_who_gains",))
def not_who_gains(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    """A person who gains by a waiver can't grant it."""
    beneficiaries = beneficiary_ids(subject, now)
    for person in actor.people:
        if person.pk in beneficiaries:
            name = "You benefit" if person == actor.person else f"{person.name} benefits"
            return Refusal("S7", "duty", f"{name} from this waiver. Another security reviewer decides about it.")
    return None


@duty("A11", backed_by=("waiver_decided",))
def not_their_delegate(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    """A delegate of a person who gains by a waiver can't decide about it, nor can the giver of such a delegation."""
    people = [person.pk for person in actor.people]
    delegations = Delegation.objects.between(beneficiary_ids(subject, now), people)
    if not delegations.since(subject.asked_at, now).exists():
        return None
    sentence = "You share a delegation with a person who gains by it, now or since it was requested."
    return Refusal("A11", "duty", sentence, "Another security reviewer decides about it.")


@duty("SOD-5")
def in_session(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    """A waiver is decided in an interactive session, signed in lately."""
    return fresh_sign_in.require_session(actor, policy_queries.in_force(now), "high")


@duty("S7")
def term_over(subject: Waiver, actor: Actor, now: datetime) -> Refusal | None:
    """A waiver ends with its term and not before, unless security ends it."""
    is_over = subject.ends_at is not None and subject.ends_at <= now
    return None if is_over else Refusal("S7", "state", "Its term is not over.")


#: Duties of deciding about a waiver, in this order.
DECIDING = (not_who_gains, not_their_delegate, in_session)
