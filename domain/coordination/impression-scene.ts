import type { PolicyBundle } from '../contracts/agent';
import type { NormalisedImpression, NormalisedRequest } from '../contracts/normalised-request';
import type { ServingIndex } from '../matching/serving-index';
import type { RequestContext } from './request-context';

/** What every candidate of one impression shares. */
export interface ImpressionScene {
  readonly index: ServingIndex;
  readonly policies: PolicyBundle;
  readonly request: NormalisedRequest;
  readonly context: RequestContext;
  readonly impression: NormalisedImpression;
  readonly impIndex: number;
  /** The win law, when a believable one was inferred. */
  readonly hasLaw: boolean;
  readonly mu: number;
  readonly sigma: number;
  /** 'safe' = every campaign plays its safe bid. */
  readonly isSafe: boolean;
}
