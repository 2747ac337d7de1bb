"""The dashboard: a panel of home, and a page of its own."""

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET

from governance.portal.figures import cards, queries
from governance.web.pages.page import page
from governance.web.requests.request import Request, number


@require_GET
def dashboard(request: Request) -> HttpResponse:
    """Show the figures of a team or of the organisation; another scope is 404."""
    now = request.now()
    scopes = queries.load_scopes(request.actor, now)
    scope = queries.find_scope(scopes, number(request.GET.get("team")))
    if scope is None and (scopes or request.GET.get("team")):
        raise Http404
    context: dict[str, object] = {"scopes": scopes, "scope": scope}
    if scope is not None:
        figures = queries.load_figures(scope, now)
        context |= {"at": figures.at, "cards": list(cards.make_cards(figures, scope)) if figures.at else []}
    return page(request, "portal/figures/dashboard.html", context, fragment="dashboard")
