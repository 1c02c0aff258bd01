/**
 * Random draws without state: every number is a pure function of (seed, counter, lane), so a decision can be drawn again.
 * Hashes here place users and break ties; they are not for secrets.
 */
export * from './draw';
export * from './hash';
