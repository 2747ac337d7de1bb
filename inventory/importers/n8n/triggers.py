"""Triggers of an n8n workflow, and whether they are open to everybody."""

from typing import Any

from inventory.importers.addresses import path_shown
from inventory.importers.display import displayed, is_expression, vocabulary
from inventory.importers.facts import facts
from inventory.importers.manifest import Trigger
from inventory.importers.n8n.node import Node
from inventory.importers.n8n.parameters import schedule_of, target_part, text_of

_TYPES: dict[str, str] = facts("n8n")["trigger_types"]
_OPEN_TO_CALLERS = frozenset({"webhook", "form", "chat", "mcp"})
_AUTHENTICATION = vocabulary("basicAuth headerAuth jwtAuth bearerAuth n8nUserAuth oAuth2 mcpOAuth2Api")


def trigger_type(connector: str) -> str:
    """Trigger type of a node, or empty for another node."""
    return _TYPES.get(connector) or ("event" if connector.endswith("Trigger") else "")


def trigger_of(node: Node, has_credentials: bool) -> Trigger | None:
    """Trigger of a node, or None. A node that waits for a call is a trigger: the call starts the following nodes.

    Args:
        node: scrubbed.
        has_credentials: whether a credential is bound to it.
    """
    parameters = node.parameters
    if node.connector == "wait":
        kind, detail = _resumed(parameters)
        authentication = {"authentication": parameters.get("incomingAuthentication")}
        is_authenticated = _is_authenticated("webhook", kind, authentication, has_credentials)
    elif kind := trigger_type(node.connector):
        detail = _detail(node.connector, kind, parameters)
        is_authenticated = _is_authenticated(node.connector, kind, parameters, has_credentials)
    return Trigger(kind, node.place, detail, is_authenticated, active=not node.disabled) if kind else None


def _resumed(parameters: dict[str, Any]) -> tuple[str, str]:
    """Type and address of the entry of a waiting node, an address of each run; empty for a node that awaits no call."""
    kind, options = text_of(parameters.get("resume")), parameters.get("options")
    if kind not in ("webhook", "form"):
        return "", ""
    suffix = target_part(options.get("webhookSuffix")) if isinstance(options, dict) else ""
    path = f"/{kind}-waiting/…" + (f"/{path_shown(suffix.lstrip('/'))}" if suffix else "")
    return kind, f"{target_part(parameters.get('httpMethod')) or 'GET'} {path}" if kind == "webhook" else path


def _is_authenticated(connector: str, kind: str, parameters: dict[str, Any], has_credentials: bool) -> bool:
    """False only for an address that is open to everybody who knows it. Other triggers can't be called from outside."""
    if kind not in _OPEN_TO_CALLERS or connector == "manualChatTrigger":
        return True
    if kind == "chat" and parameters.get("public") is not True:
        return True  # only inside the editor, for signed-in people
    authentication = text_of(parameters.get("authentication"))
    if authentication in ("", "none"):
        return False
    if is_expression(authentication):
        return False  # its value is not in the export, and n8n lets unknown values pass
    return has_credentials or authentication in _AUTHENTICATION


def _detail(connector: str, kind: str, parameters: dict[str, Any]) -> str:
    if kind == "schedule":
        return schedule_of(connector, parameters)
    if kind == "webhook":
        method = parameters.get("httpMethod")
        usual = ["GET", "POST"] if parameters.get("multipleMethods") is True else ["GET"]
        methods = method if isinstance(method, list) else [method] if method else usual
        return displayed(f"{', '.join(target_part(each) for each in methods)} {entry_path(parameters)}")
    if kind in ("form", "mcp"):
        return entry_path(parameters) or target_part(parameters.get("formTitle"))
    if kind == "chat":
        return "public" if parameters.get("public") is True else "in the editor"
    if kind == "email":
        return target_part(parameters.get("mailbox")) or ("INBOX" if connector == "emailReadImap" else "")
    for name in ("event", "events", "updates", "triggerOn", "trigger", "feedUrl", "path"):
        value = parameters.get(name)
        if isinstance(value, list):
            value = ", ".join(text_of(each) for each in value)
        if detail := target_part(value):
            literal = detail.partition("?")[0]
            return path_shown(literal) if "://" in literal else literal
    return ""


def entry_path(parameters: dict[str, Any]) -> str:
    """Path of a webhook, form or MCP trigger, with one slash in front.

    Knowing the path is enough to call it: a part that looks like a token is hidden, with a digest.
    """
    options = parameters.get("options")
    optional = options.get("path") if isinstance(options, dict) else ""
    path = target_part(parameters.get("path")) or target_part(optional)
    return "/" + path_shown(path.lstrip("/"), is_entry=True) if path else ""
