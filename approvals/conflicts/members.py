"""Which entitlement fills which leg of which rule, stored in advance so that queries compare keys (S6).

The rows are derived from rules and entitlements. Each change of one of these writes them, and a nightly job recomputes
all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import QuerySet

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.held_access import held_by_entitlement, legs_of, mask_of, required_legs
from approvals.conflicts.queries import StoredRule
from approvals.conflicts.rule_language.rule import Rule
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.scan import Fill
from approvals.models import ConflictMember, ConflictRule
from governance.core.database.key_filters import among
from governance.core.engine.transition import Step
from inventory.models import Control, Entitlement, Resource, Version

#: Entitlements read at once, and rows written at once.
CHUNK = 2_000
#: Fields that distinguish entitlements, apart from the resource; see `held_access.of_entitlement`.
COMPARED_FIELDS = (
    *("code", "tags", "level", "outbound", "data_class"),
    *("resource__kind", "resource__data_class", "resource__environment"),
)
#: Limit for a page: legs times entitlements to compare.
MAX_COMPARISONS = 500_000


def update_members(entitlements: Collection[int], now: datetime) -> None:
    """Recompute which legs some entitlements fill, for all rules in force.

    Args:
        entitlements: ids of new or changed entitlements.
        now: business time.
    """
    if not entitlements:
        return
    rules = conflict_queries.rules_with_members(now)
    with transaction.atomic():
        ConflictMember.objects.filter(entitlement__in=entitlements).delete()
        rows = compute_members(rules, Entitlement.objects.filter(pk__in=entitlements))
        ConflictMember.objects.bulk_create(rows, batch_size=CHUNK)


def update_rules(versions: Sequence[ConflictRule]) -> None:
    """Store the members of rules that take effect. Delete those of earlier versions that will not come back."""
    versions_by_code = {version.code: version for version in versions}
    acting = [version.code for version in versions if version.until is not None]
    members = ConflictMember.objects.filter(rule__code__in=versions_by_code)
    members.exclude(rule__code__in=acting, rule__until__isnull=True).delete()
    rules = [conflict_queries.parse_version(version) for version in versions if not version.is_given_up]
    if rules:
        entitlements = Entitlement.objects.order_by("pk")
        ConflictMember.objects.bulk_create(compute_members(rules, entitlements), batch_size=CHUNK)


def rules_without_match(rules: Sequence[Rule]) -> set[str] | None:
    """Return codes of the rules with a leg that matches nothing in the register. They catch nobody yet.

    Returns:
        None if that takes more comparisons than a page allows (`MAX_COMPARISONS`).
    """
    forms = {
        replace(held_by_entitlement(entitlement), resource=None)
        for entitlement in Entitlement.objects.select_related("resource")
    }
    if len(forms) * sum(len(required_legs(rule)) for rule in rules) > MAX_COMPARISONS:
        return None
    return {
        rule.code for rule in rules if not all(any(mask_of(leg, form) for form in forms) for leg in required_legs(rule))
    }


def follow_version(version: Version, step: Step[Any]) -> None:
    """Recompute the entitlements that a new version has added to the register. Hook on new versions."""
    held = Entitlement.objects.filter(privileges__version=version).order_by().values("pk")
    new = Entitlement.history.filter(id__in=held, history_type="+", history_date=step.now)
    update_members(set(new.values_list("id", flat=True)), step.now)


def follow_entitlement(entitlement: Entitlement, step: Step[Any]) -> None:
    """Compute the legs of an entitlement that was added to a resource."""
    update_members({entitlement.pk}, step.now)


def follow_control(control: Control, step: Step[Any]) -> None:
    """Recompute an entitlement after a change of its control."""
    update_members({control.entitlement_id}, step.now)


def follow_resource(resource: Resource, step: Step[Any]) -> None:
    """Recompute all entitlements of a resource after a change of the resource."""
    update_members(set(resource.entitlements.values_list("pk", flat=True)), step.now)


#: Events that create or change an entitlement, and their hooks.
HOOKS = (
    ("version.imported", follow_version),
    ("version.registered_by_hand", follow_version),
    ("entitlement.added", follow_entitlement),
    ("control.said", follow_control),
    ("control.taken_back", follow_control),
    ("resource.amended", follow_resource),
    ("resource.activated", follow_resource),
)


def update_all(now: datetime) -> int:
    """Recompute all members, one chunk of entitlements in a transaction. Return the number of rows.

    A concurrent reader sees the old or the new members of an entitlement, never none.
    """
    rules = conflict_queries.rules_with_members(now)
    ConflictMember.objects.exclude(rule__in=[stored.version.pk for stored in rules]).delete()
    count, last = 0, 0
    while chunk := list(Entitlement.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            stored_members = ConflictMember.objects.filter(entitlement__gte=chunk[0], entitlement__lte=chunk[-1])
            before = {(row.rule_id, row.leg, row.entitlement_id): row for row in stored_members}
            computed = {
                (row.rule_id, row.leg, row.entitlement_id): row
                for row in compute_members(rules, Entitlement.objects.filter(pk__in=chunk))
            }
            stale = [row.pk for key, row in before.items() if key not in computed or computed[key].mask != row.mask]
            fresh = [row for key, row in computed.items() if key not in before or before[key].mask != row.mask]
            ConflictMember.objects.filter(pk__in=stale).delete()
            ConflictMember.objects.bulk_create(fresh, batch_size=CHUNK)
        count, last = count + len(computed), chunk[-1]
    return count


def compute_members(rules: Sequence[StoredRule], entitlements: QuerySet[Entitlement]) -> Iterator[ConflictMember]:
    """Yield unsaved members: which of some entitlements fills which leg of which rule."""
    legs = [(stored.version, number, leg) for stored in rules for number, leg in legs_of(stored.rule)]
    for entitlement in entitlements.select_related("resource"):
        held = held_by_entitlement(entitlement)
        for version, number, leg in legs:
            if mask := mask_of(leg, held):
                yield ConflictMember(rule_id=version.pk, leg=number, entitlement=entitlement, mask=mask)


def compute_fills(rules: Sequence[StoredRule], entitlements: Collection[int]) -> list[Fill]:
    """Return which entitlements fill which leg of rules that are not in force.

    One query; equal entitlements are compared once.
    """
    legs = [(stored.version.pk, number, leg) for stored in rules for number, leg in legs_of(stored.rule)]
    by_resource = any(selector.resources for _, _, leg in legs for selector in leg.any)
    keys_by_fill: dict[tuple[int, int, int], list[int]] = {}
    for held, keys in _group_alike(entitlements, by_resource=by_resource):
        for rule, number, leg in legs:
            if mask := mask_of(leg, held):
                keys_by_fill.setdefault((rule, number, mask), []).extend(keys)
    return [Fill(rule, number, keys, mask) for (rule, number, mask), keys in keys_by_fill.items()]


def _group_alike(entitlements: Collection[int], *, by_resource: bool) -> Iterator[tuple[Held, list[int]]]:
    """Yield each distinct form of the entitlements with the ids that have it."""
    columns = (*COMPARED_FIELDS, "resource") if by_resource else COMPARED_FIELDS
    selected = Entitlement.objects.filter(among(entitlements)).order_by()
    rows = selected.values_list(*columns).annotate(keys=ArrayAgg("pk"))
    for code, tags, level, outbound, data_class, kind, of_resource, environment, *resource, keys in rows:
        on = Resource(pk=resource[0] if resource else None, kind=kind, data_class=of_resource, environment=environment)
        said_of = {"code": code, "tags": tags, "level": level, "outbound": outbound, "data_class": data_class}
        yield held_by_entitlement(Entitlement(resource=on, **said_of)), keys
