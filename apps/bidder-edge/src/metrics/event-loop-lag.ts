import { monitorEventLoopDelay } from 'node:perf_hooks';

/** A timer every so often; what it is late by is the lag. */
const RESOLUTION_MS = 10;
const NANOS_PER_MS = 1e6;

/** Lag of the event loop since the last roll, milliseconds; null before the first sample of a window. */
export interface LoopLag {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** How late a thread comes to its timers: above a few milliseconds every request waits for something. */
export class EventLoopLag {
  readonly name = 'adloop_edge_event_loop_lag_seconds';
  private readonly delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private last: LoopLag | null = null;
  private readonly others = new Map<number, LoopLag>();

  /** What another thread last said of itself: the worst of all is shown. */
  hear(thread: number, lag: LoopLag | null): void {
    if (lag !== null) this.others.set(thread, lag);
  }

  start(): void {
    this.delays.enable();
  }

  stop(): void {
    this.delays.disable();
  }

  /** Ends a window, keeping its figures until the next one has some; called once a minute. */
  roll(): void {
    this.last = this.window();
    this.delays.reset();
  }

  read(): LoopLag | null {
    const own = this.window() ?? this.last;
    const all = own === null ? [...this.others.values()] : [own, ...this.others.values()];
    return all.reduce<LoopLag | null>((worst, lag) => (worst === null || lag.p99Ms > worst.p99Ms ? lag : worst), null);
  }

  print(): string {
    const lag = this.read();
    const lines = [
      `# HELP ${this.name} Lateness of the event loop, within the last minute.`,
      `# TYPE ${this.name} gauge`,
    ];
    if (lag === null) return lines.join('\n');
    const line = (quantile: string, ms: number): string => `${this.name}{quantile="${quantile}"} ${ms / 1000}`;
    return [...lines, line('0.5', lag.p50Ms), line('0.99', lag.p99Ms), line('1', lag.maxMs)].join('\n');
  }

  private window(): LoopLag | null {
    if (this.delays.count === 0) return null;
    // The histogram holds the whole time from tick to tick, the timer's own period included.
    const lateMs = (nanos: number): number => Math.max(0, nanos / NANOS_PER_MS - RESOLUTION_MS);
    const { delays } = this;
    return {
      p50Ms: lateMs(delays.percentile(50)),
      p99Ms: lateMs(delays.percentile(99)),
      maxMs: lateMs(delays.max),
    };
  }
}
