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
from inventory import words
from inventory.models import Automation, AutomationState, NonHumanIdentity, Privilege
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
    running = Automation.objects.running_as(one)
    runs = list(
        running.filter(pk__in=Automation.objects.visible_to(request.actor, now).values("pk")).order_by("name", "pk")[
            :MOST
        ]
    )
    hidden = running.count() - len(runs)
    context: Shape = {
        "now": now,
        "crumbs": [*_above(one, runs), {"label": one.subject, "href": ""}],
        "head": {
            "title": one.subject,
            "facts": ["Non-human identity", one.kind.replace("_", " "), words.platform(one.issuer)],
        },
        "ownerless": interim.banner(one, request.actor, now),
        "shared": _shared(len(runs) + hidden),
        "state": one.state,
        "facts": _facts(one, now),
        "tier": max((Tier.of(each.tier) for each in runs if each.tier), default=Tier.LOW).word if runs else "",
        "runs": [{"href": each.href, "name": each.name, "state": each.state, "tier": each.tier} for each in runs],
        "hidden": hidden,
        "reach": _reach(one, runs),
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


def _reach(one: NonHumanIdentity, runs: Sequence[Automation]) -> Shape | None:
    """The picture of what a leak of it would touch; None while nothing that the reader may see runs as it and asks for anything."""
    drawn = runs[:DRAWN]
    related = ("entitlement__resource__owner", "version")
    counted = [each.__dict__["counted_version"] for each in drawn]  # `running_as` says which version counts
    asked = Privilege.objects.filter(version__in=[pk for pk in counted if pk is not None])
    by_automation: dict[int, list[Privilege]] = {each.pk: [] for each in drawn}
    for privilege in asked.select_related(*related).order_by("pk"):
        by_automation[privilege.version.automation_id].append(privilege)
    held = [(each, by_automation[each.pk]) for each in drawn if by_automation[each.pk]]
    return reach.of_identity(one, held, _granted(drawn)) if held else None


def _granted(drawn: Sequence[Automation]) -> dict[int, dict[str, str]]:
    """By automation what counts of the grant that stands for each privilege, as `automation_page.granted` says it of one."""
    stopped = {each.pk for each in drawn if each.state == AutomationState.SUSPENDED}
    found: dict[int, dict[str, str]] = {each.pk: {} for each in drawn}
    approved = Automation.objects.filter(pk__in=found, approved_version__isnull=False, grants__isnull=False)
    standing = approved.exclude(grants__state="ended").order_by()
    for pk, key, state in standing.values_list("pk", "grants__key", "grants__state"):
        found[pk][key] = "suspended" if pk in stopped else state
    return found


def _panels(one: NonHumanIdentity) -> list[Shape]:
    try:
        return [{"href": reverse("identity_grants", args=[one.pk]), "title": "What it may do", "id": "grants"}]
    except NoReverseMatch:
        return []
