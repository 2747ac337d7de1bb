"""No browser and no proxy keeps an answer that is not a static file, errors included. All addresses: `tests/matrix`."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.test import Client
from django.urls import path

from governance import urls
from tests.people import Northwind
from tests.signed_in_client import client_of

NOT_KEPT = "no-store, private"


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken on purpose")


urlpatterns = [path("breaks/", breaks), *urls.urlpatterns]
handler404, handler400 = urls.handler404, urls.handler400


@pytest.mark.rule("S5")
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "where", "status"),
    [
        ("GET", "/", 302),
        ("GET", "/account/login/", 200),
        ("GET", "/nothing-here/", 404),
        ("PUT", "/account/login/", 405),
        ("GET", "/account/login/?next=%00", 400),
        ("GET", "/static/nothing-here.css", 404),
        ("GET", "/api/v1/openapi.json", 401),
        ("GET", "/api/v1/nothing/", 404),
    ],
)
def test_anonymous_answers_are_not_cached(client: Client, method: str, where: str, status: int) -> None:
    answer = client.generic(method, where)
    assert (answer.status_code, answer["Cache-Control"]) == (status, NOT_KEPT)


@pytest.mark.rule("S5")
@pytest.mark.django_db
def test_private_downloads_errors_and_pages_are_not_cached(northwind: Northwind, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.portal.test_cache_control"
    auditor = client_of(northwind.yuki)
    auditor.raise_request_exception = False
    for where, status in (("/", 200), ("/ledger/export/", 200), ("/people/999999/", 404), ("/breaks/", 500)):
        answer = auditor.get(where)
        assert (where, answer.status_code, answer["Cache-Control"]) == (where, status, NOT_KEPT)
    assert (refused := auditor.get("/people/new/")).status_code == 403
    assert refused["Cache-Control"] == NOT_KEPT


@pytest.mark.django_db
def test_the_redirect_to_https_is_not_kept(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.MIDDLEWARE = settings.MIDDLEWARE[:4]  # another list: the tests share a chain that knows no redirect
    answer = client.get("/account/login/")
    assert (answer.status_code, answer["Cache-Control"]) == (301, NOT_KEPT)


@pytest.mark.django_db
def test_static_files_are_kept(client: Client) -> None:
    answer = client.get(static("css/tokens.css"))
    answer.close()
    assert answer.status_code == 200
    assert "max-age" in answer["Cache-Control"]
    assert "no-store" not in answer["Cache-Control"]
