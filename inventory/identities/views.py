"""Page of a non-human identity: owner, automations that run as it, and the effect of a leak (I5)."""

from collections.abc import Sequence
from datetime import datetime

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.database.grouping import grouped
from governance.web.pages.page import Shape, page, timeline_context
from governance.web.requests.request import Request, visible_row
from inventory.automations import panels
from inventory.automations import queries as automation_queries
from inventory.automations.views import reach
from inventory.identities import queries as identity_queries
from inventory.importers import sentences
from inventory.models import Automation, NonHumanIdentity, Privilege, Version
from inventory.ownership.views import interim_owners
from inventory.risk.tiers import Tier

#: Automations that a page lists, and automations in the picture.
MOST, DRAWN = 50, 6


@require_GET
def identity(request: Request, pk: int) -> HttpResponse:
    """Show an identity."""
    identity, now = visible_row(request, NonHumanIdentity, pk, "owner", "automation__team", "interim__person")
    versions = identity_queries.versions_of_identity(identity).order_by("automation__name", "pk")
    everything = list(versions.values_list("pk", "automation", "automation__tier"))
    names = {automation for _, automation, _ in everything} | {identity.automation_id or 0}
    visible = Automation.objects.visible_to(request.actor, now).filter(pk__in=names)
    visible_ids = set(visible.values_list("pk", flat=True))
    seen_ones = [version for version, automation, _ in everything if automation in visible_ids]
    counting = Version.objects.filter(pk__in=seen_ones[:MOST]).select_related("automation").defer("manifest", "secrets")
    shown = list(counting.order_by("automation__name", "pk"))
    runs, hidden = [version.automation for version in shown], len(everything) - len(seen_ones)
    context: Shape = {
        **timeline_context(identity, actor=request.actor, now=now, quiet=True),
        "head": {
            "title": identity.subject,
            "facts": ["Non-human identity", identity.kind.replace("_", " "), sentences.platform_label(identity.issuer)],
            "actions": [stop] if (stop := panels.supplied(panels.STOP, identity, request.actor, now)) else [],
        },
        "identity": identity,
        "interim": identity.interim_owner(now),
        "is_seen": identity.automation_id in visible_ids,
        "ownerless": interim_owners.interim_banner(identity, request.actor, now),
        "shared_by": len(everything),
        "tier": max(Tier.from_word(tier) for _, _, tier in everything).word if everything else "",
        "runs": runs,
        "more": len(seen_ones) - len(shown),
        "hidden": hidden,
        "reach": _reach(identity, shown[:DRAWN], now, is_part=len(everything) > min(len(shown), DRAWN)),
        "panels": [{"href": reverse("identity_grants", args=[identity.pk]), "title": "What it may do", "id": "grants"}],
    }
    return page(request, "inventory/identities/identity.html", context, fragment="timeline")


def _reach(identity: NonHumanIdentity, drawn: Sequence[Version], now: datetime, *, is_part: bool) -> Shape | None:
    """Picture of a leak's effect; None without a visible automation that asks for privileges."""
    rows = Privilege.objects.filter(version__in=drawn).select_related("entitlement__resource__owner").order_by("pk")
    privileges = grouped((privilege.version_id, privilege) for privilege in rows)
    held = [(version.automation, privileges[version.pk]) for version in drawn if version.pk in privileges]
    granted = automation_queries.grants_of(*(automation for automation, _ in held), now=now)
    return reach.identity_reach(identity, held, granted, is_part=is_part) if held else None
