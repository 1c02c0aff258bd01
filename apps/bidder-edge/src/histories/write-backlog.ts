/**
 * A bounded queue of what must still be written. One batch is on its way at a time; one that fails stays and is tried again, which writes of an
 * idempotent kind allow. Full, the oldest goes: it is the next to lose its meaning.
 */
export class WriteBacklog<T> {
  private readonly waiting: T[] = [];
  private running: Promise<void> | null = null;
  private isClosed = false;

  constructor(
    private readonly options: {
      maxWaiting: number;
      batch: number;
      /** After a failed batch, ms. */
      retryMs: number;
      /** Writes a batch; rejects when any part of it may not have been written. */
      write(batch: readonly T[]): Promise<void>;
      onWritten(count: number): void;
      onDropped(count: number): void;
      onFailed(error: unknown): void;
    },
  ) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Returns at once. */
  add(item: T): void {
    const { waiting, options } = this;
    if (this.isClosed || waiting.length >= options.maxWaiting) {
      options.onDropped(1);
      if (this.isClosed) return;
      waiting.shift();
    }
    waiting.push(item);
    this.running ??= this.run();
  }

  /** Resolves when nothing waits, or after `withinMs`. */
  async flush(withinMs: number): Promise<void> {
    const { running } = this;
    if (running === null) return;
    let timer: NodeJS.Timeout | null = null;
    await Promise.race([running, new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)))]);
    if (timer !== null) clearTimeout(timer);
  }

  /** Takes nothing more, and gives up what waits still after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    await this.flush(withinMs);
    this.isClosed = true;
    if (this.waiting.length > 0) this.options.onDropped(this.waiting.length);
    this.waiting.length = 0;
  }

  private async run(): Promise<void> {
    const { waiting, options } = this;
    while (waiting.length > 0 && !this.isClosed) {
      const batch = waiting.slice(0, options.batch);
      try {
        await options.write(batch);
        options.onWritten(batch.length);
        // What was dropped meanwhile was at the front, and of this batch.
        this.forget(batch);
      } catch (error) {
        options.onFailed(error);
        await new Promise((resolve) => setTimeout(resolve, options.retryMs).unref());
      }
    }
    this.running = null;
  }

  private forget(batch: readonly T[]): void {
    const first = batch.indexOf(this.waiting[0] as T);
    if (first >= 0) this.waiting.splice(0, batch.length - first);
  }
}
