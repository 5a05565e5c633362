"""Steps as messages of proto/nacre/v1 and back, for the ways that carry those. The tables are those
of tools/gen_proto.py; the wire is read and written here."""
import json
import re
import sys
from pathlib import Path
from urllib.parse import quote

from backend import MEDIA, OPS, Answer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import gen_proto  # noqa: E402 pylint: disable=wrong-import-position,wrong-import-order

MODEL = gen_proto.Model(sorted(OPS.values(), key=lambda op: op["number"]))
PATCH_KINDS = {None: 0, MEDIA["json"]: 0, MEDIA["merge"]: 1, MEDIA["json-patch"]: 2}


class Inexpressible(Exception):
    """A step of HTTP's own: no message can say it."""


# The wire.

def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def wire_fields(data):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        yield tag >> 3, value


def encode_id(value):
    if isinstance(value, str):
        return gen_proto.bytes_field(1, value)
    if not isinstance(value, int) or isinstance(value, bool) or not -2**63 <= value < 2**63:
        raise Inexpressible(f"{value!r} is no id")
    return gen_proto.number_field(2, value & (2**64 - 1))


def decode_id(data):
    ((number, value),) = wire_fields(data)
    return value.decode() if number == 1 else (value ^ 2**63) - 2**63


def encode_field(field, value):
    """value: what Python's json gives."""
    words = field.words.split(",")
    if field.kind in ("TEXT", "JSON", "BYTES"):
        if not isinstance(value, (str, bytes)):
            raise Inexpressible(f"{field.name}: {value!r} is no text")
        return gen_proto.bytes_field(field.number, value)
    if field.kind in ("NUMBER", "FLAG", "CHOICE"):
        if not isinstance(value, int) or value < 0:
            raise Inexpressible(f"{field.name}: {value!r} is no number")
        return gen_proto.number_field(field.number, int(value))
    if field.kind == "ENUM":
        if value not in words:
            raise Inexpressible(f"{field.name}: {value!r} is none of {words}")
        return gen_proto.number_field(field.number, words.index(value) + 1)
    if field.kind == "ID":
        return gen_proto.bytes_field(field.number, encode_id(value))
    if not isinstance(value, list):
        raise Inexpressible(f"{field.name}: {value!r} is no list")
    if field.kind == "NUMBERS":
        return b"".join(gen_proto.number_field(field.number, one) for one in value)
    if field.kind == "TEXTS":
        if not all(isinstance(one, str) for one in value):
            raise Inexpressible(f"{field.name}: {value!r} are no texts")
        return b"".join(gen_proto.bytes_field(field.number, one) for one in value)
    part = MODEL.parts[field.part].fields
    return b"".join(gen_proto.bytes_field(field.number, encode_members(part, one)) for one in value)


def decode(message, data):
    """{target: value}; of what is repeated a list."""
    fields = {field.number: field for field in message.fields}
    found = {}
    for number, value in wire_fields(data):
        field = fields[number]
        if field.kind == "TEXT":
            value = value.decode()
        elif field.kind == "ENUM":
            value = field.words.split(",")[value - 1]
        elif field.kind == "ID":
            value = decode_id(value)
        elif field.kind == "MESSAGES":
            value = decode(MODEL.parts[field.part], value)
        elif field.kind == "JSON":
            value = json.loads(value)
        if field.repeated:
            found.setdefault(field.target, []).append(value)
        else:
            found[field.target] = value
    return found


# Requests.

def member_value(field, value):
    if field.kind == "TEXT" and isinstance(value, dict):
        return json.dumps(value)    # a filter
    if field.kind == "JSON":
        return json.dumps(value)
    if field.kind in ("FLAG", "CHOICE") and not isinstance(value, bool):
        raise Inexpressible(f"{field.name}: {value!r} is no boolean")
    if field.kind == "NUMBER" and (isinstance(value, bool) or not isinstance(value, int)):
        raise Inexpressible(f"{field.name}: {value!r} is no number")
    return value


def is_default(field, value):
    """What a message cannot tell from nothing."""
    return value == "" and field.kind == "TEXT"


def encode_members(fields, members):
    if not isinstance(members, dict):
        raise Inexpressible(f"{members!r} is no object")
    by_target = {field.target: field for field in fields if field.place == "MEMBER"}
    out = b""
    for name, value in members.items():
        if name not in by_target or is_default(by_target[name], value):
            raise Inexpressible(f"there is no field for {name}: {value!r}")
        out += encode_field(by_target[name], member_value(by_target[name], value))
    return out


def param_value(field, text):
    if field.kind == "NUMBER":
        if not re.fullmatch(r"\d+", text) or int(text) >= 2**64:
            raise Inexpressible(f"{field.name}: {text!r}")
        return int(text)
    if field.kind in ("FLAG", "CHOICE"):
        values = {field.words: 1, "false": 0, "number": 0, "true": 1}
        if text not in values:
            raise Inexpressible(f"{field.name}: {text!r}")
        return values[text]
    if field.kind == "TEXTS":
        return text.split(",")
    if is_default(field, text):
        raise Inexpressible(f"{field.name} is empty")
    return text


def encode_params(fields, params):
    by_target = {field.target: field for field in fields if field.place == "PARAM"}
    out = b""
    for name, text in params.items():
        if name not in by_target:
            raise Inexpressible(f"there is no field for {name}")
        out += encode_field(by_target[name], param_value(by_target[name], text))
    return out


def versions_of(text):
    if not re.fullmatch(r'"[1-9]\d*"(, *"[1-9]\d*")*', text):
        raise Inexpressible(f"{text!r} are no versions")
    versions = [int(one) for one in re.findall(r"\d+", text)]
    if max(versions) >= 2**64:
        raise Inexpressible(f"{text!r} are no versions")
    return versions


def encode_header(fields, name, text):
    by_name = {field.name: field for field in fields if field.place == "HEADER"
               and field.target == name}
    if name == "Last-Event-ID" or (name == "Prefer" and text != "return=minimal"):
        return b""
    if not by_name or text == "":
        raise Inexpressible(f"there is no field for {name}: {text!r}")
    if name == "Prefer":
        return encode_field(by_name["minimal"], 1)
    if name in ("If-Match", "If-None-Match"):
        flags = [field for field in by_name.values() if field.kind == "FLAG"]
        lists = [field for field in by_name.values() if field.kind == "NUMBERS"]
        if text == "*" and flags:
            return encode_field(flags[0], 1)
        if text == "*" or not lists:
            raise Inexpressible(f"{name}: {text}")
        return encode_field(lists[0], versions_of(text))
    return encode_field(next(iter(by_name.values())), text)


def encode_body(request, fields):
    places = {field.place: field for field in fields}
    body = request.body or b""
    if request.op.get("body") == "stream":
        if request.media not in (None, MEDIA["ndjson"], MEDIA["csv"]):
            raise Inexpressible(request.media)
        csv = request.media == MEDIA["csv"]
        return encode_field(places["DATA"], body) + gen_proto.number_field(
            places["FORMAT"].number, 2 if csv else 1)
    if "PATCH_KIND" in places and request.media in PATCH_KINDS:
        out = gen_proto.number_field(places["PATCH_KIND"].number, PATCH_KINDS[request.media])
        return out + encode_field(places["BODY"], body)
    if request.media not in (None, MEDIA["json"]):
        raise Inexpressible(request.media)
    if "BODY" in places:
        return encode_field(places["BODY"], body)
    if not body:
        return b""
    try:
        members = json.loads(body)
    except ValueError as wrong:
        raise Inexpressible("no JSON") from wrong
    return encode_members(fields, members)


def request_message(request):
    """The bytes of a step's request."""
    fields = MODEL.requests[request.op["name"]].fields
    out = b""
    for field in fields:
        if field.place == "PATH" and field.target in request.path:
            out += encode_field(field, request.path[field.target])
    if request.accept == MEDIA["csv"] and request.op["name"] == "export":
        out += gen_proto.number_field(47, 2)
    elif request.accept not in (None, MEDIA["json"], MEDIA["ndjson"]):
        raise Inexpressible(request.accept)
    out += encode_params(fields, request.params)
    for name, text in request.headers.items():
        out += encode_header(fields, name, text)
    return out + encode_body(request, fields)


# Replies, in HTTP's words.

def problem_answer(status, documents=()):
    """status: the bytes of a google.rpc.Status."""
    for number, detail in wire_fields(status):
        if number != 3:
            continue
        parts = dict(wire_fields(detail))
        if not parts[1].endswith(b"nacre.v1.Problem"):
            continue
        problem = dict(wire_fields(parts[2]))
        told = json.loads(problem[5])
        assert told["code"] == problem[1].decode() and told["status"] == problem[2], told
        headers = {"content-type": "application/problem+json"}
        if "current_version" in told:
            headers["etag"] = f'"{told["current_version"]}"'
        if "line" in told and documents is not None:
            return lines_answer([*documents, {"$error": told}], {})
        return Answer(told["status"], headers, problem[5].decode())
    raise ValueError(f"no problem in {status!r}")


def headers_of(reply, op):
    headers = {"content-type": MEDIA["json"]}
    if "version" in reply:
        headers["etag"] = f'"{reply["version"]}"'
    if "sequence" in reply:
        headers["nacre-sequence"] = reply["sequence"]
    if reply.get("replayed"):
        headers["idempotency-replayed"] = "true"
    if op["name"] == "document_insert" and "id" in reply:
        one = reply["id"]
        text = f"~{one}" if isinstance(one, int) else "~" * one.startswith("~") + one
        headers["location"] = f"/docs/{quote(text, safe='~')}"
    return headers


def lines_answer(lines, headers):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return Answer(200, headers | {"content-type": MEDIA["ndjson"]}, text)


def stream_rows(message, replies):
    items = [field.target for field in message.fields if field.place == "ITEM"]
    return [row for data in replies for row in decode(message, data).get(items[0], [])]


def stream_answer(request, message, replies):
    """replies: the bytes of each message of the stream."""
    rows, rest, csv = stream_rows(message, replies), {}, b""
    for data in replies:
        got = decode(message, data)
        csv += got.pop("csv", b"")
        rest |= got
    rest = {name: value for name, value in rest.items() if not isinstance(value, list)}
    if csv:
        return Answer(200, {"content-type": MEDIA["csv"]}, csv.decode())
    if request.op.get("answer") in ("Page", "Versions") and request.accept != MEDIA["ndjson"]:
        body = {"items": rows, **rest}
        return Answer(200, {"content-type": MEDIA["json"]}, json.dumps(body))
    return lines_answer([*rows, {"$end": rest}], {})


def unary_answer(request, message, data):
    op, reply = request.op, decode(message, data)
    headers = headers_of(reply, op)
    if reply.get("not_modified"):
        return Answer(304, headers, "")
    status = 201 if reply.get("created") else 200 if op["status"] == 201 else op["status"]
    whole = [field.number for field in message.fields if field.place == "WHOLE"]
    if whole:
        body = dict(wire_fields(data)).get(whole[0])    # as it stands, not as Python writes it
        if body is None:
            return Answer(status if status == 201 else 204, headers, "")
        return Answer(status, headers, body.decode())
    if op["status"] == 204:
        return Answer(204, headers, "")
    members = {field.target: reply[field.target] for field in message.fields
               if field.place == "MEMBER" and field.target in reply}
    return Answer(op["status"], headers, json.dumps(members))


def reply_of(op):
    """The reply's message, and whether it is a stream."""
    key = gen_proto.reply_key(MODEL.rpc, op)
    return MODEL.replies[key], bool(MODEL.rpc["replies"][key].get("stream"))
