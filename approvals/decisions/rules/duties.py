"""The duties of deciding: who may never decide which approval (S1, S2, S3, S5, A8, A9). `deadlines` has until when.
`approvals.assignment.separation_of_duties` finds why a person may never decide: a party, a decider of the other stage.

Each reads rows under the lock of the write; pages use the same functions. The database repeats them from the rows
alone (approvals/sql/decisions.sql).
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from approvals.assignment import separation_of_duties
from approvals.assignment.context import SubmissionContext
from approvals.assignment.route import Route
from approvals.decisions.rules import bindings, ownership
from approvals.decisions.rules.deadlines import in_time
from approvals.models import Approval, ApprovalState, Decision, DecisionPerson, Party, Sample
from approvals.models.submission import UNFINISHED, Submission, SubmissionState
from approvals.policies import current_tiers
from approvals.policies import queries as policy_queries
from approvals.policies.fresh_sign_in import require_session
from governance.core.access import Actor, Refusal, duty
from governance.core.duties.refusals import Duty
from governance.core.models import Person
from inventory.models import Automation, Binding, Privilege, Resource


@duty("SOD-5")
def requires_interactive(subject: Approval | Sample, actor: Actor, now: datetime) -> Refusal | None:
    """A decision needs a person in an interactive, for high risk a fresh, session."""
    return require_session(actor, policy_queries.policy_of(subject.submission.policy), subject.tier)


def _barred_by(code: str, rule: str, words: str, *backed_by: str) -> Duty:
    """Return the duty that refuses a person with a conflict of this code; ``words`` are its sentence."""

    def refuse_conflict(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
        for person in actor.people:
            conflict = separation_of_duties.conflict(person, context.route, subject)
            if conflict is not None and conflict[0] == code:
                sentence = _conflict_sentence(*conflict, is_self=person == actor.person)
                return Refusal(code, "duty", sentence, _way_out(subject, context.route))
        return None

    return Duty(code, rule, words, refuse_conflict, backed_by, needs_context=True)


def _conflict_sentence(code: str, words: str, *, is_self: bool) -> str:
    if not is_self:
        return delegate_sentence(words)
    return {
        "SOD-1": "You are a party to this submission, and a party approves nothing in it.",
        "SOD-2": "You decided in the other stage, and one person never decides in both.",
        "SOD-3": "You answer for this resource and are a party to this submission, so somebody else decides.",
        "G5": "You stopped what this would bring back; that takes two others.",
    }[code]


def delegate_sentence(words: str) -> str:
    """Return the sentence for a delegate of a person with a conflict (A11); ``words`` name person and conflict."""
    return f"{words}, and you act as their delegate."


def _way_out(subject: Approval, route: Route) -> str:
    names = [person.name for seat in route.standing(subject) if not seat.is_filled for person in seat.may_decide]
    return f"It is with {' or '.join(dict.fromkeys(names))}." if names else "Nobody is left to decide this."


@duty("A8", backed_by=("decision_one_per_round",), needs_context=True)
def decides_once(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A person decides once in each round."""
    decisions = context.route.own_decisions(subject)
    person_ids = {person.pk for person in actor.people}
    if any(person_ids & {d.person_id, d.for_person_id} for d in decisions):
        return Refusal("A8", "duty", "You have decided here in this round already: one decision a person and round.")
    return None


def own_decision(approval: Approval, actor: Actor, route: Route) -> Decision | None:
    """Return the decision that an actor may retract: the last on an approval in its present round, if it is theirs.

    Theirs are their own decisions, those for the person whose delegate they are now, and decisions made for them
    (A11). Only the last one, since later deciders have relied on its narrowing (A6).
    """
    place = (approval.pk, approval.round)
    counted = route.own_decisions(approval)
    last = counted[-1] if counted else None
    if last is None or (last.approval_id, last.round) != place or actor.person is None:
        return None
    decider_ids = {last.person_id, last.for_person_id}
    is_stand_in = actor.standing_for is not None and actor.standing_for.pk != last.for_person_id
    return last if actor.person.pk in decider_ids and not is_stand_in else None


@duty("A8", needs_context=True)
def require_own_decision(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """Only the decider undoes a decision."""
    if own_decision(subject, actor, context.route) is None:
        return Refusal("A8", "duty", "The last decision here in this round is not yours to undo.")
    return None


@duty("A5", needs_context=True)
def require_undecided(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A decision is taken back only while its submission is undecided and nothing rests on it."""
    submission = subject.submission
    if submission.state != SubmissionState.OPEN:
        sentence = f"The submission is {submission.get_state_display().lower()}: its decisions are final."
        return Refusal("A5", "state", sentence, "Its owner can stop it or revoke its grants.")
    if subject.stage == 1 and subject.state == ApprovalState.APPROVED and _has_decided_stage_2(context):
        sentence = "A stage-2 decision relies on this one."
        return Refusal("A4", "state", sentence, "The stage-2 approver undoes that first. Carried-over decisions stay.")
    if subject.state == ApprovalState.REJECTED and bindings.refusal(subject, context.facts) is not None:
        sentence = "This connection now opens something else, so nobody could approve this again."
        return Refusal("I8", "state", sentence, "The builder names the resource again and submits that.")
    return None


def _has_decided_stage_2(context: SubmissionContext) -> bool:
    """Return whether any approval of stage 2 was decided, or has ended, since the app was approved."""
    undecided = (ApprovalState.WAITING, ApprovalState.OPEN)
    return any(
        approval.state not in undecided or context.route.own_decisions(approval) for approval in context.facts.second
    )


@duty("A9", needs_context=True)
def turn(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """The first eligible people on the escalation chain decide."""
    route = context.route
    if route.seats_open_to(subject, actor):
        return None
    if any(actor.capacity_of in seat.may_decide for seat in route.standing(subject)):
        sentence = "One admin ended the role that this asks for: until a second says so too, nobody decides by it."
        return Refusal("A9", "duty", sentence, "It ends, or is back, once that is countersigned or its time is up.")
    return Refusal("A9", "duty", "Others on the escalation chain decide this first.", _way_out(subject, route))


@duty("I3", needs_context=True)
def has_owner(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """Nothing new is approved where nobody who is here answers for the resource, the credential, the automation or its
    identity.
    """
    return ownership.refusal(subject, context.facts)


@duty("T1", needs_context=True)
def tier_holds(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """Nothing is approved with fewer signatures than its present tier needs."""
    return current_tiers.tier_refusal(subject, context.facts)


@duty("I8", needs_context=True)
def binding_holds(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """Nothing is approved on a resource that its connection does not open."""
    return bindings.refusal(subject, context.facts)


@duty("A5", needs_context=True)
def still_holds(subject: Submission, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """What is put in force is judged anew: every resource has an owner and is what its connection opens, and no tier
    has risen.
    """
    facts, checks = context.facts, (ownership.refusal, current_tiers.tier_refusal, bindings.refusal)
    approved = [approval for approval in context.approvals if approval.state == ApprovalState.APPROVED]
    refusals = (check(approval, facts) for approval in approved for check in checks)
    return next(filter(None, refusals), None) or current_tiers.app_refusal(facts)


@duty("SOD-1", needs_context=True)
def decided_nothing(subject: Approval, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A person who decided in a submission can't answer for its builder."""
    decided = context.route.stage_people[1] | context.route.stage_people[2]
    if any(person.pk in decided for person in actor.people):
        sentence = "You decided in this submission, and who answers for the builder is a party to it."
        return Refusal("SOD-1", "duty", sentence, "Somebody of the builder's side who decided nothing answers.")
    return None


def joining_refusal(submission: Submission, people: Iterable[Person], actor: Actor) -> Refusal | None:
    """Return why some people can't become parties of an unfinished submission, or None (S1).

    A person who has decided in it can't. A retracted decision counts too. They stay apart until the submission has
    ended.

    Args:
        submission: unfinished.
        people: people who are not parties yet.
        actor: the person whose change would make them parties.
    """
    return _decider_refusal(DecisionPerson.objects.filter(submission=submission, person__in=people), actor)


def _decider_refusal(decided: QuerySet[DecisionPerson], actor: Actor) -> Refusal | None:
    """Return the refusal because of the first of some people who decided; None without any."""
    first = decided.select_related("person").order_by("pk").first()
    if first is None:
        return None
    if first.person == actor.person:
        sentence = "You decided in its open submission. A person who changes or resubmits it becomes a party to it."
        to_do = "Ask somebody on the builder's side who decided nothing, or wait until the submission has ended."
    else:
        sentence = f"{first.person.name} decided in its open submission, and this would make them a party to it."
        to_do = "Name somebody who decided nothing; or wait until the submission has ended, or withdraw it."
    return Refusal("SOD-1", "duty", sentence, to_do)


@duty("SOD-1")
def writes_nothing(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """A person who decided in an open submission can't change its automation or submit it again."""
    own_parties = Party.objects.filter(submission=OuterRef("submission"), person=OuterRef("person"))
    decided = DecisionPerson.objects.filter(submission__automation=subject, submission__state__in=UNFINISHED)
    return _decider_refusal(decided.filter(person__in=actor.people).exclude(Exists(own_parties)), actor)


@duty("SOD-1")
def settles_for_others(subject: Binding | Resource, actor: Actor, now: datetime) -> Refusal | None:
    """A party to an unfinished submission neither confirms nor refuses a connection that it rests on."""
    if not isinstance(subject, Binding) or not subject.is_open:
        return None  # a resource does not tell the connection; `bind` checks the binding again
    used = Privilege.objects.filter(connector=subject.connector, instance=subject.instance_name)
    rests = Submission.objects.filter(state__in=UNFINISHED, version__in=used.values("version"))
    party = Party.objects.filter(submission__in=rests, person__in=[person.pk for person in actor.people])
    if (own_party := party.select_related("submission__automation", "person").order_by("pk").first()) is None:
        return None
    party_words = (
        "you are" if own_party.person == actor.person else f"{own_party.person.name}, whose delegate you are, is"
    )
    sentence = f"A submission of {own_party.submission.automation.name} rests on this connection, and {party_words} a party to it."
    return Refusal("SOD-1", "duty", sentence, f"Somebody else who answers for {subject.resource.name} does.")


PARTY = _barred_by("SOD-1", "S1", "A party to a submission approves nothing in it.", "decision_not_barred")
BOTH_STAGES = _barred_by(
    "SOD-2", "S2", "Nobody decides in both stages that a grant rests on.", "decision_never_spans_stages"
)
OWNER_IS_PARTY = _barred_by("SOD-3", "S3", "A resource's owner who is a party does not approve on it.")
NOT_WHO_STOPPED = _barred_by("G5", "G5", "Who stopped a grant does not approve what brings it back.")


#: Duties against conflicts of the person.
_INDEPENDENT = (PARTY, BOTH_STAGES, OWNER_IS_PARTY)
#: Duties of retracting a decision, in this order.
RETRACTING = (*_INDEPENDENT, require_own_decision, requires_interactive, require_undecided, in_time)
#: Duties of deciding, in this order.
DECIDING = (*_INDEPENDENT, NOT_WHO_STOPPED, decides_once, turn, requires_interactive, in_time)
