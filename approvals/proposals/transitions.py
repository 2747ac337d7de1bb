"""Proposals: made by one person, countersigned by another, accepted by whom they appoint, and over when nobody answers (S8).

===========  ====================  ===============================================================================================
what         from                  what follows
===========  ====================  ===============================================================================================
propose      nothing               open; what only tightens may act at once, for hours
amend        open                  open, in a new round: it is counted and read anew
approve      open, at once         in force; or approved, where whoever it appoints has yet to accept
accept       approved              in force
reject       open, at once         over; what acted at once is taken back
decline      approved              over, by whoever it would have appointed
withdraw     open, approved        over, by its author
lapse        open, at once,        over, by a job; what acted at once is taken back
             approved
===========  ====================  ===============================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from approvals.models import UNANSWERED, Proposal, ProposalState
from approvals.policies import queries as policy_queries
from approvals.proposals import jobs as proposal_jobs
from approvals.proposals import rules as duties
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.kinds.kind import Document, Kind
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.roles.roles import Permission

S = ProposalState


def _answered(subject: Proposal, actor: Actor, reason: str, params: Mapping[str, Any]) -> Proposal | None:
    """The same answer by the same person, pressed twice (A8)."""
    is_theirs = actor.person is not None and subject.answered_by_id == actor.person.pk
    return subject if is_theirs and subject.state in (S.APPROVED, S.IN_FORCE) else None


@transition(
    Proposal,
    event="proposal.made",
    permission=Permission.PROPOSAL_MAKE,
    target=(S.OPEN, S.AT_ONCE),
    duties=[duties.MAY_PROPOSE, duties.IN_PERSON, duties.NO_OTHER],
    reason_needed=True,
)
def propose(step: Step[Proposal], *, document: Document, at_once: bool = False) -> Effect:
    """Somebody proposes a change; the subject is unsaved and says of what kind it is and what it is about."""
    proposal, kind = step.subject, kind_kind.of(step.subject.kind)
    proposal.proposed_by, proposal.proposed_at, proposal.needs = _author(step), step.now, kind.countersigner
    _say(step, kind, document)
    policy = policy_queries.in_force(step.now)
    proposal.lapses_at = step.now + timedelta(days=policy.open_days)
    if at_once:
        _check_at_once(step, kind)
        proposal.acting_until = proposal.lapses_at = step.now + timedelta(hours=policy.at_once_hours)
    return Effect(to=S.AT_ONCE if at_once else S.OPEN, payload=_facts(proposal), then=lambda: _begin(step, kind))


def _begin(step: Step[Proposal], kind: Kind) -> Mapping[str, Any]:
    """What follows once it stands: it is counted, whoever may countersign is told, and what acts at once does."""
    proposal = step.subject
    proposal_jobs.begin(proposal, step)
    acts = proposal.acting_until is not None
    _tell(step, duties.who_may_answer(proposal, step.now), "proposal_acts" if acts else "proposal_made")
    return kind.apply(proposal, step) if acts else {}


def _author(step: Step[Proposal]) -> Person:
    if step.actor.person is None:
        raise refuse(Refusal("S8", "permission", "A proposal is made by a person."))
    return step.actor.person


def _say(step: Step[Proposal], kind: Kind, document: Document) -> None:
    """Give a proposal what it says, read and compared with how it stands."""
    proposal = step.subject
    if kind.about(proposal.target) is None:
        raise refuse(Refusal("S8", "input", "There is no such thing to change."))
    given = kind.read(proposal.target, document, step.now)
    if given.problems:
        said = tuple((f"{one.where or 'line'}:{one.line}", f"{one.what} {one.to_do}".strip()) for one in given.problems)
        raise refuse(Refusal("S8", "input", "This can't be proposed as it is written.", said[0][1], said))
    before = kind.current(proposal.target, step.now, given.document)
    changes = kind.changes(proposal.target, before, given.document)
    if not changes:
        raise refuse(Refusal("S8", "input", "Nothing would be different.", "Change something first."))
    no = kind.refusal(proposal.target, before, given.document, step.now)
    if no is not None:
        raise refuse(no)
    proposal.document, proposal.before, proposal.reason = given.document, before, step.reason
    proposal.tightens = kind_kind.tightens(changes)
    proposal.appointed = kind.appointed(proposal.target, before, given.document)
    gains = kind.gains(proposal.target, before, given.document, step.now)
    proposal.gains = sorted(gains | ({proposal.appointed.pk} if proposal.appointed is not None else set()))
    proposal.loses = sorted(kind.loses(proposal.target, before, given.document))
    own = duties.own_gain(step.actor, proposal.gains)
    if own is not None:
        raise refuse(own)
    proposal.digest = kind_kind.digest(proposal)


def _check_at_once(step: Step[Proposal], kind: Kind) -> None:
    if not (kind.may_act_at_once and step.subject.tightens):
        sentence = "Only what tightens acts at once; this waits for a second person."
        raise refuse(Refusal("S8", "input", sentence, "Propose it without that.", is_attempt=True))
    about = kind.about_the_same(step.subject).order_by("-pk")
    # What acted at once is over by itself; between that and this its author alone makes no difference by what they propose, withdraw or let lapse.
    last = about.exclude(acting_until=None, state__in=(*UNANSWERED, S.WITHDRAWN, S.LAPSED)).first()
    if last is not None and last.acting_until is not None and last.state not in (S.APPROVED, S.IN_FORCE):
        sentence = "The last one about this acted at once and nobody countersigned it: one person does not go on with that alone."
        raise refuse(Refusal("S8", "duty", sentence, "Propose it without that.", is_attempt=True))
    no = duties.INTERACTIVE.asks(step.subject, step.actor, step.now)
    if no is not None:
        raise refuse(no)


def _facts(proposal: Proposal) -> dict[str, Any]:
    return {
        "kind": proposal.kind,
        "about": proposal.target,
        "digest": proposal.digest,
        "tightens": proposal.tightens,
    }


@transition(
    Proposal,
    event="proposal.amended",
    permission=Permission.PROPOSAL_AMEND,
    source=(S.OPEN,),
    duties=[duties.MAY_PROPOSE, duties.IN_PERSON, duties.IN_TIME],
    reason_needed=True,
)
def amend(step: Step[Proposal], *, document: Document) -> Effect:
    """Its author says it differently; it is compared with how things stand now, counted anew and read anew."""
    proposal = step.subject
    proposal.round += 1
    _say(step, kind_kind.of(proposal.kind), document)
    step.save(proposal)
    proposal_jobs.begin(proposal, step)
    _tell(step, duties.who_may_answer(proposal, step.now), "proposal_made")
    return Effect(payload={**_facts(proposal), "round": proposal.round})


@transition(
    Proposal,
    event="proposal.approved",
    permission=Permission.PROPOSAL_ANSWER,
    source=(S.OPEN, S.AT_ONCE),
    target=(S.IN_FORCE, S.APPROVED),
    duties=[*duties.ANSWERING, duties.UNCHANGED, duties.COUNTED],
    repeats=_answered,
)
def approve(step: Step[Proposal], *, shown_digest: str) -> Effect:
    """A second person countersigns what they were shown; whom it appoints accepts it, else it is in force."""
    proposal, kind = step.subject, kind_kind.of(step.subject.kind)
    if shown_digest != proposal.digest:
        raise refuse(Refusal("A6", "stale", "This was amended since you read it.", "Read it as it is now."))
    _answer(step)
    if proposal.appointed is not None:
        proposal.lapses_at = step.now + timedelta(days=policy_queries.in_force(step.now).open_days)
        _tell(step, [proposal.appointed], "proposal_to_accept")
        return Effect(to=S.APPROVED, payload=_facts(proposal))
    proposal.ended_at = step.now
    _tell(step, [proposal.proposed_by], "proposal_answered", outcome="in_force")
    return Effect(to=S.IN_FORCE, payload=_facts(proposal), then=lambda: kind.apply(proposal, step))


def _answer(step: Step[Proposal]) -> None:
    step.subject.answered_by, step.subject.answered_at, step.subject.answer = step.actor.person, step.now, step.reason


@transition(
    Proposal,
    event="proposal.rejected",
    permission=Permission.PROPOSAL_ANSWER,
    source=(S.OPEN, S.AT_ONCE),
    target=(S.REJECTED,),
    duties=[*duties.ANSWERING],
    reason_needed=True,
)
def reject(step: Step[Proposal]) -> Effect:
    """A second person says no, with a reason; what acted at once is taken back."""
    _answer(step)
    _tell(step, [step.subject.proposed_by], "proposal_answered", outcome="rejected")
    return _over(step)


@transition(
    Proposal,
    event="proposal.accepted",
    permission=Permission.PROPOSAL_ACCEPT,
    source=(S.APPROVED,),
    target=(S.IN_FORCE,),
    duties=[duties.IN_PERSON, duties.INTERACTIVE, duties.IN_TIME, duties.UNCHANGED],
)
def accept(step: Step[Proposal]) -> Effect:
    """Whom it appoints accepts, and it is in force."""
    proposal, kind = step.subject, kind_kind.of(step.subject.kind)
    proposal.accepted_at = proposal.ended_at = step.now
    _tell(step, [proposal.proposed_by], "proposal_answered", outcome="in_force")
    return Effect(payload=_facts(proposal), then=lambda: kind.apply(proposal, step))


@transition(
    Proposal,
    event="proposal.declined",
    permission=Permission.PROPOSAL_ACCEPT,
    source=(S.APPROVED,),
    target=(S.REJECTED,),
    duties=[duties.IN_PERSON],
    reason_needed=True,
)
def decline(step: Step[Proposal]) -> Effect:
    """Whom it would appoint says no, with a reason."""
    _tell(step, [step.subject.proposed_by], "proposal_answered", outcome="declined")
    return _over(step)


@transition(
    Proposal,
    event="proposal.withdrawn",
    permission=Permission.PROPOSAL_AMEND,
    source=(S.OPEN, S.APPROVED),
    target=(S.WITHDRAWN,),
    duties=[duties.IN_PERSON],
)
def withdraw(step: Step[Proposal]) -> Effect:
    """Its author takes it back before it is in force."""
    return _over(step)


@transition(
    Proposal,
    event="proposal.lapsed",
    permission=Permission.PROPOSAL_LAPSE,
    source=(S.OPEN, S.AT_ONCE, S.APPROVED),
    target=(S.LAPSED,),
    duties=[duties.TIME_IS_UP],
)
def lapse(step: Step[Proposal]) -> Effect:
    """Nobody answered in time; what acted at once is taken back: silence never approves (A10)."""
    _tell(step, [step.subject.proposed_by], "proposal_answered", outcome="lapsed")
    return _over(step)


def _over(step: Step[Proposal]) -> Effect:
    """It has ended without being countersigned."""
    proposal, kind = step.subject, kind_kind.of(step.subject.kind)
    proposal.ended_at = step.now
    then = (lambda: kind.undo(proposal, step)) if proposal.state == S.AT_ONCE else None
    return Effect(payload={"kind": proposal.kind, "about": proposal.target}, then=then)


def _tell(step: Step[Proposal], people: Iterable[Person], event: str, **more: Any) -> None:
    """Tell some people of a proposal, once a round and event."""
    proposal = step.subject
    about = kind_kind.of(proposal.kind).about(proposal.target)
    context = {
        "what": about.what if about is not None else proposal.target,
        "who": about.who if about is not None else "",  # by itself, so that they can be forgotten (H6)
        "kind": kind_kind.of(proposal.kind).title,
        "by": proposal.proposed_by.name,
        "tightens": proposal.tightens,
        "until": (proposal.acting_until or proposal.lapses_at).isoformat(),
        "page": ["proposal", proposal.pk],
        **more,
    }
    thread, key = f"proposal:{proposal.pk}", f"{proposal.round}:{event}:{more.get('outcome', '')}"
    outbox.queue(outbox.each(people, event, thread=thread, key=key, now=step.now, context=context))


def about_to_lapse(now: datetime) -> Any:
    """Proposals whose time is up."""
    return Proposal.objects.unanswered().filter(lapses_at__lte=now).select_related("proposed_by", "appointed")


__all__ = ["about_to_lapse", "accept", "amend", "approve", "decline", "lapse", "propose", "reject", "withdraw"]
