"""Further targets of an n8n node: a model at another address, a proxy, copies of a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from inventory.importers.addresses import address_of
from inventory.importers.display import EXPRESSION
from inventory.importers.n8n.node import Node, Use, dynamic_host
from inventory.importers.n8n.parameters import target_part, text_of

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
