"""A campaign as evidence: whole, verifiable by its digest, bounded in memory, harmless in a spreadsheet, for few, and on record (H4)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tracemalloc
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.models import Grant, RevocationTask
from governance.core.clock import current_time
from governance.core.models import LedgerEvent, Seal
from governance.recertification.campaigns.scope import Scope
from governance.recertification.evidence import evidence_file
from governance.recertification.items import jobs as item_jobs
from governance.recertification.models import AnswerKind, Asks, Campaign, Item, Question
from tests.recertification.campaign_steps import filled, ordered
from tests.recertification.review_steps import Held, question, submit_answer
from tests.signed_in_client import client_of


@pytest.fixture
def campaign(stock_under_review: Item, held: Held) -> Campaign:
    """One item, answered by one side, and the other side's revoke corrected."""
    now = stock_under_review.opened_at
    submit_answer(question(stock_under_review, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=now, reason="=HYPERLINK(1)")
    return stock_under_review.campaign


def export(campaign: Campaign, held: Held, form: str) -> bytes:
    answer = client_of(held.people.yuki).post(f"/campaigns/{campaign.pk}/evidence/{form}/")
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == f'attachment; filename="campaign-{campaign.pk}.{form}"'
    return b"".join(answer.streaming_content)


@pytest.mark.rule("H4")
def test_only_ledger_readers_export_evidence(campaign: Campaign, held: Held) -> None:
    n, where = held.people, f"/campaigns/{campaign.pk}/evidence/csv/"
    for nobody in (n.jonas, n.omar, n.theo, n.rita, n.nadia):
        assert client_of(nobody).post(where).status_code == 403
    assert not LedgerEvent.objects.filter(verb="campaign.exported", outcome="done").exists()
    assert client_of(n.yuki).post(f"/campaigns/{campaign.pk}/evidence/exe/").status_code == 404
    assert client_of(n.yuki).post("/campaigns/999999/evidence/csv/").status_code == 404


@pytest.mark.rule("H4", "H1")
def test_the_lines_say_everything_and_the_head_proves_them(campaign: Campaign, held: Held) -> None:
    first, _, rest = export(campaign, held, "jsonl").partition(b"\n")
    head = json.loads(first)
    assert head["sha256"] == hashlib.sha256(rest).hexdigest()
    assert (head["items"], head["by"], head["campaign"]) == (1, "Yuki Sato", campaign.pk)
    opened, item = (json.loads(line) for line in rest.splitlines())
    assert (opened["type"], opened["verb"], opened["outcome"]) == ("campaign", "campaign.opened", "done")
    assert opened["digest"] == LedgerEvent.objects.get(verb="campaign.opened").digest
    questions = {question["asks"]: question for question in item["questions"]}
    (answer,) = questions["acceptable"]["answers"]
    assert (answer["answer"], answer["answered_by"], answer["reason"]) == ("revoke", "Omar Haddad", "=HYPERLINK(1)")
    assert questions["needed"]["answers"] == []
    assert [questions[asks]["no_longer_asked"] for asks in ("needed", "acceptable")] == [True, False]
    assert (item["state"], item["snapshot"]["tier"]) == ("answered", "standard")
    verbs = [proof["verb"] for proof in item["proofs"]]
    assert {"item.opened", "question.answered", "item.settled"} <= set(verbs)
    for proof in item["proofs"]:
        event = LedgerEvent.objects.get(pk=proof["event"])
        assert (proof["id"], proof["digest"]) == (str(event.event_id), event.digest)
        assert proof["seal"] is None, "what is not committed can't be sealed"
    exported = LedgerEvent.objects.get(verb="campaign.exported", outcome="done")
    assert exported.payload == {"form": "jsonl", "items": 1, "sha256": head["sha256"]}
    assert exported.actor_id == str(held.people.yuki.opaque_id)


@pytest.mark.rule("H4")
def test_the_cells_have_a_row_for_each_question_and_no_formula(campaign: Campaign, held: Held) -> None:
    head, _, rest = export(campaign, held, "csv").partition(b"\r\n\r\n")
    heading = dict(csv.reader(io.StringIO(head.decode())))
    assert heading["sha256"] == hashlib.sha256(rest).hexdigest()
    rows = list(csv.DictReader(io.StringIO(rest.decode())))
    assert [(row["asks"], row["answer"]) for row in rows] == [("needed", ""), ("acceptable", "revoke")]
    assert rows[1]["reason"] == "'=HYPERLINK(1)"


@pytest.mark.rule("H4", "H9")
def test_event_names_its_seal_and_unsealed_event_none(campaign: Campaign, held: Held) -> None:
    events = LedgerEvent.objects.filter(about__contains=[f"recertification.item:{campaign.items.get().pk}"])
    first, *_, last = events.order_by("xid", "pk")
    signed = {"root": "0" * 64, "previous": "0" * 64, "key_id": "k", "signature": "s", "at": current_time.real()}
    for number, end in ((1, first.pk), (2, last.pk - 1)):
        covered = {"first": 1, "last": end, "last_xid": first.xid, "count": 1, "total": 1}
        Seal.objects.create(number=number, **covered, **signed)
    evidence = evidence_file.write_evidence(campaign, "jsonl", by=held.people.yuki, now=current_time.now())
    head, *_, item = (json.loads(line) for line in b"".join(evidence.pieces()).splitlines())
    assert [proof["seal"] for proof in item["proofs"]] == [1, *[2] * (len(item["proofs"]) - 2), None]
    assert head["last_seal"] == 2


@pytest.mark.rule("H4", "R2")
def test_campaign_items_are_proved_by_their_events(held: Held, stock_under_review: Item) -> None:
    now = stock_under_review.opened_at
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now), now)
    evidence = evidence_file.write_evidence(campaign, "jsonl", by=held.people.yuki, now=now)
    head, *rows = (json.loads(line) for line in b"".join(evidence.pieces()).splitlines())
    items = [row for row in rows if row["type"] == "item"]
    assert (head["items"], head["joined"]) == (len(items), 1)
    page = client_of(held.people.yuki).get(campaign.href).content.decode()
    assert f"<dd>{len(items)}<div" in page
    assert f"{len(items) - 1} opened for it; 1 was open before and joined" in page
    (joined,) = [item for item in items if item["joined_at"] is not None]
    assert (joined["item"], joined["opened_in"]) == (stock_under_review.pk, stock_under_review.campaign_id)
    assert joined["opened_in"] != campaign.pk
    assert {item["opened_in"] for item in items if item is not joined} == {campaign.pk}
    frozen = [row["payload"] for row in rows if row.get("verb") == "campaign.items_opened"]
    (grants,) = [event for event in frozen if event["of"] == "grants"]
    keys = ",".join(str(item["grant"]) for item in items if item["grant"] is not None and item is not joined)
    assert grants["digest"] == hashlib.sha256(keys.encode()).hexdigest()


@pytest.mark.rule("H4", "G4")
def test_removal_states_whether_it_was_checked(campaign: Campaign, held: Held) -> None:
    item = campaign.items.get()
    item.refresh_from_db()
    assert item.closes_at is not None
    item_jobs.sweep(item.closes_at)
    task = RevocationTask.objects.get(grant=item.grant)
    (row,) = (json.loads(line) for line in export(campaign, held, "jsonl").splitlines()[-1:])
    assert [(entry["task"], entry["state"]) for entry in row["tasks"]] == [(task.pk, "open")]
    assert "revocation.opened" in {proof["verb"] for proof in row["proofs"]}
    cells = export(campaign, held, "csv").partition(b"\r\n\r\n")[2].decode()
    assert [(line["tasks"], line["tasks_open"]) for line in csv.DictReader(io.StringIO(cells))] == [("1", "1")] * 2


@pytest.mark.rule("H4", "G4")
def test_endings_after_review_are_no_evidence(campaign: Campaign, held: Held) -> None:
    item = campaign.items.get()
    now, later = item.opened_at, item.opened_at + timedelta(days=400)
    kept = {"state": "closed", "outcome": "kept", "closed_at": now + timedelta(days=3), "closes_at": None}
    Item.objects.filter(pk=item.pk).update(**kept)
    task = RevocationTask.objects.create(
        grant=item.grant, opened_at=later, due_at=later, escalate_at=None, owner=held.people.omar
    )
    Grant.objects.filter(pk=item.grant_id).update(ended_at=later)

    def tasks() -> list[list[int]]:
        chunks = list(evidence_file.chunks(campaign))
        return [[task["task"] for task in row["tasks"]] for chunk in chunks for row in chunk]

    assert tasks() == [[]]
    Grant.objects.filter(pk=item.grant_id).update(renew=False)
    assert tasks() == [[task.pk]], "it ended on the day that an answer named"
    Grant.objects.filter(pk=item.grant_id).update(renew=True)
    Item.objects.filter(pk=item.pk).update(outcome="revoked", closed_at=later)
    assert tasks() == [[task.pk]]
    when = {"opened_at": now, "deadline": now, "grace_until": now, "reason": "review date"}
    of_all = Item.objects.create(campaign=campaign, automation=held.automation, snapshot={}, **when)
    assert tasks() == [[task.pk], [task.pk]], "with the automation that held it as well"
    closed = {"state": "closed", "outcome": "kept", "closed_at": now}
    Item.objects.filter(pk=of_all.pk).update(**closed)
    assert tasks() == [[task.pk], []]


@pytest.mark.rule("H4", "H6")
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_heading_names_opener(held: Held, form: str) -> None:
    n, now = held.people, held.company.now + timedelta(days=1)
    campaign = ordered(Scope(), by=n.sana, now=now, reason="After a leak.\r\n\r\n=SUM(1)")
    file = b"".join(evidence_file.write_evidence(campaign, form, by=n.yuki, now=now).pieces())
    if form == "csv":
        first, _, rest = file.partition(b"\r\n\r\n")
        head = dict(csv.reader(io.StringIO(first.decode(), newline="")))
        assert head["why"].splitlines() == ["After a leak.", "", "=SUM(1)"]
    else:
        first, _, rest = file.partition(b"\n")
        head = json.loads(first)
        of_it = {entry["verb"]: entry for entry in map(json.loads, rest.splitlines()) if entry["type"] == "campaign"}
        ordered_by = of_it["campaign.ordered"]
        assert (ordered_by["by"], ordered_by["by_id"]) == (n.sana.name, str(n.sana.opaque_id))
        assert ordered_by["reason"] == head["why"]
    assert head["sha256"] == hashlib.sha256(rest).hexdigest()
    assert (head["opened_by"], head["opened_by_id"]) == (n.sana.name, str(n.sana.opaque_id))
    assert head["why"].startswith("After a leak.")


@pytest.mark.rule("H4")
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"])
def test_formulas_are_exported_as_text(text: str) -> None:
    assert evidence_file.cell(text) == f"'{text}"
    assert evidence_file.cell(f"a{text}") == f"a{text}"


def more_items(campaign: Campaign, held: Held, number: int) -> None:
    model = campaign.items.earliest("pk")
    closed = {"state": "closed", "outcome": "kept", "closed_at": model.opened_at, "reason": "review date"}
    when = {"opened_at": model.opened_at, "deadline": model.deadline, "grace_until": model.grace_until}
    items = Item.objects.bulk_create(
        Item(campaign=campaign, grant=model.grant, snapshot={"tier": "low", "x": "y" * 2000}, **closed, **when)
        for _ in range(number)
    )
    Question.objects.bulk_create(
        Question(item=item, asks=Asks.NEEDED, reviewer=held.people.jonas, asked_at=item.opened_at) for item in items
    )


def peak(campaign: Campaign, held: Held, form: str) -> tuple[int, int]:
    """The most bytes that an export holds at once, and how many it sends."""
    tracemalloc.start()
    evidence = evidence_file.write_evidence(campaign, form, by=held.people.yuki, now=current_time.now())
    size = sum(len(piece) for piece in evidence.pieces())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most, size


@pytest.mark.full("exports thousands of items, to measure memory")
@pytest.mark.rule("H4")
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_memory_does_not_grow_with_the_campaign_and_queries_grow_by_chunks(
    form: str, campaign: Campaign, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_file, "CHUNK", 20)
    more_items(campaign, held, 60)
    peak(campaign, held, form)  # what is compiled once
    few, _ = peak(campaign, held, form)
    more_items(campaign, held, 540)
    many, size = peak(campaign, held, form)
    assert size > 600 * 2000
    assert many < 1.5 * few
    with CaptureQueriesContext(connection) as queries:
        evidence = evidence_file.write_evidence(campaign, form, by=held.people.yuki, now=current_time.now())
    evidence.rows.close()
    assert evidence.head["items"] == 601
    assert len(queries) <= 8 + 8 * (601 // 20 + 1)
