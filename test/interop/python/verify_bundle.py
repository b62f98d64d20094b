#!/usr/bin/python3
"""Verifies a bundle from your own copy of the trust root, by nothing but docs/receipts.md ("Its verification"):

    verify_bundle.py incident.json root.json [witnesses.txt]

Exit code 0: every entry is in the log of the sidecar that the trust root enrolled, and was signed by it. 1: not so, and the
code of docs/receipts.md says why. Not looked at: whether attempts fit the grants and approvals that they cite, and catalogs.
"""
import hashlib
import sys

from bundle_parts import check_documents, check_order, merged_trust, read_bundle
from checkpoint import is_signed, lead, open_checkpoint
from entry import open_entry
from envelope import canonical, holds, key_id, raw_key, read
from log_keys import LogKeys, check_recovery
from refused import need, under
from stops import Stops
from witnesses import Policy, witnessed_ms


def check_entries(bundle, checkpoint, versions):
    """The entries by their numbers, with the keys of the log, and the receipt keys that have signed."""
    origin, size, root = checkpoint[:3]
    entries, leaves, boots, closable, outcomes, before, keys, signers = {}, {}, set(), set(), {}, {"t": 0}, None, set()
    stops = Stops(whole=False)
    need(bundle["entries"], "chain_start")
    for each in bundle["entries"]:
        where, line = f"entry {each['seq']}", each["entry"].encode()
        entry, signer, signed, signature = open_entry(line, where)
        seq = entry["seq"]
        need(seq == each["seq"], "entry_seq", where)
        leaves[seq] = hashlib.sha256(b"\0" + line).digest()
        need(lead(leaves[seq], seq, size, each["proof"]) == root, "entry_proof", where)
        if keys is None:
            need(entry["type"] == "genesis" and seq == 0, "chain_start")
            need(entry["chain"].startswith(entry["data"]["origin"] + "/"), "chain_origin", where)
            keys = LogKeys(entry, versions)
        need(entry["chain"] == origin, "chain_origin", where)
        key = keys.now["receipt"]
        need(key is not None and signer == key_id(key), "entry_key", where)
        need(holds(raw_key(key), signed, signature), "entry_signature", where)
        signers.add(key)
        need(entry["type"] != "genesis" or keys.are_named(entry), "enrolment", where)
        under("key_enrolment", keys.follow, entry)
        need(entry["t"] >= before["t"], "chain_time", where)
        need(seq - 1 not in leaves or entry["prev"] == leaves[seq - 1].hex(), "chain_prev", where)
        boots |= {entry["boot"]} if entry["type"] == "boot" else set()
        need(entry["boot"] in boots or entry["type"] == "genesis", "boot_missing", where)
        check_recovery(entry, seq, keys)
        under("entry_contradicts", stops.follow, entry, where)
        if entry["type"] == "attempt" and entry["decision"]["effect"] == "allow":
            closable.add(seq)
        if entry["type"] == "outcome":
            closes = entry["attempt"] in closable and leaves[entry["attempt"]].hex() == entry["attempt_leaf"]
            need(closes, "outcome_unmatched", where)
            closable.remove(entry["attempt"])
            outcomes[entry["attempt"]] = entry
        entries[seq] = before = entry
    need(keys.chain.endswith("/1") or 2 in entries, "recover_missing")
    return entries, outcomes, keys, signers


def check_checkpoint(checkpoint, keys, signers, policy):
    origin, size, _, _, lines = checkpoint
    own = [line for line in lines if line[0] == origin]
    known = [key for _, key in keys.checkpoint if key is not None]
    by = [next((key for key in known if is_signed((*checkpoint[:4], [line]), key)), None) for line in own]
    need(None not in by and keys.checkpoint_key(size) in by, "checkpoint_signature")
    need(len({(name, kid) for name, kid, _ in lines}) == len(lines), "checkpoint_line", "one key twice")
    seen = witnessed_ms(policy, checkpoint, [line for line in lines if line not in own])
    # An entry counts under a checkpoint by a key that stands; whatever else a revoked key signed, where it was seen before.
    for key in {*by} if any(not keys.revoked(each) for each in by) else {*by, *signers}:
        need(not keys.revoked(key) or keys.is_seen_before(key, seen), "key_revoked")
    return seen


def main(file, trust, policy=None):
    try:
        held = [canonical(each) for each in read(open(trust, encoding="utf-8").read())]
        bundle = under("bundle_malformed", read_bundle, open(file, "rb").read())
        checkpoint = under("checkpoint_malformed", open_checkpoint, bundle["checkpoint"])
        check_order(bundle)
        versions = merged_trust(held, bundle["trust"])
        entries, outcomes, keys, signers = check_entries(bundle, checkpoint, versions)
        witnesses = None if policy is None else Policy(open(policy, encoding="utf-8").read())
        since = check_checkpoint(checkpoint, keys, signers, witnesses)
        check_documents(bundle, entries, outcomes, versions)
    except Exception as error:
        print(f"REFUSED: {error}")
        return 1
    print(f"{len(entries)} entries of a log of {checkpoint[1]}, signed by enrolled keys; witnessed: {since or 'by nobody'}")
    print("NOT PROVEN: that nothing else happened")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
