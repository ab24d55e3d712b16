"""Settings of the receiver that cannot be: each is a clear sentence before anything listens."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from bad_input_rig import FORWARD
from pydantic import ValidationError

from models.errors import BadInput
from stream.receive import check_exposure
from stream.receivers.errors import ReceiverAddress, ReceiverUnsafe, SecretUnusable
from stream.receivers.settings import ReceiveSettings
from stream.receivers.testing import RunningReceiver, make_certificates


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"forward": "0.0.0.0:24224"}, ReceiverUnsafe, "neither receive.shared_key nor [receive.tls]"),
        ({"forward": "[::]:24224"}, ReceiverUnsafe, "neither receive.shared_key nor [receive.tls]"),
        ({"forward": "mayday.example.test:24224"}, ReceiverUnsafe, "neither"),
        ({"http": "0.0.0.0:9880"}, ReceiverUnsafe, "neither [[receive.tokens]] nor [receive.tls]"),
        ({"otlp": "192.0.2.1:4318", "shared_key": "env:K"}, ReceiverUnsafe, "the otlp listener"),
        ({"forward": "off", "http": "off", "otlp": "off"}, ReceiverAddress, "every listener is off"),
    ],
)
def test_a_listener_that_others_can_reach_needs_a_key_a_token_or_tls(
    settings: dict[str, str], error: type[BadInput], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)) as found:
        check_exposure(ReceiveSettings.model_validate(settings))
    assert isinstance(found.value, BadInput)  # exit code 2 on the command line


def test_without_key_or_tls_it_says_that_it_listens_on_loopback_only(tmp_path: Path) -> None:
    with RunningReceiver(tmp_path, http="127.0.0.1:0", **FORWARD) as receiver:
        host, port = receiver.address()
        assert f"forward {host}:{port} (loopback only: neither key nor TLS)" in receiver.line
        assert "(loopback only: neither token nor TLS)" in receiver.line


@pytest.mark.parametrize(
    "settings",
    [
        {"forward": "nonsense"},
        {"forward": "127.0.0.1:70000"},
        {"users": {"one": "env:P"}},
        {"shared_key": "the key itself"},
        {"idle_seconds": 10},
        {"unauthorised_status": 400},
        {"no_such_key": 1},
    ],
)
def test_settings_that_cannot_be_are_refused_without_quoting_them(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as found:
        ReceiveSettings.model_validate(settings)
    assert "the key itself" not in str(found.value)


def test_a_missing_secret_a_used_port_and_a_wrong_certificate_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(SecretUnusable, match="the variable NOT_SET is not set"):
        RunningReceiver(tmp_path / "a", shared_key="env:NOT_SET", **FORWARD).__enter__()
    with pytest.raises(SecretUnusable, match="its file cannot be read"):
        RunningReceiver(tmp_path / "b", shared_key="file:/nowhere/key", **FORWARD).__enter__()
    files = make_certificates(tmp_path)
    tls = {"certificate": files.server, "key": files.client_key}
    with pytest.raises(SecretUnusable, match="certificate and key"):
        RunningReceiver(tmp_path / "c", tls=tls, **FORWARD).__enter__()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ReceiverAddress, match="is in use by another process"):
            RunningReceiver(tmp_path / "d", forward=address).__enter__()


def test_listeners_of_the_command_line_replace_the_defaults() -> None:
    settings = ReceiveSettings().listening({"forward": "127.0.0.1:1", "http": "off"})
    assert (settings.forward, settings.http, settings.otlp) == ("127.0.0.1:1", None, None)
    kept = ReceiveSettings(otlp="127.0.0.1:7").listening({"forward": "127.0.0.1:1"})
    assert (kept.forward, kept.http, kept.otlp) == ("127.0.0.1:1", None, "127.0.0.1:7")
    assert ReceiveSettings().listening({}) == ReceiveSettings()
    with pytest.raises(ReceiverAddress):
        ReceiveSettings().listening({"http": "nowhere"})
