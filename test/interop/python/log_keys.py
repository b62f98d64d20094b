"""Which keys are good at which place of a log, and what began a later epoch. See verify_dump.py."""
from envelope import raw_key
from refused import need, under
from trust import open_certified, revoked_since, utc_ms

ROLES = ("receipt", "checkpoint", "grant")
RECOVERY = set("v origin epoch verdict left known lost policy because t nonce".split())


class LogKeys:
    """The keys of one log: those of its genesis, and those that `key` entries put in force."""

    def __init__(self, genesis, versions):
        self.versions, self.chain, self.origin = versions, genesis["chain"], None
        enrolment = under("enrolment", self.certified, genesis["data"]["enrolment"])
        keys = enrolment["keys"]
        need(genesis["chain"].rsplit("/", 1)[0] == self.origin, "chain_origin", "enrolled for another log")
        self.now, self.enrolment = {role: keys[role] for role in ("receipt", "checkpoint")}, enrolment
        self.had = {key: role for role, key in self.now.items()}
        self.checkpoint = [(0, self.now["checkpoint"])]  # from which size on

    def certified(self, envelope):
        enrolment = open_certified(envelope, "enrolment", "enrol", self.versions)
        need(enrolment.keys() == {"v", "origin", "keys", "notBefore", "notAfter"} and enrolment["v"] == 1, "members")
        need(enrolment["keys"].keys() == set(ROLES), "members")
        self.origin = self.origin or enrolment["origin"]
        need(enrolment["origin"] == self.origin, "for another log")
        need(len({raw_key(enrolment["keys"][role]) for role in ROLES}) == 3, "one key twice")
        return enrolment

    def are_named(self, genesis):
        return all(genesis["data"][role] == key for role, key in self.now.items())

    def follow(self, entry):
        """Takes an entry whose signature holds."""
        if entry["type"] == "genesis":
            need(is_current(self.enrolment, entry), "key_not_current", "entry 0")
        if entry["type"] != "key":
            return
        data, seq = entry["data"], entry["seq"]
        role, key = data["role"], data["key"]
        if data["action"] == "revoked":
            self.had[key] = role
            if self.now.get(role) == key:
                self.put(role, None, seq + 1)
            return
        need(key not in self.had or self.now.get(role) == key, "key_returns", f"entry {seq}")
        before = self.now.get(role)
        need(before is None or data.get("replaces", before) == before, "key_uncertified", f"entry {seq}")
        enrolment = under("key_uncertified", self.certified, data.get("enrolment"))
        need(enrolment["keys"][role] == key, "key_uncertified", f"entry {seq}")
        need(is_current(enrolment, entry), "key_not_current", f"entry {seq}")
        self.had[key] = role
        self.put(role, key, seq + 1)

    def put(self, role, key, size):
        self.now[role] = key
        if role == "checkpoint":
            self.checkpoint.append((size, key))

    def checkpoint_key(self, size):
        return [key for start, key in self.checkpoint if start <= size][-1]

    def revoked(self, key):
        return key in self.versions[-1]["revoked"]["keys"]

    def is_seen_before(self, key, seen_ms):
        """A revocation names the time from which on the key isn't believed, or none."""
        return seen_ms is not None and seen_ms < revoked_since(self.versions[-1], key)


def is_current(enrolment, entry):
    return utc_ms(enrolment["notBefore"]) <= entry["t"] < utc_ms(enrolment["notAfter"])


def check_recovery(entry, index, keys):
    """A later epoch says in entry 2 what it goes on from, signed by the role `recover`; nothing else does."""
    epoch = int(keys.chain.rsplit("/", 1)[1])
    belongs = epoch > 1 and index == 2
    need(belongs or entry["type"] != "recover", "recover_unproven", f"entry {index}")
    need(not belongs or entry["type"] == "recover", "recover_missing")
    if belongs:
        under("recover_unproven", prove_recovery, entry["data"], keys, epoch)


def prove_recovery(said, keys, epoch):
    signed = open_certified(said["statement"], "recovery", "recover", keys.versions)
    need(signed.keys() == RECOVERY and signed["left"].keys() == {"size", "root", "leaf", "t"}, "members")
    before = f"{keys.origin}/{epoch - 1}"
    need((signed["origin"], signed["epoch"], said["chain"]) == (keys.origin, epoch - 1, before), "of another epoch")
    left = [signed["left"]["size"], signed["left"]["root"], signed["lost"], signed["because"]]
    need([said["size"], said["root"], said.get("lost", 0), said["because"]] == left, "it says something else")
