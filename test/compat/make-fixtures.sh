#!/usr/bin/env bash
# Writes fixtures/ anew, by the crate itself: journals as each version leaves them, tails as
# crashes and damage leave them, and what each version's reader says about all of them.
#
# Needs Linux, bash, GNU coreutils, cargo, and a file system that takes O_DIRECT. Gaps and
# padding depend on the block size of the file system that this folder is on; the committed
# fixtures come from one of 4096 bytes. Made twice there, the bytes are the same.
set -euo pipefail
export LC_ALL=C
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
here=$PWD

./build.sh
old=$here/crate-0.9/target/release/fsys-compat
new=$here/crate-1/target/release/fsys-compat
old_version=$("$old" version)
new_version=$("$new" version)

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
rm -rf fixtures
mkdir fixtures

main() {
    make_journals "$old" "$new"
    make_journals "$new" "$old"
    make_tails
    write_notes > fixtures/README.md
    # The crate makes some of its files readable by their owner only.
    chmod -R u=rwX,go=rX fixtures
}

# ---------------------------------------------------------------------------------------
# journals as a version leaves them: fixtures/<version>/

# make_journals PROGRAM OTHER: all journals by PROGRAM, read by it and by OTHER.
make_journals() {
    program=$1
    mkdir "fixtures/$("$program" version)"
    cd "fixtures/$("$program" version)"
    : > "$scratch/steps"

    begin sizes;                   session sizes
    begin sectors;                 session sectors
    begin large;                   session large
    begin batch;                   session batch
    begin resumed;                 session sizes; session after
    begin abandoned;               session unsynced --abandon
    begin torn;                    session sizes; cut_off 20
    begin torn-resumed;            session sizes; cut_off 20; session after

    begin direct-sizes;            session sizes --direct
    begin direct-sectors;          session sectors --direct --buffer-kib 4
    begin direct-large;            session large --direct
    begin direct-batch;            session batch --direct --buffer-kib 4
    begin direct-syncs;            session syncs --direct
    begin direct-abandoned;        session unsynced --direct --abandon
    begin direct-torn;             session sizes --direct; cut_to 2048
    begin direct-resumed;          session page --direct; session after --direct
    begin direct-resumed-buffered; session syncs --direct; session after
    begin direct-rotation;         session rotation --direct --buffer-kib 4
    begin direct-rotation-short;   session rotation-short --direct --buffer-kib 4
    begin direct-rotation-long;    session rotation-long --direct --buffer-kib 20
    begin direct-oversize;         session oversize --direct --buffer-kib 4
    begin direct-stale;            session pages; poke 5000 00; session page-after --direct
    begin direct-torn-after-zeros; session page; zero_to 4096; torn_frame; session page-after --direct
    begin torn-after-zeros;        session page; zero_to 4096; torn_frame; session after

    for journal in *.wal; do
        name=${journal%.wal}
        "$program" read "$journal" > "$name.txt"
        "$2" read "$journal" > "$scratch/other"
        # Kept only where it says something else.
        cmp -s "$scratch/other" "$name.txt" ||
            cp "$scratch/other" "$name.by-$("$2" version).txt"
    done
    cd "$here"
}

begin() {
    name=$1
    printf '\n%s' "$name" >> "$scratch/steps"
}

step() { printf '; %s' "$*" >> "$scratch/steps"; }

# session PLAN [FLAG...]: one life of a writer, its output appended to <name>.written.txt.
session() {
    local plan=$1
    shift
    step "write $name.wal --plan plans/$plan.plan${*:+ $*}"
    "$program" write "$name.wal" --plan "$here/plans/$plan.plan" "$@" > "$scratch/session"
    cat "$scratch/session" >> "$name.written.txt"
    case " $* " in *" --direct "*)
        grep -q '^opened [0-9]* direct$' "$scratch/session" ||
            { echo "this file system refuses O_DIRECT" >&2; exit 1; } ;;
    esac
}

cut_off() { step "cut $1 bytes off"; truncate -s "-$1" "$name.wal"; }
cut_to() { step "cut to $1 bytes"; truncate -s "$1" "$name.wal"; }
zero_to() { step "append zeros up to $1"; truncate -s "$1" "$name.wal"; }
poke() { step "put byte $2 at $1"; bytes "$2" | dd of="$name.wal" bs=1 seek="$1" conv=notrunc status=none; }
torn_frame() { step "append the first 20 bytes of a frame of 32"; frame 20 3 | head -c 20 >> "$name.wal"; }

# ---------------------------------------------------------------------------------------
# tails: fixtures/tails/, and in format.txt what FORMAT.md says about each

make_tails() {
    mkdir fixtures/tails
    cd fixtures/tails
    {
        echo '# What FORMAT.md says: <name> <records> <tail state> <position>, and where a zero run may be'
        echo '# a gap of history: skip <records> <tail state> <position>, the same with such gaps skipped.'
    } > format.txt

    # Most tails follow a base of two frames that ends at 174.
    tail_case empty                 0 clean-end 0   < /dev/null
    tail_case clean                 2 clean-end 174 < <(base)
    zeros 1                       | tail_case zeros-only-1 0 clean-end 0
    zeros 16384                   | tail_case zeros-only-16384 0 clean-end 0
    { base; zeros 1; }            | tail_case zeros-1 2 clean-end 174
    { base; zeros 7; }            | tail_case zeros-7 2 clean-end 174
    { base; zeros 10; }           | tail_case zeros-10 2 clean-end 174
    { base; zeros 338; }          | tail_case zeros-to-sector 2 clean-end 174
    { base; zeros 16210; }        | tail_case zeros-to-16384 2 clean-end 174
    { frame 500 1; zeros 512; }   | tail_case zeros-from-sector 1 clean-end 512

    for length in 1 2 3 4 5 6 7; do
        { base; frame 20 3 | head -c "$length"; } |
            tail_case "header-cut-to-$length" 2 truncated-header 174
    done

    # Zero runs that end in something.
    { base; zeros 20; frame 20 3; }                  | tail_case hole-unaligned 2 truncated-header 174
    { base; zeros 20; frame 400 3; }                 | tail_case hole-unaligned-long 2 truncated-header 174
    { base; zeros 337; bytes 01; }                   | tail_case hole-to-last-byte 2 truncated-header 174
    { base; zeros 1; letters 20; }                   | tail_case hole-1-then-letters 2 truncated-header 174
    { base; zeros 4; letters 334; frame 20 3; }      | tail_case hole-4-then-letters-then-frame 2 truncated-header 174
    { base; zeros 338; letters 20; }                 | tail_case gap-then-letters 2 truncated-header 174
    { base; zeros 338; frame 20 3 | head -c 20; }    | tail_case gap-then-cut-frame 2 truncated-header 174
    { base; zeros 338; frame 20 3 | flip 10; }       | tail_case gap-then-bad-frame 2 truncated-header 174
    { base; zeros 338; frame 20 3; }                 | tail_case gap 2 truncated-header 174 skip 3 clean-end 544
    { base; zeros 338; frame 20 3; zeros 480; }      | tail_case gap-then-padding 2 truncated-header 174 skip 3 clean-end 544
    { base; zeros 338; frame 20 3; zeros 480; frame 30 4; } |
        tail_case gap-twice 2 truncated-header 174 skip 4 clean-end 1066
    { base; zeros 9042; frame 20 3; }                | tail_case gap-long 2 truncated-header 174 skip 3 clean-end 9248
    { frame 500 1; zeros 512; frame 20 3; }          | tail_case gap-from-sector 1 truncated-header 512 skip 2 clean-end 1056
    { frame 499 1; zeros 1; frame 20 3; }            | tail_case gap-of-1 1 truncated-header 511 skip 2 clean-end 544
    { zeros 512; frame 20 3; }                       | tail_case gap-first 0 truncated-header 0 skip 1 clean-end 544

    # Torn headers: the sector behind the first bytes of a header is lost, the next is there.
    for right in 1 2 3; do
        { frame $((500 - right)) 1; frame 1000 3 | lose "$right" 512; } |
            tail_case "torn-header-$right" 1 truncated-header $((512 - right))
    done
    for right in 4 5 6 7; do
        { frame $((500 - right)) 1; frame 1000 3 | lose "$right" 512; } |
            tail_case "torn-header-$right" 1 checksum-mismatch $((512 - right))
    done
    { frame 498 1; bytes 46 53; }                    | tail_case torn-header-file-ends-at-sector 1 truncated-header 510
    { frame 498 1; bytes 46 53; zeros 2; }           | tail_case torn-header-file-ends-soon 1 truncated-header 510
    { frame 498 1; bytes 46 53; zeros 512; }         | tail_case torn-header-then-zeros 1 truncated-header 510
    { base; bytes 46 53; zeros 30; }                 | tail_case torn-header-unaligned 2 truncated-header 174

    { base; frame 20 3 | head -c 8; }                | tail_case payload-cut-to-0 2 truncated-payload 174
    { base; frame 20 3 | head -c 18; }               | tail_case payload-cut-to-10 2 truncated-payload 174
    { base; frame 20 3 | head -c 31; }               | tail_case payload-last-byte-cut 2 truncated-payload 174
    { base; frame 0 3 | head -c 11; }                | tail_case payload-of-0-cut 2 truncated-payload 174
    { base; magic; bytes ff ff ff 0f; letters 20; }  | tail_case payload-length-max 2 truncated-payload 174

    { base; frame 20 3 | flip 10; }                  | tail_case checksum-payload-flipped 2 checksum-mismatch 174
    { base; frame 20 3 | flip 31; }                  | tail_case checksum-flipped 2 checksum-mismatch 174
    { base; frame 20 3 | flip 4; frame 30 4; }       | tail_case checksum-length-flipped 2 checksum-mismatch 174
    { base; frame 20 3 | flip 10; frame 30 4; }      | tail_case checksum-in-the-middle 2 checksum-mismatch 174

    { letters 300; }                                 | tail_case bad-magic-first 0 bad-magic 0
    { base; letters 40; }                            | tail_case bad-magic 2 bad-magic 174
    { base; bytes 46 53 59 02; letters 40; }         | tail_case bad-magic-version-2 2 bad-magic 174
    { base; frame 20 3 | flip 0; frame 30 4; }       | tail_case bad-magic-in-the-middle 2 bad-magic 174
    { base; letters 3; }                             | tail_case bad-magic-of-3 2 bad-magic 174
    { base; bytes 46 53 59 02 00; }                  | tail_case bad-magic-of-5 2 bad-magic 174
    { base; letters 7; }                             | tail_case bad-magic-of-7 2 bad-magic 174

    { base; magic; bytes 00 00 00 10; letters 40; }  | tail_case length-overflow 2 length-overflow 174
    { base; magic; bytes ff ff ff ff; }              | tail_case length-overflow-max 2 length-overflow 174
    cd "$here"
}

# tail_case NAME RECORDS STATE POSITION [skip RECORDS STATE POSITION] < BYTES
tail_case() {
    cat > "$1.wal"
    echo "$*" >> format.txt
    echo "$1 $(reading "$old" "$1.wal")" >> "$old_version.txt"
    echo "$1 $(reading "$new" "$1.wal")" >> "$new_version.txt"
}

# reading PROGRAM JOURNAL: how many records, the tail state and the position.
reading() {
    "$1" read "$2" > "$scratch/reading"
    echo "$(grep -c '^record' "$scratch/reading") $(sed -n 's/^tail //p' "$scratch/reading")"
}

base() { frame 100 1; frame 50 2; }

# frame LENGTH SEED: the frame, encoded by the crate.
frame() {
    rm -f "$scratch/frame"
    echo "record $1 $2" > "$scratch/plan"
    "$old" write "$scratch/frame" --plan "$scratch/plan" > "$scratch/frame-output"
    cat "$scratch/frame"
}

zeros() { head -c "$1" /dev/zero; }
letters() { zeros "$1" | tr '\0' x; }
magic() { bytes 46 53 59 01; }
bytes() { printf '%b' "$(printf '\\x%s' "$@")"; }

# flip OFFSET: inverts the lowest bit of one byte.
flip() {
    cat > "$scratch/flip"
    local byte
    byte=$(od -An -tu1 -j "$1" -N 1 "$scratch/flip")
    head -c "$1" "$scratch/flip"
    bytes "$(printf '%02x' $((byte ^ 1)))"
    tail -c "+$(($1 + 2))" "$scratch/flip"
}

# lose OFFSET COUNT: a lost sector reads as zeros.
lose() {
    cat > "$scratch/lose"
    head -c "$1" "$scratch/lose"
    zeros "$2"
    tail -c "+$(($1 + $2 + 1))" "$scratch/lose"
}

# ---------------------------------------------------------------------------------------
# fixtures/README.md

write_notes() {
    cat << NOTES
# Fixtures

Written by \`make-fixtures.sh\` with the crate \`fsys\` $old_version and $new_version, on Linux, on a file
system with blocks of $(stat -f -c %s .) bytes. Do not edit: run it again. \`../README.md\` explains the output.

| file | holds |
| --- | --- |
| \`<version>/<name>.wal\` | a journal as this version left it |
| \`<version>/<name>.written.txt\` | what its writers printed, one session after the other |
| \`<version>/<name>.txt\` | what this version's reader prints: **not** always all that was written |
| \`<version>/<name>.by-<other>.txt\` | what the other version's reader prints, where that differs |
| \`<version>/<name>.wal.corrupt-<lsn>\` | the sidecar that this version put beside the journal |
| \`tails/<name>.wal\` | a tail as a crash or damage leaves it |
| \`tails/format.txt\` | what FORMAT.md says about each: this decides |
| \`tails/<version>.txt\` | what that version's reader makes of each |

By FORMAT.md, with \`gaps: 'skip'\`, every journal in the version folders reads as $new_version reads it: that is
\`0.9.0/<name>.by-$new_version.txt\` where there is one, else \`<name>.txt\`. Without it, reading ends at the first
gap. A reader cannot tell that the third record of \`0.9.0/direct-stale\` was never appended there. Behind the gap of
\`0.9.0/torn-after-zeros\` stands no valid frame: there, and in two tails, FORMAT.md does not say whether to cross it.

## Journals

Each step \`write\` is one run of the program; the steps between are done to the file.

| name | steps |
| --- | --- |
NOTES
    # Each line: the name, then its steps.
    sed '/^$/d; s/; /` | `/; s/; /`, `/g; s/^/| `/; s/$/` |/' "$scratch/steps"
    cat << NOTES


## Tails

Records, tail state and position; "=" where the crate says the same as FORMAT.md.

| name | FORMAT.md | FORMAT.md, gaps skipped | $old_version | $new_version |
| --- | --- | --- | --- | --- |
NOTES
    while read -r name records state position _ skipped; do
        [[ $name != '#' ]] || continue
        local verdict="$records $state $position"
        echo "| \`$name\` | $verdict | ${skipped:--} |" \
            "$(verdict_of "$old_version" "$name" "$verdict") | $(verdict_of "$new_version" "$name" "$verdict") |"
    done < fixtures/tails/format.txt
}

# verdict_of VERSION NAME EXPECTED
verdict_of() {
    local found
    found=$(sed -n "s/^$2 //p" "fixtures/tails/$1.txt")
    if [[ $found == "$3" ]]; then echo '='; else echo "$found"; fi
}

main
