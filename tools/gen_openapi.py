"""The OpenAPI 3.1 document of the server, from the tables of its routes. gen.py calls make()."""
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JSON, NDJSON = "application/json", "application/x-ndjson"

SUMMARIES = {"If-Match": "Versions in quotes, or *: the document has one, or exists.",
             "If-None-Match": "*: the document must not exist. Of a read: 304 where it has it.",
             "Idempotency-Key": "The write happens once, however often it is sent within 24 h.",
             "Prefer": "return=minimal: no body in the answer.",
             "Nacre-Lease": "The token of a claim: the write is done only while it is current.",
             "Nacre-Transaction": "The id of a transaction that the call is part of.",
             "Nacre-Min-Sequence": "The Nacre-Sequence of a write that the read must see.",
             "Last-Event-ID": "As since: the last event that was received."}
IDS = {"id": "A string, percent-encoded; an integer is ~42, a string beginning with ~ doubles it."}


def load_shapes():
    """The shapes of bodies and answers; one that is another's is put in its place."""
    shapes = json.loads((ROOT / "api/shapes.json").read_text(encoding="utf-8"))["shapes"]
    return {name: shapes[shape["$ref"].rsplit("/", 1)[1]] if "$ref" in shape else shape
            for name, shape in shapes.items()}


def reference(name):
    return {"$ref": f"#/components/schemas/{name}"}


def parameters(op, path, params):
    found = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"},
              **({"description": IDS[name]} if name in IDS else {})}
             for name in re.findall(r"\{(\w+)\}", path)]
    for name in op.get("params", []):
        about = {k: v for k, v in params[name].items() if k != "explanation"}
        found.append({"name": name, "in": "query", "schema": about,
                      "description": params[name]["explanation"]})
    for name in op.get("headers", []):
        found.append({"name": name, "in": "header", "schema": {"type": "string"},
                      "description": SUMMARIES[name]})
    return found


def body(op):
    if op["body"] == "stream":
        return {media: {"schema": {"type": "string"}} for media in op["media"]}
    return {media: {"schema": reference(op["body"]) if media != NDJSON else {"type": "string"}}
            for media in op.get("media", ["application/json"])}


def answers(op):
    done = {"description": "Done."}
    if op.get("answer"):
        done["content"] = {media: {"schema": reference(op["answer"]) if media == JSON
                                   else {"type": "string"}} for media in op["offers"]}
    found = {str(op["status"]): done}
    if op["status"] == 201 and op["verb"] == "PUT" or op["name"] == "document_put":
        found.update({"200": done, "201": done})
    if op.get("params") and "fields" in op["params"] and op["name"] == "document_get":
        found["304"] = {"description": "It has this version."}
    if op["name"] == "claim" or "Prefer" in op.get("headers", []):
        found["204"] = {"description": "Nothing to tell."}
    found["default"] = {"$ref": "#/components/responses/Problem"}
    return found


def operation(op, path, suffix, params):
    made = {"operationId": op["name"] + suffix, "summary": op["summary"],
            "tags": [op["grpc"].split(".")[0]], "parameters": parameters(op, path, params),
            "responses": answers(op), "x-permission": op["permission"]}
    if op.get("body"):
        made["requestBody"] = {"content": body(op)}
    return made


def make(params, ops):
    paths = {}
    for op in ops:
        below = "/" + op["path"] if op["path"] else ""
        places = [("/v1" + below, "")]
        if op["scope"] == "database":
            places.append(("/v1/db/{database}" + below, "_in"))
        for path, suffix in places:
            paths.setdefault(path, {})[op["verb"].lower()] = operation(op, path, suffix, params)
    problem = {"description": "What went wrong.", "content": {
        "application/problem+json": {"schema": reference("Problem")}}}
    return json.dumps({
        "openapi": "3.1.0",
        "info": {"title": "Nacre", "version": "1",
                 "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}], "security": [{"key": []}], "paths": paths,
        "components": {"schemas": load_shapes(), "responses": {"Problem": problem},
                       "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}}},
        ensure_ascii=False, indent=1) + "\n"
