"""Reviews of an automation and its grants, as a panel of its page and as a page; and the reviews of running campaigns."""

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from governance.recertification.items.notices import ITEM_RELATIONS
from governance.recertification.models import CampaignState, Item
from governance.recertification.models.item import COUNTED_AS, WAITING
from governance.web.components import state_words
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request, number
from inventory.models import Automation

#: Relations of the reviewers of an item and of their answers.
ANSWERS = ("questions__reviewer", "questions__answers__person")
#: Choices of ``?show=`` in the address.
SHOW = (("", "All"), ("open", "Open"), ("overdue", "Overdue"), ("answered", "Settled"))


@require_GET
def item_list(request: Request, pk: int | None = None) -> HttpResponse:
    """List the reviews of an automation, or those of running campaigns that the reader may see; the address may name a team."""
    now, query, path = request.now(), request.GET, request.path
    automations, team = Automation.objects.visible_to(request.actor, now), number(query.get("team"))
    automation = get_object_or_404(automations, pk=pk) if pk is not None else None
    shown = automations.filter(pk=pk) if pk is not None else automations.filter(team=team) if team else automations
    rows = Item.objects.filter(Q(automation__in=shown) | Q(grant__automation__in=shown))
    if automation is None:
        rows = rows.exclude(campaign__state=CampaignState.CLOSED)
    if (risk := query.get("risk")) in state_words.TIERS:
        rows = rows.alias(counted_as=COUNTED_AS).filter(counted_as=risk)
    counts = rows.aggregate(all=Count("pk"), open=Count("pk", filter=Q(state__in=WAITING)))
    chips = pager.chips(path, query, "show", SHOW, {"": counts["all"], "open": counts["open"]})
    listed = rows.standing(query.get("show", ""), now).select_related(*ITEM_RELATIONS)
    paged = pager.newest_first(listed.prefetch_related(*ANSWERS), query, path)
    context = {"automation": automation, "items": paged.rows, "chips": chips, "pager": paged}
    return page(request, "recertification/items/automation_panel.html", context, fragment="items")
