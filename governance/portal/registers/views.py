"""Pages of the registers: list, saved views and export."""

from datetime import datetime
from typing import Any, Final

from django.http import HttpResponseBase, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.inbox.views import saved_views
from governance.core.access import Actor, Permission, access
from governance.portal.registers import declarations, exports
from governance.portal.registers.all_registers import REGISTERS
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.registers.register import Listing
from governance.web.requests.request import Request, number
from inventory.models import Resource

#: Registers that are tabs of one page.
SIBLINGS: Final = ("automation_list", "submission_list", "grant_list")


@require_GET
def register_list(request: Request, name: str, **more: Any) -> HttpResponseBase:
    """Show a register, or send all selected rows as a file.

    Args:
        request: the request; its address holds words, filters, sort and page.
        name: a key of `REGISTERS`.
        more: more context for the page.
    """
    now = request.now()
    listing = Listing(REGISTERS[name](request.actor, now), request.GET, request.path)
    if (form := request.GET.get("export", "")) in exports.TYPES:
        return exports.answer(listing, form, request.actor, now)
    context = {
        **listing.context(),
        **_views(listing, request.actor),
        "action": _action(name, request.actor, now),
        "siblings": [_tab(sibling, name) for sibling in SIBLINGS if name in SIBLINGS],
        "most_exported": exports.MOST,
        **more,
    }
    if name == "grant_list" and (key := number(request.GET.get("resource"))) is not None:
        resource = Resource.objects.visible_to(request.actor, now).filter(pk=key).first()
        context["title"] = f"Who can touch {resource.name}" if resource is not None else ""
    return page(request, "portal/registers/register.html", context, fragment="list", also=("top", "choices", "kept"))


def _tab(name: str, current: str) -> Shape:
    return {"label": declarations.REGISTERS[name]["title"], "href": reverse(name), "current": name == current}


def _views(listing: Listing, actor: Actor) -> Shape:
    """Views of every reader and the reader's saved ones as tabs; and how the present filters are saved or removed.

    A view is marked for the address that has its filters, for one team or another row too, in any sort.
    """
    register, present = listing.register, pager.kept(listing.query)
    saved = list(saved_views.saved_views_of(actor.person, register.name))
    views = [("All", "", 0), *((name, query, 0) for name, query in register.views)]
    views += [(view.name, view.query, view.pk) for view in saved]
    keys = [name for name in register.references if number(listing.query.get(name))]
    is_view = present in (pager.kept(QueryDict(query)) for _, query, _ in views)
    shown = present if is_view else pager.kept(listing.query, "sort", *keys)
    tabs: list[Shape] = []
    links = {"save_href": saved_views.save_href(pager.address(listing.path, present), register.name) if present else ""}
    for name, query, pk in views:
        kept = pager.kept(QueryDict(query))
        tabs.append({"label": name, "href": pager.address(listing.path, kept), "current": kept == shown})
        if kept == present:
            links = {"remove_href": reverse("saved_view_remove", args=[pk])} if pk else {}
    return {"tabs": tabs, **links}


def _action(name: str, actor: Actor, now: datetime) -> Shape | None:
    """The register's own action, if the reader may use it."""
    if name == "automation_list":
        return {"label": "Import", "icon": "plus", "kind": "filled", "href": reverse("import")}
    if name == "resource_list" and access.may(actor, Permission.RESOURCE_REGISTER, None, now=now):
        return {"label": "Register a resource", "icon": "plus", "kind": "filled", "href": reverse("resource_new")}
    return None
