# `make demo` shows what it does; `make test` tests it. Both set themselves up; Python 3.11 or newer is all they need.

PYTHON ?= python3
VENV ?= .venv
MINUTES ?= 10
TERMINALS ?= 20
WORKERS ?= auto
PROVIDERS ?= django keycloak spring
CLIENTS ?= all
ACTIONLINT ?= v1.7.12
BIN = $(VENV)/bin
NODE = tests/real/node

.PHONY: acceptance demo real-clients real-cluster real-providers real-release real-ssh test coverage check lint types imports docs screens cast bench soak release packaging site workflows clean help

help:
	@echo "make demo     watch the main job run, on this machine alone"
	@echo "make test     run the tests; those that need Node.js, kubectl, Chromium or Go say so where those are missing"
	@echo "               PYTEST=\"tests/tui -k login\": only these; WORKERS=4: in so many processes (default: one a core)"
	@echo "make check    style, types, import rules and generated pages"
	@echo "make coverage  run the tests without tests/real, and fail if they reach less of the code than before"
	@echo "make acceptance ISSUER_URL=… CLIENT_ID=…    log in at a live provider, and see what it can do"
	@echo "make real-cluster     run tests at a real kube-apiserver, which is built once"
	@echo "make real-providers   PROVIDERS=\"django keycloak spring\": run tests at these identity providers, which are installed once"
	@echo "make docs     write the reference pages again"
	@echo "make screens  take the pictures of the terminal interface again"
	@echo "make cast     record 'togetherctl init' again, as the first page shows it"
	@echo "make bench    time whole processes and write the table of docs/performance.md"
	@echo "make real-release     build a release twice, compare, and install it in every way"
	@echo "make real-ssh     run what make test runs with a real sshd on loopback, and nothing else"
	@echo "make soak     MINUTES=10 TERMINALS=20: kubectl in a loop over short tokens and a failing issuer"
	@echo "make real-clients  CLIENTS=all: install Kubernetes clients of five languages, and run programs on them"
	@echo "make release VERSION=1.2.3    build a release into dist/, the same bytes each time; nothing is published"
	@echo "               BASE=URL: where releases can be had, which togetherctl version --check asks"
	@echo "make packaging    write the recipes of package managers; BASE=URL: for the release in dist/"
	@echo "make site     build the documentation site into build/site/site; a broken link ends it"
	@echo "make workflows    check the workflows of the forge"
	@echo "make clean    remove what make made"

demo: $(VENV)/.demo
	@$(BIN)/togetherctl demo

test: $(VENV)/.test node-packages
	$(if $(PYTEST),,@tested=$$(packaging/note-green.sh start) && )$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(PYTEST)$(if $(PYTEST),, && packaging/note-green.sh "$$tested")

# Not in `make test`: measuring takes longer, and a test that starts processes is not seen.
coverage: $(VENV)/.coverage
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup --ignore tests/real --cov --cov-report=term $(PYTEST)

check: lint types imports

lint: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.check
	$(BIN)/mypy

imports: $(VENV)/.check
	$(BIN)/lint-imports

# What is set on make's command line is in the script's environment. CLIENT_SECRET is better set in the environment alone.
acceptance: $(VENV)/.demo
	@$(BIN)/python -m tests.acceptance

real-cluster: $(VENV)/.test node-packages
	@tests/real/cluster/build.sh
	@TOGETHERCTL_TESTS_NEED=cluster $(BIN)/python -m pytest $(PYTEST) tests/real/cluster

real-providers: $(VENV)/.test node-packages
	@tests/real/providers/install.sh $(PROVIDERS)
	@TOGETHERCTL_TESTS_PROVIDERS="$(PROVIDERS)" $(BIN)/python -m pytest $(PYTEST) tests/real/providers

docs: $(VENV)/.demo
	$(BIN)/python docs/generate.py

screens: $(VENV)/.demo
	$(BIN)/python docs/screens.py

cast: $(VENV)/.demo
	@$(BIN)/python packaging/cast.py

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench.run

# Installed in the cache folder of the person who runs it, once for each version.
real-clients: export TOGETHERCTL_REAL_CLIENTS = $(CLIENTS)
real-clients: $(VENV)/.test node-packages
	$(BIN)/python -m tests.real.clients.installing
	$(BIN)/python -m pytest -q tests/real/clients $(PYTEST)

# Builds a release twice from clones of what is committed, and installs it in homes of its own.
real-release: export TOGETHERCTL_REAL_RELEASE = yes
real-release: $(VENV)/.test $(VENV)/.release
	$(BIN)/python -m pytest -q tests/real/release $(PYTEST)

real-ssh: $(VENV)/.test
	@TOGETHERCTL_TESTS_NEED=all $(BIN)/python -m pytest $(PYTEST) tests/real/ssh

soak: $(VENV)/.test
	$(BIN)/python -m tests.bench.soak --minutes $(MINUTES) --terminals $(TERMINALS)

$(VENV)/.pip: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "togetherctl needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip
	@touch $@

$(VENV)/.demo: $(VENV)/.pip pyproject.toml
	@echo "Setting up $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group test
	@touch $@

release: $(VENV)/.release
	@$(BIN)/python packaging/release.py $(VERSION) $(if $(TAGGED),--tagged) $(if $(BASE),--base '$(BASE)')

workflows: $(VENV)/.workflows
	@if command -v go >/dev/null; then go run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT) .github/workflows/*.yml; fi
	@$(BIN)/zizmor --offline --quiet .github/workflows

$(VENV)/.workflows: $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group workflows
	@touch $@

packaging: $(VENV)/.release
	@$(BIN)/python packaging/recipes.py $(if $(BASE),--base $(BASE))

site: $(VENV)/.site
	@$(BIN)/python packaging/site.py

$(VENV)/.site: $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group site
	@touch $@

$(VENV)/.release: $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group release
	@touch $@

$(VENV)/.coverage: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group coverage
	@touch $@

$(VENV)/.check: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group check
	@touch $@

# The tests that need them are skipped, with the reason, where there is no npm.
.PHONY: node-packages
node-packages:
	@if command -v npm >/dev/null && ! cmp -s $(NODE)/package-lock.json $(NODE)/node_modules/.installed; then \
	  (cd $(NODE) && npm ci --no-audit --no-fund --loglevel=error) && \
	  cp $(NODE)/package-lock.json $(NODE)/node_modules/.installed; \
	fi

clean:
	rm -rf $(VENV) $(NODE)/node_modules dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*
