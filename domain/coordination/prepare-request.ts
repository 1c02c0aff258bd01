import type { NormalisedImpression, NormalisedRequest } from '../contracts/normalised-request';
import { FEATURE_COUNT, writeBidFeatures } from '../features';
import { requestTerms } from '../matching/filters';
import { matchImpression, StateRecorder, type MatchResult } from '../matching/match';
import type { ServingIndex } from '../matching/serving-index';
import type { StateReader } from '../matching/state-reader';
import { drawUint32 } from '../random';
import type { RequestContext } from './request-context';

/** One impression after matching; `rowIndex` is its row in `PreparedRequest.rows`, -1 without survivors. */
export interface PreparedImpression {
  readonly impIndex: number;
  readonly rowIndex: number;
  /** Null when the impression or the whole request is vetoed: then nothing was matched. */
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

const NO_ROWS = new Float32Array(0);
/** Lane that no campaign's draw uses (price-candidate.ts). */
const ROTATION_LANE = -1;

/** Match and features of all impressions of one request. Reads each state value once, changes nothing. */
export function prepareRequest(
  index: ServingIndex,
  request: NormalisedRequest,
  context: RequestContext,
  state: StateReader,
): PreparedRequest {
  const count = request.impressions.length;
  const impressions: PreparedImpression[] = [];
  let rowCount = 0;
  if (request.veto !== null) {
    for (let i = 0; i < count; i += 1) impressions.push({ impIndex: i, rowIndex: -1, match: null });
    return { request, context, impressions, rows: NO_ROWS, rowCount };
  }
  const rotation = drawUint32(index.snapshot.rngSeed, context.rngCounter, ROTATION_LANE);
  const terms = requestTerms(request, context.nowMs, rotation);
  const recorder = new StateRecorder(state, context.arm, request.userKey);
  for (let i = 0; i < count; i += 1) {
    const impression = request.impressions[i] as NormalisedImpression;
    const match = impression.veto === null ? matchImpression(index, terms, impression, recorder) : null;
    const hasRow = match !== null && match.survivors.length > 0;
    impressions.push({ impIndex: i, rowIndex: hasRow ? rowCount : -1, match });
    if (hasRow) rowCount += 1;
  }
  return { request, context, impressions, rows: featureRows(request, context, impressions, rowCount), rowCount };
}

function featureRows(
  request: NormalisedRequest,
  context: RequestContext,
  impressions: readonly PreparedImpression[],
  rowCount: number,
): Float32Array {
  if (rowCount === 0) return NO_ROWS;
  const rows = new Float32Array(rowCount * FEATURE_COUNT);
  for (const { impIndex, rowIndex } of impressions) {
    const impression = request.impressions[impIndex];
    if (rowIndex < 0 || impression === undefined) continue;
    writeBidFeatures(rows, rowIndex * FEATURE_COUNT, request, impression, context.nowMs, context.live);
  }
  return rows;
}
