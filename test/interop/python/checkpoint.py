"""The Merkle tree and the signed note over it (RFC 6962, C2SP), as docs/receipts.md has them. See verify_dump.py."""
import hashlib

from envelope import holds, raw_key, unbase64
from refused import need


class Tree:
    """RFC 6962: the hashes of complete subtrees, the largest first."""

    def __init__(self):
        self.size, self.subtrees = 0, []

    def add(self, leaf):
        self.size, node, count = self.size + 1, leaf, self.size + 1
        while count % 2 == 0:
            node, count = hashlib.sha256(b"\1" + self.subtrees.pop() + node).digest(), count // 2
        self.subtrees.append(node)

    def root(self):
        root = self.subtrees[-1] if self.subtrees else hashlib.sha256(b"").digest()
        for left in self.subtrees[-2::-1]:
            root = hashlib.sha256(b"\1" + left + root).digest()
        return root


def open_checkpoint(note):
    """Origin, size, root, signed text and signature lines as (name, key id, signature)."""
    text, lines = note.rsplit("\n\n", 1)
    origin, size, root = text.split("\n")
    need(lines.endswith("\n") and str(int(size)) == size and int(size) < 2**53 and len(unbase64(root)) == 32, "note")
    need(origin and not set(origin) & set(" +"), "note")
    signatures = []
    for line in lines[:-1].split("\n"):
        dash, name, raw = line.split(" ")
        need(dash == "—" and name and "+" not in name and len(unbase64(raw)) > 4, "note")
        signatures.append((name, unbase64(raw)[:4], unbase64(raw)[4:]))
    return origin, int(size), unbase64(root), text + "\n", signatures


def note_key_id(name, kind, key):
    return hashlib.sha256(name.encode() + b"\n" + kind + key).digest()[:4]


def is_signed(checkpoint, written):
    """By this checkpoint key, under the log's own name."""
    origin, _, _, text, signatures = checkpoint
    key = raw_key(written)
    line = (origin, note_key_id(origin, b"\1", key))
    return any((name, kid) == line and holds(key, text.encode(), sig) for name, kid, sig in signatures)


def lead(leaf, index, size, proof):
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2)."""
    need(index < size, "entry_proof")
    last = size - 1
    for each in proof:
        need(last > 0 and len(each) == 32, "entry_proof")
        if index % 2 == 1 or index == last:
            leaf = hashlib.sha256(b"\1" + each + leaf).digest()
            while index % 2 == 0 and index > 0:
                index, last = index // 2, last // 2
        else:
            leaf = hashlib.sha256(b"\1" + leaf + each).digest()
        index, last = index // 2, last // 2
    need(last == 0, "entry_proof")
    return leaf
