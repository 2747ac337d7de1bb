"""Page of a non-human identity: owner, automations that run as it, and the effect of a leak (I5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from governance.core.clock import business_time
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from inventory.automations import queries as automation_queries
from inventory.automations.views import reach
from inventory.identities import queries as identity_queries
from inventory.importers import sentences
from inventory.models import Automation, NonHumanIdentity, Privilege, Version
from inventory.ownership.views import interim_owners
from inventory.risk.tiers import Tier

Shape = dict[str, Any]

#: Automations that a page lists, and automations in the picture.
MOST, DRAWN = 50, 6


@require_GET
def identity(request: Request, pk: int) -> HttpResponse:
    """Show an identity."""
    now = business_time.now()
    seen = NonHumanIdentity.objects.visible_to(request.actor, now)
    identity = get_object_or_404(seen.select_related("owner", "automation__team", "interim__person"), pk=pk)
    everything = list(
        identity_queries.versions_of_identity(identity)
        .order_by("automation__name", "pk")
        .values_list("pk", "automation", "automation__tier")
    )
    names = {automation for _, automation, _ in everything} | {identity.automation_id or 0}
    visible_ids = set(
        Automation.objects.visible_to(request.actor, now).filter(pk__in=names).values_list("pk", flat=True)
    )
    seen_ones = [version for version, automation, _ in everything if automation in visible_ids]
    counting = Version.objects.filter(pk__in=seen_ones[:MOST]).select_related("automation").defer("manifest", "secrets")
    shown = list(counting.order_by("automation__name", "pk"))
    runs, hidden = [version.automation for version in shown], len(everything) - len(seen_ones)
    context: Shape = {
        "now": now,
        "crumbs": [*_breadcrumbs(identity, runs), {"label": identity.subject, "href": ""}],
        "head": {
            "title": identity.subject,
            "facts": ["Non-human identity", identity.kind.replace("_", " "), sentences.platform_label(identity.issuer)],
        },
        "ownerless": interim_owners.interim_banner(identity, request.actor, now),
        "shared": _shared(len(everything)),
        "state": identity.state,
        "facts": _facts(identity, now, is_seen=identity.automation_id in visible_ids),
        "tier": max(Tier.of(tier) for _, _, tier in everything).word if everything else "",
        "runs": [{"href": each.href, "name": each.name, "state": each.state, "tier": each.tier} for each in runs],
        "more": len(seen_ones) - len(shown),
        "hidden": hidden,
        "reach": _reach(identity, shown[:DRAWN], now, is_part=len(everything) > min(len(shown), DRAWN)),
        "panels": _panels(identity),
        "events": timeline_queries.shapes(
            identity, reader=request.actor.person, limit=30, quiet=True, actor=request.actor, now=now
        ),
        "ledger_href": ledger_href(identity, actor=request.actor, now=now),
    }
    return page(request, "inventory/identities/identity.html", context, fragment="timeline")


def _breadcrumbs(identity: NonHumanIdentity, runs: Sequence[Automation]) -> list[Shape]:
    """Breadcrumbs: the list, and the automation if exactly one runs as the identity."""
    crumbs = [{"label": "Automations", "href": reverse("automation_list")}]
    return [*crumbs, {"label": runs[0].name, "href": runs[0].href}] if len(runs) == 1 else crumbs


def _shared(number: int) -> str:
    """Warning that several automations share the identity and so each other's access (I5)."""
    return (
        f"{times.counted(number, 'automation')} run as it: each counts with the highest tier of them."
        if number > 1
        else ""
    )


def _facts(identity: NonHumanIdentity, now: datetime, *, is_seen: bool) -> list[Shape]:
    meanwhile = identity.interim_owner(now)
    return [
        {
            "label": "Owner",
            "text": identity.owner.name,
            "quiet": "" if identity.owner.is_here else "is not here any more",
        },
        *([{"label": "Answers meanwhile", "text": meanwhile.name}] if meanwhile else []),
        {"label": "Issuer", "text": identity.issuer or "not known", "mono": True},
        {"label": "Subject", "text": identity.subject, "mono": True},
        {"label": "Serves", **_served(identity.automation, is_seen=is_seen)},
        {
            "label": "Last seen",
            "text": times.moment_words(identity.last_seen_at, now) if identity.last_seen_at else "not yet",
        },
    ]


def _served(automation: Automation | None, *, is_seen: bool) -> Shape:
    if automation is None:
        return {"text": "not tied to one automation"}
    return {"text": automation.name, "href": automation.href} if is_seen else {"text": "one that you may not see"}


def _reach(identity: NonHumanIdentity, drawn: Sequence[Version], now: datetime, *, is_part: bool) -> Shape | None:
    """Picture of a leak's effect; None without a visible automation that asks for privileges."""
    privileges_by_version: dict[int, list[Privilege]] = {version.pk: [] for version in drawn}
    for privilege in (
        Privilege.objects.filter(version__in=privileges_by_version)
        .select_related("entitlement__resource__owner")
        .order_by("pk")
    ):
        privileges_by_version[privilege.version_id].append(privilege)
    held = [
        (version.automation, privileges_by_version[version.pk])
        for version in drawn
        if privileges_by_version[version.pk]
    ]
    granted = automation_queries.grants_of(*(automation for automation, _ in held), now=now)
    return reach.identity_reach(identity, held, granted, is_part=is_part) if held else None


def _panels(identity: NonHumanIdentity) -> list[Shape]:
    try:
        return [{"href": reverse("identity_grants", args=[identity.pk]), "title": "What it may do", "id": "grants"}]
    except NoReverseMatch:
        return []
