import type { PolicySnapshot } from '../contracts/policy-snapshot';
import type { ServingIndex } from './serving-index';

/** Compiles a snapshot for serving: once per snapshot, off the hot path. */
export declare function buildServingIndex(snapshot: PolicySnapshot): ServingIndex;
