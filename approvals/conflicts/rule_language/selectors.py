"""Held access, and the selectors of conflict rules that match it (S6). Pure.

Source: docs/decisions/0024-the-rule-language.md.
"""

import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from inventory.risk.levels import LEVEL_ORDER
from inventory.risk.tiers import CLASS_ORDER, ENVIRONMENT_ORDER

#: As `inventory.models.ResourceKind` has them.
KINDS = ("data_store", "mcp_server", "saas_connector", "backend_api", "secret_store")
#: Access without an entitlement: a trigger that anyone can use without signing in, and running as an identity (I5).
ENTRIES = ("open", "identity")

#: The fields of a selector that list values, in the order of the document, with their values from least to most; None for any value.
LISTS: Mapping[str, Sequence[str] | None] = {
    "tags": None,
    "codes": None,
    "levels": LEVEL_ORDER,
    "kinds": KINDS,
    "resources": None,
    "data_classes": CLASS_ORDER,
    "environments": ENVIRONMENT_ORDER,
    "entry": ENTRIES,
}
#: The fields that are true or false, each in words.
FLAGS = {
    "outbound": "carrying data out",
    "model_controlled": "chosen by a model",
    "opaque": "running what can't be read beforehand",
}
#: Values in words, where these differ.
VALUE_WORDS = {
    "data_store": "a data store",
    "mcp_server": "an MCP server",
    "saas_connector": "a SaaS connector",
    "backend_api": "a backend API",
    "secret_store": "a secret store",
    "open": "a way in for somebody who has not signed in",
    "identity": "running as a non-human identity",
}
#: Each listed field in words, in the order of a sentence.
_SENTENCES = {
    "entry": "{}",
    "tags": "tagged {}",
    "codes": "called something like {}",
    "levels": "held with {} access",
    "kinds": "on {}",
    "resources": "on {}",
    "data_classes": "on {} data",
    "environments": "in {}",
}


@dataclass(frozen=True, slots=True)
class Held:
    """The facts of one access that is held or would be held.

    Args:
        key: identifies the access; two with the same key are one.
        code: the entitlement's code, or the type of a trigger.
        tags: the entitlement's.
        level: after narrowing; unknown counts as write (I4).
        kind: of the resource.
        resource: id of the resource, if it has one yet.
        data_class: the higher of the entitlement's and the resource's; empty is unset and counts as restricted (I3).
        environment: the higher of the automation's and the resource's (I10).
        outbound: it carries data to where others can read it.
        model_controlled: a model chooses whether, or with what, it is done.
        opaque: its code can't be read from the source.
        entry: ``open`` for a trigger that anyone can use without signing in, ``identity`` for running as an identity; otherwise empty.
        suspended: out of force for now. It may come back, and does not count for `without`.
    """

    key: str
    code: str = ""
    tags: frozenset[str] = frozenset()
    level: str = "unknown"
    kind: str = ""
    resource: int | None = None
    data_class: str = ""
    environment: str = "production"
    outbound: bool = False
    model_controlled: bool = False
    opaque: bool = False
    entry: str = ""
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Selector:
    """A match on held access. All given fields must match; one value of a field is enough.

    Args:
        tags: one of them is among the entitlement's.
        codes: shell-like patterns (``*``, ``?``, ``[abc]``) over the whole code, case-insensitive.
        levels: levels held; unknown counts as write (I4).
        kinds: kinds of resources.
        resources: ids of resources.
        data_classes: effective classes; unset counts as restricted.
        environments: effective environments.
        outbound: whether it carries data out; None for either.
        model_controlled: whether a model chooses; None for either.
        opaque: whether its code can't be read; None for either.
        entry: entries of triggers. Without it a selector matches entitlements only, with it triggers only.
        is_surely: set for `without` ("A without B"). An unknown level or unset class then matches no selector that asks for one.
            It is not in the document; it follows from the place of the selector.
    """

    tags: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    resources: frozenset[int] = frozenset()
    data_classes: frozenset[str] = frozenset()
    environments: frozenset[str] = frozenset()
    outbound: bool | None = None
    model_controlled: bool | None = None
    opaque: bool | None = None
    entry: frozenset[str] = frozenset()
    is_surely: bool = False

    def matches(self, held: Held) -> bool:
        """Return whether the selector matches.

        Give levels and classes as stored; unknown and unset are converted here.
        """
        return (
            bool(held.entry) == bool(self.entry)  # the cheapest and most selective tests first: a page makes hundreds
            and not (self.tags and self.tags.isdisjoint(held.tags))
            and (not self.resources or held.resource in self.resources)
            and not (self.is_surely and held.suspended)
            and (not self.entry or held.entry in self.entry)
            and (not self.kinds or held.kind in self.kinds)
            and (not self.environments or held.environment in self.environments)
            and (self.outbound is None or self.outbound == held.outbound)
            and (self.model_controlled is None or self.model_controlled == held.model_controlled)
            and (self.opaque is None or self.opaque == held.opaque)
            and (not self.levels or self._counted(held.level, LEVEL_ORDER, "write") in self.levels)
            and (
                not self.data_classes or self._counted(held.data_class, CLASS_ORDER, "restricted") in self.data_classes
            )
            and (not self.codes or _pattern(self.codes).fullmatch(held.code.lower()) is not None)
        )

    def _counted(self, value: str, order: Collection[str], unknown: str) -> str:
        """Return the value that counts. With `is_surely`, an unknown value is no proof."""
        return value if value in order else "" if self.is_surely else unknown

    def to_dict(self) -> dict[str, Any]:
        """Return the document: only the fields that are set, values in a fixed order."""
        fields: dict[str, Any] = {
            name: sorted(values, key=order.index if order is not None else None)
            for name, order in LISTS.items()
            if (values := getattr(self, name))
        }
        return fields | {name: getattr(self, name) for name in FLAGS if getattr(self, name) is not None}

    def words(self, names: Mapping[int, str] = MappingProxyType({})) -> str:
        """Describe the match in words: "tagged vendor.write, with more than read access".

        Args:
            names: names of the resources that the reader may see, by id.
        """
        fields = self.to_dict()
        if fields.get("levels") == list(LEVEL_ORDER[1:]):
            fields["levels"] = ["more than read"]
        fields["resources"] = [names.get(pk, f"resource {pk}") for pk in fields.get("resources", ())]
        listed = [
            sentence.format(_join_or([VALUE_WORDS.get(value, value) for value in fields[name]]))
            for name, sentence in _SENTENCES.items()
            if fields.get(name)
        ]
        flags = [f"{'' if fields[name] else 'not '}{words}" for name, words in FLAGS.items() if name in fields]
        return ", ".join([*listed, *flags])


@lru_cache(maxsize=4096)
def _pattern(codes: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(code.lower()) for code in sorted(codes)))


def _join_or(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}" if len(values) > 1 else values[0]
