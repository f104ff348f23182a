# heapdump: what can be made. The first two are all that a newcomer needs.
GO      ?= go
DEMO    := testdata/dumps/demo.dmp

.PHONY: demo test test-html test-folder test-huge test-long lint bench bench-go campaign fuzz race portable build web docs dist dist-check clean

demo: build ## build bin/heapdump and run it on a small dump
	bin/heapdump summary $(DEMO)

build: ## build bin/heapdump
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/heapdump ./cmd/heapdump

test: ## run every test (a walk that no longer advances shows as a timeout)
	$(GO) test -timeout 280s ./...

test-html: build ## the HTML page in a headless Chromium, where there is one
	cd web && npm ci --silent && npm test --silent

test-long: ## references and dominators of one singly linked list of 10 million blocks, without recursion and in bounded memory
	HEAPDUMP_LONG=10000000 $(GO) test -timeout 900s -count 1 -v -run TestHugeList ./internal/analysis/refs

test-folder: ## triage of a folder of 4,000 mixed dumps, its bytes and its memory
	HEAPDUMP_FOLDER=4000 $(GO) test -timeout 900s -count 1 -v -run TestTriageFolder ./internal/cli

test-huge: build ## summary, check, walk and leaks of a sparse dump of 24 GiB (HUGE bytes), in less than 512 MiB
	HEAPDUMP_HUGE=$(HUGE) $(GO) test -timeout 1800s -count 1 -v -run TestHuge ./internal/bench

HUGE ?= 25769803776
web: ## bundle web/ into the HTML page's script and style
	cd web && npm ci --silent && npm run --silent build

lint: ## formatting, vet, staticcheck
	@out=$$(gofmt -l cmd internal pkg); if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

portable: ## the library's tests on a 32-bit and on a big-endian processor (Debian's qemu-user), the program's build for both
	CGO_ENABLED=0 GOARCH=386 $(GO) vet ./...
	CGO_ENABLED=0 GOARCH=s390x $(GO) vet ./...
	GODEBUG=asyncpreemptoff=1 CGO_ENABLED=0 GOARCH=386 $(GO) test -exec qemu-i386 -skip $(SLOW) $(PORTABLE)
	CGO_ENABLED=0 GOARCH=s390x $(GO) test -exec qemu-s390x -skip $(SLOW) $(PORTABLE)

PORTABLE = ./pkg/memory ./pkg/minidump ./pkg/process ./pkg/ntheap ./pkg/peimage ./pkg/rtti ./pkg/stackdb ./pkg/structs ./pkg/crtheap ./pkg/pageheap
# An emulated processor is too slow for what ends within a time limit.
SLOW     = 'TestDamageAllOver|Fuzz'

race: ## the tests under the race detector
	$(GO) test -race -timeout 900s ./...

bench: build ## figures beside their targets: generated dumps of 1, 5 and 10 million blocks, ratios within one run
	$(GO) run ./internal/bench -heapdump bin/heapdump $(BENCH)

BENCHGO ?= bench-go.txt
bench-go: ## Go's benchmarks, ten times each, into $(BENCHGO), for benchstat: docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem -count 10 $$(grep -rl '^func Benchmark' --include='*_test.go' cmd internal pkg | xargs -n1 dirname | sort -u | sed 's|^|./|') | tee $(BENCHGO)

campaign: ## damage every byte, page and border of generated dumps of every family: docs/hostile.md
	$(GO) run ./internal/campaign $(CAMPAIGN)

FUZZTIME ?= 60s
fuzz: ## every fuzz target for FUZZTIME each
	@set -e; for f in $$(grep -rl '^func Fuzz' --include='*_test.go' .); do \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' $$f); do \
	    echo "== $$t in $$(dirname $$f)"; \
	    $(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$(dirname $$f); \
	  done; done

docs: ## the reference in docs/reference and the man pages in docs/man, from the help of every command
	$(GO) test ./cmd/heapdump -run TestScriptsManual -update

dist: ## a release of the last commit: archives for six systems and SHA256SUMS in dist/
	$(GO) run ./internal/dist

dist-check: ## build the release twice, in different folders, the second time from nothing, and compare
	$(GO) run ./internal/dist -check

clean:
	rm -rf bin dist web/node_modules
