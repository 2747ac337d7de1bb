"""Ways to tamper with an exported ledger, chosen by a seeded generator: each gives other lines than it was given."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from governance.core.ledger.verifier import canonical_json, event_digest, leaf_hash, merkle_root, seal_hash

Line = dict[str, Any]
Tampering = Callable[[list[Line], Random], list[Line]]


def _pick(lines: list[Line], chance: Random, kind: str) -> int:
    return chance.choice([place for place, line in enumerate(lines) if line["type"] == kind])


def _other(value: Any, chance: Random) -> Any:
    """A value of the same sort that differs."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + chance.choice([-1, 1, 1000])
    if isinstance(value, str):
        if not value:
            return "x"
        place = chance.randrange(len(value))
        new = chance.choice([c for c in "0123456789abcdef" if c != value[place]])
        return chance.choice([value[:place] + new + value[place + 1 :], value + "0", value[:-1] or "y"])
    if isinstance(value, list):
        return [*value, "controls.person:1"] if chance.random() < 0.5 or not value else value[1:]
    if isinstance(value, dict):
        return {**value, "more": 1} if chance.random() < 0.5 or not value else dict(list(value.items())[1:])
    return "x"


def _mend(lines: list[Line], key: Ed25519PrivateKey | None = None, *, named: bool = False) -> None:
    """Make digests, roots, counts and links fit again, in place: everything that takes no key of ours.

    Args:
        lines: an export.
        key: somebody else's key, which then signs everything.
        named: whether the lines also name that key.
    """
    batch: list[Line] = []
    previous, root, events, seals = "0" * 64, "", 0, 0
    for line in lines:
        if line["type"] == "event":
            line["digest"] = event_digest(line)
            batch.append(line)
            continue
        if line["type"] == "seal":
            root = merkle_root([leaf_hash(event["number"], event["digest"]) for event in batch]).hex()
            events, seals = events + len(batch), seals + 1
            line |= {"number": seals, "count": len(batch), "root": root, "previous": previous}
            if batch:
                line |= {"first": batch[0]["number"], "last": batch[-1]["number"]}
            batch = []
        else:
            line |= {"events": events, "seals": seals, "root": root, "seal": previous}
        if key is not None and named:
            line["key_id"] = key.public_key().public_bytes_raw().hex()
        body = {name: value for name, value in line.items() if name not in ("type", "signature")}
        if key is not None:
            line["signature"] = key.sign(canonical_json(body)).hex()
        previous = seal_hash(body) if line["type"] == "seal" else previous


def alter_field(lines: list[Line], chance: Random) -> list[Line]:
    """One value of one line becomes another; every field of every kind of line may be hit."""
    line = lines[chance.randrange(len(lines))]
    name = chance.choice([name for name in line if name != "type"])
    line[name] = _other(line[name], chance)
    return lines


def alter_and_mend(lines: list[Line], chance: Random) -> list[Line]:
    """A fact of an event changes, and every digest, root and link is made to fit; only signatures can't be."""
    event = lines[_pick(lines, chance, "event")]
    name = chance.choice(["verb", "actor_id", "at", "payload", "subject_id", "code", "about"])
    event[name] = _other(event[name], chance)
    _mend(lines)
    return lines


def write_beside(lines: list[Line], chance: Random) -> list[Line]:
    """A field that no digest covers is added to a line."""
    lines[chance.randrange(len(lines))][chance.choice(["note", "approved_by", "reason_text"])] = "by Ines"
    return lines


def retype_number(lines: list[Line], chance: Random) -> list[Line]:
    """A number becomes the text that looks like it."""
    line = lines[_pick(lines, chance, chance.choice(["event", "seal"]))]
    line["number"] = str(line["number"])
    return lines


def drop_event(lines: list[Line], chance: Random) -> list[Line]:
    """One event is left out."""
    del lines[_pick(lines, chance, "event")]
    return lines


def drop_seal(lines: list[Line], chance: Random) -> list[Line]:
    """One seal is left out."""
    del lines[_pick(lines, chance, "seal")]
    return lines


def drop_batch(lines: list[Line], chance: Random) -> list[Line]:
    """A whole batch with its seal is left out, and the chain mended."""
    end = _pick(lines, chance, "seal")
    begin = end
    while begin > 0 and lines[begin - 1]["type"] == "event":
        begin -= 1
    del lines[begin : end + 1]
    if chance.random() < 0.5:
        _mend(lines)
    return lines


def drop_checkpoint(lines: list[Line], chance: Random) -> list[Line]:
    """The end says no longer where it is."""
    return lines[:-1]


def insert_event(lines: list[Line], chance: Random) -> list[Line]:
    """An event that never happened, well formed, somewhere; the seals are mended as far as they can be."""
    made = copy.deepcopy(lines[_pick(lines, chance, "event")])
    made |= {"event_id": f"{chance.getrandbits(128):032x}", "verb": "role.confirmed", "number": made["number"] + 1}
    made["digest"] = event_digest(made)
    lines.insert(chance.randrange(len(lines)), made)
    if chance.random() < 0.5:
        _mend(lines)
    return lines


def repeat_line(lines: list[Line], chance: Random) -> list[Line]:
    """A line of the ledger stands a second time, somewhere."""
    lines.insert(chance.randrange(len(lines)), copy.deepcopy(lines[chance.randrange(len(lines) - 1)]))
    return lines


def swap_events(lines: list[Line], chance: Random) -> list[Line]:
    """Two events change places, with or without their numbers."""
    places = [place for place, line in enumerate(lines) if line["type"] == "event"]
    first, second = chance.sample(places, 2)
    lines[first], lines[second] = lines[second], lines[first]
    if chance.random() < 0.5:
        lines[first]["number"], lines[second]["number"] = lines[second]["number"], lines[first]["number"]
    return lines


def swap_seals(lines: list[Line], chance: Random) -> list[Line]:
    """Two seals change places."""
    places = [place for place, line in enumerate(lines) if line["type"] == "seal"]
    first, second = chance.sample(places, 2)
    lines[first], lines[second] = lines[second], lines[first]
    return lines


def truncate(lines: list[Line], chance: Random) -> list[Line]:
    """The end is cut off, at any line; sometimes the checkpoint is kept."""
    cut = lines[: chance.randrange(1, len(lines) - 1)]
    return [*cut, lines[-1]] if chance.random() < 0.5 else cut


def truncate_at_seal(lines: list[Line], chance: Random) -> list[Line]:
    """Everything after a seal is gone, and the checkpoint of the true end stands behind it."""
    seals = [place for place, line in enumerate(lines) if line["type"] == "seal"]
    return [*lines[: chance.choice(seals[:-1]) + 1], lines[-1]]


def sign_with_another_key(lines: list[Line], chance: Random) -> list[Line]:
    """History is rewritten, and everything mended and signed, by a key that is not ours, named or not."""
    event = lines[_pick(lines, chance, "event")]
    event["actor_id"] = _other(event["actor_id"], chance)
    _mend(lines, Ed25519PrivateKey.from_private_bytes(chance.randbytes(32)), named=chance.random() < 0.5)
    return lines


def sealed_twice(lines: Sequence[Line], place: int, key: Ed25519PrivateKey) -> list[Line]:
    """An event stands twice under its seal, and everything after it is mended and signed by the ledger's own key."""
    made = copy.deepcopy([*lines[: place + 1], *lines[place:]])
    _mend(made, key)
    return made


KINDS: dict[str, Tampering] = {
    tamper.__name__: tamper
    for tamper in (
        alter_field,
        alter_and_mend,
        write_beside,
        retype_number,
        drop_event,
        drop_seal,
        drop_batch,
        drop_checkpoint,
        insert_event,
        repeat_line,
        swap_events,
        swap_seals,
        truncate,
        truncate_at_seal,
        sign_with_another_key,
    )
}

#: A true export of an earlier day, shown as today's.
REPLAY = "replay_old_export"


def tampered(lines: list[Line], number: int, older: Sequence[list[Line]]) -> tuple[str, list[Line]]:
    """Tampering number ``number`` of a true export.

    Args:
        lines: the export's lines.
        number: chooses the kind in turn, and seeds the rest.
        older: true exports of the same ledger from before.

    Returns:
        The kind's name and the lines, which always differ from the true ones.
    """
    names = [*KINDS, REPLAY]
    kind = names[number % len(names)]
    chance = Random(number)
    if kind == REPLAY:
        return kind, chance.choice(older)
    true = [json.dumps(line, sort_keys=True) for line in lines]
    while True:
        made = KINDS[kind](copy.deepcopy(lines), chance)
        if [json.dumps(line, sort_keys=True) for line in made] != true:
            return kind, made
