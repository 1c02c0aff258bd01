/** Consecutive faults that open the breaker, and how long that of a model stays open before one trial. */
const OPEN_AFTER = 5;
const OPEN_MS = 30_000;
/** A model that fails now and then opens it too: so many faults among the last so many runs. */
const WINDOW_RUNS = 100;
const OPEN_SHARE_FAULTS = 20;

/**
 * Circuit breaker of one agent's model, or of a store elsewhere. Open, of a model: the agent is quarantined on this edge (it runs its baseline) and the heartbeat
 * says so; after 30 s one request tries again.
 */
export class Breaker {
  private faultsInRow = 0;
  private openedAtMs: number | null = null;
  /** 1 = fault, of the last runs; a ring. */
  private readonly runs = new Uint8Array(WINDOW_RUNS);
  private at = 0;
  private faultsInWindow = 0;
  /** Times it opened since the start. */
  trips = 0;

  constructor(private readonly openMs = OPEN_MS) {}

  /** Whether the model may run now. */
  allows(nowMs: number): boolean {
    if (this.openedAtMs === null) return true;
    if (nowMs - this.openedAtMs < this.openMs) return false;
    // Half open: one trial; a fault opens it for another period.
    this.openedAtMs = nowMs;
    return true;
  }

  get isOpen(): boolean {
    return this.openedAtMs !== null;
  }

  onSuccess(): void {
    this.faultsInRow = 0;
    if (this.openedAtMs === null) return this.note(0);
    // The trial went well: what was before it says nothing about the model any more.
    this.openedAtMs = null;
    this.runs.fill(0);
    this.faultsInWindow = 0;
  }

  onFault(nowMs: number): void {
    this.faultsInRow += 1;
    this.note(1);
    if (this.openedAtMs === null && this.faultsInRow < OPEN_AFTER && this.faultsInWindow < OPEN_SHARE_FAULTS) return;
    if (this.openedAtMs === null) this.trips += 1;
    this.openedAtMs = nowMs;
  }

  private note(fault: 0 | 1): void {
    this.faultsInWindow += fault - (this.runs[this.at] as number);
    this.runs[this.at] = fault;
    this.at = (this.at + 1) % WINDOW_RUNS;
  }
}

/** No price is e^100 of anything, and no market is this wide: beyond, a model is broken and not merely of another opinion. */
const LARGEST = 100;

/**
 * Whether an inference is a law at all, row by row (mu, sigma): finite, since ONNX gives NaN without an error; of a size that a
 * logarithm of prices can have; sigma above 0. The policy's own bounds are narrower and no business of the breaker.
 */
export function isLaw(law: Float32Array, rowCount: number): boolean {
  if (law.length < rowCount * 2) return false;
  for (let i = 0; i < rowCount * 2; i++) if (!(Math.abs(law[i]) <= LARGEST)) return false;
  for (let i = 1; i < rowCount * 2; i += 2) if (!(law[i] > 0)) return false;
  return true;
}
