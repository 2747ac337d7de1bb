"""Verifying a ledger from an export and the public key alone (H2, H9). Imports nothing of Django or of this project.

Run it where the export is: ``python ledger_verifier.py EXPORT --key PUBLIC_KEY_HEX [--checkpoint FILE]``. An export is JSON
Lines: ``{"type": "event", …}`` in seal order, each batch followed by its ``{"type": "seal", …}``, and one last
``{"type": "checkpoint", …}``. Found are: an event altered, dropped, inserted, moved or repeated; a seal altered, dropped or
swapped; an end cut off; a signature by another key; an export older than a checkpoint that is known from elsewhere.
Standards: RFC 6962 section 2.1 (Merkle tree), RFC 8785 (canonical JSON), RFC 8032 (Ed25519).
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

#: What the first seal is chained to.
GENESIS = "0" * 64

#: What an event's digest covers, and what the signature of a seal and of a checkpoint covers.
EVENT_FIELDS = (
    *("event_id", "at", "actor_kind", "actor_id", "for_id", "verb", "subject_type", "subject_id", "about"),
    *("correlation", "outcome", "code", "payload"),
)
SEAL_FIELDS = ("number", "first", "last", "count", "root", "previous", "key_id", "at")
_CHECKPOINT_FIELDS = ("events", "seals", "root", "seal", "key_id", "at")

#: Exactly these stand in a line of each kind: what no digest or signature covers could be written in by anybody.
_LINES = {
    "event": frozenset({"type", "number", "digest", *EVENT_FIELDS}),
    "seal": frozenset({"type", "signature", *SEAL_FIELDS}),
    "checkpoint": frozenset({"type", "signature", *_CHECKPOINT_FIELDS}),
}
_SIGNATURE = re.compile("[0-9a-f]{128}")


#: Write values that `is_written_alike` by RFC 8785, in a quarter of the time of the general writer.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def canonical_json(content: Mapping[str, Any]) -> bytes:
    """RFC 8785 bytes of an object.

    Raises:
        ValueError: it holds what has no canonical form: a number beyond 2**53, NaN, half a surrogate pair.
    """
    return _encode(content).encode() if is_written_alike(content) else rfc8785.dumps(dict(content))


def is_written_alike(value: object) -> bool:
    """Whether the standard library writes a value like RFC 8785: no floats, no large numbers, and only ASCII keys, which sort the same in
    UTF-16.
    """
    if isinstance(value, str) or value is None or value is True or value is False:
        return True
    if isinstance(value, dict):
        return all(isinstance(key, str) and key.isascii() and is_written_alike(member) for key, member in value.items())
    if isinstance(value, list):
        return all(map(is_written_alike, value))
    return type(value) is int and abs(value) < 2**53


def event_digest(event: Mapping[str, Any]) -> str:
    """The digest that an event must carry, as hex."""
    return hashlib.sha256(canonical_json({name: event[name] for name in EVENT_FIELDS})).hexdigest()


def leaf_hash(number: int, digest: str) -> bytes:
    """The leaf of one event: RFC 6962's 0x00 prefix over its number and digest."""
    return hashlib.sha256(b"\x00" + f"{number}:{digest}".encode()).digest()


def merkle_root(leaves: list[bytes]) -> bytes:
    """The tree head over leaf hashes, RFC 6962 section 2.1: an odd node moves up unchanged."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = leaves
    while len(level) > 1:
        paired = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = paired + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def seal_hash(body: Mapping[str, Any]) -> str:
    """What the next seal names as its predecessor."""
    return hashlib.sha256(canonical_json(body)).hexdigest()


@dataclass
class Report:
    """What a verification found.

    Args:
        events: events read.
        seals: seals read.
        problems: what is wrong, one sentence each, at most `MOST`; empty when the ledger holds.
        unlisted: how many more there are.
        last_seal: hash of the last good seal's body.
    """

    MOST = 50

    events: int = 0
    seals: int = 0
    problems: list[str] = field(default_factory=list)
    unlisted: int = 0
    last_seal: str = GENESIS
    last_root: str = ""
    hashes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def problem_count(self) -> int:
        """How many problems there are."""
        return len(self.problems) + self.unlisted

    @property
    def lines(self) -> list[str]:
        """The problems, and where not all are listed, how many there are."""
        rest = [f"{self.problem_count:,} problems in all; {self.unlisted:,} are not listed."] if self.unlisted else []
        return [*self.problems, *rest]

    @property
    def summary(self) -> str:
        """Whether the ledger holds, in one sentence."""
        word = "holds" if self.holds else "DOES NOT HOLD"
        return f"The ledger {word}: {self.events} events under {self.seals} seals."

    def wrong(self, sentence: str) -> None:
        """Note a problem, unless there are too many to be useful."""
        if len(self.problems) < self.MOST:
            self.problems.append(sentence)
        else:
            self.unlisted += 1


class _Chain:
    """Walks events and seals in order; one instance a verification."""

    def __init__(self, key_hex: str) -> None:
        self.key_hex = key_hex
        self.key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key_hex))
        self.report = Report()
        self.wrong = self.report.wrong
        self._batch: list[bytes] = []
        self._numbers: list[int] = []
        self._seen: set[str] = set()
        self._sealed = 0
        self.checkpoint: Mapping[str, Any] | None = None

    def signed(self, body: Mapping[str, Any], signature: str) -> bool:
        """Whether the key given signed this body; a signature has one spelling."""
        if not _SIGNATURE.fullmatch(signature):
            return False
        try:
            self.key.verify(bytes.fromhex(signature), canonical_json(body))
        except (InvalidSignature, ValueError):
            return False
        return body.get("key_id") == self.key_hex

    def event(self, line: Mapping[str, Any]) -> None:
        """Take one event into the batch that the next seal covers."""
        number = line["number"]
        self.report.events += 1
        if type(number) is not int:
            self.wrong(f"Event {number} has no whole number.")
        if event_digest(line) != line["digest"]:
            self.wrong(f"Event {number} was altered: its digest does not match its content.")
        if line["event_id"] in self._seen:
            self.wrong(f"Event {number} stands in the ledger twice.")
        self._seen.add(line["event_id"])
        self._batch.append(leaf_hash(number, line["digest"]))
        self._numbers.append(number)

    def seal(self, line: Mapping[str, Any]) -> None:
        """Compare a seal with the events since the one before it."""
        body = {name: line[name] for name in SEAL_FIELDS}
        number = body["number"]
        self.report.seals += 1
        if number != self.report.seals:
            self.wrong(f"Seal {number} stands where seal {self.report.seals} belongs.")
        if body["previous"] != self.report.last_seal:
            self.wrong(f"Seal {number} does not continue the seal before it.")
        if not self.signed(body, line["signature"]):
            self.wrong(f"Seal {number} is not signed by the key given.")
        self._batch_matches(body)
        self._batch, self._numbers = [], []
        self._sealed += body["count"]
        self.report.last_seal, self.report.last_root = seal_hash(body), body["root"]
        self.report.hashes.append(self.report.last_seal)

    def _batch_matches(self, body: Mapping[str, Any]) -> None:
        number = body["number"]
        if len(self._batch) != body["count"]:
            self.wrong(f"Seal {number} covers {body['count']} events, {len(self._batch)} stand under it.")
        elif merkle_root(self._batch).hex() != body["root"]:
            self.wrong(f"Seal {number}: the events under it are not those that were sealed, or not in that order.")
        if self._numbers and (self._numbers[0], self._numbers[-1]) != (body["first"], body["last"]):
            self.wrong(f"Seal {number} names other first and last events than stand under it.")

    def end(self, line: Mapping[str, Any]) -> None:
        """Compare the checkpoint at the end with what was read."""
        self.checkpoint = line
        body = {name: line[name] for name in _CHECKPOINT_FIELDS}
        if not self.signed(body, line["signature"]):
            self.wrong("The checkpoint is not signed by the key given.")
        read = (self._sealed, self.report.seals, self.report.last_seal, self.report.last_root)
        if (body["events"], body["seals"], body["seal"], body["root"]) != read:
            self.wrong("The export ends elsewhere than its checkpoint says: something is missing or was added.")

    def compare(self, published: Mapping[str, Any]) -> None:
        """Compare what was read with a checkpoint kept elsewhere: the ledger must reach as far and agree with it."""
        try:
            body = {name: published[name] for name in _CHECKPOINT_FIELDS}
            holds = self.signed(body, published["signature"]) and body["seals"] >= 1
        except (KeyError, TypeError, ValueError):
            holds = False
        if not holds:
            self.wrong("The known checkpoint is not signed by the key given.")
            return
        place = body["seals"]
        if place > len(self.report.hashes):
            self.wrong(
                f"The ledger has {len(self.report.hashes)} seals; the checkpoint known from elsewhere saw {place}: "
                "it is an older copy, or its end was cut off."
            )
        elif self.report.hashes[place - 1] != body["seal"]:
            self.wrong(f"Seal {place} is another than the checkpoint known from elsewhere saw: history was rewritten.")


def verify(
    lines: Iterable[Mapping[str, Any]],
    *,
    key_hex: str,
    published: Mapping[str, Any] | None = None,
    needs_checkpoint: bool = True,
) -> Report:
    """Verify a ledger, line by line.

    Args:
        lines: parsed lines of an export, in order.
        key_hex: the public key that must have signed, 32 bytes as hex; from a trusted place, not from the export.
        published: a checkpoint kept elsewhere; the ledger must reach at least that far and agree with it.
        needs_checkpoint: whether a missing checkpoint at the end is a problem (it is for an export).
    """
    chain = _Chain(key_hex)
    take = {"event": chain.event, "seal": chain.seal, "checkpoint": chain.end}
    for place, line in enumerate(lines, start=1):
        kind = line.get("type") if isinstance(line, Mapping) else None
        if chain.checkpoint is not None:
            chain.wrong(f"Line {place} stands after the checkpoint.")
            break
        try:
            if _LINES[str(kind)] != line.keys():
                chain.wrong(f"Line {place} has other fields than a ledger line.")
            take[str(kind)](line)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            chain.wrong(f"Line {place} is no ledger line ({type(error).__name__}).")
    if chain._batch:
        chain.wrong(
            f"{len(chain._batch)} events stand after the last seal: they were inserted or the seal was dropped."
        )
    if needs_checkpoint and chain.checkpoint is None:
        chain.wrong("The export has no checkpoint at its end: it was cut off.")
    if published is not None:
        chain.compare(published)
    return chain.report


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object without repeated names, because readers differ on which of two values they take."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def read_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Parse an export; a line that is no JSON object comes back as one that verification reports."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            try:
                line = json.loads(text, object_pairs_hook=_once)
            except (ValueError, RecursionError):
                line = None
            yield line if isinstance(line, dict) else {"type": "unreadable"}


def main(arguments: list[str] | None = None) -> int:
    """Verify an export named on the command line; exit code 0 when it holds, 1 when not, 2 when it can't be read."""
    parser = argparse.ArgumentParser(description="Verify an exported Countersign ledger.")
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", required=True, help="the public key as hex, from a trusted place")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint kept elsewhere that the export must reach")
    given = parser.parse_args(arguments)
    try:
        published = json.loads(given.checkpoint.read_text()) if given.checkpoint else None
        report = verify(read_lines(given.export), key_hex=given.key, published=published)
    except (OSError, ValueError) as error:  # an unreadable file or key; what is wrong inside an export is in the report
        sys.stderr.write(f"Nothing was verified: {error}\n")
        return 2
    for line in report.lines:
        sys.stderr.write(line + "\n")
    sys.stdout.write(f"{report.summary}\n")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
