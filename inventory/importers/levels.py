"""From an operation's or tool's name to an access level: the verb decides. Pure tables; no source format is known here."""

from __future__ import annotations

import re

from inventory.importers.display import vocabulary
from inventory.importers.manifest import Access

READ = vocabulary(
    """
    get list clone search read download select count find fetch lookup look view show check exists describe retrieve load
    watch poll monitor browse inspect preview compare diff status info history scan validate verify export lint enrich
    resolve whoami stat peek head tail glob grep is has receive detect recommend measure who ping me
    match explain autocomplete
    """
)
WRITE = vocabulary(
    """
    acknowledge ack activate add alter annotate answer append apply approve archive assign attach book broadcast buy cancel
    change clear close comment complete convert copy create deactivate deploy destroy detach disable dismiss draft drain
    drop duplicate edit empty enable enqueue erase finalize finish follow fork forward hide import incr increment decrement
    index insert install join kill label leave like link lock log make manage mark merge modify move mute notify open order
    patch pause pay pin pop post publish purge push put react refund register reject release remember remove rename
    renew reopen replace reply request rerun reschedule reset respond restart restore resume retry rollback save scale
    schedule sell send set share snooze star start stop store submit subscribe switch sync tag terminate toggle track transfer
    transition truncate unarchive uninstall unassign unfollow unhide unlike unlink unlock unmute unpin unpublish unstar
    unsubscribe untag update upgrade upload upsert void vote write delete
    """
)
EXECUTE = vocabulary(
    """
    execute run invoke call exec eval evaluate launch trigger dispatch generate ask analyze analyse transcribe
    translate summarize summarise embed classify extract click navigate type press fill hover spawn operate compute
    calculate research render speak moderate
    """
)
EXECUTE_NOUNS = vocabulary("query command code sql shell script message chat prompt completion")
"""What an operation is often called without a verb. Any verb beside it decides instead."""
ADMIN = vocabulary(
    """
    grant revoke invite ban unban kick promote demote impersonate escalate bind authorize authorise deauthorize
    provision deprovision
    """
)
ADMIN_THINGS = vocabulary(
    """
    member members membership memberships role roles ban bans permission permissions user users credential credentials
    collaborator collaborators admin admins acl acls
    """
)
SECRET_THINGS = vocabulary("credential credentials secret secrets password passwords")

_VERBS: tuple[tuple[Access, frozenset[str]], ...] = (
    ("admin", ADMIN),
    ("read", READ),
    ("write", WRITE),
    ("execute", EXECUTE),
)
_HIGHEST_FIRST: tuple[Access, ...] = ("admin", "write", "execute")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(name: str) -> list[str]:
    """The words of a camelCase, snake_case or kebab-case name, in lower case."""
    return [word.lower() for word in _WORDS.findall(name)]


def access_of(operation: str, resource: str = "") -> Access:
    """The level of an operation by its verb (import-formats.md).

    A name that joins two verbs (``get_or_create``) has the higher level. A change to members, roles, bans, permissions,
    users or credentials is admin; reading them is reading.

    Args:
        operation: as the source names it: ``sendAndWait``, ``issue_write``, ``list-tools``.
        resource: what it is done to, if the source says: ``userGroup``.

    Returns:
        ``unknown`` where no verb is known; never a guess that reads.
    """
    parts = words(operation)
    level = _verb(parts)
    if level in ("write", "admin") and (ADMIN_THINGS & set(words(resource)) or ADMIN_THINGS & set(parts[1:])):
        return "admin"
    return level


def is_sensitive(operation: str, resource: str = "") -> bool:
    """Whether it opens secrets, whatever its level."""
    return bool(SECRET_THINGS & {*words(operation), *words(resource)})


def _verb(parts: list[str]) -> Access:
    levels = [_level(part) for part in parts]
    if {"or", "and"} & set(parts):
        for joined in _HIGHEST_FIRST:
            if joined in levels:
                return joined
    for level in (*levels[:1], *levels[-1:], *levels):
        if level is not None:
            return level
    return "execute" if EXECUTE_NOUNS & set(parts) else "unknown"


def _level(word: str) -> Access | None:
    for level, verbs in _VERBS:
        if word in verbs:
            return level
    return None
