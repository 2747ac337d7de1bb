"""What an import would ask of whom if it were submitted now: read from the register, from what was typed, and from the rules
that the write itself uses (I7, I8, A1, A9, A12, T1, T2). Nothing here writes, and the number of queries does not grow with the
number of privileges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from approvals.conflicts.check import automation as check_automation
from approvals.conflicts.check import cases, stage_1
from approvals.conflicts.check.automation import Found
from approvals.decisions.rules import duties, ownership
from approvals.intake import draft_automation
from approvals.intake.draft_automation import LADDER
from approvals.intake.drafts import Draft, row_key
from approvals.intake.preview.route import People, resource_of, would_join
from approvals.intake.preview.rows import FOR_WHAT_IT_OPENS, Preview, Wanted
from approvals.intake.preview.unsaved_version import WouldBe
from approvals.light_path import eligibility
from approvals.models import Approval, Grant, Submission, credential_key
from approvals.models.submission import UNFINISHED, Capacity
from approvals.parties import queries as party_queries
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import duplicates, stopped_grants
from approvals.submissions.transitions.submit import submit, unready
from approvals.submissions.version_diff import Asked, Changes
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal
from governance.core.models import Person, Team
from inventory.automations import environments, platform_instance
from inventory.chains import chain_ends
from inventory.chains import queries as chain_queries
from inventory.chains.queries import Chain
from inventory.credentials.rules import BindingKey
from inventory.duplicates.queries import Alike, Case
from inventory.importers.manifest import Manifest, manifest_digests, sha256
from inventory.imports import resolution as import_resolution
from inventory.imports.resolution import Resolution
from inventory.imports.transitions import confirmation, write_version
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
from inventory.versions.diff import Drift


def read(item: ImportItem, *, actor: Actor, now: datetime, team: Team, draft: Draft | None = None) -> Preview:
    """Read what an import would ask.

    Args:
        item: the preview's row.
        actor: who would submit it.
        now: business time.
        team: whom it is built for.
        draft: what was typed; what is kept with the item unless given.
    """
    draft = draft or Draft.of(item)
    manifest = Manifest.from_dict(item.manifest)
    named = draft_automation.named_by(item, draft, team)
    known = confirmation.known(team, manifest, environment=draft_automation.environment_of(draft), named=named)
    is_elsewhere = known is not None and known.team_id != team.pk
    if known is not None and is_elsewhere and not _is_seen(known, actor, now):
        known = None  # that there is one is said, and nothing of what it is (I1)
    manifest = write_version.as_known(known, manifest)
    sibling = None if is_elsewhere else draft_automation.sibling_of(known, manifest, draft, team)
    draft = replace(draft, fields={**draft_automation.fields_before(known, actor, sibling), **draft.fields})
    automation = draft_automation.as_it_would_be(known, manifest, draft, team, actor)
    resolution = import_resolution.resolve(
        manifest,
        platform_instance=platform_instance.platform_of(manifest),
        chosen=draft_automation.chosen_resources(draft, actor, now),
        automation=known,
        by=actor.person,
    )
    _load_ladders(resolution)
    resolution.identities = _told(resolution.identities, actor, now)
    reading = _Reading(item, manifest, draft, team, known, sibling, is_elsewhere, automation, resolution, actor, now)
    return reading.preview()


def _told(named: Sequence[NonHumanIdentity], actor: Actor, now: datetime) -> list[NonHumanIdentity]:
    """What a source says that it runs as; what the reader sees nothing of is to them as what nobody knows (I5).

    Anybody can type a name into a file. What else runs as it, and what that holds, is said to whoever submits it, which is on record.
    """
    known = {one.pk for one in named if one.pk is not None}
    seen = (
        set(NonHumanIdentity.objects.visible_to(actor, now).filter(pk__in=known).values_list("pk", flat=True))
        if known
        else set()
    )
    return [
        one
        if one.pk is None or one.pk in seen
        else NonHumanIdentity(kind=one.kind, issuer=one.issuer, subject=one.subject)
        for one in named
    ]


def _is_seen(known: Automation, actor: Actor, now: datetime) -> bool:
    return Automation.objects.visible_to(actor, now).filter(pk=known.pk).exists()


def _load_ladders(found: Resolution) -> None:
    """Hang the same, fully loaded resource on everything that points to it: one query, however much points to it."""
    rows = [
        *found.resources.values(),
        *(on for one in found.credentials.values() for on in (one.kept_in, one.opens) if on),
    ]
    loaded = Resource.objects.select_related(*LADDER).in_bulk({row.pk for row in rows if row.pk is not None})
    for key, row in found.resources.items():
        found.resources[key] = loaded.get(row.pk or 0, row)
    for privilege in found.privileges.values():
        resource = privilege.entitlement.resource
        privilege.entitlement.resource = loaded.get(resource.pk or 0, resource)
    for credential in found.credentials.values():
        if credential.kept_in is not None:
            credential.kept_in = loaded.get(credential.kept_in.pk or 0, credential.kept_in)
        if credential.opens is not None:
            credential.opens = loaded.get(credential.opens.pk or 0, credential.opens)


@dataclass(frozen=True)
class _Reading:
    """What a preview is made of: the import, what the register knows of it and the reader may see, and who reads."""

    item: ImportItem
    manifest: Manifest
    draft: Draft
    team: Team
    known: Automation | None
    sibling: Automation | None
    is_elsewhere: bool
    automation: Automation
    found: Resolution
    actor: Actor
    now: datetime

    def preview(self) -> Preview:
        """What would be asked of whom, and what keeps it from being submitted."""
        known, automation, policy = self.known, self.automation, policy_queries.in_force(self.now)
        held, rows, judged = self._judge(policy)
        tier, stands = judged.tier.word, Assessment(tier=judged.tier.word)
        would_be = WouldBe(automation, self.manifest, self.found.triggers, held, self.found.identities, tier)
        compared = would_be.against(known, [asked for _, asked in rows], self.now)
        weighed = list(zip([key for key, _ in rows], compared.wanted, strict=True))
        under_way, named = _under_way(known), self._named
        below = self._promoted_from(is_new=compared.before is None)
        likes = self._likes
        found = self._conflicts(held, compared.unchanged)
        compared = stage_1.asks_app(duplicates.asks_app(compared, likes, known), found, automation.pk or 0)
        base = _base(known) or below
        before = _privileges_of(base) if base is not None else []
        people = People.load(
            automation,
            known,
            self._parties,
            self._siblings,
            compared.app_in_force,
            policy,
            self.now,
            likes,
        ).with_conflicts(found, compared, automation.pk or 0)
        problems = self._problems(compared, stands, policy)
        is_light, not_light = self._light(held, compared, tier, people, under_way, likes)
        if is_light and found:
            is_light, not_light = False, eligibility.IN_CONFLICT.sentence
        made = Preview(
            item=self.item,
            manifest=self.manifest,
            draft=self.draft,
            team=self.team,
            now=self.now,
            policy=policy,
            known=known,
            automation=automation,
            version=_same(known, self.manifest, held),
            sibling=self.sibling,
            promoted_from=below,
            alike=tuple(duplicates.told(automation, likes)),
            base=base,
            drift=_drift(base, before, held, is_across=base is below),
            under_way=under_way,
            is_stopped_since=_is_stopped_since(under_way, compared),
            changes=compared,
            wanted=tuple(self._wanted(key, asked, compared, stands, people, problems) for key, asked in weighed),
            app_seats=people.app_seats(automation, compared, tier) if compared.app else (),
            judged=judged,
            chain=self._chain,
            problems=tuple(problems),
            short=tuple(people.short(automation, compared, tier)),
            said_before=_said_below(below, before, weighed) | _said_before(known, weighed),
            begun=draft_automation.fields_before(known, self.actor, self.sibling),
            authors=named,
            refusal=self._refusal(),
            is_light=is_light,
            not_light=not_light,
            conflicts=tuple(found),
            unvouched=self._unvouched,
            runs_as=tuple(one.subject for one in self.found.identities if one.pk is None),
        )
        return _not_by_who_decided(made, self.actor)

    @cached_property
    def _likes(self) -> tuple[Alike, ...]:
        """What it may be the same as (I9)."""
        held = list(self.found.privileges.values())
        is_in_force = self.known is not None and self.known.approved_version_id is not None
        of = self.known or self.sibling
        lineage_of = of.lineage if of is not None else None
        known = self.known.pk if self.known is not None else None
        case = Case(self.team, known, lineage_of, self.manifest.source.digests, held)
        return duplicates.held(self.known, case, is_in_force=is_in_force)

    def _conflicts(self, held: Sequence[Privilege], kept: Iterable[Grant]) -> list[Found]:
        """What would be in conflict (S6)."""
        identities = [one.pk for one in self.found.identities if one.pk is not None]
        others, unvouched = self._chain.others, self._unvouched
        case = cases.of_parts(self.automation, held, self.found.triggers, identities, others, unvouched)
        return check_automation.find(cases.with_kept(case, kept), self.now)

    def _problems(self, compared: Changes, stands: Assessment, policy: policy_queries.Policy) -> list[str]:
        """What keeps the app from being submitted, whatever its rows are."""
        found = unready(self.automation, replace(compared, asked=()), stands, policy, self.now)
        found += ownership.identity_problems(self.found.identities, self.now)
        is_here = self.known is None and self.sibling is None and bool(self.draft.sibling)
        return [*found, draft_automation.SIBLING_IS_HERE] if is_here else found

    def _promoted_from(self, *, is_new: bool) -> Version | None:
        """The version of a lower environment that it would bring up (I10)."""
        of = self.known or self.sibling
        if of is None:
            return None
        return environments.promoted_from(
            of.lineage, self.automation.environment, self.manifest.source.digests, is_new=is_new
        )

    def _refusal(self) -> Refusal | None:
        """Why this person may not do it, asked of the operations that would do it."""
        no = confirmation.confirm_import.refusal(self.team, actor=self.actor, now=self.now)
        if no is None and self.is_elsewhere:
            sentence = "An automation with this id is in the register already, and belongs to another team."
            return Refusal("I1", "permission", sentence, "Ask that team to bring it in.")
        if no is None and self.known is not None:
            no = submit.refusal(self.known, actor=self.actor, now=self.now)
        return no

    def _light(
        self,
        held: Sequence[Privilege],
        compared: Changes,
        tier: str,
        people: People,
        under_way: Submission | None,
        likes: Sequence[Alike],
    ) -> tuple[bool, str]:
        """Whether it would be on the light path, and why not where that is a question at all: asked of what is low only (A13)."""
        if not eligibility.is_low(tier, [one.tier for one in compared.asked]):
            return False, ""
        because = eligibility.why_not(
            eligibility.Case(
                self.automation,
                people.builders,
                len(compared.asked),
                is_app_asked=bool(compared.app),
                is_asked_again=eligibility.is_asked_again(compared.asked, people.before)
                or eligibility.was_decided(under_way),
                privileges=held,
                triggers=self.found.triggers,
                findings=[(one.code, one.severity) for one in self.manifest.findings],
                chain=self._chain.tier,
                may_be_known=bool(likes),
            ),
            people.policy,
            self.now,
        )
        return because is None, because.sentence if because is not None else ""

    @cached_property
    def _siblings(self) -> list[int]:
        """Ids of the automation in its other environments (I10)."""
        of = self.known or self.sibling
        return environments.ids(of.lineage, self.known.pk if self.known is not None else None) if of is not None else []

    @cached_property
    def _nameable(self) -> frozenset[BindingKey]:
        """The connections about which the builder has a say."""
        return frozenset(self.found.nameable)

    def _judge(self, policy: policy_queries.Policy) -> tuple[list[Privilege], list[tuple[str, Asked]], Judged]:
        """The privileges, everything that would be asked for by its draft key, and the app's tier (T1, T2)."""
        privileges = self.found.privileges
        held = list(privileges.values())
        judgement = assessment.judge(
            held,
            list(self.found.credentials.values()),
            self.found.triggers,
            kind=self.automation.asked["kind"],
            environment=self.automation.environment,
            raised_to=self.automation.raised_to,
            sharers=assessment.sharers_of(self.automation, self.found.identities),
            chain=self._chain,
            party_ids=self._own,
            bindings=self._as_bound,
            rules=policy.tiers,
        )
        rows = [(key, _asked(judgement.privileges[one.key], privilege=one)) for key, one in privileges.items()]
        rows += [
            (import_resolution.credential_draft_key(one), _asked(judged, credential=one))
            for one, judged in judgement.credentials
        ]
        return held, rows, judgement.app

    @cached_property
    def _chain(self) -> Chain:
        """What it would be joined with (A16)."""
        return chain_queries.would_be(
            chain_ends.Version(
                self.automation,
                list(self.found.privileges.values()),
                {one.pk: str(one) for one in self.found.credentials.values() if one.pk is not None},
                self.found.triggers,
                {one.pk: one.subject for one in self.found.identities if one.pk is not None},
                self.manifest.on_error,
            )
        )

    @cached_property
    def _own(self) -> set[int]:
        """Ids of the parties: their word on what a credential or a connection opens does not count (S1, I8)."""
        found = {who for who, _ in self._parties} | {person.pk for person in self.actor.people}
        return found | (set(party_queries.running(self.known)) if self.known is not None else set())

    @cached_property
    def _unvouched(self) -> frozenset[str]:
        """Keys of the privileges that count as restricted, because their binding rests on parties (I8)."""
        return assessment.unvouched(self.found.privileges.values(), self._own, self._as_bound)

    @cached_property
    def _parties(self) -> list[tuple[int, Capacity]]:
        """Parties of the submission that would be made: id and capacity (S1)."""
        automation, asked = self.automation, self.automation.asked
        named: list[tuple[int | None, Capacity]] = [
            (self.item.batch.by_id, Capacity.IMPORTER),
            *(party_queries.standing(self.known) if self.known is not None else ()),
            *party_queries.of_siblings(self._siblings),
            *party_queries.of_alike([one.other.pk for one in self._likes]),
            *((author.pk, Capacity.AUTHOR) for author in self._named),
            (asked["technical_owner_id"], Capacity.TECHNICAL_OWNER),
            (automation.technical_owner_id, Capacity.TECHNICAL_OWNER),
            (asked["business_owner_id"], Capacity.BUSINESS_OWNER),
            (automation.business_owner_id, Capacity.BUSINESS_OWNER),
            (self.actor.person.pk if self.actor.person else None, Capacity.SUBMITTER),
        ]
        return [(who, capacity) for who, capacity in named if who is not None]

    @cached_property
    def _as_bound(self) -> dict[BindingKey, Binding]:
        """What each connection opens, as it would be once it is brought in."""
        return self.found.as_bound(self.actor.person)

    @cached_property
    def _named(self) -> tuple[Person, ...]:
        """Everybody here who has the account that the source names as its author (S1)."""
        hint = self.manifest.source.owner_hint
        return tuple(sorted(authors.everybody([hint]).get(hint, ()), key=lambda person: person.pk))

    def _wanted(
        self,
        key: str,
        asked: Asked,
        compared: Changes,
        stands: Assessment,
        people: People,
        app_problems: Sequence[str],
    ) -> Wanted:
        connection, is_named, said_no, proposed = "", True, "", ""
        if asked.privilege is not None:
            place = (asked.privilege.connector, asked.privilege.instance)
            opens = self.found.resources[place]
            connection = import_resolution.binding_name(place) if place in self._nameable else ""
            is_named = opens.pk is not None and not opens.unresolved
            said_no, proposed = self.found.refusal_of(place), self.found.proposal_of(place)
        one = replace(compared, asked=(asked,) if asked.why else ())
        own = unready(self.automation, one, stands, people.policy, self.now)
        return Wanted(
            key=row_key(key),
            asked=asked,
            resource=resource_of(asked),
            seats=people.seats(self.automation, asked),
            connection=connection,
            is_named=is_named,
            problems=tuple(one for one in own if one not in app_problems),
            said_no=said_no,
            proposed=proposed,
        )


def _not_by_who_decided(made: Preview, actor: Actor) -> Preview:
    """With the refusal where it would make a party of somebody who decided in what it continues (S1).

    What only repeats what is there submits nothing, so it is refused to nobody for that.
    """
    if made.is_repeat:
        return replace(made, refusal=None) if made.refusal is not None and made.refusal.kind == "duty" else made
    if made.refusal is not None or made.under_way is None:
        return made
    joining = would_join(made.under_way, made.automation, made.authors, actor)
    return replace(made, refusal=duties.joining_refusal(made.under_way, joining, actor))


def _asked(judged: Judged, *, privilege: Privilege | None = None, credential: Credential | None = None) -> Asked:
    return Asked("new", judged.tier.word, judged.reasons, privilege, credential)


def _under_way(known: Automation | None) -> Submission | None:
    if known is None:
        return None
    found = known.submissions.filter(state__in=UNFINISHED).select_related("version", "submitted_by")
    return found.order_by("-pk").first()


def _is_stopped_since(under_way: Submission | None, compared: Changes) -> bool:
    return under_way is not None and bool(stopped_grants.since(under_way) & {one.matter for one in compared.asked})


def _base(known: Automation | None) -> Version | None:
    """What an import of a known automation is compared with: the approved version, else the newest."""
    if known is None:
        return None
    return known.approved_version or known.versions.order_by("-number").first()


def _privileges_of(version: Version) -> list[Privilege]:
    return list(version.privileges.select_related("entitlement__resource", "credential"))


def _drift(
    base: Version | None, before: Sequence[Privilege], held: Sequence[Privilege], *, is_across: bool
) -> Drift | None:
    if base is None:
        return None
    return promotion_diff.across(before, held) if is_across else diff.compare(before, held)


def _said_below(
    below: Version | None, before: Sequence[Privilege], rows: Sequence[tuple[str, Asked]]
) -> dict[str, str]:
    """What was said in the lower environment why it needs what does the same there, by row: nobody types the same twice (I10)."""
    if below is None:
        return {}
    keys = {one.privilege.key: row_key(key) for key, one in rows if one.privilege is not None}
    both = promotion_diff.together(before, [one.privilege for _, one in rows if one.privilege is not None])[0]
    asked = Approval.objects.filter(submission__automation=below.automation_id, justification__isnull=False)
    said = dict(asked.order_by("pk").values_list("privilege__key", "justification__text"))
    return {keys[now.key]: said[was.key] for was, now in both if said.get(was.key)}


def _said_before(known: Automation | None, rows: Iterable[tuple[str, Asked]]) -> dict[str, str]:
    """The last justification of each row that was asked before, so that nobody types the same twice."""
    if known is None:
        return {}
    asked = {one.key: row_key(key) for key, one in rows}
    before = Approval.objects.filter(submission__automation=known, justification__isnull=False)
    found = before.order_by("pk").values_list("privilege__key", "credential_id", "justification__text")
    said = ((key or credential_key(credential), text) for key, credential, text in found if text)
    return {asked[key]: text for key, text in said if key in asked and not text.startswith(FOR_WHAT_IT_OPENS)}


def _same(known: Automation | None, manifest: Manifest, held: Iterable[Privilege]) -> Version | None:
    if known is None:
        return None
    bound = sha256(sorted(one.key for one in held))
    return known.versions.filter(manifest_digest__in=manifest_digests(manifest), binding_digest=bound).first()
