"""Command lines of Docker and its like: which image runs, and what it is given of the machine."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from inventory.importers.display import vocabulary

_DOCKER_VALUED = vocabulary(
    """
    -e --env -v --volume --mount -p --publish --name --network --net -w --workdir -u --user --entrypoint --env-file
    --platform -m --memory --cpus --add-host -l --label -h --hostname --pull --gpus --security-opt --cap-add --cap-drop
    --device --dns --tmpfs --ulimit --restart --log-driver
    """
)
_READ_ONLY = frozenset({"ro", "readonly"})
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
#: A variable of the client in a path holds a colon of its own: ``${input:folder}``.
_SOURCE = re.compile(r"((?:\$\{[^}]*\}|[^:$]|\$(?!\{))*)(?::(.*))?", re.DOTALL)


@dataclass(slots=True)
class Container:
    """What runs: an image, with arguments, variables and what it reaches of the machine."""

    image: str = ""
    entry: str = ""
    rest: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    assigned: list[tuple[str, str]] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)


def container_of(arguments: list[str]) -> Container | None:
    """The container that ``docker run`` starts; None for another command."""
    at = arguments.index("run") if "run" in arguments else -1
    if at < 0 or [each for each in arguments[:at] if not each.startswith("-")] not in ([], ["container"]):
        return None
    found, index = Container(), at + 1
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
                found.assigned.append((name, content))
            elif name:
                found.passed.append(name)
        found.entry = value if flag == "--entrypoint" else found.entry
        found.mounts += _reached(flag, value)
        index += 1
    found.image = arguments[index] if index < len(arguments) else ""
    found.rest = arguments[index + 1 :]
    return found


def _reached(flag: str, value: str) -> list[str]:
    """What a flag of a container lets it reach of the machine."""
    if flag == "--privileged":
        return ["all of the machine (privileged)"]
    if flag in ("--network", "--net") and value == "host":
        return ["network of the machine"]
    if flag in ("-v", "--volume"):
        drive = found.group() if (found := _DRIVE.match(value)) else ""
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
