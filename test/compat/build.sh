#!/usr/bin/env bash
# Builds the program against both versions of the crate, each into its own folder, whatever
# target folder this user's cargo is told to use.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
for crate in crate-0.9 crate-1; do
    cargo build --release --quiet --manifest-path "$crate/Cargo.toml" --target-dir "$crate/target"
done
