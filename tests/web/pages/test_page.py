"""`page()` and `refused()`: who gets the whole page, who gets a part, and how a no reads."""

from __future__ import annotations

import re

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from governance.core.duties.refusals import Kind, Refusal, refuse
from governance.web.pages.page import RefusalMiddleware, page, refused
from tests.web.samples import review


def ask(target: str = "", **headers: str) -> HttpResponse:
    """Ask for the sample review as htmx would with this target, or as a plain browser without one."""
    sent = {"HX-Request": "true", "HX-Target": target, **headers} if target else headers
    context = review.owner()
    context["row"] = context["groups"][0][2][2]
    return page(
        RequestFactory().get("/review", headers=sent),
        "approvals/review/review.html",
        context,
        fragment=("rows", "row", "conversation"),
        also=("stepper", "bar"),
    )


def test_a_plain_request_gets_the_whole_page() -> None:
    html = ask().content.decode()
    assert html.startswith("<!doctype html>")
    assert "hx-swap-oob" not in html


def test_htmx_gets_target_fragment_with_changes() -> None:
    html = ask("rows").content.decode()
    assert "<html" not in html
    assert html.count('hx-swap-oob="true"') == 2
    assert (
        html.index('id="rows"') < html.index('id="stepper" aria-label="Progress" hx-swap-oob') < html.index('id="bar"')
    )
    rows = html[: html.index('id="stepper"')]
    assert "hx-swap-oob" not in rows


def test_one_of_many_rows_is_drawn_for_the_target_that_carries_its_key() -> None:
    html = ask("row-14").content.decode()
    assert html.count('class="record"') == 1
    assert 'id="row-14"' in html


def test_an_unknown_target_gets_the_whole_page() -> None:
    assert "<html" in ask("somewhere-else").content.decode()


def test_a_page_restored_from_history_is_whole_even_for_htmx() -> None:
    assert "<html" in ask("rows", **{"HX-History-Restore-Request": "true"}).content.decode()


def test_a_cache_tells_page_and_fragment_apart() -> None:
    assert {"HX-Request", "HX-Target"} <= set(ask()["Vary"].split(", "))


@pytest.mark.parametrize(
    ("kind", "status"), [("duty", 403), ("permission", 403), ("state", 409), ("stale", 409), ("input", 422)]
)
def test_refusal_page_shows_reason_code_and_next_step(kind: Kind, status: int) -> None:
    response = refused(
        RequestFactory().post("/decide"),
        Refusal(kind=kind, code="SOD-1", sentence="You submitted this.", to_do="Mei Tanaka has it now."),
    )
    html = response.content.decode()
    assert response.status_code == status
    assert html.startswith("<!doctype html>")
    assert "You submitted this." in html
    assert "SOD-1" in html
    assert "Mei Tanaka has it now." in html


@pytest.mark.rule("A6")
def test_stale_decision_page_keeps_input_and_shows_difference() -> None:
    request = RequestFactory().post("/decide", headers={"HX-Request": "true", "HX-Target": "rows"})
    refusal = Refusal("A6", "stale", "It changed.", detail=(("Term", "90 days", "60 days"),))
    response = refused(request, refusal, fragment="refusal-14", context={"typed": "Ninety is fine."})
    html = response.content.decode()
    assert response.status_code == 409
    assert response["HX-Retarget"] == "#refusal-14"
    assert response["HX-Reswap"].startswith("innerHTML")
    assert "<del>90 days</del>" in html
    assert "<ins>60 days</ins>" in html
    assert "Ninety is fine." in html
    assert "<html" not in html


#: Addresses that a browser, or somebody, names as the page that the reader comes from, and where *Back* leads.
CAME_FROM = {
    "https://testserver/resources/7/?tab=grants": "/resources/7/?tab=grants",
    "": "/",
    "https://elsewhere.example/account/logout/": "/",
    "http://[": "/",
    "javascript:alert(1)": "/",
    "https://testserver//elsewhere.example/": "/",
}


@pytest.mark.parametrize(("came_from", "back"), CAME_FROM.items())
@pytest.mark.parametrize("kind", ["permission", "state"])
def test_back_leads_to_a_page_of_ours_only(kind: Kind, came_from: str, back: str) -> None:
    request = RequestFactory().post("/decide", headers={"Referer": came_from})
    html = refused(request, Refusal(kind=kind, code="SOD-1", sentence="You submitted this.")).content.decode()
    (link,) = re.findall(r'<a class="button button-quiet" href="([^"]*)">', html)
    assert link == back


@pytest.mark.parametrize("kind", ["duty", "permission", "state", "input"])
def test_what_was_typed_stands_on_the_refusing_page_and_not_beside_its_form(kind: Kind) -> None:
    error = refuse(Refusal(kind=kind, code="SOD-1", sentence="You submitted this."))
    typed = {"reason": "Ninety <b>is</b> \u202efine."}  # with an invisible override of direction
    fragment_headers = {"HX-Request": "true", "HX-Target": "rows"}
    answers = RefusalMiddleware(lambda _: HttpResponse())
    pages = [
        answers.process_exception(RequestFactory().post("/decide", typed, headers=headers), error)
        for headers in ({}, fragment_headers)
    ]
    whole, note = (page.content.decode() for page in pages if page is not None)
    assert "“Ninety &lt;b&gt;is&lt;/b&gt; fine.”" in whole
    assert "You had written" not in note
