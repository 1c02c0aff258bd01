/**
 * Admin: a port of its own that answers what this edge really serves, why campaigns do not bid and how fast the stations are. It
 * reads and changes nothing.
 */
export * from './serve-admin';
