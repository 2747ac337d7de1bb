"""Command lines of Docker and similar programs: the image, and its access to the machine."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from inventory.importers.facts import facts, word_lists

_WORDS, _FACTS = word_lists("mcp"), facts("mcp")
_SWITCHES = _WORDS["switches"]
_SHORT_SWITCHES = frozenset("ditPq")
_LONG = {"-e": "--env", "-v": "--volume"}
_BEFORE_RUN = _WORDS["before_run"]
_SHARED = _FACTS["shared"]
_READ_ONLY = frozenset({"ro", "readonly"})
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
#: A client variable in a path contains a colon: ``${input:folder}``.
_SOURCE = re.compile(r"((?:\$\{[^}]*\}|[^:$]|\$(?!\{))*)(?::(.*))?", re.DOTALL)


@dataclass(slots=True)
class Container:
    """Started image, with arguments, variables and access to the machine."""

    image: str = ""
    entry: str = ""
    rest: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    assigned: list[tuple[str, str]] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)


def container_of(arguments: list[str]) -> Container | None:
    """The container that ``docker run`` starts; None for another command."""
    line = behind_flags(arguments, _BEFORE_RUN)
    line = line[1:] if line[:1] == ["container"] else line
    if line[:1] != ["run"]:
        return None
    container, arguments, at = Container(), line[1:], 0
    while at < len(arguments) and arguments[at].startswith("-"):
        flag, value, is_complete = _flag_of(arguments[at])
        if not is_complete:
            at += 1
            value = arguments[at] if at < len(arguments) else ""
        if flag == "--env":
            name, has_value, content = value.partition("=")
            if has_value:
                container.assigned.append((name, content))
            elif name:
                container.passed.append(name)
        container.entry = value if flag == "--entrypoint" else container.entry
        container.mounts += _reached(flag, value)
        at += 1
    container.image = arguments[at] if at < len(arguments) else ""
    container.rest = arguments[at + 1 :]
    return container


def behind_flags(line: list[str], valued: Collection[str] = ()) -> list[str]:
    """Words of a command line behind its first flags, and behind the values of some of them."""
    at = 0
    while at < len(line) and line[at].startswith("-"):
        at += 2 if line[at] in valued else 1
    return line[at:]


def _flag_of(argument: str) -> tuple[str, str, bool]:
    """(flag, value, whether the value is complete) of ``--flag=value``, ``--flag``, ``-v/a:/b`` and ``-itv``."""
    if argument.startswith("--"):
        flag, equals, value = argument.partition("=")
        return flag, value, bool(equals) or flag in _SWITCHES
    letters = argument[1:].lstrip("".join(_SHORT_SWITCHES))
    flag = f"-{letters[:1]}"
    return _LONG.get(flag, flag), letters[1:].removeprefix("="), len(letters) != 1


def _reached(flag: str, value: str) -> list[str]:
    """Access to the machine that a container's flag gives."""
    if flag == "--privileged":
        return [] if value.lower() == "false" else ["all of the machine (privileged)"]
    if flag in _SHARED and value == "host":
        return [f"{_SHARED[flag]} of the machine"]
    if flag == "--cap-add":
        is_all = value.upper() in ("ALL", "CAP_ALL")
        return ["all of the machine (capability ALL)" if is_all else f"the machine by capability {value}"]
    if flag == "--device":
        return [value.partition(":")[0]]
    if flag == "--volumes-from":
        return [f"volumes of container {value.partition(':')[0]}"]
    if flag == "--volume":
        drive = match.group() if (match := _DRIVE.match(value)) else ""
        source = _SOURCE.fullmatch(value.removeprefix(drive))
        if source is None:
            return [value]
        options = (source.group(2) or "").rpartition(":")[2].split(",")
        return [drive + source.group(1) + (" read-only" if _READ_ONLY & {*options} else "")]
    if flag == "--mount":
        parts = dict(each.partition("=")[::2] for each in value.split(","))
        source_path = parts.get("source") or parts.get("src") or ""
        is_read_only = any(parts.get(name, "no") in ("", "true", "1") for name in _READ_ONLY)
        return [source_path + (" read-only" if is_read_only else "")] if source_path else []
    return []
