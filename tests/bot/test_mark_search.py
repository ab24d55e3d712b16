"""The search for marks finds them: without that, finding none elsewhere would mean nothing."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard
from mark_search import MarkSearch, unfolded

MARK = "Quorvex Ylmandïr"  # made up
SEARCH = MarkSearch([MARK, "Vexuqil"])
AROUND = "before {} after"


def zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", data)
    return out.getvalue()


HIDDEN: dict[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "upper case": lambda text: text.upper().encode(),
    "lower case": lambda text: text.lower().encode(),
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "UTF-16, the other way round": lambda text: text.encode("utf-16-be"),
    "UTF-16 with a byte order mark": lambda text: text.encode("utf-16"),
    "Latin-1": lambda text: text.encode("latin-1"),
    "hex": lambda text: text.encode().hex().encode(),
    "hex in capitals": lambda text: text.encode().hex().upper().encode(),
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "JSON, every character escaped": lambda text: "".join(f"\\u{ord(c):04X}" for c in text).encode(),
    "percent": lambda text: quote(text).encode(),
    "pickle": pickle.dumps,
    **{
        f"base64 with {n} bytes before": lambda text, n=n: base64.b64encode(b"x" * n + text.encode() + b"yy")
        for n in range(3)
    },
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zlib": lambda text: zlib.compress(text.encode(), 9),
    "zlib, fast": lambda text: zlib.compress(text.encode(), 1),
    "zstd": lambda text: zstandard.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "bzip2": lambda text: bz2.compress(text.encode()),
    "base64 of zlib": lambda text: base64.b64encode(zlib.compress(text.encode() * 3)),
    "gzip of zstd": lambda text: gzip.compress(zstandard.compress(text.encode())),
    "cut gzip": lambda text: gzip.compress(random.Random(1).randbytes(3000) + text.encode() * 40)[:-12],
}


@pytest.mark.parametrize("form", HIDDEN)
def test_a_mark_is_found_in_every_form(form: str) -> None:
    noise = random.Random(2).randbytes(1001)
    data = noise + HIDDEN[form](AROUND.format(MARK)) + noise
    assert SEARCH.data(data, "here"), form
    assert not SEARCH.data(noise + HIDDEN[form](AROUND.format("nobody")) + noise, "here")


def test_a_mark_is_found_in_an_archive_and_in_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.zip").write_bytes(zipped(MARK.encode()))
    (tmp_path / "vexuqil.txt").touch()
    found, size = SEARCH.files(tmp_path)
    assert {each.text for each in found} == {MARK, "Vexuqil"}
    assert size == (tmp_path / "deep" / "a.zip").stat().st_size


def test_five_letters_of_a_mark_are_a_leak_in_text_for_people() -> None:
    assert SEARCH.text("the xUQil clinic", "a message")
    assert not SEARCH.text("the Quo vex clinic", "a message")
    assert not SEARCH.text("https://example.org/kfuexuqilfa8820f3ae/", "a signed link")


def test_what_is_packed_several_times_is_unfolded_with_the_way_there() -> None:
    packed = gzip.compress(zlib.compress(b"ab" * 50))
    assert [way for way, piece in unfolded(packed) if piece == b"ab" * 50] == [" > gzip > zlib"]
