"""Programs that only start another program: shells, ``env``, ``sudo``, secret managers, bridges. The started program
counts.
"""

from __future__ import annotations

import re
import shlex

from inventory.importers.facts import facts, word_lists
from inventory.importers.mcp.container import behind_flags

_WORDS, _FACTS = word_lists("mcp"), facts("mcp")
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
