"""Privileges, credentials and findings of one n8n node.

`operations.py` has the uses of a node, `triggers.py` its triggers, `workflow.py` the surrounding workflow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from inventory.importers.display import displayed, is_expression
from inventory.importers.levels import is_sensitive
from inventory.importers.manifest import Credential, CredentialRef, Finding, Privilege, Trigger
from inventory.importers.n8n.code import opaque_because
from inventory.importers.n8n.credentials import bound_credentials, embedded_credentials
from inventory.importers.n8n.node import Node, Use
from inventory.importers.n8n.operations import has_code, uses_of
from inventory.importers.n8n.parameters import is_model_filled, text_of
from inventory.importers.n8n.triggers import trigger_of
from inventory.importers.secrets.scrubber import Occurrence
from inventory.importers.source_digest import LABELS

_ENV = re.compile(r"(?:\$env|process\.env)(?:\.|\[\s*[\"'`])([A-Za-z_]\w{0,80})")


@dataclass(slots=True)
class NodeReading:
    """Parts that one node adds to the manifest."""

    trigger: Trigger | None = None
    privileges: list[Privilege] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_node(node: Node, occurrences: list[Occurrence]) -> NodeReading:
    """Read one node, without the findings of its secrets.

    Args:
        node: scrubbed.
        occurrences: content of the node's secret slots.
    """
    reading = NodeReading()
    at = node.place
    named = bound_credentials(node.credentials)
    reading.trigger = trigger_of(node.connector, at, node.raw, any(ref.bound for ref, _ in named))
    if reading.trigger and reading.trigger.active and not reading.trigger.authenticated:
        reading.findings.append(Finding("open_webhook", at, "high", _open_to_anybody(node, reading.trigger)))
    uses = uses_of(node, bool(named))
    host = uses[0].instance or "" if uses else ""
    embedded = embedded_credentials(occurrences, host)
    reading.credentials += [
        replace(credential, at=(at,)) for _, credential in [*named, *embedded] if _is_named(credential)
    ]
    for use in uses:
        ref = _credential_for(node, use, named, embedded)
        reading.privileges.append(_privilege(node, use, ref))
        reading.findings += [Finding(code, at, severity, detail) for code, severity, detail in use.notes]
        if ref is not None and not ref.bound:
            reading.findings.append(
                Finding(
                    "unbound_credential",
                    at,
                    "low",
                    f"Needs a credential of type {ref.type or 'unknown'}; none is bound",
                )
            )
    reading.findings += _findings_of_node(node, at, bool(reading.privileges))
    reading.findings = list(dict.fromkeys(reading.findings))
    return reading


def _open_to_anybody(node: Node, trigger: Trigger) -> str:
    if is_expression(text_of(node.parameters.get("authentication"))):
        return f"How callers of this {trigger.type} sign in is computed; anybody may who knows its address"
    return f"Anybody who knows the address of this {trigger.type} can call it"


def _is_named(credential: Credential) -> bool:
    return bool(credential.external_id or credential.name or credential.where == "inline")


def _findings_of_node(node: Node, at: str, has_privileges: bool) -> list[Finding]:
    findings = []
    if (has_code(node) or node.connector == "ssh") and (because := opaque_because(node)):
        findings.append(Finding("opaque_code", at, "medium", f"Runs what can't be judged from its text: {because}"))
    variables = sorted(_variables(node.parameters))
    if variables:
        detail = "Takes values from the platform's environment: " + ", ".join(
            displayed(each, 60) for each in variables[:10]
        )
        findings.append(Finding("env_reference", at, "low", detail))
    if node.package and node.origin not in ("base", "langchain"):
        detail = f"Comes from the package {displayed(node.package, 80)}; the export does not say which version"
        findings.append(Finding("unpinned_component", at, "low", detail))
    if node.disabled and has_privileges:
        findings.append(
            Finding("dormant", at, "low", "The node is switched off; switching it on brings its privileges back")
        )
    return findings


def _variables(value: Any) -> set[str]:
    names: set[str] = set()
    pending = [value]
    while pending:
        each = pending.pop()
        if isinstance(each, str):
            if "env" in each:
                names.update(_ENV.findall(each))
        elif isinstance(each, dict):
            pending.extend(member for key, member in each.items() if key not in LABELS)
        elif isinstance(each, list):
            pending.extend(each)
    return names


def _credential_for(
    node: Node,
    use: Use,
    named: list[tuple[CredentialRef, Credential]],
    embedded: list[tuple[CredentialRef, Credential]],
) -> CredentialRef | None:
    """Credential of a use: the one its settings choose, otherwise its first, otherwise an embedded one."""
    chosen = use.needs
    refs = [ref for ref, _ in named]
    if refs:
        return next((ref for ref in refs if ref.type == chosen), refs[0])
    if chosen and not (embedded and node.connector in ("httpRequest", "toolHttpRequest", "graphql")):
        return CredentialRef(chosen, bound=False)
    usable = [
        ref for ref, credential in embedded if credential.where in ("header", "query", "url", "body", "env", "code")
    ]
    return usable[0] if usable else None


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
        model_controlled=node.is_reached or use.model_controlled or is_model_filled(node.parameters),
        sensitive=use.sensitive or is_sensitive(use.operation, use.resource),
    )
