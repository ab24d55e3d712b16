"""What is approved, what is not, and what a deployment can add."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

from models.errors import BadInput
from models.sanitizer import Gate, Vocabulary
from models.sanitizer.build_vocabulary import DATA, build, hand_written

BASE = Vocabulary.base()


@pytest.mark.parametrize(
    "word", ["connection", "timeout", "deadlock", "kafka", "postgres", "utf8", "ECONNREFUSED", "Exhausted"]
)
def test_words_of_software_and_of_english_are_approved(word: str) -> None:
    assert BASE.approves(word)


@pytest.mark.parametrize(
    "word",
    [
        "smith",
        "young",
        "hall",
        "garcia",
        "nguyen",
        "mary",
        "john",
        "grace",
        "hope",
        "april",
        "june",
        "chicago",
        "boston",
        "london",
    ],
)
def test_given_names_surnames_places_and_months_are_not(word: str) -> None:
    assert not BASE.approves(word)


@pytest.mark.parametrize("word", ["page", "case", "price", "long", "may", "fields"])
def test_words_logs_need_that_are_frequent_names_are_doubtful(word: str) -> None:
    assert BASE.approves(word)
    assert BASE.doubts(word)


def test_single_letters_are_not_words_but_a_and_i() -> None:
    assert [letter for letter in "abcdefghijklmnopqrstvwxyz" if BASE.approves(letter)] == ["a"]


def test_a_deployment_adds_words_and_the_base_stays_as_it_was() -> None:
    mine = BASE.with_words(["Zorblax", " quuxdb2 "])
    assert mine.approves("zorblax")
    assert mine.approves("QUUXDB2")
    assert not mine.doubts("zorblax")
    assert not BASE.approves("zorblax")
    assert Gate(mine).text("zorblax is down") == "zorblax is down"


def test_approving_a_doubtful_word_ends_the_doubt() -> None:
    assert not BASE.with_words(["case"]).doubts("case")


@pytest.mark.parametrize("word", ["", "two words", "caf\u00e9", "9lives", "a" * 41, "<ip>"])
def test_what_is_no_word_cannot_be_approved_and_is_not_repeated(word: str) -> None:
    with pytest.raises(BadInput, match="1 of 2 words cannot be approved") as caught:
        BASE.with_words(["fine", word])
    assert not word or word not in str(caught.value)


def test_the_shipped_list_is_small_sorted_and_ascii() -> None:
    packed = (files("models.sanitizer") / "data" / "words.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("ascii").split()
    assert len(packed) < 400_000
    assert lines == sorted(set(lines))
    assert len(BASE) == len(lines) > 50_000


def test_the_hand_written_words_are_in_it() -> None:
    # a name among them is left out on purpose, so nearly all
    software, _ = hand_written(DATA / "software.txt")
    assert sum(map(BASE.approves, software)) >= 0.99 * len(software)
    kept, _ = hand_written(DATA / "kept.txt")
    assert all(map(BASE.approves, kept))


def test_the_build_leaves_out_names_and_marks_what_is_both(tmp_path: Path) -> None:
    for size in (10, 20, 35, 40, 50):
        for kind in ("english", "american"):
            (tmp_path / f"{kind}-words.{size}").write_text("")
    (tmp_path / "english-words.10").write_text("river\nsmith\nzorb\nmarch\nquux\nwell's\n")
    (tmp_path / "english-words.35").write_text("plugh\n")
    (tmp_path / "english-words.50").write_text("xyzzy\nfrotz\n")
    (tmp_path / "dist.all.last").write_text(
        "SMITH 1.0 1.0 1\nPLUGH 0.0 90.0 20000\nXYZZY 0.0 90.0 20001\nQUUX 0.0 90.0 20002\n"
    )
    (tmp_path / "dist.female.first").write_text("ZORB 1.0 1.0 1\n")
    (tmp_path / "dist.male.first").write_text("")
    for file in ("countries.json", "us_states.json", "us_counties.json"):
        (tmp_path / file).write_text("[]")
    (tmp_path / "cities15000.json").write_text('{"1": {"name": "Frotz"}}')
    lines = set(build(tmp_path, tmp_path, tmp_path))
    assert {"river", "quux", "~plugh"} <= lines
    assert not lines & {
        "smith",
        "~smith",
        "zorb",
        "~zorb",
        "march",
        "xyzzy",
        "~xyzzy",
        "frotz",
        "~frotz",
        "plugh",
        "well's",
    }


def test_the_wheel_carries_the_list(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert "models/sanitizer/data/words.txt.gz" in zipfile.ZipFile(wheel).namelist()
