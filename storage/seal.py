"""Keys and sealed bytes: everything that stands on disk in full text stands there through this module.

One 32-byte master key (from the variable `MAYDAY_MASTER_KEY` or the file `keys/master.key`, both base64) is
the root. It seals nothing itself: HKDF-SHA256 derives one key per purpose, and files that need a key of their
own keep it wrapped in their header, so that changing the master key re-wraps headers and deleting a header
destroys the file.

A seal is AES-256-GCM with a random nonce: `version (1 byte) | nonce (12) | ciphertext | tag (16)`, so sealed
bytes are `OVERHEAD` longer than plain ones. `context` is authenticated, not stored: bytes moved to another
place do not open. Random nonces are safe for about 2**32 seals per key; what seals faster than that (the
spool) uses data keys. A format whose own header carries the nonce seals with `box` and opens with `unbox`.

Fails with `SealBroken` (altered bytes), `WrongKey` (sealed under another master key) and `KeyUnusable` (the
key itself cannot be used); none of them quotes a key or sealed bytes. Python cannot erase a key from memory:
the processes forbid core dumps instead.

>>> ring = KeyRing(bytes(32))
>>> seal = ring.seal("state")
>>> seal.open(seal.seal(b"17 lines", b"shard 3"), b"shard 3")
b'17 lines'
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import MaydayError
from storage.layout import Layout

VARIABLE: Final = "MAYDAY_MASTER_KEY"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
OVERHEAD: Final = 1 + NONCE_BYTES + TAG_BYTES
KEY_ID_BYTES: Final = 8
WRAPPED_BYTES: Final = KEY_ID_BYTES + KEY_BYTES + OVERHEAD

_VERSION: Final = b"\x01"
_BROKEN: Final = "A seal is broken: the bytes were altered, moved, or sealed under another key"
_SALT: Final = b"mayday key ring 1"
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_RESTORE: Final = (
    "Restore the key from your copy of it: another key cannot open what is sealed already. Only where there is no state "
    "yet, make one with: head -c 32 /dev/urandom | base64"
)


class SealBroken(MaydayError):
    """Sealed bytes do not open: they were altered, cut, or moved to another place."""

    code = "seal_broken"
    meaning = "Sealed bytes on disk were altered or damaged, so they do not open."
    remedy = "Check the disk; restore the file from a backup if its content is needed."


class WrongKey(SealBroken):
    """What is sealed here was sealed under another master key; it is not damaged."""

    code = "wrong_key"
    meaning = "The state directory was sealed under another master key than the one in use."
    remedy = "Give back the key that made this state, in keys/master.key or MAYDAY_MASTER_KEY."


class KeyUnusable(MaydayError):
    """The master key is missing, malformed, or readable by others."""

    code = "key_unusable"
    meaning = "The master key is missing, malformed, or its file can be read by others."
    remedy = (
        "Restore it from your copy: another key cannot open what is sealed already. Only where there is no state yet is a "
        "new key the answer. Keep a copy away from this machine."
    )


class Seal:
    """Seals and opens bytes under one derived key. Safe to share between threads."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Return `plain` sealed, `OVERHEAD` bytes longer; `context` must be given again to open it."""
        nonce = new_nonce()
        return b"".join((_VERSION, nonce, self.box(nonce, plain, context)))

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plain bytes. Raises `SealBroken` for another key or context or any altered byte."""
        if len(sealed) < OVERHEAD or sealed[:1] != _VERSION:
            raise SealBroken("These bytes are not sealed as this version seals them")
        view = memoryview(sealed)
        return self.unbox(view[1 : 1 + NONCE_BYTES], view[1 + NONCE_BYTES :], context)

    def box(self, nonce: bytes, plain: bytes, context: bytes) -> bytes:
        """Return `plain` sealed under a `new_nonce`, `TAG_BYTES` longer; for formats that keep the nonce themselves."""
        return self._cipher.encrypt(nonce, plain, context)

    def unbox(self, nonce: bytes | memoryview, boxed: bytes | memoryview, context: bytes) -> bytes:
        """Return the plain bytes of a `box`. Raises `SealBroken` for another nonce, key, context or altered byte."""
        try:
            return self._cipher.decrypt(nonce, boxed, context)
        except InvalidTag:
            raise SealBroken(_BROKEN) from None


class KeyRing:
    """All keys of one state directory, derived from its master key. Safe to share between threads."""

    __slots__ = ("_master", "_wrapping", "key_id")

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise KeyUnusable(
                f"A master key has {KEY_BYTES} bytes, this one has {len(master)}", hint=_RESTORE
            )
        self._master = bytes(master)
        self._wrapping = self.seal("wrapping")
        #: Tells master keys apart without telling anything about them; stands in the open in file headers.
        self.key_id = self.secret("key-id")[:KEY_ID_BYTES]

    def __repr__(self) -> str:
        return f"KeyRing({self.key_id.hex()})"

    @classmethod
    def load(cls, layout: Layout, *, create: bool, environ: Mapping[str, str] = os.environ) -> KeyRing:
        """Return the ring of `layout`, from `MAYDAY_MASTER_KEY` in `environ`, else from `keys/master.key`.

        With `create`, a missing file is made when the state directory holds no data yet. Several processes
        may do so at once: all of them get the same key. Raises `KeyUnusable`.
        """
        if text := environ.get(VARIABLE, "").strip():
            return cls(_decoded(text, f"the variable {VARIABLE}"))
        path = layout.master_key
        if not path.exists():
            if not create:
                raise KeyUnusable(
                    "There is no master key in keys/master.key below the state directory",
                    hint=f"Start Mayday once to make one, or set {VARIABLE}",
                )
            # The key is looked for again after the data: another process may just have made both.
            if _holds_data(layout) and not path.exists():
                raise KeyUnusable(
                    "The master key is missing, and this state directory holds data sealed under it",
                    hint=f"Bring back keys/master.key or set {VARIABLE}; a new key could not open that data",
                )
            _make(path)
        return cls(_read(path))

    def secret(self, purpose: str) -> bytes:
        """Return the 32 bytes for `purpose` (lower-case words and hyphens), always the same for one key."""
        if not _PURPOSE.fullmatch(purpose):
            raise ValueError("a purpose is made of lower-case letters, digits and hyphens")
        return HKDF(SHA256(), KEY_BYTES, _SALT, purpose.encode()).derive(self._master)

    def seal(self, purpose: str) -> Seal:
        """Return the seal for `purpose`."""
        return Seal(self.secret(purpose))

    def wrap(self, data_key: bytes) -> bytes:
        """Return `data_key` (32 bytes) sealed for a file's header, `WRAPPED_BYTES` long."""
        if len(data_key) != KEY_BYTES:
            raise ValueError(f"a data key has {KEY_BYTES} bytes")
        return self.key_id + self._wrapping.seal(data_key, b"data key")

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return the data key. Raises `WrongKey` for another master key, `SealBroken` if altered."""
        if wrapped[:KEY_ID_BYTES] != self.key_id:
            raise WrongKey(
                "This was sealed under another master key",
                hint=f"Give back the key that made this state, in keys/master.key or {VARIABLE}",
            )
        return self._wrapping.open(wrapped[KEY_ID_BYTES:], b"data key")


def new_nonce() -> bytes:
    """Return a fresh random nonce for one `Seal.box`; a nonce that seals twice under one key breaks both."""
    return os.urandom(NONCE_BYTES)


def new_data_key() -> bytes:
    """Return a fresh random key for one file."""
    return AESGCM.generate_key(bit_length=8 * KEY_BYTES)


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise KeyUnusable(f"What stands in {where} is not base64", hint=_RESTORE) from None
    if len(key) != KEY_BYTES:
        raise KeyUnusable(f"The key in {where} has {len(key)} bytes instead of {KEY_BYTES}", hint=_RESTORE)
    return key


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would block
    except OSError as error:
        raise KeyUnusable(
            f"keys/master.key cannot be read ({type(error).__name__})", hint="Run as the user that owns it"
        ) from None
    try:  # the file whose mode is checked is the one that is read
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyUnusable("keys/master.key is not a file", hint=_RESTORE)
        if status.st_mode & 0o077:
            raise KeyUnusable(
                f"keys/master.key is open to others than its owner (mode {stat.S_IMODE(status.st_mode):04o})",
                hint="If nobody has read it: chmod 600 keys/master.key",
            )
        content = os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
    return _decoded(content.decode("ascii", "replace").strip(), "keys/master.key")


def _make(path: Path) -> None:
    """Write a new key so that no reader ever sees half of it and no second process replaces it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - opened above with O_EXCL and its mode
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was faster: its key is the key
            os.link(draft, path)
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _holds_data(layout: Layout) -> bool:
    """Whether anything stands here that a key has sealed, or that shows that there was such a thing."""
    known = (layout.database, layout.live, layout.keys / "audit.pub", layout.keys / "audit.key")
    return any(path.exists() for path in known) or any(
        path.is_file()
        for folder in (layout.spool, layout.recovery, layout.segments, layout.exports)
        for path in folder.rglob("*")
    )
