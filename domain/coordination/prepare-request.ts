import type { NormalisedRequest } from '../contracts/normalised-request';
import type { MatchResult } from '../matching/match';
import type { ServingIndex } from '../matching/serving-index';
import type { StateReader } from '../matching/state-reader';
import type { RequestContext } from './request-context';

/** One impression after matching; `rowIndex` is its row in `PreparedRequest.rows`, -1 without survivors. */
export interface PreparedImpression {
  readonly impIndex: number;
  readonly rowIndex: number;
  readonly match: MatchResult | null;
}

/** A request between match and decide. */
export interface PreparedRequest {
  readonly request: NormalisedRequest;
  readonly context: RequestContext;
  readonly impressions: readonly PreparedImpression[];
  /** rowCount × 24 features, one row per impression with candidates. */
  readonly rows: Float32Array;
  readonly rowCount: number;
}

/** Match and features of all impressions of one request. Reads state, changes nothing. */
export declare function prepareRequest(
  index: ServingIndex,
  request: NormalisedRequest,
  context: RequestContext,
  state: StateReader,
): PreparedRequest;
