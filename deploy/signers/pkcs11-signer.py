#!/usr/bin/python3
"""A signer for Countersign over PKCS#11: an Ed25519 key in a token signs, and never leaves it.

    pkcs11-signer.py --module /usr/lib/softhsm/libsofthsm2.so --token countersign --key receipt --pin-file pin

Needs python3-pykcs11. It opens one session, answers one JSON object a line (docs/keys.md), and ends with its standard
input. The PIN comes from a file that only its owner can read; it never stands on a command line or in the environment.
"""

import argparse
import base64
import json
import os
import stat
import sys

import PyKCS11

ED25519_BYTES = 32


class Unusable(Exception):
    """What is said to the other side; it holds no secret."""


def main():
    options = parse()
    token = None
    for line in sys.stdin:
        answer = {"id": 0}
        try:
            request = json.loads(line)
            answer["id"] = request["id"]
            token = token or Token(options)
            answer.update(token.answer(request))
        except Unusable as reason:
            answer["error"] = str(reason)
        except PyKCS11.PyKCS11Error as error:
            # The words of the library name the failed call and its code, and nothing of the PIN or the key.
            answer["error"] = f"the token refuses: {error}"
        except (KeyError, TypeError, ValueError):
            answer["error"] = "not a request"
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def parse():
    parser = argparse.ArgumentParser(description="Signs for Countersign with an Ed25519 key in a PKCS#11 token.")
    parser.add_argument("--module", required=True, help="the token's PKCS#11 library")
    parser.add_argument("--token", required=True, help="label of the token")
    parser.add_argument("--key", required=True, help="label of the key pair")
    parser.add_argument("--pin-file", required=True, help="file with the user PIN, mode 0600")
    return parser.parse_args()


class Token:
    """One session, logged in, with the handles of one key pair."""

    def __init__(self, options):
        library = PyKCS11.PyKCS11Lib()
        library.load(options.module)
        self.session = library.openSession(slot_of(library, options.token), PyKCS11.CKF_SERIAL_SESSION)
        self.session.login(pin_in(options.pin_file))
        self.private = self.find(PyKCS11.CKO_PRIVATE_KEY, options.key)
        public = self.find(PyKCS11.CKO_PUBLIC_KEY, options.key)
        self.public = point_of(self.session.getAttributeValue(public, [PyKCS11.CKA_EC_POINT])[0])
        self.mechanism = PyKCS11.Mechanism(PyKCS11.CKM_EDDSA, None)

    def find(self, kind, label):
        found = self.session.findObjects([(PyKCS11.CKA_CLASS, kind), (PyKCS11.CKA_LABEL, label)])
        if len(found) != 1:
            raise Unusable(f"the token holds {len(found)} keys of that label and kind")
        return found[0]

    def answer(self, request):
        if request["op"] == "public-key":
            return {"publicKey": "ed25519:" + base64.urlsafe_b64encode(self.public).decode().rstrip("=")}
        if request["op"] != "sign":
            raise Unusable("no such operation")
        messages = [base64.b64decode(message, validate=True) for message in request["messages"]]
        return {"signatures": [base64.b64encode(self.sign(message)).decode() for message in messages]}

    def sign(self, message):
        return bytes(self.session.sign(self.private, message, self.mechanism))


def slot_of(library, label):
    for slot in library.getSlotList(tokenPresent=True):
        if library.getTokenInfo(slot).label.strip() == label:
            return slot
    raise Unusable("the token is not there")


def pin_in(path):
    try:
        with open(path, encoding="utf-8") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise Unusable("others can read the file with the PIN")
            return file.read().rstrip("\n")
    except OSError:
        raise Unusable("the file with the PIN can't be read") from None


def point_of(value):
    """The 32 bytes of the public key: bare, or in the DER octet string that PKCS#11 asks for."""
    point = bytes(value)
    if len(point) == ED25519_BYTES + 2 and point[:2] == b"\x04\x20":
        point = point[2:]
    if len(point) != ED25519_BYTES:
        raise Unusable("the key is no Ed25519 key")
    return point


if __name__ == "__main__":
    main()
