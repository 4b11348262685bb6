# Every task of this repository; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test test-core test-python test-node test-swift test-kotlin test-outbox test-cross test-full lint bench fuzz soak

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## send one event from every language to receivers in Python, Node and Swift, and show what happened
	@examples/demo/run

test: ## set up what is missing and run every test (about 15 minutes from a clean clone with 2 cores)
	@tests/run core python node swift kotlin outbox cross

test-core: ## the Rust core, its documentation and the command line
	@tests/run core

test-python: ## the Python package
	@tests/run python

test-node: ## the Node package
	@tests/run node

test-swift: ## the Swift package (makes a Swift toolchain on Debian where there is none)
	@tests/run swift

test-kotlin: ## the Kotlin package (installs a JDK and Maven on Debian where there is none)
	@tests/run kotlin

test-outbox: ## the outbox with processes that are killed, share a store and disagree about the time
	@tests/run outbox

test-cross: ## what crosses languages: the matrix, the differential test, the published peers
	@tests/run cross

test-full: ## everything in `make test` with longer random tests
	@HOOKSEAL_FULL=1 tests/run core python node swift kotlin outbox cross

lint: ## formatting and lints of every language
	@tests/lint

bench: ## speed, as ratios against peers in the same run
	@tests/bench/run

soak: ## kill the outbox's processes at random moments and at each named point, 200 and 20 rounds on each store
	@tests/soak/run

fuzz: ## fuzz the parsers for FUZZ_SECONDS each (default 60), where a nightly toolchain is found
	@core/fuzz/run
