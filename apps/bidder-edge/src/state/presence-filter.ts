const BITS_PER_ENTRY = 8;
const MIN_BITS = 1 << 16;
const MAX_BITS = 2 ** 31;
const GOLDEN = 0x9e3779b1;

/**
 * Says of most pairs that they were never added, from one bit (a Bloom filter with one hash). A decision asks for some thirty counters and
 * finds nearly none of them: a map of a million texts misses the processor's cache on each, half a megabyte of bits does not.
 */
export class PresenceFilter {
  private readonly words: Int32Array;
  private readonly mask: number;

  /** @param entries pairs expected at most; one in nine strangers is then taken for known */
  constructor(entries: number) {
    const bits = Math.min(MAX_BITS, Math.max(MIN_BITS, 2 ** Math.ceil(Math.log2(entries * BITS_PER_ENTRY))));
    this.words = new Int32Array(bits / 32);
    this.mask = bits - 1;
  }

  add(a: number, b: number): void {
    const bit = this.bitOf(a, b);
    this.words[bit >>> 5] |= 1 << (bit & 31);
  }

  /** False: the pair was not added since the last `clear`. True: it may have been. */
  mayHave(a: number, b: number): boolean {
    const bit = this.bitOf(a, b);
    return (this.words[bit >>> 5] & (1 << (bit & 31))) !== 0;
  }

  clear(): void {
    this.words.fill(0);
  }

  /** Finaliser of MurmurHash3 over both halves. */
  private bitOf(a: number, b: number): number {
    let h = a ^ Math.imul(b, GOLDEN);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) & this.mask;
  }
}
