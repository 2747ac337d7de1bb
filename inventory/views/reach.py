"""The picture of an automation's reach: itself, what it runs as, resources, and what of them, with the level on the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inventory import words
from inventory.models import Automation, Credential, NonHumanIdentity, Privilege, Version

Shape = dict[str, Any]

#: Levels from least to most, as the picture compares them.
POWER = ("read", "unknown", "write", "execute", "admin")
ICONS = {
    "data_store": "database",
    "mcp_server": "branch",
    "saas_connector": "message",
    "backend_api": "server",
    "secret_store": "key",
}


def shape(
    one: Automation, version: Version, held: Sequence[Privilege], identities: Sequence[NonHumanIdentity]
) -> Shape:
    """What ``components/reach.html`` takes.

    Args:
        one: the automation.
        version: whose privileges are drawn.
        held: at least one privilege, each with entitlement, resource, its owner, and credential at hand.
        identities: what the version runs as beside its credentials.
    """
    credentials = list({p.credential_id: p.credential for p in held}.values())
    by_resource: dict[int, list[Privilege]] = {}
    for privilege in held:
        by_resource.setdefault(privilege.entitlement.resource_id, []).append(privilege)
    resources = [_resource(group) for group in by_resource.values()]
    second = [
        (credentials.index(credential), place, resources[place]["kind"])
        for place, group in enumerate(by_resource.values())
        for credential in {p.credential_id: p.credential for p in group}.values()
    ]
    return {
        "finding": _finding(resources),
        "list_href": f"{one.href}?tab=privileges",
        "automation": {"name": one.name, "text": f"version {version.number}"},
        "identities": [*map(_credential, credentials), *map(_identity, identities)],
        "resources": resources,
        "first": [(0, place, "") for place in range(len(credentials) + len(identities))],
        "second": second,
    }


def _finding(resources: Sequence[Shape]) -> str:
    writes = sum(1 for resource in resources if resource["kind"] == "write")
    within = "1 resource" if len(resources) == 1 else f"{len(resources)} resources"
    return f"If it leaked: {within} within reach, {writes or 'none'} of them to change or run"


def _credential(credential: Credential | None) -> Shape:
    if credential is None:
        return {"icon": "bolt", "name": "No credential", "text": "nothing to sign in with"}
    return {"icon": "key", "name": str(credential), "text": f"{credential.get_lifetime_display().lower()} credential"}


def _identity(identity: NonHumanIdentity) -> Shape:
    return {"icon": "robot", "name": identity.subject, "text": identity.kind.replace("_", " ")}


def _resource(group: Sequence[Privilege]) -> Shape:
    resource = group[0].entitlement.resource
    level = max((p.level for p in group), key=POWER.index)
    owner = resource.owner.name if resource.owner else "nobody answers for it"
    targets = list(dict.fromkeys(filter(None, (words.said_target(p.target, p.target_name) for p in group))))
    more = f"and {len(targets) - 1} more" if len(targets) > 1 else _counted(len(group))
    return {
        "icon": ICONS.get(resource.kind, "database"),
        "name": resource.name,
        "text": f"{owner} · {resource.counted_class}",
        "level": level,
        "kind": "" if level == "read" else "write",
        "data": {"name": targets[0] if targets else resource.get_kind_display(), "text": more},
    }


def _counted(number: int) -> str:
    return "1 privilege" if number == 1 else f"{number} privileges"
