"""Steps of scenarios: what they send, what they want."""
import json
import re

from backend import MEDIA, OPS, Request


class Different(Exception):
    pass


def fill(value, saved):
    """${name} in texts: what an earlier step saved. $repeat: [text, n]; $nest: n objects."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\$\{(\w+)\}", value)
        if whole:
            return saved[whole[1]]
        return re.sub(r"\$\{(\w+)\}", lambda found: str(saved[found[1]]), value)
    if isinstance(value, dict):
        if list(value) == ["$repeat"]:
            return value["$repeat"][0] * value["$repeat"][1]
        if list(value) == ["$nest"]:
            return nested(value["$nest"])
        return {name: fill(inner, saved) for name, inner in value.items()}
    return [fill(inner, saved) for inner in value] if isinstance(value, list) else value


def nested(depth):
    value = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def body_of(step):
    """The body and its media type."""
    media = MEDIA.get(step.get("media"), step.get("media"))
    if "lines" in step:
        text = "".join(json.dumps(line) + "\n" for line in step["lines"])
        return text.encode(), media or MEDIA["ndjson"]
    if "hex" in step:
        return bytes.fromhex(step["hex"]), media
    if "text" in step:
        return step["text"].encode(), media
    return (json.dumps(step["body"]).encode() if "body" in step else None), media


def request_of(step, database):
    """The request of a step."""
    op = None if step["do"] == "http" else OPS[step["do"]]
    body, media = body_of(step)
    request = Request(op, body=body, media=media, key=step.get("as"), take=step.get("take", 0),
                      accept=MEDIA.get(step.get("accept"), step.get("accept")),
                      headers=dict(step.get("headers", {})))
    if not op:
        request.verb, request.raw_target = step["verb"], step["path"]
        return request
    names = re.findall(r"\{(\w+)\}", op["path"])
    request.path = {name: step[name] for name in names if name != "database"}
    request.path["database"] = step.get("database", database)
    request.params = {name: json.dumps(step[name]) if not isinstance(step[name], str)
                      else step[name] for name in op.get("params", []) if name in step}
    request.params |= step.get("params", {})
    request.headers |= {name: str(step[name]) for name in op.get("headers", []) if name in step}
    return request


def place(value, path):
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def compare_object(want, got, where):
    if not isinstance(got, dict):
        raise Different(f"{where}: expected an object, got {got!r}")
    for name, inner in want.items():
        if inner == {"$absent": True}:
            if name in got:
                raise Different(f"{where}.{name}: expected to be absent, got {got[name]!r}")
        elif name not in got:
            raise Different(f"{where}.{name}: is absent in {got!r}")
        else:
            compare(inner, got[name], f"{where}.{name}")


def compare(want, got, where):
    """Objects: at least the members wanted; all else as it is."""
    if isinstance(want, dict) and "$match" in want:
        if not isinstance(got, str) or not re.search(want["$match"], got):
            raise Different(f"{where}: expected a text like {want['$match']!r}, got {got!r}")
    elif isinstance(want, dict) and "$keys" in want:
        if not isinstance(got, dict) or list(got) != want["$keys"]:
            raise Different(f"{where}: expected the members {want['$keys']}, got {got!r}")
    elif isinstance(want, dict) and "$count" in want:
        if not isinstance(got, list) or len(got) != want["$count"]:
            raise Different(f"{where}: expected {want['$count']} elements, got {got!r}")
    elif isinstance(want, dict) and "$not" in want:
        if got == want["$not"]:
            raise Different(f"{where}: expected anything but {got!r}")
    elif isinstance(want, dict):
        compare_object(want, got, where)
    elif isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            raise Different(f"{where}: expected {len(want)} elements, got {got!r}")
        for i, inner in enumerate(want):
            compare(inner, got[i], f"{where}.{i}")
    elif want != got or isinstance(want, bool) != isinstance(got, bool) \
            or isinstance(want, float) != isinstance(got, float):
        raise Different(f"{where}: expected {want!r}, got {got!r}")


def check(step, answer, saved, signed):
    want = dict(step.get("want", {}))
    status = want.pop("status", 200 if step["do"] == "http" else OPS[step["do"]]["status"])
    media, body = answer.headers.get("content-type") or "", None
    if answer.status != status:
        raise Different(f"status: expected {status}, got {answer.status} {answer.text[:400]}")
    if answer.text and "x-ndjson" in media:
        body = [json.loads(line) for line in answer.text.splitlines()]
    elif answer.text and "json" in media:
        body = json.loads(answer.text)
    if status >= 400 and answer.text:
        compare({"status": status, "code": want.pop("code")}, body, "problem")
        if signed:
            compare({"request_id": {"$match": "."}}, body, "problem")
    for name, inner in want.pop("headers", {}).items():
        compare(inner, answer.headers.get(name.lower()), f"header {name}")
    if "text" in want:
        compare(want.pop("text"), answer.text, "text")
    if "body" in want:
        compare(want.pop("body"), body, "body")
    if want:
        raise Different(f"want: {list(want)} are not known")
    for name, path in step.get("save", {}).items():
        if path.startswith("header "):
            saved[name] = answer.headers.get(path[7:].lower())
        else:
            saved[name] = place(body, path)
