# The entry points. `make help` lists them.

SHELL := /bin/bash
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))

# What cargo must know of this machine (CMAKE, HDF5_DIR), if anything: see scripts/setup --env.
env = eval "$$(scripts/setup --env)" &&

# The build without MPI lies beside the one with it, and shares what both depend on. target/debug/h5lab is the one that was
# built or tested last.
bundled = -p h5lab-io -p h5lab --no-default-features --features bundled

# The build with HDF5 2.2 and its subfiling driver has a target directory of its own: cargo has one build for one HDF5_DIR.
hdf5_2_env = HDF5_DIR=$$(scripts/build-hdf5) && export HDF5_DIR && $(env) CARGO_TARGET_DIR="$(TARGET)/hdf5-2"

export H5LAB_TEST_PYTHON_MPI ?= /usr/bin/python3
export H5LAB_TEST_VENV ?= $(CURDIR)/.tools/venv

.NOTPARALLEL:
.PHONY: help demo test bench check install clean test-container setup-container
.PHONY: setup setup-bundled setup-test setup-bench build format lint doc test-core test-mpi test-bundled test-hdf5-2
.PHONY: test-filesystems test-nfs setup-cluster test-cluster

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: build ## set up, build, and run the demos at sizes that fit this machine
	@$(env) PATH="$(TARGET)/release:$$PATH" scripts/demo "$(TARGET)"

test: setup-test format test-core lint doc test-mpi test-bundled test-hdf5-2 test-filesystems test-cluster ## set up, check, and run every test of every build

bench: setup-bench build ## set up, build, and measure against h5py, h5repack and others
	$(env) PATH="$(TARGET)/release:$$PATH" bench/run

check: format setup setup-bundled lint doc ## format, clippy and documentation, with warnings denied

build: setup ## build the release binary, target/release/h5lab
	$(env) cargo build --release

install: setup ## install h5lab into cargo's bin directory
	$(env) cargo install --locked --path crates/h5lab

clean: ## remove what the builds made (.tools, what set-up made, stays)
	cargo clean

test-container: setup-container ## make the container in a fresh Debian root, and use it (root; 20 min; not in `make test`)
	@scripts/test-container

setup: ## install what the default build needs
	@scripts/setup

setup-bundled: ## install what the build without MPI needs
	@scripts/setup --bundled

setup-test: ## install what the tests need
	@scripts/setup --test

setup-cluster: ## install Slurm and Grid Engine for the tests; no service is started
	@scripts/setup --cluster

setup-bench: ## install what the benches need
	@scripts/setup --bench

setup-container: ## install what test-container needs
	@scripts/setup --container

format:
	cargo fmt --all --check

lint:
	$(env) cargo clippy --workspace --all-targets -- -D warnings
	$(env) cargo clippy $(bundled) --all-targets -- -D warnings

doc:
	$(env) RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps

test-core: ## test the pure logic alone: needs no HDF5 and no MPI
	cargo test -p h5lab-core

test-mpi: ## test all crates with MPI and the system's HDF5
	$(env) cargo test --workspace

test-bundled: ## test the build without MPI, with HDF5 built in
	$(env) cargo test $(bundled)

test-hdf5-2: ## build HDF5 2.2 with subfiling, and test every method against it
	$(hdf5_2_env) H5LAB_TEST_SUBFILING=1 cargo test -p h5lab-io -p h5lab --lib \
		--test engine_contract --test filter_oracle --test filters --test oracles --test subfiling

test-filesystems: ## test on ext4, xfs, btrfs, tmpfs and GlusterFS, side by side (as root)
	$(env) scripts/test-filesystems

test-nfs: ## test on NFS 4.2 and 3, in a virtual machine; takes minutes
	@scripts/setup --nfs
	$(env) scripts/test-nfs

test-cluster: ## test jobs under a real Slurm (one node, two nodes) and Grid Engine (as root)
	scripts/test-cluster
