#!/usr/bin/env bash
# Reopens a copy of every tail in fixtures/tails/ by each version, buffered and direct, appends
# one record of 50 bytes and closes; prints a Markdown table of where the writer went on, what
# the newest version's reader then finds, and the sidecar, if one was left.
#
# The copies are made in $TMPDIR: 0.9.0's direct mode does something else on a file system that
# takes unaligned direct reads (tmpfs) than on one that refuses them (ext4).
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
./build.sh
old=$PWD/crate-0.9/target/release/fsys-compat
new=$PWD/crate-1/target/release/fsys-compat

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
printf 'record 50 11\nsync\n' > "$scratch/plan"

# resume PROGRAM TAIL [FLAG]
resume() {
    rm -rf "$scratch/life"
    mkdir "$scratch/life"
    local journal=$scratch/life/j opened sidecar
    cp "$2" "$journal"
    if opened=$("$1" write "$journal" --plan "$scratch/plan" "${@:3}" 2> "$scratch/error"); then
        "$new" read "$journal" > "$scratch/reading"
        printf 'at %s: ' "$(sed -n 's/^opened \([0-9]*\) .*/\1/p' <<< "$opened")"
        printf '%s %s' "$(grep -c '^record' "$scratch/reading")" "$(sed -n 's/^tail //p' "$scratch/reading")"
    else
        printf 'refused: %s' "$(sed 's/.*io error: //; s/journal at "[^"]*" has //' "$scratch/error")"
    fi
    for sidecar in "$scratch"/life/j.*; do
        [[ ! -e $sidecar ]] || printf ', %s' "${sidecar##*/j}"
    done
}

echo "| tail | FORMAT.md: clean end | $("$old" version) buffered | $("$old" version) direct | $("$new" version) buffered | $("$new" version) direct |"
echo '| --- | --- | --- | --- | --- | --- |'
while read -r name records _ position _; do
    [[ $name != '#' ]] || continue
    tail=fixtures/tails/$name.wal
    echo "| \`$name\` | $records records, $position | $(resume "$old" "$tail") | $(resume "$old" "$tail" --direct) |" \
        "$(resume "$new" "$tail") | $(resume "$new" "$tail" --direct) |"
done < fixtures/tails/format.txt
