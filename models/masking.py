"""From a line of log to its masked form: what Drain3 is given instead of the line.

In steps that each serve what the one before has not seen. First, for a whole batch, every run of ASCII digits
becomes one `0` (the *shape* of a line), on the bytes of the joined batch, so that a line costs a fraction of a
microsecond. Of shapes that are not known, long identifiers are masked, again for all at once, and most are
known then. Of the rest every word is masked with the placeholders of `models.placeholders` as they look once
the lengths of digit runs are gone (an address is `0.0.0.0`, a time of day `0:0:0`) and split into tokens
(`models.tokens`), each distinct word once. A masked line is its tokens with one blank between them.

The masked form depends on the shape alone, and the shape on the line alone. The caches (of shapes and of
words, bounded, the least recently used half goes first) save time and change nothing, so they are never
stored.

What it cannot see: a form that only the number of digits tells apart (a version `1.2.3.4` reads as `<IP>`),
and identifiers of letters alone. Drain3's similarity takes care of those.

>>> Masker().mask_many(["worker 17 lost 10.0.3.9:5432 after 250ms", "GET /item/4f3a9c01 by u1 at 03:04:05"])
['worker <NUM> lost <IP> after <DURATION>', 'GET <PATH> by u0 at <TIME>']
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from models.placeholders import NAMES
from models.recent import Recent
from models.tokens import bare, is_value, joined, whole

SEPARATOR = "\0"
_LONG_SHAPE, _LONG_WORD = 1000, 200  # bytes and characters: what is longer hardly ever comes again
_ONE_DIGIT = bytes.maketrans(b"123456789\1\2\3", b"000000000   ")  # 1 to 3 mean something in `models.tokens`
_UNSEEN = dict.fromkeys((0, 1, 2, 3), " ")
_ZERO = ord("0")

_HEAD, _TAIL = r"(?<![A-Za-z0])", r"(?![A-Za-z0])"  # `_` separates as `-` does: blk_0, job_0_0
_X = "[0A-Fa-f]"
_DECIMAL = r"0(?:\.0)?"
_EXTENSION = (
    "(?:py|sh|js|gz|so|rb|go|rs|cc|cs|ts|md|pl|db|ko|vm|ps|id|hh|mm|xz)\\b"  # of files, not countries
)
_SEGMENT = r"(?:<[A-Z]+>|[^\s/?=:,;()\[\]{}\"'|<>])"
_MASKS: tuple[tuple[str, str], ...] = (
    ("URL", r"[A-Za-z][A-Za-z0+.-]{1,15}://[^\s\"']+?(?=[)\]},;:.>]*(?:[\s\"']|$))"),
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
    (
        "HEX",
        rf"(?<=[A-Za-z0][{{@])(?=[a-f]*0)[0a-f]{{1,16}}{_TAIL}",
    ),  # an object's identity, as programs print it
    ("ID", rf"{_HEAD}(?=[A-Za-z]*0[A-Za-z]+0)[A-Za-z0]{{3,}}{_TAIL}"),
    ("BOOL", r"(?<![A-Za-z0_.])(?i:true|false|null)(?![A-Za-z0_.])"),
    (
        "HOST",
        r"(?<![A-Za-z0_.@/:-])(?:(?:<[A-Z]+>|[A-Za-z0_-]){1,63}\.){1,8}(?:com|net|org|edu|gov|mil|arpa|local|lan|internal|localdomain)\b"
        r"(?![.(/:]?[A-Za-z_])"
        rf"|(?<![A-Za-z0_.@/:-])(?:(?:<[A-Z]+>|[A-Za-z0_-]){{1,63}}\.){{2,8}}(?!{_EXTENSION})[a-z]{{2}}(?![A-Za-z0_.(/-])",
    ),
    (
        "PATH",
        rf"(?<![A-Za-z0_.)>\]*-])/(?!<IP>){_SEGMENT}(?:{_SEGMENT}|/)*(?:\?[^\s\"']+)?"
        rf"|(?<![A-Za-z0_])[A-Za-z]:\\[^\s,;\"'|]*",
    ),
)
if unknown := {name for name, _ in _MASKS} - NAMES:
    raise LookupError(f"masks without a placeholder: {sorted(unknown)}")
_NEEDLES = {
    "URL": ("://",),
    "EMAIL": ("@",),
    "BOOL": ("rue", "RUE", "alse", "ALSE", "ull", "ULL"),
    "PATH": ("/", ":\\"),
    "HOST": (".",),
}
_COMPILED = tuple(
    (needle, re.compile(pattern), f"<{name}>")
    for name, pattern in _MASKS
    for needle in _NEEDLES.get(name, ("0",))
)
# Found in whole shapes before these are looked up a second time. They begin with a set, so that `re` skips quickly.
_UUIDS = re.compile(
    r"[0A-Fa-f](?<![A-Za-z0].)[0A-Fa-f]{0,7}(?:-[0A-Fa-f]{1,4}){3}-[0A-Fa-f]{1,12}(?![A-Za-z0])"
)
_DIGESTS = re.compile(r"[0a-f](?<![A-Za-z0].)(?=[0a-f]{11})(?<=(?=[a-f]*0).)[0a-f]+(?![A-Za-z0])")


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
    letters = np.frombuffer(data, np.uint8)
    zeros = letters == _ZERO
    kept = zeros[1:] & zeros[:-1]  # the second and further digits of a run
    np.logical_not(kept, out=kept)
    shorter: bytes = data[:1] + letters[1:][kept].tobytes()
    return shorter.split(b"\0")


def mask_word(word: str) -> str:
    """Mask one word of a shape.

    >>> [mask_word(word) for word in ("blk_-0", "/0.0.0.0:0", "utf0", "trace=0ad0f0", "req-0fK0dZ0", "0%")]
    ['blk_<NUM>', '/<IP>', 'utf0', 'trace=<HEX>', 'req-<ID>', '<NUM>%']
    """
    for needle, pattern, placeholder in _COMPILED:
        if needle in word:  # most words hold none of the three
            word = pattern.sub(placeholder, word)
    return word


def _is_numbered(token: str) -> bool:
    return "0" in token and not is_value(token)


def without_ids(shape: str) -> str:
    """Mask the long identifiers of a shape, whose letters make it one that hardly ever comes again.

    >>> without_ids("job 0f0fad0b-d0cb-0f-a0-0e at 0fade0fade0fade")
    'job <UUID> at <HEX>'
    """
    return _DIGESTS.sub("<HEX>", _UUIDS.sub("<UUID>", shape))


class Masker:
    """Masks batches of lines; one per process is enough, and it may be shared by every miner of a thread.

    `known_shapes` and `known_words` bound the two caches; what is very long is not remembered. Cost: about
    0.2 us for a line of a known shape, a few us for a new shape of known words.
    """

    def __init__(self, known_shapes: int = 32_768, known_words: int = 32_768) -> None:
        self._shapes = Recent[bytes, str](known_shapes)
        self._forms = Recent[str, str](known_shapes)
        self._words = Recent[str, str](known_words)

    def mask_many(self, texts: Sequence[str]) -> list[str]:
        """Return the masked form of each text: its tokens with one blank between them."""
        found = shapes(texts)
        known = list(map(self._shapes.young.get, found))
        if None not in known:
            return known  # type: ignore[return-value]  # just looked
        self._look_again(known, found)
        return known  # type: ignore[return-value]  # nothing is left out

    def words_with_digits(self, text: str, count: int) -> dict[int, str]:
        """Return, by their place among the `count` tokens of `text`, the words that have digits and no mask as
        they stand in the text; none where that cannot be said.

        >>> Masker().words_with_digits("read utf8 from eth1, 10.0.0.1", 6)
        {1: 'utf8', 3: 'eth1'}
        """
        masked, raw = list[str](), list[str]()
        words = text.translate(_UNSEEN).split()
        for word, shape in zip(words, shapes(words), strict=True):
            tokens = self._tokens(without_ids(shape.decode("utf-8", "surrogatepass")))
            parts = tokens.split(" ")
            own = joined(word).split(" ") if "0" in tokens and "<" not in tokens else []
            masked += parts
            raw += own if len(own) == len(parts) else [""] * len(parts)
        after = whole(" ".join(masked)).split(" ")
        places = [at for at, token in enumerate(after) if _is_numbered(token)]
        words = [
            bare(word) if word else "" for token, word in zip(masked, raw, strict=True) if _is_numbered(token)
        ]
        if len(after) != count or len(words) != len(places):
            return {}
        return {at: word for at, word in zip(places, words, strict=True) if word}

    def _look_again(self, known: list[str | None], found: Sequence[bytes]) -> None:
        """Fill the gaps in `known`: what is missed by its digits alone may be known without its identifiers."""
        gaps = [at for at, masked in enumerate(known) if masked is None]
        missed = b"\0".join([found[at] for at in gaps]).decode("utf-8", "surrogatepass")
        bare = without_ids(missed).split(SEPARATOR)
        shapes_, forms = self._shapes, self._forms
        for at, form in zip(gaps, bare, strict=True):
            masked = forms.get(form)
            if masked is None:
                masked = self._mask(form)
                if len(form) <= _LONG_SHAPE:
                    forms.put(form, masked)
            known[at] = masked
            if (shape := found[at]) and len(shape) == len(form):  # else no digits are left to come again
                shapes_.put(shape, masked)

    def _mask(self, form: str) -> str:
        return whole(" ".join(map(self._tokens, form.split())))

    def _tokens(self, word: str) -> str:
        """Return the tokens of one word of a form with a blank between them."""
        tokens = self._words.get(word)
        if tokens is None:
            tokens = joined(mask_word(word))
            if len(word) <= _LONG_WORD:
                self._words.put(word, tokens)
        return tokens
