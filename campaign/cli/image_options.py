"""Options of commands that read images of one's own: how they become square and of two phases."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from campaign.spec.generator import ImagePreparation


class Fitting(StrEnum):
    """What becomes of images of another size."""

    CROP = "crop"
    RESIZE = "resize"
    TILE = "tile"


class White(StrEnum):
    """The pixels that are 1."""

    BRIGHT = "bright"
    DARK = "dark"


Array = Annotated[str | None, typer.Option(help="array that holds the images, where a file has several")]
Fits = Annotated[Fitting | None, typer.Option("--fit", help="what becomes of images of another size; default: refused")]
Threshold = Annotated[float | None, typer.Option(help="grey level above which a pixel is bright; default: Otsu's")]
Whites = Annotated[White, typer.Option("--white", help="which pixels are 1")]


def preparation(
    array: str | None, fit: Fitting | None, threshold: float | None, white: White
) -> ImagePreparation | None:
    """What was asked for; None where nothing was."""
    if array is None and fit is None and threshold is None and white is White.BRIGHT:
        return None
    return ImagePreparation(array=array, fit=None if fit is None else fit.value, threshold=threshold, white=white.value)
