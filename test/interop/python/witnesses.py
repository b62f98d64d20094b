"""Whose cosignatures count (C2SP tlog-policy and tlog-cosignature). See verify_bundle.py."""
import hashlib

from envelope import holds, unbase64
from refused import need


class Policy:
    """Logs, witnesses and groups by name, and the one of them that has to be met."""

    def __init__(self, text):
        self.logs, self.members, self.groups, self.quorum, used = [], {}, {}, None, set()
        for words in (line.split() for line in text.split("\n")):
            if not words or words[0].startswith("#"):
                continue
            keyword, name, *rest = words
            if keyword == "log":
                self.logs.append(verifier_key(name))
            elif keyword == "witness":
                self.members[name] = verifier_key(rest[0])
            elif keyword == "group":
                needed = {"any": 1, "all": len(rest) - 1}.get(rest[0]) or int(rest[0])
                need(0 < needed < len(rest) and not used & set(rest[1:]), "a group")
                used |= set(rest[1:])
                self.groups[name] = (needed, rest[1:])
            else:
                need(keyword == "quorum" and self.quorum is None, "a witness policy")
                self.quorum = name
        need(self.quorum is not None, "a quorum")

    def reached(self, name, times):
        """When the last of a witness or group that it takes had seen it; None where it doesn't reach."""
        if name not in self.groups:
            return times.get(name)
        needed, members = self.groups[name]
        reached = sorted(time for time in (self.reached(member, times) for member in members) if time is not None)
        return reached[needed - 1] if len(reached) >= needed else None


def verifier_key(text):
    """name+hash+key: the name, the key id, the type of signature and the key."""
    name, hashed, encoded = text.split("+", 2)
    typed = unbase64(encoded)
    key_id = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    need(hashed == key_id.hex() and len(typed) == 33, "a verifier key")
    return name, key_id, typed[0], typed[1:]


def cosigned_at(text, line, witness):
    """Seconds, or None."""
    name, key_id, kind, key = witness
    if (name, key_id, 4) != (*line[:2], kind) or len(line[2]) != 72:
        return None
    time = int.from_bytes(line[2][:8], "big")
    return time if holds(key, f"cosignature/v1\ntime {time}\n{text}".encode(), line[2][8:]) else None


def witnessed_ms(policy, checkpoint, others):
    """Every line that is not the log's own is by a witness of the policy, and enough of them have signed."""
    origin, _, _, text, lines = checkpoint
    times = {}
    for line in others:
        found = {name: cosigned_at(text, line, key) for name, key in (policy.members if policy else {}).items()}
        found = {name: time for name, time in found.items() if time is not None}
        need(found, "checkpoint_line", line[0])
        times.update(found)
    if policy is None:
        return None
    named = [key for name, key_id, kind, key in policy.logs if kind == 1 and name == origin]
    need(not policy.logs or any(holds(key, text.encode(), line[2]) for key in named for line in lines), "checkpoint_signature")
    if policy.quorum == "none":
        return None
    since = policy.reached(policy.quorum, times)
    need(since is not None, "checkpoint_witness")
    return since * 1000
