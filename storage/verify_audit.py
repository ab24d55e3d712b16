"""Check the audit chain of a live copy with nothing of Mayday's: duckdb, cryptography and these few lines.

    MAYDAY_LIVE_KEY=... python verify_audit.py live.duckdb audit-anchors.jsonl audit.pub

The key is the one that `mayday sql --attach` prints. Exit code 0: every entry follows from the one before,
and every anchor is signed and names an entry that is there. An anchor just made can be a few seconds ahead of
the copy.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import duckdb
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def main(live: str, anchors: str, public: str) -> int:
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
    key = load_pem_public_key(Path(public).read_bytes())
    for line in Path(anchors).read_text().splitlines():
        anchor = json.loads(line)
        signed = f"mayday-audit\n{anchor['seq']}\n{anchor['hash']}\n{anchor['ts']}".encode()
        key.verify(bytes.fromhex(anchor["signature"]), signed)  # type: ignore[union-attr, call-arg]
        if hashes.get(anchor["seq"]) != anchor["hash"]:
            print(
                f"entry {anchor['seq']} is not the one that was anchored: cut off, rewritten, or not yet copied"
            )
            return 1
    print(f"{len(hashes)} entries hold")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
