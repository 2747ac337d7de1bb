"""Held access as conflict rules see it: privileges, triggers, identities and, for scans, entitlements (S6). Pure.

An entitlement does not tell the level, the environment, model control or opaque code of a grant. There are 60 such
ways, and each has a number, `held_as`. A grant stores its number. A member of a leg stores the set of numbers that
count.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import product

from approvals.conflicts.rule_language.rule import Leg
from approvals.conflicts.rule_language.selectors import Held, Selector
from approvals.models import Grant
from inventory.models import Entitlement, Privilege
from inventory.risk.levels import POWER, is_within
from inventory.risk.tiers import CLASS_ORDER, ENVIRONMENT_ORDER, higher_environment

#: Every way to hold access, by number: level, model-controlled, opaque, environment.
WAYS: tuple[tuple[str, bool, bool, str], ...] = tuple(product(POWER, (False, True), (False, True), ENVIRONMENT_ORDER))
_NUMBER = {way: number for number, way in enumerate(WAYS)}
#: The key of running as an identity.
RUNS_AS = "identity"


def way_of(held: Held) -> int:
    """Return the number of the way in which access is held, 0 to 59. Any other level than ours is unknown (I4)."""
    level = held.level if held.level in POWER else "unknown"
    return _NUMBER[level, held.model_controlled, held.opaque, held.environment]


def held_at(key: str, level: str) -> str:
    """Return access with its level, as an extra approval names it: ``key level``. Another level is unknown (I4)."""
    return f"{key} {level if level in POWER else 'unknown'}"


def covered_by(held: Iterable[str]) -> set[str]:
    """Return this access (`held_at`) at its level and at every level within it. An extra approval covers these (S6)."""
    known = (word.rpartition(" ") for word in held)
    return {held_at(key, level) for key, _, most in known for level in POWER if is_within(level, most)}


def held_by_privilege(
    privilege: Privilege, key: str, environment: str, level: str = "", *, is_vouched: bool = True
) -> Held:
    """Return the held access of a privilege of a version.

    Args:
        privilege: with its entitlement and resource loaded.
        key: identifies this access.
        environment: the automation's.
        level: the level after an approver narrowed it; empty for the full level (A7).
        is_vouched: whether the data class of its resource counts (I8).
    """
    held = held_by_entitlement(privilege.entitlement, key)
    known = [word for word in (privilege.level, privilege.entitlement.level) if word in POWER and word != "unknown"]
    return replace(
        held,
        data_class=held.data_class if is_vouched else "",
        level=level or max(known, key=POWER.index, default="unknown"),
        environment=higher_environment(held.environment, environment),  # I10
        model_controlled=privilege.model_controlled,
        opaque=privilege.opaque,
    )


def held_by_entitlement(entitlement: Entitlement, key: str = "") -> Held:
    """Return the facts of an entitlement that do not depend on the grant."""
    resource = entitlement.resource
    return Held(
        key=key,
        code=entitlement.code,
        tags=frozenset(entitlement.tags),
        level=entitlement.level,
        kind=resource.kind,
        resource=resource.pk,
        data_class=data_class_of(entitlement.data_class, resource.data_class),
        environment=resource.environment,
        outbound=entitlement.outbound,
    )


def held_by_grant(grant: Grant) -> Held:
    """Return the held access of a grant of an entitlement, as a scan counts it."""
    assert grant.entitlement is not None
    level, model_controlled, opaque, environment = WAYS[grant.held_as]
    held = held_by_entitlement(grant.entitlement, f"{grant.automation_id}/{grant.key}")
    environment = higher_environment(held.environment, environment)
    return replace(held, level=level, model_controlled=model_controlled, opaque=opaque, environment=environment)


def data_class_of(of_entitlement: str, of_resource: str) -> str:
    """Return the higher of both data classes; empty if the resource's is unset and could be the higher (I3, I4)."""
    if not of_resource:
        return of_entitlement if of_entitlement == CLASS_ORDER[-1] else ""
    return max(of_entitlement or CLASS_ORDER[0], of_resource, key=CLASS_ORDER.index)


def mask_of(leg: Leg, entitlement: Held) -> int:
    """Return the ways of holding an entitlement that fill a leg: bit N for way N; 0 for none.

    A grant keeps the environment in which it was given. If the resource has since moved to a higher environment, the
    higher one counts (I10).
    """
    mask = 0
    for selector in leg.any:
        base, ways = _split_selector(selector, entitlement.environment)
        if base.matches(entitlement):
            mask |= ways
    return mask


@cache
def _split_selector(selector: Selector, environment: str) -> tuple[Selector, int]:
    """Split a selector into a part that ignores the way, and the ways that pass its other part in this environment."""
    way = ("levels", "environments", "model_controlled", "opaque")
    nothing: frozenset[str] = frozenset()
    base = replace(selector, levels=nothing, environments=nothing, model_controlled=None, opaque=None)
    only = Selector(**{name: getattr(selector, name) for name in (*way, "is_surely")})
    probes = (
        Held("", level=w[0], model_controlled=w[1], opaque=w[2], environment=higher_environment(w[3], environment))
        for w in WAYS
    )
    return base, sum(1 << number for number, probe in enumerate(probes) if only.matches(probe))
