/**
 * Outbox: the only way out. Decisions and outcomes go to append-only segment files, group-committed by one loop, sealed,
 * shipped with an idempotent id, bounded on disk. What is durable here survives kill -9.
 */
export * from './append-file';
export * from './frame-buffer';
export * from './decision-log';
export * from './group-commit';
export * from './recover';
export * from './segment-store';
export * from './shipper';
