"""Picture of an automation's reach: its identities, its resources and the entitlements there, with levels."""

from collections.abc import Mapping, Sequence

from governance.core.database.grouping import grouped
from governance.web.components import state_words, times
from governance.web.pages.page import Shape
from inventory.automations.queries import ACTIVE, GrantState
from inventory.importers import sentences
from inventory.models import Automation, Credential, NonHumanIdentity, Privilege, Version
from inventory.risk.levels import POWER


def automation_reach(
    automation: Automation,
    version: Version,
    held: Sequence[Privilege],
    identities: Sequence[tuple[NonHumanIdentity, bool]],
    granted: Mapping[str, GrantState],
) -> Shape:
    """Context of ``components/reach.html`` for an automation.

    Args:
        automation: the automation.
        version: the version whose privileges are drawn.
        held: at least one privilege, each with its entitlement, resource, resource owner and credential loaded.
        identities: identities of the version besides its credentials, each with whether the reader may open its page.
        granted: grants by privilege key; a privilege without one is out of reach. Empty before any approval: then the
            picture shows the request.
    """
    is_asked = automation.approved_version is None
    grants = None if is_asked else {p.pk: granted[p.key] for p in held if p.key in granted}
    groups, credentials = _by_resource(held), list({p.credential_id: p.credential for p in held}.values())
    resources = [_resource(group, grants) for group in groups]
    lines = [
        (credentials.index(credential), to, resources[to]["kind"])
        for to, group in enumerate(groups)
        for credential in {p.credential_id: p.credential for p in group}.values()
    ]
    boxes = [*map(_credential, credentials), *(_identity(*each) for each in identities)]
    root = {"icon": "bolt", "name": automation.name, "text": f"version {version.number}"}
    finding = _finding(resources, is_asked=is_asked)
    picture = _picture(("Automation", "Runs as"), finding, root, boxes, resources, lines)
    return picture | {"list_href": f"{automation.href}?tab=privileges"}


def identity_reach(
    identity: NonHumanIdentity,
    held: Sequence[tuple[Automation, Sequence[Privilege]]],
    granted: Mapping[int, Mapping[str, GrantState]],
    *,
    is_part: bool,
) -> Shape:
    """Picture of an identity: the automations that run as it, and their reach.

    Args:
        identity: the identity.
        held: each automation that runs as it, with at least one privilege of the counted version, each with its
            entitlement, resource and owner loaded.
        granted: grants by automation and privilege key.
        is_part: whether more automations run as it than are drawn.
    """
    groups = _by_resource([privilege for _, privileges in held for privilege in privileges])
    places = {privilege.pk: place for place, (_, privileges) in enumerate(held) for privilege in privileges}
    grants = {
        each.pk: granted[automation.pk][each.key]
        for automation, privileges in held
        for each in privileges
        if each.key in granted[automation.pk]
    }
    lines = []
    for to, group in enumerate(groups):
        for place in dict.fromkeys(places[each.pk] for each in group):
            own = [each for each in group if places[each.pk] == place]
            lines.append((place, to, _resource(own, grants)["kind"]))
    resources = [_resource(group, grants) for group in groups]
    boxes = [
        {"icon": "bolt", "name": each.name, "text": each.get_state_display().lower(), "href": each.href}
        for each, _ in held
    ]
    root = {"icon": "robot", "name": identity.subject, "text": identity.kind.replace("_", " ")}
    finding = _finding(resources, is_asked=False) + (", of the resources drawn here" if is_part else "")
    return _picture(("Identity", "Runs as it"), finding, root, boxes, resources, lines)


def _by_resource(privileges: Sequence[Privilege]) -> list[list[Privilege]]:
    return list(grouped((privilege.entitlement.resource_id, privilege) for privilege in privileges).values())


def _picture(
    captions: tuple[str, str],
    finding: str,
    root: Shape,
    boxes: Sequence[Shape],
    resources: Sequence[Shape],
    lines: Sequence[tuple[int, int, str]],
) -> Shape:
    """Context of ``components/reach.html``: one box, the boxes beside it, and the resources that they reach."""
    return {
        "captions": captions,
        "finding": finding,
        "list_href": "",
        "automation": root,
        "identities": boxes,
        "resources": resources,
        "second": lines,
    }


def _finding(resources: Sequence[Shape], *, is_asked: bool) -> str:
    open_ones = [resource for resource in resources if resource["kind"] != "suspended"]
    writes = sum(1 for resource in open_ones if resource["kind"] == "write")
    within = "1 resource" if len(open_ones) == 1 else f"{len(open_ones) or 'no'} resources"
    if is_asked:
        return f"Asked for, nothing approved yet: {within}, {writes or 'none'} of them to change or run"
    if not open_ones:
        return "If it leaked: nothing of it within reach now"
    return f"If it leaked: {within} within reach, {writes or 'none'} of them to change or run"


def _credential(credential: Credential | None) -> Shape:
    if credential is None:
        return {"icon": "bolt", "name": "No credential", "text": "nothing to sign in with"}
    return {
        "icon": "key",
        "name": str(credential),
        "text": f"{credential.get_lifetime_display().lower()} credential",
        "href": credential.href,
    }


def _identity(identity: NonHumanIdentity, is_seen: bool) -> Shape:
    return {
        "icon": "robot",
        "name": identity.subject,
        "text": identity.kind.replace("_", " "),
        "href": identity.href if is_seen else "",
    }


def _resource(group: Sequence[Privilege], states: Mapping[int, GrantState] | None) -> Shape:
    """One resource with the highest level on it; dashed, with the reason, without any grant in force.

    Args:
        group: privileges on the resource.
        states: grants by primary key of the privilege; None before any approval.
    """
    resource = group[0].entitlement.resource
    usable = [p for p in group if states is None or (p.pk in states and states[p.pk].state == ACTIVE)]
    levels = (p.level if states is None else states[p.pk].level_of(p) for p in usable)
    level = max(levels, key=POWER.index, default="")
    kind = "write" if level and level != "read" else ""
    if not usable:
        stopped = any(p.pk in (states or {}) for p in group)
        level, kind = ("suspended" if stopped else "not granted"), "suspended"
    group = usable or group
    owner = resource.owner.name if resource.owner else "no owner"
    targets = list(dict.fromkeys(filter(None, (_target(p, (states or {}).get(p.pk)) for p in group))))
    more = f"and {len(targets) - 1} more" if len(targets) > 1 else times.counted(len(group), "privilege")
    return {
        "icon": state_words.RESOURCE_KINDS[resource.kind].icon,
        "name": resource.name,
        "text": f"{owner} · {resource.counted_class}",
        "level": level,
        "kind": kind,
        "data": {"name": targets[0] if targets else resource.get_kind_display(), "text": more},
    }


def _target(privilege: Privilege, held: GrantState | None) -> str:
    if held is not None and set(held.scope) < set(privilege.scope):
        return sentences.target_text(", ".join(held.scope))
    return sentences.target_text(privilege.target, privilege.target_name)
