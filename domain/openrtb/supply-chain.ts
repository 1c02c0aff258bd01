import type { NormalisedRequest } from '../contracts/normalised-request';
import { objectOf, type JsonObject } from './json-shape';

/** `source.schain`, also in its 2.5 place `source.ext.schain` (IAB SupplyChain object 1.0); null when none was sent. */
export function supplyChainOf(raw: JsonObject): NonNullable<NormalisedRequest['supplyChain']> | null {
  const source = objectOf(raw['source']);
  const chain = objectOf(source?.['schain']) ?? objectOf(objectOf(source?.['ext'])?.['schain']);
  if (chain === undefined) return null;
  const { nodes } = chain;
  return { isComplete: chain['complete'] === 1, hops: Array.isArray(nodes) ? nodes.length : 0 };
}
