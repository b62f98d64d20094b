"""Serialises requests with botocore's own models and clients, and prints one JSON line for each.

Nothing is sent: every request is taken off the client just before it would be. Usage: aws-botocore.py SERVICE...
"""

import base64
import datetime
import json
import sys

import botocore.session
from botocore.awsrequest import AWSResponse
from botocore.config import Config

REGION = "eu-west-1"
DEPTH = 4
WHEN = datetime.datetime(2026, 4, 22, 10, 15, tzinfo=datetime.timezone.utc)

# Members that botocore itself looks into before it serialises.
KNOWN = {
    "AccountId": "111122223333",
    "Bucket": "bucket-1",
    "ContentEncoding": "gzip",
    "ContentType": "text/plain",
    "accept": "text/plain",
    "contentType": "text/plain",
    "CopySource": "bucket-2/key",
    "Key": "a b/c//d+e",
    "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111122223333/queue",
    "StreamARN": "arn:aws:kinesis:eu-west-1:111122223333:stream/s",
}


def value(shape, name, full, depth, stack):
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return {"any": "thing"}
        if depth > DEPTH or shape.name in stack:
            return {}
        members = shape.members
        wanted = members if full else shape.required_members
        if getattr(shape, "is_tagged_union", False):
            wanted = list(members)[:1]
        return {
            each: value(members[each], each, full, depth + 1, stack + [shape.name]) for each in wanted
        }
    if kind == "list":
        if depth > DEPTH:
            return []
        item = value(shape.member, name, full, depth + 1, stack)
        return [item, item] if full else [item]
    if kind == "map":
        if depth > DEPTH:
            return {}
        return {"k1": value(shape.value, name, full, depth + 1, stack)}
    if kind == "string":
        if shape.serialization.get("jsonvalue"):
            return '{"any":"thing"}'
        if name in KNOWN:
            return KNOWN[name]
        if shape.enum:
            return shape.enum[0]
        return f"x-{name}"[: shape.metadata.get("max", 60)] if full else "x1"
    if kind in ("integer", "long"):
        return 7
    if kind in ("float", "double"):
        return 1.5
    if kind == "boolean":
        return True
    if kind == "blob":
        return b"bytes"
    if kind == "timestamp":
        return WHEN
    raise ValueError(kind)


def plain(of):
    if isinstance(of, dict):
        return {key: plain(member) for key, member in of.items()}
    if isinstance(of, list):
        return [plain(item) for item in of]
    if isinstance(of, bytes):
        return {"$blob": base64.b64encode(of).decode()}
    if isinstance(of, datetime.datetime):
        return {"$time": of.isoformat()}
    return of


def requests(session, service):
    client = session.create_client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(
            inject_host_prefix=False,
            parameter_validation=False,
            retries={"max_attempts": 0},
            s3={"addressing_style": "path"},
        ),
    )
    taken = []

    def take(request, **_):
        taken.append(request)
        return AWSResponse(request.url, 418, {}, None)

    client.meta.events.register("before-send", take)
    model = client.meta.service_model
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        for full in (False, True):
            params = {} if shape is None else value(shape, operation, full, 0, [])
            given = plain(params)  # clients change what they are given
            taken.clear()
            try:
                client._make_api_call(operation, params)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                reason = "answered"
            yield service, model, operation, full, given, list(taken), reason


def line(service, model, operation, full, params, taken, reason):
    record = {
        "service": service,
        "operation": operation,
        "protocol": model.metadata["protocol"],
        "full": full,
        "params": params,
    }
    if len(taken) != 1:
        return {**record, "skipped": reason[:200]}
    request = taken[0]
    body = request.body
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    text = {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in request.headers.items()}
    target = "/" + (request.url.split("/", 3) + [""])[3]
    return {
        **record,
        "method": request.method,
        "target": target,
        "headers": list(text.items()),
        "body": base64.b64encode(body or b"").decode(),
    }


def main():
    session = botocore.session.get_session()
    available = set(session.get_available_services())
    for service in sys.argv[1:]:
        if service in available:
            for found in requests(session, service):
                print(json.dumps(line(*found)))


main()
