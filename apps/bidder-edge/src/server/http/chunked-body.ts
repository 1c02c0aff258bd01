/** Longest line between chunks: a size and an extension that nobody reads; and all trailers together. */
const MAX_LINE_BYTES = 256;
const MAX_TRAILER_BYTES = 8192;
const SIZE_LINE = /^([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t -~]*)?$/;
const LF = 0x0a;
const CR = 0x0d;

/** Where reading stands: the line with the next size, inside a chunk, the line end after it, trailers, over. */
type Place = 'size' | 'data' | 'data-end' | 'trailer' | 'over';

/** Body in chunks (RFC 9112, section 7.1), read as it comes; extensions and trailers are skipped. */
export class ChunkedBody {
  private readonly parts: Buffer[] = [];
  private place: Place = 'size';
  private left = 0;
  private line = '';
  private trailerBytes = 0;
  /** Bytes of the body so far. */
  length = 0;

  get isOver(): boolean {
    return this.place === 'over';
  }

  /**
   * Takes what belongs to the body from `bytes`, from `from` on. Answers where the rest begins, or −1 when these are no chunks.
   * @param keep false drops the data: the body is too long already
   */
  take(bytes: Buffer, from: number, keep: boolean): number {
    let at = from;
    while (at < bytes.length && this.place !== 'over') {
      if (this.place === 'data') {
        const end = Math.min(bytes.length, at + this.left);
        if (keep) this.parts.push(bytes.subarray(at, end));
        this.length += end - at;
        this.left -= end - at;
        at = end;
        if (this.left === 0) this.place = 'data-end';
        continue;
      }
      const end = bytes.indexOf(LF, at);
      const upTo = end < 0 ? bytes.length : end + 1;
      this.line += bytes.toString('latin1', at, upTo);
      at = upTo;
      if (this.line.length > (this.place === 'trailer' ? MAX_TRAILER_BYTES : MAX_LINE_BYTES)) return -1;
      if (end >= 0 && !this.endLine()) return -1;
    }
    return at;
  }

  bytes(): Buffer {
    return this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts);
  }

  private endLine(): boolean {
    const { line } = this;
    this.line = '';
    if (line.charCodeAt(line.length - 2) !== CR) return false;
    const text = line.slice(0, -2);
    if (this.place === 'data-end') {
      this.place = 'size';
      return text === '';
    }
    if (this.place === 'trailer') {
      this.trailerBytes += line.length;
      if (text === '') this.place = 'over';
      return this.trailerBytes <= MAX_TRAILER_BYTES;
    }
    const size = SIZE_LINE.exec(text);
    if (size === null) return false;
    this.left = Number.parseInt(size[1], 16);
    this.place = this.left === 0 ? 'trailer' : 'data';
    return true;
  }
}
