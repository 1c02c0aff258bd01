import { ARMS, ByteReader, ByteWriter, entryOf } from '#domain/contracts';
import type { Reservation } from './reservation';

/** First byte of a journalled bid; every other entry is JSON and begins with `{`. */
export const PACKED_RESERVATION = 0xb1;

/** Scratch of this module: an entry is copied into the journal's buffer before the next one is packed. */
const writer = new ByteWriter();

/** One bid as the journal keeps it, a third of its JSON: every bid writes one. The bytes are good until the next call. */
export function packReservation(reservation: Reservation): Uint8Array {
  writer.clear();
  writer.byte(PACKED_RESERVATION);
  writer.text(reservation.decisionId);
  writer.text(reservation.exchange);
  writer.text(reservation.campaignId);
  writer.text(reservation.creativeId);
  writer.byte(ARMS.indexOf(reservation.arm));
  writer.text(reservation.grantId);
  writer.number(reservation.priceNanos);
  writer.nullable(reservation.userKey);
  writer.texts(reservation.capKeys);
  writer.byte(reservation.isExploratory ? 1 : 0);
  writer.number(reservation.expiresAtMs);
  return writer.written();
}

/** @throws RangeError or TypeError when the bytes are no packed bid */
export function unpackReservation(bytes: Uint8Array): Reservation {
  const reader = new ByteReader(bytes);
  if (reader.byte() !== PACKED_RESERVATION) throw new RangeError('no packed bid');
  return {
    decisionId: reader.text(),
    exchange: reader.text(),
    campaignId: reader.text(),
    creativeId: reader.text(),
    arm: entryOf(ARMS, reader.byte()),
    grantId: reader.text(),
    priceNanos: reader.number(),
    userKey: reader.nullable(),
    capKeys: reader.texts(),
    isExploratory: reader.byte() === 1,
    expiresAtMs: reader.number(),
  };
}
