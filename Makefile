# Everything that is done to this repository by hand or by CI is a target here. `make` alone lists them.
# Needs Go and make; a C compiler makes the tests race-checked. No target above "benches" needs a server: what PostgreSQL must be there
# for is skipped where there is none on 127.0.0.1:5432 and TEST_POSTGRES names no other, likewise NATS (4222, TEST_NATS) and RabbitMQ with AMQP 1.0
# (5672, TEST_AMQP), and what node and npm must be there for without them; CI skips nothing.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

GO       ?= go
FUZZTIME ?= 60s
# What is passed on to every `go test` of `make test`, as in: make test TESTFLAGS='-run Pace -v'
TESTFLAGS ?=
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# A clone that belongs to another user makes git refuse to answer, and the go command then refuses to build:
# the version comes from VERSION alone.
export GOFLAGS := $(strip $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false)

LINT := $(GO) tool -modfile=tools/go.mod golangci-lint

# The race detector links C. Probing with a header tells a compiler from one that lacks the C library's files.
CC_WORKS := echo '\#include <stdlib.h>' | $$($(GO) env CC) -x c -c -o /dev/null - 2>/dev/null

##@ Start here

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z][a-z-]*:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## a mock vendor, a Sluice in front of it, and requests that show what changes on the way
	@bin/sluice demo

.PHONY: test
test: ## every test, race-checked where a C compiler is found (in CI: always)
	@race=; export CGO_ENABLED=0; \
	if $(CC_WORKS); then race=-race; export CGO_ENABLED=1; \
	elif [ -n "$${CI:-}" ]; then echo "make test: CI always races, and there is no working C compiler here: install gcc and the C library's headers" >&2; exit 1; \
	else echo "make test: no working C compiler found, so WITHOUT the race detector" >&2; fi; \
	set -x; $(GO) test $$race -timeout=20m $(TESTFLAGS) ./...

##@ Before a commit

.PHONY: check
check: fmt vet lint test configs ## format, vet, lint, race tests, sluice check configs/

.PHONY: fmt
fmt: ## gofmt every file in place
	@gofmt -s -w .

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: ## golangci-lint at the version tools/go.mod pins (the first run compiles it)
	$(LINT) run ./...

.PHONY: floors
floors: ## who may import whom, which names say nothing, no init
	$(GO) test -count=1 -run '^Test(Floors|Names|Init)' ./cmd/sluice

.PHONY: configs
configs: build ## sluice check on every configuration of the repository
	bin/sluice check configs/

.PHONY: fuzz
fuzz: ## every fuzz target of the repository, one after another, FUZZTIME (60s) each; red on any finding
	@listing=$$($(GO) test -list '^Fuzz' ./...); \
	targets=$$(awk '/^Fuzz/ { name[n++] = $$1 } $$1 == "ok" { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' <<<"$$listing"); \
	[ -n "$$targets" ] || { echo "make fuzz: no fuzz target found, which cannot be right" >&2; exit 1; }; \
	found=; \
	while read -r package target; do \
	  echo "==> $$package $$target"; \
	  $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null || found+="  $$package $$target"$$'\n'; \
	done <<<"$$targets"; \
	[ -z "$$found" ] || { printf 'make fuzz: findings in\n%s' "$$found" >&2; exit 1; }; \
	echo "make fuzz: $$(wc -l <<<"$$targets") targets, $(FUZZTIME) each, no finding"

##@ Build

.PHONY: build
build: ## bin/sluice: one static binary, no C, no paths of this machine in it
	CGO_ENABLED=0 $(GO) build -trimpath -tags timetzdata -ldflags '-s -w -X main.version=$(VERSION)' -o bin/sluice ./cmd/sluice

.PHONY: clean
clean: ## remove what the targets above made
	rm -rf bin

##@ CI

.PHONY: ci
ci: TESTFLAGS += -count=1 -shuffle=on
ci: verify fmt-check vet build configs floors test lint ## all that must hold for a change to land

.PHONY: fmt-check
fmt-check: ## fail on a file that gofmt would change, and touch none
	@odd=$$(gofmt -s -l .); [ -z "$$odd" ] || { printf 'run make fmt, these files need it:\n%s\n' "$$odd" >&2; exit 1; }

.PHONY: verify
verify: ## the modules on this machine are the ones go.sum names
	$(GO) mod verify

##@ Benches (each prints one key=value as its last line)

.PHONY: bench-proxy
bench-proxy: build ## CPU per request and p99 of the TeamDynamix chain, httputil.ReverseProxy and nginx (2 min)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench proxy bin/sluice

.PHONY: bench-memory
bench-memory: build ## resident memory with 10,000 idle consumers and 2,000 held requests (20 s)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench memory bin/sluice

.PHONY: bench-reload
bench-reload: build ## requests lost under reloads and under SIGTERM, at 500 requests per second (15 s)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench reload bin/sluice

.PHONY: bench-pacing
bench-pacing: build ## pacing over real HTTP, then in virtual time: lanes, four nodes, every kind of limiter (2 min)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench http bin/sluice
	@bin/sluice-bench lanes
	@bin/sluice-bench nodes
	@bin/sluice-bench pacing

.PHONY: bench-nodes
bench-nodes: build ## four processes on one PostgreSQL: a limit shared, one process killed, the database cut off (3 min)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench processes bin/sluice

.PHONY: bench-aggregation
bench-aggregation: build ## 55,000 people by both plans from four addresses, and one connection beside a slow one (10 min)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench aggregation bin/sluice

.PHONY: bench-scale
bench-scale: build ## memory and time of a reading by the number of people, up to 500,000, on both databases (30 min)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench scale bin/sluice

.PHONY: bench-delivery
bench-delivery: build ## events to one subscription on both databases: deliveries per second, CPU, latency at 100 a second (2 min)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench delivery bin/sluice

.PHONY: bench-badsink
bench-badsink: build ## how long a good receiver waits for its events beside bad ones of each sort, on both databases (18 min, 3 more for each sort that is over)
	@$(GO) build -o bin/sluice-bench ./cmd/sluice-bench
	@bin/sluice-bench badsink bin/sluice

.PHONY: chaos
chaos: ## nodes killed at random 100 times in one aggregation and 200 times in 10,400 deliveries, processes 200 times in a commit (10 min)
	AGGREGATE_KILLS=100 $(GO) test -count=1 -timeout=20m -v -run '^TestAggregateSurvivesKills$$' ./cmd/sluice
	DELIVERY_KILLS=200 $(GO) test -count=1 -timeout=20m -v -run '^TestDeliverySurvivesKills$$' ./cmd/sluice
	STORE_KILLS=200 $(GO) test -count=1 -timeout=10m -v -run '^TestCommitSurvivesKills$$' ./store
