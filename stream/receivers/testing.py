"""For tests of whatever sends to a receiver: a real one on free loopback ports in a thread, and certificates for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from models.clock import Clock, system_clock
from storage.layout import Layout
from storage.seal import KeyRing
from stream.export import export_records
from stream.receive import run_receiver
from stream.receiver_status import ReceiverStatus, read_status
from stream.receivers.address import parse_address
from stream.receivers.settings import ReceiveSettings
from stream.spool import SpoolSettings
from stream.spool.files import FileOperations


class RunningReceiver:
    """A receiver on 127.0.0.1 over the state directory `root`, from `with` to the end of the block.

    `settings` are those of `[receive]`; listeners that it does not name are off. Opening a second one over the same
    `root` afterwards is a restart.
    """

    def __init__(
        self,
        root: Path,
        *,
        spool: SpoolSettings | None = None,
        clock: Clock = system_clock,
        environ: Mapping[str, str] | None = None,
        files: FileOperations | None = None,
        **settings: Any,
    ) -> None:
        off = {"forward": "off", "http": "off", "otlp": "off"}
        self.layout = Layout(root).prepare()
        self.ring = KeyRing.load(self.layout, create=True, environ={})
        self.line = ""
        self._error: BaseException | None = None
        self._stop, self._ready = threading.Event(), threading.Event()
        arguments = (
            ReceiveSettings.model_validate(off | settings),
            spool or SpoolSettings(min_free_bytes=0),
            self.layout,
            self.ring,
            clock,
            self._stop,
        )
        self._thread = threading.Thread(
            target=self._run,
            args=(
                lambda: run_receiver(
                    *arguments, environ=environ or {}, announce=self._announced, files=files
                ),
            ),
            name="receiver-under-test",
        )

    def __enter__(self) -> RunningReceiver:
        self._thread.start()
        if not self._ready.wait(30):
            raise TimeoutError("the receiver did not say that it is ready")
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def begin_to_stop(self) -> None:
        """Tell it to stop, as SIGTERM does, and do not wait."""
        self._stop.set()

    def stop(self) -> None:
        """Tell it to stop, and wait for its end; raises what it died of."""
        self.begin_to_stop()
        self._thread.join(30)
        if self._thread.is_alive():
            raise TimeoutError("the receiver did not stop")
        if self._error is not None:
            raise self._error

    def address(self, name: str = "forward") -> tuple[str, int]:
        """Return host and port of a listener."""
        return parse_address(self.status().listeners[name])

    def status(self) -> ReceiverStatus:
        """Return the status as it was written last (at every tick, and at the end)."""
        status = read_status(self.layout)
        if status is None:
            raise FileNotFoundError("no status was written yet")
        return status

    def records(self) -> list[dict[str, Any]]:
        """Return every record that is stored, as `mayday spool export` gives it."""
        return list(export_records(self.layout.spool, self.ring))

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (handed to the test's thread, which raises it)
            self._error = error
            self._ready.set()

    def _announced(self, line: str) -> None:
        self.line = line
        self._ready.set()


class Certificates(NamedTuple):
    """PEM files of a private CA, a server and a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def make_certificates(directory: Path, *, server: str = "rx.test", client: str = "agent-7") -> Certificates:
    """Make a CA and certificates for the server and client names in `directory`, valid for a day."""
    ca_key, ca_name = ec.generate_private_key(ec.SECP256R1()), _name("Test CA")
    _write(directory, "ca", ca_key, _sign("Test CA", ca_key, ca_name, ca_key, ca=True))
    for name in (server, client):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(directory, name, key, _sign(name, key, ca_name, ca_key, ca=False))
    return Certificates(
        directory / "ca.pem",
        directory / f"{server}.pem",
        directory / f"{server}.key",
        directory / f"{client}.pem",
        directory / f"{client}.key",
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _sign(
    common: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    signer: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(common.replace(" ", "-"))]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _write(
    directory: Path, stem: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
) -> None:
    (directory / f"{stem}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / f"{stem}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
