"""Credentials of n8n nodes: bound by id, named in plain text (old exports), inline, embedded in a slot, or missing."""

import re
from typing import Any

from inventory.importers.display import display_label, displayed, is_expression
from inventory.importers.facts import facts
from inventory.importers.manifest import Credential, CredentialRef
from inventory.importers.n8n.parameters import text_of
from inventory.importers.secrets.repeats import REMOVED
from inventory.importers.secrets.scrubber import Occurrence
from inventory.importers.secrets.slots import is_placeholder

#: "CONFIGURE_ME" in any language: a person's text in place of the platform's id of letters and digits.
_SHOUTED = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_OLD_HTTP: dict[str, str] = facts("n8n")["old_http"]
#: Reference and metadata of one credential of a node.
Named = tuple[CredentialRef, Credential]


def embedded_credentials(occurrences: list[Occurrence], host: str) -> list[Named]:
    """Secrets in the node's slots, and environment variables that its secret slots refer to, each once.

    Args:
        occurrences: of one node.
        host: host that the node calls, if known; it is part of the id, because header names repeat.
    """
    by_key: dict[tuple[str, str], Named] = {}
    for each in occurrences:
        if each.kind == "inline" or "credentials" in each.trail[:3]:
            continue
        name = displayed(each.name, 80)
        if each.what == "literal":
            external_id = f"{each.kind}/{name}" + (f"@{host}" if host else "")
            credential = Credential("embedded", name, external_id, each.kind, "static")
        elif each.what == "reference" and each.reference.startswith("env:"):
            variable = displayed(each.reference.removeprefix("env:"), 80)
            credential = Credential("environment_variable", variable, f"env:{variable}", each.kind, "static")
        else:
            continue
        ref = CredentialRef(credential.type, credential.name, credential.external_id)
        by_key.setdefault(credential.key, (ref, credential))
    return list(by_key.values())


def http_credential(parameters: dict[str, Any]) -> str:
    """Credential type of an HTTP node's settings, or empty."""
    authentication = text_of(parameters.get("authentication"))
    if authentication == "predefinedCredentialType":
        return displayed(text_of(parameters.get("nodeCredentialType")), 80)
    if authentication == "genericCredentialType":
        return displayed(text_of(parameters.get("genericAuthType")), 80)
    return _OLD_HTTP.get(authentication, "")


def expected_type(types: tuple[str, ...], authentication: str) -> str:
    """Credential type that the ``authentication`` setting selects."""
    usual = "" if not types or types[0] == "none" else types[0]
    if not types or authentication in ("", "none"):
        return "" if authentication else usual
    if authentication in types:
        return authentication
    wanted = {"oauth2": "OAuth2", "serviceaccount": "googleApi", "webhook": "Webhook", "bottoken": "Bot"}
    marker = wanted.get(authentication.lower(), "")
    return next((each for each in types if marker and marker in each), usual)


def named_credential(kind: str, value: Any) -> Named:
    """One credential of a node's ``credentials`` member.

    ``{id, name}`` is bound by id; plain text is a name; anything else is an inline credential. A placeholder or
    expression as id binds nothing.
    """
    kind = displayed(kind, 80)
    lifetime = "long" if "OAuth2" in kind else "short" if kind == "awsAssumeRole" else "static"
    if isinstance(value, dict) and not ("id" in value or "name" in value):
        return CredentialRef(kind), Credential(kind, where="inline", lifetime=lifetime)
    identifier = text_of(value.get("id")) if isinstance(value, dict) else ""
    name = text_of(value.get("name")) if isinstance(value, dict) else text_of(value)
    is_hollow = bool(identifier) and (
        is_expression(identifier)
        or REMOVED in identifier
        or _SHOUTED.fullmatch(identifier) is not None
        or (not identifier.isdigit() and is_placeholder(identifier))
    )
    external_id = "" if is_hollow else displayed(identifier, 80)
    # With an id the name is a label; without one the name is the key.
    shown_name = "" if is_expression(name) else display_label(name, 120) if external_id else displayed(name, 120)
    is_bound = bool(external_id or (shown_name and not is_hollow))
    ref = CredentialRef(kind, shown_name, external_id, is_bound)
    return ref, Credential(kind, shown_name, external_id, "node", lifetime)
