"""Documents of rules, and things held, for properties."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from approvals.conflicts.rule_language.rule import MODES, RATINGS, SCOPES
from approvals.conflicts.rule_language.selectors import ENTRIES, KINDS, Held
from inventory.risk.levels import LEVEL_ORDER
from inventory.risk.tiers import CLASS_ORDER, ENVIRONMENT_ORDER

TAGS = ("pay", "vendor.write", "log.write")
CODES = ("vendor:create", "Vendor:pay", "log", "a[b]c")
#: Characters of the register's texts. A rule is cleaned of invisible ones, so it would not come back the same.
words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=12).filter(
    lambda text: text.strip()
)


def some(values: Any, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)


SELECTORS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "tags": some(TAGS),
            "codes": some(("vendor:*", "*PAY", "log", "a[[]b]c", "?endor:[a-z]*", "*")),
            "levels": some(LEVEL_ORDER),
            "kinds": some(KINDS),
            "resources": st.lists(st.integers(1, 3), min_size=1, max_size=2),
            "data_classes": some(CLASS_ORDER),
            "environments": some(ENVIRONMENT_ORDER),
            "outbound": st.booleans(),
            "model_controlled": st.booleans(),
            "opaque": st.booleans(),
        },
    ).filter(bool),
    st.fixed_dictionaries({"entry": some(ENTRIES)}, optional={"environments": some(ENVIRONMENT_ORDER)}),
)
LEGS = st.fixed_dictionaries({"name": words, "any": st.lists(SELECTORS, min_size=1, max_size=3)})


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A document that is a rule."""
    without, needs = draw(st.none() | LEGS), draw(st.none() | LEGS)
    document = {
        "code": draw(st.from_regex(r"\A[a-z0-9]{1,6}(-[a-z0-9]{1,6}){0,2}\Z")),
        "title": draw(words),
        "process": draw(words),
        "rating": draw(st.sampled_from(RATINGS)),
        "mode": draw(st.sampled_from(MODES)),
        "scope": draw(st.sampled_from(SCOPES)),
        "reason": draw(words),
        "legs": draw(st.lists(LEGS, min_size=2 if without is None else 1, max_size=4)),
    }
    if without is not None:
        document["without"] = without
    if needs is not None:
        document["needs"] = needs
    if resolve := draw(st.none() | words):
        document["resolve"] = resolve
    return document


HELD = st.builds(
    Held,
    key=st.sampled_from("abcdef"),
    code=st.sampled_from(CODES),
    tags=st.frozensets(st.sampled_from(TAGS)),
    level=st.sampled_from((*LEVEL_ORDER, "unknown")),
    kind=st.sampled_from(KINDS),
    resource=st.none() | st.integers(1, 3),
    data_class=st.sampled_from((*CLASS_ORDER, "")),
    environment=st.sampled_from(ENVIRONMENT_ORDER),
    outbound=st.booleans(),
    model_controlled=st.booleans(),
    opaque=st.booleans(),
    entry=st.sampled_from(("", "", "", "open", "identity")),
)
