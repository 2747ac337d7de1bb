"""Reviews of an automation and its grants, as a panel of its page and as a page."""

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from governance.recertification.models import UNCLOSED, Item
from governance.web.pages.page import page
from governance.web.requests.request import Request
from inventory.models import Automation

#: Most items on the panel.
MOST = 50


@require_GET
def automation_items(request: Request, pk: int) -> HttpResponse:
    """List the reviews of an automation and its grants, open ones first."""
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, request.now()), pk=pk)
    rows = Item.objects.filter(Q(automation=automation) | Q(grant__automation=automation)).select_related("grant")
    people = rows.prefetch_related("questions__reviewer", "questions__answers__person")
    items = sorted(people.order_by("-opened_at", "-pk")[:MOST], key=lambda item: item.state not in UNCLOSED)
    on = automation.review_on
    next_words = f" The next is due on {on.day} {on:%b %Y}." if on is not None else ""
    context = {
        "automation": automation,
        "items": [{"item": item, "holder": _holder(item)} for item in items],
        "empty_sentence": f"Reviews of its access appear here.{next_words}",
    }
    return page(request, "recertification/items/automation_panel.html", context, fragment="items")


def _holder(item: Item) -> str:
    """People whose answers are missing."""
    return " and ".join(question.reviewer.name for question in item.questions.all() if question.answered_at is None)
