"""The ledger's signing key and the key of digests: private files, never rows (H9).

The signing key is Ed25519 (RFC 8032) in PKCS #8 PEM; the digest key is 32 random bytes for HMAC-SHA-256 (RFC 2104).
"""

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings


class KeyMissing(Exception):
    """A key file is missing or unreadable. The message has its name and the next step."""


def _write(path: Path, content: bytes) -> None:
    """Write a key file, whole or not at all. If two processes try at once, the first one's key stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(half)
    finally:
        half.unlink()


def ensure(ledger_key_file: Path, digest_key_file: Path) -> None:
    """Make each missing key file, readable only by its owner."""
    if not ledger_key_file.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(ledger_key_file, pem)
    if not digest_key_file.exists():
        _write(digest_key_file, secrets.token_bytes(32))


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyMissing(f"{what} {path} can't be read ({error.strerror}): run `manage.py make_keys`.") from error


@lru_cache(maxsize=4)
def _signing_key(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(_read(path, "The ledger's signing key"), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyMissing(f"{path} is not an Ed25519 private key.")
    return key


def signing_key() -> Ed25519PrivateKey:
    """The key that signs seals and checkpoints.

    Raises:
        KeyMissing: the file is missing, unreadable or of another kind.
    """
    return _signing_key(Path(settings.LEDGER_KEY_FILE))


def public_key_hex() -> str:
    """Return the public key of the signing key, 32 bytes as hex, for verifiers."""
    return signing_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


@lru_cache(maxsize=4)
def _digest_key(path: Path) -> bytes:
    return _read(path, "The digest key")


def digest_key() -> bytes:
    """The installation's key for fingerprints of secrets (I6)."""
    return _digest_key(Path(settings.DIGEST_KEY_FILE))


def problems() -> list[str]:
    """Return the problems of key files, one sentence each: missing, unreadable, or readable by others."""
    problems_found = []
    for what, setting in (("ledger's signing", "LEDGER_KEY_FILE"), ("digest", "DIGEST_KEY_FILE")):
        path = Path(getattr(settings, setting))
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            problems_found.append(f"The {what} key {path} can't be read ({error.strerror}): run `manage.py make_keys`.")
            continue
        if mode & 0o077:
            problems_found.append(f"The {what} key {path} is open to others (mode {mode:o}): run `chmod 600 {path}`.")
    return problems_found


def keyed_digest(key: bytes, text: str) -> str:
    """HMAC-SHA-256 of a text as hex."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
