"""Encryption of personal data: AES-256-GCM, a box that opens only under its own key and key id.

Keys are wrapped (encrypted) under a master key that stands in the environment or in a file, never in the database.
"""

import base64
import hashlib
import os
import re
from typing import Any

import msgspec

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


_DIGIT = "[0-9０-９]"
_GAP = "[ \u00a0\u3000\\-–—.]?"
# Mobile numbers: eleven digits from 13 to 19, often written 138 1234 5678, with or without +86.
_MOBILE = re.compile(
    rf"(?<!{_DIGIT})((?:(?:\+|00|＋)?86{_GAP})?[1１][3-9３-９]{_DIGIT}){_GAP}{_DIGIT}{{4}}{_GAP}({_DIGIT}{{4}})(?!{_DIGIT})"
)
# Resident identity numbers: eighteen characters, the last may be X.
_IDENTITY = re.compile(
    rf"(?<![0-9０-９A-Za-z])({_DIGIT}{{3}}){_DIGIT}{{3}}{_GAP}{_DIGIT}{{8}}{_GAP}({_DIGIT}{{3}}[0-9０-９XxＸｘ])(?![0-9０-９A-Za-z])"
)


def mask_text(text: str) -> str:
    """Mask mobile numbers and 18-character identity numbers within free text; the first 3 and last 4 characters stay."""
    text = _IDENTITY.sub(lambda m: f"{m[1]}{'*' * 11}{m[2]}", text)
    return _MOBILE.sub(lambda m: f"{m[1]}****{m[2]}", text)
