const FIRST_BYTES = 4096;
const BYTES_PER_UNIT = 3;
/** Largest whole number written as such; its successor by one must still be exact. */
const MAX_WHOLE = 2 ** 52;
const SEVEN_BITS = 128;
const MAX_SHIFTED = 0x7fffffff;
/** Of seven bits each. */
const FOUR_BYTES = 2 ** 28;

const utf8 = new TextEncoder();

/** Bytes of packed records, one after the other, in a buffer that is used again. All numbers little-endian. */
export class ByteWriter {
  private bytes = new Uint8Array(FIRST_BYTES);
  private view = new DataView(this.bytes.buffer);
  private at = 0;

  clear(): void {
    this.at = 0;
  }

  /** A view of what was written, good until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  byte(value: number): void {
    this.makeRoom(1);
    this.bytes[this.at++] = value;
  }

  /** A whole number from 0 to 2^53 − 1, seven bits a byte, lowest first (LEB128). */
  whole(value: number): void {
    this.makeRoom(8);
    const { bytes } = this;
    let { at } = this;
    let rest = value;
    // Shifts are for 31 bits: of a longer number its lowest four bytes come first, by one division for all.
    while (rest > MAX_SHIFTED) {
      const high = Math.floor(rest / FOUR_BYTES);
      let low = rest - high * FOUR_BYTES;
      for (let n = 0; n < 4; n += 1) {
        bytes[at++] = (low & 127) | SEVEN_BITS;
        low >>>= 7;
      }
      rest = high;
    }
    while (rest >= SEVEN_BITS) {
      bytes[at++] = (rest & 127) | SEVEN_BITS;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  /** Any number: a whole one from 0 on as itself plus one, any other as 0 and its eight bytes. */
  number(value: number): void {
    if (value >= 0 && value < MAX_WHOLE && Math.floor(value) === value) return this.whole(value + 1);
    this.byte(0);
    this.makeRoom(8);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  float32(value: number): void {
    this.makeRoom(4);
    this.view.setFloat32(this.at, value, true);
    this.at += 4;
  }

  /** Length in bytes, then UTF-8. */
  text(value: string): void {
    const { length } = value;
    this.makeRoom(8 + length * BYTES_PER_UNIT);
    const start = this.at;
    if (length < SEVEN_BITS) {
      // Short and ASCII, as nearly all are: cheaper by hand than a call.
      const { bytes } = this;
      let at = start + 1;
      let i = 0;
      for (; i < length; i += 1) {
        const unit = value.charCodeAt(i);
        if (unit >= SEVEN_BITS) break;
        bytes[at++] = unit;
      }
      if (i === length) {
        bytes[start] = length;
        this.at = at;
        return;
      }
    }
    const encoded = utf8.encode(value);
    this.whole(encoded.length);
    this.bytes.set(encoded, this.at);
    this.at += encoded.length;
  }

  /** 0 for null, else 1 and the text. */
  nullable(value: string | null): void {
    this.byte(value === null ? 0 : 1);
    if (value !== null) this.text(value);
  }

  texts(values: readonly string[]): void {
    this.whole(values.length);
    for (const value of values) this.text(value);
  }

  numbers(values: readonly number[]): void {
    this.whole(values.length);
    for (const value of values) this.number(value);
  }

  private makeRoom(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + bytes));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}
