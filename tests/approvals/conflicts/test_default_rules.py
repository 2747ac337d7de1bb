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


def of(key: str, connector: str, code: str, level: str, **facts: Any) -> Held:
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
READS_PRIVATE = of("db", "postgres", "database:select", "read", data_class="confidential")
READS_MAIL = of("mail", "gmailTrigger", "watch", "read", data_class="internal")
POSTS = of("slack", "slack", "message:post", "write", data_class="internal")
FETCHES = of("http", "toolHttpRequest", "request:get", "read", data_class="public", model_controlled=True)
READS_SECRETS = of("vault", "mcp", "get_secret", "read", data_class="restricted")
PAYS = of("pay", "mcp", "release_payment", "write", data_class="internal")
MODEL_PAYS = of("pay", "mcp", "release_payment", "write", data_class="internal", model_controlled=True)
GRANTS = of("grant", "mcp", "assign_role", "admin", data_class="internal")
RUNS_CODE = of("code", "code", "code:run", "execute", data_class="internal", opaque=True)
ASKS_MODEL = of("model", "openAi", "text:message", "execute", data_class="internal")
MODEL_WRITES = of("w", "postgres", "database:insert", "write", data_class="confidential", model_controlled=True)

#: By rule, what it is about; without any one of them it catches nobody.
ABOUT: list[tuple[str, list[Held]]] = [
    ("vendor-and-payment", [of("v", "mcp", "create_vendor", "write"), PAYS]),
    ("vendor-bank-and-payment", [of("v", "mcp", "update_bank_account", "write"), PAYS]),
    (
        "invoice-and-payment",
        [of("v", "quickbooks", "bill:create", "write"), of("p", "wise", "transfer:execute", "execute")],
    ),
    (
        "order-and-receipt",
        [of("o", "mcp", "create_purchase_order", "write"), of("r", "mcp", "post_goods_receipt", "write")],
    ),
    ("approve-and-pay", [of("a", "mcp", "approve_request", "write"), PAYS]),
    ("invoice-and-cash", [of("i", "xero", "invoice:create", "write"), of("c", "xero", "payment:create", "write")]),
    (
        "cash-and-refund",
        [of("c", "quickbooks", "payment:create", "write"), of("r", "stripe", "refund:create", "write")],
    ),
    ("period-and-journal", [of("p", "mcp", "reopen_period", "write"), of("j", "mcp", "post_journal_entry", "write")]),
    (
        "employee-and-payroll",
        [of("e", "bambooHr", "employee:create", "write"), of("p", "mcp", "run_payroll", "execute")],
    ),
    ("time-and-approval", [of("e", "mcp", "create_timesheet", "write"), of("p", "mcp", "approve_timesheet", "write")]),
    ("users-and-permissions", [of("u", "mcp", "create_user", "write"), GRANTS]),
    ("permissions-and-logs", [GRANTS, of("l", "mcp", "delete_audit_log", "write")]),
    ("admin-and-own-log", [of("k", "mcp", "configure_server", "admin"), of("l", "mcp", "purge_audit_logs", "write")]),
    (
        "backups-and-data",
        [of("b", "mcp", "delete_backup", "write"), of("d", "postgres", "database:deleteTable", "write")],
    ),
    ("secrets-and-outbound", [READS_SECRETS, POSTS]),
    ("secrets-and-outbound", [READS_SECRETS, of("m", "mcp", "send_email", "write")]),
    ("code-and-deploy", [of("g", "github", "file:edit", "write"), of("d", "github", "workflow:dispatch", "execute")]),
    ("code-and-merge", [of("g", "mcp", "push_files", "write"), of("d", "mcp", "merge_pull_request", "write")]),
    ("secrets-and-code", [READS_SECRETS, RUNS_CODE]),
    ("private-untrusted-outbound", [READS_PRIVATE, READS_MAIL, POSTS, ASKS_MODEL]),
    ("private-and-two-way-door", [READS_PRIVATE, FETCHES]),
    ("untrusted-and-code", [READS_MAIL, of("c", "toolCode", "code:run", "execute", model_controlled=True)]),
    ("untrusted-and-memory", [READS_MAIL, of("m", "memoryPostgresChat", "memory:append", "write"), ASKS_MODEL]),
    ("memory-and-action", [of("m", "openAi", "assistant:update", "write"), MODEL_WRITES]),
    ("model-and-secrets", [MODEL_WRITES, READS_SECRETS]),
    ("model-without-log", [MODEL_WRITES]),
    ("model-deletes-without-backup", [of("d", "supabase", "row:delete", "write", model_controlled=True)]),
    ("shared-identity", [ONE, OTHER]),
    ("open-and-payment", [DOOR, PAYS]),
    ("open-and-code", [DOOR, RUNS_CODE]),
    ("open-and-secrets", [DOOR, READS_SECRETS]),
    (
        "makes-and-starts-automations",
        [of("m", "n8n", "workflow:create", "write"), of("s", "executeWorkflow", "workflow:execute", "execute")],
    ),
    ("any-tool-and-secrets", [of("t", "mcp", "*", "unknown"), READS_SECRETS]),
    (
        "restricted-and-public",
        [of("d", "postgres", "database:select", "read"), of("p", "linkedIn", "post:create", "write")],
    ),
]


@pytest.mark.parametrize(("code", "helds"), ABOUT, ids=[f"{code}-{len(helds)}" for code, helds in ABOUT])
def test_default_rules_match_importer_names_exactly(code: str, helds: list[Held]) -> None:
    rule = RULES[code]
    for left_out in range(len(helds)):
        assert conflict_in(rule, [*helds[:left_out], *helds[left_out + 1 :]]) is None
    caught = conflict_in(rule, helds)
    assert caught is not None
    assert {one.key for some in caught.values() for one in some} == {held.key for held in helds}


def test_rule_about_models_does_not_fire_without_a_model() -> None:
    """A rule about a model or its input needs a model; a leg about a model's choice says so itself."""
    about = {rule.code for rule in default_rules() if "model" in f"{rule.title} {rule.reason}".lower()} | {
        "private-untrusted-outbound-chain",
        "untrusted-and-memory",
    }
    assert len(about) >= 8
    no_model = [one for _, helds in ABOUT for one in helds if not (one.model_controlled or "model.call" in one.tags)]
    assert [code for code in sorted(about) if conflict_in(RULES[code], no_model) is not None] == []
    for code in ("private-untrusted-outbound", "private-untrusted-outbound-chain", "untrusted-and-memory"):
        assert conflict_in(RULES[code], [*no_model, ASKS_MODEL]) is not None, code
        assert RULES[code].to_dict()["needs"]["name"] == "Call a model"


def test_tool_that_a_model_chooses_is_a_model_too() -> None:
    rule = RULES["private-untrusted-outbound"]
    by_model = of("chosen", "slack", "message:post", "write", data_class="internal", model_controlled=True)
    assert conflict_in(rule, [READS_PRIVATE, READS_MAIL, POSTS]) is None
    caught = conflict_in(rule, [READS_PRIVATE, READS_MAIL, by_model])
    assert caught is not None, "what fills a leg can be what the rule needs, too"


@pytest.mark.parametrize(
    ("code", "helds", "held_too"),
    [
        ("model-without-log", [MODEL_WRITES], of("log", "mcp", "append_audit_log", "write")),
        ("model-without-log", [MODEL_WRITES], of("log", "splunk", "event:create", "write")),
    ],
)
def test_required_control_ends_conflict(code: str, helds: list[Held], held_too: Held) -> None:
    assert conflict_in(RULES[code], [*helds, held_too]) is None


def test_reading_alone_is_in_no_conflict() -> None:
    reads = [
        of("a", "postgres", "database:select", "read", data_class="internal"),
        of("b", "googleSheets", "sheet:read", "read", data_class="internal"),
        of("c", "mcp", "get_vendor", "read", data_class="internal"),
        of("d", "mcp", "list_payments", "read", data_class="internal"),
        of("e", "github", "file:get", "read", data_class="internal"),
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
