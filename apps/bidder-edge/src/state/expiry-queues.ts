/** What ends by itself. */
export interface Ending {
  decisionId: string;
  expiresAtMs: number;
}

interface Queue<T> {
  readonly entries: Map<string, T>;
  /** What was added last, here still or not; whatever ends earlier belongs into another queue. */
  newest: T;
}

/**
 * Entries by decision, in as many queues as there are lengths of life among them: each queue is in the order of expiry, so that
 * whoever asks for what ran out looks at the heads alone. An entry goes into the first queue whose newest does not outlive it.
 */
export class ExpiryQueues<T extends Ending> {
  private queues: Queue<T>[] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(decisionId: string): T | undefined {
    for (const { entries } of this.queues) {
      const entry = entries.get(decisionId);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  has(decisionId: string): boolean {
    return this.get(decisionId) !== undefined;
  }

  set(decisionId: string, entry: T): void {
    this.delete(decisionId);
    const { expiresAtMs } = entry;
    let queue = this.queues.find(({ entries, newest }) => entries.size === 0 || newest.expiresAtMs <= expiresAtMs);
    if (queue === undefined) {
      queue = { entries: new Map(), newest: entry };
      this.queues.push(queue);
    }
    queue.entries.set(decisionId, entry);
    queue.newest = entry;
    this.count += 1;
  }

  delete(decisionId: string): void {
    for (const { entries } of this.queues) {
      if (!entries.delete(decisionId)) continue;
      this.count -= 1;
      return;
    }
  }

  /** What ran out by `nowMs`; each may be deleted while it is looked at. */
  *over(nowMs: number): Generator<T> {
    for (const { entries } of this.queues) {
      for (const entry of entries.values()) {
        if (entry.expiresAtMs > nowMs) break;
        yield entry;
      }
    }
  }

  *values(): Generator<T> {
    for (const { entries } of this.queues) yield* entries.values();
  }

  /** Puts all entries into one queue again; those that a journal put back come in any order. */
  sort(): void {
    const sorted = [...this.values()].sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    this.queues = [];
    this.count = 0;
    for (const entry of sorted) this.set(entry.decisionId, entry);
  }
}
