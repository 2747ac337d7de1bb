"""How much an upload may be, and what it may cost: refused in words beyond, and bounded in memory and work below (I7, I8)."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inventory.imports.transitions import previews
from inventory.models import ImportBatch, ImportItem
from tests import run_lengths
from tests.approvals.intake.builder import STOCK, Build
from tests.inventory.importers.samples import node, workflow
from tests.scenarios import EXPORTS

pytestmark = pytest.mark.django_db

GOOD = (EXPORTS / STOCK).read_bytes()
#: Bytes of the files whose cost is measured; what is measured is a ratio.
SIZE = run_lengths.run_length(1, soak=20) * 256 * 1024
FULL = 5 * 1024 * 1024
#: Memory that reading a file may take, as a multiple of its bytes.
MOST_MEMORY = 40


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


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
        answer = rita.client.request(PATH_INFO=reverse("import"), REQUEST_METHOD="POST", **environ)
        return answer, body, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.rule("I7")
@pytest.mark.parametrize(
    ("head", "kind", "megabytes", "status", "is_read"),
    [
        (FILE, MULTIPART, run_lengths.run_length(7, soak=59), 422, True),
        (FILE, MULTIPART, 10_000, 413, False),
        (FIELD, MULTIPART, run_lengths.run_length(12, soak=59), 413, True),
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
    answer = rita.client.post(reverse("import"), {f"why-{number}": "x" for number in range(2001)})
    assert answer.status_code == 413
    assert "up to 2,000 fields" in answer.content.decode()
    assert not ImportBatch.objects.exists()


@pytest.mark.rule("I8")
def test_oversized_files_do_not_hide_pasted_text(rita: Build, settings: Any) -> None:
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
@pytest.mark.parametrize("kind", COSTLY if run_lengths.IS_SOAK else ["lists", "objects", "comments"])
def test_memory_for_reading_is_bounded_by_file_size(kind: str, rita: Build, request: pytest.FixtureRequest) -> None:
    content = COSTLY[kind]()
    tracemalloc.start()
    try:
        answer = rita.upload(("costly.json", content))
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status_code in (302, 422)
    megabytes, took = len(content) / 2**20, memory / 2**20
    run_lengths.did(request, f"{megabytes:.1f} MB of {kind} took {took:.0f} MB of memory")
    most = 10 if kind in NONE_MADE else MOST_MEMORY
    assert took < 8 + most * megabytes, "a page of its own takes some"


@pytest.mark.rule("I7")
def test_a_hundred_automations_take_as_many_queries_as_two(rita: Build) -> None:
    def queries(number: int) -> int:
        with CaptureQueriesContext(connection) as caught:
            flows = [workflow(node("noOp"), name=f"Flow {i}") for i in range(number)]
            assert rita.upload(("flows.json", _json(flows))).status_code == 302
        return len(caught)

    queries(2)
    assert queries(100) <= queries(2)


@pytest.mark.rule("I7")
def test_interrupted_upload_leaves_nothing(rita: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(previews, "_item_key", broken)
    rita.client.raise_request_exception = False
    assert rita.upload((STOCK, GOOD), ("half.json", b"{")).status_code == 500
    assert not ImportBatch.objects.exists()
    assert not ImportItem.objects.exists()
