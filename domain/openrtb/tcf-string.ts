/** What a TC string says about one vendor. */
export interface TcfConsent {
  /** The vendor itself is consented to. */
  hasVendor: boolean;
  /** Purposes 1..24 that are consented to and for which the publisher lets this vendor rely on consent. */
  purposes: ReadonlySet<number>;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const BITS_PER_CHAR = 6;
const VERSION = 2;
/** Field offsets and lengths of the core segment (IAB TCF v2.2, "TC String format"). */
const PURPOSES_AT = 152;
const PURPOSES = 24;
/** Purpose consents, legitimate interests, purpose-one treatment and country follow; then the vendor sections. */
const VENDORS_AT = PURPOSES_AT + 2 * PURPOSES + 1 + 12;
/** Publisher restriction by which consent is a legal basis; the others (not allowed, legitimate interest only) take it away. */
const REQUIRE_CONSENT = 1;
/** Bounds the work on a hostile string. */
const MAX_CHARS = 8192;

/** Bits of a base64url text. Reading past the end throws RangeError. */
class BitReader {
  at = 0;

  constructor(private readonly text: string) {}

  read(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i += 1) value = value * 2 + this.bit();
    return value;
  }

  private bit(): number {
    const code = ALPHABET.indexOf(this.text[Math.floor(this.at / BITS_PER_CHAR)] ?? '?');
    if (code < 0) throw new RangeError('TC string ends early or is no base64url');
    const bit = (code >> (BITS_PER_CHAR - 1 - (this.at % BITS_PER_CHAR))) & 1;
    this.at += 1;
    return bit;
  }
}

/**
 * Reads one vendor's consent out of a TCF v2 string's core segment, publisher restrictions applied. Ranges of vendors are compared, never
 * written out as IAB’s libraries do: 500 hostile characters would hold their reader for most of a second (docs/decisions/023). Null when
 * the string is of another version, torn or no TC string at all: that is no consent.
 */
export function readTcfConsent(text: string, vendorId: number): TcfConsent | null {
  const core = text.split('.', 1)[0] ?? '';
  if (core.length > MAX_CHARS) return null;
  try {
    const bits = new BitReader(core);
    if (bits.read(6) !== VERSION) return null;
    bits.at = PURPOSES_AT;
    const purposes = new Set<number>();
    for (let purpose = 1; purpose <= PURPOSES; purpose += 1) if (bits.read(1) === 1) purposes.add(purpose);
    bits.at = VENDORS_AT;
    const hasVendor = readVendor(bits, vendorId);
    readVendor(bits, vendorId);
    restrict(bits, vendorId, purposes);
    return { hasVendor, purposes };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Vendor section: highest id, then one bit a vendor or a list of ranges. Leaves the reader behind the section. */
function readVendor(bits: BitReader, vendorId: number): boolean {
  const highest = bits.read(16);
  if (bits.read(1) === 1) return readRanges(bits, vendorId);
  const first = bits.at;
  let isSet = false;
  if (vendorId <= highest) {
    bits.at = first + vendorId - 1;
    isSet = bits.read(1) === 1;
  }
  bits.at = first + highest;
  return isSet;
}

function readRanges(bits: BitReader, vendorId: number): boolean {
  let isSet = false;
  for (let left = bits.read(12); left > 0; left -= 1) {
    const isRange = bits.read(1) === 1;
    const first = bits.read(16);
    const last = isRange ? bits.read(16) : first;
    if (vendorId >= first && vendorId <= last) isSet = true;
  }
  return isSet;
}

function restrict(bits: BitReader, vendorId: number, purposes: Set<number>): void {
  for (let left = bits.read(12); left > 0; left -= 1) {
    const purpose = bits.read(6);
    const kind = bits.read(2);
    if (readRanges(bits, vendorId) && kind !== REQUIRE_CONSENT) purposes.delete(purpose);
  }
}
