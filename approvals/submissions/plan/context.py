"""The context of a plan: all rows that a submission depends on, read before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from approvals.assignment.escalation_chain import Bench
from approvals.assignment.route import Votes
from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import cases
from approvals.conflicts.check.automation import Case, FoundConflict
from approvals.conflicts.check.submission import takes_part
from approvals.decisions import digest
from approvals.light_path import eligibility
from approvals.models import Approval, ApprovalKind, Submission
from approvals.models.conflict_rule import Mode
from approvals.models.submission import UNFINISHED, Capacity
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from approvals.policies.queries import Policy
from approvals.prior_decisions import duplicates, stopped_grants
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.prior_decisions.duplicates import Likenesses
from approvals.prior_decisions.queries import EarlierOutcome
from approvals.submissions import version_diff
from approvals.submissions.plan.content import VersionContent
from approvals.submissions.version_diff import Changes, HeldState, RequestedItem
from governance.core.models import Person
from inventory.automations import lineages
from inventory.chains import queries as chain_queries
from inventory.chains.queries import Chain
from inventory.models import Automation, NonHumanIdentity, Version, VersionCredential
from inventory.risk.tiers import Judged
from inventory.versions import assessment, findings

#: The reason for stage 1 if a conflict involves none of the requested privileges (S6).
IN_CONFLICT = "It is in conflict with what is held already."

#: A person's id and capacity.
PartyPair = tuple[int, Capacity]


@dataclass(frozen=True)
class PlanContext:
    """What a plan is computed from.

    Args:
        content: of the version.
        submitter: the person who submits it.
        now: business time.
        policy: the policy in force.
        parties: people and capacities of the submission, each pair once (S1).
        likes: possible duplicates (I9).
        identities: the identities that the version names, and those that serve its automation.
        chain: connected automations (A16).
        unvouched: keys of privileges that count as restricted, because their binding rests on parties (I8).
        app: the app's tier and its reasons.
        app_facts: the facts of stage 1 (`digest.facts_of_app`).
        source_counts: whether a change of source alone needs stage 1 (A12).
        findings: of the reach of credentials and of the register (`versions.findings`).
        changes: what is asked, continues and ends (A12).
        case: the access for conflict rules.
        conflicts: the conflicts of the version (S6).
        light: whether policy approves stage 2 (A13).
        not_light: why not, if everything is low risk; else None.
        before: the submission that it continues (A14).
        before_approvals: approvals of that submission by key.
        promoted_from: the version of a lower environment that it promotes (I10).
        earlier: earlier refusals and withdrawals by matter (A15).
        stopped: people who stopped a grant that is asked again, by matter (G5).
        stopped_since: matters stopped since `before` was submitted.
        votes: decisions on the approvals of `before`, on the app approval in force, and on earlier approvals.
        bench: the groups on every escalation chain.
        owners: business and technical owner that are asked for.
    """

    content: VersionContent
    submitter: Person
    now: datetime
    policy: Policy
    parties: tuple[PartyPair, ...]
    likes: Likenesses
    identities: Sequence[NonHumanIdentity]
    chain: Chain
    unvouched: frozenset[str]
    app: Judged
    app_facts: Mapping[str, Any]
    source_counts: bool
    findings: Sequence[Mapping[str, str]]
    changes: Changes
    case: Case
    conflicts: Sequence[FoundConflict]
    light: bool
    not_light: eligibility.LightPathReason | None
    before: Submission | None
    before_approvals: Mapping[str, Approval]
    promoted_from: Version | None
    earlier: Mapping[str, EarlierOutcome]
    stopped: Mapping[str, frozenset[int]]
    stopped_since: frozenset[str]
    votes: Votes
    bench: Bench
    owners: tuple[Person | None, Person | None]

    @property
    def tier(self) -> str:
        """The app's tier."""
        return self.app.tier.word

    @property
    def capacities(self) -> dict[int, str]:
        """The first capacity of each party in words, by person id."""
        return {person_id: str(capacity.label) for person_id, capacity in reversed(self.parties)}

    @property
    def is_in_other_team(self) -> bool:
        """Whether a possible duplicate belongs to another team: then Security signs the app too (I9)."""
        return duplicates.is_in_other_team(self.content.automation, self.likes.held)


def load_context(
    content: VersionContent,
    *,
    submitter: Person,
    people: Iterable[Person],
    now: datetime,
    more_parties: Iterable[PartyPair] = (),
    likes: Likenesses | None = None,
) -> PlanContext:
    """Read everything that a plan depends on. The number of queries does not grow with the privileges.

    Args:
        content: of the version.
        submitter: the person who submits it.
        people: the submitter, and the giver of a delegation.
        now: business time.
        more_parties: parties that the import of an unsaved version will add.
        likes: possible duplicates; default: those in the register.
    """
    automation, registered = content.automation, content.registered
    siblings = lineages.lineage_ids(automation.lineage, automation.pk) if automation.lineage is not None else []
    if likes is None:
        source = content.manifest.source.content
        likes = duplicates.possible_duplicates(automation, source, content.privileges)
    parties = _parties(content, submitter, siblings, likes, more_parties)
    policy = policy_queries.in_force(now)
    identities = _running_identities(content)
    chain = chain_queries.possible_chains({0: content.parts(identities)})[0]
    judged, unvouched = _judge(content, identities, chain, policy, {*_ids(parties), *(person.pk for person in people)})
    before, owners = _load_before(registered), digest.asked_owners(automation)
    app_facts = digest.facts_of_app(
        automation, owners, content.triggers, content.identities, content.source, judged.app.tier.word
    )
    source_counts = _source_counts(content, judged)
    wanted, held = _requested_items(content, judged), HeldState.read(registered, now)
    changes = version_diff.compare_items(wanted, held, app_facts, source_counts=source_counts, now=now)
    case = _case(content, chain, unvouched, changes)
    conflicts = check_automation.find_conflicts(case, now)
    changes = duplicates.require_app_answer(_require_stage_1(changes, conflicts, case.automation), likes)
    before_approvals = _approvals_of(before)
    same = [*siblings, *duplicates.ids_in_same_team(automation, likes.held)]
    earlier = prior_decision_queries.earlier_outcomes(registered, policy, now, same)
    stopped_matters = stopped_grants.stopped_matters(registered) if registered is not None else {}
    context = PlanContext(
        content=content,
        submitter=submitter,
        now=now,
        policy=policy,
        parties=parties,
        likes=likes,
        identities=identities,
        chain=chain,
        unvouched=unvouched,
        app=judged.app,
        app_facts=app_facts,
        source_counts=source_counts,
        findings=_findings(content, identities),
        changes=changes,
        case=case,
        conflicts=conflicts,
        light=False,
        not_light=None,
        before=before,
        before_approvals=before_approvals,
        promoted_from=_promoted_from(content, is_new=changes.before is None),
        earlier=earlier,
        stopped=stopped_grants.stoppers_by_matter(stopped_matters),
        stopped_since=stopped_grants.matters_stopped_since(before, stopped_matters) if before else frozenset(),
        votes=_votes(before_approvals.values(), changes, earlier),
        bench=Bench.load(now),
        owners=owners,
    )
    return _with_light_path(context)


def _case(content: VersionContent, chain: Chain, unvouched: frozenset[str], changes: Changes) -> Case:
    """Return the access of the version for conflict rules, with running grants as they are held (S6)."""
    asked = cases.case_of_parts(
        content.automation, content.privileges, content.triggers, content.identity_ids, chain.others, unvouched
    )
    return cases.with_running_grants(asked, changes.unchanged)


def _votes(before: Iterable[Approval], changes: Changes, earlier: Mapping[str, EarlierOutcome]) -> Votes:
    """Read the decisions that carry over, that bar people from stage 2, and that were refusals before."""
    approvals = {*(approval.pk for approval in before), *(outcome.record for outcome in earlier.values())}
    return Votes.about(approvals | ({changes.app_in_force.pk} if changes.app_in_force is not None else set()))


def _ids(parties: Iterable[PartyPair]) -> set[int]:
    return {person_id for person_id, _ in parties}


def _parties(
    content: VersionContent,
    submitter: Person,
    siblings: Sequence[int],
    likes: Likenesses,
    more_parties: Iterable[PartyPair],
) -> tuple[PartyPair, ...]:
    pairs = list(more_parties)
    if content.registered is not None:
        pairs += party_queries.next_parties(content.registered, version=content.version)
    pairs += [*party_queries.of_siblings(siblings), *party_queries.of_duplicates(likes.ids)]
    return tuple(dict.fromkeys([*pairs, (submitter.pk, Capacity.SUBMITTER)]))


def _running_identities(content: VersionContent) -> list[NonHumanIdentity]:
    """Return the identities that the version names, and those that serve its automation."""
    if content.registered is None:
        return list(content.identities)
    serving = NonHumanIdentity.objects.filter(automation=content.registered).exclude(pk__in=content.identity_ids)
    return [*content.identities, *serving]


def _judge(
    content: VersionContent, identities: Sequence[NonHumanIdentity], chain: Chain, policy: Policy, party_ids: set[int]
) -> tuple[assessment.Judgement, frozenset[str]]:
    """Return the tiers of the version (T1, T2), and the keys of its unvouched privileges (I8)."""
    automation = content.automation
    if content.registered is not None:
        party_ids |= set(party_queries.running_party_ids(content.registered))
    judged = assessment.judge_version(
        content.privileges,
        content.credentials,
        content.triggers,
        kind=automation.asked["kind"],
        environment=automation.environment,
        raised_to=automation.raised_to,
        sharers=assessment.sharers_of(automation, identities),
        chain=chain,
        party_ids=party_ids,
        bindings=content.bindings,
        rules=policy.tiers,
    )
    return judged, content.bindings.unvouched(content.privileges, party_ids)


def _findings(content: VersionContent, identities: Sequence[NonHumanIdentity]) -> list[dict[str, str]]:
    used = [VersionCredential(credential=credential) for credential in content.credentials if credential.pk is not None]
    reach = findings.findings_of_reach(used, content.privileges)
    return [*reach, *findings.findings_of_register(content.registered, used, identities)]


def _requested_items(content: VersionContent, judged: assessment.Judgement) -> list[RequestedItem]:
    """Return everything that the version would hold, with its tiers."""
    of_privileges = [(judged.privileges[privilege.key], privilege) for privilege in content.privileges]
    return [
        *(RequestedItem("", one.tier.word, one.reasons, privilege=privilege) for one, privilege in of_privileges),
        *(RequestedItem("", one.tier.word, one.reasons, credential=used) for used, one in judged.credentials),
    ]


def _source_counts(content: VersionContent, judged: assessment.Judgement) -> bool:
    return version_diff.does_source_need_stage_1(
        judged.app.tier.word,
        content.automation.kind,
        is_opaque=any(finding.code == version_diff.OPAQUE for finding in content.manifest.findings),
        is_model_driven=any(privilege.model_controlled for privilege in content.privileges),
    )


def _require_stage_1(changes: Changes, conflicts: Iterable[FoundConflict], automation: int) -> Changes:
    """Return the changes with stage 1, if a conflict involves none of the requested privileges (S6)."""
    keys = {f"{automation}/{item.key}" for item in changes.asked if item.privilege is not None}
    alone = (
        conflict
        for conflict in conflicts
        if conflict.mode != Mode.RECORD and takes_part(ApprovalKind.APP, "", conflict, keys)
    )
    return changes if changes.app or not any(alone) else replace(changes, app=(IN_CONFLICT,))


def _load_before(registered: Automation | None) -> Submission | None:
    if registered is None:
        return None
    unfinished = registered.submissions.filter(state__in=UNFINISHED)
    return unfinished.select_related("automation", "version", "submitted_by", "policy").order_by("-pk").first()


def _approvals_of(before: Submission | None) -> dict[str, Approval]:
    if before is None:
        return {}
    approvals = before.approvals.select_related("privilege", "justification").order_by()
    return {approval.key: approval for approval in sorted(approvals, key=lambda row: row.pk)}


def _promoted_from(content: VersionContent, *, is_new: bool) -> Version | None:
    automation = content.automation
    if automation.lineage is None:
        return None
    return lineages.promoted_from(
        automation.lineage, automation.environment, content.manifest.source.content, is_new=is_new
    )


def _with_light_path(context: PlanContext) -> PlanContext:
    """Say whether policy approves stage 2, and for low risk also why not (A13)."""
    asked = context.changes.asked
    if not eligibility.is_low(context.tier, [item.tier for item in asked]):
        return context
    is_again = eligibility.is_asked_again(asked, context.earlier.keys()) or eligibility.was_decided(context.before)
    case = eligibility.Case(
        context.content.automation,
        frozenset(
            {context.submitter.pk, *(pk for pk, capacity in context.parties if capacity in party_queries.BUILDING)}
        ),
        len(asked),
        is_app_asked=bool(context.changes.app),
        is_asked_again=is_again,
        privileges=context.content.privileges,
        triggers=context.content.triggers,
        findings=[
            *((finding.code, finding.severity) for finding in context.content.manifest.findings),
            *((finding["code"], finding["severity"]) for finding in context.findings),
        ],
        chain=context.chain.tier,
        may_be_known=bool(context.likes.held),
    )
    reason = eligibility.reason_against(case, context.policy, context.now)
    if reason is None and context.conflicts:
        reason = eligibility.because("conflict")
    return replace(context, light=reason is None, not_light=reason)
