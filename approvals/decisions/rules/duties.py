"""The duties of approving: who may never decide what, whatever they are permitted (S1, S2, S3, S5, A8, A9).

Each reads the rows under the lock of the write, and the same function answers the screen. The database repeats them from the
rows alone (approvals/sql/decisions.sql).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef

from approvals.assignment.escalation_chain import LADDER
from approvals.assignment.route import route_of
from approvals.decisions.rules import bindings, ownership
from approvals.models import (
    Approval,
    ApprovalState,
    Decision,
    DecisionPerson,
    Party,
    Sample,
    Submission,
    SubmissionState,
)
from approvals.models.submission import UNFINISHED
from approvals.policies import queries as policy_queries
from approvals.policies import tiers
from approvals.policies.rules import stale_sign_in
from governance.core.actors.actor import Actor
from governance.core.clock import organisation
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.core.models import Person
from inventory.models import Automation, Binding, Privilege, Resource


def _interactive(subject: Approval | Sample, actor: Actor, now: datetime) -> Refusal | None:
    if actor.kind != "person" or actor.signed_in_at is None:
        return Refusal(
            "SOD-5", "duty", "Tokens, jobs and commands decide nothing.", "Sign in to the portal and decide there."
        )
    return stale_sign_in(actor, policy_queries.of(subject.submission.policy), subject.tier, "decision")


def _conflict(subject: Approval, actor: Actor, now: datetime, codes: tuple[str, ...]) -> Refusal | None:
    route = route_of(subject, now)
    for person in actor.people:
        no = route.conflict(person, subject)
        if no is not None and no[0] in codes:
            return Refusal(
                no[0], "duty", _sentence(no[0], no[1], is_self=person == actor.person), _way_out(subject, now)
            )
    return None


def _sentence(code: str, words: str, *, is_self: bool) -> str:
    if not is_self:
        return f"{words}, and you would stand in for them."
    return {
        "SOD-1": "You are a party to this submission, and a party approves nothing in it.",
        "SOD-2": "You decided in the other stage, and one person never decides in both.",
        "SOD-3": "You answer for this resource and are a party to this submission, so somebody else decides.",
        "G5": "You stopped what this would bring back; that takes two others.",
    }[code]


def _way_out(subject: Approval, now: datetime) -> str:
    names = [
        person.name
        for seat in route_of(subject, now).standing(subject)
        if not seat.is_filled
        for person in seat.may_decide
    ]
    return f"It is with {' or '.join(dict.fromkeys(names))}." if names else "Nobody is left to decide this."


def _party(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    return _conflict(subject, actor, now, ("SOD-1",))


def _both_stages(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    return _conflict(subject, actor, now, ("SOD-2",))


def _owner_is_party(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    return _conflict(subject, actor, now, ("SOD-3",))


def _stopped_it(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    return _conflict(subject, actor, now, ("G5",))


def _once(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    own = route_of(subject, now).own_decisions(subject)
    mine = {person.pk for person in actor.people}
    if any(mine & {d.person_id, d.for_person_id} for d in own):
        return Refusal("A8", "duty", "You have decided here in this round already: one decision a person and round.")
    return None


def own_decision(record: Approval, actor: Actor, now: datetime) -> Decision | None:
    """The decision that an actor may take back: the last on a record in its present round, where it is theirs.

    Theirs is what they decided, for themself or for whom they stand in now; and what somebody decided for them (A11). It is the last,
    since whoever decided after it has read what it narrowed, and refused or asked about what it let pass (A6).
    """
    here = (record.pk, record.round)
    counted = route_of(record, now).own_decisions(record)
    last = counted[-1] if counted else None
    if last is None or (last.approval_id, last.round) != here or actor.person is None:
        return None
    mine = {last.person_id, last.for_person_id}
    is_stand_in = actor.standing_for is not None and actor.standing_for.pk != last.for_person_id
    return last if actor.person.pk in mine and not is_stand_in else None


def _decided_it(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    if own_decision(subject, actor, now) is None:
        return Refusal("A8", "duty", "The last that was decided here in this round is nothing of yours to take back.")
    return None


def _still_undecided(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    submission = subject.submission
    if submission.state != SubmissionState.OPEN:
        sentence = f"The submission is {submission.get_state_display().lower()}: what was decided in it stands."
        return Refusal("A5", "state", sentence, "Whoever answers for it can stop or revoke what came of it.")
    if subject.stage == 1 and subject.state == ApprovalState.APPROVED and _something_rests_on_it(subject, now):
        sentence = "A privilege was decided on the strength of this."
        return Refusal("A4", "state", sentence, "Whoever decided there takes that back first; what carried over stays.")
    if subject.state == ApprovalState.REJECTED and bindings.refusal(subject) is not None:
        sentence = "It was said that this connection opens something else: open again it could not be approved."
        return Refusal("I8", "state", sentence, "The builder says anew what it opens, and submits that.")
    return None


def _something_rests_on_it(app: Approval, now: datetime) -> bool:
    """Whether anything of stage 2 was decided, or has ended, since the app was approved."""
    undecided, route = (ApprovalState.WAITING, ApprovalState.OPEN), route_of(app, now)
    second = [one for one in app.submission.approvals.all() if one.stage == 2]
    return any(one.state not in undecided or route.own_decisions(one) for one in second)


def _turn(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    route = route_of(subject, now)
    if route.seats_open_to(subject, actor):
        return None
    if any(actor.capacity_of in seat.may_decide for seat in route.standing(subject)):
        sentence = "One admin ended the role that this asks for: until a second says so too, nobody decides by it."
        return Refusal("A9", "duty", sentence, "It ends, or is back, once that is countersigned or its time is up.")
    return Refusal("A9", "duty", "Somebody before you on the ladder decides this.", _way_out(subject, now))


def _has_owner(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    return ownership.refusal(subject, now)


def _tier_holds(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    return tiers.tier_refusal(subject)


def _binding_holds(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    return bindings.refusal(subject)


def _still_holds(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    approved = subject.approvals.filter(state=ApprovalState.APPROVED).select_related(*LADDER, "privilege__credential")
    for record in approved:
        record.submission = subject
        no = _has_owner(record, actor, now) or tiers.tier_refusal(record) or bindings.refusal(record)
        if no is not None:
            return no
    return tiers.app_refusal(subject)


def _accept_in_time(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    if subject.accept_due_at is None or now < subject.accept_due_at:
        return None
    sentence = f"The time to accept what was approved was over on {day(subject.accept_due_at)}: it expires."
    return Refusal("A14", "state", sentence, "Submit it again.")


def _accept_time_is_up(subject: Submission, actor: Actor, now: datetime) -> Refusal | None:
    ends = subject.accept_due_at
    return Refusal("A14", "state", "Its time is not up.") if ends is None or ends > now else None


def _time_is_up(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    ends = subject.expires_at if subject.state == ApprovalState.OPEN else subject.builder_due_at
    return Refusal("A10", "state", "Its time is not up.") if ends is None or ends > now else None


def _in_time(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    if subject.expires_at is None or now < subject.expires_at:
        return None
    sentence = f"The time to decide this was over on {day(subject.expires_at)}: it ends as rejected."
    return Refusal("A10", "state", sentence, "Whoever submitted it can submit it again, and then it is decided anew.")


def _answer_in_time(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    if subject.builder_due_at is None or now < subject.builder_due_at:
        return None
    sentence = f"The time to answer this was over on {day(subject.builder_due_at)}: it ends as rejected."
    return Refusal("A14", "state", sentence, "Submit the automation again, and say the answer in the justification.")


def day(instant: datetime) -> str:
    """The day on which a deadline ended, where the organisation is (H8)."""
    there = instant.astimezone(organisation.organisation_zone())
    return f"{there.day} {there:%B %Y}"


def _decided_nothing(subject: Approval, actor: Actor, now: datetime) -> Refusal | None:
    route = route_of(subject, now)
    decided = route.stage_people[1] | route.stage_people[2]
    if any(person.pk in decided for person in actor.people):
        sentence = "You decided in this submission, and who answers for the builder is a party to it."
        return Refusal("SOD-1", "duty", sentence, "Somebody of the builder's side who decided nothing answers.")
    return None


def joining_refusal(submission: Submission, people: Iterable[Person], actor: Actor) -> Refusal | None:
    """Why some people can't become parties of an unfinished submission, or None: one of them has decided in it (S1).

    A party decides nothing, and who has decided has had their say, also where they took it back; so they stay apart until it has ended.

    Args:
        submission: unfinished.
        people: who are no parties of it yet.
        actor: who writes what would make them parties.
    """
    who = {person.pk: person for person in people}
    decided = DecisionPerson.objects.filter(submission=submission, person__in=who).order_by("pk")
    found = decided.values_list("person", flat=True).first() if who else None
    return _decided_already(who[found], actor) if found is not None else None


def _decided_already(person: Person, actor: Actor) -> Refusal:
    if person == actor.person:
        sentence = "You decided in its open submission, and whoever changes it or submits it anew is a party to it."
        to_do = "Somebody of the builder's side who decided nothing does; or it waits until the submission has ended."
    else:
        sentence = f"{person.name} decided in its open submission, and this would make them a party to it."
        to_do = "Name somebody who decided nothing; or wait until the submission has ended, or withdraw it."
    return Refusal("SOD-1", "duty", sentence, to_do)


def _writes_nothing(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    who = {person.pk: person for person in actor.people}
    own = Party.objects.filter(submission=OuterRef("submission"), person=OuterRef("person"))
    decided = DecisionPerson.objects.filter(
        submission__automation=subject, submission__state__in=UNFINISHED, person__in=who
    )
    found = decided.exclude(Exists(own)).order_by("pk").values_list("person", flat=True).first() if who else None
    return _decided_already(who[found], actor) if found is not None else None


def _settles_for_others(subject: Binding | Resource, actor: Actor, now: datetime) -> Refusal | None:
    if not isinstance(subject, Binding) or not subject.is_open:
        return None  # of a resource it is not known which connection is meant: `bind` asks again, of the binding
    used = Privilege.objects.filter(connector=subject.connector, instance=subject.instance_name)
    rests = Submission.objects.filter(state__in=UNFINISHED, version__in=used.values("version"))
    party = Party.objects.filter(submission__in=rests, person__in=[person.pk for person in actor.people])
    if (found := party.select_related("submission__automation", "person").order_by("pk").first()) is None:
        return None
    who = "you are" if found.person == actor.person else f"{found.person.name}, for whom you would stand in, is"
    sentence = f"A submission of {found.submission.automation.name} rests on this connection, and {who} a party to it."
    return Refusal("SOD-1", "duty", sentence, f"Somebody else who answers for {subject.resource.name} does.")


INTERACTIVE = Duty(
    "SOD-5", "S5", "A decision needs a person in an interactive, for high risk a fresh, session.", _interactive
)


PARTY = Duty("SOD-1", "S1", "A party to a submission approves nothing in it.", _party, ("decision_not_barred",))
BOTH_STAGES = Duty(
    "SOD-2",
    "S2",
    "Nobody decides in both stages that a grant rests on.",
    _both_stages,
    ("decision_never_spans_stages",),
)
OWNER_IS_PARTY = Duty("SOD-3", "S3", "A resource's owner who is a party does not approve on it.", _owner_is_party)
NOT_WHO_STOPPED = Duty("G5", "G5", "Who stopped a grant does not approve what brings it back.", _stopped_it)
ONCE = Duty("A8", "A8", "One decision a person and round.", _once, ("decision_one_per_round",))
TURN = Duty("A9", "A9", "The first eligible rung of the ladder decides.", _turn)

TIME_IS_UP = Duty("A10", "A10", "A record ends by silence once its time is up.", _time_is_up)
IN_TIME = Duty("A10", "A10", "Nobody decides once a record's time is up: silence has ended it.", _in_time)
ANSWER_IN_TIME = Duty("A14", "A14", "Nobody answers once the builder's time is up.", _answer_in_time)
HAS_OWNER = Duty(
    "I3",
    "I3",
    "Nothing new is approved where nobody who is here answers for the resource, the credential, the automation or its identity.",
    _has_owner,
)
TIER_HOLDS = Duty("T1", "T1", "Nothing is approved with fewer signatures than its present tier needs.", _tier_holds)
BINDING_HOLDS = Duty("I8", "I8", "Nothing is approved on a resource that its connection does not open.", _binding_holds)
STILL_HOLDS = Duty(
    "A5",
    "A5",
    "What is put in force is judged anew: every resource has an owner and is what its connection opens, and no tier has risen.",
    _still_holds,
)
ACCEPT_IN_TIME = Duty("A14", "A14", "What was approved in part is accepted within the builder's time.", _accept_in_time)
ACCEPT_TIME_IS_UP = Duty(
    "A14", "A14", "What was approved in part expires once the time to accept it is up.", _accept_time_is_up
)
WRITES_NOTHING = Duty(
    "SOD-1",
    "S1",
    "Who decided in a submission neither changes its automation nor submits it anew until it has ended.",
    _writes_nothing,
)
SETTLES_FOR_OTHERS = Duty(
    "SOD-1",
    "S1",
    "A party to an unfinished submission neither confirms nor refuses a connection that it rests on.",
    _settles_for_others,
)
DECIDED_NOTHING = Duty("SOD-1", "S1", "Who decided in a submission does not answer for its builder.", _decided_nothing)


UNDECIDED = Duty(
    "A5",
    "A5",
    "A decision is taken back only while its submission is undecided and nothing rests on it.",
    _still_undecided,
)
OWN_DECISION = Duty("A8", "A8", "Nobody takes back what somebody else decided.", _decided_it)

#: Asked, in this order, of everybody who takes a decision back.
RETRACTING = (PARTY, BOTH_STAGES, OWNER_IS_PARTY, OWN_DECISION, INTERACTIVE, UNDECIDED, IN_TIME)

#: Asked, in this order, of everybody who decides.
DECIDING = (PARTY, BOTH_STAGES, OWNER_IS_PARTY, NOT_WHO_STOPPED, ONCE, TURN, INTERACTIVE, IN_TIME)
