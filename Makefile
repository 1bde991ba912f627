# make run and make test do all the set-up themselves; the rest are their parts.

BIN     := bin/llama
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# timetzdata: time zones also where the machine has none.
GOBUILD := CGO_ENABLED=0 go build -trimpath -tags timetzdata -ldflags '-s -w -X main.version=$(VERSION)'
RACE    := $(shell command -v $${CC:-cc} >/dev/null 2>&1 && echo -race)
FUZZTIME ?= 10s

.PHONY: run build page test go-test race web-test e2e fuzz bench docs lint clean

## run: builds everything and starts it: page, broker, central and one node
run: build
	$(BIN) up $(ARGS)

## build: the page and the one static binary, bin/llama
build: page
	$(GOBUILD) -o $(BIN) ./cmd/llama

PAGE_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)

page: web/dist/index.html

web/dist/index.html: $(PAGE_SOURCES) web/node_modules/.ready
	cd web && npm run --silent build
	@touch $@

web/node_modules/.ready: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --silent
	@touch $@

## test: everything, with a summary at its end
test: build
	@RACE='$(RACE)' test/all.sh

## go-test: the Go tests alone; needs neither Node nor a browser
go-test:
	go test ./...

## race: the Go tests under the race detector
race:
	go test -race ./...

## web-test: the page's API types, types, style and unit tests
web-test: web/node_modules/.ready
	cd web && npm run --silent check

## e2e: a newcomer's walk through the page in a real browser
e2e: build
	cd web && npm run --silent e2e

## fuzz: each decoder of bytes from outside, for FUZZTIME
fuzz:
	@go list ./... | while read -r pkg; do \
	  for f in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
	    go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$pkg" || exit 1; done; done

## bench: the benchmarks beside the hot paths; the whole program is measured by go run ./bench
bench:
	go test -run '^$$' -bench . -benchmem ./...

## docs: prints the reference pages again from the code
docs:
	go test ./cmd/llama ./internal/parse ./internal/api -run 'Reference|Specification' -update

## lint: what a tool can check
lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	@command -v golangci-lint >/dev/null && golangci-lint run || echo "golangci-lint is not installed: only gofmt and go vet ran"

clean:
	rm -rf bin web/dist/assets web/node_modules/.ready
