"""MCP servers in n8n: MCP client nodes, and servers that OpenAI calls for a model."""

import json
import re
from dataclasses import replace
from typing import Any

from inventory.importers.addresses import address_of
from inventory.importers.display import displayed, is_expression
from inventory.importers.facts import facts
from inventory.importers.mcp.reach import mcp_path
from inventory.importers.n8n.node import Node, Note, Use, dynamic_host
from inventory.importers.n8n.parameters import target_part, text_of
from inventory.importers.operation_words import access_of

_EVERY_TOOL: Note = ("wildcard", "medium", "Every tool that the server offers, now and later")
_READS = frozenset({"listTools", "listResources", "listResourceTemplates", "listPrompts", "readResource", "getPrompt"})
#: Packages of client nodes whose default operation only lists.
_COMMUNITY = "n8n-nodes-mcp"
_NEEDS: dict[str, str] = facts("n8n")["mcp_credentials"]


def mcp_uses(node: Node) -> list[Use]:
    """One use for each tool that an MCP client node names, otherwise one for the whole server."""
    parameters = node.parameters
    urls = (text_of(parameters.get(key)) for key in ("endpointUrl", "sseEndpoint", "url") if parameters.get(key))
    url = next(urls, "")
    base = replace(_server(url), needs=_NEEDS.get(text_of(parameters.get("authentication")), ""))
    tools = _named_tools(parameters)
    if tools:
        return [_tool(base, tool) for tool in tools]
    operation = text_of(parameters.get("operation"))
    if not operation and node.package == _COMMUNITY and not node.is_reached:
        return [replace(base, operation="listTools", access="read", assumed=("operation",))]
    if operation in _READS:
        return [replace(base, operation=operation, access="read")]
    scope = ""
    if parameters.get("include") == "except" and isinstance(parameters.get("excludeTools"), list):
        scope = "except " + ", ".join(target_part(each) for each in parameters["excludeTools"])
    return [replace(base, scope=scope, notes=(*base.notes, _EVERY_TOOL))]


def built_in_uses(node: Node) -> list[Use]:
    """Built-in tools of OpenAI for a model: MCP servers, web search, code, files (``builtInTools``)."""
    tools = node.parameters.get("builtInTools")
    if node.origin != "langchain" or not isinstance(tools, dict):
        return []
    uses = [use for server in _servers_in(tools.get("mcpServers")) for use in _server_uses(server)]
    if tools.get("webSearch"):
        uses.append(Use("web", "search", "read"))
    if tools.get("codeInterpreter"):
        uses.append(Use("code", "run", "execute"))
    if tools.get("fileSearch"):
        uses.append(Use("vectors", "retrieve", "read", _stores(tools["fileSearch"])))
    return [replace(each, model_controlled=True) for each in uses]


def _servers_in(value: Any) -> list[dict[str, Any]]:
    lists = value.values() if isinstance(value, dict) else [value]
    return [each for servers in lists if isinstance(servers, list) for each in servers if isinstance(each, dict)]


def _server_uses(server: dict[str, Any]) -> list[Use]:
    url = text_of(server.get("serverUrl"))
    label = target_part(server.get("connectorId")) or target_part(server.get("serverLabel"))
    base = replace(_server(url) if url else Use(instance=label), connector="mcp")
    allowed = server.get("allowedTools")
    names = re.split(r"[,\s]+", allowed) if isinstance(allowed, str) and not is_expression(allowed) else allowed
    tools = [each for each in names if isinstance(each, str) and each] if isinstance(names, list) else []
    return [_tool(base, tool) for tool in tools] or [replace(base, notes=(*base.notes, _EVERY_TOOL))]


def _server(url: str) -> Use:
    address = address_of(url)
    instance = address.host or ("" if address.dynamic else None)
    return Use(instance=instance, target=mcp_path(address), notes=(dynamic_host(url),) if address.dynamic else ())


def _stores(search: Any) -> str:
    """Ids of the vector stores for file search, which n8n keeps as JSON text."""
    ids = search.get("vectorStoreIds") if isinstance(search, dict) else None
    if isinstance(ids, str) and ids.startswith("["):
        try:
            ids = json.loads(ids)
        except ValueError:
            return target_part(ids)
    return ", ".join(target_part(each) for each in ids) if isinstance(ids, list) else target_part(ids)


def _named_tools(parameters: dict[str, Any]) -> list[str]:
    if parameters.get("include") == "selected" and isinstance(parameters.get("includeTools"), list):
        return [text_of(each) for each in parameters["includeTools"] if text_of(each)]
    tool = text_of(parameters.get("tool")) or text_of(parameters.get("toolName"))
    return [tool] if tool else []


def _tool(base: Use, tool: str) -> Use:
    if is_expression(tool):
        note: Note = ("wildcard", "medium", "Which tool is called is decided at run time")
        return replace(base, operation="*", access="unknown", notes=(*base.notes, note))
    level = access_of(tool, service=base.instance or "")
    level = "execute" if level == "unknown" else level
    return replace(base, operation=displayed(tool), access=level, assumed=("access",))
