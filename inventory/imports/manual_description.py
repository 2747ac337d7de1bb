"""Register automations without an export: a person's description becomes a manifest (I1, I7)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from governance.core.texts import free_text
from inventory.importers.manifest import Kind, Manifest, Privilege, Source, sha256
from inventory.importers.manifest import Trigger as ManifestTrigger
from inventory.models import REGISTERED, Entitlement
from inventory.risk.levels import Access


@dataclass(frozen=True)
class DescribedPrivilege:
    """One privilege of a manual description.

    Args:
        entitlement: of a resource in the register.
        level: ``read``, ``write``, ``execute`` or ``admin``.
        target: part of the resource: tables, a channel, a path; parts are joined by a comma and a blank.
        model_controlled: whether a model chooses the operation.
    """

    entitlement: Entitlement
    level: str
    target: str = ""
    model_controlled: bool = False


def describe_manually(
    *,
    name: str,
    kind: str,
    platform: str,
    privileges: Sequence[DescribedPrivilege],
    triggers: Sequence[ManifestTrigger] = (),
    external_id: str = "",
) -> Manifest:
    """Manifest of a manual description, for a preview.

    Args:
        name: name of the automation.
        kind: see `AutomationKind`.
        platform: its platform, in one or two words.
        privileges: its privileges.
        triggers: its triggers.
        external_id: id of an earlier description of the same automation; empty for a new one.
    """
    described = tuple(
        Privilege(
            at=free_text.name(privilege.entitlement.words),
            connector=REGISTERED,
            instance=str(privilege.entitlement.resource_id),
            operation=free_text.name(privilege.entitlement.code),
            access=cast("Access", privilege.level),
            target=free_text.name(privilege.target),
            model_controlled=privilege.model_controlled,
        )
        for privilege in privileges
    )
    holds = [
        [privilege.instance, privilege.operation, privilege.access, privilege.target, privilege.model_controlled]
        for privilege in described
    ]
    starts = [[trigger.type, trigger.detail, trigger.authenticated, trigger.active] for trigger in triggers]
    content = sha256({"holds": holds, "starts": starts})
    source = Source(format="manual", files=(), external_id=external_id or f"manual:{uuid.uuid4()}", content=content)
    return Manifest(
        source=source,
        name=free_text.name(name),
        kind=cast("Kind", kind),
        platform=free_text.name(platform),
        triggers=tuple(triggers),
        privileges=described,
    )
