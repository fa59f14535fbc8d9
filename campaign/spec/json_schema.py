"""JSON Schema of specs, for editors: completion, descriptions and checks as one types.

What an editor cannot check (names that must be defined, sizes that must agree) the loader does. A YAML file names
its schema in a comment, ``# yaml-language-server: $schema=spec.schema.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter

from campaign.spec.base import Range
from campaign.spec.entry_points import PluginError, installed_plugins, spec_type
from campaign.spec.plugin import PluginConfig
from campaign.spec.reading.yaml_reader import INCLUDE

JsonSchema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def spec_json_schema() -> JsonSchema:
    """Schema of a campaign's YAML file, as it is written: with includes, names of methods and pairs for ranges."""
    written = _as_written(TypeAdapter(spec_type(_usable())).json_schema())
    schema: JsonSchema = {"$schema": DIALECT, **written, "title": "Campaign spec"}
    definitions = schema["$defs"]
    definitions[Range.__name__] = _pair(definitions[Range.__name__])
    methods = schema["properties"]["methods"]["items"]["anyOf"]
    methods.insert(0, {"enum": _names_that_suffice(methods, definitions)})
    return schema


def _usable() -> Iterator[type[PluginConfig]]:
    """Configurations of the parts that installed packages bring, without those that cannot be imported."""
    for plugin in installed_plugins():
        with suppress(PluginError):
            yield plugin.config_type()


def _as_written(schema: Any) -> Any:
    """pydantic's schema of the data as a schema of the YAML text."""
    if isinstance(schema, list):
        return [_as_written(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: _as_written(value) for key, value in schema.items() if key != "discriminator"}
    if isinstance(made.get("title"), str):
        del made["title"]  # pydantic's "Wavelength Nm" is less than the key
    if isinstance(made.get("description"), str):
        made["description"] = " ".join(made["description"].replace("``", "`").split())
    if "oneOf" in made:
        # With an include the kind may stand in the other file, so that several alternatives fit.
        made["anyOf"] = made.pop("oneOf")
    if made.get("type") == "object":
        _allow_include(made)
    return made


def _allow_include(schema: JsonSchema) -> None:
    """Let a mapping take keys from another file: then none is required here."""
    path = {"type": "string", "description": "YAML file whose mapping this one is laid over"}
    schema["properties"] = {**schema.get("properties", {}), INCLUDE: path}
    schema["additionalProperties"] = False
    if "patternProperties" in schema:
        patterns = schema["patternProperties"].items()
        schema["patternProperties"] = {f"^(?!{INCLUDE}$){key.removeprefix('^')}": value for key, value in patterns}
    if required := schema.pop("required", None):
        schema["if"] = {"not": {"required": [INCLUDE]}}
        schema["then"] = {"required": required}


def _names_that_suffice(methods: list[JsonSchema], definitions: JsonSchema) -> list[str]:
    """Kinds of the methods that need no key besides ``kind``."""
    models = [definitions[method["$ref"].rpartition("/")[2]] for method in methods]
    return [model["properties"]["kind"]["const"] for model in models if model["then"]["required"] == ["kind"]]


def _pair(interval: JsonSchema) -> JsonSchema:
    """A range is written ``[low, high]``; the mapping is fine too."""
    pair = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    return {"description": interval.pop("description"), "anyOf": [pair, interval]}
