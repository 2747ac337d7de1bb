"""Every address of the portal, by app. Each needs a sign-in unless its view says otherwise (deny by default)."""

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path

from governance.portal.api.urls import API_ROOT
from governance.portal.api.urls import urlpatterns as urlpatterns_of_programs

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("governance.portal.urls")),
    path("", include("inventory.urls")),
    path("", include("approvals.urls")),
    path("", include("governance.recertification.urls")),
    path(API_ROOT, urlpatterns_of_programs()),
]
if apps.is_installed("governance.demo"):
    urlpatterns.append(path("demo/", include("governance.portal.demo_pages.urls")))

handler404 = "governance.web.errors.problem_documents.not_found"
handler400 = "governance.web.requests.upload_limits.bad_request"
handler500 = "governance.web.errors.problem_documents.failed"
