"""Halts and freezes: what they stop is not admitted behind them, whatever the times say. See verify_dump.py."""
from refused import need


class Stops:
    def __init__(self, whole):
        """`whole`: from the first entry of a log on. A part of one need not show how a stop began."""
        self.whole, self.halts, self.freeze = whole, set(), None

    def follow(self, entry, where):
        if entry["type"] == "halt":
            self.halt(entry["data"], entry["chain"], where)
        elif entry["type"] == "freeze":
            frozen = entry["data"]["action"] == "frozen"
            need(frozen or self.freeze is not None or self.may_end_unknown(entry["chain"]), "stop_order", where)
            self.freeze = entry["data"] if frozen else None
        elif entry["type"] == "attempt" and entry["decision"]["effect"] == "allow":
            agent = entry["agent"]
            over = {("all", None), ("agent", agent["id"]), ("task", agent["task"])}
            need(not over & self.halts, "halt_ignored", where)
            need(is_reading(entry["ops"]) or not self.is_frozen(entry["t"]), "freeze_ignored", where)

    def halt(self, data, chain, where):
        scope = data["scope"]
        key = (scope, None if scope == "all" else data.get(scope))
        if scope != "all" and key[1] is None:
            need(not self.whole, "stop_order", where)
        elif data["action"] == "halted":
            self.halts.add(key)
        else:
            need(key in self.halts or self.may_end_unknown(chain), "stop_order", where)
            self.halts.discard(key)

    def is_frozen(self, t):
        return self.freeze is not None and t < self.freeze.get("until", t + 1)

    def may_end_unknown(self, chain):
        """A later epoch begins with what the one before had stopped."""
        return not self.whole or not chain.endswith("/1")


def is_reading(ops):
    return ops != [] and all(each["classes"] and set(each["classes"]) == {"read"} for each in ops)
