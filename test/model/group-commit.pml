/*
 * Group commit, as src/journal/ does it, for the model checker spin (spinroot.com). It follows group-commit.ts,
 * commit-group.ts, writer.ts and journal.ts step by step; each step names the method that it stands for.
 *
 *      npm run model
 *
 * What is abstracted:
 *   - An LSN is a small number; a record takes one. Whenever everything is durable and nobody waits, the LSNs may begin at 0
 *     again (`Renumber`), so that runs are endless and the state space is not.
 *   - One turn of JavaScript's event loop is one atomic step. While a blocking call is in the kernel, no other turn happens
 *     (`isBlocked`), but the kernel goes on with what is unfinished. The kernel has done something some time before
 *     JavaScript is told (`ended`, `broke`).
 *   - The disk is three frontiers: below `cached` the kernel has the bytes, below `onDisk` they survive a power cut, and at
 *     `lostFrom` the kernel has dropped some that it could not write, which no later sync brings back.
 *   - The log buffer has room, or `append` writes first; how much goes into one write is left open. Bytes, checksums, the lock,
 *     the mark, recovery and exit handlers are not here: the simulated disk tests those.
 *
 * Macros: COMMITTERS, LSN_MAX and FAULTS are the size. Each BAD_* is a mistake that must be found: see mistakes.ts.
 */

#ifndef COMMITTERS
#define COMMITTERS 2
#endif
#ifndef LSN_MAX
#define LSN_MAX 3
#endif
#ifndef FAULTS
#define FAULTS 1
#endif

/* ---- What must never happen. A name is true when it has happened, so that spin prints it. -------------------------- */

bool confirmedIsLost            /* D1: a power cut takes what somebody was told is durable */
bool confirmedIsNotOnDisk       /* D1: somebody is told that his record is durable, and it is not */
bool publishedIsNotOnDisk       /* D1: durableLsn is past what the disk has */
bool publishedIsNotCovered      /* D4: durableLsn moves past what was written when the sync began */
bool frontiersAreInDisorder     /* D4: durable <= written <= next, and what is written has reached the kernel */
bool confirmedAfterFailure      /* D5: somebody is told that his record is durable, by a journal that is poisoned */
bool publishedAfterFailure      /* D5: durableLsn moves though the journal is poisoned */
bool syncedAfterFailure         /* D5: a sync begins though one has failed */
bool wroteAfterFailure          /* D5: a write begins though the journal is given up */
bool somebodyIsNotTold          /* D10: the journal fails, and somebody who waits does not get the error */
bool endedBeforeDurable         /* a group ends before it is durable: what #finishGroup looks out for */
bool usedAfterRelease           /* D4b: the descriptors are used after they were closed, or closed while in use */
bool cutWhileBusy               /* D4b: the file is cut back while a write or a sync is unfinished */

inline Never(condition, name) {
  name = (condition);
  assert(!name)
}

/* ---- The disk, and what the kernel has been asked for. --------------------------------------------------------------- */

#define NOWHERE 255
byte cached, onDisk;
byte lostFrom = NOWHERE;
byte faultsLeft = FAULTS;

mtype:call = { resting, underWay, ended, broke };
mtype:call writeCall = resting;      /* the one unfinished write, of bytes up to writeTo */
mtype:call syncCall = resting;       /* the running group's sync */
mtype:call blockingCall = resting;   /* a blocking sync: JavaScript stands still */
byte writeTo;
byte syncBegan, blockingBegan;       /* `cached` when that sync began */

/*
 * A failed write-back is reported once to each open description of the file (SingleFileSpace has two: one for the syncs of
 * groups, one for blocking ones).
 */
bool reportToGroups, reportToBlocking;

inline EndSync(call, began, report) {
  if
  :: report -> report = false; call = broke
  :: else ->
     call = ended;
     if
     :: began > onDisk && lostFrom == NOWHERE -> onDisk = began
     :: else
     fi
  fi
}

active proctype Kernel() {
end:
  do
  :: atomic { writeCall == underWay ->
       if
       :: true -> cached = (writeTo > cached -> writeTo : cached); writeCall = ended
       :: faultsLeft > 0 -> faultsLeft--; writeCall = broke
       fi
     }
  :: atomic { syncCall == underWay -> EndSync(syncCall, syncBegan, reportToGroups) }
#ifdef BAD_ONE_DESCRIPTION
  :: atomic { blockingCall == underWay -> EndSync(blockingCall, blockingBegan, reportToGroups) }
#else
  :: atomic { blockingCall == underWay -> EndSync(blockingCall, blockingBegan, reportToBlocking) }
#endif
     /* What waits to be written to the disk cannot be, and is dropped. */
  :: atomic { faultsLeft > 0 && cached > onDisk ->
       faultsLeft--; lostFrom = onDisk; reportToGroups = true; reportToBlocking = true
     }
  od
}

/* ---- The journal: the fields of Journal, Writer and GroupCommit. ----------------------------------------------------- */

mtype:life = { open, closing, closed };
mtype:life life = open;
byte nextLsn, writtenLsn, durableLsn;
bool isPoisoned;
bool isBlocked;                      /* JavaScript stands in a blocking call */

mtype:phase = { idle, scheduled, running, failed };
mtype:phase phase = idle;
bool soon;                           /* clock.soon(#startGroup) */
byte coveredLsn, runningHighest, formingHighest;

byte drainTarget;                    /* Writer.#draining, to this LSN; 0: none */
byte unfinished;                     /* Writer.#unfinished */
bool cutsWhenIdle, releasesWhenIdle; /* Writer.#whenIdle */

byte leaderTarget;                   /* the running group waits for Writer.write() up to here; 0: it does not */
byte flushTarget;                    /* flush() does */
byte syncFrontier, blockingFrontier; /* what a sync publishes */
byte confirmed;                      /* the highest LSN that anybody was told is durable */

/* Who waits: the committers, and `close`. */
#define CLOSER COMMITTERS
#define WAITERS (COMMITTERS + 1)
mtype:state = { nowhere, inForming, inRunning, confirmedTo, failedTo };
mtype:state state[WAITERS] = nowhere;
byte wanted[WAITERS];
hidden byte who;                     /* for loops inside one step */

#define waits(w) (state[w] == inForming || state[w] == inRunning)

/* GroupCommit.join, and CommitGroup.wait... */
inline Join(w, lsn) {
  wanted[w] = lsn;
  if
  :: lsn <= coveredLsn ->
     state[w] = inRunning;
     runningHighest = (lsn > runningHighest -> lsn : runningHighest)
  :: else ->
     state[w] = inForming;
     formingHighest = (lsn > formingHighest -> lsn : formingHighest);
     if
     :: phase == idle -> phase = scheduled; soon = true
     :: else
     fi
  fi
}

inline Confirm(w) {
  Never(wanted[w] > onDisk, confirmedIsNotOnDisk);
  Never(isPoisoned, confirmedAfterFailure);
  confirmed = (wanted[w] > confirmed -> wanted[w] : confirmed);
  state[w] = confirmedTo;
  wanted[w] = 0
}

/* CommitGroup.resolve */
inline ConfirmRunning() {
  for (who : 0 .. WAITERS - 1) {
    if
    :: state[who] == inRunning -> Confirm(who)
    :: else
    fi
  }
}

/* Journal.#finishGroup */
inline Finish() {
  Never(runningHighest > durableLsn, endedBeforeDurable);
  ConfirmRunning();
  EndGroup()
}

/* GroupCommit.finish */
inline EndGroup() {
  runningHighest = 0;
  coveredLsn = 0;
  if
  :: formingHighest == 0 -> phase = idle
#ifdef BAD_NOT_SCHEDULED_AGAIN
  :: else -> phase = idle
#else
  :: else -> phase = scheduled; soon = true
#endif
  fi
}

/* Journal.#publish */
inline Publish(frontier, began) {
  Never(frontier > began, publishedIsNotCovered);
  Never(isPoisoned, publishedAfterFailure);
  durableLsn = (frontier > durableLsn -> frontier : durableLsn);
  Never(durableLsn > onDisk, publishedIsNotOnDisk);
  CheckFrontiers()
}

inline CheckFrontiers() {
  Never(durableLsn > writtenLsn || writtenLsn > nextLsn || writtenLsn > cached, frontiersAreInDisorder)
}

/* Writer.#track, when the last operation has returned: whoever waits in whenIdle */
inline WhenIdle() {
  if
  :: unfinished == 0 && cutsWhenIdle -> cutsWhenIdle = false; CutBack()
  :: else
  fi;
#ifdef BAD_RELEASED_BUSY
  if
  :: releasesWhenIdle -> releasesWhenIdle = false; Release()
#else
  if
  :: unfinished == 0 && releasesWhenIdle -> releasesWhenIdle = false; Release()
#endif
  :: else
  fi
}

inline CutBack() {
  Never(writeCall == underWay || syncCall == underWay, cutWhileBusy);
  if
  :: life != closed ->
     cached = writtenLsn;
     onDisk = (onDisk > writtenLsn -> writtenLsn : onDisk)
  :: else
  fi
}

/* Journal.#release */
inline Release() {
  Never(writeCall == underWay || syncCall == underWay, usedAfterRelease);
  life = closed
}

/* Journal.#poison: GroupCommit.fail, and CommitGroup.reject */
inline Poison(isWrite) {
  if
  :: isPoisoned
  :: else ->
     isPoisoned = true;
     phase = failed;
#ifdef BAD_ONLY_LEADER_TOLD
     for (who : 0 .. WAITERS - 1) {
       if
       :: state[who] == inRunning -> state[who] = failedTo; wanted[who] = 0; break
       :: else
       fi
     }
#else
     for (who : 0 .. WAITERS - 1) {
       if
       :: waits(who) -> state[who] = failedTo; wanted[who] = 0
       :: else
       fi
     }
#endif
     coveredLsn = 0;
     runningHighest = 0;
     formingHighest = 0;
     for (who : 0 .. WAITERS - 1) { Never(waits(who), somebodyIsNotTold) }
     if
#ifdef BAD_CUTS_AT_ONCE
     :: isWrite -> CutBack()
#else
     :: isWrite -> cutsWhenIdle = true; WhenIdle()
#endif
     :: else
     fi
  fi
}

/* Writer.writeSync: all that is staged, over what an unfinished write covers too */
inline WriteSync() {
  if
  :: writtenLsn == nextLsn
  :: writtenLsn < nextLsn ->
     Never(life == closed, usedAfterRelease);
     Never(isPoisoned, wroteAfterFailure);
     if
     :: true ->
        cached = (nextLsn > cached -> nextLsn : cached);
        writtenLsn = nextLsn;
        CheckFrontiers()
     :: faultsLeft > 0 -> faultsLeft--; Poison(true)
     fi
  fi
}

/* Writer.#drain: its next piece. That may hold more than was asked for, or less. */
inline WritePiece() {
  Never(life == closed, usedAfterRelease);
  Never(isPoisoned, wroteAfterFailure);
  writeTo = writtenLsn + 1;
  do
  :: writeTo < nextLsn -> writeTo++
  :: break
  od;
  writeCall = underWay;
  unfinished++
}

/* Writer.write, up to `target`, for the leader or for flush: one drain at a time, whoever has begun it */
inline Drain(target) {
  if
  :: drainTarget != 0
  :: else -> drainTarget = target; WritePiece()
  fi
}

/* The part of Journal.#startGroup behind Writer.write() */
inline SyncGroup() {
  if
  :: isPoisoned
  :: !isPoisoned && runningHighest <= durableLsn -> Finish()
  :: !isPoisoned && runningHighest > durableLsn ->
#if defined(BAD_NO_SYNC)
     Finish()
#elif defined(BAD_CONFIRMS_WRITTEN)
     ConfirmRunning();
     EndGroup()
#else
#ifdef BAD_PUBLISHES_NEXT
     syncFrontier = nextLsn;
#else
     syncFrontier = writtenLsn;
#endif
     coveredLsn = syncFrontier;
     BeginGroupSync()
#endif
  fi
}

bool aSyncHasFailed;

inline BeginGroupSync() {
  Never(life == closed, usedAfterRelease);
  Never(aSyncHasFailed || isPoisoned, syncedAfterFailure);
  syncCall = underWay;
  syncBegan = cached;
  unfinished++
}

/* Those who wait for Writer.write(): the drain is over, or has failed */
inline AfterDrain(isBroken) {
  drainTarget = 0;
  if
  :: leaderTarget != 0 && isBroken -> leaderTarget = 0; Poison(true)
  :: leaderTarget != 0 && !isBroken && writtenLsn >= leaderTarget -> leaderTarget = 0; SyncGroup()
  :: leaderTarget != 0 && !isBroken && writtenLsn < leaderTarget ->
     if
     :: isPoisoned -> leaderTarget = 0
     :: else -> Drain(leaderTarget)
     fi
  :: leaderTarget == 0
  fi;
  if
  :: flushTarget != 0 && isBroken -> flushTarget = 0; Poison(true)
  :: flushTarget != 0 && !isBroken && writtenLsn >= flushTarget -> flushTarget = 0
  :: flushTarget != 0 && !isBroken && writtenLsn < flushTarget ->
     if
     :: isPoisoned -> flushTarget = 0
     :: else -> Drain(flushTarget)
     fi
  :: flushTarget == 0
  fi
}

#ifdef BAD_ANSWERS_BEFORE_FINISH
bool finishesLater;
#endif

/* What the event loop calls, each in a turn of its own. */
active proctype EventLoop() {
end:
  do
  :: atomic { !isBlocked && soon -> /* Journal.#startGroup */
       soon = false;
       if
       :: phase != scheduled
       :: else ->
          phase = running;                         /* GroupCommit.start */
          runningHighest = formingHighest;
          formingHighest = 0;
          for (who : 0 .. WAITERS - 1) {
            if
            :: state[who] == inForming -> state[who] = inRunning
            :: else
            fi
          }
          if
          :: drainTarget == 0 -> WriteSync(); SyncGroup()   /* Writer.prefersBlocking */
          :: drainTarget != 0 || writtenLsn < nextLsn ->
             if
             :: writtenLsn < nextLsn -> leaderTarget = nextLsn; Drain(nextLsn)
             :: else -> SyncGroup()
             fi
          fi
       fi
     }
  :: atomic { !isBlocked && writeCall == ended -> /* Writer.#writePiece and #drain */
       writeCall = resting;
#ifdef BAD_WRITTEN_GOES_BACK
       writtenLsn = writeTo;
#else
       writtenLsn = (writeTo > writtenLsn -> writeTo : writtenLsn);
#endif
       CheckFrontiers();
       unfinished--;
       WhenIdle();
       if
       :: writtenLsn >= drainTarget -> AfterDrain(false)
#ifdef BAD_NOT_GIVEN_UP
       :: writtenLsn < drainTarget -> WritePiece()
#else
       :: writtenLsn < drainTarget && !isPoisoned -> WritePiece()
       :: writtenLsn < drainTarget && isPoisoned -> AfterDrain(true)
#endif
       fi
     }
  :: atomic { !isBlocked && writeCall == broke ->
       writeCall = resting;
       unfinished--;
       WhenIdle();
       AfterDrain(true)
     }
  :: atomic { !isBlocked && syncCall == ended -> /* Journal.#syncGroup, then */
       syncCall = resting;
       unfinished--;
       WhenIdle();
       if
#ifdef BAD_CONFIRMS_AFTER_FAILURE
       :: isPoisoned -> Publish(syncFrontier, syncBegan)
#else
       :: isPoisoned
#endif
       :: else ->
#ifdef BAD_FRONTIER_AFTER_SYNC
          syncFrontier = writtenLsn;
#endif
#ifdef BAD_ANSWERS_BEFORE_FINISH
          ConfirmRunning();
          finishesLater = true
       fi
#else
          Publish(syncFrontier, syncBegan);
          Finish()
       fi;
       syncFrontier = 0; syncBegan = 0
#endif
     }
  :: atomic { !isBlocked && syncCall == broke ->
       syncCall = resting;
       unfinished--;
       aSyncHasFailed = true;
       WhenIdle();
#ifdef BAD_RETRIES_SYNC
       BeginGroupSync()
#else
       Poison(false);
       syncFrontier = 0; syncBegan = 0
#endif
     }
#ifdef BAD_ANSWERS_BEFORE_FINISH
  :: atomic { !isBlocked && finishesLater ->
       finishesLater = false;
       if
       :: isPoisoned
       :: else -> Publish(syncFrontier, syncBegan); EndGroup()
       fi;
       syncFrontier = 0; syncBegan = 0
     }
#endif
  od
}

/* ---- The callers. ---------------------------------------------------------------------------------------------------- */

#define takesRecords (life == open && !isPoisoned)

/* Behind Kernel and EventLoop. */
#define FIRST_COMMITTER 2

/* commit, append, and syncThrough of what somebody else has appended; again and again, until the journal refuses */
active [COMMITTERS] proctype Committer() {
  byte me = _pid - FIRST_COMMITTER;
end:
  do
  :: atomic { !isBlocked && state[me] == nowhere && takesRecords && nextLsn < LSN_MAX ->
       if
       :: true
       :: WriteSync()                              /* Writer.makeRoom, and an oversize record */
       fi;
       if
       :: isPoisoned
       :: else ->
          nextLsn++;
          if
          :: Join(me, nextLsn)                     /* commit */
          :: true                                  /* append */
          fi
       fi
     }
  :: atomic { !isBlocked && state[me] == nowhere && takesRecords && durableLsn < nextLsn ->
       wanted[me] = durableLsn + 1;                /* syncThrough */
       do
       :: wanted[me] < nextLsn -> wanted[me]++
       :: break
       od;
       Join(me, wanted[me])
     }
  :: atomic { state[me] == confirmedTo || state[me] == failedTo -> state[me] = nowhere }
  :: atomic { !takesRecords && state[me] == nowhere -> break }
  od
}

/* flush */
active proctype Flusher() {
end:
  do
  :: atomic { !isBlocked && takesRecords && flushTarget == 0 && writtenLsn < nextLsn ->
       if
       :: drainTarget == 0 -> WriteSync()
       :: flushTarget = nextLsn; Drain(nextLsn)
       fi
     }
  od
}

/* Journal.#syncSync, up to the sync's end */
inline BeginBlockingSync() {
  WriteSync();
  if
  :: isPoisoned
  :: else ->
     Never(life == closed, usedAfterRelease);
     Never(aSyncHasFailed, syncedAfterFailure);
     blockingFrontier = writtenLsn;
     blockingBegan = cached;
     blockingCall = underWay;
     isBlocked = true
  fi
}

inline EndBlocking() {
  blockingCall = resting;
  blockingFrontier = 0;
  blockingBegan = 0;
  isBlocked = false
}

/* syncThroughSync, beside whatever is unfinished; and closeSync while close waits */
active proctype BlockingTwin() {
end:
  do
  :: atomic { !isBlocked && life != closed && !isPoisoned && durableLsn < nextLsn -> BeginBlockingSync() }
  :: atomic { blockingCall == ended ->
       Publish(blockingFrontier, blockingBegan);
       confirmed = (durableLsn > confirmed -> durableLsn : confirmed);
       EndBlocking()
     }
  :: atomic { blockingCall == broke -> aSyncHasFailed = true; Poison(false); EndBlocking() }
  od
}

/* close and closeSync, in whatever state the journal is; or never */
active proctype Closer() {
  if
  :: goto stop
  :: true
  fi;
  atomic { !isBlocked ->
    life = closing;
    if
    :: isPoisoned || durableLsn == nextLsn
    :: !isPoisoned && durableLsn < nextLsn -> Join(CLOSER, nextLsn)
    :: !isPoisoned && durableLsn < nextLsn -> BeginBlockingSync()
    fi
  }
  atomic { !isBlocked && !waits(CLOSER) -> releasesWhenIdle = true; WhenIdle() }
stop:
  skip
}

/* All is durable and nobody waits: from here on it is as at the beginning. */
active proctype Renumber() {
end:
  do
  :: atomic { !isBlocked && life == open && !isPoisoned && faultsLeft == FAULTS && nextLsn == LSN_MAX &&
              durableLsn == nextLsn && unfinished == 0 && phase == idle && formingHighest == 0 ->
       nextLsn = 0; writtenLsn = 0; durableLsn = 0; cached = 0; onDisk = 0; writeTo = 0; confirmed = 0;
       for (who : 0 .. WAITERS - 1) { wanted[who] = 0 }
     }
  od
}

#ifdef POWER_CUT
/* At any moment. Of what is not durable, the disk keeps some of the first bytes. */
active proctype PowerCut() {
  byte kept;
  atomic {
    select(kept : onDisk .. cached);
    Never(confirmed > kept, confirmedIsLost)
  }
}
#endif

/* ---- What must always come to pass (D10). ---------------------------------------------------------------------------- */

#ifdef LIVENESS
/* No wake-up is lost. The committers are alike: what holds for one holds for all. */
ltl everybodyIsAnswered { [] (waits(0) -> <> !waits(0)) }
ltl callsEnd { [] (life == closing -> <> (life == closed)) && [] (flushTarget > 0 -> <> (flushTarget == 0)) }
#endif
