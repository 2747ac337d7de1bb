"""How an MCP client starts a server: which component, pinned how, bridging to which address, with which arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from inventory.importers.display import vocabulary

Pin = Literal["exact", "tag", "none", "local"]

_NPX = frozenset({"npx", "bunx", "pnpx"})
_NPX_VALUED = frozenset({"-p", "--package", "--registry", "--prefix", "--cache", "-w", "--workspace"})
_UVX_VALUED = vocabulary(
    "--from --with --python -p --index-url --index --extra-index-url --directory --project --with-editable --env-file"
)
_DOCKER_VALUED = vocabulary(
    """
    -e --env -v --volume --mount -p --publish --name --network --net -w --workdir -u --user --entrypoint --env-file
    --platform -m --memory --cpus --add-host -l --label -h --hostname --pull --gpus --security-opt --cap-add --cap-drop
    --device --dns --tmpfs --ulimit --restart --log-driver
    """
)
_SHELLS = vocabulary("sh bash zsh dash fish cmd powershell pwsh")
_INLINE = frozenset({"-c", "-lc", "/c", "-command", "-encodedcommand", "-e", "--eval", "-p"})
_BRIDGES = frozenset({"mcp-remote", "supergateway", "mcp-proxy", "mcp-bridge"})
_VERSION = re.compile(r"\d+(?:\.\d+){1,3}(?:[-+.][\w.+-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_ASSIGNED = re.compile(r"""\s*([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)(?:\s+|\Z)""")
_SCOPED = re.compile(r"((?:@[^/@]+/)?[^@]+)(?:@(.+))?")


@dataclass(frozen=True, slots=True)
class Launch:
    """What is started. `rest` are the arguments after the component; `passed` are variables handed on from the machine."""

    component: str
    pin: Pin
    rest: tuple[str, ...] = ()
    address: str = ""
    is_inline_code: bool = False
    passed: tuple[str, ...] = ()
    assigned: tuple[tuple[str, str], ...] = ()


def launch_of(command: str, arguments: list[str]) -> Launch:
    """Read a command line without running or resolving anything. What is assigned before the program is no part of it.

    Args:
        command: as configured: a program's name or path, or a whole line, variables before it or not.
        arguments: as configured, scrubbed.
    """
    assigned: list[tuple[str, str]] = []
    at = 0
    while found := _ASSIGNED.match(command, at):
        assigned.append((found.group(1), found.group(2).strip("\"'")))
        at = found.end()
    launch = _launch(command[at:], arguments)
    return replace(launch, assigned=(*assigned, *launch.assigned)) if assigned else launch


def _launch(command: str, arguments: list[str]) -> Launch:
    words = command.split()
    is_line = len(words) > 1 and not (arguments and re.search(r"[/\\]", words[0]))  # a path may hold spaces
    line = [*words, *arguments] if is_line else [command.strip(), *arguments]
    program, rest = _program(line[0] if line else ""), line[1:]
    if program in _SHELLS and len(rest) >= 2 and rest[0].lower() in ("/c", "/k") and _is_launcher(rest[1]):
        program, rest = _program(rest[1]), rest[2:]
    if program == "env":
        while rest and "=" in rest[0]:
            rest = rest[1:]
        program, rest = (_program(rest[0]), rest[1:]) if rest else ("env", [])
    if program in ("npm", "pnpm", "yarn") and rest[:1] in (["exec"], ["x"], ["dlx"]):
        program, rest = "npx", [each for each in rest[1:] if each != "--"]
    if program in ("uv", "pipx") and rest[:2] == ["tool", "run"]:
        program, rest = "uvx", rest[2:]
    elif program == "pipx" and rest[:1] == ["run"]:
        program, rest = "uvx", rest[1:]
    if program in _NPX:
        return _package(rest, _NPX_VALUED, ("-p", "--package"))
    if program == "uvx":
        return _package(rest, _UVX_VALUED, ("--from",))
    if program == "dnx":
        return _package(rest, frozenset(), ())
    if program in ("docker", "podman", "nerdctl"):
        return _container(rest)
    inline = (program in _SHELLS or program.startswith(("python", "node", "deno", "ruby", "perl"))) and any(
        each.lower() in _INLINE for each in rest[:3]
    )
    return Launch(program, "local", tuple(rest), is_inline_code=inline)


def _program(path: str) -> str:
    name = re.split(r"[/\\]", path.strip())[-1]
    return re.sub(r"\.(?:exe|cmd|bat|ps1)$", "", name, flags=re.IGNORECASE)


def _is_launcher(word: str) -> bool:
    return _program(word) in {*_NPX, "uvx", "uv", "docker", "podman", "npm", "pnpm", "yarn", "node", "python"}


def _package(arguments: list[str], valued: frozenset[str], names: tuple[str, ...]) -> Launch:
    named, first, index = "", "", 0
    while index < len(arguments):
        argument = arguments[index]
        if argument.startswith("-"):
            flag, equals, value = argument.partition("=")
            if flag in valued and not equals:
                index += 1
                value = arguments[index] if index < len(arguments) else ""
            if flag in names:
                named = value
        else:
            first = argument
            break
        index += 1
    component, rest = named or first, tuple(arguments[index + 1 :])
    name = re.split(r"[@=\[<>~! ]", component.removeprefix("@"))[0]
    address = next((each for each in rest if re.match(r"https?://", each)), "") if name in _BRIDGES else ""
    return Launch(component, _pin_of(component), rest, address)


def _pin_of(component: str) -> Pin:
    if component.startswith(("git+", "github:", "https://", "http://")):
        return "exact" if _COMMIT.search(component.rpartition("@")[2].rpartition("#")[2]) else "none"
    if "==" in component:
        return "exact" if _VERSION.fullmatch(component.partition("==")[2].split("[")[0]) else "none"
    match = _SCOPED.fullmatch(component)
    return "exact" if match and match.group(2) and _VERSION.fullmatch(match.group(2)) else "none"


def _container(arguments: list[str]) -> Launch:
    passed: list[str] = []
    assigned: list[tuple[str, str]] = []
    index = arguments.index("run") + 1 if "run" in arguments else 0
    while index < len(arguments):
        flag, equals, value = arguments[index].partition("=")
        if not flag.startswith("-"):
            break
        if flag in _DOCKER_VALUED and not equals:
            index += 1
            value = arguments[index] if index < len(arguments) else ""
        if flag in ("-e", "--env"):
            name, has_value, content = value.partition("=")
            if has_value:
                assigned.append((name, content))
            elif name:
                passed.append(name)
        index += 1
    image = arguments[index] if index < len(arguments) else ""
    rest = tuple(arguments[index + 1 :])
    return Launch(image, _image_pin(image), rest, passed=tuple(passed), assigned=tuple(assigned))


def _image_pin(image: str) -> Pin:
    if re.search(r"@sha256:[0-9a-f]{64}$", image):
        return "exact"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "tag" if tag and tag != "latest" else "none"
