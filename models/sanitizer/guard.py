"""Keep foreign text out of our own exceptions, logs and dumps.

Exceptions of libraries quote the values they failed on, and a log line may be made of one. `guarded`
turns a foreign exception into `models.errors.Guarded`: class name, place in the code and an id, never its
text. `SafeFormatter` prints of a log record what is ours (sentences written in our packages, numbers,
`SafeText`, `MaydayError`) and the bare type of everything else. `log_to` installs it for a whole process,
and `forbid_core_dumps` keeps the memory of a crashed one, with whatever was being read, off the disk.

The id is a hash of class, place and doing: the same failure has the same id everywhere, and no data in it.

>>> with guarded("decoding a frame"):  # doctest: +IGNORE_EXCEPTION_DETAIL
...     int("a patient's name")
Traceback (most recent call last):
models.errors.Guarded: decoding a frame failed (ValueError at <typed>:2, fault ID)
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import Enum
from hashlib import blake2b
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, LiteralString, TextIO

from models.errors import Guarded, MaydayError
from models.sanitizer.safe_text import SafeText

if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from threading import ExceptHookArgs

ROOMS: Final = frozenset(("bot", "command_center", "knowledge_base", "models", "storage", "stream", "mayday"))
"""First parts of the logger names whose sentences are ours; a contract test sees that they are literals."""

_DEPTH: Final = 6  # frames of a foreign exception that are named
_MEMORY_KINDS: Final = Path("/proc/self/coredump_filter")  # what a core dump may hold, where Linux has it


@contextmanager
def guarded(doing: LiteralString) -> Iterator[None]:
    """Let only `MaydayError` out of the block; any other exception comes out as `Guarded`, without its text.

    `doing` is our own name for what the block does, such as `"decoding a frame"`. What ends a program on
    purpose (`KeyboardInterrupt`, `SystemExit`, `asyncio.CancelledError`) passes.
    """
    try:
        yield
    except MaydayError:
        raise
    except Exception as error:  # noqa: BLE001 - the failure goes on, only its text does not
        raise Guarded(f"{doing} failed ({described(error)}, fault {fault_id(error, doing)})") from None


def described(error: BaseException) -> str:
    """Return class and place of an exception, nothing that it says; the text of one of our own."""
    if isinstance(error, MaydayError):
        return f"{type(error).__name__}: {error}"
    places = _places(error.__traceback__)
    return f"{type(error).__name__} at {places[-1]}" if places else type(error).__name__


def fault_id(error: BaseException, doing: str = "") -> str:
    """Return eight hexadecimal characters that are equal for equal failures."""
    places = _places(error.__traceback__)
    parts = (type(error).__module__, type(error).__qualname__, doing, *places[-1:])
    return blake2b("\0".join(parts).encode(), digest_size=4).hexdigest()


def _places(trace: TracebackType | None) -> list[str]:
    """Return `folder/file.py:line` of the frames, innermost last."""
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)
    return [f"{_short(frame.filename)}:{frame.lineno}" for frame in frames]


def _short(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:]) if filename.endswith(".py") else "<typed>"


class SafeFormatter(logging.Formatter):
    """Format a log record so that nothing foreign is printed.

    A sentence is printed if its logger is one of ours, or if it is `SafeText`; sentences of libraries are
    replaced by where they came from. Arguments that are numbers, times, members of our enumerations, `SafeText`
    or `MaydayError` are printed, all others as `<type>`. Times are UTC. It never raises.
    """

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = f"{at} {record.levelname} {record.name}: {_sentence(record)}"
        if record.exc_info and record.exc_info[1] is not None:
            line += f" [{_chain(record.exc_info[1])}]"
        return line


def _sentence(record: logging.LogRecord) -> str:
    message = record.msg
    if isinstance(message, MaydayError):
        return str(message)
    ours = isinstance(message, str) and (isinstance(message, SafeText) or record.name.split(".")[0] in ROOMS)
    if not ours:
        return f"<message of {type(message).__name__} withheld> {_short(record.pathname)}:{record.lineno}"
    if not record.args:
        return str(message)
    try:
        if isinstance(record.args, dict):
            return str(message) % {key: _shown(value) for key, value in record.args.items()}
        return str(message) % tuple(_shown(value) for value in record.args)
    except (TypeError, ValueError, KeyError):
        # `%d` for something that had to be withheld, or a wrong number of arguments
        return f"{message} <arguments withheld>"


def _shown(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | SafeText | date | Enum):
        return value
    if isinstance(value, BaseException):
        return described(value)
    return f"<{type(value).__name__}>"


def _chain(error: BaseException) -> str:
    """Describe an exception and what it came from; class names and places only."""
    links: list[str] = []
    following: BaseException | None = error
    while following is not None and len(links) < _DEPTH:
        places = " < ".join(reversed(_places(following.__traceback__)[-_DEPTH:]))
        links.append(described(following) + (f" via {places}" if places else ""))
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return "; caused by ".join(links)


def forbid_core_dumps() -> None:
    """Make sure that a crash leaves no memory of this process on disk; children inherit it.

    The size limit stops files. Where the system hands dumps to a program the limit does not count, so the kinds
    of memory that a dump may hold are emptied too (Linux). A system without either is left as it is.
    """
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _MEMORY_KINDS.write_text("0", "ascii")
    except OSError:
        return


def log_to(target: Path | TextIO, level: int = logging.INFO) -> None:
    """Route all logging and all uncaught exceptions of this process through `SafeFormatter` into `target`.

    Called once, first thing, where a process starts. A file is made with mode 0600 and rotated at 10 MB, with
    five old ones kept. Handlers that were there before are removed, and warnings are logged too.
    """
    handler = _file_handler(target) if isinstance(target, Path) else logging.StreamHandler(target)
    handler.setFormatter(SafeFormatter())
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a handler that fails would print the record's raw arguments
    log = logging.getLogger("mayday")

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("stopped by an error", exc_info=(kind, error, trace))

    def uncaught_in_thread(args: ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            log.critical(
                "a thread stopped by an error", exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
            )

    def unraisable(args: UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            log.error("an error nobody could receive", exc_info=args.exc_value)

    sys.excepthook = uncaught
    threading.excepthook = uncaught_in_thread
    sys.unraisablehook = unraisable


def _file_handler(path: Path) -> logging.Handler:
    path.touch(0o600)
    return RotatingFileHandler(path, maxBytes=10_000_000, backupCount=5, encoding="utf-8")
