"""Words in the name of an operation: its level (I4), whether it shows secrets, whether it can be undone (T1). Pure tables.

An identity system manages access, so each change in it is admin.
"""

import re
from collections.abc import Iterable, Sequence

from inventory.importers.facts import facts, word_lists
from inventory.risk.levels import Access

_WORDS, _FACTS = word_lists("operation_words"), facts("operation_words")
READ, READ_NOUNS, WRITE = _WORDS["read"], _WORDS["read_nouns"], _WORDS["write"]
EXECUTE, EXECUTE_NOUNS = _WORDS["execute"], _WORDS["execute_nouns"]
ADMIN = _WORDS["admin"]
THINGS = _WORDS["things"]
#: Verbs that after a reading verb are its object: ``check_update``.
OBJECTS = THINGS | _WORDS["more_objects"]
#: Levels in the order in which their verbs are looked up.
_LEVELS: tuple[Access, ...] = ("admin", "read", "write", "execute")
#: Entitlements to work with data and give it back. Code that does more is opaque, which is another fact.
_LEAVES_NOTHING = frozenset({"code:run", "model:call"})
_HIGHEST_FIRST: tuple[Access, ...] = ("admin", "write", "execute", "read")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_IDENTITY_HOSTS = re.compile("|".join(_FACTS["identity_hosts"]))
_KEYCLOAK = re.compile(r"/admin/realms/[^/]+/")
_GRAPH = "graph.microsoft.com"


def words(name: str) -> list[str]:
    """The words of a camelCase, snake_case or kebab-case name, in lower case."""
    return [word.lower() for word in _WORD.findall(name)]


def access_of(operation: str, resource: str = "", service: str = "") -> Access:
    """The level of an operation by its verbs (import-formats.md): the strongest counts, objects are ignored.

    A change to members, roles, bans, permissions, users or credentials is admin; reading them is reading. In an
    identity system, every change is admin.

    Args:
        operation: as the source names it: ``sendAndWait``, ``issue_write``, ``list-tools``.
        resource: its object, if the source names one: ``userGroup``.
        service: its service, if known: ``microsoftEntra``, ``okta-mcp-server``.

    Returns:
        ``unknown`` without a known verb, never a guessed read.
    """
    parts = words(operation)
    level = _strongest(_level_of_phrase(phrase) for phrase in _phrases(parts))
    if level in ("write", "admin"):
        things = {*parts, *words(resource)}
        if things & _WORDS["admin_things"] or is_about_access(things, words(service)):
            return "admin"
    return level


def is_sensitive(operation: str, resource: str = "") -> bool:
    """Whether it shows secrets, at any level."""
    return bool(_WORDS["secret_things"] & {*words(operation), *words(resource)})


def is_irreversible(code: str) -> bool:
    """Whether an entitlement's effect can't be undone (T1). An unknown word counts as irreversible.

    Args:
        code: code of the entitlement: ``resource:operation``, a tool's name, or a person's own words.
    """
    if code in _LEAVES_NOTHING:
        return False
    verbs = words(code.rpartition(":")[2]) or [""]
    is_known = verbs[0] in _WORDS["taken_back"] or verbs[-1] in _WORDS["behind"]
    return not is_known or not _WORDS["for_good"].isdisjoint(words(code))


def _phrases(parts: list[str]) -> list[list[str]]:
    """Name split at joining words: each part has its own verbs (``get_or_create``)."""
    phrases: list[list[str]] = [[]]
    for part in parts:
        if part in _WORDS["joins"]:
            phrases.append([])
        else:
            phrases[-1].append(part)
    return phrases


def _level_of_phrase(parts: list[str]) -> Access:
    verbs = [(index, part) for index, part in enumerate(parts) if _level(part, parts) is not None]
    if not verbs:
        nouns = {*parts}
        return "read" if READ_NOUNS & nouns else "execute" if EXECUTE_NOUNS & nouns else "unknown"
    if parts[-1] in _WORDS["final"]:
        verbs = [verb for verb in verbs if verb[1] not in THINGS] or verbs
    (at, first), rest = verbs[0], verbs[1:]
    if first in READ and "into" in parts and first != "look":
        return "write"
    if first == "check" and parts[at + 1 : at + 2] in (["in"], ["out"]):
        return "write"
    if first in READ | EXECUTE and not (
        first in _WORDS["names_before_verb"] and parts[-1] in _WORDS["changes_named_thing"]
    ):
        objects = THINGS if first in _WORDS["handles_files"] else OBJECTS
        rest = [verb for verb in rest if verb[1] not in objects and _WORDS["outcomes"].isdisjoint(parts[verb[0] + 1 :])]
    return _strongest(_level(verb, parts) for verb in (first, *(verb for _, verb in rest)))


def _strongest(levels: Iterable[Access | None]) -> Access:
    level_set = set(levels)
    return next((level for level in _HIGHEST_FIRST if level in level_set), "unknown")


def _level(word: str, parts: list[str]) -> Access | None:
    if word == "resolve" and _WORDS["looked_up"] & {*parts}:
        return "read"
    if word == "load" and not _WORDS["loaded_code"].isdisjoint(parts):
        return "execute"
    return next((level for level in _LEVELS if word in _WORDS[level]), None)


def _naming(names: Sequence[str]) -> re.Pattern[str]:
    """Pattern that finds one of some names among words: as separate words or as one."""
    return re.compile(rf"\b(?:{'|'.join([*names, *(name.replace(' ', '') for name in names)])})\b")


_SYSTEM, _SUITE = _naming(_FACTS["identity_systems"]), _naming(_FACTS["suites"])


def is_about_access(things: set[str], service: list[str]) -> bool:
    """Whether a change to `things` in a service of these words changes access."""
    name = " ".join(service)
    is_suite = _SUITE.search(name) is not None
    return _SYSTEM.search(name) is not None or (is_suite and not _WORDS["access_things"].isdisjoint(things))


def changes_access(host: str, path: str, connector: list[str]) -> bool:
    """Whether a write request to this address changes access.

    Microsoft Graph also serves mail and files, so its path decides.

    Args:
        host: of the address.
        path: of the address.
        connector: words of its name.
    """
    if host == _GRAPH:
        segments = set(path.lower().split("/"))
        return bool(_WORDS["graph_access"] & segments) and not _WORDS["graph_content"] & segments
    return (
        is_about_access(set(), connector)
        or _IDENTITY_HOSTS.fullmatch(host) is not None
        or _KEYCLOAK.search(path) is not None
    )
