/** Consecutive faults that open the breaker, and how long it stays open before one trial. */
const OPEN_AFTER = 5;
const OPEN_MS = 30_000;

/**
 * Circuit breaker of one agent's model. Open: the agent is quarantined on this edge (it runs its baseline) and the heartbeat
 * says so; after 30 s one request tries again.
 */
export class Breaker {
  private faultsInRow = 0;
  private openedAtMs: number | null = null;
  /** Times it opened since the start. */
  trips = 0;

  /** Whether the model may run now. */
  allows(nowMs: number): boolean {
    if (this.openedAtMs === null) return true;
    if (nowMs - this.openedAtMs < OPEN_MS) return false;
    // Half open: one trial; a fault opens it for another period.
    this.openedAtMs = nowMs;
    return true;
  }

  get isOpen(): boolean {
    return this.openedAtMs !== null;
  }

  onSuccess(): void {
    this.faultsInRow = 0;
    this.openedAtMs = null;
  }

  onFault(nowMs: number): void {
    this.faultsInRow += 1;
    if (this.faultsInRow < OPEN_AFTER) return;
    if (this.openedAtMs === null) this.trips += 1;
    this.openedAtMs = nowMs;
  }
}

/** Whether every number of an inference is finite: ONNX gives NaN without an error. */
export function isFiniteLaw(law: Float32Array, rowCount: number): boolean {
  if (law.length < rowCount * 2) return false;
  for (let i = 0; i < rowCount * 2; i++) if (!Number.isFinite(law[i])) return false;
  return true;
}
