/** Bound on label combinations of one counter; further ones are counted under `other`. */
const MAX_SERIES = 2000;

/** Text of a Prometheus label. */
export const escapeLabel = (value: string): string =>
  value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

/** What a counter counted since it was last drained. */
export type CounterDelta = [values: readonly string[], count: number][];

/** Counter with zero to three labels. */
export class Counter {
  private readonly series = new Map<string, { values: readonly string[]; count: number }>();
  total = 0;

  constructor(
    readonly name: string,
    readonly help: string,
    private readonly labels: readonly string[] = [],
  ) {}

  add(amount = 1, a = '', b = '', c = ''): void {
    this.total += amount;
    const key = `${a}|${b}|${c}`;
    const known = this.series.get(key);
    if (known) {
      known.count += amount;
      return;
    }
    if (this.series.size >= MAX_SERIES && a !== 'other') return this.addOther(amount);
    this.series.set(key, { values: [a, b, c].slice(0, this.labels.length), count: amount });
  }

  private addOther(amount: number): void {
    this.total -= amount;
    this.add(amount, 'other', 'other', 'other');
  }

  /** Every series with its labels' values. */
  read(): { values: readonly string[]; count: number }[] {
    return [...this.series.values()];
  }

  /** Takes everything out, for another thread's counter. */
  drain(): CounterDelta {
    const delta: CounterDelta = [...this.series.values()].map(({ values, count }) => [values, count]);
    this.series.clear();
    this.total = 0;
    return delta;
  }

  /** Adds what another thread's counter gave out. */
  absorb(delta: CounterDelta): void {
    for (const [[a, b, c], count] of delta) this.add(count, a, b, c);
  }

  count(a = '', b = '', c = ''): number {
    return this.series.get(`${a}|${b}|${c}`)?.count ?? 0;
  }

  print(): string {
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} counter`];
    if (this.series.size === 0 && this.labels.length === 0) lines.push(`${this.name} 0`);
    for (const { values, count } of this.series.values()) {
      const labels = this.labels.map((label, i) => `${label}="${escapeLabel(values[i])}"`).join(',');
      lines.push(`${this.name}${labels === '' ? '' : `{${labels}}`} ${count}`);
    }
    return lines.join('\n');
  }
}

/** One value read when it is printed. */
export class Gauge {
  constructor(
    readonly name: string,
    readonly help: string,
    private readonly read: () => number | { labels: Record<string, string>; value: number }[],
  ) {}

  print(): string {
    const value = this.read();
    const rows = typeof value === 'number' ? [{ labels: {}, value }] : value;
    const lines = [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} gauge`];
    for (const row of rows) {
      const labels = Object.entries(row.labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
      lines.push(`${this.name}${labels.length === 0 ? '' : `{${labels.join(',')}}`} ${row.value}`);
    }
    return lines.join('\n');
  }
}
