"""`SafeText` is a string that cannot be made by accident."""

from __future__ import annotations

import copy
import pickle

import pytest
from pydantic import TypeAdapter

from models.sanitizer import Gate, SafeText, Vocabulary, phrase

SAFE = Gate(Vocabulary.base()).text("billing")


def test_it_cannot_be_made_directly() -> None:
    for seal in (None, object(), True):
        with pytest.raises(TypeError):
            SafeText("billing", seal)


def test_whatever_it_is_joined_with_is_a_plain_string_again() -> None:
    for made in (SAFE + "x", f"{SAFE}", SAFE.upper(), SAFE[:3], "".join([SAFE]), SAFE.replace("b", "c")):
        assert not isinstance(made, SafeText)


def test_a_phrase_takes_safe_values_and_numbers_only() -> None:
    assert phrase("{} errors in {}, {:.1f} a second", 3, SAFE, 0.25) == "3 errors in billing, 0.2 a second"
    for value in ("billing", b"billing", None, ["billing"]):
        with pytest.raises(TypeError, match="SafeText and numbers only"):
            phrase("{}", value)  # type: ignore[arg-type]


def test_it_survives_copying_and_pickling_as_what_it_is() -> None:
    for again in (copy.deepcopy(SAFE), pickle.loads(pickle.dumps(SAFE))):
        assert isinstance(again, SafeText)
        assert again == SAFE


def test_its_json_is_a_plain_string() -> None:
    adapter = TypeAdapter(SafeText)
    assert adapter.dump_json(SAFE) == b'"billing"'
    assert adapter.json_schema() == {"type": "string"}
