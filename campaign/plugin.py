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

__all__ = [
    "FittedModel",
    "Generate",
    "InverseModelClass",
    "InverseModelConfig",
    "LabelledImages",
    "OptimizerConfig",
    "PluginConfig",
    "SimulatorConfig",
    "SimulatorFactory",
    "Suggest",
    "implementation_of",
]
