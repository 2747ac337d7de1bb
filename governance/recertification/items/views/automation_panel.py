"""Reviews of an automation and its grants, as a panel of its page and as a page."""

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

#: Most items on the panel.
MOST = 50


@require_GET
def automation_items(request: Request, pk: int) -> HttpResponse:
    """List the reviews of an automation and its grants, open ones first."""
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, business_time.now()), pk=pk)
    rows = Item.objects.filter(Q(automation=automation) | Q(grant__automation=automation)).select_related(
        "automation",
        "grant__automation",
        "grant__entitlement__resource",
        "grant__credential",
        "grant__approval__privilege__entitlement__resource",
    )
    items = list(
        rows.prefetch_related("questions__reviewer", "questions__answers__person").order_by("-opened_at", "-pk")[:MOST]
    )
    items.sort(key=lambda item: item.state not in UNCLOSED)
    crumbs = [
        {"label": "Automations", "href": reverse("automation_list")},
        {"label": automation.name, "href": reverse("automation", args=[pk])},
        {"label": "Recertifications", "href": ""},
    ]
    context = {
        "crumbs": crumbs,
        "head": {"title": f"Recertifications of {automation.name}"},
        "items": [_row(item) for item in items],
        "empty_sentence": _empty_sentence(automation),
    }
    return page(request, "recertification/items/automation_panel.html", context, fragment="items")


def _empty_sentence(automation: Automation) -> str:
    on = automation.review_on
    next_words = f" The next is due on {on.day} {on:%b %Y}." if on is not None else ""
    return f"Reviews of what it may do would be here.{next_words}"


def _row(item: Item) -> Shape:
    held = [question.reviewer.name for question in item.questions.all() if question.answered_at is None]
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
            f"{answer.person.name}: {AnswerKind(answer.answer).label.lower()}"
            for question in item.questions.all()
            for answer in question.answers.all()
        ],
    }
