"""What makes another version, and what does not (I2)."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inventory.importers.manifest import Manifest, manifest_digest
from tests.inventory.importers.samples import AI, EXPORTS, bound, bring, node, server, workflow

Change = Callable[[dict[str, Any]], None]


def _chaser() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EXPORTS / "invoice-chaser.json").read_text(encoding="utf-8"))
    return loaded


def _named(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in document["nodes"] if each["name"] == name)


def _renamed(document: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """As the editor renames: the node, its wires, and every expression that refers to it."""
    text = json.dumps(document)
    for opening in ("$('", "$node['"):
        text = text.replace(opening + old + "'", opening + new + "'")
    text = text.replace(json.dumps(old), json.dumps(new))
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _move(document: dict[str, Any]) -> None:
    for each in document["nodes"]:
        each["position"] = [random.randint(-999, 999), random.randint(-999, 999)]


def _other_ids(document: dict[str, Any]) -> None:
    for each in document["nodes"]:
        each["id"] = f"{random.random()}"


def _annotate(document: dict[str, Any]) -> None:
    document["nodes"].insert(0, node("stickyNote", "Sticky Note7", 1, content="Mind the gap"))
    _named(document, "Post to finance").update(notes="Ask Rita", notesInFlow=True)


def _relabel(document: dict[str, Any]) -> None:
    _named(document, "Post to finance")["parameters"]["channelId"]["cachedResultName"] = "another label"
    _named(document, "Post to finance")["credentials"]["slackApi"]["name"] = "Slack, new label"


def _run(document: dict[str, Any]) -> None:
    document.update(
        pinData={"Find overdue invoices": [{"json": {"id": 1}}]},
        staticData={"node:Weekdays at 08:30": {"recurrenceRules": [1]}},
        versionId="another",
        updatedAt="2026-11-24T10:00:00Z",
        createdAt="2026-01-01T10:00:00Z",
        triggerCount=7,
        tags=[],
        meta={"instanceId": document["meta"]["instanceId"], "templateId": "9"},
    )


def _switch(document: dict[str, Any]) -> None:
    document["active"] = not document["active"]


def _title(document: dict[str, Any]) -> None:
    document["name"] = "Invoice chaser, renamed"


def _reorder_members(document: dict[str, Any]) -> None:
    members = dict(reversed(document.items()))
    document.clear()
    document.update(members)


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    "change",
    [_move, _other_ids, _annotate, _relabel, _run, _switch, _title, _reorder_members],
    ids=lambda f: f.__name__,
)
def test_layout_notes_labels_and_executions_make_no_version(change: Change) -> None:
    changed = copy.deepcopy(_chaser())
    change(changed)
    before, after = bring(_chaser()), bring(changed)
    assert after.manifest.source.content == before.manifest.source.content
    assert after.digest == before.digest


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    "name",
    ["Weekdays at 08:30", "Find overdue invoices", "For each invoice", "Chaser", "Chat model", "Record reminder"],
)
def test_renaming_a_node_makes_no_version(name: str) -> None:
    renamed = _renamed(_chaser(), name, "Another name")
    assert name not in json.dumps(renamed["nodes"])
    before, after = bring(_chaser()), bring(renamed)
    assert after.manifest.source.content == before.manifest.source.content
    assert after.digest == before.digest


@pytest.mark.rule("I2")
def test_renamed_tool_changes_version() -> None:
    before, after = bring(_chaser()), bring(_renamed(_chaser(), "Send reminder", "Ask politely"))
    assert after.manifest.source.content != before.manifest.source.content
    assert [replace(p, at="") for p in after.manifest.privileges] == [
        replace(p, at="") for p in before.manifest.privileges
    ]


def _prompt(document: dict[str, Any]) -> None:
    _named(document, "Chaser")["parameters"]["options"]["systemMessage"] += " Be rude."


def _task(document: dict[str, Any]) -> None:
    _named(document, "Chaser")["parameters"]["text"] = "=Pay {{ $json.number }}"


def _model(document: dict[str, Any]) -> None:
    _named(document, "Chat model")["parameters"]["model"]["value"] = "gpt-4.1"


def _node_version(document: dict[str, Any]) -> None:
    _named(document, "Chaser")["typeVersion"] = 3


def _query(document: dict[str, Any]) -> None:
    _named(document, "Find overdue invoices")["parameters"]["query"] += " OFFSET 1"


def _wire(document: dict[str, Any]) -> None:
    document["connections"]["Chaser"]["main"][0][0]["node"] = "Post to finance"


def _credential(document: dict[str, Any]) -> None:
    _named(document, "Post to finance")["credentials"]["slackApi"]["id"] = "another"


def _tool_description(document: dict[str, Any]) -> None:
    _named(document, "Send reminder")["parameters"]["toolDescription"] = "Sends anything to anybody."


def _error_handling(document: dict[str, Any]) -> None:
    _named(document, "Record reminder")["onError"] = "continueRegularOutput"


def _disable(document: dict[str, Any]) -> None:
    _named(document, "Record reminder")["disabled"] = True


def _settings(document: dict[str, Any]) -> None:
    document["settings"]["errorWorkflow"] = "another"


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    "change",
    [
        _prompt,
        _task,
        _model,
        _node_version,
        _query,
        _wire,
        _credential,
        _tool_description,
        _error_handling,
        _disable,
        _settings,
    ],
    ids=lambda f: f.__name__,
)
def test_prompts_models_code_wiring_and_credentials_make_a_version(change: Change) -> None:
    changed = copy.deepcopy(_chaser())
    change(changed)
    before, after = bring(_chaser()), bring(changed)
    assert after.manifest.source.content != before.manifest.source.content
    assert after.digest != before.digest


@pytest.mark.rule("I2")
def test_code_makes_a_version() -> None:
    result, other = (bring(workflow(node("code", "Run", 2, jsCode=code))) for code in ("return items;", "return [];"))
    assert result.digest != other.digest


@pytest.mark.rule("I2")
def test_expression_in_secret_slot_changes_version() -> None:
    def call(value: str) -> dict[str, Any]:
        headers = {"parameters": [{"name": "Authorization", "value": value}]}
        return workflow(node("httpRequest", "Call", 4.2, url="https://a.example", headerParameters=headers))

    assert bring(call("={{ $env.OURS }}")).digest != bring(call("={{ JSON.stringify($json) }}")).digest


@pytest.mark.rule("I2")
def test_filling_in_a_placeholder_of_a_client_configuration_changes_no_source_digest() -> None:
    hollow = bring(server(command="npx", args=["thing@1.0.0"], env={"THING_KEY": "<your-key>"}))
    filled = bring(server(command="npx", args=["thing@1.0.0"], env={"THING_KEY": "s3cr3t-5d0f9b77a1"}))
    assert hollow.manifest.source.content == filled.manifest.source.content


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    "config",
    [
        {"command": "npx", "args": ["thing@1.0.1"]},
        {"command": "npx", "args": ["thing@1.0.0", "--read-only"]},
        {"command": "npx", "args": ["thing@1.0.0"], "env": {"MODE": "all"}},
        {"command": "npx", "args": ["thing@1.0.0"], "disabled": True},
        {"url": "https://thing.example/mcp"},
    ],
)
def test_pins_switches_and_addresses_of_a_server_make_a_version(config: dict[str, Any]) -> None:
    assert bring(server(**config)).digest != bring(server(command="npx", args=["thing@1.0.0"])).digest


@pytest.mark.rule("I2")
def test_server_self_description_does_not_change_version() -> None:
    plain, described = server(url="https://a.example/mcp"), server(url="https://a.example/mcp", description="Nice")
    assert bring(plain).digest == bring(described).digest


@pytest.mark.rule("I2")
def test_findings_and_assumptions_do_not_change_version() -> None:
    read = bring(workflow(node("slack", "Post", 2.3, bound("slackApi"), channelId="#a"))).manifest
    (post,) = read.privileges
    assert post.assumed == ("resource", "operation")
    better = replace(post, operation="postMessage", access="admin", sensitive=True, at="Elsewhere", target_name="A")
    assert manifest_digest(replace(read, privileges=(better,), findings=())) == manifest_digest(read)


@pytest.mark.rule("I2")
@pytest.mark.parametrize(
    "change",
    [
        {"target": "#b"},
        {"instance": "other"},
        {"connector": "discord"},
        {"scope": "x"},
        {"active": False},
        {"model_controlled": True},
        {"credential": None},
    ],
)
def test_privilege_statement_changes_version(change: dict[str, Any]) -> None:
    read = bring(workflow(node("slack", "Post", 2.3, bound("slackApi"), channelId="#a"))).manifest
    (post,) = read.privileges
    assert manifest_digest(replace(read, privileges=(replace(post, **change),))) != manifest_digest(read)


def test_a_digest_is_the_same_after_being_stored() -> None:
    read = bring(_chaser()).manifest
    assert manifest_digest(Manifest.from_dict(json.loads(json.dumps(read.to_dict())))) == manifest_digest(read)


def test_numbers_beyond_canonical_json_count() -> None:
    def with_number(number: int) -> str:
        return bring(workflow(node(AI + "agent", "A", 2, options={"seed": number}))).manifest.source.content

    assert with_number(2**60) != with_number(2**60 + 1)
