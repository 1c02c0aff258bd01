/** Cells of one account; amounts in nanos, times in epoch ms. */
export const CELL = {
  reserved: 0,
  spent: 1,
  free: 2,
  returned: 3,
  /** Bills whose reservation had been voided; real spend beside the identity, charged by whoever grants next. */
  late: 4,
  /** Part of `reserved` held for bids of a process that died, until `heldUntil`. */
  held: 5,
  heldUntil: 6,
  /** Part of `free` that is for outages alone. */
  outage: 7,
  expiresAt: 8,
  /** 1: not on disk yet, a bid may not use it, or a crash would forget what it owes. */
  pending: 9,
  closed: 10,
  /** How many accounts have had this row: whoever remembers an earlier one sees that it is gone. */
  generation: 11,
} as const;
const CELLS = 12;
const FIRST_ROWS = 64;

/** Bytes that so many accounts need. */
export const bytesOfAccounts = (rows: number): number => rows * CELLS * Float64Array.BYTES_PER_ELEMENT;

/**
 * What accounts count, as rows of numbers: in memory that threads share, with room for a fixed number of accounts, or in our own, which
 * grows. Amounts stay below 2^53, so a double holds each exactly.
 */
export class AccountRows {
  cells: Float64Array;
  private used = 0;
  private readonly given: number[] = [];

  constructor(private readonly shared?: SharedArrayBuffer) {
    this.cells = shared ? new Float64Array(shared) : new Float64Array(FIRST_ROWS * CELLS);
  }

  /** First cell of a row that is free, all zero but its generation. @throws Error when shared memory has no more */
  take(): number {
    const at = this.given.pop() ?? this.next();
    const generation = this.cells[at + CELL.generation] + 1;
    this.cells.fill(0, at, at + CELLS);
    this.cells[at + CELL.generation] = generation;
    return at;
  }

  /** Takes a row back; who still knows it finds another generation there. */
  give(at: number): void {
    this.cells[at + CELL.generation] += 1;
    this.given.push(at);
  }

  private next(): number {
    const at = this.used;
    if (at + CELLS > this.cells.length) this.grow();
    this.used += CELLS;
    return at;
  }

  private grow(): void {
    if (this.shared) throw new Error(`no room for more than ${this.cells.length / CELLS} grants`);
    const larger = new Float64Array(this.cells.length * 2);
    larger.set(this.cells);
    this.cells = larger;
  }
}
