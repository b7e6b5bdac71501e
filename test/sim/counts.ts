/** What schedules have come to, to show that a run has been everywhere. */
export interface Counts {
  /** See `runSchedule`. */
  schedules: number
  /** Of them, those that crashed while a journal recovered from a crash. */
  nestedCrashes: number
  lives: number
  operations: number
  records: number
  commits: number
  batches: number
  emptyRecords: number
  /** Over one sector of 512 bytes; over a log buffer; over a chunk of a reader, which is a mebibyte. */
  multiSectorRecords: number
  oversizeRecords: number
  hugeRecords: number
  powerCuts: number
  kills: number
  /** Of a life's own opens: struck by a crash, failed for another reason. */
  crashesInRecovery: number
  failedOpens: number
  failedSyncs: number
  failedWrites: number
  tailsSaved: number
  /** Lives that found one of the tails that there can be (tails.ts), put there on purpose. */
  strangeTails: number
  /** Lives in which the system dropped the cached pages of the journal. */
  droppedCaches: number
  takeovers: number
  /** Opens that were refused because somebody else holds the lock. */
  refusedOpens: number
  closesInFlight: number
  liveReads: number
  directLives: number
  /** Lives in which a write and its sync were one call. */
  oneTripLives: number
  /** Blocking calls that were refused in direct mode. */
  busyCalls: number
  preallocations: number
}

export function noCounts(): Counts {
  return {
    schedules: 0,
    nestedCrashes: 0,
    lives: 0,
    operations: 0,
    records: 0,
    commits: 0,
    batches: 0,
    emptyRecords: 0,
    multiSectorRecords: 0,
    oversizeRecords: 0,
    hugeRecords: 0,
    powerCuts: 0,
    kills: 0,
    crashesInRecovery: 0,
    failedOpens: 0,
    failedSyncs: 0,
    failedWrites: 0,
    tailsSaved: 0,
    strangeTails: 0,
    droppedCaches: 0,
    takeovers: 0,
    refusedOpens: 0,
    closesInFlight: 0,
    liveReads: 0,
    directLives: 0,
    oneTripLives: 0,
    busyCalls: 0,
    preallocations: 0,
  }
}

export function addCounts(totals: Counts, counts: Counts): void {
  for (const name of Object.keys(totals) as (keyof Counts)[]) totals[name] += counts[name]
}
