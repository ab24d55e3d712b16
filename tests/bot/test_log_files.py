"""Log files as they lie on disks: packed, rotated, cut off, torn; what is read is read whole, what is not is named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import resource
import socket
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from bot.log_files import SLICE_LINES, LogFile, find_files, merged, service_of, slices
from bot.packed_files import TooFewFiles
from models.errors import BadInput
from stream.decode import DecodeLimits

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
START_NS = int(START.timestamp()) * 10**9
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


def line(second: float, text: str = "INFO up") -> str:
    return f"{(START + timedelta(seconds=second)).isoformat()} {text}"


def one(path: Path) -> LogFile:
    (file,), _ = find_files([path])
    return file


# -- reading -------------------------------------------------------------------------------------------------------


def test_slices_lose_no_line_and_keep_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "billing.log"
    path.write_text("".join(line(n / 3) + "\n" for n in range(3 * SLICE_LINES + 7)))
    file = one(path)
    parts = list(slices(file))
    assert b"".join(part.raw for part in parts) == path.read_bytes()
    assert sum(part.lines for part in parts) == file.lines == 3 * SLICE_LINES + 7
    assert [part.at_ns for part in parts] == sorted(part.at_ns for part in parts)


def test_a_trace_is_never_cut_whatever_stands_before_it(tmp_path: Path) -> None:
    frames = "".join(f"\tat com.example.Frame.f{n}(Frame.java:{n})\n" for n in range(40))
    path = tmp_path / "billing.log"
    path.write_text("".join(f"{line(n, 'ERROR failed')}\n{frames}" for n in range(300)))
    for part in slices(one(path)):
        assert not part.raw.startswith(b"\t")
        assert part.raw.endswith(b"(Frame.java:39)\n")


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), *PACKERS.items()])
def test_packed_files_are_read_as_plain_ones(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"billing.log{ending}"
    path.write_bytes(pack(f"{line(0)}\n{line(9)}\n".encode()))
    file = one(path)
    assert [(part.source, part.lines) for part in slices(file)] == [("billing", 1), ("billing", 1)]
    assert (file.timed, file.trouble, file.first_ns) == (True, "", START_NS)


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize(("many", "left_out"), [(40_000, 0.4), (60, 5), (40_000, 5)])
def test_a_packed_file_that_breaks_off_is_read_as_far_as_it_goes(
    tmp_path: Path, ending: str, many: int, left_out: float
) -> None:
    """Long or short, cut in the middle or a few bytes before its end."""
    text = "".join(line(n, f"INFO up {n * 7919 % 10_007}") + "\n" for n in range(many)).encode()
    packed = PACKERS[ending](text)
    broken = packed[: -int(left_out * len(packed) if left_out < 1 else left_out)]
    path = tmp_path / f"billing.log{ending}"
    path.write_bytes(broken)
    (tmp_path / "auth.log").write_text(line(0))
    if many == 60 and ending == ".zst":  # nothing of a block can be unpacked before all of it is there
        assert [tuple(each) for each in find_files([tmp_path])[1]] == [(path.name, "its packing is broken")]
        return
    file = one(path)
    read = b"".join(part.raw for part in slices(file))
    assert text.startswith(read)
    assert len(read) > (100 if many == 60 else len(text) / 10)
    assert file.first_ns == START_NS
    assert file.trouble == f"broken after line {file.lines:,}; read up to there"


@pytest.mark.parametrize("ending", PACKERS)
def test_files_that_were_packed_by_parts_are_read_whole(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"billing.log{ending}"
    path.write_bytes(b"".join(PACKERS[ending](f"{line(n)}\n".encode()) for n in range(5)))
    file = one(path)
    assert b"".join(part.raw for part in slices(file)) == b"".join(f"{line(n)}\n".encode() for n in range(5))
    assert file.trouble == ""


def test_a_small_zstd_file_that_unpacks_enormously_is_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "billing.log.zst"
    lines = (line(0) + "\n").encode() + b"\n" * (200 << 20)
    path.write_bytes(zstandard.ZstdCompressor().compress(lines))
    del lines
    tracemalloc.start()
    try:
        with one(path).open() as opened:
            size = sum(len(data) for data in iter(lambda: opened.read1(1 << 18), b""))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == len(line(0)) + 1 + (200 << 20)
    assert peak < 20 << 20


def test_blank_lines_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "billing.log"
    path.write_bytes(b"\xef\xbb\xbf" + f"{line(0)}\r\n\r\n  \r\n{line(0.5)}".encode())
    file = one(path)
    ((at, _, raw, lines),) = slices(file)
    assert (file.lines, file.blank, lines) == (4, 2, 2)
    assert at == START_NS + 500_000_000
    assert raw.startswith(b"2026")


def test_a_log_that_was_truncated_while_being_written_begins_with_zeros_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "billing.log"
    path.write_bytes(b"\0" * 5000 + f"{line(0)}\n".encode())
    assert [part.raw for part in slices(one(path))] == [f"{line(0)}\n".encode()]


# -- time ----------------------------------------------------------------------------------------------------------


def test_files_are_merged_by_the_time_in_their_lines(tmp_path: Path) -> None:
    (tmp_path / "late.log").write_text("".join(line(n) + "\n" for n in range(100, 200, 10)))
    (tmp_path / "early.log").write_text("".join(line(n) + "\n" for n in range(0, 150, 10)))
    parts = list(merged(find_files([tmp_path])[0]))
    assert [part.at_ns for part in parts] == sorted(part.at_ns for part in parts)
    assert [part.source for part in parts][:10] == ["early"] * 10
    assert sum(part.lines for part in parts) == 25


def test_a_file_without_a_date_stands_at_the_beginning_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "billing.log").write_text(f"{line(0)}\n{line(60)}\n")
    (tmp_path / "notes.txt").write_text("no date\nhere\n")
    files, _ = find_files([tmp_path])
    parts = list(merged(files))
    assert {part.at_ns for part in parts if part.source == "notes"} == {START_NS}
    assert {file.name: file.timed for file in files} == {"billing.log": True, "notes.txt": False}


def test_where_no_file_has_a_date_that_of_the_file_stands_in(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no date\nhere\n")
    assert [part.at_ns for part in merged(find_files([path])[0])] == [path.stat().st_mtime_ns]


def test_one_line_with_a_time_far_ahead_does_not_carry_the_file_away(tmp_path: Path) -> None:
    path = tmp_path / "billing.log"
    path.write_text(f"{line(0)}\n2099-01-01T00:00:00Z INFO odd\n{line(60)}\n{line(120)}\n")
    assert max(part.at_ns for part in slices(one(path))) <= START_NS + (60 + 300) * 10**9


def test_more_files_than_may_be_open_at_once_are_read_one_after_the_other(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for number in range(150):
        (tmp_path / f"billing.log.{number + 1}").write_text(f"{line(100 * number)}\n")
    files, _ = find_files([tmp_path])
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 100), hard))
    try:
        assert sum(part.lines for part in merged(files)) == 150
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.ZstdCompressor().compress]
)
def test_files_that_overlap_are_read_whole_when_none_may_stay_open(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    ending = {bytes: "", gzip.compress: ".gz", bz2.compress: ".bz2", lzma.compress: ".xz"}.get(pack, ".zst")
    content = pack("".join(line(9 * n, "INFO " + "up " * 3000) + "\n" for n in range(40)).encode())
    for number in range(80):
        (tmp_path / f"s{number}.log{ending}").write_bytes(content)
    files, skipped = find_files([tmp_path])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        assert sum(part.lines for part in merged(files)) == 80 * 40
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not skipped
    assert not any(file.trouble for file in files)


def test_when_not_one_file_may_be_opened_that_is_said_and_no_file_is_called_broken(tmp_path: Path) -> None:
    (tmp_path / "billing.log").write_text(line(0))
    (file,), _ = find_files([tmp_path])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(TooFewFiles):
            list(merged([file]))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert file.trouble == ""


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_without_an_end_is_cut_where_a_record_is_and_counted(tmp_path: Path, end: bytes) -> None:
    most = DecodeLimits().record_bytes
    path = tmp_path / "billing.log.gz"
    fits = line(2, "INFO ").encode().ljust(most, b"b")
    path.write_bytes(
        gzip.compress(b"\n".join((line(0).encode(), fits, line(9).encode().ljust(50 * most, b"a"))) + end, 1)
    )
    file = one(path)
    tracemalloc.start()
    try:
        parts = list(slices(file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (file.lines, file.cut, file.trouble) == (3, 1, "")
    assert [len(part.raw) for part in parts] == [len(line(0)) + 1, most + 1, most + len(end)]
    assert peak < 20 * most


@pytest.mark.timeout(30)
def test_what_is_no_regular_file_is_refused_by_name_and_listed_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "billing.log").write_text(line(0))
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "loop.log").symlink_to("loop.log")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.log"))
        for name in ("pipe.log", "s.log"):
            with pytest.raises(BadInput, match="a pipe, a socket or a device"):
                find_files([tmp_path / name])
        with pytest.raises(BadInput, match="a pipe, a socket or a device"):
            find_files([Path("/dev/zero")])
        files, skipped = find_files([tmp_path])
    assert [file.name for file in files] == ["billing.log"]
    assert [name for name, reason in skipped if reason.startswith("a pipe")] == ["pipe.log", "s.log"]
    assert "loop.log" in dict(skipped)


# -- what is read, and under which name ----------------------------------------------------------------------------


def test_what_is_skipped_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "billing.log").write_text(line(0))
    (tmp_path / "windows.log").write_bytes("INFO up\r\n".encode("utf-16"))
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(200)))
    (tmp_path / "broken.log.gz").write_bytes(b"\x1f\x8bnot packed")
    (tmp_path / "empty.log").write_bytes(b"")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref")
    files, skipped = find_files([tmp_path])
    assert [file.name for file in files] == ["billing.log"]
    assert dict(skipped) == {
        "windows.log": "UTF-16; convert it to UTF-8 first",
        "image.png": "no text",
        "broken.log.gz": "its packing is broken",
        "empty.log": "empty",
        ".git/HEAD": "hidden",
    }


def test_nothing_to_read_is_bad_input_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file or directory"):
        find_files([tmp_path / "absent"])
    with pytest.raises(BadInput, match="no files to read"):
        find_files([tmp_path])
    (tmp_path / "empty.log").write_bytes(b"")
    with pytest.raises(BadInput, match=r"empty\.log: empty"):
        find_files([tmp_path])


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("billing.log", "billing"),
        ("billing.log.1", "billing"),
        ("billing.log.2.gz", "billing"),
        ("billing-2026-03-02.log", "billing"),
        ("billing.log.2026-03-02.gz", "billing"),
        ("billing.20260302-0800.jsonl.zst", "billing"),
        ("my.service.log", "my-service"),
        ("catalina.2026-03-02.log", "var-log"),
        ("billing/access.log", "billing"),
        ("billing/logs/error.log.1", "billing"),
        ("pods/clinic_billing_uid/billing/0.log", "billing"),
        ("app.log", "var-log"),
        ("app-0_clinic_records-db-" + "ab" * 32 + ".log", "app-0_clinic_records-db-" + "ab" * 32),
    ],
)
def test_the_service_is_that_of_the_file_or_of_its_folder(tmp_path: Path, name: str, service: str) -> None:
    top = tmp_path / "var-log"
    assert service_of(top / name, top) == service


def test_a_folder_that_was_typed_counts_and_what_stands_above_a_directory_does_not() -> None:
    assert service_of(Path("/opt/billing/logs/app.log"), None) == "billing"
    assert service_of(Path("/opt/billing/logs/app.log"), Path("/opt/billing/logs")) == "app"
