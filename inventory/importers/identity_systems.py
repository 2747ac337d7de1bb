"""Systems that manage access, and changes in them that change a person's access. Pure tables."""

from __future__ import annotations

import re
from collections.abc import Sequence

from inventory.importers.facts import facts, word_lists

_WORDS, _FACTS = word_lists("connectors"), facts("connectors")
THINGS = _WORDS["access_things"]
_HOSTS = re.compile("|".join(_FACTS["identity_hosts"]))
_KEYCLOAK = re.compile(r"/admin/realms/[^/]+/")
_GRAPH = "graph.microsoft.com"
_GRAPH_ACCESS = _WORDS["graph_access"]
_GRAPH_CONTENT = _WORDS["graph_content"]


def _naming(names: Sequence[str]) -> re.Pattern[str]:
    """Pattern that finds one of some names among words: as separate words or as one."""
    return re.compile(rf"\b(?:{'|'.join([*names, *(name.replace(' ', '') for name in names)])})\b")


_SYSTEM, _SUITE = _naming(_FACTS["identity_systems"]), _naming(_FACTS["suites"])


def is_about_access(things: set[str], service: list[str]) -> bool:
    """Whether a change to `things` in a service of these words changes access."""
    name = " ".join(service)
    return _SYSTEM.search(name) is not None or (_SUITE.search(name) is not None and not THINGS.isdisjoint(things))


def changes_access(host: str, path: str, connector: list[str]) -> bool:
    """Whether a write request to this address changes access.

    Microsoft Graph also serves mail and files, so its path decides.

    Args:
        host: of the address.
        path: of the address.
        connector: words of its name.
    """
    if host == _GRAPH:
        segments = set(path.lower().split("/"))
        return bool(_GRAPH_ACCESS & segments) and not _GRAPH_CONTENT & segments
    return is_about_access(set(), connector) or _HOSTS.fullmatch(host) is not None or _KEYCLOAK.search(path) is not None
