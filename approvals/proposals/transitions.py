"""Transitions of a proposal: one person proposes, another countersigns, an appointed person accepts (S8).

===========  ====================  ===============================================================================================
what         from                  what follows
===========  ====================  ===============================================================================================
propose      nothing               open; a tightening may act at once, for hours
amend        open                  open, in a new round: counted and read again
approve      open, at once         in force; or approved, if an appointed person must accept
accept       approved              in force
reject       open, at once         over; an immediate change is reverted
decline      approved              over, by the appointed person
withdraw     open, approved        over, by its author
lapse        open, at once,        over, by a job (`jobs.end_due`); an immediate change is reverted
             approved
===========  ====================  ===============================================================================================
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from approvals.models import UNANSWERED, Proposal, ProposalState
from approvals.policies import queries as policy_queries
from approvals.policies.diff import tightens
from approvals.policies.yaml_document import InvalidDocument
from approvals.proposals import impact_count
from approvals.proposals import rules as duties
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.kinds.kind import Document, Kind
from governance.core.access import Actor, Permission, Refusal, check, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox

S = ProposalState
#: Declares an operation on a proposal.
on_proposal = partial(transition, Proposal)


def _answered(subject: Proposal, actor: Actor, reason: str, params: Mapping[str, Any]) -> Proposal | None:
    """Return the subject if the same person sends the same answer twice (A8)."""
    is_theirs = actor.person is not None and subject.answered_by_id == actor.person.pk
    return subject if is_theirs and subject.state in (S.APPROVED, S.IN_FORCE) else None


@on_proposal(
    event="proposal.made",
    permission=Permission.PROPOSAL_MAKE,
    target=(S.OPEN, S.AT_ONCE),
    duties=[duties.may_propose, duties.in_person, duties.no_other],
    reason_needed=True,
)
def propose(step: Step[Proposal], *, document: Document, at_once: bool = False) -> Effect:
    """Propose a change. The subject is unsaved and has its kind and target."""
    proposal, kind = step.subject, kind_kind.kind_of(step.subject.kind)
    if step.actor.person is None:
        raise refuse(Refusal("S8", "permission", "A proposal is made by a person."))
    proposal.proposed_by, proposal.proposed_at, proposal.needs = step.actor.person, step.now, kind.countersigner
    _set_document(step, kind, document)
    policy = policy_queries.in_force(step.now)
    proposal.lapses_at = step.now + timedelta(days=policy.open_days)
    if at_once:
        _check_at_once(step, kind)
        proposal.acting_until = proposal.lapses_at = step.now + timedelta(hours=policy.at_once_hours)
    return Effect(to=S.AT_ONCE if at_once else S.OPEN, payload=_facts(proposal), then=lambda: _begin(step, kind))


def _begin(step: Step[Proposal], kind: Kind) -> Mapping[str, Any]:
    """Start the count, notify possible countersigners, and apply a change that acts at once."""
    proposal = step.subject
    impact_count.begin(proposal, step)
    acts = proposal.acting_until is not None
    queue_notices(step, duties.people_who_may_answer(proposal, step.now), "proposal_acts" if acts else "proposal_made")
    return kind.apply(proposal, step) if acts else {}


def _set_document(step: Step[Proposal], kind: Kind, document: Document) -> None:
    """Set the document of a proposal, and what follows from it."""
    proposal = step.subject
    if kind.subject(proposal.target) is None:
        raise refuse(Refusal("S8", "input", "There is no such thing to change."))
    try:
        after = kind.check_document(proposal.target, document, step.now)
    except InvalidDocument as error:
        named = ((f"{problem.where or 'line'}:{problem.line}", problem) for problem in error.problems)
        errors = tuple((where, f"{problem.what} {problem.to_do}".strip()) for where, problem in named)
        sentence = "This can't be proposed as it is written."
        raise refuse(Refusal("S8", "input", sentence, errors[0][1], errors)) from error
    before = kind.current(proposal.target, step.now, after)
    changes = kind.changes(proposal.target, before, after)
    if not changes:
        raise refuse(Refusal("S8", "input", "Nothing would be different.", "Change something first."))
    check(kind.refusal(proposal.target, before, after, step.now))
    proposal.document, proposal.before, proposal.reason = after, before, step.reason
    proposal.tightens = tightens(changes)
    proposal.appointed = kind.appointed(proposal.target, before, after)
    gains = kind.people_gaining(proposal.target, before, after, step.now)
    proposal.gains = sorted(gains | ({proposal.appointed.pk} if proposal.appointed is not None else set()))
    proposal.loses = sorted(kind.people_losing(proposal.target, before, after))
    check(duties.self_gain_refusal(step.actor, proposal.gains))
    proposal.digest = kind_kind.digest(proposal)


def _check_at_once(step: Step[Proposal], kind: Kind) -> None:
    if not (kind.may_act_at_once and step.subject.tightens):
        sentence = "Only what tightens acts at once; this waits for a second person."
        raise refuse(Refusal("S8", "input", sentence, "Propose it without that.", is_attempt=True))
    same_subject = kind.about_the_same(step.subject).order_by("-pk")
    # A change that acted at once ends by itself. Until then its author can't extend it by proposing, withdrawing or
    # letting lapse.
    last = same_subject.exclude(acting_until=None, state__in=(*UNANSWERED, S.WITHDRAWN, S.LAPSED)).first()
    if last is not None and last.acting_until is not None and last.state not in (S.APPROVED, S.IN_FORCE):
        sentence = "The last one about this acted at once and nobody countersigned it: one person does not go on with that alone."
        raise refuse(Refusal("S8", "duty", sentence, "Propose it without that.", is_attempt=True))
    check(duties.requires_interactive.asks(step.subject, step.actor, step.now))


def _facts(proposal: Proposal) -> dict[str, Any]:
    return {"kind": proposal.kind, "about": proposal.target, "digest": proposal.digest, "tightens": proposal.tightens}


@on_proposal(
    event="proposal.amended",
    permission=Permission.PROPOSAL_AMEND,
    source=(S.OPEN,),
    duties=[duties.may_propose, duties.in_person, duties.in_time],
    reason_needed=True,
)
def amend(step: Step[Proposal], *, document: Document) -> Effect:
    """Change the document: it is compared with the current state, counted and read again."""
    proposal = step.subject
    proposal.round += 1
    _set_document(step, kind_kind.kind_of(proposal.kind), document)
    step.save(proposal)
    impact_count.begin(proposal, step)
    queue_notices(step, duties.people_who_may_answer(proposal, step.now), "proposal_made")
    return Effect(payload={**_facts(proposal), "round": proposal.round})


@on_proposal(
    event="proposal.approved",
    permission=Permission.PROPOSAL_ANSWER,
    source=(S.OPEN, S.AT_ONCE),
    target=(S.IN_FORCE, S.APPROVED),
    duties=[*duties.ANSWERING, duties.requires_unchanged, duties.requires_counted],
    repeats=_answered,
)
def approve(step: Step[Proposal], *, shown_digest: str) -> Effect:
    """Countersign what was shown. An appointed person then accepts; without one it is in force."""
    proposal, kind = step.subject, kind_kind.kind_of(step.subject.kind)
    if shown_digest != proposal.digest:
        raise refuse(Refusal("A6", "stale", "This was amended since you read it.", "Read it as it is now."))
    _answer(step)
    if proposal.appointed is not None:
        proposal.lapses_at = step.now + timedelta(days=policy_queries.in_force(step.now).open_days)
        queue_notices(step, [proposal.appointed], "proposal_to_accept")
        return Effect(to=S.APPROVED, payload=_facts(proposal))
    proposal.ended_at = step.now
    queue_notices(step, [proposal.proposed_by], "proposal_answered", outcome="in_force")
    return Effect(to=S.IN_FORCE, payload=_facts(proposal), then=lambda: kind.apply(proposal, step))


def _answer(step: Step[Proposal]) -> None:
    step.subject.answered_by, step.subject.answered_at, step.subject.answer = step.actor.person, step.now, step.reason


@on_proposal(
    event="proposal.rejected",
    permission=Permission.PROPOSAL_ANSWER,
    source=(S.OPEN, S.AT_ONCE),
    target=(S.REJECTED,),
    duties=[*duties.ANSWERING],
    reason_needed=True,
)
def reject(step: Step[Proposal]) -> Effect:
    """Reject with a reason; a change that acted at once is reverted."""
    _answer(step)
    queue_notices(step, [step.subject.proposed_by], "proposal_answered", outcome="rejected")
    return end_proposal(step)


@on_proposal(
    event="proposal.accepted",
    permission=Permission.PROPOSAL_ACCEPT,
    source=(S.APPROVED,),
    target=(S.IN_FORCE,),
    duties=[duties.in_person, duties.requires_interactive, duties.in_time, duties.requires_unchanged],
)
def accept(step: Step[Proposal]) -> Effect:
    """Accept as the appointed person; the change is in force."""
    proposal, kind = step.subject, kind_kind.kind_of(step.subject.kind)
    proposal.accepted_at = proposal.ended_at = step.now
    queue_notices(step, [proposal.proposed_by], "proposal_answered", outcome="in_force")
    return Effect(payload=_facts(proposal), then=lambda: kind.apply(proposal, step))


@on_proposal(
    event="proposal.declined",
    permission=Permission.PROPOSAL_ACCEPT,
    source=(S.APPROVED,),
    target=(S.REJECTED,),
    duties=[duties.in_person],
    reason_needed=True,
)
def decline(step: Step[Proposal]) -> Effect:
    """Decline as the appointed person, with a reason."""
    queue_notices(step, [step.subject.proposed_by], "proposal_answered", outcome="declined")
    return end_proposal(step)


@on_proposal(
    event="proposal.withdrawn",
    permission=Permission.PROPOSAL_AMEND,
    source=(S.OPEN, S.APPROVED),
    target=(S.WITHDRAWN,),
    duties=[duties.in_person],
)
def withdraw(step: Step[Proposal]) -> Effect:
    """Withdraw as the author before it is in force."""
    return end_proposal(step)


def end_proposal(step: Step[Proposal]) -> Effect:
    """End a proposal without a countersignature."""
    proposal, kind = step.subject, kind_kind.kind_of(step.subject.kind)
    proposal.ended_at = step.now
    then = (lambda: kind.undo(proposal, step)) if proposal.state == S.AT_ONCE else None
    return Effect(payload={"kind": proposal.kind, "about": proposal.target}, then=then)


def queue_notices(step: Step[Proposal], people: Iterable[Person], event: str, **more: Any) -> None:
    """Queue one notice per person, round and event."""
    proposal = step.subject
    kind = kind_kind.kind_of(proposal.kind)
    subject = kind.subject(proposal.target) or kind_kind.Subject(proposal.target)
    context = {
        "what": subject.what,
        "who": subject.who,  # separate, so that the person can be erased (H6)
        "kind": kind.title,
        "by": proposal.proposed_by.name,
        "tightens": proposal.tightens,
        "until": (proposal.acting_until or proposal.lapses_at).isoformat(),
        "page": ["proposal", proposal.pk],
        **more,
    }
    thread, key = f"proposal:{proposal.pk}", f"{proposal.round}:{event}:{more.get('outcome', '')}"
    outbox.notify(people, event, thread=thread, key=key, now=step.now, context=context)
