"""Sentences for entitlements: "May post messages to #finance in Finance Slack".

Pure: from connector, resource and operation to a sentence with placeholders for target and resource. The sentence is a
label; the entitlement's code is granted, and pages show it too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inventory.importers.connectors import canonical_connector
from inventory.importers.display import EXPRESSION, MODEL
from inventory.importers.levels import access_of
from inventory.importers.levels import words as split_words

#: Placeholders of a form.
TARGET, RESOURCE = "{target}", "{resource}"

#: Connectors whose resources are tables, channels or files, which determines how targets are split (I4).
_DATABASES = """
    postgres mySql microsoftSql snowflake oracleDatabase questDb crateDb timescaleDb supabase mongoDb redis baserow nocoDb
    googleBigQuery clickhouse memoryPostgresChat memoryMongoDbChat vectorStorePGVector
"""
DATABASES = frozenset(_DATABASES.split())
_MESSENGERS = """
    slack discord telegram mattermost microsoftTeams rocketchat zulip matrix googleChat twilio whatsApp gmail
    microsoftOutlook emailSend sendGrid mailgun mailjet awsSes awsSns ftp sftp httpRequest webhook respondToWebhook
    mandrill brevo sendInBlue pushover pushbullet twitter linkedIn facebookGraphApi wordpress
"""
MESSENGERS = frozenset(_MESSENGERS.split())
#: Connectors over which even a read sends data out: an address can contain data.
CARRIES_OUT_WHEN_READING = frozenset({"httpRequest"})

_DYNAMIC = re.compile(re.escape(EXPRESSION) + "|" + re.escape(MODEL))
_PLATFORMS = {"mcp": "MCP"}
_INSTANCE_ID = re.compile(r"\s+(?=\S*\d)\S{8,}$")
_CONTAINER = re.compile(r"(\w+) \{resource\}$")


def platform_label(instance: str) -> str:
    """Name of the platform for people: "n8n", without the id of its instance."""
    text = _INSTANCE_ID.sub("", instance)
    return _PLATFORMS.get(text, text)


@dataclass(frozen=True)
class Phrase:
    """Words of an entitlement.

    Args:
        words: without a target: ``May post messages``.
        form: with placeholders for target and resource: ``May post messages to {target} in {resource}``.
    """

    words: str
    form: str


#: (connector or empty, ``resource:operation`` or operation): the words after "May". A form ends with its place.
_KNOWN: dict[tuple[str, str], tuple[str, str]] = {
    ("", "message:post"): ("post messages", "post messages to {target} in {resource}"),
    ("", "message:send"): ("send messages", "send messages to {target} through {resource}"),
    ("", "message:sendAndWait"): (
        "send messages and wait for the answer",
        "send messages to {target} and wait for the answer in {resource}",
    ),
    ("gmail", "message:send"): ("send mail", "send mail to {target} from {resource}"),
    ("", "sms:send"): ("send text messages", "send text messages to {target} through {resource}"),
    ("", "database:executeQuery"): ("run any SQL", "run SQL, {target}, in {resource}"),
    ("", "database:executeQuery/read"): ("read tables with SQL", "read {target} in {resource}"),
    ("", "database:executeQuery/write"): ("change tables with SQL", "change {target} in {resource}"),
    ("", "database:select"): ("read tables", "read {target} in {resource}"),
    ("", "database:insert"): ("add rows", "add rows to {target} in {resource}"),
    ("", "database:update"): ("change rows", "change rows of {target} in {resource}"),
    ("", "database:upsert"): ("add and change rows", "add and change rows of {target} in {resource}"),
    ("", "database:deleteTable"): ("delete rows and tables", "delete rows of {target}, or the table, in {resource}"),
    ("", "memory:append"): ("keep conversations", "keep conversations in {target} in {resource}"),
    ("", "model:call"): ("send prompts to a model", "send prompts to {target} through {resource}"),
    ("", "code:run"): ("run code of its own", "run code of its own, {target}, on {resource}"),
    ("", "workflow:execute"): ("start other workflows", "start the workflow {target} on {resource}"),
    ("", "request:get"): ("read over HTTP", "read {target} from {resource}"),
    ("", "request:head"): ("look things up over HTTP", "look up {target} at {resource}"),
    ("", "request:post"): ("send data over HTTP", "send data to {target} at {resource}"),
    ("", "request:put"): ("replace data over HTTP", "replace data at {target} at {resource}"),
    ("", "request:patch"): ("change data over HTTP", "change data at {target} at {resource}"),
    ("", "request:delete"): ("delete data over HTTP", "delete data at {target} at {resource}"),
    ("", "file:download"): ("read files", "read files, {target}, in {resource}"),
    ("", "file:upload"): ("upload files", "upload files to {target} in {resource}"),
    ("", "upload"): ("upload files", "upload files to {target} on {resource}"),
    ("", "download"): ("read files", "read files at {target} on {resource}"),
    ("", "sheet:read"): ("read sheets", "read the sheet {target} in {resource}"),
    ("", "event:getAll"): ("read calendar events", "read events of {target} in {resource}"),
    ("", "watch"): ("be told of changes", "be told of changes to {target} in {resource}"),
    ("", "receive"): ("receive what people send", "receive what people send to {target} with {resource}"),
    ("", "*"): ("do everything that it offers", "do everything that it offers with {target} through {resource}"),
    ("", "*/read"): ("read everything that it offers", "read everything that it offers, {target}, through {resource}"),
}
_VERBS = {"get": "read", "append": "add", "fetch": "read", "del": "delete", "upsert": "add and change"}
_TO = frozenset(
    {"send", "post", "upload", "add", "append", "publish", "write", "share", "invite", "forward", "copy", "move"}
)
_ALREADY_MANY = re.compile(r"(s|media|data|info|metadata|content|history|status|access|mail|sql|text)$")


def phrase_of(connector: str, code: str) -> Phrase:
    """Words of an entitlement.

    Args:
        connector: as the source names it: ``slack``, ``mcp``.
        code: code of the entitlement: ``message:post``, ``create_issue``, ``*``.
    """
    for pair in ((connector, code), (canonical_connector(connector), code), ("", code)):
        if pair in _KNOWN:
            words, form = _KNOWN[pair]
            return Phrase(f"May {words}", f"May {form}")
    return _full_words(connector, code)


def _full_words(connector: str, code: str) -> Phrase:
    thing, _, operation = code.rpartition(":")
    operation, _, narrowed = operation.partition("/")
    where = "through" if canonical_connector(connector) in ("mcp", "mcp_server") else "in"
    if operation == "*":
        what = f"{'read' if narrowed == 'read' else 'do'} anything with {_plural(split_words(thing))}"
        return Phrase(f"May {what}", f"May {what}, {TARGET}, {where} {RESOURCE}")
    parts = ["read"] if operation == "getAll" else split_words(operation)
    if not parts or access_of(parts[0]) == "unknown":
        return Phrase(f"May use {code}", f"May use {code} on {TARGET} {where} {RESOURCE}")
    verb, nouns = parts[0], parts[1:] or split_words(thing)
    if not nouns:
        return Phrase(f"May use {operation}", f"May use {operation} on {TARGET} {where} {RESOURCE}")
    what = f"{_VERBS.get(verb, verb)} {_plural(nouns)}"
    joined = "to" if verb in _TO else "of"
    return Phrase(f"May {what}", f"May {what} {joined} {TARGET} {where} {RESOURCE}")


def _plural(nouns: Sequence[str]) -> str:
    if not nouns:
        return ""
    *first, last = nouns
    if _ALREADY_MANY.search(last):
        many = last
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}{'es' if last.endswith(('x', 'ch', 'sh', 'z')) else 's'}"
    return " ".join([*first, many])


def target_text(target: str, name: str = "") -> str:
    """Target for people: its label, otherwise the target, with words for parts chosen at run time."""
    label = name or target
    if not label:
        return ""
    if label == MODEL:
        return "whatever a model chooses"
    if label == EXPRESSION:
        return "what is worked out at run time"
    return _and(_DYNAMIC.sub("…", label).split(", "))


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def sentence_for(words: str, form: str, resource: str, target: str = "", target_name: str = "") -> str:
    """One sentence for one privilege: "May post messages to #finance in Finance Slack workspace".

    Args:
        words: words of the entitlement.
        form: its form; empty for a person's own words.
        resource: the resource's name.
        target: as the source names it; may be empty.
        target_name: a label for it.
    """
    named = target_text(target, target_name)
    if named and form:
        return form.replace(TARGET, named).replace(RESOURCE, resource)
    match = _CONTAINER.search(form)
    where = match.group(1) if match else "in"
    return f"{words}: {named}, {where} {resource}" if named else f"{words} {where} {resource}"


#: Words for a privilege with a lowered level (A7).
LOWERED = {
    "read": "reading",
    "write": "reading and writing",
    "execute": "running things",
}


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
