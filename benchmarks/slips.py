"""Slips of the pen in a spec: each is one change of specs/quickstart.yaml, or of the physics that it includes.

    python benchmarks/slips.py                          # the table on the screen
    python benchmarks/slips.py --output docs/results/slips.md

A slip is opened as `campaign plan` opens a spec: refused with lines that name file, line, column, key, rule and fix;
warned of likewise; or accepted without a word, which ends the program with exit code 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from campaign.run.campaign import Campaign
from campaign.spec.load import SpecError

SPECS = Path(__file__).resolve().parents[1] / "specs"
SPEC, PHYSICS = Path("quickstart.yaml"), Path("physics/oxide-texture.yaml")
HEAD = """# Slips of the pen, and what is said of them

Each is one change of `specs/quickstart.yaml`, or of the physics that it includes, opened as `campaign plan` opens it.
Made by `python benchmarks/slips.py --output docs/results/slips.md`; a test holds that none is accepted without a word.
"""


@dataclass(frozen=True)
class Slip:
    """What was meant to be written, which stands once in the two files, and what was written.

    ``told_at`` is the line where the slip is told; 0: where it was written.
    """

    name: str
    meant: str
    written: str
    told_at: int = 0


@dataclass(frozen=True)
class Answer:
    """What becomes of a slip: ``refused``, ``warned of`` or ``accepted``, and the lines that say so."""

    state: str
    lines: tuple[str, ...]


SLIPS = (
    # Keys
    Slip("a misspelt key", "designs_per_target: 10", "design_per_target: 10"),
    Slip("a misspelt key in a block", "{components: 8,", "{component: 8,"),
    Slip("a key of another block", "labels: {count: 600,", "labels: {count: 600, batch_size: 32,"),
    Slip("a key a level too high", "  image_px: 64\n  micro", "  image_px: 64\n  steps: 300\n  micro"),
    Slip("a profile in a spec", "seed: 2020\n", "seed: 2020\nprofile: laptop\n"),
    Slip("a key a level too low", "    batch_size: 32\n", "    batch_size: 32\n    image_px: 64\n"),
    Slip("a key that is not there", "  kind: train\n", "", 7),
    Slip("`kind` misspelt", "  kind: train\n", "  knid: train\n"),
    Slip("a missing substrate", "substrate: mirror\n", "", 4),
    Slip("the same key twice", "seed: 2020\n", "seed: 2020\nseed: 2021\n"),
    # YAML
    Slip("a tab", "  image_px: 64\n  micro", "\timage_px: 64\n  micro"),
    Slip("no colon", "seed: 2020", "seed 2020"),
    Slip("no blank after the colon", "seed: 2020", "seed:2020"),
    Slip("an open bracket", "targets: [0.55, 0.60, 0.65, 0.70, 0.75]", "targets: [0.55, 0.60, 0.65, 0.70, 0.75"),
    Slip("an open quote", "campaign: quickstart", 'campaign: "quickstart'),
    Slip("another indentation", "    steps: 300\n", "     steps: 300\n"),
    Slip("a block that is not indented", "  training:\n", "training:\n"),
    Slip("a missing dash", "  - pca-mdn\n", "  pca-mdn\n"),
    Slip("a missing comma", "{image_px: 96, latent", "{image_px: 96 latent"),
    Slip("a list in place of a mapping", "labels: {count: 600, truncation_sample: 16}", "labels: [600, 16]"),
    Slip("a number in place of a mapping", "labels: {count: 600, truncation_sample: 16}", "labels: 600"),
    Slip("one value in place of a list", "targets: [0.55, 0.60, 0.65, 0.70, 0.75]", "targets: 0.55"),
    Slip("a key without a value", "targets: [0.55, 0.60, 0.65, 0.70, 0.75]", "targets:"),
    # Numbers
    Slip("a number in quotes", "count: 600", 'count: "600"'),
    Slip("a decimal comma", "thickness_nm: 38", "thickness_nm: 38,5"),
    Slip("a decimal comma in quotes", "thickness_nm: 215", "thickness_nm: '215,5'"),
    Slip("a comma between thousands", "count: 1024", "count: '1,024'"),
    Slip("a unit beside the number", "thickness_nm: 38", "thickness_nm: 38 nm"),
    Slip("a negative count", "count: 600", "count: -600"),
    Slip("half a simulation", "count: 600", "count: 600.5"),
    Slip("a switch in place of a number", "seed: 2020", "seed: yes"),
    Slip("ends of a range swapped", "volume_fraction: [0.2, 0.8]", "volume_fraction: [0.8, 0.2]"),
    Slip("per cent", "volume_fraction: [0.2, 0.8]", "volume_fraction: [20, 80]"),
    Slip("one end of a range", "volume_fraction: [0.2, 0.8]", "volume_fraction: 0.2"),
    Slip("a wave finer than pixels", "frequency_mean_per_px: [0.05, 0.08]", "frequency_mean_per_px: [0.5, 0.8]"),
    # Data sets and generator
    Slip("a name with a blank", "data-ii: {image_px", "Data II: {image_px"),
    Slip("a latent that does not fit", "image_px: 96, latent: [3, 3]", "image_px: 96, latent: [2, 2]"),
    Slip("images of an odd size", "{image_px: 96,", "{image_px: 100,"),
    Slip("another kind of generator", "kind: train", "kind: gan"),
    Slip("no workers", "workers: 2", "workers: 0"),
    Slip("a batch that does not split", "    batch_size: 32\n", "    batch_size: 33\n"),
    Slip("a batch above the images", "    batch_size: 32\n", "    batch_size: 2048\n"),
    Slip("hardly any training", "steps: 300", "steps: 3"),
    Slip("an unknown variant", "variant: matched", "variant: match"),
    # Labels, methods, targets
    Slip("labels too few to learn from", "count: 600", "count: 6"),
    Slip("a batch above the labels", "batch_size: 32, learning_rate", "batch_size: 1000, learning_rate"),
    Slip("a learning rate without its exponent", "learning_rate: 3.0e-3", "learning_rate: 3.0"),
    Slip("hardly any epochs", "max_epochs: 150", "max_epochs: 1"),
    Slip("a sample above the labels", "truncation_sample: 16", "truncation_sample: 1600"),
    Slip("three rounds", "{count: 600,", "{count: 600, rounds: 3,"),
    Slip("a share of a round that is not there", "{count: 600,", "{count: 600, first: 0.3,"),
    Slip("a method in capitals", "  - gan-mdn", "  - GAN-MDN"),
    Slip("an unknown method", "  - gan-mdn", "  - random-forest"),
    Slip("the same method twice", "  - pca-mdn", "  - gan-mdn"),
    Slip("two methods of one name", "  - pca-mdn", "  - {kind: pca-mdn, name: gan-mdn}"),
    Slip("a method for no data set", "  - pca-mdn", "  - {kind: pca-mdn, datasets: [data-3]}"),
    Slip("a search from more labels than there are", "initial: 40", "initial: 4000"),
    Slip("an option of a method misspelt", "iterations: 12", "iteration: 12"),
    Slip("a method without its kind", "{kind: bayesian-optimization, ", "{name: search, "),
    Slip("more suggestions than simulations", "batch: 4", "batch: 40"),
    Slip("targets left out", "targets: [0.55, 0.60, 0.65, 0.70, 0.75]\n", "", 2),
    Slip("targets in per cent", "targets: [0.55, 0.60, 0.65, 0.70, 0.75]", "targets: [55, 60]"),
    Slip("a target above 1", "targets: [0.55,", "targets: [1.55,"),
    Slip("the same target twice", "targets: [0.55,", "targets: [0.60,"),
    Slip("a range of targets swapped", "targets: [0.55,", "targets: [{between: [0.6, 0.5]},"),
    Slip("no targets", "targets: [0.55, 0.60, 0.65, 0.70, 0.75]", "targets: []"),
    Slip("more designs than labels", "designs_per_target: 10", "designs_per_target: 1000"),
    # Physics
    Slip("a wrong path", "physics/oxide-texture.yaml", "physics/oxide_texture.yaml"),
    Slip("an unknown variable", "include: physics/", "include: $STACKS/"),
    Slip("a wavelength in micrometres", "wavelength_nm: 550", "wavelength_nm: 0.55"),
    Slip("a wavelength outside of tables", "wavelength_nm: 550", "wavelength_nm: 55000"),
    Slip("a thickness in micrometres", "thickness_nm: 215", "thickness_nm: 0.215"),
    Slip("a thickness in picometres", "thickness_nm: 215", "thickness_nm: 215000"),
    Slip("a period in micrometres", "period_nm: 1050", "period_nm: 1.05"),
    Slip("the period in the field of the pixel", "period_nm: 1050", "pixel_nm: 1050"),
    Slip("period and pixel", "period_nm: 1050", "pixel_nm: 11\nperiod_nm: 1050"),
    Slip("an unknown material", "white: zinc-oxide", "white: zinc-oxid"),
    Slip("an unknown table", "{table: a-Si}", "{table: Si}"),
    Slip("a table in small letters", "{table: SiO2}", "{table: sio2}"),
    Slip("k of the other sign convention", "mirror: {table: Al}", "mirror: {n: 0.96, k: -6.7}"),
    Slip("a table beside an index", "{table: SiO2}", "{table: SiO2, n: 1.46}"),
    Slip("light from a metal", "incident: air", "incident: mirror"),
    Slip("two layers of one name", "name: film", "name: texture"),
    Slip("no pattern", "kind: pattern, name: texture, thickness_nm: 215, white: zinc-oxide, black: silica",
         "kind: film, name: texture, thickness_nm: 215, material: silica", 13),
    Slip("the polarisation in other words", "incident: air", "polarization: TE\nincident: air"),
    Slip("light along the surface", "incident: air", "incidence: {polar_deg: 90}\nincident: air"),
    Slip("an unknown property", "property: total", "property: absorbance"),
    Slip("the property of a layer that is not there", "property: total", "property: silicon"),
    Slip("no orders", "orders: 4", "orders: 0"),
    Slip("fewer orders than propagate", "orders: 4", "orders: 2"),
    Slip("orders of another data set", "orders: 4", "orders: {data-1: 4, data-ii: 4}"),
    Slip("a solver that does not suit", "orders: 4", "orders: 4\n  solver: fast"),
    Slip("an accuracy of 1", "accuracy: 1.0e-6", "accuracy: 1"),
)  # fmt: skip


def answer(slip: Slip, folder: Path) -> Answer:
    """What is said of a slip; ``folder`` is empty, and messages name files as seen from there."""
    texts = {path: (SPECS / path).read_text(encoding="utf-8") for path in (SPEC, PHYSICS)}
    if sum(text.count(slip.meant) for text in texts.values()) != 1:
        raise ValueError(f"{slip.name}: {slip.meant!r} must stand once in {SPEC} and {PHYSICS}")
    for path, text in texts.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text.replace(slip.meant, slip.written), encoding="utf-8")
    with chdir(folder):
        try:
            told = Campaign.open(SPEC).warnings()
        except SpecError as error:
            return Answer("refused", tuple(map(str, error.problems)))
    return Answer("warned of", told) if told else Answer("accepted", ())


def answers() -> Iterator[tuple[Slip, Answer]]:
    """All of them, in order."""
    os.environ.pop("STACKS", None)
    for slip in SLIPS:
        with tempfile.TemporaryDirectory() as folder:
            yield slip, answer(slip, Path(folder))


def table(found: list[tuple[Slip, Answer]]) -> str:
    """As a page of the documentation."""
    counts = {state: sum(each.state == state for _, each in found) for state in ("refused", "warned of", "accepted")}
    told = f"{len(found)} slips: {', '.join(f'{count} {state}' for state, count in counts.items())}."
    rows = [
        f"| {slip.name} | {_code(slip.written)} | {each.state} | {_text(' '.join(each.lines))} |"
        for slip, each in found
    ]
    return "\n".join([HEAD, told, "", "| slip | written | | said |", "|---|---|---|---|", *rows]) + "\n"


def _code(text: str) -> str:
    lines = [line.replace("\t", "\\t").strip().replace("|", "\\|") for line in text.splitlines()]
    return "<br>".join(f"`{line}`" for line in lines) or "nothing"


def _text(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="page of the documentation to write")
    options = parser.parse_args()
    found = list(answers())
    for slip, each in found:
        print(f"{each.state:9}  {slip.name}", *(f"           {line}" for line in each.lines), sep="\n")
    if options.output is not None:
        options.output.write_text(table(found), encoding="utf-8")
    sys.exit(any(each.state == "accepted" for _, each in found))


if __name__ == "__main__":
    main()
