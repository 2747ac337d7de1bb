"""Every template with its sample: it renders, obeys the strict policy, and its parts stand alone."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import RequestFactory

from governance.web.pages.navigation import DESTINATIONS
from governance.web.pages.page import page
from tests.web import harness
from tests.web.samples import PAGES
from tests.web.samples.gallery import SYMBOL
from tests.web.samples.sign_in import Login

TEMPLATES = sorted((harness.ROOT / "templates").rglob("*.html"))
CSS = sorted((harness.ROOT / "static" / "css").rglob("*.css"))
PARTS = re.compile(r"{% partialdef ([\w-]+)")
ICON = re.compile(r'{% icon "([a-z0-9-]+)"')
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
OPTIONAL = {"li", "p", "option", "tr", "td", "th", "tbody", "thead"}


class Reader(HTMLParser):
    """Collects what a strict page may not have, ids, references to ids, and elements that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: list[str] = []
        self.ids: Counter[str] = Counter()
        self.refers: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.filled = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "style" or (tag == "script" and not values.get("src")):
            self.forbidden.append(f"<{tag}>")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")) or (value or "").lstrip().startswith("javascript:"):
                self.forbidden.append(f"{tag} {name}={value}")
        if values.get("id"):
            self.ids[values["id"] or ""] += 1
        for name in ("for", "aria-labelledby", "aria-describedby", "popovertarget", "form"):
            self.refers += (values.get(name) or "").split()
        self.filled += "button-filled" in (values.get("class") or "").split() and "aria-disabled" not in values
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.unbalanced.append(f"</{tag}> at {self.getpos()} inside {self.open[-3:]}")


def read(html: str) -> Reader:
    """Read a page."""
    reader = Reader()
    reader.feed(html)
    return reader


def drawn(name: str) -> str:
    """One sample page."""
    template, context = PAGES[name]
    return harness.draw(template, context())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_inline_style_or_script_and_is_well_formed(name: str) -> None:
    reader = read(drawn(name))
    assert reader.forbidden == []
    assert reader.unbalanced == []
    assert [identifier for identifier, times in reader.ids.items() if times > 1] == []
    assert [reference for reference in reader.refers if reference not in reader.ids] == []


@pytest.mark.parametrize("name", [name for name in PAGES if name != "gallery"])
def test_a_page_has_at_most_one_filled_button_in_view(name: str) -> None:
    html = re.sub(r"<dialog.*?</dialog>", "", drawn(name), flags=re.S)
    assert read(html).filled <= 1


@pytest.mark.parametrize("name", PAGES)
def test_pages_show_no_template_leftovers(name: str) -> None:
    html = drawn(name)
    assert "{%" not in html
    assert "{{" not in html.replace("{{$json.id}}", "")
    assert not re.search(r">\s*(None|True|False)\s*<", html)


@pytest.mark.parametrize(
    "name", ["400.html", "403.html", "403_csrf.html", "404.html", "405.html", "409.html", "500.html", "503.html"]
)
def test_error_page_shows_next_step(name: str) -> None:
    reader = read(
        html := harness.draw(name, {"refusal": {"sentence": "No.", "code": "A4"}} if name == "409.html" else {})
    )
    assert reader.forbidden == []
    assert reader.unbalanced == []
    assert "<h1" in html
    assert '<a class="button' in html or "Go back" in html


#: Parts that are cells here and there on the page, sent beside another part and never asked for alone.
CELLS = {"facts"}


def parts() -> list[tuple[str, str]]:
    """Every sample page with each part that its template declares, once a template."""
    seen: dict[tuple[str, str], str] = {}
    for name, (template, _) in PAGES.items():
        for part in PARTS.findall((harness.ROOT / "templates" / template).read_text()):
            if part not in CELLS:
                seen.setdefault((template, part), name)
    return [(name, part) for (_, part), name in seen.items()]


@pytest.mark.parametrize(("name", "part"), parts())
def test_a_part_draws_alone_the_element_that_carries_its_name(name: str, part: str) -> None:
    template, make = PAGES[name]
    context = make()
    if part == "row":
        context["row"] = context["groups"][0][2][0]
    target = f"row-{context['row']['key']}" if part == "row" else part
    request = RequestFactory().get("/", headers={"HX-Request": "true", "HX-Target": target})
    html = page(request, template, context, fragment=part).content.decode().strip()
    assert re.match(rf'<[a-z]+[^>]*\bid="{target}"', html), html[:200]
    assert read(html).unbalanced == []
    assert read(html).open == []


def test_every_icon_that_is_drawn_is_in_the_sprite() -> None:
    icons = set(SYMBOL.findall((harness.ROOT / "static" / "icons.svg").read_text()))
    used = {name for path in TEMPLATES for name in ICON.findall(path.read_text())}
    assert used
    assert used <= icons


@pytest.mark.parametrize("path", [path for path in CSS if path.name != "tokens.css"], ids=lambda path: path.stem)
def test_components_use_tokens_and_never_a_colour_of_their_own(path: Path) -> None:
    colours = re.findall(r"#[0-9a-fA-F]{3,8}\b(?!-)|\bhsl\(", re.sub(r"url\([^)]*\)", "", path.read_text()))
    assert [colour for colour in colours if not re.match(r"#(preview|refusal|risk)", colour)] == []


@pytest.mark.parametrize("path", CSS, ids=lambda path: path.stem)
def test_a_token_that_is_used_is_defined(path: Path) -> None:
    defined = set(re.findall(r"(--[a-z0-9-]+):", (harness.ROOT / "static" / "css" / "tokens.css").read_text()))
    used = set(re.findall(r"var\((--[a-z0-9-]+)", path.read_text()))
    local = set(re.findall(r"(--[a-z0-9-]+):", path.read_text()))  # set by a rule of the same file
    assert used <= defined | local | {"--me"}


@pytest.mark.parametrize("name", ["account/password_set.html"])
def test_the_pages_of_the_sign_in_library_stand_in_the_portals_frame(name: str) -> None:
    html = harness.draw(name, {"form": Login({})})
    reader = read(html)
    assert reader.forbidden == []
    assert reader.unbalanced == []
    assert 'class="account-title"' in html
    assert 'class="field-error"' in html
    assert 'class="button button-filled"' in html


def test_sample_pages_have_the_whole_sidebar() -> None:
    assert drawn("home").count('class="side-label"') == len(DESTINATIONS)
