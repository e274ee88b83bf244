"""Cuts an OpenAPI document down to the schemas of the calls that Weir governs.

    python3 reduce.py openai.full.json.gz openai.json
    python3 reduce.py azure-openai-v1.full.json.gz azure-v1.json
    python3 reduce.py azure-openai-2024-10-21.yaml azure-2024-10-21.json

A document is JSON (plain or gzipped) or YAML (which needs PyYAML). What is written has `roots`, a schema for each thing that is
sent, and `schemas`, all that they refer to. Words that say nothing about a document's shape are left out.
"""

import gzip
import json
import sys

# What is sent: its name here, the method, and how its path ends.
CALLS = [
    ("chat", "post", "/chat/completions"),
    ("completions", "post", "/completions"),
    ("embeddings", "post", "/embeddings"),
    ("responses", "post", "/responses"),
    ("responses.read", "get", "/responses/{response_id}"),
    ("responses.delete", "delete", "/responses/{response_id}"),
    ("conversations", "post", "/conversations"),
    ("conversations.read", "get", "/conversations/{conversation_id}"),
    ("conversations.delete", "delete", "/conversations/{conversation_id}"),
]
KEPT = {
    "type", "properties", "required", "enum", "const", "items", "oneOf", "anyOf", "allOf", "$ref", "nullable",
    "additionalProperties", "discriminator", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
}  # fmt: skip
# They describe, or bind only what nobody checks here.
DROPPED = {
    "description", "title", "example", "examples", "default", "format", "deprecated", "name", "group", "beta", "legacy",
    "propertyNames", "pattern", "maxProperties", "readOnly", "writeOnly", "externalDocs", "$recursiveAnchor", "$comment",
}  # fmt: skip


# Behind a base's name: any of those that inherit from it.
ANY = ":any"
# Schemas that have heirs, with the member that tells which and their heirs' names; and all heirs.
bases, heirs = {}, set()


def load(path):
    if path.endswith(".yaml"):
        import yaml

        with open(path) as file:
            return yaml.safe_load(file)
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as file:
        return json.load(file)


def cut(schema, within, inherits=False, top=False):
    """The same schema, of words that bind; `within` is the name of the schema that it is part of, `inherits` says that it is
    a base, `top` that it is the named schema itself."""
    if isinstance(schema, bool):
        return schema
    out = {}
    for word, value in schema.items():
        if word in DROPPED or word.startswith("x-"):
            continue
        if word == "$recursiveRef":
            out["$ref"] = within
        elif word == "$ref":
            name = value.rsplit("/", 1)[1]
            # Who refers to a base means one of those that inherit from it, unless it inherits itself.
            out["$ref"] = name if inherits or name not in bases else name + ANY
        elif word == "properties":
            out[word] = {name: cut(inner, within) for name, inner in value.items()}
        elif word in ("oneOf", "anyOf", "allOf"):
            out[word] = [cut(inner, within, inherits=top and word == "allOf" and within in heirs) for inner in value]
        elif word == "items" or (word == "additionalProperties" and isinstance(value, dict)):
            out[word] = cut(value, within)
        elif word == "discriminator":
            if "oneOf" in schema or "anyOf" in schema:
                out[word] = value["propertyName"]
        elif word in KEPT:
            out[word] = value
        else:
            sys.exit(f"{within}: no rule for the word {word!r}")
    return out


def named(value, found):
    """Every schema that `value` refers to."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            found.add(value["$ref"])
        for inner in value.values():
            named(inner, found)
    elif isinstance(value, list):
        for inner in value:
            named(inner, found)


def body(part, kind):
    return ((part or {}).get("content") or {}).get(kind, {}).get("schema")


def main(source, target):
    document = load(source)
    components = document["components"]
    for name, schema in components["schemas"].items():
        mapping = schema.get("discriminator", {}).get("mapping")
        if mapping and "oneOf" not in schema and "anyOf" not in schema:
            bases[name] = [schema["discriminator"]["propertyName"], [to.rsplit("/", 1)[1] for to in mapping.values()]]
            heirs.update(bases[name][1])
    roots = {}
    for name, method, end in CALLS:
        for path, item in document["paths"].items():
            # Beside the path itself, only that of a deployment ends so: `/chat/completions` is not `/completions`.
            if path != end and not (path.startswith("/deployments/{") and path.count("/") == end.count("/") + 2 and path.endswith(end)):
                continue
            call = item.get(method)
            if call is None:
                continue
            responses = dict(call["responses"])
            for status, answer in responses.items():
                if "$ref" in answer:
                    responses[status] = components["responses"][answer["$ref"].rsplit("/", 1)[1]]
            for root, schema in [
                (name + ".request", body(call.get("requestBody"), "application/json")),
                (name + ".answer", body(responses.get("200"), "application/json")),
                (name + ".event", body(responses.get("200"), "text/event-stream")),
                ("error", body(responses.get("default"), "application/json")),
            ]:
                if schema is not None:
                    roots[root] = cut(schema, root)
    known = components["schemas"]
    # OpenAI's document names the shape of errors, though not where they come.
    if "error" not in roots:
        roots["error"] = {"$ref": "ErrorResponse"}
    # The dated one says "either" where the request decides.
    for choice in roots["chat.answer"].pop("oneOf", []):
        roots["chat.event" if "Stream" in choice["$ref"] else "chat.answer"] = choice
    # "Both the streamed and non-streamed response objects share the same shape" (CreateCompletionResponse).
    if "completions.answer" in roots:
        roots["completions.event"] = roots["completions.answer"]

    schemas, todo = {}, set()
    named(roots, todo)
    while todo:
        name = todo.pop()
        if name in schemas:
            continue
        if name.endswith(ANY):
            member, names = bases[name.removesuffix(ANY)]
            schemas[name] = {"discriminator": member, "oneOf": [{"$ref": heir + ANY * (heir in bases)} for heir in names]}
        else:
            schemas[name] = cut(known[name], name, top=True)
        named(schemas[name], todo)
    out = {
        "document": document["info"]["title"] + " " + str(document["info"]["version"]),
        "roots": dict(sorted(roots.items())),
        "schemas": dict(sorted(schemas.items())),
    }
    with open(target, "w") as file:
        file.write(json.dumps(out, separators=(",", ":")).replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
