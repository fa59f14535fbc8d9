# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS := 1
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: demo test test-slow chaos check lint fast-campaign fast-others setup debian bench clean

demo: setup
	@$(BIN)/campaign submit specs/quickstart.yaml

# Three files of tests at a time, for two cores: whole campaigns, which come first, wait nearly as long as they compute.
test:
	@$(MAKE) --no-print-directory --jobs 2 setup debian
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS) -m "not slow"

# What `make test` leaves out: more whole campaigns, jobs, labs, looks and kills; hours on two cores.
test-slow: setup debian
	$(BIN)/pytest -m slow $(PYTEST_ARGS)

# Linters beside the fast tests, in two processes: each reads half of the tests and imports what these need.
check: setup
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target lint fast-campaign fast-others

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

FAST := -m "not slow and not long and not ray and not bench and not browser and not slurm" --maxfail 5

fast-campaign: setup
	$(BIN)/pytest $(FAST) tests/campaign

fast-others: setup
	$(BIN)/pytest $(FAST) --ignore tests/campaign tests

# A hundred kills at random moments of small campaigns, and full disks; an hour or more on two cores.
chaos: setup
	$(BIN)/pytest -m slow tests/campaign/whole/test_chaos.py $(PYTEST_ARGS)

bench: setup
	$(BIN)/python benchmarks/rcwa_peers.py --problem D --orders 5
	$(BIN)/python benchmarks/rcwa_peers.py --problem S --orders 5

setup: .venv/.ready

# What is installed and not imported here, a third of it, is compiled by nobody.
IDLE := plotly|pip|mypy|mypyc|fontTools|networkx|setuptools|IPython|cma|imageio|tifffile|torchgen|prompt_toolkit|jedi
IDLE := $(IDLE)|torch/(_inductor|onnx|testing)|ray/(rllib|serve|llm)|jax/experimental|sympy/physics

# The only place that installs Python packages; versions are those of constraints.txt. They are compiled at the end, without
# their tests, since pip does so on one core. A few packages hold files for other Pythons, which do not compile.
.venv/.ready: pyproject.toml constraints.txt
	@echo "setting up .venv (a minute or two) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev,bench,docs]'
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests/|/site-packages/($(IDLE))/' .venv/lib || true
	@touch $@

# Debian packages that some tests use; where they cannot be installed those tests skip and say why.
debian:
	@(for program in chromium pdflatex sshfs ssh-keygen /usr/sbin/sshd; do command -v $$program || exit 1; done) >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends chromium openssh-client openssh-server sshfs \
	    texlive-latex-recommended; } >/dev/null 2>&1 || \
	  echo "chromium, ssh or LaTeX are not here and could not be installed: tests that need them will skip"
	@PYTHONPATH=tests/slurm $(PYTHON) -m slurm_lab install || echo "tests on Slurm will skip"

clean:
	rm -rf .venv build site *.egg-info .pytest_cache .mypy_cache .ruff_cache

# The documentation as a site, in site/; a broken link ends it.
.PHONY: docs
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
