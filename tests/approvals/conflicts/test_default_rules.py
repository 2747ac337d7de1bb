"""The rules that ship: each reads, asks for what can be there, and catches what it is about and no less (S6)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from approvals.conflicts.default_rules import FILES, default_rules
from approvals.conflicts.rule_language.rule import Leg, Rule, parse_text
from approvals.conflicts.rule_language.selectors import Held, Selector
from inventory.importers import capabilities, sentences
from inventory.importers.capabilities import PROTECTIVE, TAGS, tags_of
from inventory.importers.connectors import canonical_connector
from tests.approvals.conflicts.conflict_rules import conflict_in

pytestmark = pytest.mark.rule("S6")

RULES = {rule.code: rule for rule in default_rules()}
#: Rules of mode enforce. Every other shipped rule asks for an extra approval or only records.
ENFORCED = {"permissions-and-logs", "payments-and-logs", "shared-identity"}


def sides(rule: Rule) -> list[Leg]:
    return [*rule.legs, *filter(None, (rule.needs, rule.without))]


def selectors() -> list[Selector]:
    return [selector for rule in default_rules() for leg in sides(rule) for selector in leg.any]


def test_every_tag_that_the_library_names_can_be_given() -> None:
    named = frozenset(tag for selector in selectors() for tag in selector.tags)
    assert named <= TAGS.keys()
    in_table = {line.tag for line in capabilities._LINES}
    assert named <= in_table


def test_only_required_controls_protect() -> None:
    wanted = {tag for rule in default_rules() if rule.without for selector in rule.without.any for tag in selector.tags}
    assert wanted == PROTECTIVE == {"log.write", "backup.write"}


def test_thirty_default_rules_cover_processes_with_unique_codes() -> None:
    assert len(RULES) == len(default_rules()) >= 30
    processes = Counter(rule.process for rule in default_rules())
    assert processes.keys() == {
        "Procure to pay",
        "Order to cash",
        "Record to report",
        "Hire to retire",
        "Access and records",
        "Software delivery",
        "Agents and automations",
    }
    assert min(processes.values()) >= 3
    assert {rule.scope for rule in default_rules()} == {"automation", "identity", "owner", "team", "chain"}
    assert len({rule.title for rule in default_rules()}) == len(RULES)


def test_each_default_rule_has_reason_and_remedy() -> None:
    for rule in default_rules():
        assert rule.reason.endswith("."), rule.code
        assert rule.resolve.endswith("."), rule.code


def test_a_file_holds_the_rules_of_one_process_as_they_are_written() -> None:
    for path in FILES.glob("*.yaml"):
        documents = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert len({document["process"] for document in documents}) == 1, path.name
        for document in documents:
            assert RULES[document["code"]].to_dict() == document, path.name


def test_few_default_rules_are_enforced() -> None:
    assert {rule.code for rule in default_rules() if rule.mode == "enforce"} == ENFORCED
    assert all(rule.mode != "enforce" for rule in default_rules() if rule.without is not None)


def test_no_default_rule_repeats_another() -> None:
    legs = [(rule.scope, frozenset(map(repr, sides(rule)))) for rule in default_rules()]
    assert len(set(legs)) == len(legs)


def held(key: str, connector: str, code: str, level: str, **facts: Any) -> Held:
    """Something held as the register would have it, by an importer's names."""
    return Held(
        key,
        code=code,
        tags=frozenset(tags_of(connector, code, level)),
        level=level,
        kind=sentences.kind_of(connector),
        outbound=sentences.is_outbound(canonical_connector(connector), level),
        **facts,
    )


ONE, OTHER = Held("1/identity", entry="identity"), Held("2/identity", entry="identity")
DOOR = Held("door", code="webhook", entry="open")
READS_PRIVATE = held("db", "postgres", "database:select", "read", data_class="confidential")
READS_MAIL = held("mail", "gmailTrigger", "watch", "read", data_class="internal")
POSTS = held("slack", "slack", "message:post", "write", data_class="internal")
FETCHES = held("http", "toolHttpRequest", "request:get", "read", data_class="public", model_controlled=True)
READS_SECRETS = held("vault", "mcp", "get_secret", "read", data_class="restricted")
PAYS = held("pay", "mcp", "release_payment", "write", data_class="internal")
MODEL_PAYS = held("pay", "mcp", "release_payment", "write", data_class="internal", model_controlled=True)
GRANTS = held("grant", "mcp", "assign_role", "admin", data_class="internal")
RUNS_CODE = held("code", "code", "code:run", "execute", data_class="internal", opaque=True)
ASKS_MODEL = held("model", "openAi", "text:message", "execute", data_class="internal")
MODEL_WRITES = held("w", "postgres", "database:insert", "write", data_class="confidential", model_controlled=True)

#: By rule, what it is about; without any one of them it catches nobody.
ABOUT: list[tuple[str, list[Held]]] = [
    ("vendor-and-payment", [held("v", "mcp", "create_vendor", "write"), PAYS]),
    ("vendor-bank-and-payment", [held("v", "mcp", "update_bank_account", "write"), PAYS]),
    (
        "invoice-and-payment",
        [held("v", "quickbooks", "bill:create", "write"), held("p", "wise", "transfer:execute", "execute")],
    ),
    (
        "order-and-receipt",
        [held("o", "mcp", "create_purchase_order", "write"), held("r", "mcp", "post_goods_receipt", "write")],
    ),
    ("approve-and-pay", [held("a", "mcp", "approve_request", "write"), PAYS]),
    ("invoice-and-cash", [held("i", "xero", "invoice:create", "write"), held("c", "xero", "payment:create", "write")]),
    (
        "cash-and-refund",
        [held("c", "quickbooks", "payment:create", "write"), held("r", "stripe", "refund:create", "write")],
    ),
    (
        "period-and-journal",
        [held("p", "mcp", "reopen_period", "write"), held("j", "mcp", "post_journal_entry", "write")],
    ),
    (
        "employee-and-payroll",
        [held("e", "bambooHr", "employee:create", "write"), held("p", "mcp", "run_payroll", "execute")],
    ),
    (
        "time-and-approval",
        [held("e", "mcp", "create_timesheet", "write"), held("p", "mcp", "approve_timesheet", "write")],
    ),
    ("users-and-permissions", [held("u", "mcp", "create_user", "write"), GRANTS]),
    ("permissions-and-logs", [GRANTS, held("l", "mcp", "delete_audit_log", "write")]),
    (
        "admin-and-own-log",
        [held("k", "mcp", "configure_server", "admin"), held("l", "mcp", "purge_audit_logs", "write")],
    ),
    (
        "backups-and-data",
        [held("b", "mcp", "delete_backup", "write"), held("d", "postgres", "database:deleteTable", "write")],
    ),
    ("secrets-and-outbound", [READS_SECRETS, POSTS]),
    ("secrets-and-outbound", [READS_SECRETS, held("m", "mcp", "send_email", "write")]),
    (
        "code-and-deploy",
        [held("g", "github", "file:edit", "write"), held("d", "github", "workflow:dispatch", "execute")],
    ),
    ("code-and-merge", [held("g", "mcp", "push_files", "write"), held("d", "mcp", "merge_pull_request", "write")]),
    ("secrets-and-code", [READS_SECRETS, RUNS_CODE]),
    ("private-untrusted-outbound", [READS_PRIVATE, READS_MAIL, POSTS, ASKS_MODEL]),
    ("private-and-two-way-door", [READS_PRIVATE, FETCHES]),
    ("untrusted-and-code", [READS_MAIL, held("c", "toolCode", "code:run", "execute", model_controlled=True)]),
    ("untrusted-and-memory", [READS_MAIL, held("m", "memoryPostgresChat", "memory:append", "write"), ASKS_MODEL]),
    ("memory-and-action", [held("m", "openAi", "assistant:update", "write"), MODEL_WRITES]),
    ("model-and-secrets", [MODEL_WRITES, READS_SECRETS]),
    ("model-without-log", [MODEL_WRITES]),
    ("model-deletes-without-backup", [held("d", "supabase", "row:delete", "write", model_controlled=True)]),
    ("shared-identity", [ONE, OTHER]),
    ("open-and-payment", [DOOR, PAYS]),
    ("open-and-code", [DOOR, RUNS_CODE]),
    ("open-and-secrets", [DOOR, READS_SECRETS]),
    (
        "makes-and-starts-automations",
        [held("m", "n8n", "workflow:create", "write"), held("s", "executeWorkflow", "workflow:execute", "execute")],
    ),
    ("any-tool-and-secrets", [held("t", "mcp", "*", "unknown"), READS_SECRETS]),
    (
        "restricted-and-public",
        [held("d", "postgres", "database:select", "read"), held("p", "linkedIn", "post:create", "write")],
    ),
]


@pytest.mark.parametrize(("code", "helds"), ABOUT, ids=[f"{code}-{len(helds)}" for code, helds in ABOUT])
def test_default_rules_match_importer_names_exactly(code: str, helds: list[Held]) -> None:
    rule = RULES[code]
    for left_out in range(len(helds)):
        assert conflict_in(rule, [*helds[:left_out], *helds[left_out + 1 :]]) is None
    caught = conflict_in(rule, helds)
    assert caught is not None
    assert {thing.key for some in caught.values() for thing in some} == {held.key for held in helds}


def test_rule_about_models_does_not_fire_without_a_model() -> None:
    """A rule about a model or its input needs a model; a leg about a model's choice says so itself."""
    codes = {rule.code for rule in default_rules() if "model" in f"{rule.title} {rule.reason}".lower()} | {
        "private-untrusted-outbound-chain",
        "untrusted-and-memory",
    }
    assert len(codes) >= 8
    no_model = [
        thing for _, helds in ABOUT for thing in helds if not (thing.model_controlled or "model.call" in thing.tags)
    ]
    assert [code for code in sorted(codes) if conflict_in(RULES[code], no_model) is not None] == []
    for code in ("private-untrusted-outbound", "private-untrusted-outbound-chain", "untrusted-and-memory"):
        assert conflict_in(RULES[code], [*no_model, ASKS_MODEL]) is not None, code
        assert RULES[code].to_dict()["needs"]["name"] == "Call a model"


def test_tool_that_a_model_chooses_is_a_model_too() -> None:
    rule = RULES["private-untrusted-outbound"]
    by_model = held("chosen", "slack", "message:post", "write", data_class="internal", model_controlled=True)
    assert conflict_in(rule, [READS_PRIVATE, READS_MAIL, POSTS]) is None
    caught = conflict_in(rule, [READS_PRIVATE, READS_MAIL, by_model])
    assert caught is not None, "what fills a leg can be what the rule needs, too"


@pytest.mark.parametrize(
    ("code", "helds", "held_too"),
    [
        ("model-without-log", [MODEL_WRITES], held("log", "mcp", "append_audit_log", "write")),
        ("model-without-log", [MODEL_WRITES], held("log", "splunk", "event:create", "write")),
    ],
)
def test_required_control_ends_conflict(code: str, helds: list[Held], held_too: Held) -> None:
    assert conflict_in(RULES[code], [*helds, held_too]) is None


def test_reading_alone_is_in_no_conflict() -> None:
    reads = [
        held("a", "postgres", "database:select", "read", data_class="internal"),
        held("b", "googleSheets", "sheet:read", "read", data_class="internal"),
        held("c", "mcp", "get_vendor", "read", data_class="internal"),
        held("d", "mcp", "list_payments", "read", data_class="internal"),
        held("e", "github", "file:get", "read", data_class="internal"),
    ]
    assert [rule.code for rule in default_rules() if conflict_in(rule, reads) is not None] == []


def test_documentation_of_rules_lists_every_tag(root: Path) -> None:
    page = (root / "docs" / "conflict-rules.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    assert parse_text(example).code == "vendor-and-payment"
    listed = dict(line.strip("|` ").split("` | ") for line in page.split("## Tags")[1].splitlines() if "` | " in line)
    assert listed == TAGS
    for name in Selector.__dataclass_fields__:
        assert f"| `{name}` |" in page or name == "is_surely"
