import { heartbeatResponseSchema, type HeartbeatRequest, type HeartbeatResponse } from '#domain/contracts';

export interface HeartbeatPorts {
  url: string;
  token: string;
  everyMs: number;
  report(): HeartbeatRequest;
  /** Resolves when what the last report says is on disk; rejects when the disk refuses. */
  durable(): Promise<void>;
  /** Applies an answer; `sent` is the report it belongs to. */
  onAnswer(answer: HeartbeatResponse, sent: HeartbeatRequest): Promise<void> | void;
  onContact(reached: boolean): void;
}

const TIMEOUT_MS = 4000;
/** A disk may hold up a report for this long. */
const LONGEST_WAIT_FOR_DISK_MS = 1000;
/** The last report must not hold up a shutdown. */
const LAST_TIMEOUT_MS = 1000;

/** Sends one report at a time; `beatNow` asks for the next one at once. */
export class Heartbeat {
  private stopped = false;
  private wake: (() => void) | null = null;
  private isAsked = false;
  private loop: Promise<void> | null = null;
  private readonly abort = new AbortController();

  constructor(private readonly ports: HeartbeatPorts) {}

  start(): void {
    this.loop = this.run();
  }

  beatNow(): void {
    this.isAsked = true;
    this.wake?.();
  }

  /** Ends the loop; the last report has the returned leases. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.abort.abort();
    this.wake?.();
    await this.loop;
    await this.beat(() => AbortSignal.timeout(LAST_TIMEOUT_MS));
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.isAsked = false;
      await this.beat(() => AbortSignal.any([this.abort.signal, AbortSignal.timeout(TIMEOUT_MS)]));
      if (!this.isAsked && !this.stopped) await this.pause();
    }
  }

  private async beat(signal: () => AbortSignal): Promise<void> {
    const { ports } = this;
    const sent = ports.report();
    await this.onDisk();
    try {
      const response = await fetch(`${ports.url}/edge/v1/heartbeat`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ports.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(sent),
        signal: signal(),
      });
      const text = await response.text();
      const answer = response.ok ? heartbeatResponseSchema.safeParse(JSON.parse(text)) : null;
      ports.onContact(answer?.success === true);
      if (answer?.success) await ports.onAnswer(answer.data, sent);
    } catch {
      // Unreachable: leases, caps and the snapshot in hand are enough to go on; reachability is a metric.
      ports.onContact(false);
    }
  }

  /**
   * Spend that the control plane has booked must not be forgotten in a crash: its bill would come again, and be booked again. A
   * disk that refuses or takes too long is reported elsewhere, and the control plane must hear of this edge all the same.
   */
  private async onDisk(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LONGEST_WAIT_FOR_DISK_MS)));
    await Promise.race([this.ports.durable().catch(() => undefined), late]);
    clearTimeout(timer);
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, this.ports.everyMs);
      function done(): void {
        clearTimeout(timer);
        resolve();
      }
      this.wake = done;
    });
  }
}
