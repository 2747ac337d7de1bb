"""Which legs of which rules something fills, without asking every rule of every thing (S6). Pure.

There are hundreds of rules, and each is about a few tags or resources: a selector is kept under one thing that it cannot do without, and only
those kept under what a thing has are asked whether they mean it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

from approvals.conflicts.held_access import legs_of
from approvals.conflicts.rule_language.rule import Rule
from approvals.conflicts.rule_language.selectors import Held, Selector

#: Of a rule, by its place among the rules: leg by number, with what fills it.
Filled = dict[int, dict[int, tuple[Held, ...]]]
#: A selector with the place of its rule and the number of its leg.
_Kept = tuple[int, int, Selector]

#: Under what a selector is kept that anything could fit; under what those of triggers are.
ANYTHING, ENTRY = ("anything",), ("entry",)
#: What a code is kept under begins with this, so that no tag is taken for one.
CODE = "code"


class Index:
    """The selectors of some rules, to be asked by what is held.

    Args:
        rules: a thing that fills a leg of one is said by the place of the rule here.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._kept: dict[Hashable, list[_Kept]] = defaultdict(list)
        for place, rule in enumerate(rules):
            for number, leg in legs_of(rule):
                for selector in leg.any:
                    for under in _needs(selector):
                        self._kept[under].append((place, number, selector))

    def fill(self, things: Iterable[Held]) -> Filled:
        """What fills which leg of which rule: nothing is said of a rule of which no leg is filled. Things keep their order."""
        found: dict[int, dict[int, list[Held]]] = {}
        for held in things:
            for place, number in sorted(
                {(place, number) for place, number, one in self._may(held) if one.matches(held)}
            ):
                found.setdefault(place, {}).setdefault(number, []).append(held)
        return {place: {number: tuple(held) for number, held in sorted(legs.items())} for place, legs in found.items()}

    def _may(self, held: Held) -> Iterator[_Kept]:
        if held.entry:
            yield from self._kept.get(ENTRY, ())
            return
        for under in (*held.tags, held.resource, (CODE, held.code.lower()), ANYTHING):
            yield from self._kept.get(under, ())


def _needs(selector: Selector) -> Iterable[Hashable]:
    """What something must have one of for the selector to mean it: the rarest kind of thing that it names."""
    if selector.entry:
        return (ENTRY,)
    return selector.resources or selector.tags or _codes(selector) or (ANYTHING,)


def _codes(selector: Selector) -> Iterable[Hashable]:
    """Its codes, where each means one code alone, as those of an imported matrix do; nothing where one is a pattern."""
    if any(sign in code for code in selector.codes for sign in "*?["):
        return ()
    return [(CODE, code.lower()) for code in selector.codes]
