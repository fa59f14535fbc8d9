"""The rule and the likely fix for each type of pydantic error, in words that a user can act on."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from campaign.spec.reading.places import KeyPlace, members_of

ErrorDetails = Mapping[str, Any]
NANOMETRES = {"nm": 1.0, "um": 1e3, "µm": 1e3, "mm": 1e6, "m": 1e9}


class Advice(NamedTuple):
    """Rule and fix of one problem."""

    rule: str
    fix: str


def missing_key(place: KeyPlace) -> Advice:
    """A key that has no default is not there."""
    if place.parent is not None and place.parent.text:
        return Advice("is missing", f"write {{kind: {place.parent.text}, {place.name}: ...}}")
    about = place.field.description if place.field else None
    return Advice("is missing", f"add '{place.name}: ...'{f', {about}' if about else ''}")


def nearest(place: KeyPlace, choices: list[str]) -> str:
    """The choice that was probably meant, else the first."""
    text = place.node.text if place.node else ""
    same = [choice for choice in choices if choice.lower() == text.lower()]
    close = same or difflib.get_close_matches(text, choices, n=1)
    return f"did you mean '{close[0]}'?" if close else f"write {choices[0]}"


# --- numbers ----------------------------------------------------------------------------------------------------


def _not_a_number(error: ErrorDetails, place: KeyPlace) -> Advice:
    rule = "must be a whole number" if _is_whole(place) else "must be a number"
    return Advice(rule, _number_fix(place) or _default_fix(place) or "write a number alone")


def _is_whole(place: KeyPlace) -> bool:
    return members_of(place.annotation)[0] is int


def _number_fix(place: KeyPlace) -> str | None:
    """What the user probably meant by something that is no number."""
    if place.number is not None and math.isfinite(place.number):
        return f"write {math.floor(place.number)} or {math.ceil(place.number)}"
    text = re.sub(r"(?<=\d)[_'’\s](?=\d)", "", place.node.text.strip()) if place.node else ""
    if re.fullmatch(r"[-+]?[1-9]\d{0,2}(,\d{3})+", text):
        return f"write {text.replace(',', '')}, or a point before decimals"
    match = re.fullmatch(r"([-+]?[\d.,]+(?:[eE][-+]?\d+)?)\s*(\D*)", text)
    try:
        value = float(match[1].replace(",", ".")) if match else math.nan
    except ValueError:
        value = math.nan
    if match is None or not math.isfinite(value):
        return None
    if not match[2]:
        return "remove the quotes" if place.node and place.node.quoted and "," not in text else f"write {value:g}"
    if match[2] == "%":
        return f"write {value / 100:g}"
    scale = NANOMETRES.get(match[2]) if place.name.endswith("_nm") else None
    return f"write {value * scale:g}" if scale else f"write {value:g} without '{match[2]}'"


def _too_large(error: ErrorDetails, place: KeyPlace) -> Advice:
    return Advice("must have fewer digits", _default_fix(place) or "write a smaller number")


def _default_fix(place: KeyPlace) -> str | None:
    field = place.field
    if field is None or field.is_required() or not isinstance(field.default, int | float | str):
        return None
    shown = f"{field.default:g}" if isinstance(field.default, float) else field.default
    return f"the default is {shown}"


BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _out_of_bounds(error: ErrorDetails, place: KeyPlace) -> Advice:
    words, key = BOUNDS[error["type"]]
    bound = error["ctx"][key]
    fix = _unit_fix(place) or _per_cent_fix(place, key, bound) or _sign_fix(place, key) or _default_fix(place)
    return Advice(f"must be {words} {_shown(bound)}", fix or f"write a number {words} {_shown(bound)}")


def _shown(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"


def _unit_fix(place: KeyPlace) -> str | None:
    """A length that was written in metres or micrometres."""
    value = place.number or 0.0
    if place.name.endswith("_nm") and value > 0:
        for unit, scale in (("metres", 1e9), ("micrometres", 1e3)):
            if 1 <= value * scale <= 1e6 and value < 1:
                return f"looks like {unit}, write {value * scale:g}"
    return None


def _per_cent_fix(place: KeyPlace, key: str, bound: float) -> str | None:
    value = place.number or 0.0
    return f"looks like per cent, write {value / 100:g}" if key == "lt" and bound == 1 and 2 <= value < 100 else None


def _sign_fix(place: KeyPlace, key: str) -> str | None:
    value = place.number
    return f"write {-value:g}" if value is not None and value < 0 and key in {"gt", "ge"} else None


# --- text, lists and mappings -----------------------------------------------------------------------------------


def _not_text(error: ErrorDetails, place: KeyPlace) -> Advice:
    text = place.node.text if place.node else ""
    return Advice("must be text", f'write "{text}" in quotes' if text else "write a word")


def _bad_name(error: ErrorDetails, place: KeyPlace) -> Advice:
    name = place.node.text if place.node else place.name
    slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")
    rule = "must be lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit"
    return Advice(rule, f"write {slug}" if slug else "for example data-i")


def _too_long_text(error: ErrorDetails, place: KeyPlace) -> Advice:
    return Advice(f"must have at most {error['ctx']['max_length']} characters", "shorten it")


def _not_a_choice(error: ErrorDetails, place: KeyPlace) -> Advice:
    choices = [str(choice) for choice in get_args(members_of(place.annotation)[0])]
    listed = ", ".join(f"'{choice}'" for choice in choices)
    rule = f"must be one of {listed}" if len(choices) > 1 else f"must be {listed}"
    fix, about = nearest(place, choices), place.field.description if place.field else None
    if about and len(choices) > 1 and fix.startswith("write"):
        fix = f"write one of them: {about}"
    return Advice(rule, fix)


def _not_a_list(error: ErrorDetails, place: KeyPlace) -> Advice:
    text = place.node.text if place.node else ""
    return Advice("must be a list", f"write [{text}]" if text else "write the entries in brackets")


def wrong_length(error: ErrorDetails, place: KeyPlace) -> Advice:
    """A list of fixed length has another one."""
    length = len(get_args(members_of(place.annotation)[0]))
    return Advice(f"must hold {length} values", f"write {length} values in brackets")


def _too_few(error: ErrorDetails, place: KeyPlace) -> Advice:
    optional = place.field is not None and not place.field.is_required()
    fix = "add one, or remove the key for its default" if optional else "add one"
    return Advice("must not be empty", fix)


def _not_a_mapping(error: ErrorDetails, place: KeyPlace) -> Advice:
    node, kinds = place.node, place.kinds
    if node is not None and isinstance(node.content, str) and node.content in kinds:
        return Advice("must be a mapping", f"write {{kind: {node.content}}}")
    if kinds:
        return Advice("must be a mapping", f"begin with 'kind: {kinds[0]}', one of {', '.join(kinds)}")
    if node is not None and node.content is None:
        return Advice("must be a mapping", "add keys below it, or remove it for the defaults")
    model = members_of(place.annotation)[0]
    keys = ", ".join(getattr(model, "model_fields", ())) if place.path else ""
    return Advice("must be a mapping", f"write 'key: value' below it{keys and f'; its keys: {keys}'}")


def _not_a_path(error: ErrorDetails, place: KeyPlace) -> Advice:
    return Advice("must be a path", "write the name of a file")


def _not_a_switch(error: ErrorDetails, place: KeyPlace) -> Advice:
    return Advice("must be true or false", "write true or false, without quotes")


def _not_finite(error: ErrorDetails, place: KeyPlace) -> Advice:
    return Advice("must be finite", _default_fix(place) or "write a number")


def as_pydantic_says(error: ErrorDetails, place: KeyPlace) -> Advice:
    """An error that none of the models raises today: better foreign words than none."""
    return Advice(str(error["msg"]), "see `campaign schema` for what may stand here")


ADVICE: dict[str, Callable[[ErrorDetails, KeyPlace], Advice]] = {
    "number_type": _not_a_number,
    "int_type": _not_a_number,
    "int_from_float": _not_a_number,
    "int_parsing_size": _too_large,
    "float_type": _not_a_number,
    **dict.fromkeys(BOUNDS, _out_of_bounds),
    "finite_number": _not_finite,
    "string_type": _not_text,
    "string_pattern_mismatch": _bad_name,
    "string_too_long": _too_long_text,
    "literal_error": _not_a_choice,
    "tuple_type": _not_a_list,
    "too_long": wrong_length,
    "too_short": _too_few,
    "dict_type": _not_a_mapping,
    "model_type": _not_a_mapping,
    "model_attributes_type": _not_a_mapping,
    "path_type": _not_a_path,
    "bool_type": _not_a_switch,
    "bool_parsing": _not_a_switch,
}
