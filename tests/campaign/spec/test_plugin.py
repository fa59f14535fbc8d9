"""Parts that packages bring: installed, named in specs, checked, keyed by their code, and run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import jsonschema
import numpy as np
import pytest
from ruamel.yaml import YAML

from campaign import conformance
from campaign.conformance import check_config, check_implementation
from campaign.plan.fingerprint import PACKAGES, PROJECT
from campaign.plan.pipeline import Pipeline
from campaign.plugin import InverseModelConfig, LabelledImages, OptimizerConfig, PluginConfig, SimulatorConfig
from campaign.spec.entry_points import PluginError, find_plugin, read_spec
from campaign.spec.json_schema import spec_json_schema
from campaign.spec.load import SpecError, load_spec
from campaign.stages import KINDS
from ganmdn.inverse import Designs

pytestmark = pytest.mark.long

EXAMPLE = PROJECT / "docs" / "examples" / "ganmdn-neighbours"
SPEC = EXAMPLE / "campaign.yaml"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example package as pip installs it."""
    source, site = tmp_path_factory.mktemp("source") / "package", tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, source)
    options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", site, source], check=True)
    return site


@pytest.fixture
def site(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The installed package on the path of this process, to be edited."""
    shutil.copytree(package, tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    _forget()
    yield tmp_path / "site"
    _forget()


def _forget() -> None:
    for name in [name for name in sys.modules if name.startswith("ganmdn_neighbours")]:
        del sys.modules[name]


def environment(*folders: Path) -> dict[str, str]:
    """Variables of a process that imports from some folders."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "RAY_USAGE_STATS_ENABLED": "0"}


def python(*arguments: str | Path, site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    variables = environment(PROJECT, site)
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=900)


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = SPEC.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "spec.yaml").write_text(text.replace(old, new), encoding="utf-8")
    return tmp_path / "spec.yaml"


# --- specs ------------------------------------------------------------------------------------------------------


def test_parts_stand_in_a_spec_like_built_in_ones(site: Path) -> None:
    spec = load_spec(SPEC).spec
    assert spec.physics.kind == "white-share"
    assert [method.kind for method in spec.methods] == ["nearest-neighbours", "local-search"]
    assert read_spec(json.loads(spec.model_dump_json())).model_dump() == spec.model_dump()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("neighbours: 3}", "neighbors: 3}", "methods[0].neighbors: is not a known key, got 'neighbors'; did you mean"),
        ("neighbours: 3}", "neighbours: 0}", "methods[0].neighbours: must be at least 1, got 0; the default is 4"),
        ("gain: 1.0", "gain: -1", "physics.gain: must be greater than 0, got -1; write 1"),
        ("initial: 8", "initial: 80", "methods[1].initial: must not exceed labels.count, 24, got 80; write 24 or less"),
        (
            "kind: white-share",
            "kind: white-shade",
            "physics.kind: must be one of 'rcwa', 'white-share', got 'white-shade'",
        ),
        ("kind: local-search", "kind: local", "methods[1].kind: must be one of 'gan-mdn', 'pca-mdn', 'direct-mdn', "),
    ],
)
def test_mistakes_in_their_blocks_are_located(site: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    (problem,) = refused.value.problems
    written = new.split(":")[-1].strip(" }") if "neighbors" not in new else "neighbors"
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if new in text)
    assert (problem.line, problem.column) == (line, path.read_text().splitlines()[line - 1].index(written) + 1)
    assert message in str(problem)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise OSError('no licence')", "must be importable, OSError: no licence, got"),
        ("class WhiteShare: pass\nNearestNeighbours = LocalSearch = WhiteShare", "must be a class derived from"),
    ],
)
def test_a_part_that_cannot_be_used_is_told_where_it_is_asked_for(
    site: Path, tmp_path: Path, source: str, message: str
) -> None:
    (site / "ganmdn_neighbours" / "config.py").write_text(source)
    with pytest.raises(SpecError) as refused:
        load_spec(SPEC)
    assert [problem.key for problem in refused.value.problems] == ["physics.kind", "methods[0].kind", "methods[1].kind"]
    assert f"'white-share' of ganmdn-neighbours 0.1.0 {message}" in str(refused.value)


def test_a_spec_that_was_frozen_with_a_part_says_what_to_install(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = json.loads(load_spec(SPEC).spec.model_dump_json())
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(site)])
    with pytest.raises(PluginError, match="kind 'white-share' of physics must be installed; install the package"):
        read_spec(data)


def test_the_schema_describes_them(site: Path) -> None:
    schema = spec_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    document = YAML(typ="safe", pure=True).load(SPEC.read_text(encoding="utf-8"))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document)) == []
    document["methods"][0]["neighbours"] = "three"
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document))


def test_reading_and_planning_load_neither_torch_nor_ray(package: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from campaign import api;"
        "from campaign.spec.json_schema import spec_json_schema;"
        f"plan = api.Campaign.open(Path({str(SPEC)!r})).plan(); spec_json_schema();"
        "print(plan.packages, [name for name in ('torch', 'ray', 'zarr') if name in sys.modules])"
    )
    done = python("-c", code, site=package, folder=tmp_path)
    assert done.stdout.strip() == "('ganmdn-neighbours 0.1.0',) []", done.stderr


# --- keys -------------------------------------------------------------------------------------------------------


def test_their_code_and_version_are_in_the_key(site: Path) -> None:
    before = Pipeline.of(load_spec(SPEC).spec, KINDS)
    code = before.parts["model/nearest-neighbours/data-ii"].code
    assert {"ganmdn_neighbours.config", "ganmdn_neighbours.inverse", "ganmdn.inverse"} <= set(code)
    assert code["version of ganmdn-neighbours"] == "0.1.0"
    assert "ganmdn_neighbours.simulator" in before.parts["optimization/local-search/data-ii/0.4"].code
    with (site / "ganmdn_neighbours" / "inverse.py").open("a") as stream:
        stream.write("# a remark\n")
    assert Pipeline.of(load_spec(SPEC).spec, KINDS).keys == before.keys
    with (site / "ganmdn_neighbours" / "inverse.py").open("a") as stream:
        stream.write("EDITED = True\n")
    after = Pipeline.of(load_spec(SPEC).spec, KINDS).keys
    changed = {name for name in after if after[name] != before.keys[name]}
    assert changed == {f"{kind}/nearest-neighbours/data-ii" for kind in ("model", "designs", "verification")}


# --- conformance ------------------------------------------------------------------------------------------------


def test_the_example_conforms(package: Path, tmp_path: Path) -> None:
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests", site=package, folder=tmp_path)
    assert "3 passed" in done.stdout or "100%" in done.stdout, done.stdout
    assert done.returncode == 0, done.stdout


class Odd(SimulatorConfig):
    """Gives another answer each time."""

    kind: Literal["odd"]
    implementation = f"{__name__}:odd"


class Loose(SimulatorConfig, extra="ignore"):
    """Takes any key."""

    kind: Literal["loose"]
    implementation = f"{__name__}:odd"


class Outside(OptimizerConfig):
    """Leaves the box."""

    kind: Literal["outside"]
    implementation = f"{__name__}:outside"


class Forgetful(InverseModelConfig):
    """Saves nothing."""

    kind: Literal["forgetful"]
    implementation = f"{__name__}:ForgetfulModel"


def odd(options: Mapping[str, Any], image_px: int) -> Callable[[np.ndarray], float]:
    return lambda image: float(np.random.default_rng().random())


def outside(z: np.ndarray, y: np.ndarray, target: float, count: int, *others: Any) -> np.ndarray:
    return np.full((count, z.shape[1]), 2.0)


class ForgetfulModel:
    def __init__(self, white: int) -> None:
        self.white = white

    @classmethod
    def fit(cls, options: Any, labels: LabelledImages, generate: Any, seed: Any) -> ForgetfulModel:
        return cls(1)

    @classmethod
    def load(cls, folder: Path, generate: Any) -> ForgetfulModel:
        return cls(0)

    def save(self, folder: Path) -> None:
        (folder / "nothing").touch()

    def design(self, target: float, count: int, seed: Any) -> Designs:
        return Designs(np.full((count, conformance.IMAGE_PX, conformance.IMAGE_PX), self.white, np.uint8))


@pytest.mark.parametrize(
    ("group", "config", "message"),
    [
        ("campaign.simulators", Odd(kind="odd"), "the same image must give the same y"),
        ("campaign.optimizers", Outside(kind="outside"), "suggestions must lie within low and high"),
        (
            "campaign.inverse_models",
            Forgetful(kind="forgetful"),
            "a model that was saved and loaded must make the same",
        ),
    ],
)
def test_broken_promises_are_named(group: str, config: PluginConfig, message: str) -> None:
    sys.modules.setdefault(__name__, sys.modules[Odd.__module__])
    with pytest.raises(AssertionError, match=message):
        check_implementation(group, config)


def test_a_loose_block_is_refused() -> None:
    with pytest.raises(AssertionError, match="unknown keys must be refused"):
        check_config(Loose)


def test_a_part_that_nobody_brings_is_no_part() -> None:
    assert find_plugin("methods", "white-share-that-nobody-brings") is None
    with pytest.raises(AssertionError, match="no installed package offers 'nowhere'"):
        conformance.check_plugin("campaign.simulators", "nowhere")


# --- a run ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "profile",
    [
        "kind: in-process",
        pytest.param("{kind: local, workers: 2, dashboard: false}", marks=[pytest.mark.ray, pytest.mark.slow]),
    ],
)
def test_the_example_campaign_runs_to_its_tables_whatever_is_edited_meanwhile(
    package: Path, profile: str, tmp_path: Path
) -> None:
    """The driver stands in the source tree, where it and Ray's workers would find what is edited first."""
    tree, site = tmp_path / "tree", tmp_path / "site"
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(package, site)
    spec = edited(tree, "physics: {kind: white-share, gain: 1.0}", "physics: {include: physics.yaml}")
    (tree / "physics.yaml").write_text("{kind: white-share, gain: 1.0}\n")
    (tree / "profile.yaml").write_text(profile)
    command = [sys.executable, "-m", "campaign", "submit", spec.name, "--profile", "profile.yaml"]
    with (tmp_path / "said").open("w") as said:
        driver = subprocess.Popen(command, cwd=tree, env=environment(tree, site), stdout=said, stderr=said)
    while not any('"stage-started"' in log.read_text() for log in tree.glob("runs/*/events.jsonl")):
        assert driver.poll() is None, (tmp_path / "said").read_text()
        time.sleep(0.02)
    sources = [path for name in PACKAGES for path in (tree / name).rglob("*.*")]
    for path in [*sources, *(site / "ganmdn_neighbours").rglob("*.*")]:
        if path.suffix != ".pyc":
            path.write_text("raise SystemExit('an edited file was read')\n")
    for name in (spec.name, "physics.yaml"):
        (tree / name).write_text("edited: [")
    assert driver.wait(timeout=500) == 0, (tmp_path / "said").read_text()
    (run,) = (tree / "runs").glob("neighbours-*")
    copied = run / "code" / "ganmdn_neighbours" / "inverse.py"
    assert copied.read_text() == (package / "ganmdn_neighbours" / "inverse.py").read_text()
    table, report = run / "tables" / "table1.csv", run / "report.html"
    written = table.read_text()
    assert "nearest-neighbours" in written
    assert "local-search" in written
    table.unlink()
    report.unlink()
    again = python("-m", "campaign", "report", run, site=package, folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert table.read_text() == written
    assert report.is_file()
    without = python("-m", "campaign", "report", run, site=tmp_path, folder=tmp_path)
    assert without.returncode == 2
    assert without.stderr.strip().endswith("must be installed; install the package that brings it")
