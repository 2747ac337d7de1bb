"""A file of conflict rules becomes a preview, and that one proposal that a second person countersigns (S6, S8)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.imports import comparison
from approvals.models import ConflictMember, ConflictRule, Proposal, ProposalState, Submission
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.jobs import impact_count
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.models import LedgerEvent, Person
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S8")]

SAMPLE = Path(__file__).parents[4] / "docs/examples/sod-matrix.csv"
HEADING = "Role_A,Role_B,Risk_ID,Risk_Level,Mode\n"
ROLES = '<role xmlns="http://midpoint.evolveum.com/xml/ns/public/common/common-3"><name>Judge</name></role>'


def bring(who: Person, *files: tuple[str, bytes | str]) -> Any:
    """Somebody chooses files and asks for the preview."""
    sent = [SimpleUploadedFile(name, data if isinstance(data, bytes) else data.encode()) for name, data in files]
    return client_of(who).post(reverse("rule_import"), {"files": sent})


def read_of(answer: Any) -> str:
    """What the page carries of the file."""
    found = re.search(r'name="read" value="([^"]+)"', answer.content.decode())
    assert found is not None
    return found[1]


def propose(who: Person, read: str, **more: str) -> Any:
    """Somebody proposes what the preview showed."""
    return client_of(who).post(reverse("rule_import"), {"read": read, "reason": "The auditors ask for it.", **more})


def proposed(c: Company, text: str, **more: str) -> Proposal:
    """Ines proposes a matrix, and what it would have caught is counted."""
    answer = propose(c.people.ines, read_of(bring(c.people.ines, ("sod.csv", text))), **more)
    assert answer.status_code == 302, answer.content.decode()
    impact_count.sweep(c.now)
    return Proposal.objects.latest("pk")


def approve(c: Company, made: Proposal, who: Person) -> Proposal:
    """Somebody countersigns."""
    return proposal_transitions.approve(made, actor=as_actor(who), now=c.now, reason="Right.", shown_digest=made.digest)


@pytest.mark.parametrize("who", ["rita", "sana", "omar", "yuki"])
def test_only_admin_imports_rules(plain: Company, who: str) -> None:
    person = getattr(plain.people, who)
    assert client_of(person).get(reverse("rule_import")).status_code == 403
    assert bring(person, ("sod.csv", SAMPLE.read_bytes())).status_code == 403
    read = read_of(bring(plain.people.ines, ("sod.csv", SAMPLE.read_bytes())))
    assert propose(person, read).status_code == 403
    assert not Proposal.objects.filter(kind="conflict_import").exists()
    assert LedgerEvent.objects.filter(verb="proposal.made", outcome="refused").exists()


@pytest.mark.parametrize(
    ("name", "data", "status", "said"),
    [
        ("book.xlsx", b"PK\x03\x04rest", 422, "Save the sheet as CSV"),
        ("users.csv", b"User,Role\nMax,Admin\n", 422, "neither a list of conflicts nor a square of marks"),
        (
            "bomb.xml",
            b'<!DOCTYPE x [<!ENTITY a "b">]><role><name>&a;</name></role>',
            422,
            "There is nothing to propose.",
        ),
        ("huge.csv", b"x" * (7 * 1024 * 1024), 413, "the most that is taken at once"),
    ],
)
def test_unreadable_rule_file_is_refused_with_reason(
    plain: Company, name: str, data: bytes, status: int, said: str
) -> None:
    answer = bring(plain.people.ines, (name, data))
    assert answer.status_code == status
    assert said in answer.content.decode()
    assert 'name="read"' not in answer.content.decode()


def test_import_without_file_shows_no_preview(plain: Company) -> None:
    answer = client_of(plain.people.ines).post(reverse("rule_import"), {})
    assert answer.status_code == 422
    assert "Nothing was chosen." in answer.content.decode()


def test_tampered_preview_is_not_proposed(plain: Company) -> None:
    read = read_of(bring(plain.people.ines, ("sod.csv", SAMPLE.read_bytes())))
    for other in (read[:-2] + "xx", "eyJ9", ""):
        answer = propose(plain.people.ines, other)
        assert answer.status_code == 422
        assert "Bring the file in again." in answer.content.decode()
    assert not Proposal.objects.filter(kind="conflict_import").exists()


def test_proposal_needs_reason_and_keeps_input(plain: Company) -> None:
    answer = propose(plain.people.ines, read_of(bring(plain.people.ines, ("sod.csv", SAMPLE.read_bytes()))), reason=" ")
    assert answer.status_code == 422
    assert "Create vendor" in answer.content.decode()
    assert propose(plain.people.ines, read_of(answer)).status_code == 302


def test_preview_lists_new_rules_and_skipped_lines(plain: Company) -> None:
    page = bring(plain.people.ines, ("sod-matrix.csv", SAMPLE.read_bytes())).content.decode()
    assert "7 new rules" in page
    assert "sod-matrix.csv, line 9" in page
    assert "Role_B is empty" in page
    assert "P2P-01".lower() in page
    assert not Proposal.objects.filter(kind="conflict_import").exists()
    assert not ConflictRule.objects.in_force(plain.now).exists()


def test_second_person_countersigns_whole_import(plain: Company) -> None:
    made = proposed(plain, SAMPLE.read_text())
    for who in ("ines", "karl", "yuki", "rita"):
        with pytest.raises(Refused, match=r"^PERMISSION: "):
            approve(plain, made, getattr(plain.people, who))
    assert not ConflictRule.objects.in_force(plain.now).exists()
    assert approve(plain, made, plain.people.sana).state == ProposalState.IN_FORCE
    found = {one.rule.code: one for one in conflict_queries.in_force(plain.now)}
    assert len(found) == 7
    one = found["p2p-01"]
    assert (one.rule.mode, one.rule.rating, one.version.number) == ("approval", "high", 1)
    assert (one.version.proposed_by, one.version.approved_by) == (plain.people.ines, plain.people.sana)


def test_imported_rules_are_scanned_at_once(plain: Company, plain_in_force: Submission) -> None:
    code = plain.erp.entitlements.first().code  # type: ignore[union-attr]
    approve(plain, proposed(plain, f"{HEADING}{code},Something else,X1,high,\n"), plain.people.sana)
    assert ConflictMember.objects.filter(rule__code="x1", leg=1).exists()


def test_preview_counts_past_conflicts_per_rule(plain: Company, plain_in_force: Submission) -> None:
    held = plain_in_force.held
    assert held is not None
    one, other = [thing["code"] for thing in held["things"]][:2]
    made = proposed(plain, f"{HEADING}{one},{other},X1,high,\n{one},Nobody has it,X2,low,\nA,,,,\n")
    found = impact_count.latest(made)
    assert found is not None
    assert found.counts["caught"] == found.counts["by:x1"] == 1
    page = client_of(plain.people.sana).get(made.href).content.decode()
    assert "1 of the rules would have caught nothing." in page
    assert "# Left out: sod.csv, line 4" in page


def test_unchanged_rules_stay_and_changed_rules_are_proposed(plain: Company) -> None:
    approve(plain, proposed(plain, f"{HEADING}A,B,X1,high,\nC,D,X2,low,\n"), plain.people.sana)
    again = f"{HEADING}A,B,X1,high,\nC,D,X2,low,enforce\nE,F,X3,low,\n"
    page = bring(plain.people.ines, ("sod.csv", again)).content.decode()
    assert "1 new rule" in page
    assert "1 rule would change" in page
    assert "1 rule there already" in page
    assert "What it does: <del>record</del> <ins>enforce</ins>" in page
    assert set(proposed(plain, again).document["rules"]) == {"x3"}
    Proposal.objects.filter(kind="conflict_import", state=ProposalState.OPEN).update(state=ProposalState.WITHDRAWN)
    made = proposed(plain, again, changed="1")
    assert set(made.document["rules"]) == {"x2", "x3"}
    assert made.tightens
    approve(plain, made, plain.people.sana)
    assert ConflictRule.objects.get(code="x2", number=2).mode == "enforce"


def test_repeated_import_proposes_nothing(plain: Company) -> None:
    approve(plain, proposed(plain, f"{HEADING}A,B,X1,high,\n"), plain.people.sana)
    answer = bring(plain.people.ines, ("sod.csv", f"{HEADING}A,B,X1,high,\n"))
    assert answer.status_code == 200
    assert "There is nothing to propose." in answer.content.decode()


def test_the_same_under_another_code_is_there_already(plain: Company) -> None:
    approve(plain, proposed(plain, f"{HEADING}A,B,X1,high,\n"), plain.people.sana)
    page = bring(plain.people.ines, ("sod.csv", f"{HEADING}B,A,X9,medium,\n")).content.decode()
    assert "stands as" in page
    assert "There is nothing to propose." in page


def test_rule_changed_meanwhile_is_not_overwritten(plain: Company) -> None:
    made = proposed(plain, f"{HEADING}A,B,read-and-tell,high,\n")
    row = Proposal(kind="conflict_rule", target="read-and-tell")
    one = proposal_transitions.propose(
        row,
        actor=as_actor(plain.people.karl),
        now=plain.now,
        reason="Another one.",
        document={"rule": conflict_rules.document(on(plain.erp), on(plain.slack))},
    )
    impact_count.sweep(plain.now)
    approve(plain, Proposal.objects.get(pk=one.pk), plain.people.sana)
    with pytest.raises(Refused) as no:
        approve(plain, made, plain.people.sana)
    assert no.value.refusal.code == "A6"


def test_loosening_import_needs_fresh_session(plain: Company) -> None:
    approve(plain, proposed(plain, f"{HEADING}A,B,X1,high,enforce\n"), plain.people.sana)
    made = proposed(plain, f"{HEADING}A,B,X1,high,record\nC,D,X2,low,\n", changed="1")
    assert not made.tightens


def test_a_document_that_is_none_is_refused_with_everything_that_is_wrong(plain: Company) -> None:
    for document in ({}, {"rules": {}}, {"rules": []}, {"rules": {"a": {"code": "b"}}}):
        with pytest.raises(InvalidInput, match=r"^S8: This can't be proposed as it is"):
            proposal_transitions.propose(
                Proposal(kind="conflict_import", target="sod.csv"),
                actor=as_actor(plain.people.ines),
                now=plain.now,
                reason="So.",
                document=document,
            )


def test_invalid_file_is_named_beside_valid_one(plain: Company) -> None:
    answer = bring(plain.people.ines, ("roles.xml", ROLES), ("sod.csv", f"{HEADING}A,B,X1,high,\n"))
    page = answer.content.decode()
    assert "1 new rule" in page
    assert "1 thing left out" in page
    assert "<b>roles.xml</b>: it is XML." in page
    assert "roles.xml and 1 more" in page


def test_files_with_same_code_are_distinguished(plain: Company) -> None:
    found = comparison.parse_files(
        [("a.csv", f"{HEADING}A,B,X1,,\n".encode()), ("b.csv", f"{HEADING}C,D,X1,,\n".encode())]
    )
    assert [one["code"] for one in found.documents] == ["x1"]
    assert [one.what for one in found.problems] == ["another file has a rule of this code"]


def test_a_preview_of_many_rules_asks_no_more_of_the_database(plain: Company) -> None:
    few, many = (f"{HEADING}" + "".join(f"A{n},B{n},X{n},high,\n" for n in range(size)) for size in (2, 60))
    asked = []
    for text in (few, many):
        with CaptureQueriesContext(connection) as captured:
            assert bring(plain.people.ines, ("sod.csv", text)).status_code == 200
        asked.append(len(captured))
    assert asked[0] == asked[1]


@pytest.mark.parametrize("code", ["new", "import", "propose"])
def test_a_rule_of_any_code_has_its_own_page(plain: Company, code: str) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack), code=code, now=plain.now)
    page = client_of(plain.people.sana).get(reverse("conflict_rule", args=[code]))
    assert page.status_code == 200
    assert "Read stock and tell of it" in page.content.decode()
