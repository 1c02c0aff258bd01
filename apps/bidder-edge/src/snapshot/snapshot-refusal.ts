/** Why a bundle did not go live. */
export type RefusalCode =
  | 'MALFORMED'
  | 'TOO_LARGE'
  | 'BAD_SIGNATURE'
  | 'SCHEMA'
  | 'WRONG_FLEET'
  | 'OLDER_VERSION'
  | 'ARTIFACT_UNAVAILABLE'
  | 'ARTIFACT_HASH'
  | 'ARTIFACT_INVALID'
  | 'FEATURE_SPEC'
  | 'PARITY'
  | 'SEAL'
  | 'INDEX';

/** A refused bundle; the edge keeps what it served before and reports this in its heartbeat. */
export class SnapshotRefusal extends Error {
  constructor(
    readonly code: RefusalCode,
    readonly detail: string,
    /** Version that the bundle claims, 0 when it cannot be read. */
    readonly version = 0,
  ) {
    super(`${code}: ${detail}`);
  }
}
