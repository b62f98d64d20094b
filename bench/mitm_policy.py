"""What mitmproxy runs for each request: token, method, path and the operation in the body, and a line in a file."""

import hashlib
import hmac
import json
import re
import time
from urllib.parse import parse_qs

from mitmproxy import ctx, http

RULES = [
    ("GET", re.compile(r"^/invoices/[\w-]+$"), None),
    ("GET", re.compile(r"^/exports/[\w-]+$"), None),
    ("POST", re.compile(r"^/imports/[\w-]+$"), None),
    ("POST", re.compile(r"^/v1/customers/[\w-]+$"), None),
    ("POST", re.compile(r"^/graphql/v2$"), lambda body: mutation_of(body) == "serviceInstanceRedeploy"),
    ("POST", re.compile(r"^/$"), lambda body: parse_qs(body.decode()).get("Action") == ["DescribeInstances"]),
]
FIRST_FIELD = re.compile(r"\{\s*(\w+)")


def mutation_of(body):
    found = FIRST_FIELD.search(json.loads(body)["query"])
    return found and found.group(1)


class Policy:
    def load(self, loader):
        loader.add_option("decisions", str, "", "File that each decision is written to.")
        loader.add_option("grant", str, "", "The token that may pass.")

    def running(self):
        self.expected = hashlib.sha256(f"Bearer {ctx.options.grant}".encode()).digest()
        self.log = open(ctx.options.decisions, "a", buffering=1)

    def request(self, flow):
        request = flow.request
        shown = hashlib.sha256(request.headers.get("authorization", "").encode()).digest()
        path = request.path.split("?")[0]
        allowed = hmac.compare_digest(shown, self.expected) and any(
            method == request.method and pattern.match(path) and (check is None or check(request.content))
            for method, pattern, check in RULES
        )
        self.log.write(json.dumps({"t": time.time(), "method": request.method, "path": path, "allowed": allowed}) + "\n")
        if not allowed:
            flow.response = http.Response.make(403)


addons = [Policy()]
