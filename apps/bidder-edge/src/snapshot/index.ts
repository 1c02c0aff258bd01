/**
 * Snapshot: the only way in. A signed, versioned bundle of everything the edge serves goes live by one reference
 * assignment after every check passed; a bundle that fails one is refused and the last good one stays.
 */
export * from './artifact-folder';
export * from './last-known-good';
export * from './live-snapshot';
export * from './load-snapshot';
export * from './pull-snapshots';
export * from './shipped-snapshot';
export * from './snapshot-refusal';
export * from './verify-signed';
export * from './remembered-records';
export * from './snapshot-holder';
