"""The trust root, and what its roles certify. See verify_dump.py."""
import datetime
import math

from envelope import content_id, open_envelope, raw_key, read, read_canonical, unbase64
from refused import need, under


MEMBERS = {"v", "version", "previous", "keys", "roles", "revoked", "minPolicyVersion", "testAudiences"}
ROLES = {"root", "policy", "enrol", "operate", "recover"}


def check_root(root):
    need(root.keys() == MEMBERS and root["v"] == 1 and root["roles"].keys() == ROLES, "members")
    need(root["revoked"].keys() - {"since"} == {"keys", "ids"}, "members")
    keys = list(map(raw_key, root["keys"].values()))
    need(len(set(keys)) == len(keys), "one key under two names")
    need(not set(root["keys"].values()) & set(root["revoked"]["keys"]), "a revoked key has a name")
    need(set(root["revoked"].get("since", {})) <= set(root["revoked"]["keys"]), "a time of no revocation")
    for role in root["roles"].values():
        need(role.keys() == {"keys", "threshold"} and len(set(role["keys"])) == len(role["keys"]), "a role")
        need(set(role["keys"]) <= root["keys"].keys() and 1 <= role["threshold"] <= len(role["keys"]), "a threshold")


def revoked_since(root, key):
    """Unix milliseconds; never where it isn't revoked, and always where nobody gave a time."""
    if key not in root["revoked"]["keys"]:
        return math.inf
    since = root["revoked"].get("since", {}).get(key)
    return -math.inf if since is None else utc_ms(since)


def keys_of(root, role):
    return [root["keys"][name] for name in root["roles"][role]["keys"]]


def open_trust(envelopes):
    """The versions of a trust root, oldest first, each following from the one before."""
    versions, before, previous = [], None, None
    for text in envelopes:
        claimed = under("trust_chain", read_canonical, unbase64(read(text)["payload"]))
        under("trust_chain", check_root, claimed)
        both = [each for each in (before, claimed) if each is not None]
        known = {key for each in both for key in keys_of(each, "root")}
        payload, signers = under("trust_chain", open_envelope, text, "trust-root", known)
        for each in both:
            need(len(signers & set(keys_of(each, "root"))) >= each["roles"]["root"]["threshold"], "trust_chain")
        need((claimed["version"], claimed["previous"]) == (len(versions) + 1, previous), "trust_chain")
        for old in both[:-1]:  # what was revoked stays revoked, for no shorter time
            need(all(revoked_since(claimed, key) <= revoked_since(old, key) for key in old["revoked"]["keys"]), "trust_chain")
            need(set(old["revoked"]["ids"]) <= set(claimed["revoked"]["ids"]), "trust_chain")
            need(old["minPolicyVersion"] <= claimed["minPolicyVersion"], "trust_chain")
        versions, before, previous = [*versions, claimed], claimed, content_id(payload)
    need(versions, "trust_pin")
    return versions


def open_certified(text, kind, role, versions):
    """What a role of any version says, unless the newest has revoked its keys."""
    revoked, why = versions[-1]["revoked"], None
    for root in reversed(versions):
        try:
            payload, signers = open_envelope(text, kind, keys_of(root, role))
            need(len(signers) >= root["roles"][role]["threshold"], "too few signatures")
            need(not signers & set(revoked["keys"]) and content_id(payload) not in revoked["ids"], "revoked")
            return read_canonical(payload)
        except Exception as error:
            why = why or error
    raise why


def utc_ms(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
