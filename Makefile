# make report: set up and run; make test: set up, add what tests need, and run the quick ones; make test-all: all of them;
# make sample: make the committed sample of best anew from its cache, and the README's pictures from it; make reword: write its words anew
# without that cache; make inspect: check the printed reports for accessibility; make bench: measure how fast it is;
# make fuzz: look for inputs that break the readers; make backends: run the tests that concern them on JAX and PyTorch;
# make mutants: count what the tests notice of broken code;
# make audit: ask whether a pinned package has a known hole; make lock: pin the dependencies anew.
# make setup ACCELERATOR=cuda adds what TensorFlow needs to compute on an NVIDIA GPU.
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

# The finished report of best that is committed, and the pictures of it that the README shows; made anew from its cache
# (ARGS="--cache-dir DIR") whenever the document changes.
sample: dev pango browser
	$(BIN)/python run_all.py --preset best --title-page title_page.example.toml --out docs/sample $(ARGS)
	$(BIN)/python benchmarks/readme_pictures.py

# The same after a change of words, charts or styles, from what the sample itself holds.
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
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11, 3.12 or 3.13 is needed, for TensorFlow has packages for these; this is " \
		+ sys.version.split()[0] + ". Name another with make PYTHON=…") if not (3, 11) <= sys.version_info < (3, 14) else None'
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

# The tests of the page drive Chromium; without it they are left out, and the end of the tests says so.
browser:
	@command -v chromium > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 \
		|| { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium > /dev/null; } || true

# WeasyPrint draws text with Pango, a system library that pip cannot install.
pango: setup
	@$(BIN)/python -m fmnist_report.doctor

# Check the PDFs in report/ against PDF/UA-1 and PDF/A-3a, as far as a program can, and listen to them.
inspect: dev
	$(BIN)/python tests/inspection.py report/*.pdf

# Measure how fast the line is, beside other engines, and write docs/performance.md; needs a finished run in cache/.
bench: dev
	cmp -s Makefile $(VENV)-bench/made-by || { rm -rf $(VENV)-bench && $(BIN)/python -m pip install --quiet \
		--disable-pip-version-check --no-deps --target $(VENV)-bench \
		'onnx>=1.18' 'onnxruntime>=1.22' 'openvino>=2025.2' 'hdf5plugin>=5' && cp Makefile $(VENV)-bench/made-by; }
	PYTHONPATH=$(CURDIR)/$(VENV)-bench $(BIN)/python benchmarks/performance.py $(ARGS)

# Look for inputs that break the readers of what comes from outside, for an hour.
fuzz: dev
	test -d $(VENV)-fuzz || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(VENV)-fuzz 'atheris>=3'
	PYTHONPATH=$(CURDIR)/$(VENV)-fuzz $(BIN)/python benchmarks/fuzz.py $(ARGS)

# Run the tests marked "backend" on JAX and on PyTorch, which Keras can take in TensorFlow's place.
backends: dev
	test -x $(VENV)-backends/bin/python || $(BIN)/python -m venv $(VENV)-backends
	$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' \
		> "$$($(VENV)-backends/bin/python -c 'import site; print(site.getsitepackages()[0])')/base.pth"
	$(VENV)-backends/bin/python -m pip install --quiet --disable-pip-version-check 'jax>=0.6' 'torch>=2.6'
	for backend in jax torch; do KERAS_BACKEND=$$backend $(VENV)-backends/bin/python -m pytest -m backend $(ARGS) || exit 1; done

# Break the code of the statistics, the study and the conclusions in every way that mutmut knows, and count what tests notice.
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
