"""Judge a version: facts from rows, tiers from `tiers` (I2, T1, T2). Reads only; `transitions` stores assessments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db.models import Q

from inventory.chains import chain_ends
from inventory.chains import queries as chain_queries
from inventory.chains.queries import Chain
from inventory.identities import queries as identity_queries
from inventory.importers.operation_words import is_irreversible
from inventory.models import Automation, Credential, NonHumanIdentity, Privilege, Reach, Trigger, Version
from inventory.models.version import newest_assessment
from inventory.resources.queries import Bindings
from inventory.risk import tiers
from inventory.risk.levels import LEVEL_ORDER
from inventory.risk.tiers import Judged, Tier


@dataclass(frozen=True)
class Judgement:
    """Tiers of one version: privileges by key, credentials, the app, and the app without its chain (I5, A16)."""

    privileges: Mapping[str, Judged]
    credentials: Sequence[tuple[Credential, Judged]]
    app: Judged
    own_tier: Tier

    def for_credential(self, credential: Credential) -> Judged:
        """Judgement of one credential, saved or not."""
        return next(judged for other, judged in self.credentials if other is credential or other == credential)


def facts_of(
    privilege: Privilege, environment: str, party_ids: Collection[int] = (), bindings: Bindings | None = None
) -> tiers.PrivilegeFacts:
    """Facts of T1 about one privilege, saved or not.

    Args:
        privilege: with its entitlement, resource and credential loaded.
        environment: of the automation; a lower one on production data counts as production (I10).
        party_ids: ids of owners, importers and authors, whose statements about its credential or connection do not
            count (S1, I8).
        bindings: of the connections; None without any.
    """
    entitlement = privilege.entitlement
    level = privilege.counted_level if privilege.level in LEVEL_ORDER else str(entitlement.level)
    is_unset = not entitlement.resource.data_class and entitlement.data_class != "restricted"
    reach = _reach(privilege, party_ids)
    return tiers.PrivilegeFacts(
        level=level,
        data_class="" if is_unset else str(entitlement.counted_class),
        environment=tiers.higher_environment(environment, entitlement.resource.environment),
        credential_reach=reach,
        model_controlled=privilege.model_controlled,
        opaque=privilege.opaque,
        outbound=entitlement.outbound,
        irreversible=_is_irreversible(privilege, level, reach),
        bound=privilege.is_bound,
        vouched=not bindings or bindings.is_vouched(privilege, party_ids),
        recognised=privilege.recognised,
    )


def _is_irreversible(privilege: Privilege, level: str, reach: tiers.Reach) -> bool:
    """Whether the effect can't be undone. Unknown effects count as irreversible (T1).

    The access to a whole server is known by its credential's reach (I6). Without a declared reach it may be anything;
    with one it counts as changing data (I4). A call of another automation has the tier of that automation (A16).
    """
    code = str(privilege.entitlement.code)
    if level not in LEVEL_ORDER and code.rpartition(":")[2] == "*":
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
    # The codes of its reach belong to the resource that it opens.
    is_there = credential.opens_id == privilege.entitlement.resource_id
    return "only_this" if is_there and set(credential.reach) <= {privilege.entitlement.code} else "wider"


def judge_version(
    automation: Automation,
    privileges: Sequence[Privilege],
    credentials: Iterable[Credential],
    triggers: Iterable[Trigger],
    *,
    kind: str = "",
    shared: Tier = Tier.LOW,
    chain: Chain | None = None,
    party_ids: Collection[int] = (),
    bindings: Bindings | None = None,
    rules: Mapping[str, Any] = tiers.DEFAULT_RULES,
) -> Judgement:
    """Judge an existing or possible version (T1, T2). Reads its arguments only.

    Args:
        automation: saved or not.
        privileges: saved or not, each with its entitlement, resource and credential loaded.
        credentials: credentials that it uses or asks for.
        triggers: its triggers.
        kind: another kind of the automation than the one that is asked for.
        shared: see `shared_tier`.
        chain: chain that it would join (A16); None without one.
        party_ids, bindings: see `facts_of`.
        rules: the policy's ``tiers``.
    """
    facts = [facts_of(privilege, automation.environment, party_ids, bindings) for privilege in privileges]
    judged = [(privilege, tiers.privilege_tier(each, rules)) for privilege, each in zip(privileges, facts, strict=True)]
    opened = [
        (credential, tiers.credential_tier((p.sentence, j) for p, j in judged if p.credential == credential))
        for credential in credentials
    ]
    app_tier = partial(
        tiers.app_tier,
        [(p.sentence, j) for p, j in judged],
        kind=kind or automation.requested_fields["kind"],
        has_open_entry=any(trigger.is_open for trigger in triggers),
        has_non_read=any(not each.is_read for each in facts),
        raised_to=Tier.from_word(automation.raised_to or "low"),
        rules=rules,
    )
    joined = chain.joined if chain is not None else Tier.LOW
    if joined <= shared:
        joined = Tier.LOW  # the reason already names the nearer of the two
    app = app_tier(shared=shared, joined=joined, calls_unknown=chain is not None and bool(chain.unknown))
    return Judgement({p.key: j for p, j in judged}, opened, app, app_tier().tier)


def shared_tier(automation: Automation, identities: Iterable[NonHumanIdentity]) -> Tier:
    """Highest tier of the other automations, without retired ones, that run as one of these identities (I5).

    The tier is each automation's own tier: a tier that two automations only get from each other would never fall.
    """
    named = [identity.pk for identity in identities if not identity._state.adding]
    if not named:
        return Tier.LOW
    runs = identity_queries.versions_of_identities(named, drafts_of=automation.team_id)
    others = runs.exclude(automation=automation.pk).annotate(own=newest_assessment("pk", chain_queries.JUDGED))
    rows = others.values_list("automation__tier", "automation__raised_to", "own").order_by().distinct()
    return max((chain_queries.own_tier(own or stands, raised) for stands, raised, own in rows), default=Tier.LOW)


def identities_of(versions: Collection[Version]) -> list[NonHumanIdentity]:
    """Identities that some versions name, and those that serve their automations in the register."""
    automations = {version.automation_id for version in versions}
    named = NonHumanIdentity.objects.filter(Q(used_by__version__in=versions) | Q(automation__in=automations))
    return sorted(named.distinct().order_by(), key=lambda identity: identity.pk)
