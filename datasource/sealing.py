"""Encryption of personal data: AES-256-GCM, a box that opens only under its own key and key id.

Keys are wrapped (encrypted) under a master key that stands in the environment or in a file, never in the database.
"""

import base64
import hashlib
import os
from typing import Any

import msgspec

from dashboard.domain.masking import mask_text as mask_text

_NONCE = 12


def new_key() -> bytes:
    """Return a fresh 256-bit key."""
    return os.urandom(32)


def master_key(secret: str) -> bytes:
    """Derive the wrapping key from the instance's secret (at least 32 characters); raises ValueError when it is shorter."""
    if len(secret) < 32:
        raise ValueError(f"the secret key has {len(secret)} characters; at least 32 are needed")
    # The secret is random and long, so one keyed hash is enough; the label keeps this key apart from the session key.
    return hashlib.blake2b(secret.encode(), digest_size=32, person=b"muster.vault").digest()


def seal(key: bytes, key_id: str, data: dict[str, Any]) -> str:
    """Encrypt ``data`` into a box (base64 text)."""
    return base64.b64encode(_encrypt(key, key_id, msgspec.json.encode(data))).decode()


def unseal(key: bytes, key_id: str, box: str) -> dict[str, Any]:
    """Decrypt a box; raises ValueError when it was not made with this key and key id, or was changed."""
    clear = _decrypt(key, key_id, base64.b64decode(box, validate=True))
    return msgspec.json.decode(clear, type=dict[str, Any])


def wrap(master: bytes, key_id: str, key: bytes) -> bytes:
    """Encrypt a case key under the master key."""
    return _encrypt(master, f"case-key:{key_id}", key)


def unwrap(master: bytes, key_id: str, wrapped: bytes) -> bytes:
    """Decrypt a case key; raises ValueError when the master key is another one."""
    return _decrypt(master, f"case-key:{key_id}", wrapped)


def _encrypt(key: bytes, bound_to: str, clear: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, clear, bound_to.encode())


def _decrypt(key: bytes, bound_to: str, sealed: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to.encode())
    except InvalidTag:
        raise ValueError(
            f"what was sealed under {bound_to} does not open: another secret key, or it was changed"
        ) from None
