"""Which entitlement fills which leg of which rule, stored in advance so that queries compare keys (S6).

The rows are derived from rules and entitlements. Each change of one of these writes them, and a nightly job recomputes
all of them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.held_access import held_by_entitlement, mask_of
from approvals.conflicts.queries import StoredRule
from approvals.conflicts.rule_language.rule import legs_of
from approvals.models import ConflictMember, ConflictRule
from governance.core.engine.transition import Step
from inventory.models import Entitlement, Resource

#: Entitlements read at once, and rows written at once.
CHUNK = 2_000


def update_members(entitlements: Collection[int], now: datetime) -> int:
    """Recompute which legs some entitlements fill, for all rules in force. Return the number of rows.

    A concurrent reader sees the old or the new members of an entitlement, never none.

    Args:
        entitlements: ids of new or changed entitlements.
        now: business time.
    """
    if not entitlements:
        return 0
    rules = conflict_queries.rules_with_members(now)
    rows = list(compute_members(rules, Entitlement.objects.filter(pk__in=entitlements).select_related("resource")))
    with transaction.atomic():
        ConflictMember.objects.filter(entitlement__in=entitlements).delete()
        ConflictMember.objects.bulk_create(rows, batch_size=CHUNK)
    return len(rows)


def update_rules(versions: Sequence[ConflictRule]) -> None:
    """Store the members of rules that take effect. Delete those of earlier versions that will not come back."""
    versions_by_code = {version.code: version for version in versions}
    acting = [version.code for version in versions if version.until is not None]
    members = ConflictMember.objects.filter(rule__code__in=versions_by_code)
    members.exclude(rule__code__in=acting, rule__until__isnull=True).delete()
    rules = [conflict_queries.parse_version(version) for version in versions if not version.is_given_up]
    if rules:
        entitlements = Entitlement.objects.select_related("resource").order_by("pk")
        ConflictMember.objects.bulk_create(compute_members(rules, entitlements), batch_size=CHUNK)


def add_members(entitlements: Sequence[Entitlement], step: Step[Any]) -> None:
    """Store the members of entitlements that an import has added to the register."""
    rules = conflict_queries.rules_with_members(step.now)
    ConflictMember.objects.bulk_create(compute_members(rules, entitlements), batch_size=CHUNK)


def update_entitlement(entitlement: Entitlement, step: Step[Any]) -> None:
    """Recompute an entitlement that was added."""
    update_members({entitlement.pk}, step.now)


def update_resource(resource: Resource, step: Step[Any]) -> None:
    """Recompute the entitlements of a resource that was changed or activated."""
    update_members(set(resource.entitlements.values_list("pk", flat=True)), step.now)


def update_all(now: datetime) -> int:
    """Recompute all members, one chunk of entitlements in a transaction. Return the number of rows."""
    rules = conflict_queries.rules_with_members(now)
    ConflictMember.objects.exclude(rule__in=[stored.version.pk for stored in rules]).delete()
    keys = list(Entitlement.objects.order_by("pk").values_list("pk", flat=True))
    return sum(update_members(keys[start : start + CHUNK], now) for start in range(0, len(keys), CHUNK))


def compute_members(rules: Sequence[StoredRule], entitlements: Iterable[Entitlement]) -> Iterator[ConflictMember]:
    """Yield unsaved members: which of some entitlements, loaded with their resources, fills which leg of which rule."""
    legs = [(stored.version, number, leg) for stored in rules for number, leg in legs_of(stored.rule)]
    for entitlement in entitlements:
        held = held_by_entitlement(entitlement)
        for version, number, leg in legs:
            if mask := mask_of(leg, held):
                yield ConflictMember(rule_id=version.pk, leg=number, entitlement=entitlement, mask=mask)
