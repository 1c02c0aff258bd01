/** Upper bounds, seconds: from 50 µs to half a second. */
const BOUNDS = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** Cumulative histogram with fixed buckets. */
export class LatencyHistogram {
  private readonly counts = new Float64Array(BOUNDS.length + 1);
  private sumSeconds = 0;

  constructor(
    readonly name: string,
    readonly help: string,
  ) {}

  observe(seconds: number): void {
    this.sumSeconds += seconds;
    let bucket = 0;
    while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]) bucket += 1;
    this.counts[bucket] += 1;
  }

  /** Takes everything out, for another thread's histogram: counts by bucket, then the sum in seconds. */
  drain(): number[] {
    const delta = [...this.counts, this.sumSeconds];
    this.counts.fill(0);
    this.sumSeconds = 0;
    return delta;
  }

  /** Adds what another thread's histogram gave out. */
  absorb(delta: readonly number[]): void {
    this.counts.forEach((count, at) => (this.counts[at] = count + delta[at]));
    this.sumSeconds += delta[this.counts.length];
  }

  /** Upper bound of the bucket that holds the quantile, seconds; Infinity beyond the last bound, 0 without samples. */
  quantile(q: number): number {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    let seen = 0;
    for (let i = 0; i < this.counts.length; i++) {
      seen += this.counts[i];
      if (total > 0 && seen >= q * total) return BOUNDS[i] ?? Number.POSITIVE_INFINITY;
    }
    return 0;
  }

  print(): string {
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} histogram`];
    let seen = 0;
    BOUNDS.forEach((bound, i) => {
      seen += this.counts[i];
      lines.push(`${this.name}_bucket{le="${bound}"} ${seen}`);
    });
    seen += this.counts[BOUNDS.length];
    lines.push(
      `${this.name}_bucket{le="+Inf"} ${seen}`,
      `${this.name}_sum ${this.sumSeconds}`,
      `${this.name}_count ${seen}`,
    );
    return lines.join('\n');
  }
}
