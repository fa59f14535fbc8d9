"""What configurations of stages have in common. All of a configuration is science: it is in the stage's key."""

from __future__ import annotations

from typing import Any, Self, TypeVar

from campaign.plan.repeats import marked, repeats_of
from campaign.spec.base import Count, Model
from campaign.spec.campaign import Spec
from campaign.spec.method_entry import InverseEntry, MethodEntry, SearchEntry
from campaign.spec.plugin import PluginConfig

Search = TypeVar("Search", bound=SearchEntry)
FIRST_ROUND = "@round-1"  # ends the names of labels that others follow from


class PluggedPart(Model):
    """A part that somebody else's package brings, as stages hold it."""

    kind: str
    implementation: str
    options: dict[str, Any]

    @classmethod
    def of(cls, config: PluginConfig) -> PluggedPart:
        """The part that a block of a spec asks for."""
        return PluggedPart(kind=config.kind, implementation=config.implementation, options=config.options())


class DataSetConfig(Model):
    """Configuration of a stage of one data set: its name and the sizes of its images and latents."""

    dataset: str
    image_px: Count
    latent: tuple[Count, Count]

    @classmethod
    def make(cls, spec: Spec, dataset: str, **more: Any) -> Self:
        """The data set's sizes, with the fields that a class derived from this one adds."""
        sizes = spec.datasets[dataset]
        return cls(dataset=dataset, image_px=sizes.image_px, latent=sizes.latent, **more)


def place_of(spec: Spec, dataset: str, method: str = "") -> tuple[int, int]:
    """Positions of a data set and of a method in a spec, by which stages, tables and figures are ordered."""
    methods = [each.method_name for each in spec.methods]
    return list(spec.datasets).index(dataset), methods.index(method) if method else -1


def inverse_methods(spec: Spec, dataset: str) -> list[Any]:
    """The methods for a data set that learn an inverse model, or bring one; in the spec's order."""
    return [method for method in spec.methods if method.is_for(dataset) and not isinstance(method, SearchEntry)]


def searches(spec: Spec, dataset: str, *sorts: type[Search]) -> list[Search]:
    """The methods for a data set that search and are of one of ``sorts``; in the spec's order."""
    return [method for method in spec.methods if method.is_for(dataset) and isinstance(method, sorts)]


def prior_labels(spec: Spec, dataset: str) -> str:
    """Name of the stage whose labels are a sample of the prior: those of the first round where there are two."""
    return f"labels/{dataset}" if spec.labels.rounds == 1 else f"labels/{dataset}{FIRST_ROUND}"


def learner(spec: Spec, method: InverseEntry, dataset: str) -> str:
    """Name of the first method for a data set that learns what ``method`` learns: what both take is learnt once."""
    learnt = method.as_learnt()
    return next(each.method_name for each in inverse_methods(spec, dataset) if each.as_learnt() == learnt)


def fits_of(spec: Spec, method: InverseEntry, dataset: str) -> range:
    """Repeats of which what ``method`` learns differs: of all methods that take it, or one where no seed matters."""
    if not method.learns_at_random:
        return range(1)
    learnt = method.as_learnt()
    takers = [each for each in inverse_methods(spec, dataset) if each.as_learnt() == learnt]
    return max((repeats_of(spec, each) for each in takers), key=len)


def learning(spec: Spec, method: InverseEntry, dataset: str, repeat: int = 0) -> str:
    """Name of the stage that leaves what a repeat of a method has learnt on a data set."""
    name = f"model/{learner(spec, method, dataset)}/{dataset}"
    return marked(name, repeat if method.learns_at_random else 0)


def tuning(spec: Spec, method: InverseEntry, dataset: str) -> str:
    """Name of the stage that tries hyperparameters of what a method learns on a data set."""
    return f"tuning/{learner(spec, method, dataset)}/{dataset}"


def low_orders_of(method: MethodEntry) -> Any:
    """A method's block ``low_orders``; None where it has none."""
    return getattr(method, "low_orders", None)


def low_order_stage(spec: Spec, method: InverseEntry, dataset: str) -> str:
    """Name of the first method for a data set that wants the same solves of the same candidates."""
    wanted = method.as_learnt(), low_orders_of(method)
    alike = (each for each in inverse_methods(spec, dataset) if (each.as_learnt(), low_orders_of(each)) == wanted)
    return max(alike, key=lambda each: len(repeats_of(spec, each))).method_name


def answering(spec: Spec, method: InverseEntry, dataset: str, repeat: int = 0) -> str:
    """Name of the stage whose model designs of a repeat of a method are asked of."""
    if low_orders_of(method) is None:
        return learning(spec, method, dataset, repeat)
    return marked(f"low_orders/{low_order_stage(spec, method, dataset)}/{dataset}", repeat)


def designing(method: InverseEntry, dataset: str, repeat: int = 0) -> str:
    """Name of the stage that leaves the designs of a repeat of a method for a data set."""
    kind = "designs" if method.verify is None else "refinement"
    return marked(f"{kind}/{method.method_name}/{dataset}", repeat)
