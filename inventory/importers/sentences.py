"""Sentences for entitlements: "Post messages to #finance in Finance Slack".

Pure: from connector, resource and operation to a sentence with placeholders for target and resource. The sentence is a
label; the entitlement's code is granted, and pages show it too.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inventory.importers.connectors import canonical_connector
from inventory.importers.display import EXPRESSION, MODEL
from inventory.importers.facts import facts, read_rows, word_lists
from inventory.importers.operation_words import access_of
from inventory.importers.operation_words import words as split_words

#: Placeholders of a form.
TARGET, RESOURCE = "{target}", "{resource}"

_WORDS = word_lists("sentences")
#: Connectors whose resources are tables, channels or files, which determines how targets are split (I4).
DATABASES = _WORDS["databases"]
MESSENGERS = _WORDS["messengers"]
#: Connectors over which even a read sends data out: an address can contain data.
CARRIES_OUT_WHEN_READING = frozenset({"httpRequest"})

_DYNAMIC = re.compile(re.escape(EXPRESSION) + "|" + re.escape(MODEL))
_OPAQUE = re.compile(r"\{opaque ([0-9a-f]+)\}")
#: A workflow that starts itself.
_ITSELF = "{itself}"
_PLATFORMS = {"mcp": "MCP"}
_INSTANCE_ID = re.compile(r"\s+(?=\S*\d)\S{8,}$")
_CONTAINER = re.compile(r"(\w+) \{resource\}$")
#: Words about sending to people.
_SENDS = re.compile(r"(Send|Post|Forward|Share) (?!data|prompts)")


def platform_label(instance: str) -> str:
    """Name of the platform for people: "n8n", without the id of its instance."""
    text = _INSTANCE_ID.sub("", instance)
    return _PLATFORMS.get(text, text)


@dataclass(frozen=True)
class Phrase:
    """Words of an entitlement.

    Args:
        words: without a target: ``Post messages``.
        form: with placeholders for target and resource: ``Post messages to {target} in {resource}``.
    """

    words: str
    form: str


def _phrase(words: str, form: str) -> Phrase:
    return Phrase(f"{words[:1].upper()}{words[1:]}", f"{form[:1].upper()}{form[1:]}")


#: Rows of ``data/sentences.csv``, by connector (or empty) and code. A form ends with its place.
_KNOWN = {(connector, code): _phrase(words, form) for connector, code, words, form in read_rows("sentences")}
_VERBS = {"get": "read", "append": "add", "fetch": "read", "del": "delete", "upsert": "add and change", "list": "read"}
#: Words between the nouns of a verb and its target; the others have "of".
_JOINS = {verb: join for join, verbs in facts("sentences")["joins"].items() for verb in verbs.split()}
_ALREADY_MANY = re.compile(
    r"(s|media|data|info|metadata|content|history|status|access|mail|sql|text|people|difficulty)$"
)
_NOT_NOUNS = frozenset({"all", "a", "an", "the", "many"})


def phrase_of(connector: str, code: str) -> Phrase:
    """Words of an entitlement.

    Args:
        connector: as the source names it: ``slack``, ``mcp``.
        code: code of the entitlement: ``message:post``, ``create_issue``, ``*``.
    """
    for name in (connector, canonical_connector(connector), ""):
        if phrase := _KNOWN.get((name, code)):
            return phrase
    return _full_words(connector, code)


def _full_words(connector: str, code: str) -> Phrase:
    thing, _, operation = code.rpartition(":")
    operation, _, narrowed = operation.partition("/")
    is_tool = canonical_connector(connector) in ("mcp", "mcp_server")
    where = "through" if is_tool else "in"
    if operation == "*":
        what = f"{'read' if narrowed == 'read' else 'do'} anything with {_plural(split_words(thing))}"
        return _phrase(what, f"{what} of {TARGET} {where} {RESOURCE}")
    parts = ["read"] if operation == "getAll" else split_words(operation)
    nouns = [noun for noun in parts[1:] if noun not in _NOT_NOUNS] or split_words(thing)
    if not parts or access_of(parts[0]) == "unknown" or (is_tool and not nouns):
        what = f"use the {'tool' if is_tool else 'operation'} {code}"
        return _phrase(what, f"{what} on {TARGET} {where} {RESOURCE}")
    verb = parts[0]
    what = f"{_VERBS.get(verb, verb)} {_plural(nouns or ['data'])}"
    return _phrase(what, f"{what} {_JOINS.get(_VERBS.get(verb, verb), 'of')} {TARGET} {where} {RESOURCE}")


def _plural(nouns: Sequence[str]) -> str:
    if not nouns:
        return ""
    *first, last = nouns
    if _ALREADY_MANY.search(last):
        many = last
    elif last == "person":
        many = "people"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}{'es' if last.endswith(('x', 'ch', 'sh', 'z')) else 's'}"
    return " ".join([*first, many])


def target_text(target: str, name: str = "") -> str:
    """Target for people: its label, otherwise the target, with "…" for parts chosen at run time."""
    *names, last = _OPAQUE.sub(r"(hidden \1)", _DYNAMIC.sub("…", name or target)).split(", ")
    return f"{', '.join(names)} and {last}" if names else last


def sentence_for(words: str, form: str, resource: str, target: str = "", target_name: str = "") -> str:
    """One sentence for one privilege: "Post messages to #finance in Finance Slack workspace".

    Args:
        words: words of the entitlement.
        form: its form; empty for a person's own words.
        resource: the resource's name.
        target: as the source names it; may be empty.
        target_name: a label for it.
    """
    label = target_name or target
    named = target_text(target, target_name)
    match = _CONTAINER.search(form)
    where = match.group(1) if match else "in"
    if label and not any(letter.isalnum() for letter in _DYNAMIC.sub("", label)):
        chosen = f"chosen {'by a model' if MODEL in label else 'at run time'}"
        if f" to {TARGET}" in form and _SENDS.match(words):
            return form.replace(TARGET, f"recipients {chosen}").replace(RESOURCE, resource)
        return f"{words} {where} {resource} ({chosen})".replace("which) (", "which, ")
    if label == _ITSELF:
        return f"Start itself {where} {resource}"
    if named and form:
        return form.replace(TARGET, named).replace(RESOURCE, resource)
    return f"{words}: {named}, {where} {resource}" if named else f"{words} {where} {resource}"


def infinitive(sentence: str) -> str:
    """Sentence of a grant to follow "to" or "may"; stored ones may begin with "May" or "Uses"."""
    plain = re.sub(r"^Uses ", "use ", sentence.removeprefix("May "))
    return f"{plain[:1].lower()}{plain[1:]}"


#: Words for a privilege with a lowered level (A7).
LOWERED = {"read": "reading", "write": "reading and writing", "execute": "running things"}


def scope_of(connector: str, target: str, scope: str = "") -> tuple[str, list[str]]:
    """Scope kind and parts of a target that can be narrowed; (``none``, []) for an open target or one chosen at run time
    (I4, A7).

    Args:
        connector: the source's or the canonical name.
        target: of the manifest; the tables of one query are one text, joined by a comma.
        scope: of the manifest, such as a namespace.
    """
    if _DYNAMIC.search(target):
        return "none", []
    if connector in DATABASES and target:
        return "tables", [part.strip() for part in target.split(",") if part.strip()]
    if target.startswith("/"):
        return "path", [target]
    if target:
        return "set", [part.strip() for part in target.split(",") if part.strip()]
    return ("text", [scope]) if scope else ("none", [])


def is_outbound(connector: str, level: str) -> bool:
    """Whether an entitlement sends data to readers outside the register (T1)."""
    name = canonical_connector(connector)
    return name in CARRIES_OUT_WHEN_READING or (name in MESSENGERS and level != "read")


def kind_of(connector: str) -> str:
    """Guessed kind of a proposed resource; the activating admin can correct it."""
    name = canonical_connector(connector)
    if name == "mcp":
        return "mcp_server"
    if name in DATABASES:
        return "data_store"
    return "backend_api" if name in ("httpRequest", "graphql", "webhook") else "saas_connector"
