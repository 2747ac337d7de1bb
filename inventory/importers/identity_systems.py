"""Systems that decide who may do what elsewhere, and which changes in them change somebody's access. Pure tables."""

from __future__ import annotations

import re

from inventory.importers.display import vocabulary

SYSTEMS = vocabulary(
    """
    okta entra microsoftEntra azureAd keycloak auth0 cognito awsCognito iam awsIam gSuiteAdmin googleWorkspaceAdmin cloudIdentity
    jumpcloud onelogin pingIdentity sailpoint saviynt authentik zitadel workos ldap freeipa
    """
)
DIRECTORIES = vocabulary("ldap freeipa")
"""Every entry of these counts as access."""
THINGS = vocabulary(
    """
    group groups policy policies rule rules application applications app apps entitlement entitlements client clients scope scopes
    factor factors token tokens device devices directory directories realm realms tenant tenants
    """
)
_HOSTS = re.compile(
    r"(?:[\w.-]+\.)?(?:okta|oktapreview|okta-emea|auth0|onelogin|jumpcloud)\.com"
    r"|(?:admin|iam|cloudidentity)\.googleapis\.com"
    r"|(?:iam|cognito-idp)(?:\.[a-z0-9-]+)?\.amazonaws\.com"
)
_KEYCLOAK = re.compile(r"/admin/realms/[^/]+/")
_GRAPH = "graph.microsoft.com"
_GRAPH_ACCESS = vocabulary(
    """
    groups users members owners directory directoryroles directoryobjects applications serviceprincipals policies rolemanagement
    identity administrativeunits invitations approleassignments
    """
)
_GRAPH_CONTENT = vocabulary(
    """
    sendmail messages mailfolders events calendar calendars calendarview contacts drive drives sites planner onenote chats threads
    conversations todo
    """
)


def is_about_access(things: set[str], names: set[str]) -> bool:
    """Whether a change to `things` in a service of these `names` changes somebody's access."""
    return bool(DIRECTORIES & names or (SYSTEMS & names and THINGS & things))


def changes_access(host: str, path: str, connector: str) -> bool:
    """Whether a request that writes to this address changes somebody's access.

    Microsoft Graph serves mail and files too, so there the path decides.
    """
    if host == _GRAPH:
        segments = set(path.lower().split("/"))
        return bool(_GRAPH_ACCESS & segments) and not _GRAPH_CONTENT & segments
    return connector in SYSTEMS or _HOSTS.fullmatch(host) is not None or _KEYCLOAK.search(path) is not None
