"""The light path: whether policy may approve stage 2 of a submission, and the reasons against it (A13). Reads only.

The preview checks it before there is a submission. Submitting freezes the answer, and the approval of the app checks
it again. A submission may leave the path, and never joins it later (A1). The database repeats part of it
(`by_policy_narrowly` in approvals/sql/light_path.sql).

Reasons against it include a chain above low risk (A16), a trigger of unknown origin, and an import that is incomplete.
A version that calls another automation is never low.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from approvals.assignment.context import SubmissionContext
from approvals.models import APP_KEY, Approval, ApprovalKind, ApprovalState, CarriedDecision, Decision, DecisionOutcome
from approvals.models.spot_check import NOT_PASSED, Sample, SampleState
from approvals.models.submission import Comment, Party, Submission, SubmissionState
from approvals.parties import submission_parties
from approvals.policies.queries import Policy
from approvals.prior_decisions.queries import stopped_grants
from governance.core.texts.csv_tables import read_rows
from inventory.importers import privilege_scope
from inventory.models import REGISTERED, Automation, Privilege, Trigger
from inventory.resources import queries as resource_queries
from inventory.risk.levels import is_within
from inventory.risk.tiers import Tier

if TYPE_CHECKING:
    from approvals.submissions.reapproval import RequestedItem

#: Triggers that no other system or person controls: the editor's button and the clock.
OWN_TRIGGERS = ("manual", "schedule")
#: Findings of low severity that need no review. All others do.
HARMLESS = ("dormant", "pinned_data")
#: A finding that the chain covers: automations that share a credential have the same risk, or use it alike (A16).
COVERED_BY_CHAIN = "shared_credential"
#: Spot checks after which policy approves nothing similar. A drawn check that ended unseen counts too: otherwise giving up a drawn
#: privilege and requesting it again would give a new draw.
FAILED = Q(approval__isnull=False) & (
    Q(state__in=NOT_PASSED) | Q(state=SampleState.NOT_APPLICABLE, drawn_from_seal__isnull=False)
)


@dataclass(frozen=True)
class LightPathReason:
    """A reason against the light path.

    Args:
        words: for the ledger, without names.
        sentence: for the builder.
    """

    words: str
    sentence: str


@cache
def _reasons() -> dict[str, LightPathReason]:
    rows = read_rows(__file__, "reasons_against.csv")
    return {row["key"]: LightPathReason(row["words"], row["sentence"]) for row in rows}


def because(key: str, **names: object) -> LightPathReason:
    """Return a reason of ``reasons_against.csv`` with the names of its sentence filled in."""
    reason = _reasons()[key]
    return replace(reason, sentence=reason.sentence.format(**names))


@dataclass(frozen=True)
class Case:
    """The version to check, saved or not.

    Args:
        automation: as it is or would be.
        builders: ids of its builders: importers, editors and the submitter.
        asked: number of approvals in stage 2.
        is_app_asked: whether stage 1 decides about this version.
        is_asked_again: whether a part was refused, withdrawn, stopped or held before (A15, G5).
        privileges: all that it would hold, with running ones.
        triggers: its triggers.
        findings: code and severity of its findings.
        chain: the tier of its chain (A16).
        may_be_known: whether it may be a duplicate of a known automation (I9).
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


def reason_against(case: Case, policy: Policy, now: datetime) -> LightPathReason | None:
    """Return the first reason against the light path of a low version; None if there is none."""
    return (
        _version_reason(case)
        or _connection_reason(case)
        or (because("chain", tier=case.chain.word) if case.chain is not Tier.LOW else None)
        or _history_reason(case)
        or _limit_reason(case, policy, now)
    )


def _version_reason(case: Case) -> LightPathReason | None:
    if not case.is_app_asked:
        return because("stage_1_not_asked")
    started = next((trigger for trigger in case.triggers if trigger.type not in OWN_TRIGGERS), None)
    if started is not None:
        return because("started", trigger=started.type)
    open_ones = ((code, severity) for code, severity in case.findings if code != COVERED_BY_CHAIN)
    finding = next((code for code, severity in open_ones if severity != "low" or code not in HARMLESS), None)
    return because("finding", finding=finding.replace("_", " ")) if finding is not None else None


def _connection_reason(case: Case) -> LightPathReason | None:
    """Return a reason if an owner has not confirmed a connection, or it moves to another resource (I8)."""
    bindings = resource_queries.bindings_of(case.privileges)
    for privilege in case.privileges:
        if privilege.connector == REGISTERED:
            continue
        row, resource = bindings.get((privilege.connector, privilege.instance)), privilege.entitlement.resource
        if row is None or row.is_open or row.moving_to_id is not None or row.resource_id != resource.pk:
            return because("unconfirmed", resource=resource.name)
    return None


def _history_reason(case: Case) -> LightPathReason | None:
    if case.may_be_known:
        return because("duplicate")
    if case.is_asked_again:
        return because("asked_again")
    refused = Approval.objects.filter(state=ApprovalState.REJECTED).exclude(kind=ApprovalKind.APP)
    decided = Submission.objects.filter(
        automation=OuterRef("submission__automation"), state=SubmissionState.IN_FORCE, pk__gte=OuterRef("submission")
    )
    objections = Comment.objects.filter(is_objection=True).exclude(Exists(decided))
    earlier: tuple[tuple[str, QuerySet[Any], str, str], ...] = (
        ("spot_check", Sample.objects.filter(FAILED), "submission__automation", "approval__"),
        ("refused", refused, "submission__automation", ""),
        ("stopped", stopped_grants(), "automation", "approval__"),
        ("objected", objections, "submission__automation", "approval__"),
    )
    for key, rows, automation, approval in earlier:
        if _has_similar(case, rows, automation, approval):
            return because(key)
    return None


def _has_similar(case: Case, rows: QuerySet[Any], automation: str, approval_path: str) -> bool:
    """Return whether rows about approvals concern this automation, or similar access in its team. One query.

    Similar access overlaps in part, on the same resource, and allows no more than the request. So a refusal, stop or
    objection can't be avoided by asking for more, in another order or with another kind of step. A new id does not
    help, even if people said that the two automations differ (I9).

    Args:
        case: the version to check.
        rows: refusals, stops, objections or spot checks.
        automation: path from a row to its automation.
        approval_path: path from a row to its approval.
    """
    own_rows = Q(pk__in=()) if case.automation._state.adding else Q(**{automation: case.automation.pk})
    registered = [privilege for privilege in case.privileges if privilege.entitlement_id is not None]
    on = {privilege.entitlement.resource_id for privilege in registered}
    approvals = [f"{approval_path}privilege__", f"{approval_path}credential__privileges__"]
    touched = [
        Q(**{f"{automation}__team": case.automation.team_id, f"{path}entitlement__resource__in": on})
        for path in approvals
    ]
    columns = [f"{path}{name}" for path in approvals for name in COMPARED_COLUMNS]
    found = rows.filter(own_rows | touched[0] | touched[1]).order_by().values_list(automation, *columns).distinct()
    return any(
        pk == case.automation.pk
        or any(_is_similar(privilege, part) for privilege in registered for part in (row[:5], row[5:]))
        for pk, *row in found
    )


#: Columns of an earlier privilege that are compared.
COMPARED_COLUMNS = ("entitlement", "entitlement__resource", "level", "target", "scope")


def _is_similar(privilege: Privilege, compared: Sequence[Any]) -> bool:
    """Return whether an earlier privilege is the requested one or a part of it, and allows no more."""
    entitlement, resource, level, target, scope = compared
    if resource != privilege.entitlement.resource_id:
        return False
    own_parts = privilege_scope.target_parts(privilege.target, privilege.scope)
    other_parts = privilege_scope.target_parts(target, scope)
    if entitlement == privilege.entitlement_id:
        return not (own_parts and other_parts) or privilege_scope.targets_overlap(own_parts, other_parts)
    return is_within(level, privilege.level) and privilege_scope.targets_overlap(own_parts, other_parts)


def _limit_reason(case: Case, policy: Policy, now: datetime) -> LightPathReason | None:
    """Return a reason if one of its builders reaches the limit.

    An approval holds `lock`, so that two submissions at once are counted one after the other.
    """
    most, days = policy.light_grants, policy.light_days
    parties = Party.objects.filter(capacity__in=submission_parties.BUILDING, person__in=case.builders)
    lately = Approval.objects.filter(by_policy__isnull=False, ended_at__gt=now - timedelta(days=days))
    counted = parties.filter(submission__approvals__in=lately).order_by().values("person")
    counts = counted.annotate(times=Count("submission__approvals", distinct=True)).values_list("times", flat=True)
    count = max(counts, default=0)
    if count + case.asked <= most:
        return None
    return because("limit", most=most, days=days, count=count + case.asked)


def lock(builders: Iterable[int]) -> None:
    """Lock approvals by policy for some builders until this transaction ends, in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT lock_light_path(builder) FROM unnest(%s::bigint[]) AS builder", [sorted(builders)])


# --- submissions ------------------------------------------------------------------------------------------------


def is_asked_again(items: Iterable[RequestedItem], earlier: Iterable[str]) -> bool:
    """Return whether a requested item is not new, or was refused or withdrawn before, or the app was (A15)."""
    earlier_matters = set(earlier)
    return APP_KEY in earlier_matters or any(item.why != "new" or item.matter in earlier_matters for item in items)


def was_decided(before: Submission | None) -> bool:
    """Return whether the open submission that a version continues has a decision.

    A question to the builder is none (A14).
    """
    if before is None:
        return False
    decisions = Decision.objects.filter(approval__submission=before).exclude(outcome=DecisionOutcome.ASK)
    return decisions.exists() or CarriedDecision.objects.filter(approval__submission=before).exists()


def reason_against_submission(
    context: SubmissionContext, waiting: Sequence[Approval], policy: Policy
) -> LightPathReason | None:
    """Return the reason against the light path of a submission on it, after the approval of its app; or None.

    Args:
        context: of a submission on the light path, its app approved.
        waiting: its approvals of stage 2 that policy would approve.
        policy: the policy of the submission.
    """
    submission = context.submission
    if context.conflicts.as_asked:
        return because("conflict")
    app, version = submission.app_approval, submission.version
    newest = version.assessments.order_by("-pk").first()
    findings = newest.findings.filter(state="open").order_by("pk") if newest is not None else None
    case = Case(
        submission.automation,
        submission_parties.builder_ids(submission),
        len(waiting),
        is_app_asked=app is not None and app.submission_id == submission.pk and app.carried_from_id is None,
        is_asked_again=any((row.earlier_id, row.carried_from_id) != (None, None) or row.asked for row in waiting),
        privileges=context.facts.privileges,
        triggers=list(version.triggers.all()),
        findings=[("not_assessed", "high")] if findings is None else list(findings.values_list("code", "severity")),
        chain=context.facts.chain.tier,
    )
    return reason_against(case, policy, context.now)
