/** Stands in `blockedCategories` for a block list that cannot be compared (another taxonomy): it blocks every creative. */
export const BLOCK_ALL = '*';
