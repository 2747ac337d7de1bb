"""The page of a non-human identity: who answers for it, what runs as it, and what a leak of it would touch (I5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from governance.controls import clock, timeline
from governance.web import times
from governance.web.ledger_links import ledger_href
from governance.web.middleware import Request
from governance.web.pages import page
from inventory import holding, running, words
from inventory.models import Automation, NonHumanIdentity, Privilege, Version
from inventory.risk import Tier
from inventory.views import interim, reach

Shape = dict[str, Any]

#: How many automations that run as it a page lists, and how many its picture holds.
MOST, DRAWN = 50, 6


@require_GET
def identity(request: Request, pk: int) -> HttpResponse:
    """One identity."""
    now = clock.now()
    seen = NonHumanIdentity.objects.visible_to(request.actor, now)
    one = get_object_or_404(seen.select_related("owner", "automation__team", "interim__person"), pk=pk)
    everything = list(running.as_identity(one).order_by("automation__name", "pk").select_related("automation"))
    names = {version.automation_id for version in everything}
    theirs = set(Automation.objects.visible_to(request.actor, now).filter(pk__in=names).values_list("pk", flat=True))
    shown = [version for version in everything if version.automation_id in theirs][:MOST]
    runs, hidden = [version.automation for version in shown], len(everything) - len(shown)
    context: Shape = {
        "now": now,
        "crumbs": [*_above(one, runs), {"label": one.subject, "href": ""}],
        "head": {
            "title": one.subject,
            "facts": ["Non-human identity", one.kind.replace("_", " "), words.platform(one.issuer)],
        },
        "ownerless": interim.banner(one, request.actor, now),
        "shared": _shared(len(everything)),
        "state": one.state,
        "facts": _facts(one, now),
        "tier": max(Tier.of(each.automation.tier) for each in everything).word if everything else "",
        "runs": [{"href": each.href, "name": each.name, "state": each.state, "tier": each.tier} for each in runs],
        "hidden": hidden,
        "reach": _reach(one, shown[:DRAWN], now, is_part=len(everything) > min(len(shown), DRAWN)),
        "panels": _panels(one),
        "events": timeline.shapes(one, reader=request.actor.person, limit=30, quiet=True, actor=request.actor, now=now),
        "ledger_href": ledger_href(one, actor=request.actor, now=now),
    }
    return page(request, "inventory/identity.html", context, fragment="timeline")


def _above(one: NonHumanIdentity, runs: Sequence[Automation]) -> list[Shape]:
    """The list that it is reached from, and the one automation that runs as it where it is one alone."""
    found = [{"label": "Automations", "href": reverse("automation_list")}]
    return [*found, {"label": runs[0].name, "href": runs[0].href}] if len(runs) == 1 else found


def _shared(number: int) -> str:
    """That several automations run as it: whatever one of them may do, all of them may (I5)."""
    return (
        f"{times.counted(number, 'automation')} run as it: each counts with the highest tier of them."
        if number > 1
        else ""
    )


def _facts(one: NonHumanIdentity, now: datetime) -> list[Shape]:
    meanwhile = one.interim_owner(now)
    return [
        {"label": "Owner", "text": one.owner.name, "quiet": "" if one.owner.is_here else "is not here any more"},
        *([{"label": "Answers meanwhile", "text": meanwhile.name}] if meanwhile else []),
        {"label": "Issuer", "text": one.issuer or "not known", "mono": True},
        {"label": "Subject", "text": one.subject, "mono": True},
        {
            "label": "Serves",
            "text": one.automation.name if one.automation else "not tied to one automation",
            "href": one.automation.href if one.automation else "",
        },
        {"label": "Last seen", "text": times.moment_words(one.last_seen_at, now) if one.last_seen_at else "not yet"},
    ]


def _reach(one: NonHumanIdentity, drawn: Sequence[Version], now: datetime, *, is_part: bool) -> Shape | None:
    """The picture of what a leak of it would touch; None while nothing that the reader may see runs as it and asks for anything."""
    asked: dict[int, list[Privilege]] = {version.pk: [] for version in drawn}
    for privilege in (
        Privilege.objects.filter(version__in=asked).select_related("entitlement__resource__owner").order_by("pk")
    ):
        asked[privilege.version_id].append(privilege)
    held = [(version.automation, asked[version.pk]) for version in drawn if asked[version.pk]]
    granted = holding.of(*(automation for automation, _ in held), now=now)
    return reach.of_identity(one, held, granted, is_part=is_part) if held else None


def _panels(one: NonHumanIdentity) -> list[Shape]:
    try:
        return [{"href": reverse("identity_grants", args=[one.pk]), "title": "What it may do", "id": "grants"}]
    except NoReverseMatch:
        return []
