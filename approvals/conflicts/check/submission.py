"""Conflicts of a submission: its frozen access against the rules and waivers of today (S6, S7, A6).

The access of a version is frozen with its submission. The rules, the register's facts about resources and controls,
the access of others and the waivers are read when needed. A decision covers these too.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check.find_conflicts import (
    Case,
    FoundConflict,
    case_of_version,
    find_all_conflicts,
    find_conflicts,
    with_running_grants,
)
from approvals.conflicts.held_access import data_class_of
from approvals.conflicts.queries import StoredRule
from approvals.conflicts.rule_language.selectors import Held
from approvals.models import Approval, ApprovalKind, ApprovalState, Grant, GrantKind
from approvals.models.conflict_rule import Mode, Scope
from approvals.policies import current_tiers
from approvals.policies import facts as policy_facts
from approvals.policies.facts import SubmissionFacts
from governance.core.access import Refusal
from governance.core.database import advisory_locks
from governance.core.database.grouping import grouped
from inventory.models import Entitlement
from inventory.risk.tiers import higher_environment

#: States in which an approval grants nothing.
GIVES_NOTHING = (ApprovalState.REJECTED, ApprovalState.EXPIRED, ApprovalState.NOT_APPLICABLE, ApprovalState.WITHDRAWN)

#: Advisory lock for putting access in force. Taken after all row locks and before the lock of `inventory.chains.transitions`.
LOCK = 0x666F7263


class SubmissionConflicts:
    """The conflicts of one submission, each kind read at its first use.

    Args:
        facts: of the submission.
    """

    def __init__(self, facts: SubmissionFacts) -> None:
        self.facts, self.submission, self.now = facts, facts.submission, facts.now

    @cached_property
    def rules(self) -> Sequence[StoredRule]:
        """The rules in force."""
        return conflict_queries.in_force(self.now)

    @cached_property
    def case(self) -> Case:
        """The version's access with the register's facts of today; in the chain of today if a rule needs that (A16)."""
        submission, kept = self.submission, self.submission.held
        if kept is None:  # submitted before conflict rules existed
            case = case_of_version(submission.automation, submission.version)
        else:
            known = {(row.resource_id, row.code): row for row in (held.entitlement for held in self.facts.privileges)}
            unset = {f"{submission.automation_id}/{key}" for key in current_tiers.unvouched(self.facts)}
            helds = [_refresh_held(document, known) for document in kept["things"]]
            helds = [replace(held, data_class="") if held.key in unset else held for held in helds]
            case = Case(submission.automation_id, helds, kept["subjects"])
        if not _asks_chains(self.rules):
            return case
        return replace(case, subjects={**case.subjects, Scope.CHAIN: sorted(self.facts.chain_ids)})

    @cached_property
    def as_asked(self) -> Sequence[FoundConflict]:
        """The conflicts if everything were approved as asked."""
        return find_conflicts(self.case, self.now, self.rules)

    @cached_property
    def remaining(self) -> Sequence[FoundConflict]:
        """The conflicts after the decisions so far, for pages: without refused or narrowed access."""
        approvals = self.facts.approvals
        return self.after_decisions(approvals) if self.as_asked and any(map(_gives_less, approvals)) else self.as_asked

    def after_decisions(self, approvals: Iterable[Approval]) -> Sequence[FoundConflict]:
        """Return the conflicts after some decisions: without refused or ended access, at narrowed levels (A7).

        Args:
            approvals: all approvals of the submission, with narrowed levels.
        """
        kept = counted_grants([self.submission.automation_id], self.now)
        return find_conflicts(self._case_after(list(approvals), kept), self.now, self.rules)

    def _case_after(self, approvals: Sequence[Approval], kept: Iterable[Grant]) -> Case:
        """Return the case after the decisions so far. ``kept``: grants of its automation (`counted_grants`)."""
        by_key = {self.key_of(approval): approval for approval in approvals if approval.kind == ApprovalKind.PRIVILEGE}
        without = self._refused_credentials(approvals)
        granted_keys = {
            key
            for key, approval in by_key.items()
            if approval.state not in GIVES_NOTHING
            and (approval.privilege is None or approval.privilege.credential_id not in without)
        }
        prefix = self.submission.automation_id
        kept = [grant for grant in kept if f"{prefix}/{grant.key}" not in by_key]
        keys = granted_keys | {f"{prefix}/{grant.key}" for grant in kept}
        case = with_running_grants(self.case, kept)
        helds = [held for held in case.things if held.entry or held.key in keys]
        lowered = {key: approval.granted_level for key, approval in by_key.items() if approval.granted_level}
        return replace(self.case, things=[replace(held, level=lowered.get(held.key, held.level)) for held in helds])

    def _refused_credentials(self, approvals: Iterable[Approval]) -> set[int | None]:
        """Return ids of credentials that were refused and are not held either.

        A privilege that needs one gives no grant (A2).
        """
        credentials = (approval for approval in approvals if approval.kind == ApprovalKind.CREDENTIAL)
        refused = {approval.credential_id for approval in credentials if approval.state in GIVES_NOTHING}
        if not refused:
            return set()
        held = Grant.objects.filter(automation=self.submission.automation_id, kind=GrantKind.CREDENTIAL).standing()
        return refused - set(held.values_list("credential", flat=True))

    @cached_property
    def asked_keys(self) -> frozenset[str]:
        """Keys of all access with an approval, with the automation."""
        return frozenset(self.submission.held["asked"] if self.submission.held is not None else ())

    @property
    def left_out(self) -> list[str]:
        """Sentences of the version's privileges that the builder does not request: they have no approval."""
        if self.submission.held is None:
            return []
        frozen, prefix = {held["key"] for held in self.submission.held["things"]}, self.submission.automation_id
        return [privilege.sentence for privilege in self.facts.privileges if f"{prefix}/{privilege.key}" not in frozen]

    @property
    def sentences(self) -> Mapping[str, str]:
        """Sentences for the version's access, by key with the automation."""
        sentences: Mapping[str, str] = (self.submission.held or {}).get("words", {})
        return sentences

    def key_of(self, approval: Approval) -> str:
        """Return the key of an approval in conflicts."""
        return f"{self.submission.automation_id}/{approval.key}"

    def conflicts_of(self, approval: Approval, among: Iterable[FoundConflict]) -> list[FoundConflict]:
        """Return the conflicts that an approval is part of.

        The app's approval has those that involve no requested privilege.
        """
        key = self.key_of(approval)
        return [conflict for conflict in among if takes_part(approval.kind, key, conflict, self.asked_keys)]

    def remaining_of(self, approval: Approval) -> list[FoundConflict]:
        """Return the remaining conflicts that an approval is part of; none if it is refused itself."""
        return self.conflicts_of(approval, self.remaining)

    def facts_of(self, approval: Approval) -> list[str]:
        """Return the facts about an approval's conflicts that a decision covers (A6).

        Each has the rule and version, the waiver and the access of others. They are about the whole submission, so a
        decision on another approval voids none.
        """
        return sorted(_conflict_fact(conflict) for conflict in self.conflicts_of(approval, self.as_asked))


def load_conflicts(facts: Collection[SubmissionFacts], now: datetime) -> dict[int, SubmissionConflicts]:
    """Return the conflicts of several submissions by id. The number of queries is fixed.

    Args:
        facts: loaded by `load_facts`.
        now: business time.
    """
    if not facts:
        return {}
    rules = conflict_queries.in_force(now)
    loaded = load_cases(facts, rules)
    as_asked = find_all_conflicts([conflicts.case for conflicts in loaded], now, rules)
    for conflicts, found in zip(loaded, as_asked, strict=True):
        conflicts.as_asked = found
    _load_remaining([conflicts for conflicts in loaded if conflicts.as_asked], now)
    return {conflicts.submission.pk: conflicts for conflicts in loaded}


def load_cases(facts: Collection[SubmissionFacts], rules: Sequence[StoredRule]) -> list[SubmissionConflicts]:
    """Read what the cases of several submissions need for some rules. The number of queries is fixed."""
    loaded = [SubmissionConflicts(of_one) for of_one in facts]
    if _asks_chains(rules):
        policy_facts.load_chain_ids([conflicts.facts for conflicts in loaded])
    for conflicts in loaded:
        conflicts.rules = rules
    return loaded


def _load_remaining(in_conflict: Iterable[SubmissionConflicts], now: datetime) -> None:
    reduced = [conflicts for conflicts in in_conflict if any(map(_gives_less, conflicts.facts.approvals))]
    if not reduced:
        return
    grants = counted_grants([conflicts.submission.automation_id for conflicts in reduced], now)
    kept = grouped((grant.automation_id, grant) for grant in grants)
    after = [each._case_after(each.facts.approvals, kept.get(each.submission.automation_id, ())) for each in reduced]
    for conflicts, found in zip(reduced, find_all_conflicts(after, now, reduced[0].rules), strict=True):
        conflicts.remaining = found


def _gives_less(approval: Approval) -> bool:
    """Return whether an approval grants less than was asked."""
    return approval.state in GIVES_NOTHING or bool(approval.granted_level)


def frozen_case(case: Case, asked_keys: Iterable[str], words: Mapping[str, str]) -> dict[str, Any]:
    """Return the part of a case that a submission stores.

    Args:
        case: the access that the version would hold.
        asked_keys: keys of the privileges with an approval of their own.
        words: a sentence for each privilege, by key.
    """
    documents = ({**asdict(held), "tags": sorted(held.tags)}.items() for held in case.things)
    return {
        "things": [{name: value for name, value in items if value not in ("", None)} for items in documents],
        "subjects": {scope: sorted(subject_ids) for scope, subject_ids in case.subjects.items()},
        "asked": sorted(f"{case.automation}/{key}" for key in asked_keys),
        "words": {f"{case.automation}/{key}": sentence for key, sentence in words.items()},
    }


def _asks_chains(rules: Iterable[StoredRule]) -> bool:
    return any(stored.rule.scope == Scope.CHAIN for stored in rules)


def _refresh_held(document: Mapping[str, Any], known: Mapping[tuple[int, str], Entitlement]) -> Held:
    """Return one frozen access with the register's current data class, kind and environment, as a scan uses them."""
    held = Held(**{**document, "tags": frozenset(document.get("tags", ()))})
    entitlement = known.get((held.resource or 0, held.code))
    if entitlement is None:  # triggers have no entry in the register
        return held
    resource = entitlement.resource
    return replace(
        held,
        kind=resource.kind,
        data_class=data_class_of(entitlement.data_class, resource.data_class),
        environment=higher_environment(resource.environment, held.environment),
    )


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


def _conflict_fact(conflict: FoundConflict) -> str:
    other_keys = sorted({part.covered_as for leg in conflict.others.values() for part in leg})
    version = conflict.standing.version
    waived = f", waived by {conflict.waiver.pk}" if conflict.waiver is not None else ""
    with_others = f", with {', '.join(other_keys)}" if other_keys else ""
    return f"{version.code} {version.number}{waived}{with_others}"


def counted_grants(automations: Collection[int], now: datetime) -> Iterable[Grant]:
    """Return the grants of some automations that a scan counts."""
    held = Grant.objects.filter(automation__in=automations, entitlement__isnull=False, ends_at__gt=now)
    return sorted(held.standing().exclude(in_conflict=True).order_by(), key=lambda grant: grant.pk)


def refusal(conflicts: Iterable[FoundConflict], kind: Literal["duty", "input"] = "duty") -> Refusal | None:
    """Return the refusal for these conflicts, or None: a rule is enforced and no waiver lifts it (S6)."""
    refused = enforced_conflicts(conflicts)
    if not refused:
        return None
    sentences = " ".join(conflict.sentence for conflict in refused)
    detail = tuple(("", conflict.sentence) for conflict in refused)
    return Refusal("S6", kind, sentences, refused[0].standing.rule.way_out, detail, is_attempt=True)


def enforced_conflicts(conflicts: Iterable[FoundConflict]) -> list[FoundConflict]:
    """Return the conflicts that are refused: the rule is enforced and no waiver lifts it."""
    return [conflict for conflict in conflicts if conflict.mode == Mode.ENFORCE]


def take_access_lock() -> None:
    """Take the lock for changes of held access until the transaction ends (S6).

    Two transactions in parallel could create a conflict that neither sees: by owner, team, identity or chain, or by a
    rule that comes into force in between. The lock costs the time of one commit.
    """
    advisory_locks.lock_until_commit(LOCK)
