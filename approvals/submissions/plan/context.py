"""The context of a plan: the content of the version, and all rows that a submission depends on (A1, I7).

Everything is read before anything is written. A saved version and a preview have the same rows.
"""

import copy
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from approvals.assignment.escalation_chain import Bench
from approvals.assignment.route import Votes
from approvals.conflicts.check.access_in_force import conflicts_of_takeover
from approvals.conflicts.check.find_conflicts import FoundConflict, case_of_parts, find_conflicts, with_running_grants
from approvals.conflicts.check.submission import takes_part
from approvals.decisions import digest
from approvals.duplicates import queries as duplicates
from approvals.duplicates.queries import Likenesses
from approvals.light_path import eligibility
from approvals.models import Approval, ApprovalKind, Grant, Submission
from approvals.models.conflict_rule import Mode
from approvals.models.submission import UNFINISHED, Capacity
from approvals.parties import submission_parties
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.submissions import reapproval
from approvals.submissions.reapproval import Changes, RequestedItem
from governance.core.models import Person
from inventory.automations import lineages
from inventory.chains import queries as chain_queries
from inventory.chains.chain_ends import VersionParts
from inventory.importers.capabilities import tags_of
from inventory.importers.manifest import Manifest
from inventory.imports.transitions.write_version import identities_to_take_over
from inventory.models import Automation, AutomationKind, Credential, NonHumanIdentity, Privilege, Trigger, Version
from inventory.resources.queries import Bindings, bindings_of, with_people
from inventory.versions import assessment, findings

#: The reason for stage 1 if a conflict involves none of the requested privileges (S6).
IN_CONFLICT = "It is in conflict with what is held already."
#: The reason for stage 1 if a possible duplicate has no answer, and nothing else needs stage 1 (I9).
POSSIBLE_DUPLICATE = "It may be the same as something that is known already."

#: A person's id and capacity.
PartyPair = tuple[int, Capacity]


@dataclass(frozen=True)
class VersionContent:
    """Content of a version, saved or not.

    Args:
        automation: with the answers that are submitted, in its amendment after the draft state; saved or not.
        registered: the stored automation; None for a new one.
        version: the saved version with this content; None before the import.
        manifest: its manifest.
        privileges: each with its entitlement, resource and credential.
        credentials: each with the resources that keep it and that it opens.
        triggers: its triggers.
        identities: the identities that it names.
        bindings: its connections, as they would be.
        taken_over: the identities that the automation takes over with its submission (I5).
        has_owner: whether a business owner is named; in a draft without one, the importer is taken until then.
        is_sibling_here: whether the draft names an automation to promote that is in this environment already (I10).
    """

    automation: Automation
    registered: Automation | None
    version: Version | None
    manifest: Manifest
    privileges: Sequence[Privilege]
    credentials: Sequence[Credential]
    triggers: Sequence[Trigger]
    identities: Sequence[NonHumanIdentity]
    bindings: Bindings
    taken_over: Sequence[NonHumanIdentity] = ()
    has_owner: bool = True
    is_sibling_here: bool = False

    @property
    def identity_ids(self) -> list[int]:
        """Ids of the registered identities that it names."""
        return [identity.pk for identity in self.identities if identity.pk is not None]


def content_of_version(automation: Automation, version: Version) -> VersionContent:
    """Load the content of a saved version. A fixed number of queries."""
    privileges = list(version.privileges.select_related("entitlement", "credential"))
    used = version.version_credentials.select_related("credential__owner", "credential__interim__person")
    credentials = [use.credential for use in used]
    named = [*credentials, *(row.credential for row in privileges if row.credential is not None)]
    opened = {pk for credential in named for pk in (credential.kept_in_id, credential.opens_id)}
    resources = with_people({row.entitlement.resource_id for row in privileges} | opened)
    for row in privileges:
        row.entitlement.resource = resources[row.entitlement.resource_id]
    for credential in named:
        credential.kept_in = resources.get(credential.kept_in_id or 0)
        credential.opens = resources.get(credential.opens_id or 0)
    rows = NonHumanIdentity.objects.filter(used_by__version=version).select_related("owner", "interim__person")
    identities = list(rows.order_by("pk"))
    return VersionContent(
        automation=automation,
        registered=automation,
        version=version,
        manifest=Manifest.from_dict(version.manifest),
        privileges=privileges,
        credentials=credentials,
        triggers=list(version.triggers.all()),
        identities=identities,
        bindings=bindings_of(privileges),
        taken_over=list(identities_to_take_over(automation, identities)),
    )


class PlanContext:
    """What a plan is computed from, read at once. The number of queries does not grow with the privileges.

    Args:
        content: of the version.
        submitter: the person who submits it.
        people: the submitter, and the giver of a delegation.
        now: business time.
        more_parties: parties that the import of an unsaved version will add.
        app_only: whether stage 1 alone decides, after a transfer: possible duplicates and stage 2 are left out (L2).
        left_out: keys of privileges that the builder does not request. Held ones and tiers of the version stay as they are.
    """

    def __init__(
        self,
        content: VersionContent,
        *,
        submitter: Person,
        people: Iterable[Person],
        now: datetime,
        more_parties: Iterable[PartyPair] = (),
        app_only: bool = False,
        left_out: Collection[str] = (),
    ) -> None:
        automation = content.automation
        self.content, self.submitter, self.now, self.left_out = content, submitter, now, frozenset(left_out)
        #: The policy in force.
        self.policy = policy_queries.in_force(now)
        source = content.manifest.source.content
        #: Possible duplicates in the register (I9).
        self.likes = Likenesses()
        if not app_only:
            self.likes = duplicates.possible_duplicates(automation, source, content.privileges)
        siblings = lineages.lineage_ids(automation)
        #: People and capacities of the submission, each pair once (S1).
        self.parties = self._parties(siblings, more_parties)
        #: The identities that the version names, and those that serve its automation.
        self.identities = self._running_identities()
        #: Connected automations (A16).
        rows = content.privileges, content.credentials, content.triggers, self.identities
        self.chain = chain_queries.possible_chains({0: VersionParts(automation, *rows, content.manifest.on_error)})[0]
        judged = self._judge({person.pk for person in people})
        #: The app's tier and its reasons.
        self.app = judged.app
        #: Business and technical owner that are asked for.
        self.owners = digest.asked_owners(automation)
        #: The facts of stage 1.
        self.app_facts = digest.facts_of_app(
            automation, self.owners, content.triggers, content.identities, source, self.tier
        )
        #: Whether a change of source alone needs stage 1: high risk, opaque or model-driven (A12).
        self.source_counts = self._source_counts()
        self._judged, self._app_only = judged, app_only
        self._in_force = self._load_in_force()
        self._compare()
        self._load_earlier(siblings)
        #: Findings of the reach of credentials and of the register.
        self.findings = self._findings()
        #: The groups on every escalation chain.
        self.bench = Bench.load(now)
        #: Whether policy approves stage 2 (A13), and if not, why not, if everything is low risk.
        self.light, self.not_light = self._light_path()

    @property
    def tier(self) -> str:
        """The app's tier."""
        return self.app.tier.word

    def _parties(self, siblings: Sequence[int], more_parties: Iterable[PartyPair]) -> tuple[PartyPair, ...]:
        pairs = list(more_parties)
        if self.content.registered is not None:
            pairs += submission_parties.next_parties(self.content.registered, version=self.content.version)
        duplicate_ids = [match.other.pk for match in self.likes.held]
        pairs += [*submission_parties.of_siblings(siblings), *submission_parties.of_duplicates(duplicate_ids)]
        return tuple(dict.fromkeys([*pairs, (self.submitter.pk, Capacity.SUBMITTER)]))

    def _running_identities(self) -> list[NonHumanIdentity]:
        content = self.content
        if content.registered is None:
            return list(content.identities)
        serving = NonHumanIdentity.objects.filter(automation=content.registered).exclude(pk__in=content.identity_ids)
        return [*content.identities, *serving]

    def _judge(self, person_ids: set[int]) -> assessment.Judgement:
        """Return the tiers of the version (T1, T2), and note its unvouched privileges (I8)."""
        content, automation = self.content, self.content.automation
        party_ids = person_ids | {person_id for person_id, _ in self.parties}
        if content.registered is not None:
            party_ids |= set(submission_parties.running_party_ids(content.registered))
        #: Keys of privileges that count as restricted, because their binding rests on parties (I8).
        self.unvouched = content.bindings.unvouched(content.privileges, party_ids)
        self._judge_privileges = partial(
            assessment.judge_version,
            automation,
            credentials=content.credentials,
            triggers=content.triggers,
            shared=assessment.shared_tier(automation, self.identities),
            chain=self.chain,
            party_ids=party_ids,
            bindings=content.bindings,
            rules=self.policy.tiers,
        )
        return self._judge_privileges(privileges=content.privileges)

    def _source_counts(self) -> bool:
        content = self.content
        return (
            self.tier == "high"
            or content.automation.kind in (AutomationKind.AGENT, AutomationKind.AI_APP)
            or any(finding.code == "opaque_code" for finding in content.manifest.findings)
            or any(privilege.model_controlled for privilege in content.privileges)
        )

    def _load_in_force(self) -> tuple[Submission | None, dict[str, Grant]]:
        """Return the submission in force and the running grants by key."""
        registered = self.content.registered
        if registered is None or registered.approved_version_id is None:
            return None, {}
        return reapproval.submission_in_force(registered), reapproval.held_grants(registered, self.now)

    def without(self, keys: Collection[str]) -> "PlanContext":
        """Return the context without some requested privileges; rows that do not depend on them are shared."""
        reduced = copy.copy(self)
        reduced.left_out = self.left_out | frozenset(keys)
        reduced._compare()
        return reduced

    def if_read_only(self, keys: Collection[str]) -> "PlanContext":
        """Return the context as if the source only read with some privileges: tiers and conflicts follow (T1, S6)."""
        privileges = [_as_read(row) if row.key in keys else row for row in self.content.privileges]
        changed = copy.copy(self)
        changed.content = replace(self.content, privileges=privileges)
        changed._judged = self._judge_privileges(privileges=privileges)
        changed._compare()
        return changed

    def _compare(self) -> None:
        """Compare the version with what is held, and check it against the conflict rules (A12, S6)."""
        content, registered, judged = self.content, self.content.registered, self._judged
        before, held = self._in_force
        tiers = [(judged.privileges[privilege.key], privilege) for privilege in content.privileges]
        items = [
            *(RequestedItem("", one.tier.word, one.reasons, privilege=privilege) for one, privilege in tiers),
            *(RequestedItem("", one.tier.word, one.reasons, credential=used) for used, one in judged.credentials),
        ]
        whys = [reapproval.reason_for_stage_2(item, held.get(item.key), self.now) for item in items]
        #: Everything that the version uses, in order, with what the builder does not request.
        self.items = tuple(replace(item, why=why) for item, why in zip(items, whys, strict=True))
        self.left_out = self._keys_left_out()
        wanted = tuple(item for item in self.items if item.key not in self.left_out)
        asked = tuple(item for item in wanted if item.why)
        unchanged = tuple(held[item.key] for item in wanted if not item.why)
        # A new identity has no id: it counts by its negative place.
        identity_ids = [identity.pk or -place for place, identity in enumerate(content.identities, 1)]
        requested = [privilege for privilege in content.privileges if privilege.key not in self.left_out]
        rows = requested, content.triggers, identity_ids
        case = case_of_parts(content.automation, *rows, self.chain.others, self.unvouched)
        #: The access for conflict rules, with running grants as they are held (S6).
        self.case = with_running_grants(case, unchanged)
        self.conflicts = find_conflicts(self.case, self.now)
        #: New conflicts of the access in force if its identities are taken over (S6).
        self.takeover_conflicts: list[FoundConflict] = []
        if registered is not None and content.taken_over and not self._app_only:
            self.takeover_conflicts = conflicts_of_takeover(registered, content.taken_over, self.now)
        reasons = reapproval.app_reasons(self.app_facts, before, source_counts=self.source_counts)
        #: What is asked, continues and ends (A12).
        self.changes = Changes(
            before=before,
            app=tuple(reasons) or self._further_app_reasons(asked),
            wanted=wanted,
            asked=() if self._app_only else asked,
            unchanged=unchanged,
            ending=tuple(grant for grant in held.values() if grant not in unchanged),
        )

    def _keys_left_out(self) -> frozenset[str]:
        """Return the keys of new privileges that are not requested, and of new credentials that nothing requested uses (A2)."""
        new = {item.key: item for item in self.items if item.why == "new"}
        keys = {key for key in self.left_out & new.keys() if new[key].privilege is not None}
        for key, item in new.items():
            uses = [
                row.key
                for row in self.content.privileges
                if row.credential is not None and row.credential == item.credential
            ]
            if uses and keys.issuperset(uses):
                keys.add(key)
        return frozenset(keys)

    def _further_app_reasons(self, asked: Iterable[RequestedItem]) -> tuple[str, ...]:
        """Return why stage 1 opens for changes that it does not decide: a conflict (S6), or a possible duplicate (I9)."""
        keys = {f"{self.case.automation}/{item.key}" for item in asked if item.privilege is not None}
        counted = (conflict for conflict in self.conflicts if conflict.mode != Mode.RECORD)
        if any(takes_part(ApprovalKind.APP, "", conflict, keys) for conflict in counted):
            return (IN_CONFLICT,)
        return (POSSIBLE_DUPLICATE,) if self.likes.is_open else ()

    def _load_earlier(self, siblings: Sequence[int]) -> None:
        """Load the submission that it continues, and earlier refusals, stops and decisions."""
        content, registered = self.content, self.content.registered
        #: The submission that it continues (A14), and its approvals by key.
        self.before: Submission | None = None
        self.before_approvals: dict[str, Approval] = {}
        if registered is not None:
            unfinished = registered.submissions.filter(state__in=UNFINISHED).order_by("-pk")
            self.before = unfinished.select_related("automation", "version", "submitted_by", "policy").first()
        if self.before is not None:
            approvals = self.before.approvals.select_related("privilege", "justification").order_by()
            self.before_approvals = {row.key: row for row in sorted(approvals, key=lambda row: row.pk)}
        #: The version of a lower environment that it promotes (I10).
        self.promoted_from: Version | None = None
        lineage, environment = content.automation.lineage, content.automation.environment
        if siblings:
            source, is_new = content.manifest.source.content, self.changes.before is None
            self.promoted_from = lineages.promoted_from(lineage, environment, source, is_new=is_new)
        team_id = content.automation.team_id
        same = [*siblings, *(match.other.pk for match in self.likes.held if match.other.team_id == team_id)]
        #: Earlier refusals and withdrawals by matter, also of possible duplicates in the team (A15, I9).
        self.earlier = prior_decision_queries.earlier_outcomes(registered, self.policy, self.now, same)
        matters = prior_decision_queries.stopped_matters(registered) if registered is not None else {}
        #: People who stopped a grant that is asked again, by matter (G5).
        self.stopped = prior_decision_queries.stoppers_by_matter(matters)
        #: Matters stopped since `before` was submitted.
        before = self.before
        self.stopped_since = prior_decision_queries.matters_stopped_since(before, matters) if before else frozenset()
        app = self.changes.app_in_force
        rows = [*self.before_approvals.values(), *([app] if app is not None else [])]
        earlier = {outcome.record for outcome in self.earlier.values()}
        carried_to = earlier | {approval.pk for approval in rows if approval.carried_from_id is not None}
        #: Decisions on the approvals of `before`, on the app approval in force, and on earlier approvals.
        self.votes = Votes.load_for(earlier | {approval.pk for approval in rows}, carried_to)

    def _findings(self) -> list[dict[str, str]]:
        content = self.content
        saved = [credential for credential in content.credentials if credential.pk is not None]
        reach = findings.findings_of_reach(saved, content.privileges)
        return [*reach, *findings.findings_of_register(content.registered, saved, self.identities)]

    def _light_path(self) -> tuple[bool, eligibility.LightPathReason | None]:
        """Return whether policy approves stage 2, and for low risk also why not (A13)."""
        asked, content = self.changes.asked, self.content
        if not asked or {self.tier, *(item.tier for item in asked)} != {"low"}:
            return False, None
        builders = {person_id for person_id, capacity in self.parties if capacity in submission_parties.BUILDING}
        is_again = eligibility.is_asked_again(asked, self.earlier.keys()) or eligibility.was_decided(self.before)
        found = [(finding.code, finding.severity) for finding in content.manifest.findings]
        case = eligibility.Case(
            content.automation,
            frozenset({self.submitter.pk, *builders}),
            len(asked),
            is_app_asked=bool(self.changes.app),
            is_asked_again=is_again,
            privileges=content.privileges,
            triggers=content.triggers,
            findings=[*found, *((finding["code"], finding["severity"]) for finding in self.findings)],
            chain=self.chain.tier,
            may_be_known=bool(self.likes.held),
        )
        reason = eligibility.reason_against(case, self.policy, self.now)
        if reason is None and self.conflicts:
            reason = eligibility.because("conflict")
        return reason is None, reason


def _as_read(privilege: Privilege) -> Privilege:
    """Return an unsaved copy of a privilege that only reads its target."""
    row, entitlement = copy.copy(privilege), copy.copy(privilege.entitlement)
    entitlement.tags = tags_of(row.connector, entitlement.code, "read", kind=entitlement.resource.kind)
    row.entitlement, row.level, entitlement.level = entitlement, "read", "read"
    return row
