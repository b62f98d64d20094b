"""What docs/receipts.md says of an entry's members and of their values, as data. See verify_dump.py."""
import re

KINDS = {
    "": r".*",  # any text
    "@": r"[0-9a-f]{64}",  # 32 bytes
    "%": r"sha256:[0-9a-f]{64}",  # content id
    "!": r"ed25519:[A-Za-z0-9_-]{43}",  # public key
    "&": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # UUID
    "/": r"[a-z0-9.-]+/countersign/[a-z0-9-]+/[1-9][0-9]{0,8}",  # origin of a log with its epoch
}
WORD = re.compile(r"(\w+)([#@%!&/]?)(~?)(?:=([\w|]+))?(\??)")


def of(words, **nested):
    """`size#` is a number, `enrolment~` may be null, `state=a|b` is one of these, `code?` may be absent."""
    members = {name: (not optional, (kind, null, only)) for name, kind, null, only, optional in WORD.findall(words)}
    return {**members, **{name.rstrip("_"): (not name.endswith("_"), form) for name, form in nested.items()}}


MAP = "any names, with texts"
CLASSES = "read|sensitive_read|create|update|destructive|irreversible|privilege|billing|opaque|unknown"

POSITION = of("type chain/ seq# prev@ t# boot&")

ATTEMPT = of(
    "id& classifier inputs_c@ approval?",
    agent=of("id environment task owner grant"),
    req=of("api method target_c@ body_c@? body_len#?"),
    ops=[of("name", classes=[("", "", CLASSES)], scope=MAP, resources=[of("type id")], more_=of("count# all_c@"))],
    policy=of("cid version#"),
    decision=of("effect=allow|hold|deny code rule~"),
    credential_=of("minter scope expires# mint?"),
    probes_=[of("probe op# resource# status=answered|timeout|unreachable|refused|partial|not_found|malformed|"
                "no_credential|busy|unclear asked#? facts_c@?")],
    reserved_=[of("key amount#")],
)
OUTCOME = of(
    "attempt# attempt_leaf@ status=completed|upstream_error|timeout|aborted|not_sent|indeterminate http# ms# "
    "upstream_id? body_c@? resp_c@? resp_len#?"
)
CONTROL = {
    "genesis": of("origin receipt! checkpoint! enrolment~"),
    "boot": of("size# root@ software side_key~"),
    "policy": of("action=activated|rechecked|refused|withdrawn|expired cid%~ version# code? trust#? root%?"),
    "grant": of(
        "action=issued|revoked jti agent environment task owner slot expires# order%? by? session? issuer? subject?"
    ),
    "mint": of(
        "action=minted|revoked|reaped|failed minter credential scope expires# "
        "id? agent? environment? task? owner? api? code?"
    ),
    "probe": of(
        "id& agent environment task owner api", asked=[of("probe type id mint", operations=[("", "", "")])]
    ),
    "vault": of("action=opened|put|removed|rekeyed entries# name? by?"),
    "approval": of(
        "id state=requested|approved|withdrawn|rejected|consumed|expired|voided agent environment task owner policy% digest@ "
        "expires# rule? by? because? signed? attempt#?",
        approvers_=[("", "", "")],
    ),
    "halt": of("action=halted|resumed scope=agent|task|all by agent? task? because? statement%? cut#?"),
    "freeze": of("action=frozen|thawed by until#? because? statement%?"),
    "key": of("action=enrolled|revoked role=receipt|checkpoint|grant key! enrolment? replaces!?"),
    "heartbeat": of("size# open# policy%? every#?"),
    "suppressed": of("code count# from# to#"),
    "recover": of("chain size# root@ because lost#? statement?"),
    "erase": of("attempt# id& by because order% signed?"),
    "archive": of("size# root@ by because order%"),
    "close": of("reason"),
}
FORMS = {"attempt": ATTEMPT, "outcome": OUTCOME, **{name: {"data": (True, form)} for name, form in CONTROL.items()}}
