"""What the configuration promises: one file, validated as a whole, errors that name the key and never the value."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from bot.config import BadConfig, keys, parse, read
from bot.config_words import sentences


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
        (b"state = 3", "state must be a section"),
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


ENTRY = {"id": "oncall", "name": "On-call engineer", "roles": ["engineer"]}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"receive": {"forward": "nowhere"}}, "receive.forward: a listener takes HOST:PORT or `off`."),
        ({"receive": {"forward": 3}}, "receive.forward must be text in quotes (HOST:PORT of the Forward listener"),
        ({"slack": {"http_port": 99999}}, "slack.http_port must be at most 65535 (Port for signed HTTP; 0 takes a free one; default 3000)"),
        ({"slack": {"transport": "pigeon"}}, "slack.transport must be one of 'socket' or 'http' ("),
        ({"slack": {"command_prefix": "UP"}}, "slack.command_prefix does not have the form it needs ("),
        ({"slack": {"enabled": "maybe"}}, "slack.enabled must be true or false ("),
        ({"slack": {"channel": ""}}, "slack.channel must not be empty ("),
        ({"slack": {"retry_first": 30, "retry_most": 2}}, "slack: retry_first must not be above retry_most"),
        ({"state": 3}, "state must be a section: [state] ("),
        ({"words": "x"}, "words must be a list in brackets ("),
        ({"receive": {"tokens": ["abc"]}}, "receive.tokens, entry 1 must be written as [[receive.tokens]], with two brackets and"),
        ({"operators": ENTRY}, "operators must be written as [[operators]], with two brackets ("),
        ({"operators": [{**ENTRY, "roles": []}]}, "operators, entry 1: roles must have at least one entry ("),
        ({"operators": [ENTRY, {"id": "x1"}]}, "operators, entry 2: name is missing ("),
        ({"spool": {"commit_ms": -1}}, "spool.commit_ms must be at least 0 ("),
    ],
)  # fmt: skip
def test_each_fault_is_a_sentence_with_the_key_and_what_may_stand_there(
    values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadConfig) as caught:
        parse(values)
    assert sentence in str(caught.value)
    said = str(caught.value).lower()
    assert not [words for words in ("value error", "tuple", "instance of", "input should") if words in said]


def test_a_list_that_seems_short_because_of_its_entries_is_not_named_as_well() -> None:
    with pytest.raises(BadConfig) as caught:
        parse({"operators": [{**ENTRY, "roles": ["boss"]}]})
    assert str(caught.value).count("roles") == 1
    assert "roles, entry 1 must be one of 'viewer', 'engineer'" in str(caught.value)
    assert "boss" not in str(caught.value)


def test_a_severity_that_names_one_of_its_times_keeps_the_others() -> None:
    given, usual = parse({"center": {"sla": {"sev1": {"acknowledge": 300}}}}), parse({})
    assert given.center.sla.sev1.acknowledge == 300
    assert given.center.sla.sev1.model_copy(update={"acknowledge": 120}) == usual.center.sla.sev1
    assert given.center.sla.sev2 == usual.center.sla.sev2


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mayday.toml")
    with pytest.raises(BadConfig, match="is a pipe"):
        read(tmp_path / "mayday.toml")


def test_the_null_device_is_a_file_without_keys() -> None:
    assert read(Path(os.devnull))[0] == parse({})


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


def test_a_limit_of_millions_is_said_in_full() -> None:
    class Sized(BaseModel):
        room: float = Field(default=1e-06, le=512 << 20, description="Room")

    with pytest.raises(ValidationError) as caught:
        Sized(room=1e12)
    faults = caught.value.errors(include_input=False, include_url=False)
    assert sentences(faults, Sized) == ["room must be at most 536870912 (Room; default 0.000001)"]


def test_reading_the_configuration_loads_no_server() -> None:
    code = "import sys, bot.config; print(sorted({'starlette', 'aiohttp', 'slack_bolt', 'duckdb'} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
