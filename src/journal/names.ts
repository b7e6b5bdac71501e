/** What stands beside a journal, by its real path. */
export const lockPath = (journal: string): string => `${journal}.lock`
export const markPath = (journal: string): string => `${journal}.mark`
export const savedTailPath = (journal: string, cleanEnd: number): string => `${journal}.corrupt-${cleanEnd}`

/** What stands at such a path is removed or replaced when the journal that it belongs to is made, or opened: it cannot be one itself. */
export const isSideName = (journal: string): boolean => /.\.(?:lock|mark|mark\.new)$/u.test(journal)
