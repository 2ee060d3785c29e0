# Every task has its target here; CI runs `make test` and nothing else.

CARGO ?= cargo
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
MUSL := $(subst -gnu,-musl,$(HOST))
# Static either way. musl starts faster, where its target is installed.
TARGET := $(if $(filter $(MUSL),$(shell rustup target list --installed 2>/dev/null)),$(MUSL),$(HOST))
PLUGINS := macvlan dhcp host-local static loopback
GO_PLUGINS ?= /usr/lib/cni
# Without root the tests run as root of a user namespace of their own.
PRIVATE := $(if $(filter 0,$(shell id -u)),,unshare --user --map-root-user --net --mount --)

export CARGO_TERM_COLOR ?= auto

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: build
build: ## Build every executable into bin/, a CNI plugin directory
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --locked --release --target $(TARGET) $(PLUGINS:%=-p %)
	@mkdir -p bin
	@for plugin in $(PLUGINS); do \
	    install -m 0755 target/$(TARGET)/release/$$plugin bin/.$$plugin.new && \
	    mv -f bin/.$$plugin.new bin/$$plugin || exit 1; \
	done
	@ls -l bin

.PHONY: demo
demo: build ## Two pods get addresses by DHCP over macvlan, in private namespaces
	$(CARGO) run --locked --quiet -p demo

.PHONY: packages
packages: ## Install the Debian packages that the tests need
	@scripts/install-test-packages

.PHONY: test
test: packages build ## Check formatting and lints, run unit, property and end-to-end tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --quiet -- -D warnings
	$(CARGO) test --locked --workspace --no-run
	@scripts/run-tests $(PRIVATE)

.PHONY: soak
soak: packages build ## Run the tests of scale with a thousand leases
	LANYARD_LEASES=1000 $(PRIVATE) $(CARGO) test --locked -p e2e scale -- --nocapture

.PHONY: test-reference
test-reference: packages ## Run the end-to-end tests on the Go plugins and list the differences
	PLUGINS_UNDER_TEST=reference scripts/run-tests --e2e $(PRIVATE)

.PHONY: bench
bench: packages build ## Time these plugins and the Go plugins in one interleaved run
	$(CARGO) build --locked -p bench
	$(PRIVATE) target/debug/bench --ours bin --reference $(GO_PLUGINS) $(BENCH_FLAGS)

# No LTO: a fuzzer is built more often than it is shipped. The rest is explained in fuzz/README.md.
FUZZ_TARGETS ?= $(sort $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs))))
FUZZ_SECONDS ?= 60
FUZZ := RUSTC_BOOTSTRAP=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 $(CARGO) fuzz

.PHONY: fuzz
fuzz: ## Look for inputs that break a fuzz target, FUZZ_SECONDS for each of FUZZ_TARGETS
	@$(CARGO) fuzz --version >/dev/null 2>&1 || \
	    { echo "cargo-fuzz is not installed: cargo install cargo-fuzz" >&2; exit 1; }
	@command -v c++ >/dev/null || { echo "no C++ compiler, which libFuzzer needs: install g++" >&2; exit 1; }
	@for target in $(FUZZ_TARGETS); do \
	    mkdir -p target/fuzz/corpus/$$target && \
	    $(FUZZ) run --sanitizer none --target-dir target/fuzz $$target \
	        target/fuzz/corpus/$$target fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) \
	        -max_len=1500 -timeout=5 || exit 1; \
	done

.PHONY: lint
lint: ## Check formatting, lints and, where cargo-deny is installed, dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --quiet -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check; \
	else echo "not run: cargo deny (cargo-deny is not installed)"; fi

.PHONY: clean
clean: ## Remove everything that was built
	$(CARGO) clean
	rm -rf bin
