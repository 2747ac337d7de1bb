"""Access level of an operation or tool, from the verbs in its name. Pure tables, independent of source formats."""

from __future__ import annotations

import re
from collections.abc import Iterable

from inventory.importers.display import vocabulary
from inventory.importers.identity_systems import is_about_access
from inventory.importers.manifest import Access

READ = vocabulary(
    """
    get list clone search read download select count find fetch lookup look view show check exists describe retrieve load
    watch poll monitor browse inspect preview compare diff scan validate verify export lint enrich
    whoami peek grep is has receive detect recommend measure ping
    match explain autocomplete
    """
)
READ_NOUNS = vocabulary(
    "status info history stat stats statistics metrics logs details metadata schema tree replies price prices head tail glob who me"
)
"""Nouns of reading. Any verb in the name decides instead."""
WRITE = vocabulary(
    """
    acknowledge ack activate add alter annotate answer append apply approve archive assign attach block book broadcast buy cancel
    change charge checkin checkout clear close comment commit complete configure confirm convert copy create deactivate del
    deploy deposit destroy detach disable dismiss draft drain
    drop duplicate edit empty enable enqueue erase finalize finish fix flush follow fork forward hide import incr increment
    decrement index ingest insert install join kill label leave like link lock log make manage mark merge migrate modify move
    mute notify open order overwrite
    patch pause pay pin place pop post prune publish purge push put react rebase refund register reject release remember remove
    rename renew reopen replace reply request rerun reschedule reset resolve respond restart restore resume retry retweet revert
    rewrite rm rollback rotate save scale
    schedule sell send set setup share sign snooze star start stop store submit subscribe swap switch sync tag terminate toggle track
    transfer transition truncate tweet unarchive uninstall unassign unfollow unhide unlike unlink unlock unmute unpin unpublish
    unstar unsubscribe untag update upgrade upload upsert void vote wipe withdraw write delete
    """
)
EXECUTE = vocabulary(
    """
    execute run invoke call exec eval evaluate launch trigger dispatch generate ask analyze analyse transcribe
    translate summarize summarise embed classify extract click navigate type press fill hover spawn operate compute
    calculate research render speak moderate predict
    """
)
EXECUTE_NOUNS = vocabulary("query command code sql shell script message chat prompt completion")
"""What an operation is often called without a verb. Any verb beside it decides instead."""
THINGS = vocabulary(
    "answer block book comment commit draft fork index label like link log order patch post refund release reply request star tag vote"
)
"""Verbs that are as often nouns. After a reading verb they are its object; before a final one, its subject: ``order_get``."""
OBJECTS = THINGS | vocabulary(
    """
    archive ban broadcast call change charge checkout click compute copy deploy deposit dispatch duplicate edit fill grant import invite
    launch leave lock merge move open pay pin place press push react research resume run scale schedule setup share sign start stop store
    switch sync track transfer transition trigger tweet type update upgrade upload
    """
)
"""Verbs that after a reading verb are its object: ``check_update``."""
HANDLES_FILES = vocabulary("clone compare diff download export lint load scan validate verify")
"""Reading verbs that another verb often follows: ``export_import``. Only `THINGS` are their objects."""
INTO = frozenset({"into"})
"""After a reading verb, what it reads goes somewhere: ``select_into``."""
LOADED_CODE = vocabulary("extension extensions plugin plugins module modules addon addons")
"""What runs as soon as it is loaded."""
OUTCOMES = vocabulary("preview history status")
"""Nouns that a verb before them only describes: ``get_delete_status``."""
NAMES_BEFORE_VERB = vocabulary("list view")
"""Reading verbs that are nouns before a changing verb: ``list_update``."""
CHANGES_NAMED_THING = vocabulary("archive change copy import merge move share sync transfer update")
FINAL = vocabulary("get fetch retrieve describe read find search list")
"""Reading verbs that end a name whose first word is a noun."""
JOINS = vocabulary("and or then")
LOOKED_UP = vocabulary(
    "id ids name names url urls uri dns host hostname domain ip address path library symbol handle redirect reference"
)
"""What is resolved by looking it up; to resolve anything else closes it."""
ADMIN = vocabulary(
    """
    grant revoke invite ban unban kick promote demote impersonate escalate bind authorize authorise deauthorize
    provision deprovision assume sudo
    """
)
ADMIN_THINGS = vocabulary(
    """
    member members membership memberships role roles ban bans permission permissions user users credential credentials
    collaborator collaborators admin admins acl acls
    """
)
FOR_GOOD = vocabulary(
    """
    apply approve authorize authorise ban broadcast buy cancel charge click deduct del delete deploy destroy
    dismiss dispatch drain drop email empty eval evaluate exec execute expire finalize finish flush forward import install invite
    invoke join kick kill launch leave mail merge message navigate notify operate order pay payment payout pop post press promote
    publish purge push refund register reject release remove replace reply rerun reset respond restart retire revoke
    rollback rotate run scale sell send share sms spawn submit terminate trade transfer transition trigger truncate tweet
    uninstall vote void wipe withdraw wire
    """
)
"""Words of operations that nobody can reverse, or that do not say what they do. The object of an operation counts as well."""
TAKEN_BACK = vocabulary(
    """
    acknowledge ack activate add alter analyse analyze annotate append archive ask assign attach book calculate change classify
    clone close comment complete compute copy create deactivate detach disable draft duplicate edit embed enable enqueue extract favorite
    fill follow fork generate hide hover increment decrement incr decr index insert label like link load lock log make mark
    moderate modify move mute new open patch pause pin put react record remember rename render rerank reopen reschedule research
    restore resume save schedule search set snooze speak star store subscribe summarise summarize switch sync tag toggle
    track transcribe translate unarchive unassign unfollow unhide unlike unlink unlock unmute unpin unpublish unstar
    unsubscribe untag update upload upsert write
    """
)
"""Words of operations that another operation reverses, or that leave nothing behind."""
SECRET_THINGS = vocabulary("credential credentials secret secrets password passwords")

_VERBS: tuple[tuple[Access, frozenset[str]], ...] = (
    ("admin", ADMIN),
    ("read", READ),
    ("write", WRITE),
    ("execute", EXECUTE),
)
_LEAVES_NOTHING = frozenset({"code:run", "model:call"})
"""Entitlements to work with data and give it back. Code that does more is opaque, which is another fact."""
_BEHIND = vocabulary("add append create edit insert save update upsert write")
"""Those of `TAKEN_BACK` that also count behind what they are done to: ``issue_write``."""
_HIGHEST_FIRST: tuple[Access, ...] = ("admin", "write", "execute", "read")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(name: str) -> list[str]:
    """The words of a camelCase, snake_case or kebab-case name, in lower case."""
    return [word.lower() for word in _WORDS.findall(name)]


def access_of(operation: str, resource: str = "", service: str = "") -> Access:
    """The level of an operation by its verbs (import-formats.md): the strongest counts, objects are ignored.

    A change to members, roles, bans, permissions, users or credentials is admin; reading them is reading. In an
    identity
    system, every change is admin.

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
        if things & ADMIN_THINGS or is_about_access(things, words(service)):
            return "admin"
    return level


def is_sensitive(operation: str, resource: str = "") -> bool:
    """Whether it shows secrets, at any level."""
    return bool(SECRET_THINGS & {*words(operation), *words(resource)})


def is_irreversible(code: str) -> bool:
    """Whether an entitlement's effect can't be undone (T1). An unknown word counts as irreversible.

    Args:
        code: code of the entitlement: ``resource:operation``, a tool's name, or a person's own words.
    """
    if code in _LEAVES_NOTHING:
        return False
    verbs = words(code.rpartition(":")[2]) or [""]
    is_known = verbs[0] in TAKEN_BACK or verbs[-1] in _BEHIND
    return not is_known or not FOR_GOOD.isdisjoint(words(code))


def _phrases(parts: list[str]) -> list[list[str]]:
    """Name split at joining words: each part has its own verbs (``get_or_create``)."""
    phrases: list[list[str]] = [[]]
    for part in parts:
        if part in JOINS:
            phrases.append([])
        else:
            phrases[-1].append(part)
    return phrases


def _level_of_phrase(parts: list[str]) -> Access:
    verbs = [(index, part) for index, part in enumerate(parts) if _level(part, parts) is not None]
    if not verbs:
        nouns = {*parts}
        return "read" if READ_NOUNS & nouns else "execute" if EXECUTE_NOUNS & nouns else "unknown"
    if parts[-1] in FINAL:
        verbs = [verb for verb in verbs if verb[1] not in THINGS] or verbs
    (at, first), rest = verbs[0], verbs[1:]
    if first in READ and not INTO.isdisjoint(parts) and first != "look":
        return "write"
    if first == "check" and parts[at + 1 : at + 2] in (["in"], ["out"]):
        return "write"
    if first in READ | EXECUTE and not (first in NAMES_BEFORE_VERB and parts[-1] in CHANGES_NAMED_THING):
        objects = THINGS if first in HANDLES_FILES else OBJECTS
        rest = [verb for verb in rest if verb[1] not in objects and OUTCOMES.isdisjoint(parts[verb[0] + 1 :])]
    return _strongest(_level(verb, parts) for verb in (first, *(verb for _, verb in rest)))


def _strongest(levels: Iterable[Access | None]) -> Access:
    level_set = set(levels)
    return next((level for level in _HIGHEST_FIRST if level in level_set), "unknown")


def _level(word: str, parts: list[str]) -> Access | None:
    if word == "resolve" and LOOKED_UP & {*parts}:
        return "read"
    if word == "load" and not LOADED_CODE.isdisjoint(parts):
        return "execute"
    return next((level for level, verbs in _VERBS if word in verbs), None)
