"""Store ends and chains of automations in use, from their approved versions (A16).

A change updates them in its transaction; `rebuild_chains` computes all of them. Both give the same result.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import transaction

from governance.core.database import advisory_locks
from governance.core.database.grouping import grouped
from governance.core.database.querysets import among
from governance.core.engine.transition import Step
from inventory.chains import chain_ends
from inventory.chains import queries as chain_queries
from inventory.chains.chain_ends import NOWHERE
from inventory.chains.queries import IN_USE
from inventory.models import Automation, ChainEnd, ChainMember, Version

#: Events that change the approved version or take an automation into or out of use.
FOLLOWED = ("automation.went_live", "automation.retired")
#: Advisory lock for writing chains, so that two joined automations see each other's ends.
LOCK = 0x6C696E6B
#: Automations whose rows are read together.
AT_ONCE = 1_000
#: Key of an end; and the removed ends by key with the added ends of one automation.
Key = tuple[str, str, str]
Change = tuple[dict[Key, int], list[ChainEnd]]


def update_chain(automation: Automation, step: Step[Any]) -> None:
    """Update the chain after a change of the approved version; registered for `FOLLOWED`."""
    refresh_chains(automation.pk)


def refresh_chains(*automations: int) -> None:
    """Recompute the ends of some automations and the chains that change with them, in the caller's transaction.

    Other automations' stored ends stay as they are.

    Args:
        automations: ids of rows that the caller has locked.
    """
    made = _ends_in_use(automations)
    if _changes_of(automations, made):
        advisory_locks.lock_until_commit(LOCK)
        _rewrite(_changes_of(automations, made))


def _changes_of(automations: Collection[int], made: Mapping[int, Iterable[ChainEnd]]) -> dict[int, Change]:
    """Removed and added ends of the automations whose ends or state of use changed."""
    kept: dict[int, dict[Key, int]] = {pk: {} for pk in automations}
    for row in ChainEnd.objects.filter(automation__in=automations):
        kept[row.automation_id][row.key] = row.pk
    members = set(ChainMember.objects.filter(automation__in=automations).values_list("automation", flat=True))
    changed = {}
    for pk in automations:
        new = {end.key: end for end in made.get(pk, ())}
        removed = {key: row for key, row in kept[pk].items() if key not in new}
        added = [end for key, end in new.items() if key not in kept[pk]]
        if removed or added or (pk in made) != (pk in members):
            changed[pk] = removed, added
    return changed


def _rewrite(changed: Mapping[int, Change]) -> None:
    """Write the changed ends and chains. Former neighbours are still found by their stored chain."""
    ChainEnd.objects.filter(pk__in={row for removed, _ in changed.values() for row in removed.values()}).delete()
    ChainEnd.objects.bulk_create((end for _, added in changed.values() for end in added), chain_queries.ROWS)
    points = {end.point for _, added in changed.values() for end in added} - {NOWHERE}
    touched = set(changed) | _joined_at(points)
    grown = ChainMember.objects.filter(among(touched, "automation")).values("chain")
    members = touched | set(ChainMember.objects.filter(chain__in=grown).values_list("automation", flat=True))
    in_use = Automation.objects.filter(among(members), state__in=IN_USE).order_by().values_list("pk", flat=True)
    _write_members(set(in_use), chain_ends.group_chains(chain_queries.sides_of(members)))
    ChainMember.objects.filter(among(members, "automation")).exclude(automation__state__in=IN_USE).delete()


def _joined_at(points: Collection[str]) -> set[int]:
    """Automations that another is joined with at one of these points, by stored ends."""
    rows = ChainEnd.objects.filter(point__in=points).order_by().values_list("automation", "point", "side")
    sides_by_point = grouped((point, (pk, side)) for pk, point, side in (rows if points else ()))
    return {
        pk for rows in sides_by_point.values() if chain_ends.are_joined({side for _, side in rows}) for pk, _ in rows
    }


def _write_members(in_use: Collection[int], groups: Mapping[int, int]) -> None:
    rows = [ChainMember(automation_id=pk, chain=groups.get(pk, pk)) for pk in sorted(in_use)]
    ChainMember.objects.bulk_create(
        rows, chain_queries.ROWS, update_conflicts=True, unique_fields=["automation"], update_fields=["chain"]
    )


def rebuild_chains() -> int:
    """Recompute all ends and chains; returns the number of automations in use."""
    with transaction.atomic():
        advisory_locks.lock_until_commit(LOCK)
        ChainEnd.objects.all().delete()
        in_use = list(Automation.objects.filter(state__in=IN_USE).order_by("pk").values_list("pk", flat=True))
        for begin in range(0, len(in_use), AT_ONCE):
            made = _ends_in_use(in_use[begin : begin + AT_ONCE])
            ChainEnd.objects.bulk_create((end for ends in made.values() for end in ends), chain_queries.ROWS)
        ChainMember.objects.exclude(automation__state__in=IN_USE).delete()
        _write_members(in_use, chain_ends.group_chains(chain_queries.sides_of(in_use)))
    return len(in_use)


def _ends_in_use(automations: Collection[int]) -> dict[int, list[ChainEnd]]:
    """Ends of the approved versions in use, by automation; a fixed number of queries."""
    versions = Version.objects.filter(approved_for__in=automations, approved_for__state__in=IN_USE).order_by("pk")
    parts = chain_queries.version_parts(versions)
    return {version.automation.pk: chain_ends.ends_of(version) for version in parts.values()}
