/**
 * The present turn of the event loop, from the first socket that is read to the end of all reading: what is left for then, and since
 * when the turn reads.
 */
export class LoopTurn {
  private works: (() => void)[] = [];
  private startedMs = 0;
  private isEndAwaited = false;

  /** @param onFault is told what a piece of work throws; the others still run */
  constructor(private readonly onFault: (error: unknown) => void) {}

  /** Monotonic ms at which this turn began to read: what it reads last had come by then too, and waited. */
  began(): number {
    if (this.startedMs === 0) this.startedMs = performance.now();
    this.awaitEnd();
    return this.startedMs;
  }

  /** Runs `work` once this turn's answers were handed to their sockets. */
  afterwards(work: () => void): void {
    this.works.push(work);
    this.awaitEnd();
  }

  private awaitEnd(): void {
    if (!this.isEndAwaited) setImmediate(this.end);
    this.isEndAwaited = true;
  }

  private readonly end = (): void => {
    const { works } = this;
    this.works = [];
    this.startedMs = 0;
    this.isEndAwaited = false;
    for (const work of works) {
      try {
        work();
      } catch (error) {
        this.onFault(error);
      }
    }
  };
}
