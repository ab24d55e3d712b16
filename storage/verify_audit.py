"""Check the audit chain of a live copy with nothing of Mayday's: duckdb, cryptography and these few lines.

    MAYDAY_LIVE_KEY=... python verify_audit.py live.duckdb audit-anchors.jsonl audit.pub [audit-<former>.pub ...]

Where the signing key was changed, name the former ones too. The key in the variable is the one that
`mayday sql --attach` prints. Exit code 0: every entry follows from the one before, and every anchor is signed and
names an entry that is there. An anchor just made can be a few seconds ahead of the copy; a last line without its end
was cut off by a crash and is no anchor.
"""

import contextlib
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import cast

import duckdb
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def signed(anchor: dict[str, str], keys: list[Ed25519PublicKey]) -> bool:
    """Whether one of the keys has signed this anchor."""
    text = f"mayday-audit\n{anchor['seq']}\n{anchor['hash']}\n{anchor['ts']}".encode()
    for key in keys:
        with contextlib.suppress(InvalidSignature):
            key.verify(bytes.fromhex(anchor["signature"]), text)
            return True
    return False


def main(live: str, anchors: str, *public: str) -> int:
    """Return 0 when chain and anchors hold, 1 with a sentence when they do not."""
    connection = duckdb.connect()
    connection.execute(
        f"ATTACH '{live}' AS live (READ_ONLY, ENCRYPTION_KEY '{os.environ['MAYDAY_LIVE_KEY']}')"
    )
    before, hashes = "0" * 64, dict[int, str]()
    for seq, payload, prev, digest in connection.execute("FROM live.audit_chain ORDER BY seq").fetchall():
        again = hashlib.sha256((before + payload).encode()).hexdigest()
        if (seq, prev, digest, json.loads(payload)["seq"]) != (len(hashes), before, again, seq):
            print(f"entry {len(hashes)} does not follow from the one before")
            return 1
        before = hashes[seq] = digest
    keys = [cast("Ed25519PublicKey", load_pem_public_key(Path(each).read_bytes())) for each in public]
    for line in Path(anchors).read_text().split("\n")[:-1]:
        anchor = json.loads(line)
        if not signed(anchor, keys):
            print(f"the anchor of entry {anchor['seq']} was signed by none of these keys")
            return 1
        if hashes.get(anchor["seq"]) != anchor["hash"]:
            print(
                f"entry {anchor['seq']} is not the one that was anchored: cut off, rewritten, or not yet copied"
            )
            return 1
    print(f"{len(hashes)} entries hold")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
