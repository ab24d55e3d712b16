"""What the configuration promises: one file, validated as a whole, errors that name the key and never the value."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import BadConfig, keys, parse, read


def test_the_defaults_are_a_valid_configuration() -> None:
    assert parse({}).state.directory == Path("mayday-state")


def test_every_key_says_what_it_means() -> None:
    assert [path for path, field in keys() if not field.description] == []


def test_an_unknown_key_is_named_with_its_nearest_neighbour() -> None:
    with pytest.raises(BadConfig, match=r"no key receive\.forwrad \(did you mean receive\.forward\?\)"):
        parse({"receive": {"forwrad": "127.0.0.1:1"}})


def test_a_wrong_value_is_named_by_its_key_and_never_quoted() -> None:
    with pytest.raises(BadConfig) as caught:
        parse({"spool": {"commit_ms": "zebra-secret"}})
    assert "spool.commit_ms" in str(caught.value)
    assert "zebra" not in str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mayday.toml"
    file.write_text('[slack]\nchannel = "from-file"\n')
    monkeypatch.setenv("MAYDAY__SLACK__CHANNEL", "from-environment")
    assert read(file)[0].slack.channel == "from-environment"


def test_a_relative_state_directory_starts_at_the_files_folder(tmp_path: Path) -> None:
    file = tmp_path / "mayday.toml"
    file.write_text('[state]\ndirectory = "here"\n')
    config, folder = read(file)
    assert config.layout(folder).root == tmp_path / "here"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[state", "is not TOML"),
        (b"\xff\xfe", "cannot be read"),
        (b"state = 3", "state:"),
        (b"[nonsense]\n", "no key nonsense"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "mayday.toml"
    file.write_bytes(content)
    with pytest.raises(BadConfig, match=sentence):
        read(file)


def test_a_missing_file_that_was_named_is_an_error_and_none_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadConfig, match="there is no configuration file"):
        read(tmp_path / "absent.toml")
    assert read()[1] == tmp_path


@given(
    st.dictionaries(
        st.text(max_size=12),
        st.one_of(
            st.none(),
            st.integers(),
            st.text(max_size=12),
            st.dictionaries(st.text(max_size=8), st.integers(), max_size=2),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_stands_in_the_file_it_is_taken_or_refused_by_name(values: dict[str, object]) -> None:
    with contextlib.suppress(BadConfig):  # any other error fails the test
        parse(values)


def test_the_store_and_the_workspace_have_sections_of_their_own() -> None:
    known = dict(keys())
    assert {"store.keep_days", "store.query_s", "workspace.port", "workspace.name"} <= known.keys()
    config = parse({"store": {"keep_days": 7}, "workspace": {"name": "Ward 3"}})
    assert (config.store.keep_days, config.workspace.name) == (7, "Ward 3")
    with pytest.raises(BadConfig, match=r"store\.keep_days"):
        parse({"store": {"keep_days": 0}})


def test_reading_the_configuration_loads_no_server() -> None:
    code = "import sys, bot.config; print(sorted({'starlette', 'aiohttp', 'slack_bolt', 'duckdb'} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
