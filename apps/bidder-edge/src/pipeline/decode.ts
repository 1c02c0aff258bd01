import { gunzipSync } from 'node:zlib';
import { normaliseRequest, validateBidRequest, type DecodedRequest } from '#domain/openrtb';
import type { Received } from './receive';

/** What a body holds, or why it cannot be a bid request (HTTP 400 or 413). */
export type Decoded =
  | { ok: true; request: DecodedRequest; wantsNbr: boolean }
  | { ok: false; status: 400 | 413; code: string; pointer: string; detail: string };

/** A gzip body may not grow beyond this. */
export const MAX_INFLATED_BYTES = 1 << 20;
const utf8 = new TextDecoder('utf-8', { fatal: true });

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
    raw = JSON.parse(utf8.decode(bytes));
  } catch {
    return fault(400, 'BAD_JSON', 'the body is not JSON in UTF-8');
  }
  const verdict = validateBidRequest(raw);
  if (!verdict.ok) return { status: 400, ...verdict };
  const { snapshot } = received.live;
  const request = normaliseRequest(raw, received.exchange, snapshot.fx, hashUser, snapshot.layerSalt);
  received.deadlineMs = received.arrivedAtMs + request.tmaxMs - received.exchange.networkAllowanceMs;
  const ext = (raw as { ext?: { nbr?: unknown } | null }).ext;
  return { ok: true, request, wantsNbr: ext?.nbr === 1 || ext?.nbr === true };
}
