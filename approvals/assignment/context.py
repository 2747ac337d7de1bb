"""The context of a submission: its facts, conflicts, approvals and route, read once and passed on.

A page loads one and passes it to each `refusal()`. An operation on a submission, an approval or a spot check declares
`load_context` as its loader: the engine calls it after the lock. An operation inside another loads its own.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property, partial

from approvals.assignment.escalation_chain import Bench
from approvals.assignment.route import Route, Votes
from approvals.conflicts.check.submission import SubmissionConflicts, load_conflicts
from approvals.models import Approval, Sample, Submission
from approvals.policies.facts import SubmissionFacts, load_facts
from governance.core.access import Relation
from governance.core.engine.transition import transition
from governance.core.models import Person
from inventory.models import Resource


class SubmissionContext:
    """The data that a request reads about one submission.

    Args:
        facts: of the submission.
        conflicts: of the submission; read at the first use by default.
    """

    def __init__(self, facts: SubmissionFacts, conflicts: SubmissionConflicts | None = None) -> None:
        self.facts, self.submission, self.now = facts, facts.submission, facts.now
        self.conflicts = SubmissionConflicts(facts) if conflicts is None else conflicts
        self._relations: dict[int, frozenset[Relation]] = {}

    @cached_property
    def bench(self) -> Bench:
        """The groups on every escalation chain."""
        return Bench.load(self.now)

    @cached_property
    def route(self) -> Route:
        """Who may decide which approval."""
        return Route(self.facts, self.conflicts, self.bench, Votes.load([self.facts]))

    @property
    def approvals(self) -> Sequence[Approval]:
        """All approvals, stage 1 first."""
        return self.facts.approvals

    def relations_to_automation(self, person: Person) -> frozenset[Relation]:
        """Return how a person stands to the automation, and SUBMITTER."""
        if person.pk not in self._relations:
            is_submitter = person.pk == self.submission.submitted_by_id
            submitter = frozenset({Relation.SUBMITTER} if is_submitter else ())
            self._relations[person.pk] = self.submission.automation.relations(person, self.now) | submitter
        return self._relations[person.pk]


def load_context(subject: Submission | Approval | Sample, now: datetime) -> SubmissionContext:
    """Return the context of a submission, or of an approval's or a spot check's submission.

    Args:
        subject: an approval takes its place among the approvals, so that the context sees what an operation narrows.
        now: business time.
    """
    if isinstance(subject, Submission):
        return SubmissionContext(SubmissionFacts(subject, now))
    locked = subject if isinstance(subject, Approval) else None
    return SubmissionContext(SubmissionFacts(subject.submission, now, locked))


#: Rows locked before an approval or a spot check, in this order, to serialise decisions in one submission.
LOCKED_BEFORE = ("submission.automation", "submission")
#: Declare an operation on a submission, an approval or a spot check, with the context of its submission.
on_submission = partial(transition, Submission, parents=("automation",), context=load_context)
on_approval = partial(transition, Approval, parents=LOCKED_BEFORE, context=load_context)
on_sample = partial(transition, Sample, parents=LOCKED_BEFORE, context=load_context)
#: Declare an operation that only runs inside another one, which holds the locks.
internal_on_submission = partial(transition, Submission, permission=None)
internal_on_approval = partial(transition, Approval, permission=None)


def load_contexts(submissions: Sequence[Submission], now: datetime) -> dict[int, SubmissionContext]:
    """Return the contexts of several submissions by id. The number of queries is fixed."""
    facts = load_facts(submissions, now)
    if not facts:
        return {}
    conflicts = load_conflicts(facts.values(), now)
    bench, votes = Bench.load(now), Votes.load(facts.values())
    contexts = {pk: SubmissionContext(of_one, conflicts[pk]) for pk, of_one in facts.items()}
    for context in contexts.values():
        context.bench, context.route = bench, Route(context.facts, context.conflicts, bench, votes)
    return contexts


def submission_relations(
    submission: Submission, person: Person, now: datetime, context: SubmissionContext | None = None
) -> frozenset[Relation]:
    """Return how a person stands to a submission: as to its automation, and by its approvals (A3).

    Candidates, owners and deputies may discuss before they decide.
    """
    context = context or load_context(submission, now)
    relations = set(context.relations_to_automation(person))
    for approval in context.approvals:
        if person.pk in approval.asked:
            relations.add(Relation.CANDIDATE)
        for resource in _resources(approval):
            relations |= resource.answering_as(person, now)
    return frozenset(relations)


def _resources(approval: Approval) -> list[Resource]:
    """Return the resources that an approval touches."""
    credential = approval.credential
    resources = [
        approval.privilege.entitlement.resource if approval.privilege is not None else None,
        approval.decided_on,
        *((credential.kept_in, credential.opens) if credential is not None else ()),
    ]
    return [resource for resource in resources if resource is not None]


def approval_relations(
    approval: Approval, person: Person, now: datetime, context: SubmissionContext | None = None
) -> frozenset[Relation]:
    """Return how a person stands to an approval: CANDIDATE if they are on the escalation chain of one of its seats (A9)."""
    context = context or load_context(approval, now)
    candidate = frozenset({Relation.CANDIDATE} if context.route.is_on_chain(person, approval) else ())
    return context.relations_to_automation(person) | candidate
