"""Matrices of segregation of duties: what spreadsheets and tools write is read, everything else is refused by line (S6)."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from approvals.conflicts.imports import matrices
from approvals.conflicts.imports.imported_rules import RULES, ImportedRules, rating_of
from approvals.conflicts.rule_language.rule import parse_rule
from approvals.conflicts.rule_language.selectors import Held
from tests.approvals.conflicts.conflict_rules import conflict_in

pytestmark = pytest.mark.rule("S6")

HEADING = "Role_A,Role_B,Risk_ID,Risk_Level,Description\n"


def of(text: str | bytes) -> ImportedRules:
    return matrices.parse_matrix("sod.csv", text if isinstance(text, bytes) else text.encode())


def pairs(found: ImportedRules) -> list[list[str]]:
    return [[leg["name"] for leg in document["legs"]] for document in found.documents]


def problems(found: ImportedRules) -> list[str]:
    return [f"{problem.where}: {problem.what}" for problem in found.problems]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "sod.csv: it is neither a list of conflicts nor a square of marks"),
        (b"User,Role\nMax,Admin\n", "sod.csv: it is neither a list of conflicts nor a square of marks"),
        (b"PK\x03\x04rest", "sod.csv: it is no text: a workbook or another packed file"),
        (b"Role_A,Role_B\n\x81\x8d", "sod.csv: it is no text in an encoding that is known"),
        (b"a\0b", "sod.csv: it is no text in an encoding that is known"),
        (b"Role_A,Role_B\nx," + b"y" * matrices.SIZE, "sod.csv: it is larger than 5 MB"),
        (b'Role_A,Role_B\na,b\n"never closed,b\n', "sod.csv, line 3: a quoted text is not closed"),
        (b'Role_A,Role_B\n"a"b,c\n', "sod.csv, line 2: a quoted text is not closed"),
        (b"Role_A,Role_B\n" + b"y" * 200_000 + b",z", "sod.csv, line 2: a quoted text is not closed"),
        (b"Role_A,Role_B\n" + b"," * 600 + b"x\n", "sod.csv, line 2: it has more than 500 columns"),
        (b"Role_A,Role_B\n" + b"a,b\n" * 20_000, "there are more than 20,000 rows"),
    ],
)
def test_invalid_matrix_is_refused_whole(data: bytes, said: str) -> None:
    found = of(data)
    assert not found.documents
    assert len(found.problems) == 1
    assert said in problems(found)[0]
    assert found.problems[0].what_to_do.endswith(".")


def test_incomplete_row_is_reported_with_its_line() -> None:
    found = of(
        HEADING
        + 'A,,R1,HIGH,"two\nlines"\n'  # lines 2 and 3
        + "A,A,R2,LOW,\n"
        + "A,B,R3,gigantic,\n"
        + "\n"
        + f"A,{'x' * 130},R4,LOW,\n"
        + "C,B,R5,LOW,fine\n"
    )
    assert pairs(found) == [["A", "B"], ["C", "B"]]
    assert problems(found) == [
        "sod.csv, line 2: Role_B is empty",
        "sod.csv, line 4: it puts something against itself",
        "sod.csv, line 5: its rating is none that is known",
        "sod.csv, line 7, legs 2, name: it has 130 characters",
    ]


def test_the_real_matrix_is_read(real_exports: Path) -> None:
    file = real_exports / "imports" / "sod_sap_sim" / "sod_matrix.csv"
    found = matrices.parse_matrix(file.name, file.read_bytes())
    assert not found.problems
    assert [(one["code"], one["rating"], one["mode"]) for one in found.documents] == [
        ("f001", "high", "record"),
        ("m001", "medium", "record"),
    ]
    assert pairs(found) == [
        ["Z_FI_PAYMENT_RUN", "Z_FI_INVOICE_POST"],
        ["Z_MM_PURCHASE_ORDER", "Z_MM_GOODS_RECEIPT"],
    ]
    first = parse_rule(found.documents[0])
    assert first.reason == "Kritisch: Zahlung und Buchung durch eine Person"
    assert conflict_in(first, [Held("a", code="z_fi_payment_run"), Held("b", code="Z_FI_INVOICE_POST")])
    by_tags = [Held("a", tags=frozenset({"pay"})), Held("b", tags=frozenset({"invoice.enter"}))]
    assert conflict_in(first, by_tags), "also what does what the roles' names say"
    users = real_exports / "imports" / "sod_sap_sim" / "users.csv"
    assert not matrices.parse_matrix(users.name, users.read_bytes()).documents


@pytest.mark.parametrize(
    "text",
    [
        "Role_A,Role_B\nPay,Post\n",
        "role a;ROLE B\r\nPay;Post\r\n",
        "Rolle A\tRolle B\rPay\tPost\r",
        "Function 1|Function 2\nPay|Post\n",
        "sep=;\nRole1;Role2\nPay;Post\n",
        "Segregation of duties 2024,,\n\nConflicting Role 1,Conflicting Role 2,x\nPay,Post,\n",
        "Role,Conflicting Role\nPay,Post\n",
        "Activity,Incompatible With\nPay,Post\n",
        'Role_A, Role_B\n"Pay", "Post"\n',
        "First Function,Second Function\nPay,Post\n",
        "Role_A_Name,Role_A_ID,Role_B_Name,Role_B_ID\nPay,,Post,\n",
        ",Pay,Post\nPay,,X\nPost,,\n",
        ",Pay,Post\nPay,-,x\nPost,X,-\n",
        "Matrix;;\n\n;Pay;Post\nPay;\u2713;\u2713\nPost;;\n",
        "\tPay\tPost\nPay\t0\t1\nPost\t1\t0\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_spellings_and_squares_say_the_same(text: str, encoding: str) -> None:
    found = of(text.encode(encoding))
    assert problems(found) == []
    assert pairs(found) == [["Pay", "Post"]]


def test_windows_encoding_is_read() -> None:
    found = of("Rolle A;Rolle B;Risikostufe;Beschreibung\nPrüfer;Zahler;hoch;Für alle\n".encode("cp1252"))
    assert pairs(found) == [["Prüfer", "Zahler"]]
    assert found.documents[0]["rating"] == "high"
    assert found.documents[0]["reason"] == "Für alle"
    assert found.documents[0]["code"] == "prufer-zahler"


def test_every_column_that_is_known_is_used() -> None:
    found = of(
        "Risk ID,Title,Business Process,Role 1,Role 2,Role 3,Severity,Mode,Description,Mitigation\n"
        'R-1,Pay oneself,P2P,"Pay, release",Post,Approve,Critical,Preventive,Because.,Split it.\n'
        "R-1,,,Pay,Post,,,,,\n"
        "R-2,,,Pay,Order,,,whatever,,\n"
    )
    assert problems(found) == ["sod.csv, line 4: its mode is none that is known"]
    assert found.documents[0] | {"legs": ...} == {
        "code": "r-1",
        "title": "Pay oneself",
        "process": "P2P",
        "rating": "high",
        "mode": "enforce",
        "scope": "automation",
        "reason": "Because.",
        "resolve": "Split it.",
        "legs": ...,
    }
    assert pairs(found)[0] == ["Pay, release", "Post", "Approve"]
    assert [one["code"] for one in found.documents] == ["r-1", "r-1-2", "r-2"]


def test_a_name_and_an_id_of_a_side_are_both_its_codes() -> None:
    found = of("Role_A_ID,Role_A_Name,Role_B_ID,Role_B_Name\nZ1,Payer,Z2,Poster\n")
    assert pairs(found) == [["Payer", "Poster"]]
    assert found.documents[0]["legs"][0]["any"][0] == {"codes": ["Payer", "Z1"]}


def test_symmetric_pair_is_one_rule_with_stricter_mode() -> None:
    found = of(HEADING + "A,B,R1,LOW,\nb,a,R2,HIGH,one\nB,A,R3,LOW,another\n")
    assert [(one["code"], one["rating"], one["reason"]) for one in found.documents] == [("r1", "high", "one")]
    assert problems(found) == ["sod.csv, line 4: the same is said in sod.csv, line 2, with other words"]


def test_square_matrix_marks_give_severity_and_unknown_marks_are_refused() -> None:
    found = of(",A,B,C,\nA,X,H,,\nB,,,low,X\nC,?,-,,\nD,X,,,\nnotes,,,,\n")
    assert [(*pair, one["rating"]) for pair, one in zip(pairs(found), found.documents, strict=True)] == [
        ("A", "B", "high"),
        ("B", "C", "low"),
    ]
    assert problems(found) == [
        "sod.csv, line 3, column 5: a mark has no name above it",
        "sod.csv, line 4, column 2: a mark is none that is known",
        "sod.csv, line 5: the name on its left does not stand above",
    ]


def test_pattern_characters_in_names_are_literal() -> None:
    found = of("Role_A,Role_B\nZ_*,Z_[1]\n")
    rule = parse_rule(found.documents[0])
    assert conflict_in(rule, [Held("a", code="Z_*"), Held("b", code="z_[1]")])
    assert not conflict_in(rule, [Held("a", code="Z_X"), Held("b", code="Z_1")])


def test_shared_words_are_dropped_from_pair_names() -> None:
    found = of("Role_A,Role_B\nSmall payment release,Large payment release\n")
    assert [leg["any"] for leg in found.documents[0]["legs"]] == [
        [{"codes": ["Small payment release"]}],
        [{"codes": ["Large payment release"]}],
    ]


def test_more_rules_than_are_read_are_counted_and_not_dropped_unseen() -> None:
    rows = "".join(f"A{number},B{number}\n" for number in range(RULES + 1_000))
    found = of("Role_A,Role_B\n" + rows)
    assert len(found.documents) == RULES
    assert len(found.problems) == 501
    assert found.problems[-1].what == "there are 500 more problems"


@pytest.mark.parametrize(
    ("word", "rating"),
    [
        ("HIGH", "high"),
        ("Very High", "high"),
        ("kritisch", "high"),
        ("Élevée", "high"),
        ("Med.", "medium"),
        ("L", "low"),
        ("?", ""),
    ],
)
def test_a_rating_is_known_by_the_usual_words(word: str, rating: str) -> None:
    assert rating_of(word) == rating


def check(found: ImportedRules) -> None:
    """What is found reads, each code once; what is not is said with its place."""
    codes = [parse_rule(document).code for document in found.documents]
    assert len(set(codes)) == len(codes)
    for problem in found.problems:
        assert problem.where.startswith(("sod.csv", "further on"))
        assert problem.what_to_do
        str(problem).encode()


@given(st.binary(max_size=300))
@example(b"sep=\n\n")
@example(b"\xff\xfea")
@example(b'Role_A,Role_B\n"\r\n",\xe2\x80\xae')
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = of(data)
    check(found)
    assert found.documents or found.problems


cells = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["X", "high", "A", "B", "-", "pay"]
)


@given(
    st.lists(st.lists(cells, max_size=6), max_size=8),
    st.sampled_from([HEADING, ",A,B\n", ""]),
    st.sampled_from(",;\t|"),
)
def test_any_table_is_read_or_refused(rows: list[list[str]], heading: str, separator: str) -> None:
    out = io.StringIO(heading.replace(",", separator))
    out.seek(0, io.SEEK_END)
    csv.writer(out, delimiter=separator).writerows(rows)
    check(of(out.getvalue().encode()))


names = (
    st.text("abcdefgh XYZ_*[]?;,|\"'ä", min_size=1, max_size=10).map(lambda text: " ".join(text.split())).filter(bool)
)


@given(
    st.lists(
        st.tuples(names, names).filter(lambda pair: pair[0].casefold() != pair[1].casefold()), min_size=1, max_size=6
    ),
    st.sampled_from(",;\t|"),
)
def test_exported_list_is_imported_unchanged(written: list[tuple[str, str]], separator: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows([("Role_A", "Role_B"), *written])
    found = of(out.getvalue().encode())
    once: dict[Any, list[str]] = {}
    for pair in written:
        once.setdefault(frozenset(name.casefold() for name in pair), list(pair))
    assert pairs(found) == list(once.values())
    assert not found.problems
