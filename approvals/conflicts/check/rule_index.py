"""An index of rules: which legs an access fills, without comparing every rule with every access (S6). Pure.

Each of the hundreds of rules names a few tags or resources. The index keeps a selector under a value that it requires.
Only selectors under a value of the access are compared.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence

from approvals.conflicts.rule_language.rule import Rule, legs_of
from approvals.conflicts.rule_language.selectors import Held, Selector

#: By position of the rule: by number of the leg, the access that fills it.
Filled = dict[int, dict[int, tuple[Held, ...]]]
#: A selector with the position of its rule and the number of its leg.
_Kept = tuple[int, int, Selector]

#: Index keys: of selectors that require no single value, and of selectors for triggers.
ANYTHING, ENTRY = ("anything",), ("entry",)
#: Prefix of index keys for codes, to keep them apart from tags.
CODE = "code"


class Index:
    """The selectors of some rules, indexed for held access.

    Args:
        rules: results name a rule by its position here.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._kept: dict[Hashable, list[_Kept]] = defaultdict(list)
        for place, rule in enumerate(rules):
            for number, leg in legs_of(rule):
                for selector in leg.any:
                    for index_key in _index_keys(selector):
                        self._kept[index_key].append((place, number, selector))

    def fill(self, helds: Iterable[Held]) -> Filled:
        """Return which access fills which leg of which rule. Rules without a filled leg are left out.

        The order is kept.
        """
        helds_by_leg: dict[int, dict[int, list[Held]]] = {}
        for held in helds:
            filled = {(place, number) for place, number, selector in self._may(held) if selector.matches(held)}
            for place, number in sorted(filled):
                helds_by_leg.setdefault(place, {}).setdefault(number, []).append(held)
        return {
            place: {number: tuple(held) for number, held in sorted(legs.items())}
            for place, legs in helds_by_leg.items()
        }

    def _may(self, held: Held) -> Iterator[_Kept]:
        if held.entry:
            yield from self._kept.get(ENTRY, ())
            return
        for index_key in (*held.tags, held.resource, (CODE, held.code.lower()), ANYTHING):
            yield from self._kept.get(index_key, ())


def _index_keys(selector: Selector) -> Iterable[Hashable]:
    """Return the index keys of a selector: it requires one of these values. The rarest kind of value comes first."""
    if selector.entry:
        return (ENTRY,)
    return selector.resources or selector.tags or _code_keys(selector) or (ANYTHING,)


def _code_keys(selector: Selector) -> Iterable[Hashable]:
    """Return its codes if none is a pattern, as in an imported matrix; otherwise nothing."""
    if any(sign in code for code in selector.codes for sign in "*?["):
        return ()
    return [(CODE, code.lower()) for code in selector.codes]
