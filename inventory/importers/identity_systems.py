"""Systems that manage access, and changes in them that change a person's access. Pure tables."""

from __future__ import annotations

import re

from inventory.importers.facts import word_lists

SYSTEMS = (
    "okta, entra, azure ad, active directory, keycloak, auth 0, cognito, iam, g suite admin, google workspace admin, cloud identity,"
    " jump cloud, one login, ping identity, sailpoint, saviynt, authentik, zitadel, work os, ldap, free ipa"
)
"""Systems in which every change counts as a change of access, by the words of their names."""
SUITES = "ms graph, microsoft graph, google workspace, workspace mcp, g suite"
"""Suites that also hold mail and files: only a change to `THINGS` counts."""
_WORDS = word_lists("connectors")
THINGS = _WORDS["access_things"]
_HOSTS = re.compile(
    r"(?:[\w.-]+\.)?(?:okta|oktapreview|okta-emea|auth0|onelogin|jumpcloud)\.com"
    r"|(?:admin|iam|cloudidentity)\.googleapis\.com"
    r"|(?:iam|cognito-idp)(?:\.[a-z0-9-]+)?\.amazonaws\.com"
)
_KEYCLOAK = re.compile(r"/admin/realms/[^/]+/")
_GRAPH = "graph.microsoft.com"
_GRAPH_ACCESS = _WORDS["graph_access"]
_GRAPH_CONTENT = _WORDS["graph_content"]


def _naming(systems: str) -> re.Pattern[str]:
    """Pattern that finds one of `systems` among words: as separate words or as one."""
    names = [name.strip() for name in systems.split(",")]
    return re.compile(rf"\b(?:{'|'.join([*names, *(name.replace(' ', '') for name in names)])})\b")


_SYSTEM, _SUITE = _naming(SYSTEMS), _naming(SUITES)


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
