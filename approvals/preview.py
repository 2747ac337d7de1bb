"""What an import would ask of whom if it were submitted now: read from the register, from what was typed, and from the rules
that the write itself uses (I7, I8, A1, A9, A12, T1, T2). Nothing here writes, and the number of queries does not grow with the
number of privileges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from approvals import duties, intended, policies
from approvals.changes import Asked, Changes
from approvals.drafts import Draft, row_key
from approvals.intended import LADDER
from approvals.models import Approval, Submission, credential_key
from approvals.models.submission import UNFINISHED
from approvals.policies import Policy
from approvals.preview_route import People, SeatAsked, resource_of, would_join
from approvals.transitions.submitting import submit, unready
from approvals.would_be import WouldBe
from governance.controls import texts
from governance.controls.actors import Actor
from governance.controls.models import Person, Team
from governance.controls.refusals import Refusal
from inventory import assessing, authors, registry, resolving
from inventory.importers.manifest import Manifest, manifest_digest, sha256
from inventory.models import (
    Assessment,
    Automation,
    Credential,
    ImportItem,
    Privilege,
    Resource,
    Version,
)
from inventory.registry import Drift
from inventory.resolving import Resolution
from inventory.risk import Judged

#: Terms that can be chosen, in days, up to what the tier allows.
TERMS = (7, 30, 60, 90, 180, 365)
#: How the justification begins of a credential that nobody justified by itself.
FOR_WHAT_IT_OPENS = "It is needed for what it opens:"


@dataclass(frozen=True)
class Wanted:
    """One thing that the version would hold.

    Args:
        key: names its fields on the form (`drafts.row_key`).
        asked: the privilege or credential with its tier; `why` is empty when it is held already and not asked again.
        resource: what it is asked about.
        seats: whose signature it needs, by the ladder.
        connection: the connection's name where the builder has a say in what it opens.
        is_named: whether it is known, or said, what the connection opens.
        problems: what keeps it from being submitted, one sentence each.
        said_no: that an owner refused what the connection was said to open, in a sentence; else empty.
        proposed: that somebody else has proposed already what it opens, in a sentence; else empty.
    """

    key: str
    asked: Asked
    resource: Resource | None
    seats: tuple[SeatAsked, ...]
    connection: str
    is_named: bool
    problems: tuple[str, ...]
    said_no: str = ""
    proposed: str = ""

    @property
    def is_asked(self) -> bool:
        """Whether stage 2 is asked about it."""
        return bool(self.asked.why)


@dataclass(frozen=True)
class Preview:
    """An import with its draft, as it would be submitted.

    Args:
        item: the preview's row.
        manifest: what was read.
        draft: what was typed.
        team: whom it is built for.
        policy: the policy in force.
        known: the automation of the register that this is a version of, as stored; None for a new one.
        automation: as it would be, with the draft over it; unsaved.
        version: the version of the register with this very content; None when this would be a new one.
        base: the version that it is compared with, and `drift` what differs; None for a new automation.
        under_way: the submission that this one would continue (A14).
        changes: what would be asked, what runs on, what ends (A12).
        wanted: everything that the version would hold.
        app_seats: whose signature stage 1 needs; empty when it is not asked.
        judged: the app's tier with its reasons.
        problems: what keeps the app from being submitted, one sentence each.
        short: what nobody would be left to decide (A9).
        said_before: what was said why the same is needed when it was last asked, by row key.
        begun: what the fields begin with.
        authors: whom the source names as its author: everybody here who has the account that it names (S1).
        refusal: why this person may not bring it in for this team, or None.
    """

    item: ImportItem
    manifest: Manifest
    draft: Draft
    team: Team
    now: datetime
    policy: Policy
    known: Automation | None
    automation: Automation
    version: Version | None
    base: Version | None
    drift: Drift | None
    under_way: Submission | None
    changes: Changes
    wanted: tuple[Wanted, ...]
    app_seats: tuple[SeatAsked, ...]
    judged: Judged
    problems: tuple[str, ...]
    short: tuple[str, ...]
    said_before: Mapping[str, str]
    begun: Mapping[str, Any]
    authors: tuple[Person, ...]
    refusal: Refusal | None

    @property
    def tier(self) -> str:
        """The app's tier."""
        return self.judged.tier.word

    @property
    def asked(self) -> list[Wanted]:
        """What stage 2 is asked about."""
        return [one for one in self.wanted if one.is_asked]

    @property
    def asks_nothing(self) -> bool:
        """Whether everything is approved and held as it stands, so that there is nothing to submit (I7)."""
        return self.known is not None and not self.changes.app and not self.changes.asked and not self.changes.ending

    @property
    def unjustified(self) -> list[Wanted]:
        """What is asked for without a word why; a credential whose uses all have one needs none of its own."""
        return [one for one in self.asked if not self.reason(one) and not self.uses(one)]

    def uses(self, one: Wanted) -> list[Wanted]:
        """What a credential is used for, as far as that is asked too; nothing for a privilege."""
        if one.asked.credential is None:
            return []
        asked = ((use, use.asked.privilege) for use in self.asked)
        return [
            use for use, privilege in asked if privilege is not None and privilege.credential == one.asked.credential
        ]

    @property
    def is_repeat(self) -> bool:
        """Whether submitting would only repeat what is approved, or under review, already (I7)."""
        if self.known is None or self.version is None or self.amends:
            return False
        is_under_review = self.under_way is not None and self.under_way.version_id == self.version.pk
        return is_under_review or (self.under_way is None and self.asks_nothing)

    @property
    def amends(self) -> bool:
        """Whether something else is said about a known automation than before, or why it needs something."""
        fields = any(_tidy(value) != _tidy(self.begun.get(name)) for name, value in self.draft.fields.items())
        return fields or any(self.said_before.get(key, text) != text for key, text in self.draft.why.items())

    def why(self, one: Wanted) -> str:
        """What was typed as its justification, else what was said when the same was asked before."""
        return texts.clean(self.draft.why.get(one.key, self.said_before.get(one.key, "")))

    def reason(self, one: Wanted) -> str:
        """Its justification; a credential that has none of its own is needed for what it opens, so those reasons count."""
        own = self.why(one)
        if own or one.asked.credential is None:
            return own
        uses = self.uses(one)
        said = list(dict.fromkeys(filter(None, map(self.why, uses))))
        return f"{FOR_WHAT_IT_OPENS} {' '.join(said)}" if said and all(map(self.why, uses)) else ""

    def term(self, one: Wanted) -> int:
        """The term that is asked for in days: as chosen, never longer than the tier allows; the longest unless chosen."""
        longest = self.policy.longest_term(one.asked.tier)
        return min(self.draft.terms.get(one.key, longest), longest) or longest

    def terms(self, one: Wanted) -> list[int]:
        """The terms that can be chosen for it, in days; the longest that its tier allows is the last."""
        longest = self.policy.longest_term(one.asked.tier)
        return sorted({*(days for days in TERMS if days < longest), longest, self.term(one)})


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
    named = intended.named_by(item, draft, team)
    known = registry.known(team, manifest, environment=intended.environment_of(draft), named=named)
    draft = replace(draft, fields={**intended.fields_before(known, actor), **draft.fields})
    automation = intended.as_it_would_be(known, manifest, draft, team, actor)
    resolution = resolving.resolve(
        manifest,
        platform_instance=registry.platform_of(manifest),
        chosen=intended.chosen_resources(draft, actor, now),
        automation=known,
        by=actor.person,
    )
    _load_ladders(resolution)
    return _weigh(item, manifest, draft, team, known, automation, resolution, actor, now)


def _tidy(value: Any) -> Any:
    """As the register keeps it."""
    return (value or "").strip() if isinstance(value, str) or value is None else value


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


def _merged(found: Resolution) -> dict[str, tuple[str, Privilege]]:
    """By grant key: the draft key and the privilege; what would hold the same is one privilege with several places (I7)."""
    merged: dict[str, tuple[str, Privilege]] = {}
    for draft_key, privilege in found.privileges.items():
        _, same = merged.setdefault(privilege.key, (draft_key, privilege))
        if same is not privilege:
            resolving.merge(same, privilege)
    return merged


def _weigh(
    item: ImportItem,
    manifest: Manifest,
    draft: Draft,
    team: Team,
    known: Automation | None,
    automation: Automation,
    found: Resolution,
    actor: Actor,
    now: datetime,
) -> Preview:
    policy = policies.in_force(now)
    privileges = _merged(found)
    held = [one for _, one in privileges.values()]
    judgement = assessing.judge(
        held,
        list(found.credentials.values()),
        found.triggers,
        kind=automation.asked["kind"],
        environment=automation.environment,
        raised_to=automation.raised_to,
        sharers=assessing.sharers_of(automation, found.identities),
    )
    rows = [(key, _asked(judgement.privileges[one.key], privilege=one)) for key, one in privileges.values()]
    rows += [
        (resolving.credential_draft_key(one), _asked(judged, credential=one)) for one, judged in judgement.credentials
    ]
    tier = judgement.app.tier.word
    would_be = WouldBe(automation, manifest, found.triggers, held, tier)
    compared = would_be.against(known, [asked for _, asked in rows], now)
    weighed = list(zip([key for key, _ in rows], compared.wanted, strict=True))
    stands = Assessment(tier=tier)
    under_way = _under_way(known)
    hint = manifest.source.owner_hint
    named = tuple(sorted(authors.everybody([hint]).get(hint, ()), key=lambda person: person.pk))
    people = People.load(automation, known, item, actor, under_way, compared.app_in_force, policy, now, named)
    app_problems = unready(automation, replace(compared, asked=()), stands, policy)
    nameable = set(found.nameable)
    wanted = tuple(
        _wanted(key, asked, automation, compared, stands, people, app_problems, nameable, found)
        for key, asked in weighed
    )
    base = _base(known)
    made = Preview(
        item=item,
        manifest=manifest,
        draft=draft,
        team=team,
        now=now,
        policy=policy,
        known=known,
        automation=automation,
        version=_same(known, manifest, held),
        base=base,
        drift=registry.compare(_privileges_of(base), held) if base is not None else None,
        under_way=under_way,
        changes=compared,
        wanted=wanted,
        app_seats=people.app_seats(automation, tier) if compared.app else (),
        judged=judgement.app,
        problems=tuple(app_problems),
        short=tuple(people.short(automation, compared, tier)),
        said_before=_said_before(known, weighed),
        begun=intended.fields_before(known, actor),
        authors=named,
        refusal=_refusal(known, team, actor, now),
    )
    return _not_by_who_decided(made, actor)


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


def _wanted(
    key: str,
    asked: Asked,
    automation: Automation,
    compared: Changes,
    stands: Assessment,
    people: People,
    app_problems: Sequence[str],
    nameable: set[resolving.BindingKey],
    found: Resolution,
) -> Wanted:
    connection, is_named, said_no, proposed = "", True, "", ""
    if asked.privilege is not None:
        place = (asked.privilege.connector, asked.privilege.instance)
        connection = resolving.binding_name(place) if place in nameable else ""
        is_named = found.resources[place].pk is not None and not found.resources[place].unresolved
        said_no, proposed = found.refusal_of(place), found.proposal_of(place)
    own = unready(automation, replace(compared, asked=(asked,) if asked.why else ()), stands, people.policy)
    return Wanted(
        key=row_key(key),
        asked=asked,
        resource=resource_of(asked),
        seats=people.seats(automation, asked),
        connection=connection,
        is_named=is_named,
        problems=tuple(one for one in own if one not in app_problems),
        said_no=said_no,
        proposed=proposed,
    )


def _under_way(known: Automation | None) -> Submission | None:
    if known is None:
        return None
    found = known.submissions.filter(state__in=UNFINISHED).select_related("version", "submitted_by")
    return found.order_by("-pk").first()


def _base(known: Automation | None) -> Version | None:
    """What an import of a known automation is compared with: the approved version, else the newest."""
    if known is None:
        return None
    return known.approved_version or known.versions.order_by("-number").first()


def _privileges_of(version: Version) -> list[Privilege]:
    return list(version.privileges.select_related("entitlement__resource", "credential"))


def _said_before(known: Automation | None, rows: Iterable[tuple[str, Asked]]) -> dict[str, str]:
    """The last justification of each row that was asked before, so that nobody types the same twice."""
    if known is None:
        return {}
    asked = {one.key: row_key(key) for key, one in rows}
    before = Approval.objects.filter(submission__automation=known, justification__isnull=False)
    found = before.order_by("pk").values_list("privilege__key", "credential_id", "justification__text")
    said = ((key or credential_key(credential), text) for key, credential, text in found)
    return {asked[key]: text for key, text in said if key in asked and not text.startswith(FOR_WHAT_IT_OPENS)}


def _same(known: Automation | None, manifest: Manifest, held: Iterable[Privilege]) -> Version | None:
    if known is None:
        return None
    bound = sha256(sorted(one.key for one in held))
    return known.versions.filter(manifest_digest=manifest_digest(manifest), binding_digest=bound).first()


def _refusal(known: Automation | None, team: Team, actor: Actor, now: datetime) -> Refusal | None:
    """Why this person may not do it, asked of the operations that would do it."""
    no = registry.confirm_import.refusal(team, actor=actor, now=now)
    if no is None and known is not None:
        if known.team_id != team.pk:
            sentence = "An automation with this id is in the register already, and belongs to another team."
            return Refusal("I1", "permission", sentence, "Ask that team to bring it in.")
        no = submit.refusal(known, actor=actor, now=now)
    return no
