"""From names to levels. An unknown name is called unknown; nothing that might write is ever called read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importers.operation_words import (
    ADMIN,
    EXECUTE,
    READ,
    WRITE,
    access_of,
    is_irreversible,
    is_sensitive,
    words,
)


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("operation", "resource", "level"),
    [
        ("getAll", "message", "read"),
        ("search", "", "read"),
        ("download", "file", "read"),
        ("select", "database", "read"),
        ("post", "message", "write"),
        ("sendAndWait", "message", "write"),
        ("appendOrUpdate", "sheet", "write"),
        ("upsert", "record", "write"),
        ("deleteRecord", "record", "write"),
        ("archive", "channel", "write"),
        ("roleAdd", "member", "admin"),
        ("create", "user", "admin"),
        ("create", "userGroup", "admin"),
        ("getAll", "member", "read"),
        ("ban", "", "admin"),
        ("executeQuery", "database", "execute"),
        ("message", "text", "execute"),
        ("get_or_create_page", "", "write"),
        ("search-and-replace", "", "write"),
        ("list_issues", "", "read"),
        ("issue_write", "", "write"),
        ("create_user", "", "admin"),
        ("grant_role", "", "admin"),
        ("frobnicate", "", "unknown"),
        ("", "", "unknown"),
        ("*", "", "unknown"),
    ],
)
def test_the_verb_decides_the_level(operation: str, resource: str, level: str) -> None:
    assert access_of(operation, resource) == level


def test_verb_has_one_level() -> None:
    tables = [READ, WRITE, EXECUTE, ADMIN]
    assert sum(map(len, tables)) == len(frozenset().union(*tables))


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_name_has_a_level(operation: str, resource: str) -> None:
    assert access_of(operation, resource) in {"read", "write", "admin", "execute", "unknown"}


@pytest.mark.rule("I4")
@given(verb=st.sampled_from(sorted(WRITE)), noun=st.sampled_from(["page", "stock_item", "ticket"]))
def test_a_name_that_begins_by_writing_is_never_read(verb: str, noun: str) -> None:
    assert access_of(f"{verb}_{noun}") in {"write", "admin"}


@given(st.lists(st.sampled_from(["get", "page", "delete", "list", "order"]), min_size=1, max_size=4))
def test_the_spelling_of_a_name_does_not_change_its_level(parts: list[str]) -> None:
    camel = parts[0] + "".join(part.title() for part in parts[1:])
    assert words(camel) == words("_".join(parts)) == words("-".join(parts))
    assert access_of(camel) == access_of("_".join(parts)) == access_of("-".join(parts))


def test_secret_opening_access_is_sensitive() -> None:
    assert is_sensitive("get", "credential")
    assert is_sensitive("list_secrets")
    assert not is_sensitive("get", "page")


def test_github_says_the_same_of_its_own_tools(real_exports: Path) -> None:
    files = sorted((real_exports / "imports" / "mcp_tools_github").glob("*.snap"))
    tools = [json.loads(path.read_bytes()) for path in files]
    wrong = [t["name"] for t in tools if (access_of(t["name"]) == "read") != bool(t["annotations"].get("readOnlyHint"))]
    assert len(tools) == 70
    assert wrong == []


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    "code",
    [
        *(
            "record:create",
            "record:update",
            "row:upsert",
            "event:create",
            "file:upload",
            "document:update",
            "task:archive",
        ),
        *("create_issue", "issue_write", "add_label", "close_issue", "memory:append", "vectors:insert", "code:run"),
        *("model:call", "text:translate", "updateRow", "draft:create"),
    ],
)
def test_reversible_operation_is_not_irreversible(code: str) -> None:
    assert not is_irreversible(code)


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    "code",
    [
        *("record:delete", "table:drop", "message:send", "message:create", "create_and_send_invoice", "post:create"),
        *("merge_pull_request", "push_files", "create_payment", "order:create", "create_release", "send_email"),
        *("database:executeQuery", "database:executeQuery/write", "command:execute", "execute_sql", "run_workflow"),
        *("deploy", "publish", "share_file", "request:post", "updateAndDelete", "upsert_then_purge", "empty_trash"),
        *("frobnicate", "frobnicate_label", "*", "record:*", "", "archivieren", "browser_click", "transfer_funds"),
    ],
)
def test_unknown_or_final_operation_is_irreversible(code: str) -> None:
    assert is_irreversible(code)
