# make lists the targets.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

# Pinned, so that a new release's new opinion does not break an old commit.
LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

SCRIPTS := .ci/run $(wildcard scripts/*)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Watch two services deadlock, and waitgraph see it (ARGS="--format=json")
	go run ./cmd/demo $(ARGS)

.PHONY: build
build: ## Build the programs into bin/
	go build -trimpath -o bin/ ./cmd/...

.PHONY: test
test: ## Run all tests, on the embedded broker and again on RabbitMQ
	@scripts/test

.PHONY: rules
rules: ## Test Prometheus's rules, the metrics and the runbook
	@command -v promtool >/dev/null || scripts/install prometheus
	go test -count=1 ./dashboards/prometheus

.PHONY: dashboards
dashboards: ## Write Grafana's dashboards, and check them by Grafana's types and by a Prometheus
	go run ./dashboards/grafana/generate dashboards/grafana
	@command -v prometheus >/dev/null || scripts/install prometheus
	@if command -v npm >/dev/null; then npm ci --prefix dashboards/grafana/schema --ignore-scripts --no-fund --no-audit; \
	else echo 'npm is not installed: dashboards not checked by type'; fi
	go test -count=1 ./dashboards/grafana

.PHONY: page
page: ## Build the page of waitgraph run: detector/webpage/page (needs npm)
	npm ci --prefix detector/webpage/source --ignore-scripts --no-fund --no-audit
	npm run --prefix detector/webpage/source build -- --outdir=../page

.PHONY: pictures
pictures: ## Draw the dashboards as they look when the example system deadlocks: docs/images/grafana-*.svg
	@command -v prometheus >/dev/null || scripts/install prometheus
	go run ./dashboards/grafana/pictures docs/images

.PHONY: cover
cover: ## Run all tests for coverage: out/cover.html
	@mkdir -p out
	scripts/with-rabbitmq go test -p 1 -coverpkg=./... -coverprofile=out/cover.out ./...
	go tool cover -html=out/cover.out -o out/cover.html
	go tool cover -func=out/cover.out | tail -n 1

.PHONY: model
model: ## Check the model of the report protocol with spin
	@scripts/model

.PHONY: soak
soak: ## Look for a world in which a verdict is wrong (FIRST=seed EVENTS=1e9)
	go run ./internal/simulation/soak -first=$(or $(FIRST),1) -events=$(or $(EVENTS),1e9)

.PHONY: fuzz
fuzz: ## Run each fuzz target for a moment (FOR=10s)
	@scripts/fuzz $(or $(FOR),10s)

.PHONY: bench
bench: ## Run the benchmarks on RabbitMQ (RUN=regexp COUNT=1)
	@scripts/bench '$(or $(RUN),.)'

.PHONY: lint
lint: ## Check style, suspicious code, go.mod and the scripts
	go mod tidy -diff
	$(LINT) run
	@if command -v shellcheck >/dev/null; then set -x; shellcheck $(SCRIPTS); \
	else echo 'shellcheck is not installed: scripts unchecked'; fi

.PHONY: fmt
fmt: ## Format the code
	$(LINT) fmt
	go mod tidy
