// What stands in the way, said once for the goals that miss by the same.

const RUST_BATCH = 'The crate takes a whole batch in one call; here each record is a call of its own, from JavaScript.'
const NEAR = 'The rounds lie on both sides of it.'
const SONIC_BOOM =
  'sonic-boom keeps bytes, not records: no lengths, no checksums, nothing to recover by. Given buffers, it joins them into large writes as fsys does, and one promise of its `flush` serves all who wait.'
const LOOP =
  'What Node.js adds, the way to another thread and back and the wakening of the loop, is the same on every disk; this one syncs in less time than the one for which the goal was set, so that it weighs more. The blocking twin, which stays in its thread, meets its goals.'
const NOT_UNDERSTOOD =
  'Not understood yet: in one process, by turns, and over a longer time, the journal has been ahead of this loop.'
const SAME_WORK =
  'The hand-written one shares one promise a group too, and keeps no frames, no checksums and no LSNs; what so many callers cost is the same in both, and most of the time the write and the sync, which are the same too.'
const FOUR_MEGABYTES = 'A group is four megabytes, which are copied and checksummed here, and only copied there.'
const WAITS_FOR_ROOM =
  'The callers append faster than the disk takes their megabytes, so that `append` blocks until one of the two buffers is free: that is the delay.'
const DISK_DECIDES =
  'What the disk gives at the moment decides: the rounds of one contestant, of C too, differ more than the goal is missed by.'
const TWO_IN_FLIGHT =
  'C has two writes in flight all the time, and makes neither copies nor checksums; here one thread stages, seals and starts the writes by turns.'
const NEW_MEMORY =
  'The page cache grows by half a gigabyte a second here, and whoever writes through it pays for each new page: what that costs stands above, with the machine. `append` blocks for these writes.'
const FILE_SYSTEM_COMMITS =
  'How many files share a commit of the file system’s journal decides here, and the rounds differ by more than the goal; without syncing names, write-file-atomic has one thing less to wait for.'

/**
 * What stands in the way of a goal that was missed, by `goalKey`: the page shows it beside the figure of the run. Written by
 * hand, without figures; `npm run bench -- --render` puts it on the page. A goal that is met again needs its reason no more.
 */
export const reasons: Readonly<Record<string, string>> = {
  'W1-64 fsys/pool figure >= 1 rust-1/batch': RUST_BATCH,
  'W1-64 fsys/pool figure >= 3.3 hand-written/joined': NEAR,
  'W1-64 fsys/pool figure >= 8 family:node': SONIC_BOOM,
  'W1-4096 fsys/pool figure >= 2 family:node': SONIC_BOOM,
  'W2-64 fsys/uring/commit,direct figure <= 1.35 c/buffered,overwritten': LOOP,
  'W2-64 fsys/pool/commit figure <= 1.5 c/buffered,overwritten': LOOP,
  'W2-64 fsys/uring/commit figure <= 1.7 c/buffered,overwritten': LOOP,
  'W2-64 fsys/uring/commit,direct figure <= 1 family:node': LOOP,
  'W2-64 fsys/pool/commit figure <= 1.2 better-sqlite3/commit': LOOP,
  'W2-64 fsys/uring/commit figure <= 1.2 better-sqlite3/commit': LOOP,
  'W2-64 fsys/portable/commit figure <= 1.2 better-sqlite3/commit': LOOP,
  'W2-64 fsys/portable/commit figure <= 0.95 hand-written/loop': NOT_UNDERSTOOD,
  'W3-64-64 fsys/pool/through figure >= 1.3 free:hand-written|free:node': SAME_WORK,
  'W3-64-64 fsys/portable/through figure >= 1.3 family:hand-written': SAME_WORK,
  'W3-64-1024 fsys/pool/through figure >= 1.2 family:hand-written': SAME_WORK,
  'W3-64-1024 fsys/pool/through figure >= 2 family:node': SONIC_BOOM,
  'W3-64-1024 fsys/portable/through figure >= 0.8 family:hand-written': SAME_WORK,
  'W3-64-4096 fsys/pool/through figure >= 1.2 family:hand-written': SAME_WORK,
  'W3-64-4096 fsys/portable/through figure >= 0.8 family:hand-written': SAME_WORK,
  'W3-64-4096 fsys/pool/through figure >= 2 family:node': SONIC_BOOM,
  'W3-4096-1024 fsys/pool/through figure >= 1 family:hand-written|family:node|family:rust|family:go': NEW_MEMORY,
  'W3-4096-1024 fsys/uring/through,direct figure >= 1.3 family:hand-written|family:node|family:rust|family:go':
    FOUR_MEGABYTES,
  'W3-4096-1024 fsys/pool/through loop delay <= 5': NEW_MEMORY,
  'W3-4096-1024 fsys/pool/commit loop delay <= 5': NEW_MEMORY,
  'W3-4096-1024 fsys/uring/through loop delay <= 5': NEW_MEMORY,
  'W3-4096-1024 fsys/portable/through loop delay <= 5': NEW_MEMORY,
  'W3-4096-1024 fsys/uring/through,direct loop delay <= 5': WAITS_FOR_ROOM,
  'W6-cold fsys/pool figure <= 1.2 c': DISK_DECIDES,
  'W6-cold fsys/portable figure <= 1.2 c': DISK_DECIDES,
  'W6-cold fsys/uring/direct figure <= 1.2 c': DISK_DECIDES,
  'W5 fsys/pool/pipelined,direct figure >= 0.55 c/direct': TWO_IN_FLIGHT,
  'W5 fsys/portable/pipelined,direct figure >= 0.45 c/direct': TWO_IN_FLIGHT,
  'W7 fsys/pool/batch figure >= 3 write-file-atomic': FILE_SYSTEM_COMMITS,
  'W7 fsys/pool/batch figure >= 3 write-file-atomic/together': FILE_SYSTEM_COMMITS,
}
