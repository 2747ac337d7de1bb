"""The cheapest change that shortens a route: leave out a privilege or a connection, and fewer people decide (A1, A9).

Each candidate is judged by its effect on the present route, without queries. The best few are then planned anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from approvals.intake.preview.rows import Preview, PreviewRow, group_name
from approvals.submissions.plan.plan import Plan
from governance.core.models import Person
from governance.core.texts.number_words import counted
from inventory.importers.sentences import infinitive

#: Number of candidates that are planned anew.
TRIED = 2


@dataclass(frozen=True)
class ShorterRoute:
    """A change that shortens a route.

    Args:
        change: what to leave out, in words.
        effect: who need not decide then, or who decides alone.
        keys: row keys to leave out.
    """

    change: str
    effect: str
    keys: tuple[str, ...]


def shorter_route(preview: Preview) -> ShorterRoute | None:
    """Return the change of fewest rows that spares most people a decision in stage 2; None if there is none."""
    rows = [row for row in preview.asked_rows if row.may_leave]
    by_group: dict[str, list[PreviewRow]] = {}
    for row in rows:
        by_group.setdefault(row.group, []).append(row)
    candidates = [*([row] for row in rows), *(group for group in by_group.values() if len(group) > 1)]
    if preview.context.light or preview.refusal is not None or len(by_group) < 2:
        return None
    present = _people(preview, preview.plan)
    ranked = [(len(_spared(preview, group)), -len(group), number) for number, group in enumerate(candidates)]
    for spared, _, number in sorted(ranked, key=lambda rank: (-rank[0], -rank[1], rank[2]))[:TRIED]:
        group = candidates[number]
        if not spared or len(group) == len(rows):
            continue
        less = preview.context.without([row.requested.key for row in group])
        plan = Plan(less, preview.plan.wishes)
        people = _people(preview, plan)
        if people < present and not (plan.short and not preview.plan.short):
            return ShorterRoute(_change(group), _effect(people, present - people), tuple(row.key for row in group))
    return None


def _spared(preview: Preview, group: Sequence[PreviewRow]) -> set[tuple[Person, ...]]:
    """The people who decide about nothing but these rows, and credentials that only these rows use."""
    keys = {row.requested.key for row in group}
    for row in preview.asked_rows:
        used = row.requested.credential
        uses = [each.key for each in preview.privileges if used is not None and each.credential == used]
        if uses and keys.issuperset(uses):
            keys.add(row.requested.key)
    others = {people for row in preview.asked_rows if row.requested.key not in keys for people in _asked(row)}
    return {people for row in preview.asked_rows for people in _asked(row)} - others


def _asked(row: PreviewRow) -> Iterable[tuple[Person, ...]]:
    return (tuple(seat.may_decide) for seat in row.seats if seat.may_decide and not row.problems)


def _people(preview: Preview, plan: Plan) -> frozenset[tuple[Person, ...]]:
    """The people asked in stage 2, as they fill seats together."""
    second = [approval.row for approval in plan.approvals if approval.item is not None]
    return frozenset(tuple(seat.may_decide) for row in second for seat in plan.route.standing(row) if seat.may_decide)


def _change(group: Sequence[PreviewRow]) -> str:
    if len(group) == 1:
        return f"Do not {infinitive(group[0].sentence)}"
    return f"Leave out the {counted(len(group), 'privilege')} on {group_name(group[0])}"


def _effect(people: Iterable[tuple[Person, ...]], spared: Iterable[tuple[Person, ...]]) -> str:
    left = [group[0].name for group in people]
    if len(left) == 1:
        return f"{left[0]} alone decides stage 2"
    names = " and ".join(sorted({group[0].name for group in spared}))
    return f"{names} need not decide"
