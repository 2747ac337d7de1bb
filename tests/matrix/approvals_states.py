"""How submissions, their records and grants get into the states of ``approvals.csv``, and what allowed writes are called with.

The stock report (standard risk) and the invoice chaser (high) are brought in by *importer* and submitted by *builder*, for
*business_owner* and *technical_owner*; *team_lead* approves the app.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models

from approvals.decisions.transitions import decide
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.light_path.transitions import spot_checks as light_path_transitions
from approvals.models import UNANSWERED, Approval, Grant, Party, Proposal, Sample, Submission
from approvals.models import grant as model_grant
from approvals.models.submission import Capacity
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.jobs import end_due
from approvals.submissions.transitions import expire, withdraw
from governance.core.actors.actor import Actor
from governance.core.models import Person
from governance.core.roles.roles import Role
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, Version
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.spot_checks import sealed
from tests.approvals.proposals import policy_proposals
from tests.approvals.proposals.policy_proposals import changed, looser, tighter
from tests.matrix.cast_and_states import World, arguments, besides, creating, inside, start, state
from tests.people import as_actor, as_delegate, give_role, make_person

APPROVAL, SUBMISSION, GRANT = "approvals.approval", "approvals.submission", "approvals.grant"
SAMPLE, PROPOSAL = "approvals.sample", "approvals.proposal"


# --- who else ---------------------------------------------------------------------------------------------------------


@besides("approvals", "importer")
def importer(w: World) -> Actor:
    """A member of the team who brings in and does not submit."""
    return as_actor(w.northwind.rita)


@besides("approvals", "delegate_of_owner")
def delegate_of_owner(w: World) -> Actor:
    """A person without any relation who is the delegate of the resource's owner."""
    taker, giver = w.northwind.tom, w.people["resource_owner"]
    if "delegated" not in w.made and Person.objects.get(pk=giver.pk).is_here:
        w.made["delegated"] = as_delegate(taker, giver=giver)
    return as_actor(taker).for_person(giver)


@besides("approvals", "owner_by_token")
def owner_by_token(w: World) -> Actor:
    """The resource's owner by a token or a command, which is no session."""
    return as_actor(w.people["resource_owner"], None)


@besides("approvals", "owner_long_ago")
def owner_long_ago(w: World) -> Actor:
    """The resource's owner, signed in an hour ago."""
    return as_actor(w.people["resource_owner"], 60)


@besides("approvals", "security_long_ago")
def security_long_ago(w: World) -> Actor:
    """A security reviewer, signed in an hour ago."""
    return as_actor(w.people["security"], 60)


# --- submissions ------------------------------------------------------------------------------------------------------


def _owners(w: World) -> dict[str, Person]:
    return {"business_owner": w.people["business_owner"], "technical_owner": w.people["technical_owner"]}


def _submitted(w: World, *, export: str = stock_report.EXPORT, ago: timedelta = timedelta()) -> Submission:
    delegate_of_owner(w)  # before the owner may leave
    version = scenarios.brought_in(w.company, export, by=w.northwind.rita, **_owners(w))
    return scenarios.submitted(w.company, version, by=w.people["builder"], now=w.now - ago)


def _stage_2(w: World, *, ago: timedelta = timedelta()) -> Submission:
    made = _submitted(w, ago=ago)
    scenarios.approve(scenarios.app_of(made), w.people["team_lead"], now=w.now - ago)
    return made


def _rest_approved(w: World, made: Submission, *, ago: timedelta) -> Submission:
    for record in made.approvals.filter(stage=2, state="open").order_by("pk"):
        scenarios.approve(record, w.people["resource_owner"], now=w.now - ago)
    made.refresh_from_db()
    return made


@state(SUBMISSION, "open")
def submitted(w: World) -> Submission:
    """Stage 1 is open, standard risk."""
    return _submitted(w)


@state(SUBMISSION, "lead_left", on=submitted)
def lead_left(w: World, made: Submission) -> Submission:
    """The lead, who was asked, has left, and no sweep has run: the deputy is next."""
    record_leaver(w.people["team_lead"], actor=w.actor("admin"), now=w.now, reason="Left.")
    return made


@state(SUBMISSION, "half_gone", on=submitted)
def half_gone(w: World, made: Submission) -> Submission:
    """Half of the time that the lead has is gone, and no sweep has run: the deputy is to be asked too."""
    made.approvals.filter(stage=1).update(opened_at=w.now - timedelta(days=3), due_at=w.now + timedelta(days=2))
    return made


@state(SUBMISSION, "ruled_later", on=submitted)
def ruled_later(w: World, made: Submission) -> Submission:
    """A policy of two people that came later has security sign besides the lead, and no sweep has run."""
    stricter = changed(seats__app__standard=["lead", "security"], seats__app__high=["lead", "security"])
    policy_proposals.in_force(w.people["admin"], w.people["security"], stricter, now=w.now)
    return made


@start(on=submitted)
def stage_2(w: World, made: Submission) -> Submission:
    """The app is approved."""
    scenarios.approve(scenarios.app_of(made), w.people["team_lead"], now=w.now)
    return made


@start()
def stage_2_long_ago(w: World) -> Submission:
    """The same a month ago, and nothing happened since."""
    return _stage_2(w, ago=timedelta(days=30))


@state(SUBMISSION, "decided", on=stage_2)
def decided(w: World, made: Submission) -> Submission:
    """One privilege was refused, the rest approved."""
    scenarios.reject(stock_report.privilege_on(made, w.company.slack), w.people["resource_owner"], now=w.now)
    return stock_report.decide_rest(w.company, made)


@state(SUBMISSION, "unaccepted", on=stage_2_long_ago)
def unaccepted(w: World, made: Submission) -> Submission:
    """The same a month ago, and nobody has accepted or declined; no sweep has run."""
    ago = timedelta(days=30)
    scenarios.reject(stock_report.privilege_on(made, w.company.slack), w.people["resource_owner"], now=w.now - ago)
    return _rest_approved(w, made, ago=ago)


@state(SUBMISSION, "expired", on=unaccepted)
def expired_submission(w: World, made: Submission) -> Submission:
    """Nobody accepted or declined in time."""
    return expire.expire_submission(made, actor=w.actor("job"), now=w.now)


@state(SUBMISSION, "in_force", on=stage_2)
def in_force(w: World, made: Submission) -> Submission:
    """Everything approved."""
    return stock_report.decide_rest(w.company, made)


@state(SUBMISSION, "declined", on=decided)
def declined(w: World, made: Submission) -> Submission:
    """The rest was declined."""
    return withdraw.decline(made, actor=w.actor("business_owner"), now=w.now, reason="Then not.")


@state(SUBMISSION, "rejected", on=submitted)
def rejected_submission(w: World, made: Submission) -> Submission:
    """The app was rejected."""
    scenarios.reject(scenarios.app_of(made), w.people["team_lead"], now=w.now)
    return made


@state(SUBMISSION, "withdrawn", on=submitted)
def withdrawn_submission(w: World, made: Submission) -> Submission:
    """The submitter took it back."""
    return withdraw.withdraw(made, actor=w.actor("builder"), now=w.now, reason="Not needed.")


# --- records ----------------------------------------------------------------------------------------------------------


@state(APPROVAL, "app_open", on=submitted)
def app_open(w: World, made: Submission) -> Approval:
    """Stage 1, standard risk."""
    return scenarios.app_of(made)


@state(APPROVAL, "high_app_open")
def high_app_open(w: World) -> Approval:
    """Stage 1, high risk."""
    return scenarios.app_of(_submitted(w, export="invoice-chaser.json"))


@state(APPROVAL, "waiting", on=submitted)
def waiting(w: World, made: Submission) -> Approval:
    """Stage 2 before the app is approved."""
    return stock_report.privilege_on(made, w.company.slack)


@state(APPROVAL, "open", on=stage_2)
def open_record(w: World, made: Submission) -> Approval:
    """Stage 2, standard risk."""
    return stock_report.privilege_on(made, w.company.slack)


@state(APPROVAL, "overdue", on=stage_2_long_ago)
def overdue(w: World, made: Submission) -> Approval:
    """The same, and its time is up; no sweep has run."""
    record = stock_report.privilege_on(made, w.company.slack)
    assert record.expires_at is not None
    assert record.expires_at <= w.now
    return record


@state(APPROVAL, "high_open", on=high_app_open)
def high_open(w: World, app: Approval) -> Approval:
    """Stage 2, high risk."""
    scenarios.approve(app, w.people["team_lead"], now=w.now)
    return app.submission.approvals.get(privilege__entitlement__resource=w.company.erp, tier="high")


@state(APPROVAL, "high_half", on=high_open)
def high_half(w: World, record: Approval) -> Approval:
    """The owner has approved; security has not."""
    return scenarios.approve(record, w.people["resource_owner"], now=w.now)


@state(APPROVAL, "owners_are_parties")
def owners_are_parties(w: World) -> Approval:
    """Stage 2 on a resource whose owner and deputy own the automation."""
    stock_report.hand_over(w.company, w.company.slack, w.people["business_owner"], w.people["technical_owner"])
    return stock_report.privilege_on(_stage_2(w), w.company.slack)


@state(APPROVAL, "lead_is_owner")
def lead_is_owner(w: World) -> Approval:
    """Stage 2 on a resource of the person who approved the app."""
    stock_report.hand_over(w.company, w.company.slack, w.people["team_lead"], w.people["resource_deputy"])
    return stock_report.privilege_on(_stage_2(w), w.company.slack)


@state(APPROVAL, "orphaned", on=open_record)
def orphaned(w: World, record: Approval) -> Approval:
    """Stage 2 on a resource whose owner left since."""
    record_leaver(w.people["resource_owner"], actor=w.actor("admin"), now=w.now, reason="Left.")
    return record


@state(APPROVAL, "changes_asked", on=open_record)
def changes_asked(w: World, record: Approval) -> Approval:
    """Sent back by the owner."""
    return decide.ask_for_changes(
        record, actor=w.actor("resource_owner"), now=w.now, reason="Why?", shown_digest=scenarios.shown(record)
    )


@state(APPROVAL, "approved", on=open_record)
def approved(w: World, record: Approval) -> Approval:
    """By the owner."""
    return scenarios.approve(record, w.people["resource_owner"], now=w.now)


def _light(w: World, *, ago: timedelta = timedelta()) -> Submission:
    # The stock report where all of it is low risk: policy approves it with the app.
    delegate_of_owner(w)
    version = low_risk_report.version(w.company, by=w.northwind.rita, **_owners(w))
    made = scenarios.submitted(w.company, version, by=w.people["builder"], now=w.now - ago)
    scenarios.approve(scenarios.app_of(made), w.people["team_lead"], now=w.now - ago)
    return made


@state(APPROVAL, "by_policy")
def by_policy(w: World) -> Approval:
    """On the light path: by policy, when the app was approved."""
    return stock_report.privilege_on(_light(w), w.company.erp)


@state(APPROVAL, "rejected", on=open_record)
def rejected(w: World, record: Approval) -> Approval:
    """By the owner."""
    return scenarios.reject(record, w.people["resource_owner"], now=w.now)


@state(APPROVAL, "expired", on=overdue)
def expired(w: World, record: Approval) -> Approval:
    """Nobody decided in time."""
    return expire.expire(record, actor=w.actor("job"), now=w.now)


@state(APPROVAL, "not_applicable", on=rejected_submission)
def not_applicable(w: World, made: Submission) -> Approval:
    """Its app was rejected."""
    return stock_report.privilege_on(made, w.company.slack)


@state(APPROVAL, "withdrawn", on=withdrawn_submission)
def withdrawn(w: World, made: Submission) -> Approval:
    """Its submission was withdrawn."""
    return stock_report.privilege_on(made, w.company.slack)


# --- grants -----------------------------------------------------------------------------------------------------------


@state(GRANT, "active", on=in_force)
def held(w: World, made: Submission) -> Grant:
    """In force, and neither under review nor over."""
    return Grant.objects.get(approval=stock_report.privilege_on(made, w.company.slack))


@state(GRANT, "over")
def over(w: World) -> Grant:
    """Its term is over, and no sweep has run."""
    ago = timedelta(days=180)
    return held(w, _rest_approved(w, _stage_2(w, ago=ago), ago=ago))


@state(GRANT, "suspended", on=held)
def suspended(w: World, grant: Grant) -> Grant:
    """Suspended by a review that nobody answered."""
    with inside(grant, w.actor("job"), w.now):
        transition_lifecycle.suspend(grant, actor=w.actor("job"), now=w.now, why=model_grant.Why.SILENCE)
    return grant


@state(GRANT, "stopped", on=held)
def stopped(w: World, grant: Grant) -> Grant:
    """Stopped by an owner of the automation."""
    stops.stop_grant(grant, actor=w.actor("business_owner"), now=w.now, reason="It misbehaves.")
    return grant


@state(GRANT, "ended", on=held)
def ended(w: World, grant: Grant) -> Grant:
    """Revoked."""
    return transition_lifecycle.revoke(grant, actor=w.actor("business_owner"), now=w.now, reason="Not needed.")


# --- samples ----------------------------------------------------------------------------------------------------------


def _noted(w: World, *, ago: timedelta = timedelta()) -> Sample:
    # A newer version of the stock report with another source and nothing else.
    version = stock_report.version(w.company, stock_report.another_order, **_owners(w))
    newer = scenarios.submitted(w.company, version, by=w.people["builder"], now=w.now - ago)
    return newer.samples.get()


def _drawn(w: World, sample: Sample, *, ago: timedelta = timedelta(), falls: bool = True) -> Sample:
    with sealed(falls=falls):
        return light_path_transitions.draw(sample, actor=w.actor("job"), now=w.now - ago)


@state(SAMPLE, "waiting", on=in_force)
def noted(w: World, made: Submission) -> Sample:
    """The stock report in force, and a newer version submitted."""
    return _noted(w)


@state(SAMPLE, "open", on=noted)
def drawn(w: World, sample: Sample) -> Sample:
    """The draw fell on it."""
    return _drawn(w, sample)


@state(SAMPLE, "of_policy", on=by_policy)
def of_policy(w: World, record: Approval) -> Sample:
    """An auto-approved item that was drawn."""
    return _drawn(w, Sample.objects.get(approval=record))


@state(SAMPLE, "not_drawn", on=noted)
def not_drawn(w: World, sample: Sample) -> Sample:
    """The draw did not fall on it."""
    return _drawn(w, sample, falls=False)


@state(SAMPLE, "overdue")
def overdue_sample(w: World) -> Sample:
    """Drawn ten days ago; nobody has looked and no sweep has run."""
    ago = timedelta(days=10)
    _rest_approved(w, _stage_2(w, ago=ago), ago=ago)
    return _drawn(w, _noted(w, ago=ago), ago=ago)


@state(SAMPLE, "reviewers_are_parties", on=drawn)
def reviewers_are_parties(w: World, sample: Sample) -> Sample:
    """Drawn, and every security reviewer has become a party since."""
    for who in ("security", "second_security", "every_role"):
        Party.objects.create(submission=sample.submission, person=w.people[who], capacity=Capacity.EDITOR)
    return sample


@state(SAMPLE, "fine", on=drawn)
def fine(w: World, sample: Sample) -> Sample:
    """Looked at: fine."""
    return light_path_transitions.find_fine(sample, actor=w.actor("security"), now=w.now)


@state(SAMPLE, "not_fine", on=drawn)
def not_fine(w: World, sample: Sample) -> Sample:
    """Looked at: not fine."""
    return light_path_transitions.find_not_fine(
        sample, actor=w.actor("security"), now=w.now, reason="It mails the list."
    )


@state(SAMPLE, "unanswered", on=overdue_sample)
def unanswered(w: World, sample: Sample) -> Sample:
    """Nobody looked in time."""
    return light_path_transitions.lapse_sample(sample, actor=w.actor("job"), now=w.now)


@state(SAMPLE, "not_applicable", on=drawn)
def no_sample(w: World, sample: Sample) -> Sample:
    """Its automation was retired."""
    automation = Automation.objects.get(pk=sample.submission.automation_id)
    lifecycle.retire(automation, actor=w.actor("business_owner"), now=w.now, reason="Nobody needs it.")
    return Sample.objects.get(pk=sample.pk)


# --- arguments --------------------------------------------------------------------------------------------------------


@arguments(f"{APPROVAL}.approve", f"{APPROVAL}.reject", f"{APPROVAL}.ask_for_changes")
def _shown(w: World, record: models.Model) -> Mapping[str, Any]:
    assert isinstance(record, Approval)
    return {"shown_digest": scenarios.shown(record)}


@arguments(f"{APPROVAL}.retract")
def _last(w: World, record: models.Model) -> Mapping[str, Any]:
    assert isinstance(record, Approval)
    last = record.decisions.order_by("pk").last()
    return {"decision": last.pk if last is not None else 0}


@arguments("inventory.automation.submit")
def _newest(w: World, automation: models.Model) -> Mapping[str, Any]:
    """A version that is not under review already: the one there is of a draft, else a newer one; with an owner who is here."""
    assert isinstance(automation, Automation)
    another = {"business_owner": w.people["deputy_lead"]} if automation.is_ownerless(w.now) else {}
    if "newest" not in w.made:
        latest = automation.versions.latest("number")
        w.made["newest"] = (
            stock_report.version(w.company, stock_report.one_more_channel, **another)
            if automation.submissions.exists()
            else latest
        )
    version: Version = w.made["newest"]
    return {"version": version, "wishes": scenarios.wishes(version)}


# --- proposals --------------------------------------------------------------------------------------------------------

creating(f"{PROPOSAL}.propose")


@besides("approvals", "delegate_of_author")
def delegate_of_author(w: World) -> Actor:
    """A security reviewer, the proposing admin's delegate, who acts for themself; elsewhere nobody."""
    return as_actor(w.made.get("delegate of author", w.people["superuser"]))


@besides("approvals", "security_by_token")
def security_by_token(w: World) -> Actor:
    """A security reviewer by a token or a command, which is no session; where nothing is proposed nobody."""
    return as_actor(w.people["security" if "delegate of author" in w.made else "superuser"], None)


def _proposed(w: World, document: Mapping[str, Any], *, at_once: bool = False) -> Proposal:
    row = Proposal(kind="policy", target="default")
    proposal_transitions.propose(
        row, actor=w.actor("admin"), now=w.now, reason="Why.", document=dict(document), at_once=at_once
    )
    taker = make_person("Dela Gate")
    for role in (Role.ADMIN, Role.SECURITY_REVIEWER):
        give_role(taker, role, admins=(w.people["admin"], w.people["other_admin"]))
    as_delegate(taker, giver=w.people["admin"])
    w.made["delegate of author"] = taker
    return Proposal.objects.get(kind="policy")


@state(PROPOSAL, "new")
def new_proposal(w: World) -> Proposal:
    """A change of the policy that nobody has proposed yet."""
    return Proposal(kind="policy", target="default")


@state(PROPOSAL, "to_answer")
def to_answer(w: World) -> Proposal:
    """By *admin*, loosening something."""
    return _proposed(w, looser())


@state(PROPOSAL, "acting")
def acting(w: World) -> Proposal:
    """By *admin*, who tightened something at once."""
    return _proposed(w, tighter(), at_once=True)


@state(PROPOSAL, "appointing")
def appointing(w: World) -> Proposal:
    """By *admin*: *stranger* is to lead a team."""
    row = Proposal(kind="team_lead", target=f"{w.northwind.marketing.pk}-lead")
    document = {"person": w.people["stranger"].pk}
    proposal_transitions.propose(row, actor=w.actor("admin"), now=w.now, reason="Why.", document=document)
    return Proposal.objects.get(kind="team_lead")


def _role(w: World, who: str, *, held: bool = True) -> Proposal:
    """A role that *admin* proposes for somebody, or that they have taken from them."""
    role = Role.SECURITY_REVIEWER if held else Role.AUDITOR
    row = Proposal(kind="role", target=f"{w.people[who].pk}-{role}")
    fields = {"reason": "Why.", "document": {"held": held}, "at_once": not held}
    proposal_transitions.propose(row, actor=w.actor("admin"), now=w.now, **fields)
    return Proposal.objects.get(kind="role", target=row.target, state__in=UNANSWERED)


@state(PROPOSAL, "role_of_a_friend")
def role_of_a_friend(w: World) -> Proposal:
    """By *admin*: *stranger* is to be a security reviewer."""
    return _role(w, "stranger")


@state(PROPOSAL, "role_of_the_other")
def role_of_the_other(w: World) -> Proposal:
    """By *admin*: *other_admin* is to be a security reviewer."""
    return _role(w, "other_admin")


@state(PROPOSAL, "role_to_accept", on=role_of_a_friend)
def role_to_accept(w: World, made: Proposal) -> Proposal:
    """Countersigned by *other_admin*."""
    return proposal_transitions.approve(made, actor=w.actor("other_admin"), now=w.now, shown_digest=made.digest)


@state(PROPOSAL, "role_ended")
def role_ended(w: World) -> Proposal:
    """By *admin*, who ended *auditor*'s role at once."""
    return _role(w, "auditor", held=False)


@state(PROPOSAL, "to_accept", on=appointing)
def to_accept(w: World, made: Proposal) -> Proposal:
    """Countersigned by *other_admin*."""
    return proposal_transitions.approve(made, actor=w.actor("other_admin"), now=w.now, shown_digest=made.digest)


@state(PROPOSAL, "now_in_force", on=to_answer)
def now_in_force(w: World, made: Proposal) -> Proposal:
    """Countersigned by *security*."""
    return proposal_transitions.approve(made, actor=w.actor("security"), now=w.now, shown_digest=made.digest)


@state(PROPOSAL, "turned_down", on=to_answer)
def turned_down(w: World, made: Proposal) -> Proposal:
    """Rejected by *security*."""
    return proposal_transitions.reject(made, actor=w.actor("security"), now=w.now, reason="No.")


@state(PROPOSAL, "taken_back", on=to_answer)
def taken_back(w: World, made: Proposal) -> Proposal:
    """Withdrawn by *admin*."""
    return proposal_transitions.withdraw(made, actor=w.actor("admin"), now=w.now)


@state(PROPOSAL, "lapsed", on=acting)
def lapsed_proposal(w: World, made: Proposal) -> Proposal:
    """Nobody countersigned it in 72 hours."""
    return end_due.lapse(made, actor=w.actor("job"), now=w.now + timedelta(hours=72))


@arguments(f"{PROPOSAL}.propose", f"{PROPOSAL}.amend")
def _document(w: World, subject: models.Model) -> Mapping[str, Any]:
    assert isinstance(subject, Proposal)
    if subject.kind == "team_lead":
        return {"document": {"person": w.northwind.tom.pk}}
    if subject.kind == "role":
        return {"document": {"held": True}}
    return {"document": changed(resubmission_days=120)}


@arguments(f"{PROPOSAL}.approve")
def _digest(w: World, subject: models.Model) -> Mapping[str, Any]:
    assert isinstance(subject, Proposal)
    return {"shown_digest": subject.digest}


from tests.matrix import conflict_states, mass_revocation_states, revocation_states, stop_states  # noqa: E402, F401  goes on from what is declared above
