"""The reference of specs and profiles in Markdown, from the models: every key with its type, default and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from campaign.spec.base import Range
from campaign.spec.calibration import Calibration
from campaign.spec.campaign import Spec
from campaign.spec.profile import Profile

JsonSchema = dict[str, Any]
HEAD = """# Every key of a spec

Made by `campaign schema --markdown` from the models that read the files; a test holds it current. Units stand in names
(`_nm`, `_px`, `_deg`, `_s`); fractions are numbers from 0 to 1. A range is written `[low, high]`. In any mapping
`include: FILE` takes the keys of another file, over which the mapping's own are laid.
"""
PARTS: tuple[tuple[str, Any], ...] = (("Spec", Spec), ("Profile", Profile), ("Calibration", Calibration))
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def reference() -> str:
    """The whole reference."""
    definitions: dict[str, JsonSchema] = {}
    tops = []
    for title, model in PARTS:
        schema = TypeAdapter(model).json_schema()
        definitions |= schema.pop("$defs", {})
        if "properties" in schema:
            definitions[title] = schema
            tops.append(title)
    ordered = [*tops, *sorted(set(definitions) - {*tops, Range.__name__})]
    return "\n".join([HEAD, *(line for name in ordered for line in _section(name, definitions[name]))])


def undescribed() -> list[str]:
    """Keys without a description, as ``Model.key``; ``kind`` tells models apart and needs none."""
    found = []
    for title, model in PARTS:
        schema = TypeAdapter(model).json_schema()
        for name, each in {title: schema, **schema.get("$defs", {})}.items():
            keys = each.get("properties", {})
            found += [f"{name}.{key}" for key, about in keys.items() if key != "kind" and "description" not in about]
    return sorted(set(found))


def _section(name: str, schema: JsonSchema) -> Iterator[str]:
    """A model: what it is, and a table of its keys."""
    keys = schema.get("properties", {})
    kind = next((f"`kind: {value}`" for value in _constants(keys.get("kind", {}))), "")
    yield f"## {name}\n"
    yield " ".join(filter(None, [kind, _plain(schema.get("description", ""))])) + "\n"
    if set(keys) <= {"kind"}:
        return
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    required = schema.get("required", [])
    for key, about in keys.items():
        if key != "kind":
            default = "required" if key in required else _default(about.get("default"))
            yield f"| `{key}` | {_type(about)} | {default} | {_plain(about.get('description', ''))} |"
    yield ""


def _type(schema: JsonSchema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "[low, high]" if name == Range.__name__ else f"[{name}](#{name.lower()})"
    for union in ("anyOf", "oneOf"):
        if union in schema and "type" not in schema:
            members = [each for each in schema[union] if each.get("type") != "null"]
            return " or ".join(dict.fromkeys(map(_type, members)))
    if values := schema.get("enum") or _constants(schema):
        return ", ".join(f"`{value}`" for value in values)
    kind = schema.get("type", "")
    if kind == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(map(_type, schema['prefixItems']))}]"
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object":
        return f"by name: {_type(schema.get('additionalProperties') or _values(schema))}"
    bounds = [f"{sign} {schema[bound]:g}" for bound, sign in BOUNDS.items() if bound in schema]
    words = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
    return " ".join([str(words.get(kind, kind)), *bounds])


def _values(schema: JsonSchema) -> JsonSchema:
    return next(iter(schema.get("patternProperties", {}).values()), {})


def _constants(schema: JsonSchema) -> list[Any]:
    return [schema["const"]] if "const" in schema else []


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        pair = set(value) == {"low", "high"}
        return f"`[{value['low']}, {value['high']}]`" if pair else "as there"
    return f"`{json.dumps(value)}`"


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").replace("|", "\\|").split())
