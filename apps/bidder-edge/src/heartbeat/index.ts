/** Heartbeat: what this edge really serves and spends, every 5 s; its answer brings grants and the canary's lease. */
export * from './heartbeat';
export * from './edge-report';
