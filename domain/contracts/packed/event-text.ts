import { PACKED_DECISION, unpackDecision } from './packed-decision';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * JSON of one event of a segment, whichever form the edge wrote it in.
 * @throws as `unpackDecision` does, or TypeError when the bytes are no UTF-8
 */
export const eventText = (body: Uint8Array): string =>
  body[0] === PACKED_DECISION ? JSON.stringify(unpackDecision(body)) : utf8.decode(body);
