"""Remove the secrets from a document before any other module reads it (I6).

Walks every slot that may contain a secret: headers, query and body parameters, assignments, variables, arguments, URLs,
inline credentials, code, notes, pinned and static data. Records each occurrence and returns a copy with constants in
their place. Later steps use the copy, so no manifest contains a found secret. `slots.py` judges names and
values.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, NamedTuple

from inventory.importers.display import display_label, displayed
from inventory.importers.facts import facts, word_lists
from inventory.importers.secrets.commands import in_arguments, runs_arguments
from inventory.importers.secrets.names import may_say_password, passwords_in_path
from inventory.importers.secrets.repeats import REMOVED, Repeats, free_name, placeholders_of
from inventory.importers.secrets.slots import (
    N8N,
    Judged,
    Strength,
    What,
    is_placeholder,
    judge,
    looks_like_token,
    provider_matches,
    slot_strength,
)
from inventory.importers.secrets.texts import secrets_within
from inventory.importers.work_budget import Budget

Trail = tuple[str | int, ...]
Fingerprint = Callable[[str], str | None]

_SLOT_OF = {key: slot for slot, keys in facts("secrets")["slots"].items() for key in keys.split()}
_REGIONS = {"pinData": "pinned", "staticData": "static", "settings": "settings", "meta": "meta"}
#: Regions with execution data: full of ids and hashes, so only a telling name marks a secret.
_DATA = frozenset({"pinned", "static"})
_LABELS = ("name", "key", "keyName", "parameterName", "headerName", "header")
_VALUES = frozenset({"value", "stringValue", "default", "keyValue", "text"})
_STRUCTURE = word_lists("secrets")["structure"]

#: Members that contain a name, and members whose own members are names.
_NAMES = frozenset({"name", "cachedResultName", "formTitle"})
_NAMED_BY_KEY = frozenset({"mcpServers", "servers"})
_KEYWORD = re.compile("key|token|secret|pass|pwd|auth|cookie|dsn|credent|conn", re.IGNORECASE)
_ONE_LETTER_FLAG = re.compile(r"-[A-Za-z]$")
_DOCKER_ENV = frozenset({"-e", "--env"})
_HITS_OF_ONE_FOUND = 20
_LONG_RUN = re.compile(r"[A-Za-z0-9]{20,}")


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Content of one slot. `trail` leads to it in the scrubbed document; `suffix` names the part within the value.

    `kind` is the slot's: header, query, env, argument, url, code, pinned and so on; `provider` the matching provider,
    if any. A literal has a fingerprint if a key was given; the value itself is not stored.
    """

    trail: Trail
    kind: str
    name: str
    what: What
    suffix: str = ""
    reference: str = ""
    fingerprint: str | None = None
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """Document without secrets, and the occurrences in its order.

    `document` is the source of a manifest. `content` is the source of the digest: only the secret slots are empty
    there, so that all other differences change the digest. `content` must never be shown.
    """

    document: Any
    found: tuple[Occurrence, ...]
    content: Any = field(repr=False)
    _by_trail: dict[Trail, list[Occurrence]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for each in self.found:
            for depth in range(len(each.trail) + 1):
                self._by_trail.setdefault(each.trail[:depth], []).append(each)

    def below(self, *trail: str | int) -> list[Occurrence]:
        """Occurrences below a place."""
        return self._by_trail.get(trail, [])

    def place(self, occurrence: Occurrence) -> str:
        """Place of an occurrence for people: ``nodes/HTTP Request/headerParameters/X-Api-Key``."""
        value, parts = self.document, []
        for step in occurrence.trail:
            inside = isinstance(value, list) if isinstance(step, int) else isinstance(value, dict) and step in value
            value = value[step] if inside else None  # two member names with the same secret became one
            name = _label(value) if isinstance(step, int) else step
            if name and name not in _STRUCTURE:
                parts.append(display_label(name, 80) if isinstance(step, int) else displayed(name, 80))
        return "/".join([*parts, displayed(occurrence.suffix, 80)] if occurrence.suffix else parts)


class _Slot(NamedTuple):
    """State of the walk: name of the value, kind of slot and region of the document."""

    name: str = ""
    kind: str = "parameter"
    region: str = ""
    strength: Strength | None = None
    program: str = ""


def scrub(document: Any, fingerprint: Fingerprint = lambda _value: None, *, budget: Budget | None = None) -> Scrubbed:
    """Remove the secrets from a document.

    Args:
        document: JSON-able, its depth already bounded.
        fingerprint: from a secret's value to its keyed fingerprint, or None.
        budget: remaining work of the file.

    Raises:
        OverBudget: the file exceeds it.
    """
    budget = budget or Budget()
    walk = _Walk(fingerprint, budget, _own_entries(document))
    content, occurrences = walk.value(document, (), _Slot()), walk.found
    if names := Repeats(walk.names, budget):
        content, occurrences = names.removed_from(content), [_renamed(each, names) for each in occurrences]
    document = content
    if secrets := Repeats(placeholders_of(walk.values), budget):
        document, occurrences = secrets.removed_from(content), [_renamed(each, secrets) for each in occurrences]
    return Scrubbed(document, tuple(occurrences), content)


def without_tokens(text: str) -> str:
    """File name or path without tokens, and without a password after the word "password"."""
    spans = [(begin, end) for _, begin, end in provider_matches(text)]
    spans += passwords_in_path(text)
    spans += [run.span() for run in _LONG_RUN.finditer(text) if looks_like_token(run.group())]
    return replace_spans(text, spans)


class _Walk:
    """One walk over one document. It keeps the found values until it ends."""

    def __init__(self, fingerprint: Fingerprint, budget: Budget, own_entries: frozenset[str]) -> None:
        self._own = own_entries
        self._fingerprint = fingerprint
        self._budget = budget
        self.found: list[Occurrence] = []
        self.values: dict[str, None] = {}
        self.names: dict[str, str] = {}

    def value(self, value: Any, trail: Trail, slot: _Slot) -> Any:
        """A copy of `value` without secrets."""
        if isinstance(value, str):
            return self._text(value, trail, slot)
        if isinstance(value, dict):
            return self._object(value, trail, slot)
        if isinstance(value, list):
            if slot.kind == "argument" and all(isinstance(each, str) for each in value):
                return self._arguments(value, trail, slot)
            return [self.value(each, (*trail, index), slot) for index, each in enumerate(value)]
        return value

    def _object(self, value: Mapping[str, Any], trail: Trail, slot: _Slot) -> dict[str, Any]:
        named = _label(value)
        strength: Strength | None = None
        if slot.kind == "input":
            named = named or str(value.get("id", ""))
            strength = "strong" if value.get("password") is True else None
        clean: dict[str, Any] = {}
        for key, each in value.items():
            kind = _SLOT_OF.get(key.lower(), slot.kind)
            region = slot.region or (_REGIONS.get(key, "") if len(trail) <= 2 else "")
            if key in _VALUES and (named or slot.name):
                below = _Slot(named or slot.name, kind, region, strength)
            else:
                below = _Slot(key, kind, region)
            if slot.name == "credentials" and isinstance(each, str) and key.endswith(("Api", "Auth", "OAuth2")):
                below = _Slot("name", kind, region)  # old n8n exports name a credential in plain text
            if key == "value" and "__rl" in value and value.get("mode") == "name":
                below = _Slot("name", kind, region)  # a channel, a sheet or a list chosen by name
            if kind == "argument":
                below = below._replace(program=PurePath(str(value.get("command", ""))).name)
            if slot.name in _NAMED_BY_KEY:
                name = self._name(key, trail, _Slot("", "name", region))
            else:
                name = self._inside(key, trail, _Slot("", "member", region)) if len(key) >= 12 else key
            name = free_name(name, clean)
            clean[name] = self.value(each, (*trail, name), below)
        return clean

    def _text(self, text: str, trail: Trail, slot: _Slot) -> str:
        if not text or text.isspace():
            return text
        if slot.name in _NAMES and slot.kind in ("parameter", "inline") and not slot.region:
            return self._name(text, trail, slot._replace(kind="credential" if slot.kind == "inline" else "name"))
        strength = slot.strength if slot.strength is not None else slot_strength(slot.name, slot.kind)
        if slot.kind == "inline" and slot.name in ("user", "username"):
            strength = ""
        if strength == "weak" and slot.region in _DATA:
            strength = ""
        if strength:
            judged = judge(text, strength)
            if judged.what == "literal" or (strength == "strong" and judged.what in ("placeholder", "reference")):
                return self._removed(text, judged, trail, slot)
        return self._inside(text, trail, slot) if len(text) >= 12 or may_say_password(text) else text

    def _name(self, name: str, trail: Trail, slot: _Slot) -> str:
        """Name without secrets: equal for equal names, and different for others."""
        if len(name) < 12 and slot.kind == "name" and not may_say_password(name):
            return name
        if name not in self.names:
            clean = self._inside(name, trail, slot)
            if clean == name:
                return name
            self.names[name] = free_name(clean, self.names.values())
        return self.names[name]

    def _removed(
        self, text: str, judged: Judged, trail: Trail, slot: _Slot, suffix: str = "", provider: str = ""
    ) -> str:
        values = [text[begin:end] for begin, end in judged.spans] if judged.what == "literal" else []
        self.values.update(dict.fromkeys(values))
        self._record(judged, trail, slot, "".join(values), suffix, provider)
        return replace_spans(text, judged.spans)

    def _record(self, judged: Judged, trail: Trail, slot: _Slot, secret: str, suffix: str, provider: str) -> None:
        self._budget.hit(_HITS_OF_ONE_FOUND)
        kind, mark = slot.region or slot.kind, self._fingerprint(secret) if secret else None
        self.found.append(Occurrence(trail, kind, slot.name, judged.what, suffix, judged.reference, mark, provider))

    def _inside(self, text: str, trail: Trail, slot: _Slot, suffix: str = "") -> str:
        """Secrets within a longer text: in addresses, by provider, after a telling name, after ``Bearer``."""
        chosen: list[tuple[int, int]] = []
        kind = "command" if slot.name == "command" else slot.kind
        for (begin, end), within in secrets_within(text, self._budget, kind=kind, is_data=slot.region in _DATA):
            value = text[begin:end]
            if value == REMOVED:
                continue
            if within.provider == N8N:
                if value.rpartition("/")[2] not in self._own and slot.region not in _DATA:
                    self._record(Judged("literal"), trail, slot._replace(kind="url"), value, "", within.provider)
                continue
            chosen.append((begin, end))
            judged = Judged("placeholder" if is_placeholder(value) else "literal", ((begin, end),))
            named = slot._replace(kind=within.kind or slot.kind, name=within.name or within.provider or slot.name)
            ending = suffix or (within.name if within.kind == "url" else "")
            self._removed(text, judged, trail, named, ending, within.provider)
        return replace_spans(text, chosen)

    def _arguments(self, arguments: list[str], trail: Trail, slot: _Slot) -> list[str]:
        """Command line arguments: ``--flag=value``, ``--flag value``, ``-e NAME=value``, ``-t token``, ``Header: value``."""
        clean: list[str] = []
        before = ""
        passwords = in_arguments(slot.program, arguments)
        has_named = not runs_arguments(slot.program)
        for index, argument in enumerate(arguments):
            self._budget.hit()
            item_trail = (*trail, index)
            head, equals, tail = argument.partition("=")
            password = passwords.get(index)
            if password and judge(argument[slice(*password.span)], "strong").what == "literal":
                named = slot._replace(name=password.name.lstrip("-"))
                judged = Judged("literal", (password.span,))
                clean.append(self._removed(argument, judged, item_trail, named, password.name))
            elif equals and (head.startswith("-") or before in _DOCKER_ENV or re.fullmatch(r"[A-Z][A-Z0-9_]*", head)):
                clean.append(head + equals + self._argument(tail, item_trail, slot, head))
            elif before in _DOCKER_ENV:
                clean.append(self._inside(argument, item_trail, slot))  # name of a variable to pass on
            elif before.startswith("-") and "=" not in before and not argument.startswith("-"):
                is_name = not has_named or argument.startswith("@")
                has_named = has_named or not runs_arguments(argument)
                if _ONE_LETTER_FLAG.match(before) and is_name:  # `npx -y package`, `python -m module`
                    clean.append(self._inside(argument, item_trail, slot))
                else:
                    clean.append(self._argument(argument, item_trail, slot, before))
            else:
                has_named = has_named or not (argument.startswith("-") or runs_arguments(argument))
                clean.append(self._inside(argument, item_trail, slot))
            before = argument
        return clean

    def _argument(self, text: str, trail: Trail, slot: _Slot, name: str) -> str:
        flag = name.lstrip("-")
        named = slot._replace(name=flag)
        if name in ("--header", "-H") and (colon := re.match(r"([\w-]+)\s*:\s*", text)):
            rest = self._argument(text[colon.end() :], trail, slot._replace(kind="header"), colon.group(1))
            return text[: colon.end()] + rest
        strength = slot_strength(flag, slot.kind) or ("weak" if _ONE_LETTER_FLAG.match(name) else "")
        if strength:
            judged = judge(text, strength)
            is_telling = strength == "strong" or _KEYWORD.search(text) is not None
            if judged.what == "literal" or (is_telling and judged.what in ("placeholder", "reference")):
                return self._removed(text, judged, trail, named, name)
        return self._inside(text, trail, named, name)


def _own_entries(document: Any) -> frozenset[str]:
    """Ids under which the workflow itself is called: its own address is an open webhook, no secret."""
    nodes = document.get("nodes") if isinstance(document, dict) else None
    entries: set[str] = set()
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, dict):
            parameters = node.get("parameters")
            path = parameters.get("path") if isinstance(parameters, dict) else None
            entries.update(each for each in (path, node.get("webhookId")) if isinstance(each, str))
    return frozenset(entries)


def _label(value: Any) -> str:
    for key in _LABELS if isinstance(value, dict) else ():
        label = value.get(key)
        if isinstance(label, str) and label.strip():
            return label
    return ""


def replace_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Text with a constant in place of each span. Overlapping spans are one."""
    parts, end = [], 0
    for begin, stop in sorted(spans):
        if begin >= end:
            parts += [text[end:begin], REMOVED]
        end = max(end, stop)
    return "".join([*parts, text[end:]])


def _renamed(occurrence: Occurrence, repeats: Repeats) -> Occurrence:
    trail = tuple(repeats.text(step) if isinstance(step, str) else step for step in occurrence.trail)
    return replace(occurrence, trail=trail, suffix=repeats.text(occurrence.suffix), name=repeats.text(occurrence.name))
