"""The light path: whether policy may approve what a submission asks in stage 2, and what speaks against it, in words (A13). Reads only.

The preview asks it before there is a submission. Submitting freezes the answer, and once somebody has approved the app it is asked again:
what was on the path may have left it, nothing comes onto it later (A1). The database repeats the narrow part (`by_policy_narrowly` in approvals/sql/light_path.sql).

A chain that is not low does not qualify (A16), nor what is started by something of which the register does not know what that is, nor what
the importer did not read to its end. What calls something is never low.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from approvals.conflicts.check import submission as conflicts
from approvals.models import (
    APP_KEY,
    Approval,
    ApprovalKind,
    ApprovalState,
    CarriedDecision,
    Comment,
    Decision,
    DecisionOutcome,
    Party,
    Sample,
    SampleState,
    Submission,
    SubmissionState,
)
from approvals.models.spot_check import NOT_PASSED
from approvals.parties import queries as party_queries
from approvals.policies import tiers as policy_tiers
from approvals.policies.queries import Policy
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.prior_decisions import stopped_grants
from governance.core.models import Person
from inventory.chains import queries as chain_queries
from inventory.importers import privilege_scope
from inventory.models import (
    REGISTERED,
    Assessment,
    Automation,
    Privilege,
    Trigger,
    Version,
)
from inventory.resources import queries as resource_queries
from inventory.risk.tiers import Tier, is_within

if TYPE_CHECKING:
    from approvals.submissions.version_diff import Asked, Changes

#: What starts an automation without anybody or anything else: its editor's button and the clock.
BY_ITSELF = ("manual", "schedule")
#: Findings of low severity that nobody has to look at first; any other is.
HARMLESS = ("dormant", "pinned_data")
#: What the chain answers, however severe it looks: who shares a credential is as risky as the others, or uses it alike (A16).
ANSWERED = "shared_credential"
#: Looks at what policy approved after which it approves nothing like it any more: one that was drawn and ended unseen is none of the
#: good ones, or whoever gives up what was drawn and asks for it again would have a fresh draw.
FAILED = Q(approval__isnull=False) & (
    Q(state__in=NOT_PASSED) | Q(state=SampleState.NOT_APPLICABLE, drawn_from_seal__isnull=False)
)


@dataclass(frozen=True)
class Because:
    """What speaks against the light path.

    Args:
        words: what the ledger says of it: no names.
        sentence: what its builder reads.
    """

    words: str
    sentence: str


#: What is in conflict with something is looked at by people, whatever its rule does otherwise (S6).
IN_CONFLICT = Because(
    "it is in conflict", "It would be in conflict with something else that is held, and somebody looks at that."
)


@dataclass(frozen=True)
class Case:
    """What is asked about, saved or not.

    Args:
        automation: as it stands or would be.
        builders: ids of everybody whose work it is: who brought it in, edited or submits it.
        asked: how many records stage 2 would have.
        is_app_asked: whether stage 1 decides about this very version.
        is_asked_again: whether something of it was refused, withdrawn, stopped or held before (A15, G5).
        privileges: everything that it would hold, what runs on included.
        triggers: what starts it.
        findings: code and severity of what was noticed in it.
        chain: the tier of the chain in which it would stand (A16).
        may_be_known: whether it may be the same as something that is known (I9).
    """

    automation: Automation
    builders: frozenset[int]
    asked: int
    is_app_asked: bool
    is_asked_again: bool
    privileges: Sequence[Privilege]
    triggers: Sequence[Trigger]
    findings: Iterable[tuple[str, str]]
    chain: Tier
    may_be_known: bool = False


def is_low(tier: str, asked: Iterable[str]) -> bool:
    """Whether everything is low: the app, and each of what is asked, which is something. Otherwise the path is no question."""
    tiers = list(asked)
    return bool(tiers) and {tier, *tiers} == {"low"}


def why_not(case: Case, policy: Policy, now: datetime) -> Because | None:
    """What speaks against the light path of something low, the first that does; None where nothing does."""
    return (
        _by_itself(case)
        or _of_connections(case)
        or _of_the_chain(case)
        or _of_the_past(case)
        or _of_many(case, policy, now)
    )


def _by_itself(case: Case) -> Because | None:
    if not case.is_app_asked:
        sentence = "Nothing that stage 1 decides about changed, so nobody would look at it."
        return Because("stage 1 was not asked about it", sentence)
    started = next((one for one in case.triggers if one.type not in BY_ITSELF), None)
    if started is not None:
        sentence = f"Something else starts it ({started.type}), and what that may do is not known."
        return Because("something else starts it", sentence)
    open_ones = ((code, severity) for code, severity in case.findings if code != ANSWERED)
    noticed = next((code for code, severity in open_ones if severity != "low" or code not in HARMLESS), None)
    if noticed is not None:
        said = noticed.replace("_", " ")
        return Because("something was noticed in it", f"Something was noticed in it that somebody looks at: {said}.")
    return None


def _of_connections(case: Case) -> Because | None:
    """A connection whose owner has not confirmed what it opens, or that is to open something else (I8)."""
    bindings = resource_queries.bindings_of(case.privileges)
    for one in case.privileges:
        if one.connector == REGISTERED:
            continue
        row, resource = bindings.get((one.connector, one.instance)), one.entitlement.resource
        if row is None or row.is_open or row.moving_to_id is not None or row.resource_id != resource.pk:
            sentence = f"Whoever answers for {resource.name} has not confirmed yet what its connection opens."
            return Because("a connection is not confirmed", sentence)
    return None


def _of_the_chain(case: Case) -> Because | None:
    """Something else in its chain that is more than low: what the two may do together is (A16)."""
    if case.chain is Tier.LOW:
        return None
    sentence = f"It is joined with something that is {case.chain.word} risk."
    return Because("something in its chain is not low", sentence)


def _of_the_past(case: Case) -> Because | None:
    if case.may_be_known:
        sentence = "It may be the same as something that is known already, and somebody says so first."
        return Because("it may be the same as another", sentence)
    if case.is_asked_again:
        sentence = "The same was decided, refused, withdrawn or stopped before, and people go on from there."
        return Because("the same was decided or withdrawn before", sentence)
    if _is_about_the_same(case, Sample.objects.filter(FAILED), "submission__automation"):
        sentence = "What policy approved of the same before was looked at and not found fine, or looked at by nobody."
        return Because("a look at what policy approved before failed", sentence)
    refused = Approval.objects.filter(state=ApprovalState.REJECTED).exclude(kind=ApprovalKind.APP)
    if _is_about_the_same(case, refused, "submission__automation", ""):
        sentence = "Somebody who answers for what it touches has refused the same, and is asked."
        return Because("the same was refused before", sentence)
    if _is_about_the_same(case, stopped_grants.standing(), "automation"):
        return Because(
            "the same was stopped before", "Somebody has stopped the same, and people decide whether it runs."
        )
    decided = Submission.objects.filter(
        automation=OuterRef("submission__automation"),
        state=SubmissionState.IN_FORCE,
        pk__gte=OuterRef("submission"),
    )
    said = Comment.objects.filter(is_objection=True).exclude(Exists(decided))
    if _is_about_the_same(case, said, "submission__automation"):
        return Because("somebody objected", "Somebody who answers for what it touches has objected.")
    return None


def _is_about_the_same(case: Case, rows: QuerySet[Any], automation: str, about: str = "approval__") -> bool:
    """Whether one of some rows about records is of the automation itself, or of the same in any other of its team; one query.

    The same is what has a part in common, on the same resource, of what may do no more than is asked now: whoever refused, stopped or
    objected to less is not passed by asking for more, for another order, or by another kind of step. A new id sheds nothing either, also
    where the two were said to be different (I9).

    Args:
        case: what is asked about.
        rows: what was refused, stopped, objected to or looked at.
        automation: the path from a row to its automation.
        about: the path to the record.
    """
    own = Q(pk__in=()) if case.automation._state.adding else Q(**{automation: case.automation.pk})
    known = [one for one in case.privileges if one.entitlement_id is not None]
    on = {one.entitlement.resource_id for one in known}
    records = [f"{about}privilege__", f"{about}credential__privileges__"]
    touched = [
        Q(**{f"{automation}__team": case.automation.team_id, f"{one}entitlement__resource__in": on}) for one in records
    ]
    columns = [f"{one}{name}" for one in records for name in COMPARED]
    found = rows.filter(own | touched[0] | touched[1]).order_by().values_list(automation, *columns).distinct()
    return any(
        pk == case.automation.pk or any(_is_the_same(one, said) for one in known for said in (row[:5], row[5:]))
        for pk, *row in found
    )


#: What is compared of a privilege that something was said about.
COMPARED = ("entitlement", "entitlement__resource", "level", "target", "scope")


def _is_the_same(one: Privilege, said: Sequence[Any]) -> bool:
    """Whether what something was said about is no other thing than what is asked now, or a part of it, and does no more."""
    entitlement, resource, level, target, scope = said
    if resource != one.entitlement.resource_id:
        return False
    mine, its = privilege_scope.parts(one.target, one.scope), privilege_scope.parts(target, scope)
    if entitlement == one.entitlement_id:
        return not (mine and its) or privilege_scope.overlap(mine, its)
    return is_within(level, one.level) and privilege_scope.overlap(mine, its)


def _of_many(case: Case, policy: Policy, now: datetime) -> Because | None:
    """Too many for one of its builders. Whoever goes on to approve holds `lock`, so that two at once count one after the other."""
    most, days = policy.light_grants, policy.light_days
    theirs = Party.objects.filter(capacity__in=party_queries.BUILDING, person__in=case.builders)
    lately = Approval.objects.filter(by_policy__isnull=False, ended_at__gt=now - timedelta(days=days))
    counted = theirs.filter(submission__approvals__in=lately).order_by().values("person")
    counts = counted.annotate(times=Count("submission__approvals", distinct=True)).values_list("times", flat=True)
    count = max(counts, default=0)
    if count + case.asked <= most:
        return None
    sentence = (
        f"Policy approves {most} grants for a builder in {days} days; with this there would be {count + case.asked}."
    )
    return Because("its builder has as many of policy as there may be", sentence)


def lock(builders: Iterable[int]) -> None:
    """Let nobody else have policy approve something for any of some builders until this transaction ends: in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT lock_light_path(builder) FROM unnest(%s::bigint[]) AS builder", [sorted(builders)])


# --- what is submitted ------------------------------------------------------------------------------------------------


def of_version(
    version: Version,
    found: Changes,
    assessment: Assessment,
    policy: Policy,
    before: Submission | None,
    builder: Person,
    now: datetime,
    siblings: Sequence[int],
    may_be_known: bool,
) -> bool:
    """Whether a version that is submitted now is on the light path.

    Args:
        version: saved.
        found: what it asks.
        assessment: its newest.
        policy: the policy in force.
        before: the open submission that it continues.
        builder: who submits it.
        now: business time.
        siblings: ids of the automation in its other environments.
        may_be_known: see `Case`.
    """
    if not is_low(assessment.tier, [one.tier for one in found.asked]):
        return False
    automation = version.automation
    earlier = prior_decision_queries.earlier(automation, policy, now, siblings)
    is_again = is_asked_again(found.asked, earlier.keys()) or was_decided(before)
    builders = party_queries.would_build(automation, builder, version=version, siblings=siblings)
    case = _of_saved(version, builders, len(found.asked), is_app_asked=bool(found.app), is_asked_again=is_again)
    return why_not(replace(case, may_be_known=may_be_known), policy, now) is None


def is_asked_again(asked: Iterable[Asked], earlier: Iterable[str]) -> bool:
    """Whether something of what is asked is not new, or was refused or withdrawn before, the app included (A15)."""
    known = set(earlier)
    return APP_KEY in known or any(one.why != "new" or one.matter in known for one in asked)


def was_decided(before: Submission | None) -> bool:
    """Whether somebody decided something in the open submission that a version continues; a question to the builder is none (A14)."""
    if before is None:
        return False
    taken = Decision.objects.filter(approval__submission=before).exclude(outcome=DecisionOutcome.ASK)
    return taken.exists() or CarriedDecision.objects.filter(approval__submission=before).exists()


def of_submission(submission: Submission, waiting: Sequence[Approval], policy: Policy, now: datetime) -> Because | None:
    """What speaks by now against the light path of a submission that was on it, once its app is approved; None where nothing does.

    Args:
        submission: on the light path, its app approved.
        waiting: its records of stage 2 that policy would approve.
        policy: the policy that it was made under.
        now: business time.
    """
    if conflicts.of_submission(submission, now):
        return IN_CONFLICT
    app = submission.app_approval
    is_own = app is not None and app.submission_id == submission.pk and app.carried_from_id is None
    case = _of_saved(
        submission.version,
        party_queries.building(submission),
        len(waiting),
        is_app_asked=is_own,
        is_asked_again=any(
            one.earlier_id is not None or one.carried_from_id is not None or one.asked for one in waiting
        ),
        privileges=policy_tiers.privileges_of(submission),
    )
    return why_not(case, policy, now)


def _of_saved(
    version: Version,
    builders: frozenset[int],
    asked: int,
    *,
    is_app_asked: bool,
    is_asked_again: bool,
    privileges: Sequence[Privilege] | None = None,
) -> Case:
    """The case of a version of the register, with the findings of its newest assessment."""
    newest = version.assessments.order_by("-pk").first()
    noticed = newest.findings.filter(state="open").order_by("pk") if newest is not None else None
    rows = list(version.privileges.select_related("entitlement__resource")) if privileges is None else privileges
    return Case(
        version.automation,
        builders,
        asked,
        is_app_asked=is_app_asked,
        is_asked_again=is_asked_again,
        privileges=rows,
        triggers=list(version.triggers.all()),
        findings=list(noticed.values_list("code", "severity")) if noticed is not None else [("not_assessed", "high")],
        chain=chain_queries.with_version(version, rows).tier,
    )
