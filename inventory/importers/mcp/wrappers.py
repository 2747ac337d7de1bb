"""Programs that only start another program: shells, ``env``, ``sudo``, secret managers, bridges, containers.

The started program counts, with a container's access to the machine.
"""

import re
import shlex
from collections.abc import Collection

from inventory.importers.facts import facts, word_lists

_WORDS, _FACTS = word_lists("mcp"), facts("mcp")
_LONG = {"-e": "--env", "-v": "--volume"}
_SHARED = _FACTS["shared"]
_READ_ONLY = frozenset({"ro", "readonly"})
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
#: A client variable in a path contains a colon: ``${input:folder}``.
_SOURCE = re.compile(r"((?:\$\{[^}]*\}|[^:$]|\$(?!\{))*)(?::(.*))?", re.DOTALL)
LAUNCHERS = _WORDS["launchers"]
_BEFORE = {program: frozenset(flags.split()) for program, flags in _FACTS["before"].items()}
BRIDGES = _WORDS["bridges"]
_LONGEST_LINE = 10_000
_MORE_THAN_ONE = re.compile(r"[|&<>`\n]|\$\(")
#: Redirection of a program's messages to nowhere, or to its output.
_REPORTS_ELSEWHERE = re.compile(r"\s2>\s*(?:/dev/null|&1)(?=\s|$)")
_PREPARES = re.compile(r"\s*(?:cd|export|source|\.|set)\s")
ASSIGNED = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


def inner_line(program: str, rest: list[str]) -> list[str] | None:
    """Command line that a program only starts, or None for a program with effects of its own."""
    if program in _WORDS["shells"]:
        return _in_shell(program, rest)
    if program in _WORDS["behind_dashes"] and "--" in rest:
        return rest[rest.index("--") + 1 :] or None
    if program in _BEFORE:
        line = behind_flags(rest, _BEFORE[program])
        return (line[1:] if program == "timeout" else line) or None
    if program in _WORDS["run"] and rest[:1] == ["run"]:
        return behind_flags(rest[1:]) or None
    return None


def clears_environment(program: str, before: list[str]) -> bool:
    """Whether a wrapper withholds the client's variables from the started program.

    Args:
        program: the wrapper.
        before: its arguments before the started program.
    """
    if program == "env":
        return any(each.startswith("-") and each not in ("-S", "--") for each in before)
    return program in ("doas", "wsl") or (program == "sudo" and not {"-E", "--preserve-env"} & {*before})


def bridged_line(component: str, rest: list[str]) -> list[str] | None:
    """Command line of the server that a bridging package starts, or None: it may call one by its address."""
    name = package_name(component)
    if name in _WORDS["runners_by_name"] and "run" in rest:
        named = [each for each in rest[rest.index("run") + 1 :] if not each.startswith("-")]
        return ["npx", named[0]] if named else None
    if name not in BRIDGES:
        return None
    if "--stdio" in rest and rest[-1] != "--stdio":
        return one_program(rest[rest.index("--stdio") + 1], is_posix=True)
    if "--" in rest:
        return rest[rest.index("--") + 1 :] or None
    at = next((index for index, each in enumerate(rest) if program_of(each) in LAUNCHERS), None)
    return None if at is None else rest[at:]


def one_program(text: str, *, is_posix: bool) -> list[str] | None:
    """Words of a shell's line that starts one program and otherwise only prepares it; otherwise None."""
    if len(text) > _LONGEST_LINE:
        return None
    *before, line = re.split(r"&&|;", _REPORTS_ELSEWHERE.sub(" ", text))
    if any(_MORE_THAN_ONE.search(each) for each in (*before, line)) or not all(map(_PREPARES.match, before)):
        return None
    try:
        words = shlex.split(line, posix=is_posix)
    except ValueError:
        return None
    return [word.strip("\"'") for word in words] or None


def program_of(path: str) -> str:
    """Program name without its folder and without the ending of Windows."""
    name = re.split(r"[/\\]", path.strip())[-1]
    return re.sub(r"\.(?:exe|cmd|bat|ps1)$", "", name, flags=re.IGNORECASE)


def package_name(component: str) -> str:
    """Package name without its version."""
    scope = "@" if component.startswith("@") else ""
    return scope + re.split(r"[@=\[<>~! ]", component.removeprefix("@"))[0]


def _in_shell(program: str, rest: list[str]) -> list[str] | None:
    at = next((index for index, each in enumerate(rest[:4]) if each.lower() in _WORDS["line_flags"]), None)
    if at is None or at + 1 >= len(rest):
        return None
    is_windows = program in ("cmd", "powershell", "pwsh")
    words = rest[at + 1 :]
    if is_windows and len(words) > 1:
        return None if _MORE_THAN_ONE.search(" ".join(words)) else words
    return one_program(words[0], is_posix=not is_windows)


def container_flags(line: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Flags of ``docker run`` with their values, and the words behind them: the image and its arguments."""
    flags: list[tuple[str, str]] = []
    at = 0
    while at < len(line) and line[at].startswith("-"):
        flag, value, is_complete = _flag_of(line[at])
        if not is_complete:
            at += 1
            value = line[at] if at < len(line) else ""
        flags.append((flag, value))
        at += 1
    return flags, line[at:]


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
        return flag, value, bool(equals) or flag in _WORDS["switches"]
    letters = argument[1:].lstrip("ditPq")
    flag = f"-{letters[:1]}"
    return _LONG.get(flag, flag), letters[1:].removeprefix("="), len(letters) != 1


def reached_by(flag: str, value: str) -> list[str]:
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
