"""What an entitlement makes possible, from the names of importers and of people; what protects is given by nothing merely alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importers import capabilities
from inventory.importers.capabilities import PROTECTIVE, TAGS, tags_of
from inventory.importers.n8n import defaults
from inventory.importers.operation_words import words

pytestmark = pytest.mark.rule("S6")

LEVELS = ("read", "write", "execute", "admin", "unknown")


@pytest.mark.parametrize(
    ("connector", "code", "level", "tags"),
    [
        ("gmailTrigger", "watch", "read", ["input.untrusted"]),
        ("emailReadImap", "watch", "read", ["input.untrusted"]),
        ("rssFeedReadTrigger", "watch", "read", ["input.untrusted"]),
        ("typeformTrigger", "watch", "read", ["input.untrusted"]),
        ("webhook", "receive", "read", ["input.untrusted"]),
        ("zendesk", "ticket:getAll", "read", ["input.untrusted"]),
        ("toolWikipedia", "web:search", "read", ["input.untrusted"]),
        ("httpRequest", "request:get", "read", ["input.untrusted"]),
        ("httpRequest", "request:post", "write", ["input.untrusted"]),
        ("slack", "message:post", "write", ["message.send"]),
        ("slack", "message:sendAndWait", "write", ["input.untrusted", "message.send"]),
        ("gmail", "message:addLabels", "write", []),
        ("mcp", "*", "unknown", ["input.untrusted", "tool.any"]),
        ("mcp", "*/read", "read", ["input.untrusted"]),
        ("mcp", "vendors:*", "unknown", ["vendor.write"]),
        ("mcp", "browser_navigate", "execute", ["input.untrusted"]),
        ("mcp", "list_issues", "read", ["input.untrusted"]),
        ("mcp", "run_shell_command", "execute", ["code.run"]),
        ("mcp", "get_secret", "read", ["secrets.read"]),
        ("mcp", "rotate_api_key", "write", ["secrets.write"]),
        ("mcp", "push_files", "write", ["code.write"]),
        ("mcp", "merge_pull_request", "write", ["code.write", "code.merge"]),
        ("mcp", "add_memory", "write", ["memory.write"]),
        ("mcp", "assign_role", "admin", ["access.grant"]),
        ("mcp", "delete_user", "admin", ["user.manage"]),
        ("mailchimp", "member:create", "admin", []),
        ("mcp", "delete_time_log", "write", []),
        ("mcp", "purge_audit_logs", "write", ["log.delete"]),
        ("mcp", "catalog_get", "read", []),
        ("code", "code:run", "execute", ["code.run"]),
        ("executeWorkflow", "workflow:execute", "execute", ["automation.run"]),
        ("lmChatOpenAi", "model:call", "execute", ["model.call"]),
        ("openAi", "assistant:update", "write", ["model.call", "prompt.write"]),
        ("vectorStorePinecone", "vectors:insert", "write", ["memory.write"]),
        ("postgres", "database:executeQuery", "execute", ["data.delete", "data.write"]),
        ("postgres", "database:executeQuery/read", "read", []),
        ("postgres", "database:select", "read", []),
        ("github", "workflow:dispatch", "execute", ["automation.run", "deploy"]),
        ("stripe", "charge:create", "write", ["pay"]),
        ("stripe", "charge:get", "read", []),
        ("xero", "invoice:create", "write", ["invoice.issue"]),
        ("bambooHr", "employee:update", "write", ["employee.write"]),
        ("", "release payments", "write", ["pay"]),
        ("", "post journal entries", "write", ["ledger.post"]),
        ("", "Z_FI_PAYMENT_RUN", "unknown", ["pay"]),
        ("", "read files", "read", []),
    ],
)
def test_importer_and_manual_names_share_tags(connector: str, code: str, level: str, tags: list[str]) -> None:
    assert tags_of(connector, code, level) == tags


def test_reading_a_store_of_secrets_is_reading_secrets_and_writing_to_it_is_not() -> None:
    for level in LEVELS:
        assert ("secrets.read" in tags_of("mcp", "kv:entry", level, kind="secret_store")) == (level != "write")
    assert "secrets.read" in tags_of("mcp", "show", "read", opens_secrets=True)


@pytest.mark.rule("I4")
def test_unknown_action_may_read_and_change() -> None:
    assert tags_of("slack", "message:*", "unknown") == ["input.untrusted", "message.send"]
    assert tags_of("mcp", "vendor", "nonsense") == tags_of("mcp", "vendor", "unknown")


@pytest.mark.parametrize("tag", sorted(PROTECTIVE))
def test_protection_tags_need_known_specific_tool(tag: str) -> None:
    for thing in ("audit_log", "audit_trail", "backup", "event", "payment_limit", "human"):
        for connector in ("mcp", "splunk", ""):
            assert tag not in tags_of(connector, f"{thing}:*", "write")
            assert tag not in tags_of(connector, f"create_{thing}", "unknown")
            assert tag not in tags_of(connector, f"get_{thing}", "read")


def test_every_tag_of_the_vocabulary_is_given_by_the_table() -> None:
    assert {line.tag for line in capabilities._LINES} == TAGS.keys()
    for tag, sentence in TAGS.items():
        assert len(tag) <= 60
        assert words(sentence)


def test_every_line_of_the_table_gives_its_tag_by_each_of_its_words_and_verbs() -> None:
    for line in capabilities._LINES:
        connector = min(line.connectors, default="")
        nouns = ["_".join(sorted(noun)) for noun in line.nouns] or [""]
        verbs = sorted(line.verbs) or [""]
        level = {"reads": "read", "runs": "execute"}.get(line.levels, "write")
        for noun, verb in [*((noun, verbs[0]) for noun in nouns), *((nouns[0], verb) for verb in verbs)]:
            code = f"{noun}:{verb}" if verb and noun else noun or verb
            if noun != "*":
                assert line.tag in tags_of(connector, code, level), (line.tag, connector, code, level)


def test_every_connector_of_its_groups_is_one_that_importers_or_servers_have() -> None:
    connectors = {name.removesuffix("Trigger").removesuffix("Tool") for _, name in defaults._nodes()}
    named = {name for line in capabilities._LINES for name in line.connectors}
    # At least these many are what the table of n8n's nodes calls them, so that a name spelt otherwise is noticed.
    assert len(named & connectors) >= 90


@given(
    st.sampled_from(["mcp", "gmail", "github", "", "splunk"]) | st.text(max_size=20),
    st.text(max_size=60),
    st.sampled_from(LEVELS),
)
def test_tags_are_ordered_and_from_vocabulary(connector: str, code: str, level: str) -> None:
    tags = tags_of(connector, code, level)
    assert tags == [tag for tag in TAGS if tag in tags]
