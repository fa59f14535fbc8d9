"""What every entry under ``methods:`` has in common, whoever brings the method."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field

from campaign.spec.base import Count, Model, Name, NotNegative


class VerifyBlock(Model):
    """Designs are simulated, corrected by what that shows, and tried again; the best simulated ones are kept."""

    simulations_per_design: Count = Field(description="simulations that a design may cost, on average over a target's")
    tolerance: NotNegative = Field(
        default=0.0005, description="distance from the target, in units of the property, at which a design is left"
    )


class MethodEntry(Model):
    """One method of a campaign."""

    any_target: ClassVar[bool] = True
    """Whether it takes ranges and several numbers as targets, as ``ganmdn.targets.Target``, beside one value."""

    kind: str
    name: Name | None = Field(
        default=None, description="what tables call it, so that a kind may stand more than once; default: its kind"
    )
    datasets: Annotated[tuple[Name, ...], Field(min_length=1)] | None = Field(
        default=None, description="data sets that it is for; default: all"
    )
    repeats: Count | None = Field(
        default=None,
        # Configurations of stages hold whole entries, and how often one is repeated decides nothing of either repeat.
        exclude_if=lambda value: value is None,
        description="how often it runs, each time with a seed of its own; default: the campaign's, 1 for a search",
    )

    def is_for(self, dataset: str) -> bool:
        """Whether it is asked for designs of a data set."""
        return self.datasets is None or dataset in self.datasets

    @property
    def method_name(self) -> str:
        """What stages, tables and figures call it."""
        return self.name or self.kind

    def count_repeats(self, usual: int) -> int:
        """How often the method runs in a campaign of ``usual`` repeats; a search once, unless its entry says more."""
        return self.repeats or 1


class SearchEntry(MethodEntry):
    """A method that searches the latent space with simulations of its own, from labels on."""

    initial: Count = Field(default=250, description="labelled pairs that every target starts from")
    iterations: Count = Field(default=400, description="simulations of one search")


class TargetSearchEntry(SearchEntry):
    """A search for one target at a time; the others search for all at once."""

    batch: Count = Field(default=8, description="suggestions simulated at the same time")


class InverseEntry(MethodEntry):
    """A method that proposes designs for any target."""

    not_learnt: ClassVar[frozenset[str]] = frozenset({"name", "datasets", "verify", "repeats"})
    """Fields that decide nothing of what is learnt."""
    learns_at_random: ClassVar[bool] = True
    """Whether what is learnt depends on the seed."""
    designs_at_random: ClassVar[bool] = True
    """Whether designs of the same model depend on the seed."""

    verify: VerifyBlock | None = Field(
        default=None, description="simulate the designs, correct and try again; counted as simulations of the method"
    )

    def as_learnt(self) -> Self:
        """The entry with the defaults of all that decides nothing of what is learnt."""
        return self.model_copy(update={name: type(self).model_fields[name].default for name in self.not_learnt})

    @property
    def is_random(self) -> bool:
        """Whether another seed makes other designs."""
        return self.learns_at_random or self.designs_at_random

    def count_repeats(self, usual: int) -> int:
        """As often as the campaign says, or its own entry; once where every repeat would be the same."""
        return (self.repeats or usual) if self.is_random else 1
