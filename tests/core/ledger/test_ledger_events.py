"""Single events: what they hold, and that the database lets nobody change or remove one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.core.actors.actor import Actor
from governance.core.ledger import ledger_events
from governance.core.ledger.verifier import canonical_json, event_digest, is_written_alike, leaf_hash, merkle_root
from governance.core.models import LedgerEvent, Seal
from tests import run_lengths
from tests.core.ledger.appended_events import appended
from tests.people import NOW, Northwind, as_actor, as_delegate

pytestmark = pytest.mark.database


def raw(sql: str, *values: Any) -> None:
    """Run SQL as somebody would who goes past the program."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what the test wrote before has no pending checks
        cursor.execute(sql, values)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # a released savepoint would keep it


@pytest.fixture
def event(northwind: Northwind) -> LedgerEvent:
    """One event about Rita."""
    return appended(actor=as_actor(northwind.ines), verb="toy.moved", subject=northwind.rita, now=NOW)


@pytest.mark.rule("H2")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE controls_ledgerevent SET verb = 'toy.stayed'",
        "UPDATE controls_ledgerevent SET payload = '{}'",
        "DELETE FROM controls_ledgerevent",
        "TRUNCATE controls_ledgerevent",
        "TRUNCATE controls_freetext CASCADE",
        "UPDATE controls_seal SET count = 1",
        "DELETE FROM controls_seal",
        "TRUNCATE controls_seal",
    ],
)
def test_the_database_changes_removes_and_truncates_no_event_and_no_seal(event: LedgerEvent, sql: str) -> None:
    Seal.objects.create(
        number=1, first=1, last=1, last_xid=1, count=1, total=1, root="", previous="", key_id="", signature="", at=NOW
    )
    with pytest.raises(DatabaseError, match=r"Cannot (update|delete)|is not truncated"):
        raw(sql)
    assert LedgerEvent.objects.get(pk=event.pk).verb == "toy.moved"


@pytest.mark.rule("H2")
def test_database_sets_transaction_of_event(event: LedgerEvent) -> None:
    raw(
        "INSERT INTO controls_ledgerevent (event_id, xid, at, actor_kind, actor_id, for_id, verb, subject_type, subject_id,"
        " about, correlation, outcome, code, payload, digest) SELECT gen_random_uuid(), '5', at, actor_kind, actor_id,"
        " for_id, verb, subject_type, subject_id, about, correlation, outcome, code, payload, digest"
        " FROM controls_ledgerevent WHERE id = %s",
        event.pk,
    )
    assert LedgerEvent.objects.order_by("-id")[0].xid == LedgerEvent.objects.get(pk=event.pk).xid


@pytest.mark.rule("H2")
def test_no_event_is_inserted_below_a_seal(event: LedgerEvent, northwind: Northwind) -> None:
    """After a restore on another server its transaction counter starts low: events would sort among sealed ones."""
    Seal.objects.create(
        number=1,
        first=1,
        last=1,
        last_xid=2**60,
        count=1,
        total=1,
        root="",
        previous="",
        key_id="",
        signature="",
        at=NOW,
    )
    with pytest.raises(DatabaseError, match="ledger_catch_up"), transaction.atomic():
        ledger_events.append(actor=as_actor(northwind.ines), verb="toy.moved", subject=northwind.rita, now=NOW)


@pytest.mark.rule("H1")
@pytest.mark.parametrize(("outcome", "code"), [("refused", ""), ("done", "SOD-1"), ("maybe", "")])
def test_only_refusals_have_a_code(event: LedgerEvent, outcome: str, code: str) -> None:
    copy = LedgerEvent.objects.get(pk=event.pk)
    copy.pk, copy.event_id, copy.outcome, copy.code = None, uuid.uuid4(), outcome, code
    with transaction.atomic(), pytest.raises(IntegrityError, match="ledger_refused_has_code"):
        copy.save(force_insert=True)


@pytest.mark.rule("H6", "A11")
def test_event_uses_opaque_ids_and_represented_person(northwind: Northwind) -> None:
    actor = as_delegate(northwind.karl, giver=northwind.ines)
    made = appended(actor=actor, verb="toy.moved", subject=northwind.rita, now=NOW)
    assert (made.actor_kind, made.actor_id) == ("person", str(northwind.karl.opaque_id))
    assert made.for_id == str(northwind.ines.opaque_id)
    job = appended(actor=Actor.of_job("toys.sweep"), verb="toy.moved", subject=northwind.rita, now=NOW)
    assert (job.actor_kind, job.actor_id, job.for_id) == ("job", "toys.sweep", "")


@pytest.mark.rule("H3")
def test_event_is_shown_once_on_each_timeline(northwind: Northwind) -> None:
    rows = ledger_events.timeline_keys(northwind.rita, northwind.marketing, None, northwind.rita)
    made = appended(actor=as_actor(northwind.ines), verb="toy.moved", subject=northwind.rita, now=NOW, about_rows=rows)
    assert made.about == [f"controls.person:{northwind.rita.pk}", f"controls.team:{northwind.marketing.pk}"]
    assert made in LedgerEvent.objects.filter(about__contains=ledger_events.timeline_keys(northwind.marketing))


@pytest.mark.rule("H2")
def test_stored_event_keeps_its_digest(northwind: Northwind) -> None:
    odd = {"deep": {"z": [1, 2.5, None, True], "a": "ä\u2028\U0001f600"}, "big": 2**53 - 1, "ordered": ["b", "a"]}
    read = appended(actor=as_actor(northwind.ines), verb="toy.moved", subject=northwind.rita, now=NOW, payload=odd)
    assert read.digest == event_digest(ledger_events.canonical(read))


@pytest.mark.rule("H2")
@pytest.mark.parametrize(
    "payload",
    [
        {"too_big": 2**53},
        {"whole": 2.0**53},
        {"deep": [{"huge": 1e300}]},
        {"nan": float("nan")},
        {"at": NOW},
        {1: "one"},
    ],
)
def test_a_payload_that_json_would_not_keep_is_refused_before_it_is_written(
    northwind: Northwind, payload: dict[Any, Any]
) -> None:
    with pytest.raises((ValueError, TypeError)):
        ledger_events.append(
            actor=as_actor(northwind.ines), verb="x.y", subject=northwind.rita, now=NOW, payload=payload
        )


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


def canonical_or_refused(write: Callable[[Any], bytes], content: object) -> bytes | None:
    """What is written of it, or None where it has no canonical form."""
    try:
        return write(content)
    except ValueError:
        return None


#: What takes the quick way: keys in ASCII, whatever is odd among these included, and no floats.
KEYS = st.text(st.characters(max_codepoint=127), max_size=6)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1) | st.sampled_from([2**53 - 1, 1 - 2**53])
PLAIN = st.recursive(
    st.none() | st.booleans() | WHOLE | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)


@pytest.mark.rule("H2")
@given(st.dictionaries(KEYS, PLAIN))
@settings(max_examples=run_lengths.run_length(25, full=200), deadline=None)
def test_fast_encoder_equals_library_for_its_inputs(content: dict[str, Any]) -> None:
    assert is_written_alike(content)
    assert canonical_json(content) == rfc8785.dumps(content)


@pytest.mark.rule("H2")
@given(st.dictionaries(st.text(), VALUES))
@settings(max_examples=run_lengths.run_length(25, full=100), deadline=None)
def test_fast_encoder_follows_rfc_8785(content: dict[str, Any]) -> None:
    assert canonical_or_refused(canonical_json, content) == canonical_or_refused(rfc8785.dumps, content)


ODD = ("\x00\x1f\x7f\x80", '"\\/\b\f\n\r\t', "\u2028\ufeff\uffff\U0001f600", "\ud800")


@pytest.mark.rule("H2")
@pytest.mark.parametrize(
    "content",
    [
        *({"a": text, "\r": [{"A": text}, []]} for text in ODD),
        {"whole": [2**53 - 1, 1 - 2**53, 0, True, None]},
        {"\ufb33": "stands behind the other in UTF-16", "\U0001f600": "and before it in Unicode"},
    ],
)
def test_odd_texts_numbers_and_orders_of_keys_are_written_alike_too(content: dict[str, Any]) -> None:
    assert canonical_or_refused(canonical_json, content) == canonical_or_refused(rfc8785.dumps, content)


def rfc_6962_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word: split at the largest power of two smaller than n."""
    import hashlib

    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc_6962_root(leaves[:k]) + rfc_6962_root(leaves[k:])).digest()


@pytest.mark.rule("H2")
@given(st.integers(min_value=1, max_value=300))
@settings(max_examples=run_lengths.run_length(25, full=60), deadline=None)
def test_the_merkle_root_is_that_of_the_standard(count: int) -> None:
    leaves = [leaf_hash(number, "00") for number in range(count)]
    assert merkle_root(leaves) == rfc_6962_root(leaves)
