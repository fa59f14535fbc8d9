"""Parts that installed packages bring into campaigns: found by entry points, imported only where a spec names them."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BeforeValidator, Discriminator, Field, Tag, create_model

from campaign.spec.campaign import Spec
from campaign.spec.methods import BUILT_IN_METHODS, method_by_name
from campaign.spec.physics import Physics
from campaign.spec.plugin import InverseModelConfig, OptimizerConfig, PluginConfig, SimulatorConfig
from campaign.spec.reading.tree import Node

SIMULATORS, INVERSE_MODELS, OPTIMIZERS = "campaign.simulators", "campaign.inverse_models", "campaign.optimizers"
BASES: Mapping[str, type[PluginConfig]] = {
    SIMULATORS: SimulatorConfig,
    INVERSE_MODELS: InverseModelConfig,
    OPTIMIZERS: OptimizerConfig,
}
BLOCKS = {SIMULATORS: "physics", INVERSE_MODELS: "methods", OPTIMIZERS: "methods"}
BUILT_IN = {
    "physics": ("rcwa",),
    "methods": tuple(get_args(method.model_fields["kind"].annotation)[0] for method in BUILT_IN_METHODS),
}


class PluginError(Exception):
    """A part that is installed and cannot be used; ``rule`` says what it should be, ``fix`` what to do."""

    def __init__(self, rule: str, fix: str) -> None:
        self.rule = rule
        self.fix = fix
        super().__init__(f"{rule}; {fix}")


@dataclass(frozen=True)
class Plugin:
    """A part as its package declares it; nothing of it is imported yet.

    Attributes
    ----------
    group
        Of entry points.
    kind
        The name by which a spec asks for it.
    package
        The distribution that brings it, and its ``version``.
    reference
        The configuration class, written ``"package.module:name"``.
    """

    group: str
    kind: str
    package: str
    version: str
    reference: str

    @property
    def block(self) -> str:
        """Key of the spec that takes it."""
        return BLOCKS[self.group]

    def config_type(self) -> type[PluginConfig]:
        """Import the configuration class.

        Raises
        ------
        PluginError
            It cannot be imported, or is not what the group asks for.
        """
        module, _, name = self.reference.partition(":")
        part = f"'{self.kind}' of {self.package} {self.version}"
        try:
            found = getattr(importlib.import_module(module), name)
        except Exception as error:  # whatever somebody else's module raises
            reason = f"{type(error).__name__}: {error}"
            raise PluginError(f"{part} must be importable, {reason}", f"mend or reinstall {self.package}") from error
        base = BASES[self.group]
        fix = f"ask the author of {self.package}, or check it with campaign.conformance"
        if not (isinstance(found, type) and issubclass(found, base)):
            raise PluginError(f"{part} must be a class derived from campaign.spec.plugin.{base.__name__}", fix)
        annotation = found.model_fields["kind"].annotation
        if get_origin(annotation) is not Literal or get_args(annotation) != (self.kind,):
            raise PluginError(f"{part} must have a field kind: Literal['{self.kind}']", fix)
        if ":" not in getattr(found, "implementation", ""):
            raise PluginError(f"{part} must name its implementation as 'package.module:name'", fix)
        return found


def installed_plugins() -> list[Plugin]:
    """All parts of installed packages, by kind; a kind that is built in, or stands twice, belongs to the first."""
    found: dict[tuple[str, str], Plugin] = {}
    for group in BASES:
        for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
            plugin = _plugin(group, entry)
            if plugin.kind not in BUILT_IN[plugin.block]:
                found.setdefault((plugin.block, plugin.kind), plugin)
    return list(found.values())


def _plugin(group: str, entry: EntryPoint) -> Plugin:
    package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("an unknown package", "0")
    return Plugin(group, entry.name, package, version, entry.value)


def find_plugin(block: str, kind: str) -> Plugin | None:
    """The installed part that a spec names by ``kind`` in ``block``."""
    return next((each for each in installed_plugins() if (each.block, each.kind) == (block, kind)), None)


def foreign_kinds(data: Any) -> list[tuple[str, str, tuple[str | int, ...]]]:
    """Block, kind and place of every kind in plain data of a spec, or in a located tree, that is not built in."""
    found: list[tuple[str, str, tuple[str | int, ...]]] = []
    plain = data.plain() if isinstance(data, Node) else data
    if not isinstance(plain, dict):
        return []
    physics, methods = plain.get("physics"), plain.get("methods")
    if isinstance(physics, dict) and isinstance(physics.get("kind"), str):
        found.append(("physics", physics["kind"], ("physics", "kind")))
    for index, method in enumerate(methods if isinstance(methods, list) else ()):
        if isinstance(method, str):
            found.append(("methods", method, ("methods", index)))
        elif isinstance(method, dict) and isinstance(method.get("kind"), str):
            found.append(("methods", method["kind"], ("methods", index, "kind")))
    return [(block, str(kind), at) for block, kind, at in found if kind not in BUILT_IN[block]]


def spec_type(configs: Iterable[type[PluginConfig]]) -> type[Spec]:
    """``Spec`` with more kinds of methods and physics."""
    wanted = tuple(dict.fromkeys(configs))
    return _spec_type(wanted) if wanted else Spec


@cache
def _spec_type(configs: tuple[type[PluginConfig], ...]) -> type[Spec]:
    changed: dict[str, Any] = {}
    methods = [config for config in configs if not issubclass(config, SimulatorConfig)]
    simulators = [config for config in configs if issubclass(config, SimulatorConfig)]
    if methods:
        union = Union[(*BUILT_IN_METHODS, *methods)]  # type: ignore[valid-type]
        method = Annotated[union, Field(discriminator="kind"), BeforeValidator(method_by_name)]
        changed["methods"] = (tuple[method, ...], Spec.model_fields["methods"])
    if simulators:
        tagged = [Annotated[config, Tag(_kind(config))] for config in (Physics, *simulators)]
        physics = Annotated[Union[tuple(tagged)], Discriminator(_physics_kind)]  # type: ignore[valid-type]  # noqa: UP007
        changed["physics"] = (physics, Field(description="what is simulated"))
    return create_model("Spec", __base__=Spec, __doc__=Spec.__doc__, **changed)


def _kind(config: Any) -> str:
    return get_args(config.model_fields["kind"].annotation)[0]


def _physics_kind(value: Any) -> str:
    return value.get("kind", "rcwa") if isinstance(value, dict) else getattr(value, "kind", "rcwa")


def read_spec(data: Any) -> Spec:
    """The spec in plain data that a run froze.

    Raises
    ------
    PluginError
        It asks for a part that is not installed here, or cannot be used.
    pydantic.ValidationError
        It is no spec.
    """
    configs = []
    for block, kind, _ in foreign_kinds(data):
        plugin = find_plugin(block, kind)
        if plugin is None:
            raise PluginError(f"kind '{kind}' of {block} must be installed", "install the package that brings it")
        configs.append(plugin.config_type())
    return spec_type(configs).model_validate(data)


@dataclass(frozen=True)
class Provider:
    """Where the code of a part comes from; part of the key of every stage that it computes."""

    package: str
    version: str
    modules: tuple[str, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """Its top-level packages."""
        return tuple(dict.fromkeys(module.split(".")[0] for module in self.modules))


def provider_of(config: PluginConfig) -> Provider:
    """The package behind a block of a spec; a class that no entry point offers is its own."""
    block = "physics" if isinstance(config, SimulatorConfig) else "methods"
    plugin = find_plugin(block, config.kind)
    modules = (type(config).__module__, config.implementation.partition(":")[0])
    return Provider(plugin.package if plugin else modules[0], plugin.version if plugin else "0", modules)
