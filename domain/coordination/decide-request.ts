import type { ServingIndex } from '../matching/serving-index';
import type { PreparedRequest } from './prepare-request';
import type { ImpressionDecision, Reserve } from './request-context';

/** Decides every impression of a prepared request. `inference` is rowCount × (mu, sigma), null = run baselines. */
export declare function decideRequest(
  index: ServingIndex,
  prepared: PreparedRequest,
  inference: Float32Array | null,
  reserve: Reserve,
): ImpressionDecision[];
