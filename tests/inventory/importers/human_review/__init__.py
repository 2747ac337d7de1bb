"""Thirty real files as a person reads them: the table, and the importer's manifest in the table's words.

`files.csv` names the files and why each was chosen. `findings.csv` has a line for each thing found. It was written from the
files before the importer was asked; what differed was then judged with the design in hand: the importer was mended, or the
line corrected, or the difference stayed, with its cause. Facts only: no secret, no text of the files.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inventory.importers.manifest import Credential, CredentialRef, Finding, Manifest, Privilege
from inventory.importers.secrets.slots import looks_secret

HERE = Path(__file__).parent
KINDS = ("privilege", "trigger", "credential", "secret")
SECRETS = ("embedded_secret", "placeholder_secret", "pinned_data")
#: What the other columns of a line say already: open, off, unbound.
_SAID = ("open_webhook", "dormant", "unbound_credential", *SECRETS)
_OPAQUE = re.compile(r"\{opaque \w+\}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PIECE = re.compile(r"[^/ ]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is in a file.

    For a privilege `what` is connector and operation, `level` its access, `reach` where it goes. For a trigger `level` is
    whether just anybody can start it. For a credential it is how the file has it, and `reach` how many use it.
    """

    kind: str
    where: str
    what: str
    level: str
    reach: str = ""
    credential: str = ""
    marks: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `by` is who finds it: both, person or importer; a difference has a `cause`."""

    file: str
    by: str
    entry: Found
    cause: str


def files() -> dict[str, str]:
    """The path of each chosen file, by its short name."""
    return {row["file"]: row["path"] for row in _rows("files.csv")}


def lines() -> list[Line]:
    """The table, in its order."""
    return [
        Line(row.pop("file"), row.pop("by"), cause=row.pop("cause"), entry=Found(**row))
        for row in _rows("findings.csv")
    ]


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_importer(manifest: Manifest) -> Iterator[Found]:
    """Everything that a manifest says, in the words of the table. A finding that no line can carry stands for itself."""
    findings = [each for each in manifest.findings if each.code not in _SAID]
    places = {privilege.at for privilege in manifest.privileges}
    shared = {each.at.removeprefix("credentials/") for each in findings if each.code == "shared_credential"}
    for privilege in manifest.privileges:
        yield _privilege(privilege, [each.code for each in findings if _is_at(each, privilege.at)])
    for trigger in manifest.triggers:
        level = "signed in" if trigger.authenticated else "open"
        marks = "" if trigger.active else "off"
        yield Found("trigger", trigger.at, trigger.type, level, _plain(trigger.detail), marks=marks)
    for credential in manifest.credentials:
        yield _credential(credential, bool({credential.name, credential.external_id} & shared))
    for each in manifest.findings:
        if each.code in SECRETS:
            yield Found("secret", each.at.removeprefix("nodes/"), each.code, each.severity)
        elif each.code not in (*_SAID, "shared_credential") and not any(_is_at(each, at) for at in places):
            yield Found("other", each.at, each.code, each.severity)


def _privilege(privilege: Privilege, codes: list[str]) -> Found:
    what = f"{privilege.resource}:{privilege.operation}" if privilege.resource else privilege.operation
    ref = privilege.credential
    instance = "" if ref and privilege.instance == ref.external_id else privilege.instance
    target = _plain(privilege.target_name or privilege.target)
    is_address = target.startswith("/") and instance != "n8n"
    space = " " if instance and target and not is_address else ""
    marks = {*codes, *(["model"] if privilege.model_controlled else []), *([] if privilege.active else ["off"])}
    return Found(
        "privilege",
        privilege.at,
        f"{privilege.connector} {what}",
        privilege.access,
        instance + space + target,
        _with(ref),
        " ".join(sorted(marks)),
    )


def _with(ref: CredentialRef | None) -> str:
    if ref is None:
        return ""
    return _named(ref.type, ref.name) + ("" if ref.bound else " (unbound)")


def _credential(credential: Credential, is_shared: bool) -> Found:
    kept = credential.where
    if kept == "node":
        kept = "by id" if credential.external_id else "by name"
    what = _named(credential.type, credential.name)
    marks = "shared" if is_shared else ""
    return Found("credential", credential.at[0], what, kept, str(len(credential.at)), marks=marks)


def _named(kind: str, name: str) -> str:
    """A credential of a platform by its type: what people called it is theirs. One in a slot by the slot's name too."""
    return f"{kind} {name}" if kind in ("embedded", "environment_variable", "placeholder", "input") else kind


def _is_at(finding: Finding, at: str) -> bool:
    return finding.at == at or finding.at.startswith(f"{at}/")


def _plain(text: str) -> str:
    """Without texts that no table of ours has: paths that work as secrets, addresses of people, made-up ids."""
    return _PIECE.sub(_as_id, _MAIL.sub("{mail}", _OPAQUE.sub("{opaque}", text)))


def _as_id(match: re.Match[str]) -> str:
    piece = match.group()
    return "{id " + hashlib.sha256(piece.encode()).hexdigest()[:4] + "}" if looks_secret(piece) else piece
