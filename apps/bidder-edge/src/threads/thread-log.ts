import { ByteWriter, packDecision, type DecisionRecord, type ShadowRecord } from '#domain/contracts';
import type { DecisionLog } from '../outbox/decision-log';
import { packReservation } from '../state/packed-reservation';
import type { Reservation } from '../state/reservation';
import type { SharedStatus } from '../state/shared-memory';
import { FRAME } from './messages';
import type { SharedRing } from './shared-ring';

/** Room that must be left before another request may bid: its reservations are not to be lost. */
const ROOM_FOR_BIDS = 1 << 20;

/** A bidding thread's way to journal and outbox: frames in its ring, which the control thread empties. */
export class ThreadLog implements DecisionLog {
  private readonly packed = new ByteWriter();

  constructor(
    private readonly ring: SharedRing,
    private readonly status: SharedStatus,
    private readonly onShed: (kind: 'bid' | 'no-bid' | 'shadow') => void,
  ) {}

  get isOpen(): boolean {
    return this.status.takesBids && this.ring.room > ROOM_FOR_BIDS;
  }

  appendDecision(kind: 'bid' | 'no-bid', record: DecisionRecord): boolean {
    this.packed.clear();
    const frame = packDecision(this.packed, record) ? this.packed.written() : Buffer.from(JSON.stringify(record));
    return this.put(kind, kind === 'bid' ? FRAME.bid : FRAME.noBid, frame);
  }

  appendShadow(record: ShadowRecord): boolean {
    return this.put('shadow', FRAME.shadow, Buffer.from(JSON.stringify(record)));
  }

  /** @throws Error without room: what a bid holds must be known to whoever frees it, so the bid may not go out */
  appendReservation(reservation: Reservation): void {
    if (!this.ring.put(FRAME.reservation, packReservation(reservation)))
      throw new Error('no room for a reservation in the ring');
  }

  private put(kind: 'bid' | 'no-bid' | 'shadow', frameKind: number, frame: Uint8Array): boolean {
    // Records are shed before reservations have to be.
    const isTaken = this.ring.room > ROOM_FOR_BIDS / 2 && this.ring.put(frameKind, frame);
    if (!isTaken) this.onShed(kind);
    return isTaken;
  }
}
