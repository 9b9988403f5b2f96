# Everyday commands. `just ci` is what .ci/run calls.

default:
    @just --list

# What a change must pass before it is pushed.
ci: fmt-check lint docs test

# The README's test command.
test:
    cargo test --workspace

fmt:
    cargo fmt --all

fmt-check:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets -- -D warnings

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# Licences, duplicates, sources (needs cargo-deny).
deny:
    cargo deny check licenses bans sources

# Build the lab's components and bring it up.
lab *ARGS:
    cargo run --release -p plimsoll-lab -- build
    cargo run --release -p plimsoll-lab -- up {{ARGS}}

# Run all checks on the lab that is up.
run *ARGS:
    cargo run --release -- run --kubeconfig "$(cargo run -q --release -p plimsoll-lab -- kubeconfig)" {{ARGS}}

# The sound lab passes, and each seeded defect fails exactly its requirement.
lab-suite:
    cargo test --release -p plimsoll-lab --test suite -- --ignored --test-threads 1

# The simulated platform's answers against those of real Kubernetes; with --record, those of the lab that is up are kept.
differential *ARGS:
    cargo run -p plimsoll-differential --example differential -- --kubeconfig "$(cargo run -q --release -p plimsoll-lab -- kubeconfig)" --probe "$(cargo run -q --release -- image list | cut -d' ' -f1)" {{ARGS}}

lab-down:
    cargo run --release -p plimsoll-lab -- down
