"""Lists as files: what is read, and what is refused with file and line (P1)."""

from __future__ import annotations

import pytest

from governance.portal.lists.list_file import LONGEST_CELL, MOST_ROWS, ListProblem, read_lists

PEOPLE = b"email,name,title\nada@x.test,Ada,Engineer\n"


@pytest.mark.parametrize(
    ("data", "line", "sentence"),
    [
        (b"", 0, "This file is empty."),
        (b"colour,size\nred,1\n", 1, "The first line names the columns of no list."),
        (b"email,name,salary\na@x.test,A,1\n", 1, "A list of people has no column “salary”."),
        (b"email,name,name\na@x.test,A,B\n", 1, "The column “name” stands twice."),
        (b"email,name\na@x.test,A\nb@x.test,B,C\n", 3, "This line has 3 cells and the head 2."),
        (b'email,name\na@x.test,"A\nb@x.test,B\n', 3, "This is no CSV: unexpected end of data."),
        (b"email,name\na@x.test,\xff\n", 2, "This is not UTF-8."),
        (b"email,name\na@x.test,A\0\n", 2, "This is no text."),
        (b"email,name\na@x.test," + b"x" * (LONGEST_CELL + 1), 2, "A cell has more than 4,000 characters."),
        (b"email,name\na@x.test,ghp_" + b"a1B2" * 9 + b"\n", 2, "A cell holds a secret (github)."),
        (b"," * 6_000_000, 1, "The first line names the columns of no list."),
        (b",a" * 200 + b"\n", 1, "A line has more than 100 cells."),
        (b"email,name,ghp_" + b"a1B2" * 9 + b"\n", 1, "The first line holds a secret."),
        (b"email,name\na@x.test,A" + b"," * 1_000 + b"B\n", 2, "A line has more than 100 cells."),
    ],
    ids=[
        "empty",
        "no-list",
        "column",
        "twice",
        "cells",
        "quotes",
        "bytes",
        "nul",
        "long",
        "secret",
        "commas",
        "columns",
        "head",
        "wide",
    ],
)
def test_unusable_list_is_refused_with_its_line(data: bytes, line: int, sentence: str) -> None:
    with pytest.raises(ListProblem) as refused:
        read_lists([("list.csv", data)])
    assert (refused.value.file, refused.value.line, refused.value.sentence) == ("list.csv", line, sentence)
    assert refused.value.to_do


def test_secret_in_a_file_name_is_refused_and_not_repeated() -> None:
    with pytest.raises(ListProblem, match="Its name holds a secret") as refused:
        read_lists([("ghp_" + "a1B2" * 9, PEOPLE)])
    assert refused.value.file == "A file"


def test_too_many_rows_are_refused_over_all_files() -> None:
    some = b"email,name\n" + b"".join(b"p%d@x.test,P\n" % number for number in range(MOST_ROWS))
    assert len(read_lists([("a.csv", some)])) == MOST_ROWS
    with pytest.raises(ListProblem, match="More than 5,000 rows"):
        read_lists([("a.csv", some), ("b.csv", PEOPLE)])


@pytest.mark.parametrize(
    "data",
    [
        PEOPLE,
        b"\xef\xbb\xbf" + PEOPLE,
        PEOPLE.replace(b",", b";"),
        PEOPLE.replace(b",", b"\t"),
        PEOPLE.replace(b"\n", b"\r\n"),
        PEOPLE.replace(b"\n", b",,\n"),
        b"Email,Name,Title\n\n ada@x.test , Ada,Engineer\n,,\n",
    ],
    ids=["plain", "mark", "semicolons", "tabs", "windows", "empty-columns", "blanks"],
)
def test_lists_of_spreadsheets_read_alike(data: bytes) -> None:
    (line,) = read_lists([("list.csv", data)])
    assert (line.kind, dict(line.cells)) == ("people", {"email": "ada@x.test", "name": "Ada", "title": "Engineer"})


def test_the_head_says_what_a_list_is() -> None:
    files = {
        "teams": b"team,lead\nOps,ada@x.test\n",
        "resources": b"resource,kind,team,owner,deputy,data_class\nCRM,API,Ops,a@x.test,b@x.test,public\n",
        "entitlements": b"resource,code,words,level\nCRM,read,Read it,read\n",
    }
    assert [line.kind for line in read_lists(files.items())] == list(files)
