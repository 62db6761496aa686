# SPDX-License-Identifier: GPL-2.0
#
# `make` alone prints the commands. Each of them is non-interactive, and fails
# if anything in it does.

CACHE  ?= $(HOME)/.cache/pci-liveupdate
CONFIG ?= base
KDIR   ?=
T      ?=
M      ?=
OUT    ?=
N      ?= 1000
MINUTES ?= 10
SEED   ?=
CASE   ?=
FUZZ   ?=
FROM   ?=
BASE   ?= 7.2

export CACHE KDIR DISTRO FLAVOUR JOBS
MAKEFLAGS += --no-print-directory
# The scripts use all cores themselves, one target after the other.
.NOTPARALLEL:

define HELP
The PCI Live Update core for Linux.

  make setup         prepare this machine (Debian bookworm): packages, kernel source, bindgen
  make test          everything below that gives a verdict; ends with "N passed, N failed"
  make demo          watch a network card receive while the kernel is replaced; JSON=1 for machines,
                     DRIVER=rust for a driver in the kernel instead of user space with vfio-pci

  make check         style, lints, host tests, unsafe budget; under a minute, no kernel build
  make kernel        build the kernel with the core, out of tree
  make kunit         run the KUnit suites in a booted kernel
  make vm            run the scenarios under QEMU
  make vm-list       list the scenarios, a sentence each
  make bench         count the instructions and bytes that the core costs; 5 % more fails
  make compile-fail  check that misuse of the Rust abstractions does not compile
  make patches-build check that every patch of the series builds, with the feature on and off;
                     FROM=0310 goes on with that one

  make feature-off   check that the hooks leave no code when the feature is off
  make lints         compile our C files, and those that we change, by gcc with W=1 and sparse
  make twin          build the PCI core of a tree that has a core in C, with either of both

  make mutants       break the core on purpose, and see that a test notices; M="name ...", M=host for
                     what the host tests have to notice, M="abi/key.rs ..." for files of it
  make corrupt       change every byte of a handover that means something, between two kernels;
                     CASE="both ..."
  make failnth       fail every allocation of every operation, one after the other, on the debug
                     kernel
  make soak          replace the kernel of one machine N=1000 times, and see that nothing piles up;
                     goes on where it was stopped
  make races         preserve, unplug, rescan, bind, open and read at the same time, on four CPUs and
                     with KCSAN, for MINUTES=10; SEED=word for the order of an earlier run
  make fuzz          look for bytes that the decoders cannot stand; FUZZ=seconds, 60 by default,
                     UPDATE=1 keeps what covers more
  make tried         write the page about what the commands above tried, and how often

  make integrate     put the core into the kernel tree KDIR: a git tree gets a branch
  make rebase        try the series on another tree, and list the patches that do not apply and the
                     new writers there; BASE="path|7.2 ...", UPDATE=1 records Debian's trees
  make distro        build Debian's kernel with the feature as packages, which takes an hour or two,
                     install it in a copy of this machine, and run T="scenario ..." with that;
                     goes on where it was stopped, in DISTRO=folder with JOBS=n; the flavour is
                     FLAVOUR=cloud-amd64; OPTIONS=1 only prints the options that are changed
  make docs          build the documentation, and check that nothing of ours causes a warning
  make series        write the work as patches with a cover letter, and as one diff; OUT=folder
  make clean         remove the builds and logs from the cache, keep the downloads

  scripts/pci-lu     tells whether a live update will work: check, status, explain and others; --help

  CONFIG=base|debug  which kernel: small and fast, or with lockdep, KASAN, UBSAN, ...; also race,
                     which has KCSAN instead of KASAN
  UPDATE=1           have make bench record what it counts, as COLUMN=name, and write the table
  T="name ..."       which scenarios; all by default
  KDIR=path          a kernel tree of yours; it is copied, only `make integrate` changes it
  CACHE=path         where downloads, builds and logs live; now $(CACHE)
endef
export HELP

.PHONY: help setup check integrate kernel agent programs kunit vm vm-list compile-fail demo bench test \
	patches-build feature-off lints twin mutants corrupt failnth soak races fuzz tried rebase distro \
	docs series clean

help:
	@echo "$$HELP"

setup:
	@scripts/setup.sh

check: setup
	@scripts/check.sh

integrate:
	@scripts/integrate.py "$${KDIR:?say which kernel tree: make integrate KDIR=path}"

kernel: setup
	@scripts/kernel.sh $(CONFIG)

agent: setup
	@scripts/agent.sh

kunit: kernel agent
	@scripts/vm.sh kunit $(CONFIG)

programs: setup
	@scripts/programs.sh $(CONFIG)

vm: programs agent
	@scripts/vm.sh run $(CONFIG) $(T)

vm-list:
	@scripts/vm.sh list

compile-fail: kernel
	@scripts/compile-fail.sh $(CONFIG)

# With JSON=1, nothing but the document is on stdout.
demo:
	@$(MAKE) kernel agent CONFIG=base $(if $(JSON),>&2)
	@scripts/vm.sh demo

bench: setup agent
	@scripts/bench.sh $(if $(UPDATE),--update) $(if $(COLUMN),--column "$(COLUMN)") \
		$(if $(BOUGHT),--bought "$(BOUGHT)")

test: setup
	@scripts/test.sh

patches-build: setup
	@scripts/patches-build.sh $(FROM)

feature-off: setup
	@scripts/feature-off.sh

lints: setup
	@scripts/lints.sh

twin: setup
	@scripts/twin.sh

# Files and `host` take no kernel.
mutants: $(if $(filter-out host abi/% src/logic/%,$(or $(M),all)),kernel agent,setup)
	@scripts/mutants.sh $(M)

corrupt: kernel agent
	@scripts/vm.sh corrupt $(CASE)

failnth:
	@$(MAKE) kernel agent CONFIG=debug
	@scripts/vm.sh failnth

soak: kernel agent
	@scripts/vm.sh soak $(N)

races:
	@$(MAKE) kernel agent CONFIG=race
	@scripts/vm.sh races $(MINUTES) $(SEED)

fuzz: setup
	@scripts/fuzz.sh $(if $(UPDATE),--update) $(FUZZ)

tried:
	@tests/tried/tried.py page

rebase: setup
	@scripts/rebase.sh $(if $(UPDATE),--update) $(BASE)

distro: $(if $(OPTIONS),setup,programs agent)
	@scripts/distro.sh $(if $(OPTIONS),options,$(T))

docs: kernel
	@scripts/docs.sh

series: setup
	@scripts/series.sh $(OUT)

clean:
	@scripts/clean.sh
