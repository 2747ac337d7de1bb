"""What is not read yet is recognised all the same: a refusal names the platform and what can be done (I8)."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from inventory.importers.files import NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import read_export
from tests.inventory.importers.samples import node, workflow

LOGIC = "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#"
FLOW = {"properties": {"definition": {"$schema": LOGIC, "triggers": {}, "actions": {}}, "connectionReferences": {}}}
STEP = {"position": {"x": 1, "y": 2}, "type": "customNode", "id": "n1"}


def _refused(name: str, data: bytes, **options: Any) -> ImportProblem:
    with pytest.raises(ImportProblem) as caught:
        read_export(name, data, **options)
    return caught.value


DOCUMENTS: list[tuple[str, Any, str]] = [
    ("definition.json", FLOW, "a Power Automate definition"),
    ("flow.json", {**FLOW, "schemaVersion": "1.0.0.0"}, "a Power Automate definition"),
    ("manifest.json", {"schema": "1.0", "details": {}, "resources": {}}, "a part of a Power Automate package"),
    ("manifest.json", {"packageSchemaVersion": "1.0", "flowAssets": {}}, "a part of a Power Automate package"),
    ("connectionsMap.json", {"shared_teams": "x"}, "a part of a Power Automate package"),
    ("apisMap.json", {}, "a part of a Power Automate package"),
    ("workflow.json", {"definition": {"$schema": LOGIC, "actions": {}}, "kind": "Stateful"}, "a Logic Apps workflow"),
    ("flow.json", {"$schema": LOGIC, "triggers": {}, "actions": {}}, "a Power Automate or Logic Apps definition"),
    (
        "a.json",
        {"nodes": [{**STEP, "data": {"category": "Agents", "inputs": {}, "inputParams": []}}], "edges": []},
        "a Flowise flow",
    ),
    ("a.json", {"color": "#fff", "iconSrc": "", "func": "return 1", "schema": "[]", "name": "x"}, "a Flowise tool"),
    (
        "a.json",
        {"data": {"nodes": [{"data": {"node": {"template": {}}}}], "edges": []}, "last_tested_version": "1.0"},
        "a Langflow flow",
    ),
    ("a.json", [{"id": "1", "type": "tab", "label": "Flow"}], "a Node-RED flow"),
    ("a.json", [{"id": "1", "type": "inject", "wires": [[]]}], "a Node-RED flow"),
    ("a.json", {"name": "x", "flow": [{"id": 1, "module": "http:ActionSendData"}], "metadata": {}}, "a Make blueprint"),
    ("a.json", {"metadata": {"version": 2}, "zaps": [{"id": 1, "title": "x", "nodes": {}}]}, "a Zapier export"),
    ("a.json", {"kind": "app", "app": {"mode": "workflow"}, "workflow": {}}, "a Dify app"),
    ("settings.json", {"permissions": {"allow": ["Bash(git push:*)"], "deny": []}}, "a file of Claude Code settings"),
    ("a.json", {"description": "x", "hooks": {"Stop": []}}, "a file of Claude Code settings"),
    ("a.json", {"description": "x", "statusLine": {"type": "command"}}, "a file of Claude Code settings"),
    ("a.json", {"Version": "2012-10-17", "Statement": []}, "an AWS policy"),
    ("a.json", {"PolicyVersion": {"Document": {"Statement": []}}}, "an AWS policy"),
    ("a.json", {"name": "x", "arn": "arn:aws:iam::aws:policy/x", "document": {}}, "an AWS policy"),
    ("a.json", {"UserDetailList": [], "RoleDetailList": [], "Policies": []}, "an export of an AWS account"),
    ("a.json", {"name": "roles/x", "includedPermissions": ["a.b.get"]}, "a Google Cloud role"),
    ("a.json", [{"name": "roles/x", "includedPermissions": []}], "a Google Cloud role"),
    ("a.json", {"bindings": [{"role": "roles/x", "members": []}], "etag": "x"}, "a Google Cloud policy"),
    ("a.json", [{"roleName": "Owner", "permissions": [], "assignableScopes": ["/"]}], "an Azure role"),
    ("a.json", {"Name": "x", "Actions": [], "NotActions": [], "AssignableScopes": []}, "an Azure role"),
    ("a.json", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}, "a Kubernetes manifest"),
    ("server.json", {"name": "x", "packages": []}, "the description of an MCP server for a registry"),
    ("server.json", {"name": "x", "remotes": []}, "the description of an MCP server for a registry"),
    ("a.json", [{"name": "x", "description": "y"}], "a list of tools of an MCP server"),
    ("a.json", {"tools": [{"name": "x", "inputSchema": {}}]}, "a list of tools of an MCP server"),
    ("tools.json", [], "a list of tools of an MCP server"),
    ("a.json", {"nodes": [{"type": "n8n-nodes-base.slack"}]}, "a part of an n8n workflow"),
    ("a.json", {"nodes": [], "edges": []}, "a flow of an unknown platform"),
    ("a.json", {"openapi": "3.1.0", "paths": {}}, "an OpenAPI description"),
    ("a.json", {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {}}, "a JSON schema"),
    ("package.json", {"name": "x", "version": "1", "dependencies": {}}, "the description of an npm package"),
    ("a.json", {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, "an AWS Step Functions state machine"),
    (
        "a.json",
        {"contentVersion": "1.0.0.0", "resources": [{"type": "Microsoft.Logic/workflows", "properties": {}}]},
        "a Logic Apps workflow",
    ),
]


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("name", "document", "what"), DOCUMENTS, ids=[f"{i}-{row[2]}" for i, row in enumerate(DOCUMENTS)]
)
def test_unsupported_json_names_platform_and_remedy(name: str, document: Any, what: str) -> None:
    refused = _refused(name, json.dumps(document).encode())
    assert refused.reason == f"this is {what}; not read yet"
    assert refused.what_to_do.endswith(".")
    assert len(refused.what_to_do) > 20


TEXTS = [
    ("ci.yml", "name: CI\non:\n  push:\njobs:\n  a:\n    steps: []\n", "a GitHub Actions workflow"),
    ("ci.yml", '# made by us\n"on": push\njobs: {}\n', "a GitHub Actions workflow"),
    ("ci.yml", "name: CI\ntrue: push\njobs: {}\n", "a GitHub Actions workflow"),
    ("action.yml", "name: x\nruns:\n  using: node20\n", "a GitHub action"),
    ("role.yaml", "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: Role\n", "a Kubernetes manifest"),
    ("app.yml", "app:\n  mode: workflow\nkind: app\nversion: 0.1.5\nworkflow:\n  graph: {}\n", "a Dify app"),
    ("app.yml", "\ufeffkind: app\napp:\n  name: x\nmodel_config: {}\n", "a Dify app"),
    ("server.yaml", "name: x\ntype: server\nimage: a/b\n", "the description of an MCP server for a registry"),
    ("docker-compose.yml", "services:\n  a:\n    image: b\n", "a Docker Compose file"),
    (".gitlab-ci.yml", "stages: [build]\n", "a GitLab pipeline"),
    ("azure-pipelines.yml", "trigger:\n- main\npool: x\nsteps: []\n", "an Azure pipeline"),
    ("api.yaml", "openapi: 3.0.0\npaths: {}\n", "an OpenAPI description"),
    ("agent.md", "---\nname: helper\ndescription: Helps.\ntools: Read, Bash\n---\nYou help.\n", "a Claude Code agent"),
    ("agent.md", "---\nname: helper\ndescription: Helps.\nmodel: opus\n---\nYou help.\n", "a Claude Code agent"),
    (
        "role.xml",
        '<?xml version="1.0"?>\n<role xmlns="http://midpoint.evolveum.com/xml/ns/public/common/common-3"/>',
        "a midPoint export",
    ),
    ("role.xml", '<!-- a -->\n<role oid="00000000-1"><name>x</name></role>', "a midPoint export"),
    ("sod.csv", "Role_A,Role_B,Risk_ID,Risk_Level,Description\nA,B,F1,HIGH,x\n", "a matrix of segregation of duties"),
    ("users.csv", "User,Role_Technical_Name\nMax,Z_FI\n", "a list of people and their roles"),
    ("flow.xml", '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"/>', "a BPMN process"),
]


@pytest.mark.rule("I8")
@pytest.mark.parametrize(("name", "text", "what"), TEXTS, ids=[f"{i}-{row[2]}" for i, row in enumerate(TEXTS)])
def test_unsupported_file_names_platform_and_remedy(name: str, text: str, what: str) -> None:
    refused = _refused(name, text.encode())
    assert refused.reason == f"this is {what}; not read yet"
    assert len(refused.what_to_do) > 20


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("name", "data", "reason", "what_to_do"),
    [
        (
            "a.json",
            b"{}",
            "this is an empty JSON object, not an n8n workflow or an MCP client configuration",
            "Import",
        ),
        ("dag.py", b"from airflow import DAG\n", "this is an Airflow DAG; not read yet", "Register"),
        (
            "dag.py",
            b"import x\nfrom airflow.decorators import dag\n",
            "this is an Airflow DAG; not read yet",
            "Register",
        ),
        (
            "config.toml",
            b'[mcp_servers.x]\ncommand = "npx"\n',
            "this is a Codex configuration; not read yet",
            "Register",
        ),
        ("a.png", b"\x89PNG\r\n\x1a\n\x00\x00\xff{", "this is a picture, not an export", "Import"),
        ("a.json", b"\x89PNG\r\n\x1a\n\x00\x00\xff{", "this is a picture, not an export", "Import"),
        ("a.jpg", b"\xff\xd8\xff\xe0\x00", "this is a picture, not an export", "Import"),
    ],
)
def test_a_refusal_gives_advice_that_fits_the_file(name: str, data: bytes, reason: str, what_to_do: str) -> None:
    refused = _refused(name, data)
    assert refused.reason == reason
    assert refused.what_to_do.startswith(what_to_do)


@pytest.mark.rule("I8")
def test_a_package_of_power_automate_is_recognised_unopened() -> None:
    refused = _refused(
        "flow.zip", b"PK\x03\x04\x14\x00" + b"\x00" * 20 + b"Microsoft.Flow/flows/manifest.json" + b"x" * 99
    )
    assert refused.reason == "this is a Power Automate package; not read yet"


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("data", "ending"),
    [
        (b'{"nodes": [{"type": "n8n-nodes-base.slack"}', " (it looks like an n8n workflow)"),
        (b'{"mcpServers": {"a": {"url": "x"}}', " (it looks like an MCP client configuration)"),
        (b'{"a": [', ""),
    ],
)
def test_broken_file_names_its_likely_kind(data: bytes, ending: str) -> None:
    reason = _refused("a.json", data).reason
    assert reason.startswith("this is not JSON: ")
    assert reason.endswith(ending or "was expected")


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (workflow({"name": "x"}), "a node of this n8n workflow has no name or no type"),
        ([workflow(node("noOp")), 7], "among the n8n workflows stands something else"),
        ({"mcpServers": {}}, "the MCP client configuration names no server"),
    ],
)
def test_a_refusal_of_a_format_that_is_read_names_it_too(document: Any, reason: str) -> None:
    assert _refused("a.json", json.dumps(document).encode()).reason == reason


@pytest.mark.rule("I8")
def test_files_of_other_platforms_in_a_folder_are_named_as_not_read(tmp_path: Path) -> None:
    files = {
        "ci.yml": "on: push\njobs: {}\n",
        "app.yml": "kind: app\napp: {}\n",
        "agent.md": "---\nname: a\ndescription: b\ntools: Read\n---\n",
        "role.xml": '<role xmlns="http://midpoint.evolveum.com/xml/ns/public/common/common-3"/>',
        "sod.csv": "Role_A,Role_B,Risk_ID\n",
        "compose.yml": "services:\n  a: {}\n",
        "README.md": "# words\n",
        "part.json": '{"nodes": [{"type": "n8n-nodes-base.slack"}]}',
        "other.yml": "a: 1\n",
        "other.csv": "a,b\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    outcomes = list(read_paths([tmp_path]))
    reasons = {
        each.file.rpartition("/")[2]: (type(each), each.reason) for each in outcomes if not hasattr(each, "manifest")
    }
    assert reasons == {
        "ci.yml": (NotRead, "this is a GitHub Actions workflow; not read yet"),
        "app.yml": (NotRead, "this is a Dify app; not read yet"),
        "agent.md": (NotRead, "this is a Claude Code agent; not read yet"),
        "role.xml": (NotRead, "this is a midPoint export; not read yet"),
        "sod.csv": (NotRead, "this is a matrix of segregation of duties; not read yet"),
        "compose.yml": (NotRead, "this is a Docker Compose file; not read yet"),
        "part.json": (ImportProblem, "this is a part of an n8n workflow; not read yet"),
        "README.md": (NotRead, "no format that is read ends in .md"),
        "other.yml": (NotRead, "YAML is not read yet"),
        "other.csv": (NotRead, "no format that is read ends in .csv"),
    }


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    "data",
    [
        b"name: x\n" * 2_000_000,
        b"<" * 15_000_000,
        b"a: &a [*a, *a]\n" * 900_000,
        b"---\n" * 4_000_000,
        b"a," * 7_000_000,
    ],
)
@pytest.mark.parametrize("name", ["a.yml", "a.xml", "a.md", "a.csv"])
def test_recognition_is_bounded_for_any_file(name: str, data: bytes) -> None:
    began = time.process_time()
    assert _refused(name, data).reason
    assert time.process_time() - began < 1


REAL = {
    "agent_claude_code": {"a file of Claude Code settings": 20, "a Claude Code agent": 48},
    "aws_managed_policies": {"an AWS policy": 100},
    "azure_roles": {"an Azure role": 1},
    "dify": {"a Dify app": 26},
    "flowise": {"a Flowise flow": 27, "a Flowise tool": 8},
    "gcp_roles": {"a Google Cloud role": 60},
    "gha_argo_cd": {"a GitHub Actions workflow": 7},
    "gha_davila7": {"a GitHub Actions workflow": 10},
    "gha_github_mcp": {"a GitHub Actions workflow": 8},
    "gha_kwp": {"a GitHub Actions workflow": 3},
    "gha_starter": {"a GitHub Actions workflow": 90},
    "iga_midpoint": {"a midPoint export": 106},
    "k8s_argo_cd": {"a Kubernetes manifest": 26},
    "k8s_kube_prometheus": {"a Kubernetes manifest": 22},
    "mcp_docker_registry": {
        "the description of an MCP server for a registry": 82,
        "a list of tools of an MCP server": 18,
    },
    "mcp_registry_seed": {"the description of an MCP server for a registry": 60, "a JSON schema": 1},
    "mcp_server_json_github": {"the description of an MCP server for a registry": 1},
    "mcp_tools_github": {"a list of tools of an MCP server": 70},
    "node_red": {"a Node-RED flow": 45},
    "power_automate": {"a Power Automate definition": 13, "a part of a Power Automate package": 52},
    "sod_sap_sim": {"a matrix of segregation of duties": 1, "a list of people and their roles": 1},
}


@pytest.mark.rule("I8")
@pytest.mark.parametrize("source", sorted(REAL))
def test_real_files_of_other_platforms_are_recognised(source: str, real_exports: Path) -> None:
    outcomes = [each for each in read_paths([real_exports / "imports" / source]) if not hasattr(each, "manifest")]
    platforms = Counter(
        each.reason.removeprefix("this is ").removesuffix("; not read yet")
        for each in outcomes
        if each.reason.endswith("; not read yet")
    )
    others = sorted({each.file.rpartition("/")[2] for each in outcomes if not each.reason.endswith("; not read yet")})
    sys.stdout.write(f"{source}: {dict(platforms)}; not recognised: {others}\n")
    assert platforms == REAL[source]
