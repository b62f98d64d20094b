"""How a verification ends early. See verify_dump.py."""


class Refused(Exception):
    """What is wrong: a code of docs/receipts.md, and where."""


def need(condition, code, where=""):
    if not condition:
        raise Refused(f"{code} {where}".strip())


def under(code, do, *args):
    """Whatever is wrong in there is told under this code."""
    try:
        return do(*args)
    except Exception as error:
        raise Refused(f"{code} {error}") from None
