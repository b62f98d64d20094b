"""One entry, in the one form that it may have. See verify_dump.py."""
import re

from entry_form import FORMS, KINDS, MAP, POSITION
from envelope import TYPE, read_canonical, signed_bytes, unbase64
from refused import need, under


def is_number(value):
    return type(value) is int and 0 <= value < 2**53


def fits(value, form):
    if isinstance(form, dict):  # exactly these members
        return (
            isinstance(value, dict)
            and value.keys() <= form.keys()
            and all(fits(value[name], each) if name in value else not needed for name, (needed, each) in form.items())
        )
    if isinstance(form, list):
        return isinstance(value, list) and all(fits(each, form[0]) for each in value)
    if form is MAP:
        return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
    kind, null, only = form
    if value is None:
        return null == "~"
    if kind == "#":
        return is_number(value)
    allowed = only or KINDS[kind]
    return isinstance(value, str) and re.fullmatch(allowed, value, re.DOTALL) is not None


def is_entry(entry):
    if not isinstance(entry, dict) or entry.get("v") != 1 or type(entry["v"]) is not int:
        return False
    rest = {name: value for name, value in entry.items() if name != "v"}
    form = FORMS.get(str(entry.get("type")))
    return form is not None and fits(rest, {**POSITION, **form})


def open_envelope(line):
    """An envelope in its one form: payload, key id, signed bytes and signature."""
    envelope = read_canonical(line)
    need(len(line) < 65536 and envelope.keys() == {"payload", "payloadType", "signatures"}, "form")
    (signature,) = envelope["signatures"]
    payload = unbase64(envelope["payload"])
    need(signature.keys() == {"keyid", "sig"} and envelope["payloadType"] == TYPE % "receipt", "form")
    entry, raw = read_canonical(payload), unbase64(signature["sig"])
    need(is_entry(entry) and len(raw) == 64 and len(signature["keyid"]) == 43, "form")
    return entry, signature["keyid"], signed_bytes(TYPE % "receipt", payload), raw


def open_entry(line, where):
    return under(f"entry_malformed {where}", open_envelope, line)
