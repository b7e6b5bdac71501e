import type { ModelCheck } from './spin.js'

/** A mistake that the model can make, and the property by which it must be found. */
export interface Mistake extends Required<ModelCheck> {
  readonly what: string
  readonly violates: string
}

export const MISTAKES: readonly Mistake[] = [
  {
    mistake: 'BAD_PUBLISHES_NEXT',
    what: 'a sync publishes what is staged, not what was written',
    property: 'safety',
    violates: 'publishedIsNotCovered',
  },
  {
    mistake: 'BAD_FRONTIER_AFTER_SYNC',
    what: 'the frontier is captured when the sync has returned',
    property: 'safety',
    violates: 'publishedIsNotCovered',
  },
  {
    mistake: 'BAD_RETRIES_SYNC',
    what: 'a failed sync is tried again',
    property: 'safety',
    violates: 'syncedAfterFailure',
  },
  {
    mistake: 'BAD_ONE_DESCRIPTION',
    what: 'blocking syncs and those of groups share an open description',
    property: 'safety',
    violates: 'publishedIsNotOnDisk',
  },
  {
    mistake: 'BAD_ONLY_LEADER_TOLD',
    what: 'only the leader hears of a failure',
    property: 'safety',
    violates: 'somebodyIsNotTold',
  },
  {
    mistake: 'BAD_CONFIRMS_AFTER_FAILURE',
    what: 'a sync that returns publishes, though a write has failed meanwhile',
    property: 'safety',
    violates: 'publishedAfterFailure',
  },
  {
    mistake: 'BAD_RELEASED_BUSY',
    what: 'close lets go of the descriptors while a sync is unfinished',
    property: 'safety',
    violates: 'usedAfterRelease',
  },
  {
    mistake: 'BAD_NO_SYNC',
    what: 'a group ends without a sync',
    property: 'safety',
    violates: 'endedBeforeDurable',
  },
  {
    mistake: 'BAD_CONFIRMS_WRITTEN',
    what: 'those who wait are answered when all is written',
    property: 'safety',
    violates: 'confirmedIsNotOnDisk',
  },
  {
    mistake: 'BAD_WRITTEN_GOES_BACK',
    what: 'a write that returns late takes the written frontier back',
    property: 'safety',
    violates: 'frontiersAreInDisorder',
  },
  {
    mistake: 'BAD_NOT_GIVEN_UP',
    what: 'the next piece is written though the journal has failed meanwhile',
    property: 'safety',
    violates: 'wroteAfterFailure',
  },
  {
    mistake: 'BAD_CUTS_AT_ONCE',
    what: 'the file is cut back though something is unfinished',
    property: 'safety',
    violates: 'cutWhileBusy',
  },
  {
    mistake: 'BAD_ANSWERS_BEFORE_FINISH',
    what: 'who joins between the answers and the end of the group is lost',
    property: 'everybodyIsAnswered',
    violates: 'everybodyIsAnswered',
  },
  {
    mistake: 'BAD_NOT_SCHEDULED_AGAIN',
    what: 'the end of a group does not schedule those who have formed the next',
    property: 'everybodyIsAnswered',
    violates: 'everybodyIsAnswered',
  },
]
