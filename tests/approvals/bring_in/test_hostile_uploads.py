"""Uploads that nobody means well by: each is refused in words, in bounded memory and work, and nothing is half done (I7, I8).

What the importers make of them alone stands in ``tests/inventory/importers/test_hostile.py``; here they come as a browser, or
something that is none, sends them.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import ImportBatch, ImportItem, ImportState
from inventory.registry import imports
from tests import hostile, lengths
from tests.approvals.bring_in.building import STOCK, Build, everything_stored
from tests.inventory.importers.samples import node, workflow
from tests.journeys import EXPORTS
from tests.savepoints import undone

pytestmark = pytest.mark.django_db

GOOD = (EXPORTS / STOCK).read_bytes()
WORD = "notforus7"
EXAMPLES = lengths.of(4, soak=int(os.environ.get("SOAK_EXAMPLES", "1000")))
#: Bytes of the files whose cost is measured; what is measured is a ratio.
SIZE = lengths.of(1, soak=20) * 256 * 1024
FULL = 5 * 1024 * 1024
#: Memory that reading a file may take, as a multiple of its bytes.
MOST_MEMORY = 40


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


#: Name, content, where it is said to be wrong, why, and what to do about it.
REFUSED: tuple[tuple[str, bytes, str, str, str], ...] = (
    ("empty.json", b"", "the whole file", "is empty", "Export it again"),
    ("blank.json", b" \n\t ", "the whole file", "is empty", "Export it again"),
    ("lists.json", b"[" * 100_000, "the whole file", "nested too deeply", "Export it again"),
    ("objects.json", b'{"a":' * 300 + b"1" + b"}" * 300, "the whole file", "nested more than 100", "Export it again"),
    ("laughs.yaml", _laughs(), "the whole file", "YAML, which is not read yet", "Bring in an export"),
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
    ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1", "not UTF-8", "Save it again as UTF-8"),
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
        "Bring in fewer",
    ),
    (
        "nodes.json",
        _json(workflow(*[{"name": WORD}] * 5001)),
        "the whole file",
        "more than 5,000 nodes",
        "Bring in fewer",
    ),
    ("many.json", _json([workflow()] * 2001), "the whole file", "more than 2,000 automations", "Bring in fewer"),
    (
        "servers.json",
        _json({"mcpServers": {f"{WORD}{i}": {"url": ""} for i in range(5001)}}),
        "the whole file",
        "more than 5,000 servers",
        "Bring in fewer",
    ),
    ("rows.json", _json(_channels(601)), "the whole file", "uses 601 things", "Split it"),
)


@pytest.mark.rule("I7", "I8")
def test_each_hostile_file_is_refused_by_name_place_and_what_to_do_and_the_good_one_beside_it_stands(
    rita: Build,
) -> None:
    answer = rita.upload(*((name, content) for name, content, *_ in REFUSED), (STOCK, b"\xef\xbb\xbf" + GOOD))
    assert answer.status_code == 422
    notes = [one.partition("</div></div>")[0] for one in answer.content.decode().split('<div class="note no"')[1:]]
    assert len(notes) == len(REFUSED)
    wrong = [
        f"{name}: {words!r} is not in {note}"
        for (name, _, *said), note in zip(REFUSED, notes, strict=True)
        for words in (f"{name}:", *said)
        if words.lower() not in note.lower()
    ]
    assert not wrong, "\n".join(wrong)
    assert [one.filename for one in ImportItem.objects.filter(progress=ImportState.PREVIEW)] == [STOCK]
    kept = "".join(everything_stored())
    assert WORD not in kept
    assert ImportItem.objects.filter(progress=ImportState.REFUSED, manifest={}, draft={}, secrets=[]).count() == len(
        REFUSED
    )


@pytest.mark.rule("I7")
def test_as_many_rows_as_a_form_can_send_are_a_preview_that_can_be_saved(rita: Build) -> None:
    item = rita.import_item("rows.json", _json(_channels(600)))
    every = dict.fromkeys(rita.fields(item), "")
    assert rita.post(item, every | rita.typed(item, rita.person)).status_code == 302


@pytest.mark.rule("I7", "I8")
def test_one_automation_that_is_too_long_does_not_take_the_others_of_its_file_with_it(rita: Build) -> None:
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
    *(f"{text.replace('/', '')}.json" for text in (*hostile.MARKUP, *hostile.FORMULAS, *hostile.UNSEEN)),
)


def _sent(rita: Build, name: str, content: bytes) -> Any:
    """A file under a name as no browser sends it."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').encode()
    head = b'--seven\r\nContent-Disposition: form-data; name="files"; filename="' + quoted + b'"\r\n\r\n'
    return rita.client.generic(
        "POST", reverse("bring_in"), head + content + b"\r\n--seven--\r\n", "multipart/form-data; boundary=seven"
    )


@pytest.mark.rule("I6", "I7")
def test_a_name_of_a_file_leads_nowhere_and_hides_and_runs_nothing(rita: Build) -> None:
    wrong = []
    for name in NAMES:
        with undone():
            page = _sent(rita, name, b"{").content.decode()
            read = _sent(rita, name, _json(workflow(node("noOp"), name="")))
            assert read.status_code == 302, name
            page += (
                rita.client.get(read["Location"]).content.decode()
                + rita.client.get(reverse("bring_in")).content.decode()
            )
            kept = list(ImportItem.objects.values_list("filename", "manifest__name"))
        wrong += [f"{name[:60]!r}: {said}" for said in hostile.let_out(page)]
        assert len(kept) == 2
        for text in (text for row in kept for text in row if text is not None):
            assert len(text) <= 255
            assert ".." not in text.split("/")
            assert not text.startswith("/")
            assert set(hostile.HIDDEN).isdisjoint(text)
    assert not wrong, "\n".join(wrong)


# --- how much ---------------------------------------------------------------------------------------------------------------


class Endless:
    """A body that says that it is large, and is made as it is read."""

    def __init__(self, head: bytes, size: int) -> None:
        self.left, self.head, self.read_so_far = size, head, 0

    def read(self, size: int = -1) -> bytes:
        size = self.left if size is None or size < 0 else min(size, self.left)
        self.left -= size
        self.read_so_far += size
        begun, self.head = self.head[:size], self.head[size:]
        return begun + b" " * (size - len(begun))

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)


MULTIPART = "multipart/form-data; boundary=seven"
FILE = b'--seven\r\nContent-Disposition: form-data; name="files"; filename="x.json"\r\n\r\n'
FIELD = b'--seven\r\nContent-Disposition: form-data; name="pasted"\r\n\r\n'
URLENCODED = "application/x-www-form-urlencoded"


def _pour(rita: Build, head: bytes, size: int, kind: str) -> tuple[Any, Endless, int]:
    """The answer to a body of a size, how much of it was read, and the most memory that it took."""
    body = Endless(head, size)
    tracemalloc.start()
    try:
        environ: dict[str, Any] = {"wsgi.input": body, "CONTENT_LENGTH": str(size), "CONTENT_TYPE": kind}
        answer = rita.client.request(PATH_INFO=reverse("bring_in"), REQUEST_METHOD="POST", **environ)
        return answer, body, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.rule("I7")
@pytest.mark.parametrize(
    ("head", "kind", "megabytes", "status", "is_read"),
    [
        (FILE, MULTIPART, lengths.of(7, soak=59), 422, True),
        (FILE, MULTIPART, 10_000, 413, False),
        (FIELD, MULTIPART, lengths.of(12, soak=59), 413, True),
        (b"pasted=", URLENCODED, 10_000, 413, False),
        (b"pasted=", URLENCODED, 7, 413, False),
    ],
)
def test_more_than_is_taken_is_refused_in_words_without_being_held(
    rita: Build, head: bytes, kind: str, megabytes: int, status: int, is_read: bool
) -> None:
    answer, body, memory = _pour(rita, head, megabytes * 1024 * 1024, kind)
    assert answer.status_code == status
    page = answer.content.decode()
    assert "6 MB" in page
    assert "one by one" in page
    assert bool(body.read_so_far) is is_read
    assert memory < 22 * 1024 * 1024, f"{memory / 2**20:.0f} MB were held"
    assert not ImportBatch.objects.exists()


@pytest.mark.rule("I7")
def test_too_many_files_or_fields_are_refused_in_words_and_none_of_them_is_kept(rita: Build) -> None:
    answer = rita.upload(*((f"{number}.json", GOOD) for number in range(101)))
    assert answer.status_code == 413
    assert "up to 100 files" in answer.content.decode()
    answer = rita.client.post(reverse("bring_in"), {f"why-{number}": "x" for number in range(2001)})
    assert answer.status_code == 413
    assert "up to 2,000 fields" in answer.content.decode()
    assert not ImportBatch.objects.exists()


@pytest.mark.rule("I8")
def test_files_that_are_too_large_are_not_dropped_beside_what_was_pasted(rita: Build, settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 20_000
    answer = rita.upload((STOCK, GOOD + b" " * 20_000), pasted=GOOD.decode())
    assert answer.status_code == 422
    assert "the most that is taken at once" in answer.content.decode()
    assert not ImportBatch.objects.exists()


#: What takes the most memory or work for its bytes; each is made as often as fits.
COSTLY: dict[str, Callable[[], bytes]] = {
    "lists": lambda: _filled(b"[],", FULL),
    "nested lists": lambda: _filled(b"[[[]]],", FULL),
    "objects": lambda: _filled(b'{"":0},'),
    "names": lambda: b"{" + b",".join(b'"%x":0' % number for number in range(SIZE // 11)) + b"}",
    "comments": lambda: _filled(b"/**/"),
    "one wide character": lambda: b'["' + b"x" * SIZE + "😀".encode() + b'"]',
    "nodes": lambda: _json([workflow(*[node("slack", f"{i}") for i in range(400)]) for _ in range(SIZE // 150_000)]),
    "servers": lambda: _json({"mcpServers": {f"{i}": {"url": f"https://{i}.e"} for i in range(600)}}),
    "YAML": lambda: b"a: " + b"&a [*a, " * (SIZE // 8),
}


#: Of these so many are in a full file that none of them is made.
NONE_MADE = ("lists", "nested lists")


def _filled(unit: bytes, size: int = SIZE) -> bytes:
    return b"[" + unit * (size // len(unit)) + b"1]"


@pytest.mark.rule("I7")
@pytest.mark.parametrize("kind", COSTLY if lengths.IS_SOAK else ["lists", "objects", "comments"])
def test_what_reading_a_file_takes_in_memory_is_bounded_by_its_size(
    kind: str, rita: Build, request: pytest.FixtureRequest
) -> None:
    content = COSTLY[kind]()
    tracemalloc.start()
    try:
        answer = rita.upload(("costly.json", content))
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code in (302, 422)
    megabytes, took = len(content) / 2**20, memory / 2**20
    lengths.did(request, f"{megabytes:.1f} MB of {kind} took {took:.0f} MB of memory")
    most = 10 if kind in NONE_MADE else MOST_MEMORY
    assert took < 8 + most * megabytes, "a page of its own takes some"


@pytest.mark.rule("I7")
def test_a_hundred_automations_take_as_many_queries_as_two(rita: Build) -> None:
    def queries(number: int) -> int:
        with CaptureQueriesContext(connection) as asked:
            found = [workflow(node("noOp"), name=f"Flow {i}") for i in range(number)]
            assert rita.upload(("flows.json", _json(found))).status_code == 302
        return len(asked)

    queries(2)
    assert queries(100) == queries(2)


@pytest.mark.rule("I7")
def test_an_upload_that_breaks_off_leaves_nothing(rita: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(imports, "_refused", broken)
    rita.client.raise_request_exception = False
    assert rita.upload((STOCK, GOOD), ("half.json", b"{")).status_code == 500
    assert not ImportBatch.objects.exists()
    assert not ImportItem.objects.exists()


# --- whatever is in it ------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from([*hostile.MARKUP, *hostile.FORMULAS, *hostile.UNSEEN, "", "x" * 5000]) | st.text(max_size=30)
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
    for value in draw(st.lists(LEAVES, min_size=1, max_size=8)):
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


@pytest.mark.soak
@pytest.mark.rule("I6", "I7", "I8")
def test_whatever_stands_in_an_export_it_is_a_preview_or_refused_in_words_and_runs_nothing(
    rita: Build, request: pytest.FixtureRequest
) -> None:
    seen = {"preview": 0, "refused": 0}

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(edited(), st.sampled_from(["x.json", "x.yaml", f"{hostile.MARKUP[2]}.json"]))
    def attempt(content: bytes, name: str) -> None:
        with undone():
            _brought_in(rita, name, content, seen)

    attempt()
    lengths.did(
        request, f"{seen['preview']:,} previews and {seen['refused']:,} refusals of exports that were tampered with"
    )


def _brought_in(rita: Build, name: str, content: bytes, seen: dict[str, int]) -> None:
    """One upload of two files, and every page that shows what came of it."""
    answer = rita.upload((name, content), (STOCK, GOOD))
    assert answer.status_code in (302, 422)
    items = list(ImportItem.objects.order_by("pk"))
    pages = [answer.content.decode(), rita.client.get(reverse("bring_in")).content.decode()]
    assert any(one.filename == STOCK and one.progress == ImportState.PREVIEW for one in items)
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
    assert [said for page in pages for said in hostile.let_out(page)] == []
