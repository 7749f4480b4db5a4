# make report: set up and run; make test: install dev dependencies, run the quick tests; make test-all: run all tests;
# make sample: rebuild the committed sample of standard from its cache, and README images; make reword: rebuild its text
# without that cache; make inspect: check the PDF reports for accessibility; make bench: run the benchmarks;
# make fuzz: fuzz the readers; make backends: run the backend tests on JAX and PyTorch;
# make mutants: run mutation tests;
# make audit: check the pinned packages for known vulnerabilities; make lock: update the pinned dependencies.
# make setup ACCELERATOR=cuda also installs the CUDA libraries that TensorFlow needs on an NVIDIA GPU.
PYTHON ?= python3
ACCELERATOR ?=
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.installed
CUDA := $(VENV)/.installed-cuda
DEV := $(VENV)/.installed-dev
JOBS ?= 2

.PHONY: report sample reword test test-all check setup dev pango browser inspect bench fuzz backends mutants audit lock clean

report: setup pango
	$(BIN)/python run_all.py $(ARGS)

# Rebuild the committed report of standard, and its images in the README, from its cache (ARGS="--cache-dir DIR").
# Run it whenever the document changes.
sample: dev pango browser
	$(BIN)/python run_all.py --title-page title_page.example.toml --out docs/sample $(ARGS)
	$(BIN)/python benchmarks/readme_pictures.py

# Rebuild the sample after a change of text, charts or styles, from the content of the sample itself.
reword: dev pango browser
	$(BIN)/python benchmarks/reword_sample.py
	$(BIN)/python benchmarks/readme_pictures.py

test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow" $(ARGS)

test-all: check
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "" $(ARGS)

check: dev pango browser
	$(BIN)/ruff check .
	$(BIN)/mypy

setup: $(DONE) $(if $(filter cuda,$(ACCELERATOR)),$(CUDA))

dev: $(DEV)

$(DONE): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11, 3.12 or 3.13 is required, because TensorFlow has no packages for others; this is " \
		+ sys.version.split()[0] + ". Choose another with make PYTHON=…") if not (3, 11) <= sys.version_info < (3, 14) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(CUDA): $(DONE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"tensorflow[and-cuda]==$$($(BIN)/python -c 'from importlib.metadata import version; print(version("tensorflow"))')"
	@touch $@

$(DEV): $(DONE) requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The tests of the page use Chromium; without it they are skipped and reported at the end.
browser:
	@command -v chromium > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 \
		|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium > /dev/null; } || true

# WeasyPrint renders text with Pango, a system library that pip cannot install.
pango: setup
	@$(BIN)/python -m fmnist_report.doctor

# Check the PDFs in report/ against PDF/UA-1 and PDF/A-3a, and print them as read by a screen reader.
inspect: dev
	$(BIN)/python tests/inspection.py report/*.pdf

# Measure the speed of the pipeline and of other inference runtimes, and write docs/performance.md; requires a finished
# run in cache/.
bench: dev
	cmp -s Makefile $(VENV)-bench/made-by || { rm -rf $(VENV)-bench && $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --no-deps --target $(VENV)-bench \
		'onnx>=1.18' 'onnxruntime>=1.22' 'openvino>=2025.2' 'hdf5plugin>=5' && cp Makefile $(VENV)-bench/made-by; }
	PYTHONPATH=$(CURDIR)/$(VENV)-bench $(BIN)/python benchmarks/performance.py $(ARGS)

# Fuzz the readers of external input for an hour.
fuzz: dev
	test -d $(VENV)-fuzz || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(VENV)-fuzz 'atheris>=3'
	PYTHONPATH=$(CURDIR)/$(VENV)-fuzz $(BIN)/python benchmarks/fuzz.py $(ARGS)

# Run the tests marked "backend" with Keras on JAX and on PyTorch.
backends: dev
	test -x $(VENV)-backends/bin/python || $(BIN)/python -m venv $(VENV)-backends
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' \
		> "$$($(VENV)-backends/bin/python -c 'import site; print(site.getsitepackages()[0])')/base.pth"
	$(VENV)-backends/bin/python -m pip install --quiet --disable-pip-version-check 'jax>=0.6' 'torch>=2.6'
	for backend in jax torch; do KERAS_BACKEND=$$backend $(VENV)-backends/bin/python -m pytest -m backend $(ARGS) || exit 1; done

# Run mutation tests of the statistics, the study and the conclusions with mutmut.
mutants: dev
	test -x $(VENV)-mutants/bin/python || $(BIN)/python -m venv $(VENV)-mutants
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' \
		> "$$($(VENV)-mutants/bin/python -c 'import site; print(site.getsitepackages()[0])')/base.pth"
	$(VENV)-mutants/bin/python -m pip install --quiet --disable-pip-version-check 'mutmut>=3.8,<4'
	PATH="$(CURDIR)/$(VENV)-mutants/bin:$$PATH" TF_CPP_MIN_LOG_LEVEL=3 $(VENV)-mutants/bin/python -m mutmut run $(ARGS)
	$(VENV)-mutants/bin/python -m mutmut results

audit:
	test -x $(VENV)-audit/bin/pip-audit || $(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9'
	$(VENV)-audit/bin/pip-audit --require-hashes --disable-pip --requirement requirements.lock

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml \
		-o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group pyproject.toml:dev --constraints requirements.lock -o requirements-dev.lock

clean:
	rm -rf mutants $(VENV) $(VENV)-mutants $(VENV)-audit $(VENV)-fuzz $(VENV)-bench $(VENV)-backends report
