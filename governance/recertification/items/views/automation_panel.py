"""The reviews of an automation and of its grants, as a part of the automation's page and as a page of its own."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.core.clock import business_time
from governance.recertification.models import UNCLOSED, AnswerKind, Item, ItemOutcome
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from inventory.models import Automation

Shape = dict[str, Any]

#: Items on one panel: those that are open, and the latest that are not.
MOST = 50


@require_GET
def automation_items(request: Request, pk: int) -> HttpResponse:
    """Every review of an automation and of what it holds, open ones first."""
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, business_time.now()), pk=pk)
    rows = Item.objects.filter(Q(automation=automation) | Q(grant__automation=automation)).select_related(
        "automation",
        "grant__automation",
        "grant__entitlement__resource",
        "grant__credential",
        "grant__approval__privilege__entitlement__resource",
    )
    found = list(
        rows.prefetch_related("questions__reviewer", "questions__answers__person").order_by("-opened_at", "-pk")[:MOST]
    )
    found.sort(key=lambda one: one.state not in UNCLOSED)
    crumbs = [
        {"label": "Automations", "href": reverse("automation_list")},
        {"label": automation.name, "href": reverse("automation", args=[pk])},
        {"label": "Recertifications", "href": ""},
    ]
    context = {
        "crumbs": crumbs,
        "head": {"title": f"Recertifications of {automation.name}"},
        "items": [_row(one) for one in found],
        "empty_sentence": _when(automation),
    }
    return page(request, "recertification/items/automation_panel.html", context, fragment="items")


def _when(automation: Automation) -> str:
    on = automation.review_on
    said = f" The next is due on {on.day} {on:%b %Y}." if on is not None else ""
    return f"Reviews of what it may do would be here.{said}"


def _row(item: Item) -> Shape:
    held = [one.reviewer.name for one in item.questions.all() if one.answered_at is None]
    return {
        "href": reverse("recert_item", args=[item.pk]),
        "sentence": item.grant.sentence if item.grant is not None else "The automation itself",
        "state": item.state,
        "holder": " and ".join(held),
        "outcome": ItemOutcome(item.outcome).label if item.outcome else "",
        "opened": item.opened_at,
        "due": item.deadline if item.state in UNCLOSED else None,
        "closed": item.closed_at,
        "answers": [
            f"{said.person.name}: {AnswerKind(said.answer).label.lower()}"
            for one in item.questions.all()
            for said in one.answers.all()
        ],
    }
