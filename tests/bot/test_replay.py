"""mayday replay cuts files into blocks as they would have arrived, and finds in them what Mayday would have found."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli.main import run
from bot.config import parse
from bot.log_files import find_files, merged
from bot.replay import TICK_NS, blocks, read_changes, replay
from bot.replay_place import remove_left_behind
from models.errors import BadInput
from stream.decode import decode
from stream.field_settings import FieldSettings
from stream.fields import FieldRules, columns
from stream.spool import Entry, Kind

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def line(second: float, text: str, *, service: str = "billing", level: str = "INFO") -> str:
    at = (START + timedelta(seconds=second)).isoformat()
    return json.dumps({"timestamp": at, "host": "h1", "service": service, "level": level, "message": text})


def day(outage: bool) -> list[str]:
    """Twenty minutes of a quiet service; with `outage`, from minute fifteen on every second request fails."""
    found = []
    for second in range(1200):
        found.append(line(second, f"request finished in {second % 40} ms"))
        if outage and second >= 900:
            found += [
                line(second + 0.1 * n, f"connection refused by upstream after {n} attempts", level="ERROR")
                for n in range(4)
            ]
    return found


def test_ticks_stand_between_lines_that_are_far_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(line(0, "first") + "\n" + line(21, "second") + "\n")
    kinds = [(block.entries[0].kind, block.received_ns) for block in blocks(merged(find_files([path])[0]))]
    assert [kind for kind, _ in kinds] == [
        Kind.TEXT,
        Kind.CONTROL,
        Kind.CONTROL,
        Kind.CONTROL,
        Kind.CONTROL,
        Kind.TEXT,
    ]
    assert kinds[2][1] - kinds[1][1] == TICK_NS


def test_an_outage_becomes_an_incident_soon_after_it_began_and_a_quiet_day_none(tmp_path: Path) -> None:
    quiet, bad = tmp_path / "quiet.log", tmp_path / "bad.log.gz"
    quiet.write_text("\n".join(day(outage=False)) + "\n")
    bad.write_bytes(gzip.compress("\n".join(day(outage=True)).encode()))
    assert replay(parse({}), find_files([quiet])[0], []).incidents == []
    changes = tmp_path / "changes.jsonl"
    changes.write_text(
        json.dumps(
            {
                "id": "chg-1",
                "service": "billing",
                "time": (START + timedelta(seconds=890)).isoformat(),
                "kind": "deploy",
            }
        )
    )
    summary = replay(parse({}), find_files([bad])[0], read_changes(changes))
    assert summary.lines == len(day(outage=True))
    first = summary.incidents[0]
    opened = datetime.fromisoformat(first["opened_at"])
    assert START + timedelta(seconds=900) <= opened <= START + timedelta(seconds=930)
    assert (first["service"], first["suspect_change"]) == ("billing", "chg-1")
    assert len(summary.incidents) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "line 1"), ('{"id": "c1", "service": "a", "time": "soon"}', "time"), ('{"service": "a"}', "id")],
)
def test_a_bad_file_of_changes_is_refused_by_line_and_key(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "changes.jsonl"
    path.write_text(content)
    with pytest.raises(BadInput, match=words):
        read_changes(path)


def test_changes_in_a_file_that_is_not_there_are_not_said_to_be_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file changes\.jsonl"):
        read_changes(tmp_path / "changes.jsonl")


# -- a directory as people have it ------------------------------------------------------------------------------------


def stamp(second: int, form: str) -> str:
    return f"{START + timedelta(seconds=second):{form}}"


def mixed(folder: Path) -> tuple[int, int]:
    """Write a directory of everything that /var/log may hold; the database of `billing` refuses from minute fifteen on.

    Returns how many lines there are to read, and how many of them are blank.
    """
    iso, syslog = "%Y-%m-%d %H:%M:%S", "%b %e %H:%M:%S"
    java, worker, access, error = [], [], [], []
    for n in range(1200):
        broken = n >= 900
        java.append(
            f"{stamp(n, iso)},{n % 1000:03d} [exec-{n % 9}] INFO  c.example.Invoices - invoice {n} finished"
        )
        if broken:
            java += [
                f"{stamp(n, iso)},999 [exec-1] ERROR c.example.Invoices - no connection for the invoice",
                "java.sql.SQLTransientConnectionException: request timed out after 30000 ms",
                "\tat com.example.pool.Pool.get(Pool.java:197)",
                "Caused by: java.net.SocketTimeoutException: connect timed out",
                "\t... 42 more",
                "",
            ]
        worker.append(f"{stamp(n, iso)},{n % 1000:03d} - queue - INFO - job {n} done")
        if n == 600:
            worker += [
                f"{stamp(n, iso)},900 - queue - ERROR - job {n} failed",
                "Traceback (most recent call last):",
                '  File "/app/queue.py", line 10, in run',
                "    raise ValueError(job)",
                "ValueError: no slot",
            ]
        access.append(
            f'192.0.2.{n % 250} - - [{stamp(n, "%d/%b/%Y:%H:%M:%S")} +0000] "GET /bill/{n} HTTP/1.1" 200 {n * 3} "-" "-"'
        )
        if broken and n % 2:
            error.append(
                f"{stamp(n, '%Y/%m/%d %H:%M:%S')} [error] 31#31: *{n} connect() failed (111: Connection refused) "
                "while connecting to upstream"
            )
    texts = {
        "messages": [f"{stamp(n, syslog)} web-1 sshd[{n + 100}]: session opened" for n in range(1200)],
        "scheduler.syslog": [
            f"<{29 if n % 9 else 28}>1 {stamp(n, '%Y-%m-%dT%H:%M:%S')}.5Z web-2 scheduler 7 ID47 - tick {n} finished"
            for n in range(1200)
        ],
        "nginx/access.log": access,
        "nginx/error.log": error,
        "clinic/billing/logs/app.log": java,
        "worker.log.1": worker,
        "es.json": [
            json.dumps({"@timestamp": stamp(n, "%Y-%m-%dT%H:%M:%SZ"), "log.level": "INFO", "message": f"queued {n}",
                        "service.name": "messaging"}) for n in range(1200)
        ],
        "auth-2026-03-02.ndjson": [
            json.dumps({"time": int((START + timedelta(seconds=n)).timestamp() * 1000), "level": 30, "msg": f"refreshed {n}"})
            for n in range(1200)
        ],
        "notes.txt": ["no line of this file", "has a date"],
    }  # fmt: skip
    blank = 0
    for name, lines in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")
        blank += lines.count("")
    scans = [
        json.dumps({"ts": (START + timedelta(seconds=n)).timestamp(), "lvl": "info", "msg": f"scan {n}"})
        for n in range(1200)
    ]
    (folder / "imaging.jsonl.gz").write_bytes(gzip.compress("\n".join(scans).encode()))
    (folder / "latin.log").write_bytes(
        b"".join(f"{stamp(n, iso)} WARN caf\xe9 is closed\n".encode("latin-1") for n in range(100))
    )
    (folder / "empty.log").write_bytes(b"")
    (folder / "core.bin").write_bytes(bytes(range(256)) * 400)
    (folder / ".cache").write_text("hidden")
    return sum(map(len, texts.values())) + 1200 + 100, blank


def test_a_directory_of_mixed_files_is_read_whole_and_the_outage_in_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "mixed", tmp_path / "incidents.json"
    folder.mkdir()
    lines, blank = mixed(folder)
    assert run(["replay", str(folder), "--json", str(out)]) == 0
    shown = capsys.readouterr().out
    assert f"11 files, {lines:,} lines ({blank:,} blank)" in shown
    assert "skipped, empty: empty.log" in shown
    assert "skipped, no text: core.bin" in shown
    assert "skipped, hidden: .cache" in shown
    assert "no line has a date, so they stand at the beginning: notes.txt" in shown
    found = json.loads(out.read_text())
    opened = {each["service"]: datetime.fromisoformat(each["opened_at"]) for each in found}
    assert "billing" in opened
    assert START + timedelta(seconds=900) <= opened["billing"] <= START + timedelta(seconds=930)
    # Nothing else is wrong: what ends with its file has not gone silent.
    assert all(START + timedelta(seconds=900) <= at for service, at in opened.items() if service != "worker")
    assert {each["category"] for each in found}.isdisjoint({"silence"})


def test_in_a_mixed_directory_every_format_gives_time_level_and_service(tmp_path: Path) -> None:
    mixed(tmp_path)
    files, _ = find_files([tmp_path])
    rules, found = FieldRules(FieldSettings()), dict[str, list[tuple[int, int, str]]]()
    newest = 0
    for part in merged(files):
        assert part.at_ns >= newest, "the files are merged in the order of time"
        newest = part.at_ns
        entry = Entry(Kind.TEXT, part.at_ns, "replay", "", part.source, None, {}, part.raw)
        for lines in columns(decode(entry).records, entry, rules):
            found.setdefault(lines.service, []).extend(zip(lines.ts, lines.level, lines.text, strict=True))
    assert found.keys() == {
        "sshd", "scheduler", "nginx", "billing", "worker", "messaging", "auth", "imaging", "latin", "notes",
    }  # fmt: skip
    begin, end = (int((START + timedelta(seconds=s)).timestamp()) for s in (0, 1200))
    for rows in found.values():
        assert all(begin <= at // 10**9 < end for at, _, _ in rows)
    levels = {service: Counter(level for _, level, _ in rows) for service, rows in found.items()}
    assert levels["scheduler"] == {0: 1066, 13: 134}
    assert levels["nginx"] == {9: 1200, 17: 150}
    assert levels["billing"] == {9: 1200, 17: 300}
    assert levels["worker"] == {9: 1200, 17: 1}
    assert levels["imaging"] == levels["messaging"] == levels["auth"] == {9: 1200}
    traces = [text for _, level, text in found["billing"] if level == 17]
    assert all(text.count("\n") == 4 and text.endswith("42 more") for text in traces)
    assert next(text for _, level, text in found["worker"] if level == 17).endswith("ValueError: no slot")


def test_a_line_that_was_cut_is_said_in_the_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "billing.log"
    path.write_text(line(0, "up") + "\n2026-03-02T03:00:01Z INFO " + "a" * (3 << 20) + "\n")
    assert run(["replay", str(path)]) == 0
    assert "1 line longer than a record may be, cut there: billing.log" in capsys.readouterr().out


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_replay_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    """The master key of its state stands on no disk even while it runs."""
    path, place = tmp_path / "billing.log", tmp_path / "tmp"
    place.mkdir()
    with path.open("w") as file:
        file.writelines(line(second / 10, f"request {second} finished") + "\n" for second in range(150_000))
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(place)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        (state,) = place.glob("mayday-replay-*")
        assert not list(state.rglob("master.key"))
        process.send_signal(number)
        process.wait(40)
        assert process.returncode == 128 + number
    assert not list(place.iterdir())


@pytest.mark.timeout(60)
def test_what_a_killed_replay_left_goes_with_the_next_one_and_what_one_that_lives_has_stays(
    tmp_path: Path,
) -> None:
    path, place = tmp_path / "billing.log", tmp_path / "tmp"
    place.mkdir()
    with path.open("w") as file:
        file.writelines(line(second / 10, f"request {second} finished") + "\n" for second in range(150_000))
    strange = place / "mayday-replay-without-a-lock"
    strange.mkdir()
    (place / "mayday-replay-link").symlink_to(tmp_path)
    begun = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], env={**os.environ, "TMPDIR": str(place)},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        begun.append(process)
    before = {each.name for each in place.iterdir()}
    assert len(before) == 4
    begun[0].kill()
    begun[0].wait(20)
    remove_left_behind(place)
    left = {each.name for each in place.iterdir()}
    assert len(left) == 3
    assert {strange.name, "mayday-replay-link"} < left
    begun[1].terminate()
    assert begun[1].wait(40) == 128 + signal.SIGTERM
    assert {each.name for each in place.iterdir()} == {strange.name, "mayday-replay-link"}
    for process in begun:
        process.communicate()


CHILD = """
import sys
from pathlib import Path
from bot.config import parse
from bot.log_files import find_files
from bot.replay import replay
from bot.signals import ended_by_signals
told = []
def progress(size):
    if not told:
        print("reading", flush=True)
    told.append(size)
with ended_by_signals():
    replay(parse({}), find_files([Path(sys.argv[1])])[0], [], progress=progress)
"""
