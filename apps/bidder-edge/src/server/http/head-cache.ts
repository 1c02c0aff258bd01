import { isFault, parseHead, type HeadFault, type RequestHead } from './request-head';

/** Heads longer than this are not worth keeping: notices, whose URLs never repeat. */
const MAX_KEPT_CHARS = 512;

/**
 * Heads read before. An exchange sends the same few lines with every bid request, but for the length of the body, so most heads are
 * recognised as a whole. Bounded: forgets all when full.
 */
export class HeadCache {
  private readonly known = new Map<string, RequestHead>();

  constructor(private readonly maxEntries = 1024) {}

  read(text: string): RequestHead | HeadFault {
    const known = this.known.get(text);
    if (known !== undefined) return known;
    const head = parseHead(text);
    if (isFault(head) || text.length > MAX_KEPT_CHARS || head.query !== '') return head;
    if (this.known.size >= this.maxEntries) this.known.clear();
    this.known.set(text, Object.freeze(head));
    return head;
  }
}
