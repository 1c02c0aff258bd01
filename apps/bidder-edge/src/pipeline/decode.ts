import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import type { SeatNonBidRule } from '#domain/contracts';
import { normaliseRequest, validateBidRequest, type DecodedRequest } from '#domain/openrtb';
import type { Received } from './receive';

/** Which reasons for not bidding the exchange asked for, in `ext`. */
export interface WantedReasons {
  /** One for the whole response. */
  nbr: boolean;
  /** One per impression, by IAB's seat-non-bid extension; Prebid's name for the wish is understood as well. */
  seatNonBid: boolean;
}

/** What a body holds, or why it cannot be a bid request (HTTP 400 or 413). */
export type Decoded =
  | { ok: true; request: DecodedRequest; wants: WantedReasons }
  | { ok: false; status: 400 | 413; code: string; pointer: string; detail: string };

/** A gzip body may not grow beyond this. */
export const MAX_INFLATED_BYTES = 1 << 20;

const fault = (status: 400 | 413, code: string, detail: string, pointer = ''): Decoded => ({
  ok: false,
  status,
  code,
  pointer,
  detail,
});

/** Second stage: bytes -> validated, normalised request; sets the deadline from `tmax`. */
export function decode(received: Received, hashUser: (id: string) => string): Decoded {
  let bytes = received.body;
  if (received.isGzipped) {
    try {
      bytes = gunzipSync(bytes, { maxOutputLength: MAX_INFLATED_BYTES });
    } catch (error) {
      const isBomb = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      return isBomb
        ? fault(413, 'BODY_TOO_LARGE', `the body inflates beyond ${MAX_INFLATED_BYTES} bytes`)
        : fault(400, 'BAD_GZIP', 'the body is not gzip');
    }
  }
  let raw: unknown;
  try {
    if (!isUtf8(bytes)) return fault(400, 'BAD_JSON', 'the body is not JSON in UTF-8');
    raw = JSON.parse(bytes.toString('utf8'));
  } catch {
    return fault(400, 'BAD_JSON', 'the body is not JSON in UTF-8');
  }
  const verdict = validateBidRequest(raw);
  if (!verdict.ok) return { status: 400, ...verdict };
  const { snapshot } = received.live;
  const request = normaliseRequest(raw, received.exchange, snapshot.fx, hashUser, snapshot.layerSalt);
  received.deadlineMs = received.arrivedAtMs + request.tmaxMs - received.exchange.networkAllowanceMs;
  return {
    ok: true,
    request,
    wants: wantedReasons((raw as { ext?: RequestExt | null }).ext, received.exchange.seatNonBid),
  };
}

interface RequestExt {
  nbr?: unknown;
  seatnonbid?: unknown;
  returnallbidstatus?: unknown;
  prebid?: { returnallbidstatus?: unknown } | null;
}

function wantedReasons(ext: RequestExt | null | undefined, rule: SeatNonBidRule = 'asked'): WantedReasons {
  if (ext == null) return rule === 'always' ? ALWAYS_SEAT_NON_BID : NO_REASONS;
  const isSet = (value: unknown): boolean => value === 1 || value === true;
  return {
    nbr: isSet(ext.nbr),
    seatNonBid:
      rule === 'always' ||
      (rule !== 'never' &&
        (isSet(ext.seatnonbid) || isSet(ext.returnallbidstatus) || isSet(ext.prebid?.returnallbidstatus))),
  };
}

export const NO_REASONS: WantedReasons = { nbr: false, seatNonBid: false };
const ALWAYS_SEAT_NON_BID: WantedReasons = { nbr: false, seatNonBid: true };
