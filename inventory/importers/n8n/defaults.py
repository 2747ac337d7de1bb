"""Defaults of n8n node types: resource, operation, credential types and telling parameters.

A parameter with its default value is not exported, and the default often is a write. ``data/n8n_nodes.csv`` has these
facts in our own words: a row for each node type and its first version, `operations` by resource, and `targets` as
alternatives in order. ``data/n8n.toml`` has the other facts. Tests compare them with a reference if one is available.
Unlisted types are read by their parameters and shown as not recognised.
"""

from dataclasses import dataclass, replace
from functools import cache

from inventory.importers.facts import facts, read_rows, word_lists
from inventory.risk.levels import Access

WORDS, _FACTS = word_lists("n8n"), facts("n8n")
TRIGGER_TARGETS = tuple(_FACTS["trigger_targets"].split())
BY_METHOD: dict[str, str] = _FACTS["by_method"]
PUBLIC_SERVICES: dict[str, str] = _FACTS["public_services"]
MODELS: dict[str, str] = _FACTS["models"]
STORES: dict[str, str] = _FACTS["stores"]
SEARCH_TOOLS: dict[str, str] = _FACTS["search_tools"]
TRIGGER_CREDENTIALS: dict[str, str] = _FACTS["trigger_credentials"]
ACCESS: dict[str, Access] = {place: level for level, places in _FACTS["access"].items() for place in places.split()}
CUSTOMERS = {connector: frozenset(resources.split()) for connector, resources in _FACTS["customers"].items()}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Unexported facts of one version of a node type."""

    credentials: tuple[str, ...]
    resource: str
    operations: dict[str, str]
    targets: tuple[str, ...]


def facts_of(connector: str, version: float, package: str = "base") -> NodeFacts | None:
    """Facts of a node type, or None for an unlisted one.

    Args:
        connector: the type's last part without a final ``Tool``.
        version: the node's ``typeVersion``.
        package: ``langchain`` searches the AI nodes first.
    """
    versions = _nodes().get((package, connector)) or _nodes().get(("base", connector))
    if not versions:
        return None
    node_facts = next(fact for since, fact in versions if version >= since)
    if connector in WORDS["service_accounts"] and version < 2:
        others = (each for each in node_facts.credentials if each != "googleApi")
        return replace(node_facts, credentials=("googleApi", *others))
    return node_facts


@cache
def _nodes() -> dict[tuple[str, str], list[tuple[float, NodeFacts]]]:
    """Facts by package and connector, the highest version first."""
    nodes: dict[tuple[str, str], list[tuple[float, NodeFacts]]] = {}
    for package, connector, since, credentials, resource, operations, targets in read_rows("n8n_nodes"):
        defaults = dict(pair.split("=", 1) for pair in operations.split())
        fact = NodeFacts(tuple(credentials.split()), resource, defaults, tuple(targets.split()))
        nodes.setdefault((package, connector), []).append((float(since or "-inf"), fact))
    for versions in nodes.values():
        versions.sort(key=lambda version: version[0], reverse=True)
    return nodes
