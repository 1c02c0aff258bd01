import type { ExchangeSettings, FxTable } from '../contracts/exchange';
import type { NormalisedRequest } from '../contracts/normalised-request';

/** Turns a valid bid request into what decisions read; privacy first. `hashUser` answers 16 hex digits of a keyed hash. */
export declare function normaliseRequest(
  raw: unknown,
  exchange: ExchangeSettings,
  fx: FxTable,
  hashUser: (id: string) => string,
  layerSalt: string,
): NormalisedRequest;
