import type { DecisionRecord, ShadowRecord } from '../contracts/decision-record';
import { outcomeSchema, type Outcome } from '../contracts/outcome';
import { eventText } from '../contracts/packed';
import { decodeFrames, FRAME_HEADER_BYTES } from '../contracts/segment';
import { attributedOutcome } from './attributed-outcome';

/** One event of a segment, with its place in the file, so that it can be read again without reading the rest. */
export interface Framed<T> {
  event: T;
  /** Byte offset and length of the body in the segment file. */
  bodyAt: number;
  bodyBytes: number;
  /** The event's JSON, whichever form the edge wrote it in. */
  text: string;
}

export interface SegmentContent {
  decisions: Framed<DecisionRecord>[];
  shadows: Framed<ShadowRecord>[];
  outcomes: Framed<Outcome>[];
}

/** Why a segment was refused as a whole. */
export interface SegmentFault {
  code: 'SEGMENT_TORN' | 'SEGMENT_EMPTY' | 'SEGMENT_CORRUPT';
  /** Number of the frame, from 0, and what is wrong with it. */
  frame: number;
  detail: string;
}

/**
 * Reads a sealed segment: every frame must be whole and every body a known event, else the segment is refused as a whole.
 * `crc32` is the caller's (zlib's in Node).
 */
export function readSegment(
  bytes: Uint8Array,
  crc32: (bytes: Uint8Array) => number,
): { ok: true; content: SegmentContent } | { ok: false; fault: SegmentFault } {
  const { bodies, validBytes } = decodeFrames(bytes, crc32);
  const fault = (code: SegmentFault['code'], frame: number, detail: string) =>
    ({ ok: false, fault: { code, frame, detail } }) as const;
  if (validBytes !== bytes.length) {
    return fault(
      'SEGMENT_TORN',
      bodies.length,
      `${bytes.length - validBytes} bytes after byte ${validBytes} are no frame`,
    );
  }
  if (bodies.length === 0) return fault('SEGMENT_EMPTY', 0, 'the segment holds no event');
  const content: SegmentContent = { decisions: [], shadows: [], outcomes: [] };
  let bodyAt = FRAME_HEADER_BYTES;
  for (const [frame, body] of bodies.entries()) {
    const wrong = addEvent(content, body, bodyAt);
    if (wrong) return fault('SEGMENT_CORRUPT', frame, wrong);
    bodyAt += body.length + FRAME_HEADER_BYTES;
  }
  return { ok: true, content };
}

function addEvent(content: SegmentContent, body: Uint8Array, bodyAt: number): string | null {
  let text: string;
  let event: unknown;
  try {
    text = eventText(body);
    event = JSON.parse(text);
  } catch {
    return 'the body is neither JSON in UTF-8 nor a packed decision';
  }
  const place = { bodyAt, bodyBytes: body.length, text };
  if (isDecision(event)) content.decisions.push({ event, ...place });
  else if (isShadow(event)) content.shadows.push({ event, ...place });
  else {
    const outcome = outcomeSchema.safeParse(event);
    if (!outcome.success) {
      const issue = outcome.error.issues[0];
      return `no known event: /${issue?.path.join('/') ?? ''} ${issue?.message ?? ''}`;
    }
    content.outcomes.push({ event: attributedOutcome(outcome.data), ...place });
  }
  return null;
}

/** Decisions are the bulk of the lake: only what ingest reads is checked, by hand. */
function isDecision(event: unknown): event is DecisionRecord {
  const record = event as Partial<DecisionRecord> | null;
  if (record?.type !== 'decision' || record.schemaVersion !== 1) return false;
  const { inputs, outputs } = record;
  return (
    typeof record.decisionId === 'string' &&
    record.decisionId.length > 0 &&
    record.decisionId.length <= 128 &&
    Number.isSafeInteger(inputs?.nowMs) &&
    Number.isInteger(inputs?.stage) &&
    Number.isInteger(inputs?.impIndex) &&
    (inputs?.arm === 'champion' || inputs?.arm === 'canary') &&
    typeof inputs.rolloutId === 'string' &&
    Array.isArray(inputs.request?.impressions) &&
    typeof outputs === 'object' &&
    Number.isSafeInteger(outputs.bidMicros) &&
    outputs.bidMicros >= 0 &&
    (outputs.noBidReason === null || typeof outputs.noBidReason === 'string')
  );
}

function isShadow(event: unknown): event is ShadowRecord {
  const record = event as Partial<ShadowRecord> | null;
  return (
    record?.type === 'shadow' &&
    record.schemaVersion === 1 &&
    typeof record.decisionId === 'string' &&
    typeof record.rolloutId === 'string' &&
    Number.isSafeInteger(record.atMs)
  );
}
