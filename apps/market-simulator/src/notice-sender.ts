import type { Pool } from 'undici';
import type { NoticeKind } from '#domain/contracts';
import type { AckLog } from './ack-log';
import type { Counters } from './counters';

/** One notice on its way: the macros are filled. */
export interface Notice {
  kind: NoticeKind;
  bidId: string;
  path: string;
}

/** Attempts as exchanges make them: 0.2, 0.4, … 3.2 s apart. */
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 200;
const TIMEOUT_MS = 5000;
/** Notices under way or waiting for their time; beyond it new ones are dropped and counted as abandoned. */
const MAX_PENDING = 20_000;

/** Sends notices to the edge that bid, each until it is acknowledged, refused, or given up. */
export class NoticeSender {
  private readonly timers = new Set<NodeJS.Timeout>();
  private underWay = 0;

  constructor(
    private readonly pool: Pool,
    private readonly counters: Counters,
    private readonly log: AckLog | null,
  ) {}

  /** Notices not answered yet, waiting ones included. */
  get pending(): number {
    return this.timers.size + this.underWay;
  }

  /** Sends after `delayMs`. `onAcknowledged` runs once the edge has it, e.g. to let a conversion follow its click. */
  send(notice: Notice, delayMs: number, onAcknowledged?: () => void): void {
    if (this.pending >= MAX_PENDING) {
      this.counters.abandoned[notice.kind] += 1;
      return;
    }
    this.later(delayMs, notice, 1, onAcknowledged);
  }

  /** Resolves when nothing is pending, or after `withinMs`. */
  async drain(withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs;
    while (this.pending > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
    return this.pending === 0;
  }

  private later(delayMs: number, notice: Notice, attempt: number, onAcknowledged?: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.underWay += 1;
      void this.attempt(notice, attempt, onAcknowledged).finally(() => (this.underWay -= 1));
    }, delayMs);
    this.timers.add(timer);
  }

  private async attempt(notice: Notice, attempt: number, onAcknowledged?: () => void): Promise<void> {
    const status = await this.statusOf(notice.path);
    if ((status >= 200 && status < 300) || status === 302) {
      this.counters.acknowledged[notice.kind] += 1;
      this.log?.append({ kind: notice.kind, bidId: notice.bidId, atMs: Date.now(), status });
      onAcknowledged?.();
    } else if (status !== 0 && status < 500) {
      this.counters.refused[notice.kind] += 1;
    } else if (attempt >= ATTEMPTS) {
      this.counters.abandoned[notice.kind] += 1;
    } else {
      this.later(FIRST_PAUSE_MS * 2 ** (attempt - 1), notice, attempt + 1, onAcknowledged);
    }
  }

  /** 0 = no answer: connection refused, reset, or too slow. */
  private async statusOf(path: string): Promise<number> {
    try {
      const response = await this.pool.request({ method: 'GET', path, headersTimeout: TIMEOUT_MS });
      await response.body.dump();
      return response.statusCode;
    } catch {
      return 0; // Counted by the caller when the attempts are used up.
    }
  }
}
