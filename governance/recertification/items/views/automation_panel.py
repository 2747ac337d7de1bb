"""Reviews of an automation and its grants, as a panel of its page and as a page; and the reviews of running campaigns."""

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from governance.recertification.items.notices import ITEM_RELATIONS
from governance.recertification.models import WAITING, CampaignState, Item
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request, number
from inventory.models import Automation

#: Relations of the reviewers of an item and of their answers.
ANSWERS = ("questions__reviewer", "questions__answers__person")
#: Choices of ``?show=`` in the address.
SHOW = (("", "All"), ("open", "Open"))


@require_GET
def item_list(request: Request, pk: int | None = None) -> HttpResponse:
    """List the reviews of an automation, or those of running campaigns that the reader may see; the address may name a team."""
    automations, team = Automation.objects.visible_to(request.actor, request.now()), number(request.GET.get("team"))
    automation = get_object_or_404(automations, pk=pk) if pk is not None else None
    shown = automations.filter(pk=pk) if pk is not None else automations.filter(team=team) if team else automations
    rows = Item.objects.filter(Q(automation__in=shown) | Q(grant__automation__in=shown))
    if automation is None:
        rows = rows.exclude(campaign__state=CampaignState.CLOSED)
    open_rows = rows.filter(state__in=WAITING)
    counts = {"": rows.count(), "open": open_rows.count()}
    chips = pager.chips(request.path, request.GET, "show", SHOW, counts)
    listed = (open_rows if request.GET.get("show") == "open" else rows).select_related(*ITEM_RELATIONS)
    paged = pager.newest_first(listed.prefetch_related(*ANSWERS), request.GET, request.path)
    context = {"automation": automation, "items": paged.rows, "chips": chips, "pager": paged}
    return page(request, "recertification/items/automation_panel.html", context, fragment="items")
