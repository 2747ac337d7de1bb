"""Pages of automations: the list, one automation with its tabs, and its actions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from governance.core.clock import business_time
from governance.core.models import Person
from governance.web.pages import pager
from governance.web.pages.confirmation import confirm, form_page
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.automations.transitions import lifecycle
from inventory.automations.views import automation_page
from inventory.imports.transitions import confirmation
from inventory.models import (
    Automation,
    AutomationKind,
    AutomationState,
    DataClass,
    Privilege,
    Transfer,
    TransferState,
    Version,
)
from inventory.ownership import rules as ownership_rules
from inventory.ownership.views.owner_field import OwnerField, offer_owners

Shape = dict[str, Any]

STATES = (
    ("", "All"),
    ("live", "Live"),
    ("in_review", "In review"),
    ("draft", "Draft"),
    ("suspended", "Suspended"),
    ("retired", "Retired"),
)
TIERS = (("low", "Low"), ("standard", "Standard"), ("high", "High"))


@require_GET
def automation_list(request: Request) -> HttpResponse:
    """List the automations that the reader may see, by name; the address holds the filters."""
    now, query, path = business_time.now(), request.GET, reverse("automation_list")
    newest = Version.objects.filter(automation=OuterRef("pk")).order_by("-number").values("pk")[:1]
    rows: QuerySet[Automation] = Automation.objects.visible_to(request.actor, now)
    rows = _filtered(pager.search(rows, pager.words_of(query)), request).annotate(newest_version=Subquery(newest))
    paged = pager.by_name(rows.select_related("team", "business_owner", "interim__person"), query, path)
    touched, held = _resources_touched(paged.rows), _counts_of_grants(paged.rows)
    context: Shape = {
        "now": now,
        "head": {
            "title": "Automations",
            "facts": [f"Only {paged.rows[0].team.name}"] if query.get("team") and paged.rows else [],
            "actions": [{"label": "Bring in", "icon": "plus", "kind": "filled", "href": reverse("bring_in")}],
        },
        "chips": [
            *pager.chips(path, query, "state", STATES),
            {"separator": True},
            *pager.chips(path, query, "mine", (("1", "Mine"),)),
            *pager.chips(path, query, "ownerless", (("1", "Nobody answers"),)),
        ],
        "filters": {
            "action": path,
            "words": query.get("q", ""),
            "words_label": "Name or purpose",
            "kept": pager.kept(query, "q", "tier"),
            "fields": [pager.choice(query, "tier", "Risk", TIERS)],
            "clear_href": path if pager.kept(query) else "",
        },
        "filters_target": "#list",
        "rows": [_row(row, now, touched, held.get(row.pk, (0, None))) for row in paged.rows],
        "pager": {"newer_href": paged.newer_href, "older_href": paged.older_href, "words": ""},
        "empty": {
            "sentence": "No automation fits. What your teams bring in would be here.",
            "href": reverse("bring_in"),
            "action": "Bring one in",
        },
    }
    return page(request, "inventory/automations/automation_list.html", context, fragment="list")


def _filtered(rows: QuerySet[Automation], request: Request) -> QuerySet[Automation]:
    query = request.GET
    if query.get("state") in AutomationState.values:
        rows = rows.filter(state=query["state"])
    if query.get("tier") in dict(TIERS):
        rows = rows.filter(tier=query["tier"])
    if (team := number(query.get("team"))) is not None:
        rows = rows.filter(team=team)
    if query.get("ownerless"):
        rows = rows.filter(pk__in=Automation.objects.ownerless(business_time.now()))
    if query.get("mine"):
        me = request.actor.person
        rows = rows.filter(pk__in=Automation.objects.answered_by([me.pk] if me else [], business_time.now()))
    return rows


def _version_of(automation: Any) -> int | None:
    """Version that a row of the list shows: the approved one, otherwise the newest."""
    version_id: int | None = automation.approved_version_id or automation.newest_version
    return version_id


def _resources_touched(rows: Sequence[Automation]) -> dict[int, tuple[list[str], str]]:
    """Resource names and highest data class of each row's version; one query."""
    versions = [version_ids for row in rows if (version_ids := _version_of(row)) is not None]
    order = list(DataClass.values)
    names: dict[int, list[str]] = defaultdict(list)
    classes: dict[int, set[str]] = defaultdict(set)
    columns = (
        "version_id",
        "entitlement__resource__name",
        "entitlement__resource__data_class",
        "entitlement__data_class",
    )
    rows_found = Privilege.objects.filter(version__in=versions).order_by("pk").values_list(*columns)
    for version, name, of_resource, of_entitlement in rows_found:
        if name not in names[version]:
            names[version].append(name)
        classes[version] |= {of_resource or DataClass.RESTRICTED, of_entitlement or DataClass.PUBLIC}
    return {version: (name, max(classes[version], key=order.index)) for version, name in names.items()}


def _counts_of_grants(rows: Sequence[Automation]) -> dict[int, tuple[int, datetime | None]]:
    """Number of grants and first end of a grant for each row; one query."""
    standing = ~Q(grants__state="ended")
    counted = Automation.objects.filter(pk__in=[row.pk for row in rows]).order_by()
    counts = counted.annotate(number=Count("grants", filter=standing), first=Min("grants__ends_at", filter=standing))
    return {pk: (number, first) for pk, number, first in counts.values_list("pk", "number", "first")}


def _row(
    automation: Automation, now: datetime, touched: dict[int, tuple[list[str], str]], held: tuple[int, datetime | None]
) -> Shape:
    names, data_class = touched.get(_version_of(automation) or 0, ([], None))
    return {
        "href": automation.href,
        "name": automation.name,
        "team": automation.team.name,
        "kind": automation.get_kind_display(),
        "environment": automation.get_environment_display().lower(),
        "state": automation.state,
        "tier": automation.tier,
        "owner": "" if automation.is_ownerless(now) else automation.accepting(now).name,
        "grants": held[0],
        "next_end": held[1],
        "data_class": data_class,
        "resources": [*names[:2], f"{len(names) - 2} more"] if len(names) > 3 else names,
        "held": None,
        "tag": None,
    }


def _find_automation(request: Request, pk: int, now: datetime) -> Automation:
    """Find an automation that the reader may see; otherwise 404."""
    seen = Automation.objects.visible_to(request.actor, now).select_related(
        *("team", "business_owner", "technical_owner", "approved_version", "stopped_by", "resume_asked_by"),
        "interim__person",
    )
    open_transfers = Transfer.objects.filter(automation=OuterRef("pk"), state=TransferState.ASKED)
    return get_object_or_404(seen.annotate(is_asked_to_move=Exists(open_transfers)), pk=pk)


@require_GET
def automation(request: Request, pk: int) -> HttpResponse:
    """Show an automation; its tabs are this page with ``?tab=``."""
    now = business_time.now()
    context = automation_page.automation_context(_find_automation(request, pk, now), request.actor, now, request.GET)
    return page(request, "inventory/automations/automation.html", context, fragment="tab")


@require_GET
def version(request: Request, pk: int, number: int) -> HttpResponse:
    """Show a version compared with the approved or previous one, in a tab of the automation's page."""
    automation = _find_automation(request, pk, business_time.now())
    get_object_or_404(automation.versions.all(), number=number)
    return redirect(f"{automation.href}?tab=versions&version={number}")


@require_http_methods(["GET", "POST"])
def stop(request: Request, pk: int) -> HttpResponse:
    """Stop an automation (G5). The page shows its access before the button."""
    now = business_time.now()
    automation = _find_automation(request, pk, now)
    return confirm(
        request,
        automation,
        lifecycle.stop,
        now,
        title=f"Stop {automation.name}?",
        text="Everything that it may do stops at this moment. Nothing is deleted; lifting the stop needs two other people.",
        label="Stop it now",
        points=lambda: automation_page.blast_radius(automation, now),
    )


@require_http_methods(["GET", "POST"])
def resume(request: Request, pk: int) -> HttpResponse:
    """Request the end of a stop, or lift it as the second person (G5)."""
    now = business_time.now()
    automation = _find_automation(request, pk, now)
    requester = automation.resume_asked_by
    first = "A second person has to agree before it runs again."
    runs = "It runs again with the grants that are still in term."
    then = runs if automation.suspended_by_review_at is None else "It stays suspended by its review."
    then = then if automation.suspended_by_look_at is None else "It stays suspended until stage 1 has decided."
    return confirm(
        request,
        automation,
        lifecycle.resume if requester else lifecycle.request_resume,
        now,
        title=f"Lift the stop of {automation.name}?",
        text=f"{requester.name} asked for it. {then}" if requester else first,
        label="Lift the stop" if requester else "Ask to lift the stop",
        kind="filled",
    )


class AboutForm(forms.Form):
    """Description of an automation; purpose, kind and owners count after a new stage 1 decision (A12)."""

    name = forms.CharField(max_length=160)
    purpose = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=4000)
    kind = forms.ChoiceField(choices=AutomationKind)
    business_owner = OwnerField()
    technical_owner = OwnerField("Nobody", required=False)
    escalation_contact = forms.CharField(max_length=160, required=False)

    def __init__(self, *args: Any, people: Iterable[Person], **more: Any) -> None:
        super().__init__(*args, **more)
        offer_owners(self, people)


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Change the description of an automation."""
    now = business_time.now()
    automation = _find_automation(request, pk, now)
    given = {**automation.asked, "name": automation.name, "escalation_contact": automation.escalation_contact}
    initial = {name.removesuffix("_id"): value for name, value in given.items()}
    people = ownership_rules.possible_owners(automation.team, automation, now)
    return form_page(
        request,
        AboutForm(request.POST or None, initial=initial, people=people),
        lambda fields: confirmation.amend_automation(automation, actor=request.actor, now=now, fields=fields),
        now=now,
        title=f"What is said about {automation.name}",
        text=""
        if automation.state == AutomationState.DRAFT
        else "Purpose, kind and owners count once stage 1 has decided again; until then they wait.",
        label="Save",
        back=automation.href,
        refusal=confirmation.amend_automation.refusal(automation, actor=request.actor, now=now),
    )


class RaiseForm(forms.Form):
    """Higher risk tier than the computed one, with the reason (T2)."""

    tier = forms.ChoiceField(choices=TIERS[1:], label="Risk", initial="high")
    reason = forms.CharField(label="Why", widget=forms.Textarea(attrs={"rows": 3}))


@require_http_methods(["GET", "POST"])
def raise_tier(request: Request, pk: int) -> HttpResponse:
    """Raise the risk tier of an automation; no person can lower it."""
    now = business_time.now()
    automation = _find_automation(request, pk, now)
    return form_page(
        request,
        RaiseForm(request.POST or None),
        lambda fields: confirmation.raise_tier(
            automation, actor=request.actor, now=now, reason=fields["reason"], tier=fields["tier"]
        ),
        now=now,
        title=f"Raise the risk of {automation.name}",
        text="A tier is raised and never lowered: more people sign, and for shorter.",
        label="Raise it",
        back=automation.href,
        refusal=confirmation.raise_tier.refusal(automation, actor=request.actor, now=now),
    )
