"""Which entitlement fills which leg of which rule: worked out in advance, so that what is held is asked by keys (S6).

Rows here are no decision and no record: they follow from a rule and an entitlement, are written with whatever changes one of these, and worked
out whole once a night.
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
from approvals.conflicts.held_access import legs_of, mask_of, needed_of, of_entitlement
from approvals.conflicts.queries import Standing
from approvals.conflicts.rule_language.rule import Rule
from approvals.conflicts.rule_language.selectors import Held
from approvals.conflicts.scan import Fill
from approvals.models import ConflictMember, ConflictRule
from governance.core.database.key_filters import among
from governance.core.engine.transition import Step
from inventory.models import Control, Entitlement, Resource, Version

#: Entitlements read at once, and rows written at once.
CHUNK = 2_000
#: What tells what can be held from other such, but for whose it is; see `held_access.of_entitlement`.
ALIKE = (
    *("code", "tags", "level", "outbound", "data_class"),
    *("resource__kind", "resource__data_class", "resource__environment"),
)
#: Legs times entitlements that are compared for a page.
MOST_COMPARED = 500_000


def weigh(entitlements: Collection[int], now: datetime) -> None:
    """Work out anew what some entitlements fill, of all rules in force.

    Args:
        entitlements: ids of those that are new or have changed.
        now: business time.
    """
    if not entitlements:
        return
    rules = conflict_queries.to_keep_weighed(now)
    with transaction.atomic():
        ConflictMember.objects.filter(entitlement__in=entitlements).delete()
        rows = rows_of(rules, Entitlement.objects.filter(pk__in=entitlements))
        ConflictMember.objects.bulk_create(rows, batch_size=CHUNK)


def weigh_rules(versions: Sequence[ConflictRule]) -> None:
    """Work out what fills the legs of rules that are put in force, and forget what filled those of earlier versions that do not come back."""
    made = {one.code: one for one in versions}
    acting = [one.code for one in versions if one.until is not None]
    known = ConflictMember.objects.filter(rule__code__in=made)
    known.exclude(rule__code__in=acting, rule__until__isnull=True).delete()
    rules = [conflict_queries.of(one) for one in versions if not one.is_given_up]
    if rules:
        every = Entitlement.objects.order_by("pk")
        ConflictMember.objects.bulk_create(rows_of(rules, every), batch_size=CHUNK)


def idle(rules: Sequence[Rule]) -> set[str] | None:
    """Codes of the rules of which some leg means nothing that is in the register: they would catch nobody yet.

    Returns:
        None where that is more than is compared for a page (`MOST_COMPARED`).
    """
    forms = {replace(of_entitlement(one), resource=None) for one in Entitlement.objects.select_related("resource")}
    if len(forms) * sum(len(needed_of(rule)) for rule in rules) > MOST_COMPARED:
        return None
    return {rule.code for rule in rules if not all(any(mask_of(leg, one) for one in forms) for leg in needed_of(rule))}


def follow_version(version: Version, step: Step[Any]) -> None:
    """Work out what a new version has brought into the register: registered for what makes versions."""
    held = Entitlement.objects.filter(privileges__version=version).order_by().values("pk")
    new = Entitlement.history.filter(id__in=held, history_type="+", history_date=step.now)
    weigh(set(new.values_list("id", flat=True)), step.now)


def follow_entitlement(entitlement: Entitlement, step: Step[Any]) -> None:
    """Work out one that was added to a resource."""
    weigh({entitlement.pk}, step.now)


def follow_control(control: Control, step: Step[Any]) -> None:
    """Work out what a control stands on, or stands on no more."""
    weigh({control.entitlement_id}, step.now)


def follow_resource(resource: Resource, step: Step[Any]) -> None:
    """Work out anew what can be held on a resource, since something about that has changed."""
    weigh(set(resource.entitlements.values_list("pk", flat=True)), step.now)


#: What makes or changes an entitlement, and how that is followed.
FOLLOWED = (
    ("version.imported", follow_version),
    ("version.registered_by_hand", follow_version),
    ("entitlement.added", follow_entitlement),
    ("control.said", follow_control),
    ("control.taken_back", follow_control),
    ("resource.amended", follow_resource),
    ("resource.activated", follow_resource),
)


def weigh_all(now: datetime) -> int:
    """Work out everything anew, a chunk of entitlements a transaction; returns how many rows there are.

    A reader in the middle of it sees of each entitlement what held before or what holds now, and never nothing.
    """
    rules = conflict_queries.to_keep_weighed(now)
    ConflictMember.objects.exclude(rule__in=[one.version.pk for one in rules]).delete()
    count, last = 0, 0
    while chunk := list(Entitlement.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        with transaction.atomic():
            known = ConflictMember.objects.filter(entitlement__gte=chunk[0], entitlement__lte=chunk[-1])
            before = {(row.rule_id, row.leg, row.entitlement_id): row for row in known}
            found = {
                (row.rule_id, row.leg, row.entitlement_id): row
                for row in rows_of(rules, Entitlement.objects.filter(pk__in=chunk))
            }
            stale = [row.pk for key, row in before.items() if key not in found or found[key].mask != row.mask]
            fresh = [row for key, row in found.items() if key not in before or before[key].mask != row.mask]
            ConflictMember.objects.filter(pk__in=stale).delete()
            ConflictMember.objects.bulk_create(fresh, batch_size=CHUNK)
        count, last = count + len(found), chunk[-1]
    return count


def rows_of(rules: Sequence[Standing], entitlements: QuerySet[Entitlement]) -> Iterator[ConflictMember]:
    """What of some entitlements fills which leg of which rule, worked out and not saved."""
    legs = [(one.version, number, leg) for one in rules for number, leg in legs_of(one.rule)]
    for entitlement in entitlements.select_related("resource"):
        held = of_entitlement(entitlement)
        for version, number, leg in legs:
            if mask := mask_of(leg, held):
                yield ConflictMember(rule_id=version.pk, leg=number, entitlement=entitlement, mask=mask)


def filled_by(rules: Sequence[Standing], entitlements: Collection[int]) -> list[Fill]:
    """What of some entitlements fills which leg of rules that are not in force: what is alike is worked out once. One query."""
    legs = [(one.version.pk, number, leg) for one in rules for number, leg in legs_of(one.rule)]
    by_resource = any(selector.resources for _, _, leg in legs for selector in leg.any)
    found: dict[tuple[int, int, int], list[int]] = {}
    for held, keys in _alike(entitlements, by_resource=by_resource):
        for rule, number, leg in legs:
            if mask := mask_of(leg, held):
                found.setdefault((rule, number, mask), []).extend(keys)
    return [Fill(rule, number, keys, mask) for (rule, number, mask), keys in found.items()]


def _alike(entitlements: Collection[int], *, by_resource: bool) -> Iterator[tuple[Held, list[int]]]:
    """What they are, those that are alike once, with their ids."""
    said = (*ALIKE, "resource") if by_resource else ALIKE
    some = Entitlement.objects.filter(among(entitlements)).order_by()
    rows = some.values_list(*said).annotate(keys=ArrayAgg("pk"))
    for code, tags, level, outbound, own, kind, of_resource, environment, *resource, keys in rows:
        on = Resource(pk=resource[0] if resource else None, kind=kind, data_class=of_resource, environment=environment)
        said_of = {"code": code, "tags": tags, "level": level, "outbound": outbound, "data_class": own}
        yield of_entitlement(Entitlement(resource=on, **said_of)), keys
