"""Specs that come with the package, by name, and starters to write one's own from."""

from __future__ import annotations

from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[1] / "shipped"  # in a source tree a link to its specs/
STARTERS = ("quickstart", "spectrum", "images")
SAMPLES_PX, SAMPLES = 64, 64  # of the images that the starter of that name comes with


def shipped_names() -> list[str]:
    """Names of the campaigns that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def found_spec(spec: Path) -> Path:
    """The file that is named, else the shipped campaign of that name; a file of one's own comes first."""
    return SHIPPED / f"{spec}.yaml" if not spec.exists() and str(spec) in shipped_names() else spec


def write_starter(kind: str, file: Path) -> list[Path]:
    """Write the starter ``kind`` to ``file``, with sample images beside it where it reads some; what was written.

    Raises FileExistsError where something lies already, and writes nothing then.
    """
    folder = file.parent / "images"
    wanted = [file, *([folder] if kind == "images" else [])]
    for path in wanted:
        if path.exists():
            raise FileExistsError(f"{path} exists already; name another file, or remove it first")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((SHIPPED / "starters" / f"{kind}.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    if kind == "images":
        _write_samples(folder)
    return wanted


def _write_samples(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    from ganmdn.microstructures import MicrostructureRanges, draw_microstructures

    ranges = MicrostructureRanges(frequency_mean_per_px=(0.05, 0.08), volume_fraction=(0.2, 0.8))
    images, _ = draw_microstructures(SAMPLES_PX, ranges, np.random.SeedSequence(2020), range(SAMPLES))
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(255 * image).save(folder / f"sample-{number:02}.png")
