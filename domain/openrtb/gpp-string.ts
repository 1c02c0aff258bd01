import { FibonacciIntegerEncoder, TraditionalBase64UrlEncoder } from '@iabgpp/cmpapi';

/** Longest string that is looked at. */
const MAX_CHARS = 8192;
/** Highest section id that a header may name; IAB has given out 27. */
const MAX_SECTION = 63;
const HEADER_TYPE = 3;
const TYPE_BITS = 6;
const VERSION_BITS = 6;
const COUNT_BITS = 12;

const base64 = TraditionalBase64UrlEncoder.getInstance();

/**
 * Sections of a GPP string (IAB Global Privacy Platform, "GPP String"), each still encoded, by section id. Null when it is no GPP
 * string or its header and its sections do not belong together. The library's own header reader writes out every id of a range before
 * it looks at the sections, so that seventeen hostile characters hold a thread for seconds (docs/decisions/023); here a range is
 * bounded first.
 */
export function gppSections(text: string): ReadonlyMap<number, string> | null {
  if (text.length > MAX_CHARS) return null;
  const [header, ...sections] = text.split('~');
  const ids = sectionIds(header ?? '');
  if (ids === null || ids.length !== sections.length) return null;
  return new Map(ids.map((id, at) => [id, sections[at] ?? '']));
}

function sectionIds(header: string): number[] | null {
  const bits = bitsOf(header);
  if (bits === null || parseInt(bits.slice(0, TYPE_BITS), 2) !== HEADER_TYPE) return null;
  let at = TYPE_BITS + VERSION_BITS;
  const count = parseInt(bits.slice(at, at + COUNT_BITS), 2);
  if (!(count <= MAX_SECTION)) return null;
  at += COUNT_BITS;
  const ids: number[] = [];
  /** Fibonacci code of a distance, ended by two ones; NaN where the header ends early. */
  const distance = (): number => {
    const end = bits.indexOf('11', at);
    if (end < 0) return Number.NaN;
    const value = FibonacciIntegerEncoder.decode(bits.slice(at, end + 2));
    at = end + 2;
    return value;
  };
  for (let entry = 0; entry < count; entry += 1) {
    const isRange = bits[at++] === '1';
    const first = (ids.at(-1) ?? 0) + distance();
    const last = isRange ? first + distance() : first;
    if (!(first > (ids.at(-1) ?? 0) && last >= first && last <= MAX_SECTION)) return null;
    for (let id = first; id <= last; id += 1) ids.push(id);
  }
  return ids;
}

function bitsOf(header: string): string | null {
  try {
    return base64.decode(header);
  } catch {
    return null; // not base64url: no GPP string
  }
}
