#!/usr/bin/python3
"""Verifies a whole dump of receipts from your own copy of the trust root, by nothing but docs/receipts.md:

    verify_dump.py evidence.jsonl root.json

Checkpoints are taken from evidence.jsonl.checkpoint and evidence.jsonl.witnessed. Exit code 0: the entries are the log of
the sidecar that the trust root enrolled, whole up to the checkpoint. 1: not so, and the code of docs/receipts.md says why.
Whether attempts fit the grants, approvals and policies that they cite is not looked at, nor who the witnesses are.
"""
import hashlib
import os
import sys

from checkpoint import Tree, is_signed, open_checkpoint
from entry import open_entry
from envelope import canonical, holds, key_id, raw_key, read
from log_keys import LogKeys, check_recovery
from refused import need
from stops import Stops
from trust import open_trust


def verify(lines, versions, notes):
    """Every line in order; `notes` are its checkpoints. Answers size, root and the attempts without an outcome."""
    need(lines, "log_empty")
    tree, keys, before, boot, leaf, open_attempts, doubted = Tree(), None, {"t": 0}, None, bytes(32), {}, None
    stops = Stops(whole=True)
    checkpoints, roots = [open_checkpoint(note) for note in notes], {0: tree.root()}
    for index, line in enumerate(lines):
        where = f"entry {index}"
        entry, signer, signed, signature = open_entry(line, where)
        if keys is None:
            need(entry["type"] == "genesis" and entry["seq"] == 0, "chain_start")
            need(entry["chain"].startswith(entry["data"]["origin"] + "/"), "chain_origin")
            keys, boot = LogKeys(entry, versions), entry["boot"]
        need(entry["chain"] == keys.chain, "chain_origin", where)
        need(entry["seq"] == index, "chain_seq", where)
        need(entry["prev"] == leaf.hex(), "chain_prev", where)
        need(entry["t"] >= before["t"], "chain_time", where)
        key = keys.now["receipt"]
        need(key is not None and signer == key_id(key), "entry_key", where)
        need(holds(raw_key(key), signed, signature), "entry_signature", where)
        # What a revoked key has signed counts where an entry by another key follows.
        doubted = (where if doubted is None else doubted) if keys.revoked(key) else None
        need(entry["type"] != "genesis" or keys.are_named(entry), "key_uncertified", where)
        keys.follow(entry)
        if entry["type"] == "boot":
            boot = entry["boot"]
            need((entry["data"]["size"], entry["data"]["root"]) == (index, tree.root().hex()), "boot_head", where)
        need(entry["boot"] == boot, "boot_unannounced", where)
        check_recovery(entry, index, keys)
        stops.follow(entry, where)
        leaf = hashlib.sha256(b"\0" + line).digest()
        if entry["type"] == "attempt" and entry["decision"]["effect"] == "allow":
            open_attempts[index] = leaf.hex()
        if entry["type"] == "outcome":
            need(open_attempts.pop(entry["attempt"], None) == entry["attempt_leaf"], "outcome_unmatched", where)
        tree.add(leaf)
        before = entry
        if any(size == tree.size for _, size, *_ in checkpoints):
            roots[tree.size] = tree.root()
    need(doubted is None, "entry_key_revoked", doubted)
    for checkpoint in checkpoints:
        origin, size, root = checkpoint[:3]
        key = keys.checkpoint_key(size)
        need(key is not None and is_signed(checkpoint, key) and not keys.revoked(key), "checkpoint_signature")
        need(origin == keys.chain, "checkpoint_origin")
        need(size <= tree.size, "tail_missing")
        need(root == roots[size], "root_differs")
    return tree.size, tree.root().hex(), sorted(open_attempts)


def main(dump, trust):
    try:
        versions = open_trust([canonical(each) for each in read(open(trust, encoding="utf-8").read())])
        lines = open(dump, "rb").read().split(b"\n")
        need(lines.pop() == b"", "source_damaged")
        files = [dump + end for end in (".checkpoint", ".witnessed") if os.path.exists(dump + end)]
        size, root, unfinished = verify(lines, versions, [open(file, encoding="utf-8", newline="").read() for file in files])
    except Exception as error:
        print(f"REFUSED: {error}")
        return 1
    print(f"{size} entries, root {root}, signed by enrolled keys; without an outcome: {unfinished or 'none'}")
    print(f"checkpoints: {len(files)}" if files else "NO CHECKPOINT: that nothing was cut off at the end is not proven")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
