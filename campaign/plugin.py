"""What a package of one's own builds on; the stable name of ``campaign.spec.plugin``, which says how."""

from campaign.spec.plugin import (
    FittedModel,
    Generate,
    InverseModelClass,
    InverseModelConfig,
    LabelledImages,
    OptimizerConfig,
    PluginConfig,
    SimulatorConfig,
    SimulatorFactory,
    Suggest,
    implementation_of,
)
from campaign.spec.property import Property

__all__ = [
    "FittedModel",
    "Generate",
    "InverseModelClass",
    "InverseModelConfig",
    "LabelledImages",
    "OptimizerConfig",
    "PluginConfig",
    "Property",
    "SimulatorConfig",
    "SimulatorFactory",
    "Suggest",
    "implementation_of",
]
