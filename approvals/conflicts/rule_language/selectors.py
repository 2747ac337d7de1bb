"""What is held, and which of it a rule means: the words of the language of conflict rules (S6). Pure.

Source: docs/decisions/0024-the-rule-language.md.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from inventory.risk.tiers import CLASS_ORDER, ENVIRONMENT_ORDER, LEVEL_ORDER

#: As `inventory.models.ResourceKind` has them.
KINDS = ("data_store", "mcp_server", "saas_connector", "backend_api", "secret_store")
#: What is there that is no entitlement: a trigger that somebody who has not signed in can use, and that it runs as an identity (I5).
ENTRIES = ("open", "identity")

_KIND_WORDS = MappingProxyType(
    {
        "data_store": "a data store",
        "mcp_server": "an MCP server",
        "saas_connector": "a SaaS connector",
        "backend_api": "a backend API",
        "secret_store": "a secret store",
    }
)

_ENTRY_WORDS = MappingProxyType(
    {"open": "a way in for somebody who has not signed in", "identity": "running as a non-human identity"}
)


@dataclass(frozen=True, slots=True)
class Held:
    """The facts of one thing that is held, or would be.

    Args:
        key: what makes it this one thing; two with the same key are one.
        code: the entitlement's code; the type of a trigger.
        tags: the entitlement's.
        level: of what is held, after narrowing; what is not known counts as write (I4).
        kind: of the resource.
        resource: its id, if it has one yet.
        data_class: the higher of the entitlement's and the resource's; empty, which is unset, counts as restricted (I3).
        environment: the higher of the automation's and the resource's (I10).
        outbound: it carries data to where others can read it.
        model_controlled: a model chooses whether, or with what, it is done.
        opaque: what is run can't be read from the source.
        entry: ``open`` for a trigger that somebody who has not signed in can use, ``identity`` for running as an identity of its own or
            another's; empty for everything else.
        suspended: it is out of force for the time being: it may come back, and is no proof that it is there.
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
    """What is meant. All fields that are given must hold; of the values of one field one is enough.

    Args:
        tags: one of them is among the entitlement's.
        codes: shell-like patterns (``*``, ``?``, ``[abc]``) over the whole code, whatever its case.
        levels: of what is held; what is not known counts as write (I4).
        kinds: of the resource.
        resources: their ids.
        data_classes: counted ones; unset counts as restricted.
        environments: where it counts.
        outbound: whether it carries data out; None for either.
        model_controlled: whether a model chooses; None for either.
        opaque: whether what it runs can't be read; None for either.
        entry: of triggers; a selector without it is of entitlements only, one with it of triggers only.
        is_surely: of what must be there ("A without B"): what is not known is no proof that it is, so an unknown level
            and an unset class match nothing that asks for one. It is not in the document: it follows from where a selector stands.
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
        """Whether this is meant. Levels and classes are counted here: give them as they are, unknown and unset too."""
        return (
            bool(held.entry) == bool(self.entry)  # most are told apart by this and the next, and a page asks hundreds
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

    def _counted(self, value: str, known: Collection[str], unknown: str) -> str:
        """A value as it counts; what is not known is no proof that something is there."""
        return value if value in known else "" if self.is_surely else unknown

    def to_dict(self) -> dict[str, Any]:
        """The document of it: what is not given is left out, values in a fixed order."""
        lists: dict[str, list[Any]] = {
            "tags": sorted(self.tags),
            "codes": sorted(self.codes),
            "levels": _ordered(self.levels, LEVEL_ORDER),
            "kinds": _ordered(self.kinds, KINDS),
            "resources": sorted(self.resources),
            "data_classes": _ordered(self.data_classes, CLASS_ORDER),
            "environments": _ordered(self.environments, ENVIRONMENT_ORDER),
            "entry": _ordered(self.entry, ENTRIES),
        }
        flags = {"outbound": self.outbound, "model_controlled": self.model_controlled, "opaque": self.opaque}
        given: dict[str, Any] = {name: values for name, values in lists.items() if values}
        return given | {name: value for name, value in flags.items() if value is not None}

    def words(self, names: Mapping[int, str] = MappingProxyType({})) -> str:
        """What is meant, in words: "tagged vendor.write, with more than read access".

        Args:
            names: what the resources are called that the reader may see, by id.
        """
        given = self.to_dict()
        resources = [names.get(one, f"resource {one}") for one in given.get("resources", ())]
        said = [
            _or([_ENTRY_WORDS[one] for one in given["entry"]]) if self.entry else "",
            f"tagged {_or(given['tags'])}" if self.tags else "",
            f"called something like {_or(given['codes'])}" if self.codes else "",
            f"held with {_levels(given['levels'])} access" if self.levels else "",
            f"on {_or([_KIND_WORDS[one] for one in given['kinds']])}" if self.kinds else "",
            f"on {_or(resources)}" if self.resources else "",
            f"on {_or(given['data_classes'])} data" if self.data_classes else "",
            f"in {_or(given['environments'])}" if self.environments else "",
            _flag(self.outbound, "carrying data out"),
            _flag(self.model_controlled, "chosen by a model"),
            _flag(self.opaque, "running what can't be read beforehand"),
        ]
        return ", ".join(part for part in said if part)


@lru_cache(maxsize=4096)
def _pattern(codes: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(code.lower()) for code in sorted(codes)))


def literally(code: str) -> str:
    """The pattern that matches this code and no other."""
    return re.sub(r"([*?\[])", r"[\1]", code)


def _ordered(values: frozenset[str], order: Sequence[str]) -> list[str]:
    return [one for one in order if one in values]


def _or(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}" if len(values) > 1 else values[0]


def _levels(levels: Sequence[str]) -> str:
    return "more than read" if tuple(levels) == LEVEL_ORDER[1:] else _or(levels)


def _flag(value: bool | None, words: str) -> str:
    return "" if value is None else words if value else f"not {words}"
