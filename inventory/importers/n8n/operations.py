"""Uses of an n8n node: resource, operation, level and target.

Distinguishes triggers, HTTP, MCP, code, sub-workflows, models and stores, services, and nodes without access. A model's
address, a proxy and copies of a mail are further targets.
`defaults.py` has the defaults, `privileges.py` the credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inventory.importers.addresses import address_of
from inventory.importers.connectors import service_of
from inventory.importers.display import EXPRESSION, MODEL, display_label, displayed, is_expression, is_model_chosen
from inventory.importers.n8n import defaults as table
from inventory.importers.n8n.credentials import expected_type, http_credential
from inventory.importers.n8n.mcp_servers import built_in_uses, mcp_uses
from inventory.importers.n8n.node import PLATFORM, Node, Note, Use, dynamic_host
from inventory.importers.n8n.parameters import label_of, target_of, target_part, text_of
from inventory.importers.n8n.triggers import entry_path, trigger_type
from inventory.importers.operation_words import access_of, changes_access, words
from inventory.risk.levels import Access

if TYPE_CHECKING:
    from inventory.importers.code.sql import Query


_UNREAD_WORKFLOW: Note = ("unrecognised", "medium", "The workflow in this node could not be read; check what it does")
_QUERIES = frozenset({"executeQuery", "query", "execute"})
_MODEL_PARAMETERS = ("model", "modelName", "modelId", "options.model", "deploymentName")
_SIGNERS = frozenset({"jwt", "crypto", "respondToWebhook"})
_ADDRESSED = frozenset({"graphql", "rssFeedRead"})
_MUTATION = re.compile(r"(?<![\w$])mutation\b")


def uses_of(node: Node, has_credentials: bool) -> list[Use]:
    """Uses of a node outside the workflow; empty for a node that only reshapes or branches.

    Args:
        node: scrubbed.
        has_credentials: whether its ``credentials`` member names any; such a node is always a privilege.
    """
    uses = _own_uses(node, has_credentials)
    return [with_targets(node, use) for use in uses] + built_in_uses(node)


def _own_uses(node: Node, has_credentials: bool) -> list[Use]:
    connector = node.connector
    if trigger_type(connector):
        return _trigger_uses(node, has_credentials)
    if connector in ("httpRequest", "toolHttpRequest"):
        return [_http(node)]
    if connector in ("mcpClient", "mcpRegistryClient"):
        return mcp_uses(node)
    if has_code(node):
        return [Use("code", "run", "execute", instance=PLATFORM)]
    if connector in table.WORDS["sub_workflows"]:
        return _sub_workflow(node)
    if use := _model_or_store(node):
        return [use]
    if connector in table.WORDS["inert"]:
        return [_inert_with_credential(node)] if has_credentials else []
    return [_connector(node)]


def _trigger_uses(node: Node, has_credentials: bool) -> list[Use]:
    """A trigger that signs in or polls reads its source."""
    kind, parameters = trigger_type(node.connector), node.parameters
    if kind in ("webhook", "form", "chat", "mcp"):
        return [Use("", "receive", "read", entry_path(parameters))] if has_credentials else []
    target, name = target_of(parameters, ("folderToWatch", "fileToWatch", "base/table", *table.TRIGGER_TARGETS))
    if node.connector in ("rssFeedReadTrigger", "sseTrigger"):
        address = address_of(text_of(parameters.get("feedUrl") or parameters.get("url")))
        return [Use("", "watch", "read", address.path, instance=address.host)]
    if node.connector == "localFileTrigger":
        return [Use("file", "watch", "read", target_part(parameters.get("path")), instance=PLATFORM)]
    if has_credentials:
        return [Use("", "watch", "read", target, name)]
    if node.connector in table.WORDS["always_open_triggers"]:
        return []
    return [Use("", "watch", "read", target, name, needs=_trigger_needs(node))]


def _trigger_needs(node: Node) -> str:
    """Credential type that a trigger requires and does not name."""
    if node.connector in table.TRIGGER_CREDENTIALS:
        return table.TRIGGER_CREDENTIALS[node.connector]
    node_facts = table.facts_of(node.connector.removesuffix("Trigger"), node.version)
    return node_facts.credentials[0] if node_facts and node_facts.credentials else "unknown"


def _http(node: Node) -> Use:
    parameters = node.parameters
    address = address_of(text_of(parameters.get("url")))
    method = text_of(parameters.get("method") or parameters.get("requestMethod"))
    assumed: tuple[str, ...] = () if method else ("operation",)
    needs = http_credential(parameters)
    use = Use(
        "request",
        displayed(method or "GET", 80).lower(),
        access_of((method or "GET").lower().replace("head", "get").replace("options", "get")),
        address.path,
        assumed=assumed,
        instance=address.host,
        connector=service_of(needs),
        needs=needs,
    )
    if method and is_expression(method):
        note: Note = ("unrecognised", "medium", "The HTTP method is decided at run time")
        use = replace(use, operation="*", access="unknown", notes=(note,))
    if use.access == "write" and changes_access(address.host, address.path, words(use.connector)):
        use = replace(use, access="admin")
    if address.dynamic:
        use = replace(use, notes=(*use.notes, dynamic_host(text_of(parameters.get("url")))))
    elif not address.host:
        use = replace(use, notes=(*use.notes, ("unrecognised", "medium", "The request has no address yet")))
    return use


def has_code(node: Node) -> bool:
    """Whether a node runs code of its author, or code that a model wrote beforehand (``aiTransform``)."""
    if node.connector == "aiTransform":
        return bool(text_of(node.parameters.get("jsCode")))
    return node.connector in table.WORDS["code"] or (node.connector == "code" and node.origin == "langchain")


def _sub_workflow(node: Node) -> list[Use]:
    parameters = node.parameters
    value = parameters.get("workflowId")
    text = text_of(value)
    source = text_of(parameters.get("source"))
    if source == "url" and (url := text_of(parameters.get("workflowUrl"))):
        return _workflow_at(url)
    name = ""
    if "$workflow.id" in text:
        target = "{itself}"
    elif text:
        target, name = target_part(value), display_label(label_of(value))
    elif source == "localFile":
        target = f"from {target_part(parameters.get('workflowPath'))}"
    else:
        target = f"from {source}" if source not in ("", "database") else ""
    is_unread = source == "parameter" and not isinstance(parameters.get("workflowJson"), dict)
    notes = (_UNREAD_WORKFLOW,) if is_unread else ()
    name = "" if name == target else name
    return [Use("workflow", "execute", "execute", target, name, instance=PLATFORM, notes=notes)]


def _workflow_at(url: str) -> list[Use]:
    """Sub-workflow that is fetched from an address at its start."""
    address = address_of(url)
    notes: list[Note] = [("unpinned_component", "medium", "Runs the workflow that stands at an address when it starts")]
    if address.dynamic:
        notes.append(dynamic_host(url))
    target = f"from {address.host}{address.path}"
    return [
        Use("workflow", "execute", "execute", target, instance=PLATFORM, notes=tuple(notes)),
        Use("request", "get", "read", address.path, instance=address.host, connector="httpRequest"),
    ]


def _model_or_store(node: Node) -> Use | None:
    """Sub-nodes of the AI package: models, vector stores, chat memories, look-up tools."""
    connector, parameters = node.connector, node.parameters
    for prefix, operation in (("lmChat", "call"), ("lm", "call"), ("embeddings", "embed"), ("reranker", "rerank")):
        maker = connector.removeprefix(prefix)
        if maker != connector and maker[:1].isupper():
            target, name = target_of(parameters, _MODEL_PARAMETERS)
            return Use("model", operation, "execute", target, name, needs=table.MODELS.get(maker, "unknown"))
    if connector in table.SEARCH_TOOLS:
        resource = "file" if connector == "documentGithubLoader" else "web"
        address = address_of(text_of(parameters.get("repository"))) if resource == "file" else None
        host = table.PUBLIC_SERVICES.get(connector)
        target = address.path if address else ""
        return Use(resource, "search", "read", target, instance=host, needs=table.SEARCH_TOOLS[connector])
    for prefix in ("memory", "vectorStore", "chatHubVectorStore"):
        kind = connector.removeprefix(prefix)
        for old in ("Insert", "Load"):
            kind = kind.removesuffix(old)
        if kind != connector and kind in table.STORES:
            needs, _, parameter = table.STORES[kind].partition(" ")
            return _store(node, prefix, f"{connector}Api" if prefix.startswith("chatHub") else needs, parameter)
    return None


def _store(node: Node, prefix: str, needs: str, parameter: str) -> Use:
    target, name = target_of(node.parameters, (parameter, "indexName", "tableName") if parameter else ("indexName",))
    if prefix == "memory":
        return Use("memory", "append", "write", target, name, needs=needs)
    mode = text_of(node.parameters.get("mode"))
    for old in ("Insert", "Load"):
        if node.connector.endswith(old):
            mode = old.lower()
    access = access_of((mode or "retrieve").replace("retrieve-as-tool", "retrieve"))
    assumed = () if mode else ("operation",)
    return Use("vectors", displayed(mode) or "retrieve", access, target, name, assumed, needs=needs)


def _inert_with_credential(node: Node) -> Use:
    """Use of a node without access that still has a credential: reported regardless of its type (I8)."""
    operation = text_of(node.parameters.get("operation"))
    if node.connector in _SIGNERS:
        return Use("", target_part(operation) or "sign", "execute")
    if node.connector in ("wait", "form", "chat"):
        return Use("", "receive", "read")
    if node.connector == "agent":
        return Use("database", "query", "execute", MODEL)
    what = f"A node of type {displayed(node.connector, 60)} carries a credential"
    note: Note = ("unrecognised", "medium", f"{what}; what it does with it is not in the export")
    return Use("", "*", "unknown", notes=(note,))


def _connector(node: Node) -> Use:
    """Uses of a service node: its parameters, with the table's defaults for missing ones."""
    parameters = node.parameters
    package = "langchain" if node.origin == "langchain" else "base"
    node_facts = table.facts_of(node.connector, node.version, package) if node.origin in ("base", "langchain") else None
    method = table.BY_METHOD.get(node.connector)  # one node type has an HTTP method, another an action
    operation = text_of(parameters.get(method)).lower() if method else text_of(parameters.get("operation"))
    resource = text_of(parameters.get("resource"))
    assumed: list[str] = []
    notes: list[Note] = []
    if node_facts and not resource and node_facts.resource:
        resource = node_facts.resource
        assumed.append("resource")
    if not operation:
        operation = node_facts.operations.get(resource, node_facts.operations.get("", "")) if node_facts else ""
        assumed.append("operation")
    sql = _sql(node, operation)
    operation, access = _level(node, resource, operation, sql, node_facts is not None, assumed)
    if node_facts is None or access == "unknown":
        parameter = "type" if node_facts is None else "operation"
        detail = f"This importer does not know the {parameter} of the node; check what it does"
        notes.append(("unrecognised", "medium", detail))
    if sql is not None:
        notes += [("unread_query", "medium", because) for because in sql.unread]
    if node.connector in _ADDRESSED and address_of(_endpoint(node)).dynamic:
        notes.append(dynamic_host(_endpoint(node)))
    target, name = _connector_target(node, operation, sql, node_facts)
    needs = expected_type(node_facts.credentials, text_of(parameters.get("authentication"))) if node_facts else ""
    return Use(
        EXPRESSION if is_expression(resource) else displayed(resource, 80),
        operation,
        access,
        target,
        name,
        tuple(assumed),
        instance=_instance(node),
        needs=http_credential(parameters) if node.connector == "graphql" else needs,
        notes=tuple(notes),
    )


def _level(
    node: Node, resource: str, operation: str, sql: Query | None, is_known: bool, assumed: list[str]
) -> tuple[str, Access]:
    """(shown operation, level). A level from the name of an unlisted type is marked assumed."""
    if not operation or is_expression(operation):
        return "*", "unknown"
    access: Access | None = table.ACCESS.get(f"{node.connector}/{operation}") if is_known else None
    if access is None and operation in _QUERIES:
        access = sql.access if sql is not None else "execute"
        if node.connector == "graphql" and (query := _query(node)) and "{{" not in query:
            access = "write" if _MUTATION.search(query) else "read"
    if access is None:
        is_customer = resource in table.CUSTOMERS.get(node.connector, ())
        access = access_of(operation, "" if is_customer else resource, node.connector)
        assumed += ["access"] if not is_known and access != "unknown" else []
    return displayed(operation, 80), access


def _query(node: Node) -> str:
    return text_of(node.parameters.get("query")) or text_of(node.parameters.get("sqlQuery"))


def _sql(node: Node, operation: str) -> Query | None:
    """Literal query of a node; None if it is built at run time or missing."""
    query = _query(node) if operation in _QUERIES and node.connector != "graphql" else ""
    if not query or is_expression(query):
        return None
    from inventory.importers.code.sql import read_query  # slow to import, and most workflows have no query

    return read_query(query, node.connector)


def _endpoint(node: Node) -> str:
    return text_of(node.parameters.get("endpoint") or node.parameters.get("url"))


def _connector_target(
    node: Node, operation: str, sql: Query | None, node_facts: table.NodeFacts | None
) -> tuple[str, str]:
    if sql is not None:
        return ", ".join(sql.tables), ""  # never cut: the owners of the tables decide about each
    if operation in _QUERIES and node.connector != "graphql" and (query := _query(node)):
        return (MODEL if is_model_chosen(query) else EXPRESSION), ""
    if node.connector in _ADDRESSED:
        return address_of(_endpoint(node)).path, ""
    return target_of(node.parameters, node_facts.targets if node_facts else ())


def _instance(node: Node) -> str | None:
    """Instance, unless the credential determines it."""
    if node.connector in _ADDRESSED:
        return address_of(_endpoint(node)).host
    if node.connector == "git":
        return address_of(text_of(node.parameters.get("sourceRepository"))).host or PLATFORM
    if node.connector in table.WORDS["on_the_platform"]:
        return PLATFORM
    return table.PUBLIC_SERVICES.get(node.connector)


_MODELS = ("lm", "embeddings", "reranker", "openAi", "anthropic", "googleGemini", "ollama", "mistralAi")
_BASE = ("baseURL", "baseUrl", "base_url", "basePath")
_COPY = re.compile(r"(b?cc)(?:s|List|Emails?|Recipients?|Address(?:es)?)?")
_PARTS = ("options", "additionalFields", "updateFields")


def with_targets(node: Node, use: Use) -> Use:
    """`use` with its model's address, its proxy and recipients of copies."""
    if node.connector.startswith(_MODELS) and use.instance is None and not use.connector:
        use = _at_base_address(node, use)
    copies = [f"{kind} {value}" for kind, value in _copies(node.parameters)]
    if copies and use.access == "write":
        use = replace(use, target="; ".join(filter(None, (use.target, *copies))), target_name="")
    if proxy := next(filter(None, (text_of(each.get("proxy")) for each in _members(node.parameters))), ""):
        scope = f"through proxy {address_of(proxy).host or EXPRESSION}"
        use = replace(use, scope="; ".join(filter(None, (use.scope, scope))))
    return use


def _at_base_address(node: Node, use: Use) -> Use:
    urls = (text_of(members.get(name)) for members in _members(node.parameters) for name in _BASE)
    url = next(filter(None, urls), "")
    address = address_of(url)
    if address.host:
        return replace(use, instance=address.host)
    return replace(use, instance="", notes=(*use.notes, dynamic_host(url))) if address.dynamic else use


def _copies(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(cc or bcc, recipients) for each place where mail nodes keep them."""
    for members in _members(parameters):
        for name, value in members.items():
            match = _COPY.fullmatch(name)
            if match and (people := target_part(value)):
                yield match.group(1), people


def _members(parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield parameters
    yield from (parameters[name] for name in _PARTS if isinstance(parameters.get(name), dict))
