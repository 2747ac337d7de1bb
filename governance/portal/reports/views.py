"""Reports for auditors, security reviewers and admins: the list of reports, and the access matrix."""

from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.views.decorators.http import require_GET

from governance.portal.registers import access_registers, exports
from governance.portal.reports import queries
from governance.portal.view_guards.decorators import for_readers_of_the_ledger
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.registers.register import Listing
from governance.web.requests.request import Request


@require_GET
@for_readers_of_the_ledger
def reports(request: Request) -> HttpResponse:
    """List the reports."""
    return page(request, "portal/reports/reports.html")


@require_GET
@for_readers_of_the_ledger
def access_matrix(request: Request) -> HttpResponseBase:
    """Show automations by resource; with ``automation`` and ``resource`` in the address, the grants of that cell."""
    query, now, path = request.GET, request.now(), request.path
    offered = queries.filters()
    grants = queries.selected_grants(query, offered, request.actor, now)
    if (form := query.get("export", "")) in exports.TYPES:
        words = "; ".join(
            f"{one.label}: {one.choices[query[one.name]][0]}" for one in offered if query.get(one.name) in one.choices
        )
        rows, heads = queries.pairs(grants, exports.MOST), list(queries.EXPORT)
        return exports.send("Access matrix", heads, rows, form, filters=words, actor=request.actor, now=now)
    selects = [(one.name, one.label, [(value, words) for value, (words, _) in one.choices.items()]) for one in offered]
    bar = pager.filter_bar(query, path, selects, words_label="Automation or resource")
    kept = pager.kept(query, "automation", "resource")
    here = {name: value for name, value in query.items() if name not in ("automation", "resource")}
    context: Shape = {
        "chosen": _cell(request) if query.get("automation") and query.get("resource") else None,
        "filters": bar | {"kept": {}, "clear_href": path if kept else ""},
        "filters_target": "#matrix",
        "exports": {form: pager.address(path, {**kept, "export": form}) for form in exports.TYPES},
        "cell_href": f"{path}?{urlencode(here)}{'&' if here else ''}",
    }
    if request.headers.get("HX-Target") != "cell":
        context["matrix"] = queries.matrix(grants, query, path, now)
    return page(request, "portal/reports/access_matrix.html", context, fragment=("matrix", "cell"))


def _cell(request: Request) -> Shape:
    """The grants of one automation on one resource that have not ended, with their approvers."""
    names = {name: request.GET[name] for name in ("automation", "resource")}
    pair = QueryDict(mutable=True)
    pair.update(names)
    register = access_registers.grants(request.actor, request.now())
    rows = [row for row in Listing(register, pair, request.path).page().rows if row.shown_state != "ended"]
    return {"rows": rows, "first": rows[0] if rows else None, "address": pair.urlencode()}
