"""Dry run of a submission: the approvals, seats and problems that an import would have now (I7, I8, A1, A9, A12, T1, T2).

It reads the register and the draft, and applies the rules of the write. It writes nothing, and the number of queries does not grow with
the number of privileges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import cases, stage_1
from approvals.conflicts.check.automation import FoundConflict
from approvals.decisions.rules import duties, ownership
from approvals.intake import draft_automation
from approvals.intake.draft_automation import LADDER
from approvals.intake.drafts import Draft, row_key
from approvals.intake.preview.route import People, future_parties, resource_of
from approvals.intake.preview.rows import USES_PREFIX, Preview, PreviewRow
from approvals.intake.preview.unsaved_version import UnsavedVersion
from approvals.light_path import eligibility
from approvals.models import Approval, Grant, Submission, credential_key
from approvals.models.submission import UNFINISHED, Capacity
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import duplicates, stopped_grants
from approvals.prior_decisions.duplicates import Likenesses
from approvals.submissions.transitions.submit import problems_before_submission, submit
from approvals.submissions.version_diff import Changes, RequestedItem
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal
from governance.core.models import Person, Team
from inventory.automations import environments, platform_instance
from inventory.chains import chain_ends
from inventory.chains import queries as chain_queries
from inventory.chains.queries import Chain
from inventory.credentials.rules import BindingKey
from inventory.duplicates.queries import Candidate, Duplicate
from inventory.importers.manifest import Manifest, manifest_digest, sha256
from inventory.imports import resolution as import_resolution
from inventory.imports.resolution import Resolution
from inventory.imports.transitions import confirmation
from inventory.models import (
    Assessment,
    Automation,
    Binding,
    Credential,
    ImportItem,
    NonHumanIdentity,
    Privilege,
    Resource,
    Version,
)
from inventory.ownership import authors
from inventory.risk.tiers import Judged
from inventory.versions import assessment, diff, promotion_diff
from inventory.versions.diff import VersionDiff


def read(item: ImportItem, *, actor: Actor, now: datetime, team: Team, draft: Draft | None = None) -> Preview:
    """Load the preview of an import.

    Args:
        item: the preview's row.
        actor: the person who would submit it.
        now: business time.
        team: the team that owns it.
        draft: the builder's answers; default: the draft saved with the item.
    """
    draft = draft or Draft.of(item)
    manifest = Manifest.from_dict(item.manifest)
    named = draft_automation.named_by(item, draft, team)
    registered = confirmation.find_automation(
        team, manifest, environment=draft_automation.environment_of(draft), named=named
    )
    is_elsewhere = registered is not None and registered.team_id != team.pk
    if registered is not None and is_elsewhere and not _is_seen(registered, actor, now):
        registered = None  # the page reports that one exists, without details (I1)
    sibling = None if is_elsewhere else draft_automation.sibling_of(registered, manifest, draft, team)
    draft = replace(draft, fields={**draft_automation.initial_fields(registered, actor, sibling), **draft.fields})
    automation = draft_automation.with_draft_answers(registered, manifest, draft, team, actor)
    resolution = import_resolution.resolve_manifest(
        manifest,
        platform_instance=platform_instance.platform_name(manifest),
        chosen=draft_automation.chosen_resources(draft, actor, now),
        automation=registered,
        by=actor.person,
    )
    _load_ladders(resolution)
    resolution.identities = _hide_unseen(resolution.identities, actor, now)
    reading = _Reading(
        item, manifest, draft, team, registered, sibling, is_elsewhere, automation, resolution, actor, now
    )
    return reading.preview()


def _hide_unseen(identities: Sequence[NonHumanIdentity], actor: Actor, now: datetime) -> list[NonHumanIdentity]:
    """Replace identities that the reader may not see with unregistered ones (I5).

    Anyone can type a name into a file. The submitter sees what else runs as the identity, and that is recorded.
    """
    registered_ids = {identity.pk for identity in identities if identity.pk is not None}
    seen = (
        set(NonHumanIdentity.objects.visible_to(actor, now).filter(pk__in=registered_ids).values_list("pk", flat=True))
        if registered_ids
        else set()
    )
    return [
        identity
        if identity.pk is None or identity.pk in seen
        else NonHumanIdentity(kind=identity.kind, issuer=identity.issuer, subject=identity.subject)
        for identity in identities
    ]


def _is_seen(automation: Automation, actor: Actor, now: datetime) -> bool:
    return Automation.objects.visible_to(actor, now).filter(pk=automation.pk).exists()


def _load_ladders(resolution: Resolution) -> None:
    """Replace resources by fully loaded ones, in one query for all references."""
    rows = [
        *resolution.resources.values(),
        *(on for credential in resolution.credentials.values() for on in (credential.kept_in, credential.opens) if on),
    ]
    loaded = Resource.objects.select_related(*LADDER).in_bulk({row.pk for row in rows if row.pk is not None})
    for key, row in resolution.resources.items():
        resolution.resources[key] = loaded.get(row.pk or 0, row)
    for privilege in resolution.privileges.values():
        resource = privilege.entitlement.resource
        privilege.entitlement.resource = loaded.get(resource.pk or 0, resource)
    for credential in resolution.credentials.values():
        if credential.kept_in is not None:
            credential.kept_in = loaded.get(credential.kept_in.pk or 0, credential.kept_in)
        if credential.opens is not None:
            credential.opens = loaded.get(credential.opens.pk or 0, credential.opens)


@dataclass(frozen=True)
class _Reading:
    """Data of a preview: the import, its registered automation if the reader may see it, and the reader."""

    item: ImportItem
    manifest: Manifest
    draft: Draft
    team: Team
    registered: Automation | None
    sibling: Automation | None
    is_elsewhere: bool
    automation: Automation
    resolution: Resolution
    actor: Actor
    now: datetime

    def preview(self) -> Preview:
        """Build the preview: the approvals that would be asked, and the problems."""
        registered, automation, policy = self.registered, self.automation, policy_queries.in_force(self.now)
        held, rows, judged = self._judge(policy)
        tier, stands = judged.tier.word, Assessment(tier=judged.tier.word)
        would_be = UnsavedVersion(
            automation, self.manifest, self.resolution.triggers, held, self.resolution.identities, tier
        )
        compared = would_be.against(registered, [item for _, item in rows], self.now)
        weighed = list(zip([key for key, _ in rows], compared.wanted, strict=True))
        under_way, authors_named = _under_way(registered), self._named
        below = self._promoted_from(is_new=compared.before is None)
        likes = self._likes
        conflicts = self._conflicts(held, compared.unchanged)
        compared = stage_1.require_stage_1(
            duplicates.require_app_answer(compared, likes), conflicts, automation.pk or 0
        )
        base = _base(registered) or below
        before = _privileges_of(base) if base is not None else []
        people = People.load(
            automation,
            registered,
            self._parties,
            self._siblings,
            compared.app_in_force,
            policy,
            self.now,
            likes.held,
        ).with_conflicts(conflicts, compared, automation.pk or 0)
        problems = self._problems(compared, stands, policy)
        is_light, not_light = self._light(held, compared, tier, people, under_way, likes.held)
        if is_light and conflicts:
            is_light, not_light = False, eligibility.IN_CONFLICT.sentence
        made = Preview(
            item=self.item,
            manifest=self.manifest,
            draft=self.draft,
            team=self.team,
            now=self.now,
            policy=policy,
            registered=registered,
            automation=automation,
            version=_find_version(registered, self.manifest, held),
            sibling=self.sibling,
            promoted_from=below,
            alike=likes,
            base=base,
            drift=_drift(base, before, held, is_across=base is below),
            under_way=under_way,
            is_stopped_since=_is_stopped_since(under_way, compared),
            changes=compared,
            wanted=tuple(self._wanted(key, item, compared, stands, people, problems) for key, item in weighed),
            app_seats=people.app_seats(automation, compared, tier) if compared.app else (),
            judged=judged,
            chain=self._chain,
            problems=tuple(problems),
            short=tuple(people.short(automation, compared, tier)),
            said_before=_justifications_below(below, before, weighed) | _earlier_justifications(registered, weighed),
            begun=draft_automation.initial_fields(registered, self.actor, self.sibling),
            authors=authors_named,
            refusal=self._refusal(),
            is_light=is_light,
            not_light=not_light,
            conflicts=tuple(conflicts),
            unvouched=self._unvouched,
            runs_as=tuple(identity.subject for identity in self.resolution.identities if identity.pk is None),
        )
        return _check_joining(made, self.actor)

    @cached_property
    def _likes(self) -> Likenesses:
        """Automations that it may be the same as (I9)."""
        privileges = list(self.resolution.privileges.values())
        lineage_source = self.registered or self.sibling
        lineage_of = lineage_source.lineage if lineage_source is not None else None
        registered_id = self.registered.pk if self.registered is not None else None
        case = Candidate(self.team, registered_id, lineage_of, [self.manifest.source.content], privileges)
        return duplicates.possible_duplicates(self.registered, case)

    def _conflicts(self, held: Sequence[Privilege], kept: Iterable[Grant]) -> list[FoundConflict]:
        """Conflicts that it would have (S6)."""
        identities = [identity.pk for identity in self.resolution.identities if identity.pk is not None]
        others, unvouched = self._chain.others, self._unvouched
        case = cases.case_of_parts(self.automation, held, self.resolution.triggers, identities, others, unvouched)
        return check_automation.find_conflicts(cases.with_running_grants(case, kept), self.now)

    def _problems(self, compared: Changes, stands: Assessment, policy: policy_queries.Policy) -> list[str]:
        """Problems that block the submission of the app, apart from its rows."""
        problems = problems_before_submission(self.automation, replace(compared, asked=()), stands, policy, self.now)
        problems += ownership.identity_problems(self.resolution.identities, self.now)
        is_here = self.registered is None and self.sibling is None and bool(self.draft.sibling)
        return [*problems, draft_automation.SIBLING_IS_HERE] if is_here else problems

    def _promoted_from(self, *, is_new: bool) -> Version | None:
        """The version of a lower environment that it promotes (I10)."""
        lineage_source = self.registered or self.sibling
        if lineage_source is None:
            return None
        return environments.promoted_from(
            lineage_source.lineage, self.automation.environment, [self.manifest.source.content], is_new=is_new
        )

    def _refusal(self) -> Refusal | None:
        """Why this person may not import or submit it, from the operations that would run."""
        refusal = confirmation.confirm_import.refusal(self.team, actor=self.actor, now=self.now)
        if refusal is None and self.is_elsewhere:
            sentence = "An automation with this id is in the register already, and belongs to another team."
            return Refusal("I1", "permission", sentence, "Ask that team to bring it in.")
        if refusal is None and self.registered is not None:
            refusal = submit.refusal(self.registered, actor=self.actor, now=self.now)
        return refusal

    def _light(
        self,
        held: Sequence[Privilege],
        compared: Changes,
        tier: str,
        people: People,
        under_way: Submission | None,
        likes: Sequence[Duplicate],
    ) -> tuple[bool, str]:
        """Whether it takes the light path. For a low-risk one also why not (A13)."""
        if not eligibility.is_low(tier, [item.tier for item in compared.asked]):
            return False, ""
        reason = eligibility.reason_against(
            eligibility.Case(
                self.automation,
                people.builders,
                len(compared.asked),
                is_app_asked=bool(compared.app),
                is_asked_again=eligibility.is_asked_again(compared.asked, people.before)
                or eligibility.was_decided(under_way),
                privileges=held,
                triggers=self.resolution.triggers,
                findings=[(finding.code, finding.severity) for finding in self.manifest.findings],
                chain=self._chain.tier,
                may_be_known=bool(likes),
            ),
            people.policy,
            self.now,
        )
        return reason is None, reason.sentence if reason is not None else ""

    @cached_property
    def _siblings(self) -> list[int]:
        """Ids of the automation in its other environments (I10)."""
        lineage_source = self.registered or self.sibling
        return (
            environments.lineage_ids(
                lineage_source.lineage, self.registered.pk if self.registered is not None else None
            )
            if lineage_source is not None
            else []
        )

    @cached_property
    def _nameable(self) -> frozenset[BindingKey]:
        """Connections whose resource the builder may choose."""
        return frozenset(self.resolution.nameable)

    def _judge(self, policy: policy_queries.Policy) -> tuple[list[Privilege], list[tuple[str, RequestedItem]], Judged]:
        """The privileges, all requested items by draft key, and the app's tier (T1, T2)."""
        privileges = self.resolution.privileges
        held = list(privileges.values())
        judgement = assessment.judge_version(
            held,
            list(self.resolution.credentials.values()),
            self.resolution.triggers,
            kind=self.automation.asked["kind"],
            environment=self.automation.environment,
            raised_to=self.automation.raised_to,
            sharers=assessment.sharers_of(self.automation, self.resolution.identities),
            chain=self._chain,
            party_ids=self._own,
            bindings=self._as_bound,
            rules=policy.tiers,
        )
        rows = [
            (key, _as_asked(judgement.privileges[privilege.key], privilege=privilege))
            for key, privilege in privileges.items()
        ]
        rows += [
            (import_resolution.credential_draft_key(credential), _as_asked(judged, credential=credential))
            for credential, judged in judgement.credentials
        ]
        return held, rows, judgement.app

    @cached_property
    def _chain(self) -> Chain:
        """Automations that it would be connected with (A16)."""
        parts = chain_ends.VersionParts(
            self.automation,
            list(self.resolution.privileges.values()),
            self.resolution.credentials.values(),
            self.resolution.triggers,
            self.resolution.identities,
            self.manifest.on_error,
        )
        return chain_queries.possible_chains({"draft": parts})["draft"]

    @cached_property
    def _own(self) -> set[int]:
        """Ids of the parties: their statements about a credential or connection do not count (S1, I8)."""
        party_ids = {person_id for person_id, _ in self._parties} | {person.pk for person in self.actor.people}
        return party_ids | (
            set(party_queries.running_party_ids(self.registered)) if self.registered is not None else set()
        )

    @cached_property
    def _unvouched(self) -> frozenset[str]:
        """Keys of privileges that count as restricted, because their binding rests on parties (I8)."""
        return assessment.unvouched(self.resolution.privileges.values(), self._own, self._as_bound)

    @cached_property
    def _parties(self) -> list[tuple[int, Capacity]]:
        """Parties of the submission, as id and capacity (S1)."""
        automation, answers = self.automation, self.automation.asked
        named: list[tuple[int | None, Capacity]] = [
            (self.item.batch.by_id, Capacity.IMPORTER),
            *(party_queries.next_parties(self.registered) if self.registered is not None else ()),
            *party_queries.of_siblings(self._siblings),
            *party_queries.of_duplicates(self._likes.ids),
            *((author.pk, Capacity.AUTHOR) for author in self._named),
            (answers["technical_owner_id"], Capacity.TECHNICAL_OWNER),
            (automation.technical_owner_id, Capacity.TECHNICAL_OWNER),
            (answers["business_owner_id"], Capacity.BUSINESS_OWNER),
            (automation.business_owner_id, Capacity.BUSINESS_OWNER),
            (self.actor.person.pk if self.actor.person else None, Capacity.SUBMITTER),
        ]
        return [(person_id, capacity) for person_id, capacity in named if person_id is not None]

    @cached_property
    def _as_bound(self) -> dict[BindingKey, Binding]:
        """Bindings as they would be after the import."""
        return self.resolution.as_bound(self.actor.person)

    @cached_property
    def _named(self) -> tuple[Person, ...]:
        """People with the account that the source names as its author (S1)."""
        hint = self.manifest.source.owner_hint
        return tuple(sorted(authors.all_matches([hint]).get(hint, ()), key=lambda person: person.pk))

    def _wanted(
        self,
        key: str,
        requested: RequestedItem,
        compared: Changes,
        stands: Assessment,
        people: People,
        app_problems: Sequence[str],
    ) -> PreviewRow:
        connection, is_named, said_no, proposed = "", True, "", ""
        if requested.privilege is not None:
            place = (requested.privilege.connector, requested.privilege.instance)
            resource = self.resolution.resources[place]
            connection = import_resolution.binding_name(place) if place in self._nameable else ""
            is_named = resource.pk is not None and not resource.unresolved
            said_no, proposed = self.resolution.refusal_of(place), self.resolution.proposal_of(place)
        changes = replace(compared, asked=(requested,) if requested.why else ())
        row_problems = problems_before_submission(self.automation, changes, stands, people.policy, self.now)
        return PreviewRow(
            key=row_key(key),
            requested=requested,
            resource=resource_of(requested),
            seats=people.seats(self.automation, requested),
            connection=connection,
            is_named=is_named,
            problems=tuple(problem for problem in row_problems if problem not in app_problems),
            said_no=said_no,
            proposed=proposed,
        )


def _check_joining(preview: Preview, actor: Actor) -> Preview:
    """Add a refusal if the import would make a party of an approver of the submission that it continues (S1).

    An unchanged import submits nothing, so it has no such refusal.
    """
    if preview.is_repeat:
        return (
            replace(preview, refusal=None)
            if preview.refusal is not None and preview.refusal.kind == "duty"
            else preview
        )
    if preview.refusal is not None or preview.under_way is None:
        return preview
    joining = future_parties(preview.under_way, preview.automation, preview.authors, actor)
    return replace(preview, refusal=duties.joining_refusal(preview.under_way, joining, actor))


def _as_asked(
    judged: Judged, *, privilege: Privilege | None = None, credential: Credential | None = None
) -> RequestedItem:
    return RequestedItem("new", judged.tier.word, judged.reasons, privilege, credential)


def _under_way(registered: Automation | None) -> Submission | None:
    if registered is None:
        return None
    unfinished = registered.submissions.filter(state__in=UNFINISHED).select_related("version", "submitted_by")
    return unfinished.order_by("-pk").first()


def _is_stopped_since(under_way: Submission | None, compared: Changes) -> bool:
    return under_way is not None and bool(
        stopped_grants.matters_stopped_since(under_way) & {item.matter for item in compared.asked}
    )


def _base(registered: Automation | None) -> Version | None:
    """Version to compare with: the approved one, or else the newest."""
    if registered is None:
        return None
    return registered.approved_version or registered.versions.order_by("-number").first()


def _privileges_of(version: Version) -> list[Privilege]:
    return list(version.privileges.select_related("entitlement__resource", "credential"))


def _drift(
    base: Version | None, before: Sequence[Privilege], held: Sequence[Privilege], *, is_across: bool
) -> VersionDiff | None:
    if base is None:
        return None
    return promotion_diff.diff_across_environments(before, held) if is_across else diff.diff_privileges(before, held)


def _justifications_below(
    below: Version | None, before: Sequence[Privilege], rows: Sequence[tuple[str, RequestedItem]]
) -> dict[str, str]:
    """Justifications of the same privileges in the lower environment, by row, to prefill the form (I10)."""
    if below is None:
        return {}
    keys = {item.privilege.key: row_key(key) for key, item in rows if item.privilege is not None}
    pairs = promotion_diff.pair_privileges(before, [item.privilege for _, item in rows if item.privilege is not None])[
        0
    ]
    approvals = Approval.objects.filter(submission__automation=below.automation_id, justification__isnull=False)
    justifications = dict(approvals.order_by("pk").values_list("privilege__key", "justification__text"))
    return {keys[now.key]: justifications[was.key] for was, now in pairs if justifications.get(was.key)}


def _earlier_justifications(registered: Automation | None, rows: Iterable[tuple[str, RequestedItem]]) -> dict[str, str]:
    """The last justification of each row that was asked before, to prefill the form."""
    if registered is None:
        return {}
    rows_by_key = {item.key: row_key(key) for key, item in rows}
    approvals = Approval.objects.filter(submission__automation=registered, justification__isnull=False)
    justification_rows = approvals.order_by("pk").values_list("privilege__key", "credential_id", "justification__text")
    justifications = ((key or credential_key(credential), text) for key, credential, text in justification_rows if text)
    return {
        rows_by_key[key]: text
        for key, text in justifications
        if key in rows_by_key and not text.startswith(USES_PREFIX)
    }


def _find_version(registered: Automation | None, manifest: Manifest, held: Iterable[Privilege]) -> Version | None:
    if registered is None:
        return None
    bound = sha256(sorted(privilege.key for privilege in held))
    return registered.versions.filter(manifest_digest=manifest_digest(manifest), binding_digest=bound).first()
