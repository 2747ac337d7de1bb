"""Privileges, credentials and findings of one n8n node.

`operations.py` has the uses of a node, `triggers.py` its triggers, `workflow.py` the surrounding workflow.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from inventory.importers.code import javascript
from inventory.importers.code import python as code_python
from inventory.importers.display import displayed, is_expression, is_model_chosen
from inventory.importers.inline_workflows import MEMBER
from inventory.importers.manifest import CredentialRef, Finding, Privilege
from inventory.importers.n8n.credentials import Named, embedded_credentials, named_credential
from inventory.importers.n8n.node import Node, Reading, Use
from inventory.importers.n8n.operations import has_code, uses_of
from inventory.importers.n8n.parameters import text_of, texts_in
from inventory.importers.n8n.triggers import trigger_of
from inventory.importers.operation_words import is_sensitive
from inventory.importers.secrets.scrubber import Occurrence
from inventory.importers.source_digest import LABELS

#: Characters of code in one workflow that are read; with more, all of it is opaque.
LONGEST_IN_ALL = 400_000
_COMMANDS = frozenset({"executeCommand", "ssh"})
_JAVASCRIPT = ("jsCode", "functionCode", "code")
_LANGUAGES = {"": "javaScript", "javaScript": "javaScript", "python": "python", "pythonNative": "python"}
_ENV = re.compile(r"(?:\$env|process\.env)(?:\.|\[\s*[\"'`])([A-Za-z_]\w{0,80})")


def read_node(node: Node, occurrences: list[Occurrence], *, is_inner: bool = False) -> Reading:
    """Read one node, without the findings of its secrets.

    Args:
        node: scrubbed.
        occurrences: content of the node's secret slots.
        is_inner: whether it is of an inline sub-workflow, whose triggers start nothing.
    """
    reading, at = Reading(), node.place
    named = [named_credential(*each) for each in node.credentials.items()]
    trigger = trigger_of(node, any(ref.bound for ref, _ in named))
    if trigger is not None and not is_inner:
        reading.triggers.append(trigger)
        if trigger.active and not trigger.authenticated:
            detail = f"Anybody who knows the address of this {trigger.type} can call it"
            if is_expression(text_of(node.parameters.get("authentication"))):
                detail = f"How callers of this {trigger.type} sign in is computed; anybody may who knows its address"
            reading.findings.append(Finding("open_webhook", at, "high", detail))
    uses = uses_of(node, bool(named))
    host = uses[0].instance or "" if uses else ""
    embedded = embedded_credentials(occurrences, host)
    reading.credentials += [
        replace(each, at=(at,))
        for _, each in [*named, *embedded]
        if each.external_id or each.name or each.where == "inline"
    ]
    for use in uses:
        ref = _credential_for(node, use, named, embedded)
        reading.privileges.append(_privilege(node, use, ref))
        reading.findings += [Finding(code, at, severity, detail) for code, severity, detail in use.notes]
        if ref is not None and not ref.bound:
            detail = f"Needs a credential of type {ref.type or 'unknown'}; none is bound"
            reading.findings.append(Finding("unbound_credential", at, "low", detail))
    reading.findings += _findings_of_node(node, at, bool(reading.privileges))
    reading.findings = list(dict.fromkeys(reading.findings))
    return reading


def _findings_of_node(node: Node, at: str, has_privileges: bool) -> list[Finding]:
    findings = []
    if (has_code(node) or node.connector == "ssh") and (because := opaque_because(node)):
        findings.append(Finding("opaque_code", at, "medium", f"Runs what can't be judged from its text: {because}"))
    texts = (text for text in texts_in(node.parameters, without=LABELS) if "env" in text)
    if variables := sorted({name for text in texts for name in _ENV.findall(text)}):
        names = ", ".join(displayed(each, 60) for each in variables[:10])
        findings.append(Finding("env_reference", at, "low", f"Takes values from the platform's environment: {names}"))
    if node.package and node.origin not in ("base", "langchain"):
        detail = f"Comes from the package {displayed(node.package, 80)}; the export does not say which version"
        findings.append(Finding("unpinned_component", at, "low", detail))
    if node.disabled and has_privileges:
        detail = "The node is switched off; switching it on brings its privileges back"
        findings.append(Finding("dormant", at, "low", detail))
    return findings


def _credential_for(node: Node, use: Use, named: list[Named], embedded: list[Named]) -> CredentialRef | None:
    """Credential of a use: the one its settings choose, otherwise its first, otherwise an embedded one."""
    if refs := [ref for ref, _ in named]:
        return next((ref for ref in refs if ref.type == use.needs), refs[0])
    if use.needs and not (embedded and node.connector in ("httpRequest", "toolHttpRequest", "graphql")):
        return CredentialRef(use.needs, bound=False)
    sent = ("header", "query", "url", "body", "env", "code")
    return next((ref for ref, credential in embedded if credential.where in sent), None)


def _privilege(node: Node, use: Use, ref: CredentialRef | None) -> Privilege:
    instance = use.instance if use.instance is not None else (ref.external_id if ref else "")
    return Privilege(
        at=node.place,
        connector=use.connector or displayed(node.connector, 80),
        instance=instance,
        resource=use.resource,
        operation=use.operation,
        access=use.access,
        scope=use.scope,
        target=use.target,
        target_name=use.target_name,
        credential=ref,
        origin=displayed(node.origin, 80),
        assumed=use.assumed,
        active=not node.disabled,
        model_controlled=node.is_reached
        or use.model_controlled
        or any(map(is_model_chosen, texts_in(node.parameters))),
        sensitive=is_sensitive(use.operation, use.resource),
    )


# --- opaque code (T1) ---------------------------------------------------------------------------------------------------


def opaque_because(node: Node) -> str:
    """Reason why the code of a node can't be judged from its text; empty for plain code.

    Code is opaque if its text is missing, or if it uses network, imports, processes or evaluation. Unknown elements are
    opaque too.

    Args:
        node: scrubbed, with code.
    """
    if node.connector in _COMMANDS:
        return "it runs a command of a machine"
    if not node.is_code_read:
        return "the workflow has more code than is read"
    if node.connector == "pythonFunction":
        return _read(node.parameters, ("functionCode",), code_python.opaque_because)
    language = _LANGUAGES.get(text_of(node.parameters.get("language")), "")
    if not language:
        return "its language is not known"
    python = ("pythonCode",)
    for names, reader, needed in (
        (_JAVASCRIPT, javascript.opaque_because, language == "javaScript"),
        (python, code_python.opaque_because, language == "python"),
    ):
        if (needed or any(node.parameters.get(name) for name in names)) and (
            because := _read(node.parameters, names, reader)
        ):
            return because
    return ""


def _read(parameters: dict[str, Any], names: tuple[str, ...], reader: Callable[[str], str]) -> str:
    texts = [text for name in names for text in texts_in(parameters.get(name))]  # one node type has an object
    if not any(text.strip() for text in texts):
        return "its text is missing"
    if any(text.startswith("=") for text in texts):
        return "its text is put together at run time"
    return next(filter(None, map(reader, texts)), "")


def length_in(workflow: dict[str, Any]) -> int:
    """Characters of code in a workflow with its inline sub-workflows."""
    total = 0
    nodes = workflow.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        parameters = node.get("parameters") if isinstance(node, dict) else None
        if isinstance(parameters, dict):
            total += sum(len(text) for name in (*_JAVASCRIPT, "pythonCode") for text in texts_in(parameters.get(name)))
            inner = parameters.get(MEMBER)
            total += length_in(inner) if isinstance(inner, dict) else 0
    return total
