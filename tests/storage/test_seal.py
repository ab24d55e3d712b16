"""Keys and seals: what must open opens, everything else is refused in a sentence that says what to do."""

from __future__ import annotations

import base64
import hmac
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.layout import Layout
from storage.seal import (
    OVERHEAD,
    TAG_BYTES,
    WRAPPED_BYTES,
    KeyRing,
    KeyUnusable,
    SealBroken,
    WrongKey,
    new_data_key,
    new_nonce,
)

KEY = bytes(range(32))
ROOT = Path(__file__).parents[2]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "state").prepare()


@given(plain=st.binary(max_size=300), context=st.binary(max_size=40))
def test_what_was_sealed_opens_again_and_is_longer_by_the_overhead(plain: bytes, context: bytes) -> None:
    seal = KeyRing(KEY).seal("state")
    sealed = seal.seal(plain, context)
    assert seal.open(sealed, context) == plain
    assert len(sealed) == len(plain) + OVERHEAD


@given(plain=st.binary(max_size=60), data=st.data())
def test_any_altered_bit_breaks_the_seal(plain: bytes, data: st.DataObject) -> None:
    seal = KeyRing(KEY).seal("state")
    sealed = bytearray(seal.seal(plain, b"here"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        seal.open(bytes(sealed), b"here")


def test_a_cut_a_moved_or_a_foreign_seal_does_not_open() -> None:
    ring = KeyRing(KEY)
    sealed = ring.seal("state").seal(b"17 lines", b"shard 3")
    for attempt, context in ((sealed[:-1], b"shard 3"), (b"", b"shard 3"), (sealed, b"shard 4")):
        with pytest.raises(SealBroken):
            ring.seal("state").open(attempt, context)
    with pytest.raises(SealBroken):
        ring.seal("live").open(sealed, b"shard 3")
    with pytest.raises(SealBroken):
        KeyRing(bytes(32)).seal("state").open(sealed, b"shard 3")


def test_a_box_opens_with_its_own_nonce_and_context_alone() -> None:
    seal, nonce = KeyRing(KEY).seal("state"), new_nonce()
    boxed = seal.box(nonce, b"17 lines", b"frame 3")
    assert len(boxed) == len(b"17 lines") + TAG_BYTES
    assert seal.unbox(nonce, boxed, b"frame 3") == b"17 lines"
    altered = bytes([boxed[0] ^ 1]) + boxed[1:]
    for attempt in (
        (new_nonce(), boxed, b"frame 3"),
        (nonce, boxed, b"frame 4"),
        (nonce, altered, b"frame 3"),
    ):
        with pytest.raises(SealBroken):
            seal.unbox(*attempt)


def test_whatever_is_sealed_goes_through_the_one_port() -> None:
    rooms = ("bot", "command_center", "stream", "models", "knowledge_base", "storage")
    ciphers = re.compile(r"cryptography\S*\.ciphers|Fernet|\bnacl\b|\bCrypto\b")
    users = {
        str(path.relative_to(ROOT))
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        if ciphers.search(path.read_text())
    }
    assert users == {"storage/seal.py"}


def test_two_seals_of_the_same_bytes_differ() -> None:
    seal = KeyRing(KEY).seal("state")
    assert seal.seal(b"same", b"") != seal.seal(b"same", b"")


def test_secrets_differ_by_purpose_and_by_master_key_and_stay_the_same() -> None:
    ring, other = KeyRing(KEY), KeyRing(bytes(32))
    purposes = ("database", "live", "segments", "template-id", "buttons", "state")
    secrets = [r.secret(p) for r in (ring, other) for p in purposes]
    assert len(set(secrets)) == len(secrets)
    assert all(len(secret) == 32 for secret in secrets)
    # A state directory of today must open with the code of tomorrow: HKDF (RFC 5869) written out by hand.
    extracted = hmac.digest(b"mayday key ring 1", KEY, "sha256")
    assert ring.secret("database") == hmac.digest(extracted, b"database\x01", "sha256")


@pytest.mark.parametrize("purpose", ["", "State", "a b", "é", "-x", "x" * 64])
def test_a_purpose_that_is_not_a_plain_word_is_refused(purpose: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        KeyRing(KEY).secret(purpose)


def test_a_wrapped_data_key_opens_under_its_ring_alone() -> None:
    ring, key = KeyRing(KEY), new_data_key()
    wrapped = ring.wrap(key)
    assert ring.unwrap(wrapped) == key
    assert len(wrapped) == WRAPPED_BYTES
    assert key not in wrapped
    with pytest.raises(WrongKey, match="another master key"):
        KeyRing(bytes(32)).unwrap(wrapped)
    with pytest.raises(SealBroken) as caught:
        ring.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
    assert not isinstance(caught.value, WrongKey)


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(layout: Layout) -> None:
    ring = KeyRing.load(layout, create=True, environ={})
    assert stat.S_IMODE(layout.master_key.stat().st_mode) == 0o600
    assert len(base64.b64decode(layout.master_key.read_bytes().strip(), validate=True)) == 32
    assert KeyRing.load(layout, create=False, environ={}).key_id == ring.key_id
    assert [path.name for path in layout.keys.iterdir()] == ["master.key"]


def test_the_mode_of_a_new_key_does_not_depend_on_the_umask(layout: Layout) -> None:
    before = os.umask(0)
    try:
        KeyRing.load(layout, create=True, environ={})
    finally:
        os.umask(before)
    assert stat.S_IMODE(layout.master_key.stat().st_mode) == 0o600


def test_processes_that_start_at_once_get_the_same_key(layout: Layout) -> None:
    with ThreadPoolExecutor(8) as pool:
        loads = [pool.submit(KeyRing.load, layout, create=True, environ={}) for _ in range(8)]
        assert len({load.result().key_id for load in loads}) == 1


def test_without_a_key_nothing_is_made_unless_asked_for(layout: Layout) -> None:
    with pytest.raises(KeyUnusable, match="Start Mayday once"):
        KeyRing.load(layout, create=False, environ={})
    assert not layout.master_key.exists()


def test_no_new_key_is_made_beside_data_that_it_could_not_open(layout: Layout) -> None:
    (layout.spool / "segment-0000000001").write_bytes(b"sealed")
    with pytest.raises(KeyUnusable, match="Bring back"):
        KeyRing.load(layout, create=True, environ={})
    assert not layout.master_key.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it(
    layout: Layout, mode: int
) -> None:
    KeyRing.load(layout, create=True, environ={})
    layout.master_key.chmod(mode)
    with pytest.raises(KeyUnusable, match=f"mode 0{mode:o}.*chmod 600"):
        KeyRing.load(layout, create=True, environ={})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not base64 !", "not base64"),
        (b"\xff\xfe\x00", "not base64"),
        (b"", "0 bytes"),
        (base64.b64encode(bytes(16)), "16 bytes"),
        (base64.b64encode(bytes(33)), "33 bytes"),
    ],
)
def test_a_key_file_with_anything_else_in_it_is_refused(layout: Layout, content: bytes, says: str) -> None:
    layout.master_key.write_bytes(content)
    layout.master_key.chmod(0o600)
    with pytest.raises(KeyUnusable, match=says):
        KeyRing.load(layout, create=True, environ={})
    assert layout.master_key.read_bytes() == content


def test_a_directory_in_the_place_of_the_key_is_refused(layout: Layout) -> None:
    layout.master_key.mkdir(mode=0o700)
    with pytest.raises(KeyUnusable):
        KeyRing.load(layout, create=True, environ={})


def test_the_variable_goes_before_the_file(layout: Layout) -> None:
    KeyRing.load(layout, create=True, environ={})
    environ = {"MAYDAY_MASTER_KEY": base64.b64encode(KEY).decode() + "\n"}
    assert KeyRing.load(layout, create=False, environ=environ).key_id == KeyRing(KEY).key_id


@pytest.mark.parametrize("value", ["short", base64.b64encode(bytes(31)).decode(), "ü" * 44])
def test_a_variable_that_is_no_key_is_refused_and_not_quoted(layout: Layout, value: str) -> None:
    with pytest.raises(KeyUnusable, match="MAYDAY_MASTER_KEY") as caught:
        KeyRing.load(layout, create=True, environ={"MAYDAY_MASTER_KEY": value})
    assert value not in str(caught.value)


def test_no_key_shows_when_a_ring_or_a_seal_is_printed() -> None:
    ring = KeyRing(KEY)
    shown = repr(ring) + repr(ring.seal("state"))
    assert KEY.hex() not in shown
    assert repr(KEY) not in shown


@pytest.mark.parametrize("content", [b"", b"AAAA\n", b"\xff not base64"])
def test_what_to_do_about_a_damaged_key_destroys_nothing(layout: Layout, content: bytes) -> None:
    """A key that was made anew beside sealed data would make that data unreadable for good."""
    layout.master_key.write_bytes(content)
    layout.master_key.chmod(0o600)
    with pytest.raises(KeyUnusable) as caught:
        KeyRing.load(layout, create=True, environ={})
    said = str(caught.value)
    assert said.index("Restore the key from your copy") < said.index("Only where there is no state yet")
    assert layout.master_key.read_bytes() == content


@pytest.mark.parametrize(
    "trace",
    [
        "recovery/flow/part-0.sqlite3",
        "store/segments/e1/t/day=1/a.parquet",
        "keys/audit.pub",
        "exports/a.note",
    ],
)
def test_no_new_key_is_made_beside_anything_that_the_old_one_sealed(layout: Layout, trace: str) -> None:
    path = layout.root / trace
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"sealed")
    with pytest.raises(KeyUnusable, match="Bring back"):
        KeyRing.load(layout, create=True, environ={})
    assert not layout.master_key.exists()
