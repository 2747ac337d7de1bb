"""Command that starts an MCP server: component, pinning, bridged address and arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from inventory.importers.facts import facts, word_lists
from inventory.importers.manifest import Severity
from inventory.importers.mcp.wrappers import (
    ASSIGNED,
    BRIDGES,
    LAUNCHERS,
    behind_flags,
    bridged_line,
    clears_environment,
    container_flags,
    inner_line,
    package_name,
    program_of,
    reached_by,
)

Pin = Literal["exact", "tag", "none", "local"]

_WORDS = word_lists("mcp")
_INTERPRETERS = re.compile(rf"(?:{'|'.join(_WORDS['interpreters'])})[\d.]*")
_DEEPEST = 8
_UNPINNED: dict[Pin, tuple[Severity, str]] = facts("mcp")["unpinned"]
_WORST_FIRST: tuple[Pin, ...] = ("none", "tag", "local", "exact")
_VERSION = re.compile(r"\d+(?:\.\d+){1,3}(?:[-+.][\w.+-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ASSIGNED_BEFORE = re.compile(r"""\s*([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)(?:\s+|\Z)""")
_SCOPED = re.compile(r"((?:@[^/@]+/)?[^@]+)(?:@(.+))?")


@dataclass(frozen=True, slots=True)
class Launch:
    """Started component.

    `rest` are the arguments after the component; `passed` are variables passed from the machine; `mounts` is a
    container's access to the machine; `given` names the client's variables that reach the component, None for all.
    """

    component: str
    pin: Pin
    rest: tuple[str, ...] = ()
    address: str = ""
    is_inline_code: bool = False
    passed: tuple[str, ...] = ()
    assigned: tuple[tuple[str, str], ...] = ()
    mounts: tuple[str, ...] = ()
    given: tuple[str, ...] | None = None

    @property
    def notes(self) -> list[tuple[str, Severity, str]]:
        """Findings about the command: code, severity and detail."""
        inline: Severity = "medium"
        notes = [("opaque_code", inline, "Runs code that stands in the command line")] if self.is_inline_code else []
        return notes + ([("unpinned_component", *_UNPINNED[self.pin])] if self.pin in _UNPINNED else [])

    @property
    def takes_switches(self) -> bool:
        """Whether `rest` and the variables reach the server; they do not through code or a bridge to an address."""
        return not self.is_inline_code and package_name(self.component) not in BRIDGES

    def variables_from(self, variables: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Variables that reach the component: the client's passed variables, and those set on the way."""
        handed_on = [(name, value) for name, value in variables if self.given is None or name in self.given]
        return [*handed_on, *self.assigned]

    def assigning(self, variables: Iterable[tuple[str, str]]) -> Launch:
        """The same launch behind a program that sets variables."""
        return replace(self, assigned=tuple(self.variables_from(variables)))


def launch_of(command: str, arguments: list[str]) -> Launch:
    """Read a command line without running or resolving anything. Assignments before the program are left out.

    Args:
        command: as configured: a program's name or path, or a whole line, with or without variables before it.
        arguments: as configured, scrubbed.
    """
    assigned: list[tuple[str, str]] = []
    at = 0
    while match := _ASSIGNED_BEFORE.match(command, at):
        assigned.append((match.group(1), match.group(2).strip("\"'")))
        at = match.end()
    command = command[at:]
    words = command.split()
    is_line = len(words) > 1 and not (arguments and re.search(r"[/\\]", words[0]))  # a path may hold spaces
    return _launch([*words, *arguments] if is_line else [command.strip(), *arguments], 0).assigning(assigned)


def _launch(line: list[str], depth: int) -> Launch:
    program, rest = program_of(line[0] if line else ""), line[1:]
    inner = inner_line(program, rest) if depth < _DEEPEST else None
    if inner is not None:
        launch = _wrapped(inner, depth)
        return replace(launch, given=()) if clears_environment(program, rest[: len(rest) - len(inner)]) else launch
    if program in ("npm", "pnpm", "yarn") and rest[:1] in (["exec"], ["x"], ["dlx"]):
        program, rest = "npx", [each for each in rest[1:] if each != "--"]
    if program in ("uv", "pipx") and rest[:2] == ["tool", "run"]:
        program, rest = "uvx", rest[2:]
    elif program == "pipx" and rest[:1] == ["run"]:
        program, rest = "uvx", rest[1:]
    if program in _WORDS["npx"]:
        launch = _package(rest, _WORDS["npx_valued"], ("-p", "--package"))
        if package_name(launch.component) in _WORDS["script_runners"] and launch.rest:
            return _script("tsx", [*launch.rest])
        return _bridged(launch, depth)
    if program == "uvx":
        return _bridged(_package(rest, _WORDS["uvx_valued"], ("--from",)), depth)
    if program == "dnx":
        return _package(rest, frozenset(), ())
    if program in ("docker", "podman", "nerdctl"):
        return _contained(program, rest, depth)
    if program == "uv" and "run" in rest:
        return _uv_run(rest, depth)
    return _script(program, rest)


def _wrapped(line: list[str], depth: int) -> Launch:
    """Command that a wrapper starts, with the variables that it passes."""
    assigned = []
    at = 0
    while at < len(line) and (match := ASSIGNED.fullmatch(line[at])):
        assigned.append((match.group(1), match.group(2)))
        at += 1
    at += line[at : at + 1] == ["exec"]
    return _launch(line[at:], depth + 1).assigning(assigned)


def _bridged(launch: Launch, depth: int) -> Launch:
    """Server behind a package that only starts it."""
    line = bridged_line(launch.component, list(launch.rest)) if depth < _DEEPEST else None
    return _behind(launch, line, depth) if line else launch


def _contained(program: str, arguments: list[str], depth: int) -> Launch:
    """Component in a container: its image, or the package that its command starts."""
    line = behind_flags(arguments, _WORDS["before_run"])
    line = line[1:] if line[:1] == ["container"] else line
    if line[:1] != ["run"]:
        named = [each for each in arguments if not each.startswith("-")]
        kept = named[:2] if named[:1] == ["exec"] else named[:3]
        return Launch(" ".join([program, *kept]), "local", tuple(arguments), given=())
    flags, words = container_flags(line[1:])
    image, rest = (words or [""])[0], words[1:]
    variables = [value.partition("=") for flag, value in flags if flag == "--env" and value]
    passed = tuple(name for name, equals, _ in variables if not equals)
    launch = Launch(
        image,
        _image_pin(image),
        tuple(rest),
        passed=passed,
        assigned=tuple((name, value) for name, equals, value in variables if equals),
        mounts=tuple(reach for flag, value in flags for reach in reached_by(flag, value)),
        given=passed,
    )
    entry = [value for flag, value in flags if flag == "--entrypoint"][-1:]
    line = [*filter(None, entry), *rest]
    is_launcher = bool(line) and program_of(line[0]) in LAUNCHERS and depth < _DEEPEST
    return _behind(launch, line, depth) if is_launcher else launch


def _behind(outer: Launch, line: list[str], depth: int) -> Launch:
    """Server that `outer` starts, pinned at most as well as `outer`."""
    inner = _launch(line, depth + 1)
    return replace(
        inner,
        pin=next(each for each in _WORST_FIRST if each in (outer.pin, inner.pin)),
        passed=(*outer.passed, *inner.passed),
        assigned=(*outer.assigned, *inner.assigned),
        mounts=outer.mounts,
        given=outer.given,
    )


def _uv_run(rest: list[str], depth: int) -> Launch:
    """``uv run``: a script, a module or a command of the project in a folder."""
    flags, line = rest[rest.index("run") + 1 :], behind_flags(rest[rest.index("run") + 1 :], _WORDS["uvx_valued"])
    if "-m" in flags[: len(flags) - len(line)]:
        line = flags[flags.index("-m") :]
    folder = _value_of(rest[: len(rest) - len(line)], ("--directory", "--project"))
    line = line[2:] if line[:2] == ["mcp", "run"] else line
    is_script = line[:1] == ["-m"] or line[0].endswith(".py") if line else False
    if not line or depth >= _DEEPEST:
        return Launch("uv", "local", tuple(rest))
    launch = _script("python", line) if is_script else _launch(line, depth + 1)
    is_relative = launch.component.endswith(".py") and not launch.component.startswith(("/", "~", "$"))
    return replace(launch, component=f"{folder.rstrip('/')}/{launch.component}") if folder and is_relative else launch


def _script(program: str, rest: list[str]) -> Launch:
    """A program of the machine, or the script that it runs."""
    at = 0 if _INTERPRETERS.fullmatch(program) else len(rest)
    while at < len(rest):
        flag, equals, value = rest[at].partition("=")
        if flag.lower() in _WORDS["inline"]:
            return Launch(program, "local", tuple(rest), is_inline_code=True)
        if flag in _WORDS["names_script"] and (equals or at + 1 < len(rest)):
            return Launch(value or rest[at + 1], "local", tuple(rest[at + (1 if equals else 2) :]))
        if not flag.startswith("-") and flag not in _WORDS["subcommands"]:
            package = rest[at].removeprefix("npm:").removeprefix("jsr:")
            pin: Pin = "local" if package == rest[at] else _pin_of(package)
            return Launch(package, pin, tuple(rest[at + 1 :]))
        at += 2 if flag in _WORDS["script_valued"] and not equals else 1
    return Launch(program, "local", tuple(rest))


def _package(arguments: list[str], valued: frozenset[str], names: tuple[str, ...]) -> Launch:
    behind = behind_flags(arguments, valued)
    named = _value_of(arguments[: len(arguments) - len(behind)], names)
    component, rest = named or next(iter(behind), ""), tuple(behind[1:])
    is_bridge = package_name(component) in BRIDGES
    address = next((each for each in rest if re.match(r"https?://", each)), "") if is_bridge else ""
    return Launch(component, _pin_of(component), rest, address)


def _value_of(flags: list[str], names: tuple[str, ...]) -> str:
    """Last value of a flag of these names: ``--name value`` or ``--name=value``; empty without one."""
    values = [""]
    for flag, behind in zip(flags, [*flags[1:], ""], strict=False):
        name, equals, value = flag.partition("=")
        values += [value if equals else behind] if name in names else []
    return values[-1]


def _pin_of(component: str) -> Pin:
    if component.startswith(("git+", "github:", "https://", "http://")):
        return "exact" if _COMMIT.search(component.rpartition("@")[2].rpartition("#")[2]) else "none"
    if "==" in component:
        return "exact" if _VERSION.fullmatch(component.partition("==")[2].split("[")[0]) else "none"
    match = _SCOPED.fullmatch(component)
    return "exact" if match and match.group(2) and _VERSION.fullmatch(match.group(2)) else "none"


def _image_pin(image: str) -> Pin:
    if re.search(r"@sha256:[0-9a-f]{64}$", image):
        return "exact"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "tag" if tag and tag != "latest" else "none"
