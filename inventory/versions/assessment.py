"""Assess a version: facts from rows, tiers from `tiers`, findings; each assessment is a new row (I2).

`tiers` defines the meaning of a tier. Higher apps decide about its effects: seats, terms, reviews.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any, cast

from django.db.models import F, OuterRef, Q, Subquery

from governance.core.actors.actor import Actor
from governance.core.engine.transition import Effect, Step, transition
from inventory import importers
from inventory.chains import chain_ends, own_tier
from inventory.chains import queries as chain_queries
from inventory.chains.queries import Chain
from inventory.identities import queries as identity_queries
from inventory.importers.levels import is_irreversible
from inventory.importers.manifest import Manifest, manifest_digests
from inventory.models import (
    Assessment,
    Automation,
    AutomationState,
    Binding,
    Credential,
    Finding,
    NonHumanIdentity,
    Privilege,
    Reach,
    Trigger,
    Version,
    VersionCredential,
)
from inventory.ownership import parties as ownership_parties
from inventory.resources import queries as resource_queries
from inventory.risk import policy, tiers
from inventory.risk.tiers import Judged, Tier
from inventory.versions import findings, importer_upgrade


@dataclass(frozen=True)
class Judgement:
    """Tiers of one version: privileges by key, credentials, the app, and the app without its chain (I5, A16)."""

    privileges: Mapping[str, Judged]
    credentials: Sequence[tuple[Credential, Judged]]
    app: Judged
    own_tier: Tier

    def of(self, credential: Credential) -> Judged:
        """Judgement of one credential, saved or not."""
        return next(
            judged
            for judged_credential, judged in self.credentials
            if judged_credential is credential or judged_credential == credential
        )


def facts_of(
    privilege: Privilege,
    environment: str,
    party_ids: Collection[int] = (),
    bindings: Mapping[tuple[str, str], Binding] = MappingProxyType({}),
) -> tiers.PrivilegeFacts:
    """Facts of T1 about one privilege, saved or not.

    Args:
        privilege: with its entitlement, resource and credential loaded.
        environment: of the automation; a lower one on production data counts as production (I10).
        party_ids: ids of owners, importers and authors, whose statements about its credential or connection do not
            count (S1, I8).
        bindings: by connector and instance, each with its resource.
    """
    entitlement = privilege.entitlement
    both = (environment, entitlement.resource.environment)
    level = privilege.counted_level if privilege.level in tiers.LEVEL_ORDER else _level_unless_unknown(privilege)
    reach = _reach(privilege, party_ids)
    return tiers.PrivilegeFacts(
        level=level,
        data_class=_class_unless_unset(privilege),
        environment=max(both, key=tiers.ENVIRONMENT_ORDER.index),
        credential_reach=reach,
        model_controlled=privilege.model_controlled,
        opaque=privilege.opaque,
        outbound=entitlement.outbound,
        irreversible=_is_irreversible(privilege, level, reach),
        bound=privilege.is_bound,
        vouched=is_vouched(privilege, party_ids, bindings),
        recognised=privilege.recognised,
    )


def is_vouched(privilege: Privilege, party_ids: Collection[int], bindings: Mapping[tuple[str, str], Binding]) -> bool:
    """Whether the resource's data class counts for a privilege: its binding does not rest on parties (I8)."""
    row = bindings.get((privilege.connector, privilege.instance))
    return row is None or row.is_vouched(party_ids)


def unvouched(
    privileges: Iterable[Privilege], party_ids: Collection[int], bindings: Mapping[tuple[str, str], Binding]
) -> frozenset[str]:
    """Keys of the privileges that count as restricted because their binding rests on parties (I8)."""
    return frozenset(privilege.key for privilege in privileges if not is_vouched(privilege, party_ids, bindings))


def _level_unless_unknown(privilege: Privilege) -> str:
    """Level of a privilege, or its entitlement's level if unknown; unknown if both are."""
    return str(privilege.entitlement.level)


def _class_unless_unset(privilege: Privilege) -> str:
    entitlement = privilege.entitlement
    if not entitlement.resource.data_class and entitlement.data_class != "restricted":
        return ""
    return str(entitlement.counted_class)


def _is_irreversible(privilege: Privilege, level: str, reach: tiers.Reach) -> bool:
    """Whether the effect can't be undone. Unknown effects count as irreversible (T1).

    The access to a whole server is known by its credential's reach (I6). Without a declared reach it may be anything;
    with one it counts as changing data (I4). A call of another automation has the tier of that automation (A16).
    """
    code = str(privilege.entitlement.code)
    if level not in tiers.LEVEL_ORDER and code.rpartition(":")[2] == "*":
        return reach == "unknown" or not privilege.is_bound
    if not privilege.recognised:
        return True
    if code == chain_ends.STARTS:
        return not chain_ends.is_named(str(privilege.target))
    return is_irreversible(code)


def _reach(privilege: Privilege, party_ids: Collection[int]) -> tiers.Reach:
    credential = privilege.credential
    if credential is None:
        return "unknown" if privilege.credential_missing else "none"
    if credential.reach_kind == Reach.UNKNOWN or {credential.reach_by_id, credential.reach_for_id} & set(party_ids):
        return "unknown"
    is_there = (
        credential.opens_id == privilege.entitlement.resource_id
    )  # its codes belong to the resource that it opens
    return "only_this" if is_there and set(credential.reach) <= {privilege.entitlement.code} else "wider"


def judge_version(
    privileges: Sequence[Privilege],
    credentials: Iterable[Credential],
    triggers: Iterable[Trigger],
    *,
    kind: str,
    environment: str,
    raised_to: str = "",
    sharers: Sequence[tuple[str, Tier]] = (),
    chain: Chain | None = None,
    party_ids: Collection[int] = (),
    bindings: Mapping[tuple[str, str], Binding] = MappingProxyType({}),
    rules: Mapping[str, Any] = tiers.DEFAULT_RULES,
) -> Judgement:
    """Judge an existing or possible version (T1, T2). Reads its arguments only.

    Args:
        privileges: saved or not, each with its entitlement, resource and credential loaded.
        credentials: credentials that it uses or asks for.
        triggers: its triggers.
        kind: kind of the automation.
        environment: environment of the automation.
        raised_to: tier that a person raised it to, or empty.
        sharers: name and tier of each automation with the same identity (I5).
        chain: chain that it would join (A16); None without one.
        party_ids, bindings: see `facts_of`.
        rules: the policy's ``tiers``.
    """
    facts_by_privilege = [
        (privilege, facts_of(privilege, environment, party_ids, bindings)) for privilege in privileges
    ]
    judged = [(privilege, tiers.privilege_tier(facts, rules)) for privilege, facts in facts_by_privilege]
    opened = [
        (credential, tiers.credential_tier((p.sentence, j) for p, j in judged if p.credential == credential))
        for credential in credentials
    ]
    app_tier = partial(
        tiers.app_tier,
        [(p.sentence, j) for p, j in judged],
        kind=kind,
        has_open_entry=any(trigger.is_open for trigger in triggers),
        has_non_read=any(not facts.is_read for _, facts in facts_by_privilege),
        raised_to=Tier.of(raised_to) if raised_to else None,
        rules=rules,
    )
    joined = chain.joined if chain is not None else Tier.LOW
    if joined <= max((tier for _, tier in sharers), default=Tier.LOW):
        joined = Tier.LOW  # the reason already names the nearer of the two
    app = app_tier(sharers=sharers, joined=joined, calls_unknown=chain is not None and bool(chain.unknown))
    return Judgement({p.key: j for p, j in judged}, opened, app, app_tier().tier)


def sharers_of(automation: Automation, identities: Iterable[NonHumanIdentity]) -> list[tuple[str, Tier]]:
    """Name and tier of each other automation, without retired ones, that runs as one of these identities (I5).

    The tier is each automation's own tier: a tier that two automations only get from each other would never fall.
    """
    shared = [identity.pk for identity in identities if not identity._state.adding]
    if not shared:
        return []
    judged = Assessment.objects.filter(version=OuterRef("pk")).order_by("-pk").values(own=own_tier.JUDGED)[:1]
    runs = identity_queries.versions_of_identities(shared, drafts_of=automation.team_id).exclude(
        automation=automation.pk
    )
    tiers_by_name: dict[tuple[str, int], Tier] = {}
    columns = ("automation__name", "automation", "automation__tier", "automation__raised_to", "own")
    for name, pk, stands, raised, own_value in (
        runs.annotate(own=Subquery(judged)).values_list(*columns).order_by().distinct()
    ):
        tier = own_tier.own_tier(own_value or stands, raised)
        tiers_by_name[name, pk] = max(tier, tiers_by_name.get((name, pk), tier))
    return [(name, tier) for (name, _), tier in sorted(tiers_by_name.items())]


@dataclass(frozen=True)
class VersionRows:
    """Rows of a version that was just written, so that no row is read again.

    Args:
        automation: locked.
        privileges: saved, each with its entitlement, resource and credential loaded.
        used: saved, each with its credential loaded.
        triggers: saved.
        read: manifest of the version.
        identities: saved, for a new automation that no other identity can serve; None to look them up.
    """

    automation: Automation
    privileges: list[Privilege]
    used: list[VersionCredential]
    triggers: list[Trigger]
    read: Manifest
    identities: list[NonHumanIdentity] | None = None

    @classmethod
    def of(cls, version: Version) -> VersionRows:
        """Load the rows of a version."""
        return cls(
            version.automation,
            list(version.privileges.select_related("entitlement__resource", "credential")),
            list(version.version_credentials.select_related("credential")),
            list(version.triggers.all()),
            Manifest.from_dict(version.manifest),
        )


def assess_version(
    version: Version,
    *,
    now: datetime,
    manifest: Manifest | None = None,
    party_ids: Collection[int] = (),
    rows: VersionRows | None = None,
) -> Assessment:
    """Assess a version by the policy in force and keep the result with the earlier ones (I2). Runs inside another
    operation only.

    Args:
        version: any version.
        now: business time.
        manifest: a newer importer's manifest of the same source; None for the stored one.
        party_ids: ids of further people with a stake, such as the submitter (S1).
        rows: its rows, if just written.

    Returns:
        The new assessment. Its ``levels`` are ``{"privileges": {key: {"tier", "reasons", "level"}}, "credentials":
        {str(pk): {"tier", "reasons"}}, "own": tier, "in_force": tier, "unvouched": [key]}``. ``own`` is the app's tier
        without its chain, ``in_force`` the tier with the approved kind while another kind is requested, ``unvouched``
        the privileges that count as restricted.
    """
    inside = Actor.of_job("inventory.assess")  # the surrounding operation names the actor
    return cast(
        "Assessment",
        record_assessment(version, actor=inside, now=now, manifest=manifest, party_ids=party_ids, rows=rows),
    )


@transition(Version, event="version.assessed", permission=None)
def record_assessment(
    step: Step[Version],
    *,
    manifest: Manifest | None = None,
    party_ids: Collection[int] = (),
    rows: VersionRows | None = None,
) -> Effect:
    """Record an assessment: tiers with reasons, levels and findings as one more dated row (I2)."""
    version, read_by = step.subject, _importer_version(step.subject, is_read_now=bool(rows or manifest))
    digests = _digests(step.subject, manifest)
    rows = rows or VersionRows.of(version)
    privileges, used, read = rows.privileges, rows.used, manifest or rows.read
    automation = version.automation = rows.automation
    identities = identities_of(version) if rows.identities is None else rows.identities
    more = importer_upgrade.apply_new_reading(privileges, manifest) if manifest is not None else []
    credentials, bindings = [row.credential for row in used], resource_queries.bindings_of(privileges)
    parties = ownership_parties.party_ids(automation, credentials, step.now, bindings) | set(party_ids)
    judge_as = partial(
        judge_version,
        *(privileges, credentials, rows.triggers),
        environment=automation.environment,
        raised_to=automation.raised_to,
        sharers=sharers_of(automation, identities),
        chain=chain_queries.possible_chain(_chain_version(rows, identities)),
        party_ids=parties,
        bindings=bindings,
        rules=policy.rules_at(step.now),
    )
    judgement, standing = (judge_as(kind=kind) for kind in (automation.asked["kind"], automation.kind))
    made = Assessment(
        version=version,
        importer_version=read_by,
        **digests,
        at=step.now,
        tier=judgement.app.tier.word,
        reasons=list(judgement.app.reasons),
        levels={
            "privileges": {p.key: {**judgement.privileges[p.key].to_dict(), "level": p.level} for p in privileges},
            "credentials": {str(c.pk): judged.to_dict() for c, judged in judgement.credentials},
            "own": max(judgement.own_tier, standing.own_tier).word,
            "in_force": standing.app.tier.word,
            "unvouched": sorted(unvouched(privileges, parties, bindings)),
        },
    )
    step.save(made)
    rows_to_write = [
        *more,
        *findings.findings_of_manifest(read, version),
        *findings.findings_of_reach(used, privileges),
        *findings.findings_of_register(automation, used, identities),
    ]
    Finding.objects.bulk_create(Finding(assessment=made, **row) for row in rows_to_write)
    return Effect(
        subject=made, payload={"tier": made.tier, "findings": len(rows_to_write), "importer": made.importer_version}
    )


def _chain_version(rows: VersionRows, identities: Iterable[NonHumanIdentity]) -> chain_ends.VersionParts:
    """Rows of a version that can join it with others (A16)."""
    return chain_ends.VersionParts(
        rows.automation,
        rows.privileges,
        {row.credential_id: str(row.credential) for row in rows.used},
        rows.triggers,
        {identity.pk: identity.subject for identity in identities},
        rows.read.on_error,
    )


def _importer_version(version: Version, *, is_read_now: bool) -> str:
    """Importer version that read the source: a new assessment without a new reading keeps the former one."""
    last = None if is_read_now else version.latest_assessment
    return str(last.importer_version) if last is not None else importers.VERSION


def _digests(version: Version, read: Manifest | None) -> dict[str, str]:
    """Digests of a newer importer, if they differ from the stored ones (I2)."""
    if read is None:
        last = version.latest_assessment
        return {name: getattr(last, name) for name in ("source_digest", "manifest_digest")} if last is not None else {}
    digests_by_name = {"source_digest": read.source.digests, "manifest_digest": manifest_digests(read)}
    # The approved version is also assessed with a newer version's reading of the same source, with another manifest.
    return {
        name: digests[0]
        for name, digests in digests_by_name.items()
        if getattr(version, name) in digests and getattr(version, name) != digests[0]
    }


def identities_of(version: Version) -> list[NonHumanIdentity]:
    """Identities that a version names, and those that serve its automation in the register."""
    named = NonHumanIdentity.objects.filter(Q(used_by__version=version) | Q(automation=version.automation_id))
    return list(named.distinct().order_by("pk"))


def assess_again(step: Step[Any], credential: Credential) -> int:
    """Assess every approved or newest version that uses a changed credential (I2).

    A draft shows the tier of its newest version. An approved automation shows a higher tier at once, a lower one with
    its next approval (T4). Open approvals stay unchanged (A1).

    Args:
        step: the running step.
        credential: saved.

    Returns:
        Number of assessed versions.
    """
    newest = Version.objects.filter(automation=OuterRef("automation")).order_by("-number").values("pk")[:1]
    concerned = Version.objects.filter(version_credentials__credential=credential).annotate(newest=Subquery(newest))
    concerned = concerned.filter(Q(pk=F("newest")) | Q(pk=F("automation__approved_version")))
    versions = list(concerned.exclude(automation__state=AutomationState.RETIRED).order_by("automation", "number"))
    # Automations are locked before their versions, in the order that a submission uses.
    owners = Automation.objects.select_for_update(of=("self",), no_key=True).order_by("pk")
    automations = {
        automation.pk: automation
        for automation in owners.filter(pk__in={version.automation_id for version in versions})
    }
    for version in versions:
        made, automation = assess_version(version, now=step.now), automations[version.automation_id]
        # A follower of the assessment raises and reviews approved automations (T4): one place decides when.
        if automation.state == AutomationState.DRAFT and automation.tier != made.tier:
            automation.tier = made.tier
            step.save(automation)
    return len(versions)
