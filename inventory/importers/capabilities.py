"""Capability tags of an entitlement for conflict rules (S6), from connector, code and level. Pure tables.

Pages and the rule library use one vocabulary, `TAGS`. In doubt a tag is given: an unknown level both reads and changes
(I4). Protective tags (`PROTECTIVE`), which satisfy rules of "A without B", need an exact match.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from inventory.importers.connectors import canonical_connector
from inventory.importers.facts import facts, read_rows
from inventory.importers.manifest import QUERY_OPERATIONS
from inventory.importers.operation_words import is_sensitive, words

_FACTS = facts("capabilities")
#: Each tag with the words that follow "May" in a sentence.
TAGS: Mapping[str, str] = MappingProxyType(_FACTS["tags"])
#: Tags whose presence removes a conflict.
PROTECTIVE = frozenset({"log.write", "backup.write"})
_MODELS = ("lmChat", "lmOpenAi", "lmOllama", "lmCohere", "embeddings", "reranker")
_LEVELS = frozenset({"read", "write", "execute", "admin"})


@dataclass(frozen=True, slots=True)
class _Line:
    tag: str
    connectors: frozenset[str]
    nouns: tuple[frozenset[str], ...]
    levels: str
    verbs: frozenset[str]
    not_meant: frozenset[str]
    not_beside: frozenset[str]

    def holds(self, connector: str, nouns: frozenset[str], level: str, *, is_everything: bool) -> bool:
        if self.tag in PROTECTIVE and (is_everything or level not in _LEVELS):
            return False  # a possible control protects nothing
        return (
            self._has_level(level)
            and (not self.connectors or connector in self.connectors)
            and (not self.nouns or any(noun <= nouns for noun in self.nouns))
            and (not self.verbs or is_everything or not self.verbs.isdisjoint(nouns))
            and connector not in self.not_meant
            and self.not_beside.isdisjoint(nouns)
        )

    def _has_level(self, level: str) -> bool:
        if self.levels == "reads":
            return level == "read" or level not in _LEVELS
        if self.levels == "runs":
            return level in ("execute", "admin")
        return self.levels == "any" or level != "read"


def tags_of(connector: str, code: str, level: str, *, kind: str = "", opens_secrets: bool = False) -> list[str]:
    """The tags of an entitlement, in the order of `TAGS`.

    Args:
        connector: as the source names it: ``gmailTrigger``, ``mcp``; anything else, or empty, for a manual description.
        code: the entitlement's, ``resource:operation`` or a tool's name, or a person's own words.
        level: ``read``, ``write``, ``execute``, ``admin``; anything else is unknown.
        kind: of its resource: a read from a secret store reads secrets.
        opens_secrets: the importer found that reading this shows secrets.
    """
    tags = _tags_found(connector, code, level)
    if opens_secrets or (kind == "secret_store" and level != "write"):
        tags |= {"secrets.read"}
    return [tag for tag in TAGS if tag in tags]


@lru_cache(maxsize=4096)
def _tags_found(connector: str, code: str, level: str) -> frozenset[str]:
    service = canonical_connector(connector.removesuffix("Trigger")).removesuffix("Tool")
    thing, _, operation = code.rpartition(":")
    if (query_operation := operation.partition("/")[0]) in QUERY_OPERATIONS:
        operation = query_operation  # the level already has the restriction
    # The operation also counts as one word; ``*`` on one thing is not everything.
    whole_operation = frozenset() if thing and operation == "*" else frozenset({operation})
    nouns = whole_operation.union(_singular(word) for word in words(f"{thing} {operation}"))
    tags = {line.tag for line in _LINES if line.holds(service, nouns, level, is_everything=operation == "*")}
    if is_sensitive(operation, thing) and level != "write":
        tags.add("secrets.read")
    if connector.startswith(_MODELS) and level != "read":
        tags.add("model.call")
    return frozenset(tags)


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _tag_words(column: str) -> list[str]:
    """Words of a column, with groups expanded."""
    return [word for part in column.split() for word in _FACTS["groups"].get(part, part).split()]


#: Rows of ``data/capabilities.csv``. Empty matches any; nouns are alternatives in the singular; ``a+b`` needs both.
#: Levels: ``reads`` and ``changes`` include unknown; ``runs`` is execute and admin. The operation ``*`` has every verb.
_LINES = tuple(
    _Line(
        tag,
        frozenset(_tag_words(connectors)),
        tuple(frozenset(map(_singular, noun.split("+"))) for noun in _tag_words(nouns)),
        levels,
        frozenset(_tag_words(verbs)),
        frozenset(_FACTS["not_meant"].get(tag, "").split()),
        frozenset(_FACTS["not_beside"].get(tag, "").split()),
    )
    for tag, connectors, nouns, levels, verbs in read_rows("capabilities")
)
