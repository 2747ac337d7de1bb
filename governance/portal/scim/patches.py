"""PATCH requests as Entra ID and Okta send them, made into those of RFC 7644, 3.5.2.

Both address a value that is not there yet, name the parts of a value as keys, remove members by a value, or send the id again.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

#: ``emails[type eq "work"].value``: one part of the value of a type.
OF_A_TYPE = re.compile(r'(\w+)\[type eq "([^"\]]{1,40})"\]\.(\w+)', re.IGNORECASE)
#: Read-only attributes that directories send along.
SENT_ALONG = frozenset({"id", "meta", "schemas"})

Operation = dict[str, Any]


def mended(document: Any, current: Mapping[str, Any]) -> Any:
    """Return a request with operations of the RFC. A document of another shape is returned as it is, for the library to refuse.

    Args:
        document: the JSON of the request.
        current: the stored document of the resource.
    """
    operations = document.get("Operations") if isinstance(document, dict) else None
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        return document
    state = {**current, "members": list(current.get("members") or [])}
    return {**document, "Operations": [step for operation in operations for step in _steps(operation, state)]}


def _steps(operation: Operation, current: Mapping[str, Any]) -> Iterator[Operation]:
    verb, path, value = str(operation.get("op", "")).lower(), operation.get("path"), operation.get("value")
    if path == "members" and isinstance(value, list):
        yield _members(verb, operation, value, current)
    elif verb in ("add", "replace") and path is None and isinstance(value, dict):
        yield from _by_key(operation, value, current)
    elif verb in ("add", "replace") and isinstance(path, str):
        yield _with_target(operation, path, value, current)
    else:
        yield operation


def _by_key(operation: Operation, value: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[Operation]:
    """Split off the keys that are paths, and leave out what is read-only."""
    rest = {name: part for name, part in value.items() if name not in SENT_ALONG and not OF_A_TYPE.fullmatch(name)}
    if rest or not value:
        yield {**operation, "value": rest}
    for name, part in value.items():
        if OF_A_TYPE.fullmatch(name):
            yield _with_target(operation, name, part, current)


def _with_target(operation: Operation, path: str, value: Any, current: Mapping[str, Any]) -> Operation:
    """Add a value of a type where none is there yet. A manager is named by its value."""
    if path.rpartition(":")[2].lower() == "manager" and isinstance(value, str):
        return {**operation, "path": path, "value": {"value": value}}
    match = OF_A_TYPE.fullmatch(path)
    if match is None:
        return {**operation, "path": path, "value": value}
    attribute, kind, part = match.groups()
    values = current.get(attribute)
    types = [entry.get("type") for entry in values if isinstance(entry, dict)] if isinstance(values, list) else []
    if any(str(label).lower() == kind.lower() for label in types):
        return {**operation, "path": path, "value": value}
    return {"op": "add", "path": attribute, "value": [{"type": kind, part: value}]}


def _members(verb: str, operation: Operation, value: list[Any], state: Mapping[str, Any]) -> Operation:
    """Keep track of the members within a request. A removal by value becomes a list of the remaining members."""
    members: list[Any] = state["members"]
    if verb == "remove":
        removed = {str(member.get("value")) for member in value if isinstance(member, dict)}
        members[:] = [member for member in members if str(member.get("value")) not in removed]
        if not members:
            return {"op": "remove", "path": "members"}
        return {"op": "replace", "path": "members", "value": list(members)}
    members[:] = [*(members if verb == "add" else ()), *(member for member in value if isinstance(member, dict))]
    return operation
