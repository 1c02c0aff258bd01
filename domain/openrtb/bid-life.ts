/** How long a bid may be held, ms: without a wish of the impression, and at most. */
export interface BidLifeLimits {
  leastMs: number;
  mostMs: number;
}

/** Five minutes where the impression says nothing, an hour at most: what is held cannot be spent on other impressions. */
export const DEFAULT_BID_LIFE: BidLifeLimits = { leastMs: 300_000, mostMs: 3_600_000 };

/** From the latest impression that a bid allows until its bill has surely come. */
const NOTICE_MARGIN_MS = 60_000;
/** Lives beyond the least come in so many lengths: whoever waits for their ends has as many queues, whatever is asked. */
const LENGTHS = 20;

/**
 * How long a bid holds its budget and caps, ms: as long as the impression may take (`imp.exp`, seconds; 0 = not said) and its bill
 * needs, within the limits, and not longer than `leastMs` past the end of the grant that pays (`grantLeftMs` from now): its grantor
 * takes back what is left of a grant soon after.
 */
export function bidLifeMs(expirySeconds: number, grantLeftMs: number, { leastMs, mostMs }: BidLifeLimits): number {
  const wantedMs = expirySeconds * 1000 + NOTICE_MARGIN_MS;
  if (expirySeconds === 0 || wantedMs <= leastMs) return leastMs;
  const lengthMs = mostMs / LENGTHS;
  const allowedMs = Math.min(mostMs, grantLeftMs + leastMs);
  const enough = Math.ceil(wantedMs / lengthMs) * lengthMs;
  const lifeMs = enough <= allowedMs ? enough : Math.floor(allowedMs / lengthMs) * lengthMs;
  return Math.max(leastMs, Math.floor(lifeMs));
}

/** `bid.exp`, seconds: what the bid is good for where that is less than the impression may take; null where nothing need be said. */
export function statedExpirySeconds(expirySeconds: number, lifeMs: number): number | null {
  const holdsSeconds = Math.max(1, Math.floor((lifeMs - NOTICE_MARGIN_MS) / 1000));
  return expirySeconds > holdsSeconds ? holdsSeconds : null;
}
