/** What stands beside a journal, by its real path. */
export const lockPath = (journal: string): string => `${journal}.lock`
export const markPath = (journal: string): string => `${journal}.mark`
export const savedTailPath = (journal: string, cleanEnd: number): string => `${journal}.corrupt-${cleanEnd}`
