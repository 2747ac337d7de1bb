"""Read manifests from a file's bytes: detect the format and turn every failure into an `ImportProblem`.

No content is executed, evaluated or looked up, and only the manifests remain.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from inventory.importers import unsupported_platforms
from inventory.importers.display import display_label, displayed
from inventory.importers.documents import FEWER, LIMITS, Limits, parse, too_many
from inventory.importers.inline_workflows import expand_inline_workflows
from inventory.importers.manifest import Manifest, manifest_digest, privilege_key, with_shared_credentials
from inventory.importers.mcp import client_config
from inventory.importers.n8n import workflow as n8n_workflow
from inventory.importers.problem import ImportProblem
from inventory.importers.secrets.findings import SecretFound, secrets_of, without_passwords
from inventory.importers.secrets.scrubber import scrub, without_tokens
from inventory.importers.work_budget import CLEAR, Budget, OverBudget

#: Of the importers as a whole; an assessment says which one made it (I2).
VERSION = "1.6"

_EXTENSIONS = re.compile(r"(?:\.mcp)?\.jsonc?$", re.IGNORECASE)
_PLAIN_NAMES = frozenset({"", "mcp", ".mcp", "mcp_config", "settings", "claude_desktop_config"})
#: Longest file name; scanning a longer path for tokens takes time.
_LONGEST_NAME = 1_000
OUT_OF_MEMORY = "reading it takes more memory than one file may use"
_HIDDEN_FOLDERS = frozenset({".vscode", ".cursor", ".gemini", ".claude", ".", "/"})


@dataclass(frozen=True, slots=True)
class ReadResult:
    """One automation: its manifest, and the secrets of its source without values."""

    manifest: Manifest
    secrets: tuple[SecretFound, ...] = ()

    @property
    def digest(self) -> str:
        """The manifest digest (I2)."""
        return manifest_digest(self.manifest)


def read_export(
    name: str,
    data: bytes,
    *,
    fingerprint_key: bytes | None = None,
    limits: Limits = LIMITS,
    budget: Budget | None = None,
) -> list[ReadResult]:
    """Read one file (I7, I8).

    Args:
        name: the file's name, or its path within the upload.
        data: its bytes.
        fingerprint_key: of this installation; without it secrets have no fingerprint.
        limits: limits of reading.
        budget: the work that the secret scan may spend on this file.

    Returns:
        One result for each automation in the file, in its order.

    Raises:
        ImportProblem: on every failure, with file, place, reason and next step, without any content. No other exception
            is raised.
    """
    file = file_shown(name)
    try:
        return _read(file, data, fingerprint_key, limits, budget or Budget())
    except ImportProblem:
        raise
    except OverBudget as over:
        reason, to_do = str(over), CLEAR
    except MemoryError:
        reason, to_do = OUT_OF_MEMORY, FEWER
    except Exception as error:  # noqa: BLE001  a traceback would carry the file, secrets included, into error reports
        reason = f"the importer does not cope with this file ({type(error).__name__})"
        to_do = "Report this as a defect, without the file."
    raise ImportProblem(file, "", reason, to_do)


def with_shared(results: Iterable[ReadResult]) -> list[ReadResult]:
    """Results with findings for credentials that several automations of the batch use (I5)."""
    results = list(results)
    manifests = with_shared_credentials(each.manifest for each in results)
    return [replace(result, manifest=manifest) for result, manifest in zip(results, manifests, strict=True)]


def _read(file: str, data: bytes, key: bytes | None, limits: Limits, budget: Budget) -> list[ReadResult]:
    is_text = not begins_as_json(data) or file.lower().endswith(".toml")
    if is_text and len(data) <= limits.size:
        if refused := unsupported_platforms.refused_text(file, data):
            raise refused
        if is_yaml(file):
            raise ImportProblem(file, "", "this is YAML, which is not read yet", _FORM_INSTEAD)
    document = _parsed(file, data, limits)
    workflows = n8n_workflow.workflows_in(document)
    if workflows is not None:
        _check_numbers(file, workflows, limits)
        return with_shared(_read_n8n(file, place, workflow, key, limits, budget) for place, workflow in workflows)
    if n8n_workflow.is_credential(document) or (
        isinstance(document, list) and any(map(n8n_workflow.is_credential, document))
    ):
        reason = "this is an export of n8n credentials, not of a workflow"
        to_do = "Import the workflow; delete this file, it holds secrets."
        raise ImportProblem(file, "", reason, to_do, is_known=True)
    servers = client_config.servers_in(document)
    if servers is not None:
        _check_servers(file, servers, limits)
        scrubbed = scrub(document, partial(_fingerprint, key), budget=budget)
        manifest = client_config.read_configuration(file, scrubbed, _name_of(file, "MCP client configuration"))
        if not manifest.privileges:
            reason = "the MCP client configuration names no server"
            raise ImportProblem(file, "", reason, "Import the one that your client uses.")
        return [ReadResult(without_passwords(manifest), secrets_of(scrubbed))]
    raise _not_recognised(file, document)


def _check_numbers(file: str, workflows: list[tuple[str, Any]], limits: Limits) -> None:
    """Refuse too many automations or nodes before any is read."""
    if len(workflows) > limits.automations:
        too_many(file, limits.automations, "automations")
    for place, document in workflows:
        nodes = document.get("nodes") if isinstance(document, dict) else None
        if isinstance(nodes, list) and len(nodes) > limits.steps:
            too_many(file, limits.steps, "nodes", place)


def _check_servers(file: str, servers: list[client_config.Server], limits: Limits) -> None:
    """Refuse too many servers, arguments, variables, headers or tools before any is read."""
    if len(servers) > limits.steps:
        too_many(file, limits.steps, "servers")
    for server in servers:
        if any(isinstance(each, (list, dict)) and len(each) > limits.entries for each in server.config.values()):
            place = "/".join(displayed(str(part), 80) for part in server.trail)
            too_many(file, limits.entries, "entries in one list", place)


def _read_n8n(file: str, place: str, workflow: Any, key: bytes | None, limits: Limits, budget: Budget) -> ReadResult:
    if not n8n_workflow.is_workflow(workflow):
        reason = "among the n8n workflows stands something else"
        raise ImportProblem(file, place, reason, "Import the workflows alone.")
    scrubbed = scrub(expand_inline_workflows(file, place, workflow, limits), partial(_fingerprint, key), budget=budget)
    number = f" {place.rpartition('/')[2]}" if place[-1:].isdigit() else ""
    fallback = _name_of(file, "Workflow without a name") + number
    manifest = n8n_workflow.read_workflow(file, place, scrubbed, fallback, budget)
    return ReadResult(without_passwords(manifest), secrets_of(scrubbed))


def _fingerprint(key: bytes | None, value: str) -> str | None:
    """Keyed fingerprint of a secret: HMAC-SHA-256 in hex, useless without the installation's key; None without a key."""
    return hmac.new(key, b"countersign.secret/1\0" + value.encode(), hashlib.sha256).hexdigest() if key else None


YAML = "YAML is not read yet"
_FORM_INSTEAD = "Import an export, or register the automation with the form."


def is_yaml(file: str) -> bool:
    """Whether a file's name is that of a YAML file."""
    return file.lower().endswith((".yaml", ".yml"))


def begins_as_json(data: bytes) -> bool:
    """Whether data begins like a JSON object or list, after an optional byte order mark."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


#: Formats of an unreadable file by its marks.
_LOOKS_LIKE = ((b"n8n-nodes-", "an n8n workflow"), (b'"mcpServers"', "an MCP client configuration"))


def _parsed(file: str, data: bytes, limits: Limits) -> Any:
    """JSON document. A refusal names the format that a broken file looks like."""
    try:
        return parse(file, data, limits)
    except ImportProblem as problem:
        refused = problem
    like = next((f" (it looks like {format_name})" for mark, format_name in _LOOKS_LIKE if mark in data), "")
    raise ImportProblem(file, refused.place, refused.reason + like, refused.what_to_do)


def _not_recognised(file: str, document: Any) -> ImportProblem:
    """Refuse a file, with its platform if known."""
    if (refused := unsupported_platforms.refused_document(file, document)) is not None:
        return refused
    is_empty = document == {}
    what = "an empty JSON object, not" if is_empty else "JSON, but not"
    reason = f"this is {what} an n8n workflow or an MCP client configuration"
    to_do = "Import the file that your automation platform exports." if is_empty else _FORM_INSTEAD
    return ImportProblem(file, "", reason, to_do)


def file_shown(name: str) -> str:
    """File name without drive, root, parent steps or tokens (I6): it is kept and shown, and never opened."""
    if len(name) > _LONGEST_NAME:
        return "file with a very long name"
    parts = [part for part in re.split(r"[/\\]", name) if part not in ("", ".", "..") and not part.endswith(":")]
    return display_label(without_tokens("/".join(parts))) or "file without a name"


def _name_of(file: str, otherwise: str) -> str:
    """Name from the file, or from its folder if all such files have the same name."""
    path = PurePosixPath(file)
    stem = _EXTENSIONS.sub("", path.name)
    if stem.lower() not in _PLAIN_NAMES:
        return stem
    folders = [part for part in path.parts[:-1] if part not in _HIDDEN_FOLDERS]
    return folders[-1] if folders else otherwise


#: As many privileges and credentials one automation may ask for: each is three fields of a form, and a form has at most 2,000.
MOST_ROWS = 600

#: Shown name of a file, with one of its automations or the reason why there is none.
Found = tuple[str, ReadResult | ImportProblem]


def results_of(name: str, data: bytes, fingerprint_key: bytes) -> list[Found]:
    """Read one file: a result for each automation, or its refusal, with the file's displayed name."""
    try:
        return [(file_shown(name), result) for result in read_export(name, data, fingerprint_key=fingerprint_key)]
    except ImportProblem as problem:
        return [(problem.file, problem)]


def refuse_too_large(results: Sequence[Found]) -> list[Found]:
    """Results with a refusal in place of each automation that is too large."""
    in_file = Counter(name for name, result in results if isinstance(result, ReadResult))
    return [
        (name, (_too_long(name, result, is_alone=in_file[name] == 1) or result))
        if isinstance(result, ReadResult)
        else (name, result)
        for name, result in results
    ]


def _too_long(name: str, result: ReadResult, *, is_alone: bool) -> ImportProblem | None:
    manifest = result.manifest
    rows = len({privilege_key(privilege, "") for privilege in manifest.privileges}) + len(manifest.credentials)
    if rows <= MOST_ROWS:
        return None
    reason = f"it uses {rows:,} things, and one automation may use {MOST_ROWS}"
    return ImportProblem(name, "" if is_alone else manifest.name, reason, "Split it into several automations.")
