"""Every address of the portal, by app. Each needs a sign-in unless its view says otherwise (deny by default)."""

from __future__ import annotations

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path

from approvals.api.mounting import WHERE
from approvals.api.mounting import urlpatterns as urlpatterns_of_programs

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("governance.portal.urls")),
    path("", include("inventory.urls")),
    path("", include("approvals.urls")),
    path("", include("approvals.bring_in_urls")),
    path("", include("governance.recertification.urls")),
    path(WHERE, urlpatterns_of_programs()),
]
if apps.is_installed("governance.demo"):
    urlpatterns.append(path("demo/", include("governance.portal.demo_urls")))

handler404 = "governance.web.problems.not_found"
handler400 = "governance.web.too_much.bad_request"
handler500 = "governance.web.away.failed"
