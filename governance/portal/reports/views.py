"""Reports for auditors, security reviewers and admins: the list of reports, and the access matrix."""

from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET

from governance.core.models import Team
from governance.portal.registers import access_registers, exports
from governance.portal.reports import queries
from governance.portal.view_guards.decorators import for_readers_of_the_ledger
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.registers.register import Listing
from governance.web.requests.request import Request, number

#: Parameters that choose a cell.
CELL = ("automation", "resource")


@require_GET
@for_readers_of_the_ledger
def reports(request: Request) -> HttpResponse:
    """List the reports."""
    return page(request, "portal/reports/reports.html")


@require_GET
@for_readers_of_the_ledger
def access_matrix(request: Request) -> HttpResponseBase:
    """Show automations by resource; with ``automation`` and ``resource`` in the address, the grants of that cell."""
    now, path, pair = request.now(), request.path, request.GET.copy()
    register = queries.of_access(access_registers.grants(request.actor, now), now)
    query = request.GET.copy()
    for name in CELL:
        query.pop(name, None)
    listing = Listing(register, query, path)
    if (form := query.get("export", "")) in exports.TYPES:
        rows, heads = queries.pairs(listing.rows(), exports.MOST), list(queries.EXPORT)
        words = listing.filter_words()
        return exports.send("Access matrix", heads, rows, form, filters=words, actor=request.actor, now=now)
    context: Shape = {
        "chosen": Listing(register, pair, path).page().rows if all(number(pair.get(name)) for name in CELL) else None,
        "exports": {form: pager.address(path, {**pager.kept(query), "export": form}) for form in exports.TYPES},
        "cell_href": f"{path}?" + "".join(f"{urlencode({name: value})}&" for name, value in query.items()),
    }
    if request.headers.get("HX-Target") != "cell":
        teams = [(pk, name) for pk, name in Team.objects.order_by("name").values_list("pk", "name")]
        context |= {
            "matrix": queries.matrix(listing.rows(), query, path, now),
            "filters": listing.bar(("team", "Team", teams)),
        }
    return page(request, "portal/reports/access_matrix.html", context, fragment=("matrix", "cell"))
