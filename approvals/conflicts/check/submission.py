"""Conflicts of a submission: its frozen access against the rules and waivers of today (S6, S7, A6).

The access of a version is frozen with its submission. The rules, the register's facts about resources and controls,
the access of others and the waivers are read when needed. A decision covers these too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Literal

from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import F, OuterRef
from django.db.models.expressions import RawSQL
from django.db.models.functions import JSONObject

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import automation, cases
from approvals.conflicts.check.automation import Case, FoundConflict
from approvals.conflicts.held_access import data_class_of, higher_environment
from approvals.conflicts.queries import StoredRule
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import Approval, ApprovalKind, ApprovalState, Grant, GrantKind, Submission, Waiver
from approvals.models.conflict import Mode, Scope
from approvals.policies import tiers
from governance.core.database import compiled_queries
from governance.core.duties.refusals import Refusal
from inventory.importers.capabilities import STATED_CONTROLS
from inventory.models import Control, Entitlement

#: States in which an approval grants nothing.
GIVES_NOTHING = (
    ApprovalState.REJECTED,
    ApprovalState.EXPIRED,
    ApprovalState.NOT_APPLICABLE,
    ApprovalState.WITHDRAWN,
)

#: Advisory lock for putting access in force. Taken after all row locks and before the lock of `inventory.chains.transitions`.
LOCK = 0x666F7263
#: Attributes of a submission that cache rules, waivers and the register.
CACHED_ATTRIBUTES = (
    *("conflict_rules", "live_waivers", "held_as_it_is"),
    *("_conflict_rules", "_conflicts", "_remaining", "_register"),
)


def frozen_case(case: Case, asked_keys: Iterable[str], words: Mapping[str, str]) -> dict[str, Any]:
    """Return the part of a case that a submission stores.

    Args:
        case: the access that the version would hold.
        asked_keys: keys of the privileges with an approval of their own.
        words: a sentence for each privilege, by key.
    """
    held_documents = [
        {name: value for name, value in _held_document(held).items() if value not in ("", None)} for held in case.things
    ]
    subjects = {scope: sorted(subject_ids) for scope, subject_ids in case.subjects.items()}
    return {
        "things": held_documents,
        "subjects": subjects,
        "asked": sorted(f"{case.automation}/{key}" for key in asked_keys),
        "words": {f"{case.automation}/{key}": sentence for key, sentence in words.items()},
    }


def _held_document(held: Held) -> dict[str, Any]:
    return {**asdict(held), "tags": sorted(held.tags)}


def case_of(submission: Submission) -> Case:
    """Return the case of its version, in the chain as it was at submission."""
    kept: Mapping[str, Any] | None = submission.held
    if kept is None:  # submitted before conflict rules existed
        return cases.case_of_version(submission.automation, submission.version)
    register = _load_register(submission)
    helds = [
        _refresh_held(document, register.get((document.get("resource", 0), document.get("code", ""))))
        for document in kept["things"]
    ]
    unset = {f"{submission.automation_id}/{key}" for key in tiers.unvouched(submission)}
    helds = [replace(held, data_class="") if held.key in unset else held for held in helds]
    return Case(submission.automation_id, helds, kept["subjects"])


def _case_now(submission: Submission, now: datetime) -> Case:
    """Return the same in the chain of today: other submissions may have come into force since (A16)."""
    case = case_of(submission)
    if not _asks_chains(rules_for(submission, now)):
        return case
    return _with_chain(case, tiers.chain_of(submission).others)


def _asks_chains(rules: Iterable[StoredRule]) -> bool:
    return any(stored.rule.scope == Scope.CHAIN for stored in rules)


def _with_chain(case: Case, chain_others: Collection[int]) -> Case:
    return replace(case, subjects={**case.subjects, Scope.CHAIN: sorted(chain_others)})


#: The register's facts about a version's access, by resource and code, with the names of `_register_columns`.
Register = Mapping[tuple[int, str], Mapping[str, Any]]


def _refresh_held(document: Mapping[str, Any], entry: Mapping[str, Any] | None) -> Held:
    """Return one frozen access with the register's current facts: data class, kind, environment and controls.

    A scan uses the same facts, and a withdrawn control no longer counts.
    """
    tags = frozenset(document.get("tags", ())) - STATED_CONTROLS
    if entry is None:  # triggers have no entry in the register
        return Held(**{**document, "tags": tags})
    return Held(
        **{
            **document,
            "tags": tags.union(entry["says"]),
            "kind": entry["kind"],
            "data_class": data_class_of(entry["own_class"], entry["of_resource"]),
            "environment": higher_environment(entry["environment"], document["environment"]),
        }
    )


def _load_register(submission: Submission) -> Register:
    """Return the register's facts about its version's access. Cached on this instance."""
    register: Register | None = submission.__dict__.get("_register")
    if register is None:
        read = submission.__dict__.get("held_as_it_is")
        if read is None:
            preload_register([submission])
        else:
            submission.__dict__["_register"] = _by_resource_and_code(read)
        register = submission.__dict__["_register"]
    return register


def preload_register(submissions: Sequence[Submission]) -> None:
    """Load the register's facts about the access of several submissions. One query."""
    entitlements = Entitlement.objects.filter(
        privileges__version__in={submission.version_id for submission in submissions}
    )
    by_thing = _by_resource_and_code(list(entitlements.order_by().distinct().values(**_register_columns())))
    for submission in submissions:
        submission.__dict__["_register"] = by_thing


def _register_columns() -> dict[str, Any]:
    controls = Control.objects.standing().filter(entitlement=OuterRef("pk"))
    return {
        "on": F("resource"),
        "called": F("code"),
        "kind": F("resource__kind"),
        "own_class": F("data_class"),
        "of_resource": F("resource__data_class"),
        "environment": F("resource__environment"),
        "says": ArraySubquery(controls.order_by("tag").values("tag")),
    }


def _by_resource_and_code(read: Iterable[Mapping[str, Any]]) -> Register:
    return {(row["on"], row["called"]): row for row in read}


def rules_for(submission: Submission, now: datetime) -> Sequence[StoredRule]:
    """Return the rules in force. Cached on this instance of a submission."""
    rules = submission.__dict__.get("_conflict_rules")
    if rules is None:
        read = submission.__dict__.get("conflict_rules")
        rules = conflict_queries.in_force(now) if read is None else conflict_queries.parse_annotation(read)
        submission.__dict__["_conflict_rules"] = rules
    stored_rules: Sequence[StoredRule] = rules
    return stored_rules


def conflicts_of_submission(submission: Submission, now: datetime) -> Sequence[FoundConflict]:
    """Return its conflicts if everything were approved as asked.

    Cached on this instance, for pages with many approvals.
    """
    conflicts = submission.__dict__.get("_conflicts")
    if conflicts is None:
        conflicts = submission.__dict__["_conflicts"] = tuple(
            automation.find_all_conflicts(
                [_case_now(submission, now)], now, rules_for(submission, now), _loaded_waivers(submission)
            )[0]
        )
    found_conflicts: Sequence[FoundConflict] = conflicts
    return found_conflicts


def submission_annotations(now: datetime) -> dict[str, RawSQL]:
    """Return annotations for submissions on a page, so that their conflicts need no query for rules and waivers."""
    return {
        "conflict_rules": compiled_queries.annotation(Submission, conflict_queries.rules_annotation, now),
        "live_waivers": compiled_queries.annotation(Submission, _live_waivers, now),
        "held_as_it_is": compiled_queries.annotation(Submission, _register_facts),
    }


def _live_waivers() -> ArraySubquery:
    names = ("id", "code", "scope", "subject", "covers", "rule_digest", "ends_at")
    columns = JSONObject(**{name: name for name in names})
    return ArraySubquery(Waiver.objects.live(compiled_queries.NOW).order_by("-ends_at").values(columns=columns))


def _register_facts() -> ArraySubquery:
    entitlements = Entitlement.objects.filter(privileges__version=OuterRef("version")).order_by()
    return ArraySubquery(entitlements.values(facts=JSONObject(**_register_columns())))


def _loaded_waivers(submission: Submission) -> list[Waiver] | None:
    read: Sequence[Mapping[str, Any]] | None = submission.__dict__.get("live_waivers")
    if read is None:
        return None
    return [Waiver(**{**row, "ends_at": datetime.fromisoformat(str(row["ends_at"]))}) for row in read]


def preload_conflicts(submissions: Sequence[Submission], now: datetime) -> None:
    """Load the conflicts of several submissions for one page. The number of queries is fixed."""
    rules, submission_by_id = (
        conflict_queries.in_force(now) if submissions else (),
        {submission.pk: submission for submission in submissions},
    )
    now_cases = current_cases(list(submission_by_id.values()), rules)
    conflicts = dict(zip(submission_by_id, automation.find_all_conflicts(now_cases, now, rules), strict=True))
    for submission in submissions:
        submission.__dict__["_conflict_rules"], submission.__dict__["_conflicts"] = (
            rules,
            tuple(conflicts[submission.pk]),
        )


def current_cases(submissions: Sequence[Submission], rules: Iterable[StoredRule]) -> list[Case]:
    """Return the cases of several submissions; in the chains of today if a rule needs that.

    The number of queries is fixed.
    """
    preload_register(submissions)
    tiers.prefetch_for(submissions)
    submitted = [case_of(submission) for submission in submissions]
    if not _asks_chains(rules):
        return submitted
    chain = tiers.ids_in_chain(submissions)
    return [_with_chain(case, chain[submission.pk]) for submission, case in zip(submissions, submitted, strict=True)]


def conflicts_of_approval(approval: Approval, now: datetime) -> list[FoundConflict]:
    """Return the conflicts that an approval is part of.

    The app's approval has those that involve no requested privilege.
    """
    conflicts = conflicts_of_submission(approval.submission, now)
    return [
        conflict
        for conflict in conflicts
        if takes_part(approval.kind, key_of(approval), conflict, approval_keys_in(approval.submission))
    ]


def takes_part(kind: str, key: str, conflict: FoundConflict, asked_keys: Collection[str]) -> bool:
    """Return whether an approval is part of a conflict.

    Args:
        kind: kind of the approval.
        key: key of its access, with the automation.
        conflict: the conflict.
        asked_keys: keys of all access with an approval in the submission.
    """
    if kind == ApprovalKind.APP:
        return conflict.keys.isdisjoint(asked_keys)
    return kind == ApprovalKind.PRIVILEGE and key in conflict.keys


def key_of(approval: Approval) -> str:
    """Return the key of an approval in conflicts."""
    return f"{approval.submission.automation_id}/{approval.key}"


def approval_keys_in(submission: Submission) -> Collection[str]:
    """Return the keys of all access with an approval in a submission, with the automation."""
    kept: Mapping[str, Any] | None = submission.held
    return frozenset(kept["asked"]) if kept is not None else frozenset()


def sentences_in(submission: Submission) -> Mapping[str, str]:
    """Return sentences for its version's access, by key with the automation."""
    kept: Mapping[str, Any] | None = submission.held
    sentences: Mapping[str, str] = kept.get("words", {}) if kept is not None else {}
    return sentences


def facts_of(approval: Approval, now: datetime) -> list[str]:
    """Return the facts about an approval's conflicts that a decision covers (A6).

    Each has the rule and version, the waiver and the access of others.
    """
    return sorted(_conflict_fact(conflict) for conflict in conflicts_of_approval(approval, now))


def _conflict_fact(conflict: FoundConflict) -> str:
    other_keys = sorted({part.covered_as for leg in conflict.others.values() for part in leg})
    version = conflict.standing.version
    waived = f", waived by {conflict.waiver.pk}" if conflict.waiver is not None else ""
    with_others = f", with {', '.join(other_keys)}" if other_keys else ""
    return f"{version.code} {version.number}{waived}{with_others}"


def remaining_conflicts(submission: Submission, approvals: Iterable[Approval], now: datetime) -> list[FoundConflict]:
    """Return its conflicts after the decisions so far: without refused or ended access, at narrowed levels (A7).

    Args:
        submission: with its automation.
        approvals: all its approvals as they are now, with narrowed levels.
        now: business time.
    """
    case, kept = _case_now(submission, now), counted_grants([submission.automation_id], now)
    return automation.find_conflicts(
        case_as_decided(submission, list(approvals), kept, case), now, rules_for(submission, now)
    )


def case_as_decided(submission: Submission, approvals: Sequence[Approval], kept: Iterable[Grant], case: Case) -> Case:
    """Return the case of a submission after its decisions so far: without refused access, at the approved levels.

    Args:
        submission: with its automation.
        approvals: all its approvals, with their privileges.
        kept: grants of its automation (`counted_grants`).
        case: the case if everything were approved.
    """
    privileges = {
        f"{submission.automation_id}/{approval.key}": approval
        for approval in approvals
        if approval.kind == ApprovalKind.PRIVILEGE
    }
    without = _refused_credentials(submission, approvals)
    lowered = {key: approval.granted_level for key, approval in privileges.items() if approval.granted_level}
    granted_keys = {
        key
        for key, approval in privileges.items()
        if approval.state not in GIVES_NOTHING
        and (approval.privilege is None or approval.privilege.credential_id not in without)
    }
    kept = [grant for grant in kept if f"{submission.automation_id}/{grant.key}" not in privileges]
    held = granted_keys | {f"{submission.automation_id}/{grant.key}" for grant in kept}
    helds = [access for access in cases.with_running_grants(case, kept).things if access.entry or access.key in held]
    helds = [replace(held, level=lowered.get(held.key, held.level)) for held in helds]
    return replace(case, things=helds)


def counted_grants(automations: Collection[int], now: datetime) -> Iterable[Grant]:
    """Return the grants of some automations that a scan counts."""
    held = Grant.objects.filter(automation__in=automations, entitlement__isnull=False, ends_at__gt=now)
    return held.standing().exclude(in_conflict=True)


def _refused_credentials(submission: Submission, approvals: Iterable[Approval]) -> set[int | None]:
    """Return ids of credentials that were refused and are not held either.

    A privilege that needs one gives no grant (A2).
    """
    refused = {
        approval.credential_id
        for approval in approvals
        if approval.kind == ApprovalKind.CREDENTIAL and approval.state in GIVES_NOTHING
    }
    if not refused:
        return set()
    standing = Grant.objects.filter(automation=submission.automation_id, kind=GrantKind.CREDENTIAL).standing()
    return refused - set(standing.values_list("credential", flat=True))


def enforced_conflicts(conflicts: Iterable[FoundConflict]) -> list[FoundConflict]:
    """Return the conflicts that are refused: the rule is enforced and no waiver lifts it."""
    return [conflict for conflict in conflicts if conflict.mode == Mode.ENFORCE]


def refusal(conflicts: Sequence[FoundConflict], kind: Literal["duty", "input"] = "duty") -> Refusal | None:
    """Return the refusal for these conflicts, or None (S6)."""
    refused = enforced_conflicts(conflicts)
    if not refused:
        return None
    sentences = " ".join(conflict.sentence for conflict in refused)
    detail = tuple(("", conflict.sentence) for conflict in refused)
    return Refusal("S6", kind, sentences, refused[0].way_out, detail, is_attempt=True)


def take_access_lock() -> None:
    """Take the lock for changes of held access until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def lock_access(submission: Submission) -> None:
    """Take the lock for putting access in force until the transaction ends, and drop cached rules and waivers (S6).

    Two transactions in parallel could create a conflict that neither sees: by owner, team, identity or chain, or by a
    rule that comes into force in between. The lock costs the time of one commit.
    """
    take_access_lock()
    for name in CACHED_ATTRIBUTES:
        submission.__dict__.pop(name, None)
    tiers.forget_chain(submission)
