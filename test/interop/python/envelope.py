"""Base64, JSON, Ed25519 and envelopes, in the one form that docs/receipts.md allows. See verify_dump.py."""
import base64
import hashlib
import json
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.signing import VerifyKey

from refused import Refused, need

P = 2**255 - 19
Y8 = int.from_bytes(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little") % 2**255
TYPE = "application/vnd.countersign.%s.v1+json"


def unbase64(text):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, "base64")  # one spelling: padded, no stray bits
    return raw


def read(text):
    """JSON with integers only and no member twice."""

    def once(pairs):
        need(len(dict(pairs)) == len(pairs), "json")
        return dict(pairs)

    def integer(digits):
        need(abs(int(digits)) < 2**53, "json")
        return int(digits)

    def nothing(word):
        raise Refused("json")

    return json.loads(text, object_pairs_hook=once, parse_int=integer, parse_float=nothing, parse_constant=nothing)


def canonical(value):
    """RFC 8785, for what `read` lets through."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def read_canonical(raw):
    value = read(raw.decode())
    need(canonical(value).encode() == raw, "not canonical")
    return value


def raw_key(written):
    key = base64.urlsafe_b64decode(re.fullmatch(r"ed25519:([A-Za-z0-9_-]{43})", written)[1] + "=")
    y = int.from_bytes(key, "little") % 2**255
    need(y < P and y not in (0, 1, P - 1, Y8, P - Y8), "a key of small order or in another spelling")
    return key


def key_id(written):
    """RFC 7638 thumbprint."""
    jwk = '{"crv":"Ed25519","kty":"OKP","x":"%s"}' % written.removeprefix("ed25519:")
    return base64.urlsafe_b64encode(hashlib.sha256(jwk.encode()).digest()).decode().rstrip("=")


def holds(key, message, signature):
    """libsodium refuses points of small order, OpenSSL what holds only with the cofactor: both have to agree."""
    try:
        VerifyKey(key).verify(message, signature)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return len(signature) == 64
    except Exception:
        return False


def signed_bytes(kind, payload):
    return b"DSSEv1 %d %s %d " % (len(kind), kind.encode(), len(payload)) + payload


def open_envelope(text, kind, keys):
    """Payload of an envelope, and which of the keys have signed it; a signature by any other refuses it."""
    envelope = read(text)
    need(envelope.keys() == {"payload", "payloadType", "signatures"}, "envelope")
    need(envelope["payloadType"] == TYPE % kind, "payload type")
    payload, known, signers = unbase64(envelope["payload"]), {key_id(key): key for key in keys}, set()
    for each in envelope["signatures"]:
        need(each.keys() == {"keyid", "sig"} and each["keyid"] in known, "signed by a key without that role")
        key = known[each["keyid"]]
        need(holds(raw_key(key), signed_bytes(TYPE % kind, payload), unbase64(each["sig"])), "signature")
        signers.add(key)
    return payload, signers


def content_id(raw):
    return "sha256:" + hashlib.sha256(raw).hexdigest()
