import { historyBytes } from '../histories';
import { NO_LOCK, SharedLock, type Lock } from '../shared-lock';
import { AccountRows, bytesOfAccounts } from './account-rows';
import { CounterTable, bytesOfCounters } from './counter-table';

/** Grants that all threads together can know: ten thousand campaigns in two arms, a dozen each. */
const MAX_GRANTS = 262_144;
/** Impressions of users that nobody counts any more are facts, and get in where new users do not. */
const HEADROOM = 1.25;
const WORD = Int32Array.BYTES_PER_ELEMENT;
const STATUS_WORDS = 2;
const OPEN_RESERVATIONS = 0;
const TAKES_BIDS = 1;

/** Memory of one edge's threads; given to each when it starts. Pages that nothing was written to cost nothing. */
export interface SharedMemory {
  budgetLock: SharedArrayBuffer;
  countLock: SharedArrayBuffer;
  accounts: SharedArrayBuffer;
  caps: SharedArrayBuffer;
  exposures: SharedArrayBuffer;
  /** What users saw and clicked (histories/). */
  histories: SharedArrayBuffer;
  status: SharedArrayBuffer;
  /** Per thread the decayed sum of its requests and when it was taken, epoch ms. */
  requests: SharedArrayBuffer;
}

export function openSharedMemory(maxCapEntries: number, threads: number, maxUserHistories: number): SharedMemory {
  const counters = bytesOfCounters(Math.ceil(maxCapEntries * HEADROOM));
  return {
    budgetLock: new SharedArrayBuffer(WORD),
    countLock: new SharedArrayBuffer(WORD),
    accounts: new SharedArrayBuffer(bytesOfAccounts(MAX_GRANTS)),
    caps: new SharedArrayBuffer(counters),
    exposures: new SharedArrayBuffer(counters),
    histories: new SharedArrayBuffer(historyBytes(maxUserHistories)),
    status: new SharedArrayBuffer(STATUS_WORDS * WORD),
    requests: new SharedArrayBuffer(threads * 2 * Float64Array.BYTES_PER_ELEMENT),
  };
}

/** The tables of a state: over shared memory, or its own. */
export interface StateTables {
  rows: AccountRows;
  budgetLock: Lock;
  caps: CounterTable;
  exposures: CounterTable;
  countLock: Lock;
}

export function tablesOf(memory: SharedMemory | null): StateTables {
  const lockOf = (word: SharedArrayBuffer | undefined): Lock =>
    word === undefined ? NO_LOCK : new SharedLock(new Int32Array(word));
  return {
    rows: new AccountRows(memory?.accounts),
    budgetLock: lockOf(memory?.budgetLock),
    caps: new CounterTable(memory?.caps),
    exposures: new CounterTable(memory?.exposures),
    countLock: lockOf(memory?.countLock),
  };
}

/** What the control thread says of itself, read by the others at every request. */
export class SharedStatus {
  private readonly words: Int32Array;

  constructor(memory: SharedMemory) {
    this.words = new Int32Array(memory.status);
  }

  get openReservations(): number {
    return Atomics.load(this.words, OPEN_RESERVATIONS);
  }

  /** The outbox takes what bids do. */
  get takesBids(): boolean {
    return Atomics.load(this.words, TAKES_BIDS) === 1;
  }

  tell(openReservations: number, takesBids: boolean): void {
    Atomics.store(this.words, OPEN_RESERVATIONS, openReservations);
    Atomics.store(this.words, TAKES_BIDS, Number(takesBids));
  }
}
