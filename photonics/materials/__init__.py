"""Tabulated materials; wavelengths in nm, time factor exp(-i omega t), so that k >= 0 absorbs."""

from photonics.materials.tables import TABLES, TabulatedMaterial, same_table, table

__all__ = ["TABLES", "TabulatedMaterial", "same_table", "table"]
