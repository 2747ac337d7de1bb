"""Uploads that nobody means well by: each is refused in words, in bounded memory and work, and nothing is half done (I7, I8).

What the importers make of them alone stands in ``tests/inventory/importers/test_hostile_files.py``; here they come as a browser, or
something that is none, sends them.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import os
import random
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import ImportItem, ImportState
from tests import hostile_texts, run_lengths
from tests.approvals.intake.builder import STOCK, Build, everything_stored
from tests.inventory.importers.samples import node, workflow
from tests.savepoints import undone
from tests.scenarios import EXPORTS

pytestmark = pytest.mark.django_db

GOOD = (EXPORTS / STOCK).read_bytes()
WORD = "notforus7"
EXAMPLES = run_lengths.run_length(2, full=4, soak=int(os.environ.get("SOAK_EXAMPLES", "1000")))


def _zip() -> bytes:
    """Twenty megabytes of blanks, in twenty kilobytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{WORD}.json", b" " * 20 * 1024 * 1024)
    return made.getvalue()


def _laughs() -> bytes:
    """Ten levels of ten: ten thousand million texts, were it read as YAML."""
    lines = [f"a0: &a0 [{', '.join([WORD] * 10)}]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    return "\n".join(lines).encode()


def _channels(number: int) -> dict[str, Any]:
    return workflow(*(node("slack", f"Post {i}", 2.3, channelId=f"#{i}") for i in range(number)), name=WORD)


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


#: Name, content, and the place, reason and next step of the error.
REFUSED: tuple[tuple[str, bytes, str, str, str], ...] = (
    ("empty.json", b"", "the whole file", "is empty", "Export it again"),
    ("blank.json", b" \n\t ", "the whole file", "is empty", "Export it again"),
    ("lists.json", b"[" * 100_000, "the whole file", "nested too deeply", "Export it again"),
    ("objects.json", b'{"a":' * 300 + b"1" + b"}" * 300, "the whole file", "nested more than 100", "Export it again"),
    ("laughs.yaml", _laughs(), "the whole file", "YAML, which is not read yet", "Import an export"),
    (
        "server.yaml",
        b"type: server\n" + _laughs(),
        "the whole file",
        "MCP server for a registry",
        "configuration of the client",
    ),
    ("laughs.json", _laughs(), "line 1, column 1", "A value was expected", "Export it again"),
    (
        "entities.xml",
        b'<!DOCTYPE x [<!ENTITY a "notforus7">]><x>&a;</x>',
        "line 1, column 1",
        "not JSON",
        "Export it again",
    ),
    ("flows.zip", _zip(), "the whole file", "compressed", "Unpack it"),
    ("zipped.json", _zip(), "the whole file", "compressed", "Unpack it"),
    ("flows.json.gz", gzip.compress(b" " * 20_000_000), "the whole file", "compressed", "Unpack it"),
    ("utf16.json", GOOD.decode().encode("utf-16"), "the whole file", "UTF-16", "Save it again as UTF-8"),
    ("utf16be.json", GOOD.decode().encode("utf-16-be"), "the whole file", "UTF-16", "Save it again as UTF-8"),
    ("latin.json", '{\n\n"notforus7": "Café"}'.encode("latin-1"), "line 3", "not UTF-8", "Save it again as UTF-8"),
    (
        "image.png",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "the whole file",
        "picture, not an export",
        "Import the export itself",
    ),
    ("nul.json", b'{"notforus7": "\x00"}', "line 1, column 16", "raw control character", "Export it again"),
    (
        "twice.json",
        b'{"notforus7": 1, "notforus7": 2}',
        "line 1, column 18",
        "two members of one name",
        "Export it again",
    ),
    ("nan.json", b'{"notforus7": NaN}', "line 1, column 15", "NaN and Infinity", "Export it again"),
    ("huge.json", b'{"notforus7": 1e999}', "the whole file", "larger than JSON numbers", "Export it again"),
    ("digits.json", b"[" + b"9" * 5000 + b"]", "the whole file", "too many digits", "Export it again"),
    ("half.json", rb'{"notforus7": "\ud83d"}', "line 1, column 16", "half a character", "Export it again"),
    (
        "values.json",
        b"[" + b"[],[]," * 300_000 + b"1]",
        "the whole file",
        "more than 1,000,000 values",
        "Import fewer",
    ),
    (
        "nodes.json",
        _json(workflow(*[{"name": WORD}] * 5001)),
        "the whole file",
        "more than 5,000 nodes",
        "Import fewer",
    ),
    ("many.json", _json([workflow()] * 2001), "the whole file", "more than 2,000 automations", "Import fewer"),
    (
        "servers.json",
        _json({"mcpServers": {f"{WORD}{i}": {"url": ""} for i in range(5001)}}),
        "the whole file",
        "more than 5,000 servers",
        "Import fewer",
    ),
    ("rows.json", _json(_channels(601)), "the whole file", "uses 601 things", "Split it"),
)


@pytest.mark.rule("I7", "I8")
def test_hostile_files_are_refused_with_place_and_good_file_stays(
    rita: Build,
) -> None:
    answer = rita.upload(*((name, content) for name, content, *_ in REFUSED), (STOCK, b"\xef\xbb\xbf" + GOOD))
    assert answer.status_code == 422
    notes = [part.partition("</div></div>")[0] for part in answer.content.decode().split('<div class="note no"')[1:]]
    notes = [note for note in notes if ": " in note]  # the others wait for a script that has something to say
    assert len(notes) == len(REFUSED)
    wrong = [
        f"{name}: {words!r} is not in {note}"
        for (name, _, *expected), note in zip(REFUSED, notes, strict=True)
        for words in (f"{name}:", *expected)
        if words.lower() not in note.lower()
    ]
    assert not wrong, "\n".join(wrong)
    assert [item.filename for item in ImportItem.objects.filter(progress=ImportState.PREVIEW)] == [STOCK]
    kept = "".join(everything_stored())
    assert WORD not in kept
    assert ImportItem.objects.filter(progress=ImportState.REFUSED, manifest={}, draft={}, secrets=[]).count() == len(
        REFUSED
    )


@pytest.mark.full("previews the longest file that is taken")
@pytest.mark.rule("I7")
def test_form_at_field_limit_is_saved(rita: Build) -> None:
    item = rita.import_item("rows.json", _json(_channels(600)))
    every = dict.fromkeys(rita.fields(item), "")
    assert rita.post(item, every | rita.typed(item, rita.person)).status_code == 302


@pytest.mark.rule("I7", "I8")
def test_one_oversized_automation_leaves_others_of_file(rita: Build) -> None:
    answer = rita.upload(("both.json", _json([_channels(601), workflow(node("noOp"), name="Short")])))
    assert "uses 601 things" in answer.content.decode()
    assert ImportItem.objects.get(progress=ImportState.PREVIEW).manifest["name"] == "Short"


# --- names of files -------------------------------------------------------------------------------------------------------

NAMES = (
    "../../../etc/passwd",
    "..\\..\\windows\\x.json",
    "C:\\x\\y.json",
    "/etc/../etc/shadow",
    "%2e%2e%2fpasswd.json",
    "a\tb\x07.json",
    "x" * 900 + ".json",
    "\u200b\u200b.json",
    ", : . .json",
    *(
        f"{text.replace('/', '')}.json"
        for text in (*hostile_texts.MARKUP, *hostile_texts.FORMULAS, *hostile_texts.UNSEEN)
    ),
)


def _sent(rita: Build, content: bytes) -> Any:
    """A file under each of the names, as no browser sends them."""
    quoted = [name.replace("\\", "\\\\").replace('"', '\\"').encode() for name in NAMES]
    head = b'--seven\r\nContent-Disposition: form-data; name="files"; filename="%b"\r\n\r\n%b\r\n'
    body = b"".join(head % (name, content) for name in quoted) + b"--seven--\r\n"
    return rita.client.generic("POST", reverse("import"), body, "multipart/form-data; boundary=seven")


@pytest.mark.rule("I6", "I7")
def test_file_name_is_harmless(rita: Build) -> None:
    pages = [_sent(rita, b"{").content.decode()]
    assert _sent(rita, _json(workflow(node("noOp"), name=""))).status_code == 302
    pages.append(rita.client.get(reverse("import")).content.decode())
    items = list(ImportItem.objects.all())
    assert len(items) == 2 * len(NAMES)
    read = [item for item in items if item.progress == ImportState.PREVIEW]
    pages += [rita.see(item) for item in (read if run_lengths.IS_SOAK else read[::4])]
    wrong = [leak for page in pages for leak in hostile_texts.let_out(page)]
    assert not wrong, "\n".join(wrong)
    for text in [text for item in items for text in (item.filename, item.manifest.get("name", ""))]:
        assert len(text) <= 255
        assert ".." not in text.split("/")
        assert not text.startswith("/")
        assert set(hostile_texts.HIDDEN).isdisjoint(text)


# --- whatever is in it ------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(
    [*hostile_texts.MARKUP, *hostile_texts.FORMULAS, *hostile_texts.UNSEEN, "", "x" * 5000]
) | st.text(max_size=30)
LEAVES = TEXTS | (
    TEXTS
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.just([])
    | st.just({"id": "x"})
    | st.just(10**400)
)
TOKENS = st.sampled_from(
    [
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b'"',
        b"\\",
        b"{",
        b"]",
        b"NaN",
        b"\\ud83d",
        b"//",
        b"/*",
        b"\xe2\x80\xae",
    ]
)
SOURCES = [path.read_bytes() for path in sorted(EXPORTS.glob("*.json")) if ".mcp" not in path.name]


def _places(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a document."""
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for name, value in pairs:
        yield (*at, name)
        yield from _places(value, (*at, name))


@st.composite
def edited(draw: st.DrawFn) -> bytes:
    """An export with hostile values in it, some of its members under other names; or cut and spliced."""
    source = draw(st.sampled_from(SOURCES))
    if draw(st.integers(0, 3)) == 0:
        at, until = sorted((draw(st.integers(0, len(source))), draw(st.integers(0, len(source)))))
        return (
            source[:at]
            + draw(TOKENS | st.binary(max_size=20))
            + (source[at:] if draw(st.booleans()) else source[until:])
        )
    document = json.loads(source)
    chooser = random.Random(draw(st.integers(0, 2**32)))
    for value in map(
        copy.deepcopy, draw(st.lists(LEAVES, min_size=1, max_size=8))
    ):  # later ones are put into earlier ones
        *way, last = chooser.choice(list(_places(document)))
        inside = document
        for name in way:
            inside = inside[name]
        if isinstance(inside, dict) and isinstance(value, str) and chooser.random() < 0.2:
            inside[value] = inside.pop(last)
        elif isinstance(inside[last], str) and isinstance(value, str):
            inside[last] += value
        else:
            inside[last] = value
    return json.dumps(document, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")


@pytest.mark.full
@pytest.mark.soak
@pytest.mark.rule("I6", "I7", "I8")
def test_any_export_is_previewed_or_refused_without_execution(rita: Build, request: pytest.FixtureRequest) -> None:
    seen = {"preview": 0, "refused": 0}

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(edited(), st.sampled_from(["x.json", "x.yaml", f"{hostile_texts.MARKUP[2]}.json"]))
    def attempt(content: bytes, name: str) -> None:
        with undone():
            _brought_in(rita, name, content, seen)

    attempt()
    run_lengths.did(
        request, f"{seen['preview']:,} previews and {seen['refused']:,} refusals of exports that were tampered with"
    )


def _brought_in(rita: Build, name: str, content: bytes, seen: dict[str, int]) -> None:
    """One upload of two files, and every page that shows what came of it."""
    answer = rita.upload((name, content), (STOCK, GOOD))
    assert answer.status_code in (302, 422)
    items = list(ImportItem.objects.order_by("pk"))
    pages = [answer.content.decode(), rita.client.get(reverse("import")).content.decode()]
    assert any(item.filename == STOCK and item.progress == ImportState.PREVIEW for item in items)
    assert len(items) >= 2
    for item in items:
        seen[item.progress] += 1
        if item.progress == ImportState.REFUSED:
            assert item.reason
            continue
        pages += [rita.see(item), rita.panel(item, rita.typed(item, rita.person)).content.decode()]
        sent = rita.post(item, rita.typed(item, rita.person), do="submit")
        assert sent.status_code in (302, 409, 422), sent.status_code
        pages.append(
            sent.content.decode() if sent.status_code != 302 else rita.client.get(sent["Location"]).content.decode()
        )
    assert [leak for page in pages for leak in hostile_texts.let_out(page)] == []
