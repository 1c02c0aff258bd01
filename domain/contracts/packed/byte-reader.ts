const SEVEN_BITS = 128;
/** A text that begins with a byte order mark keeps it: it is the sender's, and not ours. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads what a `ByteWriter` wrote, in the same order. Every method throws RangeError or TypeError where the bytes end too soon or are no text. */
export class ByteReader {
  private readonly view: DataView;
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    const value = this.view.getUint8(this.at);
    this.at += 1;
    return value;
  }

  whole(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte % SEVEN_BITS) * scale;
      if (byte < SEVEN_BITS) break;
      scale *= SEVEN_BITS;
    }
    if (!Number.isSafeInteger(value)) throw new RangeError('a whole number is too long');
    return value;
  }

  number(): number {
    const whole = this.whole();
    if (whole > 0) return whole - 1;
    const value = this.view.getFloat64(this.at, true);
    this.at += 8;
    return value;
  }

  float32(): number {
    const value = this.view.getFloat32(this.at, true);
    this.at += 4;
    return value;
  }

  text(): string {
    const length = this.whole();
    if (length > this.bytes.length - this.at) throw new RangeError('a text ends too soon');
    const text = utf8.decode(this.bytes.subarray(this.at, this.at + length));
    this.at += length;
    return text;
  }

  nullable(): string | null {
    return this.byte() === 0 ? null : this.text();
  }

  texts(): string[] {
    return this.list(() => this.text());
  }

  numbers(): number[] {
    return this.list(() => this.number());
  }

  /** A count, then as many items. */
  list<T>(item: () => T): T[] {
    const length = this.whole();
    // Every item takes a byte at least: a longer list is no list, and must not be made room for.
    if (length > this.bytes.length - this.at) throw new RangeError('a list ends too soon');
    const items: T[] = [];
    for (let n = 0; n < length; n += 1) items.push(item());
    return items;
  }
}

/** @throws RangeError where a list has no such place: what was read is of a later format */
export function entryOf<T>(list: readonly T[], place: number): T {
  const value = list[place];
  if (value === undefined) throw new RangeError('a packed record of an unknown format');
  return value;
}
