"""Keys that sign an endpoint's messages and seal its address: computed from the installation's key file, never stored.

HKDF (RFC 5869) with SHA-256 over the digest key, with the endpoint and the number of its key in ``info``. Fernet seals addresses.
"""

import base64
import uuid
from datetime import UTC, datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook

from governance.core.keys import key_files

#: Bytes of the key that signs: Standard Webhooks asks for 24 to 64. Fernet takes as many.
KEY_BYTES = 32


class NotOpened(Exception):
    """A sealed address belongs to another endpoint, or was sealed with another installation's key."""


def signing_key(opaque_id: uuid.UUID, number: int) -> bytes:
    """The key that signs an endpoint's messages.

    Args:
        opaque_id: the endpoint's.
        number: which of its keys, from 1.
    """
    return _derived(b"webhook signature", opaque_id.bytes + number.to_bytes(4, "big"))


def shown(opaque_id: uuid.UUID, number: int) -> str:
    """Return the signing key in the receiver's form (Standard Webhooks: ``whsec_`` and base64)."""
    return "whsec_" + base64.b64encode(signing_key(opaque_id, number)).decode()


def seal(url: str, opaque_id: uuid.UUID) -> str:
    """Return an address as stored in the database."""
    return _fernet(opaque_id).encrypt(url.encode()).decode()


def opened(sealed: str, opaque_id: uuid.UUID) -> str:
    """Return a sealed address.

    Raises:
        NotOpened: it can't be opened here.
    """
    try:
        return _fernet(opaque_id).decrypt(sealed).decode()
    except InvalidToken as error:
        raise NotOpened("The address was sealed with another key: enter it again.") from error


def _fernet(opaque_id: uuid.UUID) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(b"webhook address", opaque_id.bytes)))


def _derived(purpose: bytes, info: bytes) -> bytes:
    derivation = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"countersign " + purpose + b"\0" + info)
    return derivation.derive(key_files.digest_key())


def signature(key: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks: id, seconds since 1970, and the signature of both and the body.

    Args:
        key: the signing key.
        message_id: the message's id.
        at: real time of sending.
        body: the bytes of the message.
    """
    at = at.astimezone(UTC)  # the library takes any instant for one in UTC
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(key).sign(message_id, at, body.decode()),
    }
