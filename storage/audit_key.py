"""The Ed25519 key that signs the anchors of the audit chain, and what happens when it changes.

`keys/audit.key` signs, `keys/audit.pub` beside it checks. Both are made on the first start. A key that is lost later is
never replaced in silence: the new one works from then on, an entry of the chain names the key before and the key after
it, and `mayday audit verify` tells. Anchors are checked with the key that was in use at their place in the chain. A key
that is there and cannot be read stops the start: it may still be mended or restored.

Keys are named by the 32 bytes of their public half, in hex.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from storage.anchors import anchor_path
from storage.engine import write_in_place
from storage.errors import AuditKeyUnusable
from storage.layout import Layout
from storage.transaction import Reader, Transaction

KEY_CHANGED: Final = "audit.key_changed"


class KeyChange(NamedTuple):
    """From entry `seq` on, `after` signs; before it `before` did, None where nobody knows any more."""

    seq: int
    before: str | None
    after: str


@dataclass(frozen=True)
class AuditKey:
    """The key in use. `changed` says that the chain does not know it yet, `before` which one it knew."""

    private: Ed25519PrivateKey
    before: str | None
    changed: bool

    @property
    def name(self) -> str:
        return name_of(self.private.public_key())


def load(layout: Layout) -> AuditKey:
    """Return the key, made where there is none. Raises `AuditKeyUnusable` for one that is there and is none."""
    path, public = layout.keys / "audit.key", layout.keys / "audit.pub"
    known = _public(public)
    made = not path.exists()
    if made:
        fresh = Ed25519PrivateKey.generate()
        write_in_place(path, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    private = _private(path)
    if known is None:
        changed = made and anchor_path(layout).exists()
    else:
        changed = known != name_of(private.public_key())
    return AuditKey(private, known, changed)


def check(layout: Layout) -> None:
    """Raise `AuditKeyUnusable` if there is a key that cannot be read; make nothing."""
    if (path := layout.keys / "audit.key").exists():
        _private(path)


def record(tx: Transaction, key: AuditKey) -> None:
    """Enter a change of key in the chain, once."""
    known = changes(tx)
    if key.changed and (not known or known[-1].after != key.name):
        tx.audit(KEY_CHANGED, "mayday", before=key.before, after=key.name)


def put_public(layout: Layout, key: AuditKey) -> None:
    """Leave the public half beside the key; that of the key before is kept under its name."""
    public = layout.keys / "audit.pub"
    if key.changed and key.before is not None and public.exists():
        public.replace(public.with_name(f"audit-{key.before[:16]}.pub"))
    if key.changed or _public(public) is None:
        pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        write_in_place(public, pem)


def changes(reader: Reader) -> list[KeyChange]:
    """Return the changes of key that the chain names, in its order."""
    return [
        KeyChange(int(seq), before, str(after))
        for seq, before, after in reader.execute(
            """SELECT seq, json_extract_string(payload, '$.data.before'),
                 json_extract_string(payload, '$.data.after')
               FROM audit_log WHERE json_extract_string(payload, '$.action') = ? ORDER BY seq""",
            [KEY_CHANGED],
        )
    ]


def key_at(seq: int, known: Sequence[KeyChange], now: str) -> str | None:
    """Return the key in use at entry `seq`; None where the chain names none. `now` is the one in use today.

    >>> known = [KeyChange(5, None, "b"), KeyChange(9, "b", "c")]
    >>> [key_at(seq, known, "c") for seq in (4, 5, 8, 9)]
    [None, 'b', 'b', 'c']
    """
    return next((change.before for change in known if seq < change.seq), known[-1].after if known else now)


def name_of(key: Ed25519PublicKey) -> str:
    """Return the name of a key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditKeyUnusable("keys/audit.key is empty, cut or altered", hint=AuditKeyUnusable.remedy)
    return key


def _public(path: Path) -> str | None:
    """Return the name of the key in a file, None where there is none: it can be made again from the other half."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (FileNotFoundError, ValueError, UnsupportedAlgorithm):
        return None
    return name_of(key) if isinstance(key, Ed25519PublicKey) else None
