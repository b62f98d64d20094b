"""What a bundle holds around its entries: its form, the trust root, policies and disclosures. See verify_bundle.py."""
import hashlib
import hmac

from envelope import canonical, content_id, read, read_canonical, unbase64
from refused import need, under
from trust import open_certified, open_trust

MEMBERS = {"v", "kind", "checkpoint", "entries", "policies", "catalogs", "trust", "disclosures"}
KIND = "application/vnd.countersign.bundle.v1+json"


def ascending(values):
    return all(a < b for a, b in zip(values, values[1:]))


def read_bundle(raw):
    bundle = read_canonical(raw)
    need(bundle.keys() == MEMBERS and bundle["v"] == 1 and bundle["kind"] == KIND, "members")
    for each in bundle["entries"]:
        need(each.keys() == {"entry", "proof", "seq"} and type(each["seq"]) is int, "an entry")
        each["proof"] = [unbase64(one) for one in each["proof"]]
    for each in bundle["disclosures"]:
        need(each.keys() == {"field", "key", "seq", "value"} and type(each["seq"]) is int, "a disclosure")
        each["key"], each["value"] = unbase64(each["key"]), unbase64(each["value"])
    return bundle


def check_order(bundle):
    policies = [content_id(unbase64(read(each)["payload"])) for each in bundle["policies"]]
    disclosures = [(each["seq"], each["field"].encode()) for each in bundle["disclosures"]]
    origin, lines = bundle["checkpoint"].split("\n")[0], bundle["checkpoint"].rsplit("\n\n", 1)[1].split("\n")[:-1]
    ranked = [(not line.startswith(f"— {origin} "), line.encode()) for line in lines]
    need(ascending([each["seq"] for each in bundle["entries"]]), "bundle_order", "entries")
    need(ascending(policies) and ascending(disclosures), "bundle_order", "policies or disclosures")
    need(ascending(ranked), "bundle_order", "lines of the checkpoint")


def merged_trust(own, brought):
    """The reader's own versions, and those by which the bundle's go on from them."""
    mine, theirs = open_trust(own), open_trust(brought) if brought else []
    for envelope in brought:
        ids = [each["keyid"] for each in read(envelope)["signatures"]]
        need(canonical(read(envelope)) == envelope and ascending(ids), "trust_chain", "an envelope in another form")
    need(all(a == b for a, b in zip(mine, theirs)), "trust_pin")
    return max(mine, theirs, key=len)


def check_documents(bundle, entries, outcomes, versions):
    cited = {str(entry.get("policy", {}).get("cid")) for entry in entries.values() if entry["type"] == "attempt"}
    cited |= {entry["data"].get("policy") or entry["data"].get("cid") for entry in entries.values() if "data" in entry}
    for envelope in bundle["policies"]:
        need(content_id(unbase64(read(envelope)["payload"])) in cited, "policy_uncited")
        under("policy_signature", open_certified, envelope, "policy", "policy", versions)
    for each in bundle["disclosures"]:
        attempt, outcome = entries.get(each["seq"], {}), outcomes.get(each["seq"], {})
        places = {"target": attempt.get("req", {}).get("target_c"), "inputs": attempt.get("inputs_c"), "resp": outcome.get("resp_c")}
        places["body"] = attempt.get("req", {}).get("body_c") or outcome.get("body_c")
        for at, operation in enumerate(attempt.get("ops", [])):
            places[f"ops.{at}"] = operation.get("more", {}).get("all_c")
        made = hmac.new(each["key"], each["value"], hashlib.sha256).hexdigest()
        need(len(each["key"]) == 32 and places.get(each["field"]) == made, "disclosure_unmatched")
