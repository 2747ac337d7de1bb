"""Duties of proposals: who can't countersign what, regardless of permissions (S8, A11, S5).

Each duty reads rows under the lock of the write, and pages call the same function. The database repeats the checks
that rows alone allow (`approvals/sql/proposals.sql`).
"""

from collections.abc import Collection
from datetime import datetime

from approvals.models import UNANSWERED, Proposal, ProposalState
from approvals.policies import queries as policy_queries
from approvals.policies.fresh_sign_in import require_session
from approvals.proposals import impact_count
from approvals.proposals.kinds import kind as kind_kind
from governance.core.access import ROLE_WORDS, Actor, Refusal, Role, access, duty
from governance.core.models import Delegation, Person

ANOTHER = "Somebody else with the role countersigns it."
#: A countersignature would overwrite what two people have signed since, and might loosen it.
SIGNED_SINCE = Refusal(
    "A6",
    "stale",
    "Its starting point changed: two people have approved another change since.",
    "Reject it. The other change stays.",
)


@duty("S8")
def may_propose(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """Only a person with one of its roles can propose a kind of change."""
    roles = kind_kind.kind_of(subject.kind).proposers
    if roles & access.roles_held(actor, now):
        return None
    names = " or a ".join(sorted(ROLE_WORDS[role].lower() for role in roles))
    return Refusal("S8", "permission", f"Only a {names} proposes this.")


@duty("SOD-8")
def in_person(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A delegate can't propose a change or answer a proposal for the giver."""
    if actor.standing_for is None:
        return None
    sentence = "A proposal is made and answered in person, not for somebody else."
    return Refusal("SOD-8", "duty", sentence, "Act as yourself.")


@duty("SOD-5")
def requires_interactive(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A proposal is answered in an interactive session. A loosening needs a fresh sign-in."""
    if subject.tightens and actor.kind == "person" and actor.signed_in_at is not None:
        return None
    return require_session(actor, policy_queries.in_force(now), "high")


def _refuse_among(actor: Actor, ids: Collection[int], sentence: str, to_do: str = ANOTHER) -> Refusal | None:
    """Return a refusal if the actor or the giver of their delegation has one of these ids."""
    is_among = any(person.pk in ids for person in actor.people)
    return Refusal("SOD-8", "duty", sentence, to_do) if is_among else None


@duty("SOD-8", backed_by=("proposal_two_people",))
def not_its_author(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """The author can't countersign a proposal."""
    return _refuse_among(actor, [subject.proposed_by_id], "You proposed this; a second person countersigns it.")


@duty("A11")
def not_their_delegate(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A delegate of the author, or of a person who gains or loses, can't answer a proposal, nor can the giver."""
    concerned = [subject.proposed_by_id, *subject.gains, *subject.loses]
    people = [person.pk for person in actor.people]
    if Delegation.objects.between(concerned, people).since(subject.proposed_at, now).exists():
        sentence = (
            "You share a delegation with its author or with a person who gains or loses, now or since it was proposed."
        )
        return Refusal("A11", "duty", sentence, ANOTHER)
    return None


@duty("SOD-8", backed_by=("proposal_who_gains_is_apart",))
def not_who_gains(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A person who gains by a proposal can't countersign it."""
    return _refuse_among(actor, _gainer_ids(subject, now), "You would gain by this.")


@duty("SOD-8", backed_by=("proposal_who_loses_is_apart",))
def not_who_loses(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A person who loses by a proposal can't answer it."""
    return _refuse_among(actor, subject.loses, "You would lose by this, and keep what you have by rejecting it.")


def _gainer_ids(subject: Proposal, now: datetime) -> frozenset[int]:
    """Return the ids of people who gained when it was made, or gain now."""
    since = kind_kind.kind_of(subject.kind).people_gaining(subject.target, subject.before, subject.document, now)
    return since.union(subject.gains)


def self_gain_refusal(actor: Actor, gains: Collection[int]) -> Refusal | None:
    """Return a refusal if the actor is among the people who would gain, else None."""
    sentence = "You would gain by this yourself, so somebody else proposes it."
    return _refuse_among(actor, gains, sentence, "Ask another governance admin.")


@duty("A6")
def requires_unchanged(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A proposal puts in force only the change that was shown."""
    kind, target = kind_kind.kind_of(subject.kind), subject.target
    current = kind.current(target, now, subject.document) if kind.subject(target) is not None else None
    if subject.state == ProposalState.AT_ONCE:
        # The target is as the proposal made it, or unchanged if the proposal only suspends its effect.
        is_own = current is not None and not kind.changes(target, current, subject.document)
        return None if is_own or current == subject.before else SIGNED_SINCE
    if current != subject.before:
        sentence = "What this would change is not as it was when this was proposed."
        return Refusal("A6", "stale", sentence, "Its author amends it, or withdraws it.")
    return kind.refusal(target, subject.before, subject.document, now)


@duty("S8")
def requires_counted(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A proposal can't be countersigned before its impact is counted."""
    what_if = impact_count.latest(subject)
    if what_if is None or what_if.finished_at is None:
        sentence = "What it would have changed in the last 90 days is still being counted."
        return Refusal("S8", "state", sentence, "Wait until it is there: it is read first.")
    return None


@duty("S8", backed_by=("proposal_one_under_way",))
def no_other(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A target has at most one open proposal."""
    others = Proposal.objects.filter(kind=subject.kind, target=subject.target, state__in=UNANSWERED)
    if subject._state.adding and others.exists():
        sentence = "Another proposal about the same is under way."
        return Refusal("S8", "state", sentence, "It is answered or withdrawn first.")
    return None


@duty("S8")
def time_is_up(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A proposal lapses when its time is up."""
    return Refusal("S8", "state", "Its time is not up.") if subject.lapses_at > now else None


@duty("S8")
def in_time(subject: Proposal, actor: Actor, now: datetime) -> Refusal | None:
    """A proposal can't be answered when its time is up."""
    if subject.lapses_at > now:
        return None
    return Refusal("S8", "state", "The time to answer this was over: it lapses.", "It can be proposed again.")


#: Duties of the person who answers, in this order.
ANSWERING = (in_person, not_its_author, not_their_delegate, not_who_gains, not_who_loses, requires_interactive, in_time)


def people_who_may_answer(proposal: Proposal, now: datetime) -> list[Person]:
    """Return the people with the role and without a barring duty, by name."""
    kept_away = {proposal.proposed_by_id, *_gainer_ids(proposal, now), *proposal.loses}
    people = Person.objects.with_role(Role(proposal.needs), now).exclude(pk__in=kept_away).order_by("name", "pk")
    active = [person for person in people if not person.is_kept_out(now)]
    return [person for person in active if not_their_delegate.asks(proposal, Actor.of_person(person), now) is None]
