"""The cheapest changes that shorten a route, so that fewer people decide: leave out, or only read (A1, A9, T1).

The builder leaves out a privilege or a connection here. Each candidate is judged by its effect on the present route, without
queries, and the best few are planned anew. A tier follows from the source and is never typed. So a privilege becomes read-only
in its source.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from approvals.intake.preview.rows import Preview, PreviewRow
from approvals.submissions.plan.context import PlanContext
from approvals.submissions.plan.plan import Plan
from governance.core.database.grouping import grouped
from governance.core.models import Person
from governance.core.texts.number_words import counted
from inventory.importers.sentences import infinitive
from inventory.models import DataClass, Level

#: Number of candidates that are planned anew.
TRIED = 2


@dataclass(frozen=True)
class ShorterRoute:
    """A change that shortens a route.

    Args:
        change: what to leave out, or to make read-only, in words.
        effect: who need not decide then, or who decides alone.
        keys: row keys to leave out; empty if the source has to change.
        places: places in the source that would only read.
    """

    change: str
    effect: str
    keys: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def shorter_routes(preview: Preview) -> list[ShorterRoute]:
    """Return the offers of a preview, the one that keeps every privilege first."""
    if preview.context.light or preview.refusal is not None:
        return []
    return [offer for offer in (read_only_route(preview), shorter_route(preview)) if offer is not None]


def read_only_route(preview: Preview) -> ShorterRoute | None:
    """Return what has to be read-only in the source, so that nothing is high-risk and fewer people decide; None for nothing."""
    rows = [row for row in preview.asked_rows if row.requested.privilege is not None and row.requested.tier == "high"]
    if not rows or not all(_may_only_read(row) for row in rows):
        return None
    effect = _effect_of(preview, preview.context.if_read_only({row.requested.key for row in rows}))
    change = f"“{rows[0].sentence}”" if len(rows) == 1 else counted(len(rows), "privilege")
    return ShorterRoute(f"Make {change} read-only", effect, places=tuple(row.place for row in rows)) if effect else None


def _may_only_read(row: PreviewRow) -> bool:
    """Whether it changes data that it could also read at a lower risk. Reading restricted data is high risk too (T1)."""
    is_outbound = row.requested.privilege is not None and row.requested.privilege.entitlement.outbound
    return row.level in (Level.WRITE, Level.ADMIN) and row.data_class != DataClass.RESTRICTED and not is_outbound


def shorter_route(preview: Preview) -> ShorterRoute | None:
    """Return the change of fewest rows that spares most people a decision in stage 2; None if there is none."""
    rows = [row for row in preview.asked_rows if row.may_leave]
    by_group = grouped((row.group, row) for row in rows)
    deciding = _deciding(preview)
    if len(by_group) < 2 or len(deciding) < 2:
        return None
    candidates = [*([row] for row in rows), *(group for group in by_group.values() if len(group) > 1)]
    opened = _opened(preview)
    ranked = [(_count_spared(group, deciding, opened), -len(group), number) for number, group in enumerate(candidates)]
    for spared, _, number in sorted(ranked, key=lambda rank: (-rank[0], -rank[1], rank[2]))[:TRIED]:
        group = candidates[number]
        if not spared or len(group) == len(rows):
            continue
        if effect := _effect_of(preview, preview.context.without([row.requested.key for row in group])):
            return ShorterRoute(_change(group), effect, tuple(row.key for row in group))
    return None


def _deciding(preview: Preview) -> dict[tuple[int, ...], set[str]]:
    """The keys of the items that the same people decide, by the ids of these people."""
    deciding = defaultdict[tuple[int, ...], set[str]](set)
    for row in preview.asked_rows:
        for seat in row.seats:
            if seat.may_decide and not row.problems:
                deciding[tuple(person.pk for person in seat.may_decide)].add(row.requested.key)
    return deciding


def _opened(preview: Preview) -> dict[str, set[str]]:
    """The keys of the privileges that use each requested credential."""
    uses = [(row.key, row.credential) for row in preview.privileges if row.credential is not None]
    asked = [row.requested for row in preview.asked_rows if row.requested.credential is not None]
    return {item.key: {key for key, used in uses if used == item.credential} for item in asked}


def _count_spared(
    group: Sequence[PreviewRow], deciding: Mapping[tuple[int, ...], set[str]], opened: Mapping[str, set[str]]
) -> int:
    """Count those who decide about nothing but these rows, and credentials that only these rows use."""
    keys = {row.requested.key for row in group}
    keys |= {key for key, uses in opened.items() if uses and uses <= keys}
    return sum(items <= keys for items in deciding.values())


def _effect_of(preview: Preview, context: PlanContext) -> str:
    """The effect of a change, planned anew, in words; empty if it spares nobody a decision, or leaves too few people."""
    plan = Plan(context, preview.plan.wishes)
    people, present = _people(plan), _people(preview.plan)
    is_shorter = people < present and not (plan.short and not preview.plan.short)
    return _effect(people, present - people) if is_shorter else ""


def _people(plan: Plan) -> frozenset[tuple[Person, ...]]:
    """The people asked in stage 2, as they fill seats together."""
    second = [approval.row for approval in plan.approvals if approval.item is not None]
    return frozenset(tuple(seat.may_decide) for row in second for seat in plan.route.standing(row) if seat.may_decide)


def _change(group: Sequence[PreviewRow]) -> str:
    if len(group) == 1:
        return f"Do not {infinitive(group[0].sentence)}"
    return f"Leave out the {counted(len(group), 'privilege')} on {group[0].group_name}"


def _effect(people: Iterable[tuple[Person, ...]], spared: Iterable[tuple[Person, ...]]) -> str:
    left = [group[0].name for group in people]
    if len(left) == 1:
        return f"{left[0]} alone decides stage 2"
    names = " and ".join(sorted({group[0].name for group in spared}))
    return f"{names} need not decide"
