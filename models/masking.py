"""From a line of log to its masked form: what Drain3 is given instead of the line.

In two steps, both for a whole batch. First every run of ASCII digits becomes one `0` (the *shape* of a
line), on the bytes of the joined batch, so that the cost per line is that of a few `memchr`s. Then every
word of a shape is masked with the placeholders of `models.placeholders` as they look once the lengths of
digit runs are gone: an address is `0.0.0.0`, a time of day `0:0:0`. Masks stay inside a word, so a masked
line has as many words as the line, and each distinct word is masked once.

The masked form depends on the shape alone, and the shape on the line alone. The caches (of shapes and of
words, bounded, the least recently used half goes first) save time and change nothing, so they are never
stored.

What it cannot see: a form that only the number of digits tells apart (a version `1.2.3.4` reads as `<IP>`),
and identifiers of letters alone. Drain3's similarity takes care of those.

>>> Masker().mask_many(["worker 17 lost 10.0.3.9:5432 after 250ms", "GET /item/4f3a9c01 by u1 at 03:04:05"])
['worker <NUM> lost <IP> after <DURATION>', 'GET /item/<HEX> by u0 at <TIME>']
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from models.placeholders import NAMES

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

SEPARATOR = "\0"
_LONG_SHAPE, _LONG_WORD = 1000, 200  # bytes and characters: what is longer hardly ever comes again
_ONE_DIGIT = bytes.maketrans(b"123456789", b"000000000")
_RUNS = (b"00000", b"000", b"00")

_HEAD, _TAIL = r"(?<![A-Za-z0])", r"(?![A-Za-z0])"  # `_` separates as `-` does: blk_0, job_0_0
_X = "[0A-Fa-f]"
_DECIMAL = r"0(?:\.0)?"
_MASKS: tuple[tuple[str, str], ...] = (
    ("URL", r"[A-Za-z][A-Za-z0+.-]{1,15}://[^\s\"'<>]+"),
    ("EMAIL", r"(?<![A-Za-z0._%+-])[A-Za-z0._%+-]{1,64}@[A-Za-z0-]{1,63}(?:\.[A-Za-z0-]{1,63}){1,8}"),
    ("UUID", rf"{_HEAD}(?=[A-Fa-f-]*0){_X}{{1,8}}(?:-{_X}{{1,4}}){{3}}-{_X}{{1,12}}{_TAIL}"),
    ("MAC", rf"{_HEAD}(?=[A-Fa-f:-]*0){_X}{{1,2}}(?:[:-]{_X}{{1,2}}){{5}}{_TAIL}"),
    (
        "IP",
        rf"{_HEAD}0(?:\.0){{3}}(?![.0])(?:[:/]0)?{_TAIL}"
        rf"|{_HEAD}(?=[A-Fa-f:]*0)(?:{_X}{{1,4}}:){{7}}{_X}{{1,4}}{_TAIL}"
        rf"|{_HEAD}(?=[A-Fa-f:]*0)(?:{_X}{{1,4}}:){{1,6}}:(?:{_X}{{1,4}}:){{0,5}}{_X}{{1,4}}{_TAIL}",
    ),
    ("DATE", rf"{_HEAD}0(?P<by>[-/])0(?P=by)0(?:T0:0(?::0(?:[.,]0)?)?(?:Z|[+-]0(?::0)?)?)?{_TAIL}"),
    ("TIME", rf"{_HEAD}0:0:0(?:[.,:]0)?(?:Z|[+-]0(?::0)?)?{_TAIL}"),
    ("DURATION", rf"{_HEAD}(?:{_DECIMAL}(?:ns|us|µs|ms|msecs?|secs?|mins?|hrs?|s|m|h|d)){{1,6}}{_TAIL}"),
    ("SIZE", rf"{_HEAD}{_DECIMAL}(?:[KMGTPkmgt]i?[Bb]|[Bb]ytes|B|[KMGT]i?){_TAIL}"),
    ("NUM", rf"(?:(?<![A-Za-z0>])[-+])?{_HEAD}0(?:[.,]0){{0,8}}(?:[eE][-+]?0)?{_TAIL}"),
    ("HEX", rf"{_HEAD}(?:0[xX]{_X}+|(?=[a-f]*0)[0a-f]{{6,}}|(?=[A-F]*0)[0A-F]{{6,}}){_TAIL}"),
    ("HEX", rf"{_HEAD}(?:(?=[a-f]*0[a-f]+0)[0a-f]{{4,}}|(?=[A-F]*0[A-F]+0)[0A-F]{{4,}}){_TAIL}"),
    ("ID", rf"{_HEAD}(?=[A-Za-z]*0[A-Za-z]+0)[A-Za-z0]{{3,}}{_TAIL}"),
)
if unknown := {name for name, _ in _MASKS} - NAMES:
    raise LookupError(f"masks without a placeholder: {sorted(unknown)}")
_NEEDLES = {"URL": "://", "EMAIL": "@"}
_COMPILED = tuple((_NEEDLES.get(name, "0"), re.compile(pattern), f"<{name}>") for name, pattern in _MASKS)


class Recent(Generic[K, V]):
    """A bounded mapping that forgets what was not asked for lately: two dicts, a hit in the younger costs
    one.

    When the younger dict holds half of `capacity` it becomes the older one and what the older held is
    forgotten.

    >>> cache = Recent[str, int](4)
    >>> for word in "abcde":
    ...     cache.put(word, ord(word))
    >>> cache.get("a"), cache.get("c"), len(cache)
    (None, 99, 3)
    """

    __slots__ = ("_half", "_old", "young")

    def __init__(self, capacity: int) -> None:
        self._half = max(1, capacity // 2)
        self.young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Return the value of `key` and mark it as used, or None."""
        value = self.young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                del self._old[key]
                self.put(key, value)
        return value

    def put(self, key: K, value: V) -> None:
        """Remember `value` (never None)."""
        if len(self.young) >= self._half:
            self._old, self.young = self.young, {}
        self.young[key] = value


def shapes(texts: Sequence[str]) -> list[bytes]:
    """Return each text as UTF-8 with every run of ASCII digits as one `0`; a NUL reads as a space.

    >>> shapes(["port 8080", "v1.22", ""])
    [b'port 0', b'v0.0', b'']
    """
    if not texts:
        return []
    found = _collapse(SEPARATOR.join(texts))
    if len(found) != len(texts):  # a line held the separator itself
        found = _collapse(SEPARATOR.join([text.replace(SEPARATOR, " ") for text in texts]))
    return found


def _collapse(joined: str) -> list[bytes]:
    data = joined.encode("utf-8", "surrogatepass").translate(_ONE_DIGIT)
    for run in _RUNS:
        data = data.replace(run, b"0")
    while b"00" in data:
        data = data.replace(b"00", b"0")
    return data.split(b"\0")


def mask_word(word: str) -> str:
    """Mask one word of a shape.

    >>> [mask_word(word) for word in ("blk_-0", "/0.0.0.0:0", "utf0", "trace=0ad0f0", "req-0fK0dZ0", "0%")]
    ['blk_<NUM>', '/<IP>', 'utf0', 'trace=<HEX>', 'req-<ID>', '<NUM>%']
    """
    for needle, pattern, placeholder in _COMPILED:
        if needle in word:  # most words hold none of the three
            word = pattern.sub(placeholder, word)
    return word


class Masker:
    """Masks batches of lines; one per process is enough, and it may be shared by every miner of a thread.

    `known_shapes` and `known_words` bound the two caches; what is very long is not remembered. Cost: about
    0.2 us for a line of a known shape, a few us for a new shape of known words.
    """

    def __init__(self, known_shapes: int = 32_768, known_words: int = 32_768) -> None:
        self._shapes = Recent[bytes, str](known_shapes)
        self._words = Recent[str, str](known_words)

    def mask_many(self, texts: Sequence[str]) -> list[str]:
        """Return the masked form of each text: its words, masked, with one space between them."""
        found = shapes(texts)
        known = list(map(self._shapes.young.get, found))
        if None not in known:
            return known  # type: ignore[return-value]  # just looked
        pairs = zip(known, found, strict=True)
        return [masked if masked is not None else self._mask(shape) for masked, shape in pairs]

    def _mask(self, shape: bytes) -> str:
        masked = self._shapes.get(shape)
        if masked is None:
            words = []
            for word in shape.decode("utf-8", "surrogatepass").split():
                safe = self._words.get(word)
                if safe is None:
                    safe = mask_word(word)
                    if len(word) <= _LONG_WORD:
                        self._words.put(word, safe)
                words.append(safe)
            masked = " ".join(words)
            if len(shape) <= _LONG_SHAPE:
                self._shapes.put(shape, masked)
        return masked
