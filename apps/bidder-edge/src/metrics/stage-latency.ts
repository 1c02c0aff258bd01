import { createHistogram, type Histogram, type RecordableHistogram } from 'node:perf_hooks';
import type { DecisionRecord } from '#domain/contracts';

/** Stations of a bid request with a clock of their own; `total` is first line to answer, of requests without a bid as well. */
export const STAGES = ['decode', 'match', 'infer', 'decide', 'respond', 'total'] as const;
export type Stage = (typeof STAGES)[number];

/** Upper bounds of Prometheus' buckets, microseconds. */
const BOUNDS = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000];
const MICROS_PER_SECOND = 1e6;
const LONGEST_MICROS = 60_000_000;

/** Quantiles of one stage over the last one to two windows, microseconds; all 0 without a sample. */
export interface StageQuantiles {
  stage: Stage;
  count: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

const openHdr = (): RecordableHistogram => createHistogram({ lowest: 1, highest: LONGEST_MICROS, figures: 2 });

class StageClock {
  private readonly counts = new Float64Array(BOUNDS.length + 1);
  private sumMicros = 0;
  private hdr = openHdr();
  private before = openHdr();
  /** Of other threads. */
  private readonly others: Histogram[] = [];

  constructor(readonly stage: Stage) {}

  observe(micros: number): void {
    this.sumMicros += micros;
    let bucket = 0;
    while (bucket < BOUNDS.length && micros > (BOUNDS[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    // The histogram knows whole numbers from 1 on.
    this.hdr.record(Math.min(LONGEST_MICROS, Math.max(1, Math.round(micros))));
  }

  /** Both histograms: what a clone of one shows, it goes on showing as its own thread records. */
  get hdrs(): RecordableHistogram[] {
    return [this.hdr, this.before];
  }

  watch(hdrs: readonly Histogram[]): void {
    this.others.push(...hdrs);
  }

  drain(): number[] {
    const delta = [...this.counts, this.sumMicros];
    this.counts.fill(0);
    this.sumMicros = 0;
    return delta;
  }

  absorb(delta: readonly number[]): void {
    this.counts.forEach((count, at) => (this.counts[at] = count + delta[at]));
    this.sumMicros += delta[this.counts.length];
  }

  roll(): void {
    const { hdr, before } = this;
    before.reset();
    this.hdr = before;
    this.before = hdr;
  }

  quantiles(): StageQuantiles {
    const both = openHdr();
    for (const hdr of [this.hdr, this.before, ...this.others]) both.add(hdr as RecordableHistogram);
    const { count, max } = both;
    if (count === 0) return { stage: this.stage, count, p50: 0, p99: 0, p999: 0, max: 0 };
    const at = (percent: number): number => both.percentile(percent);
    return { stage: this.stage, count, p50: at(50), p99: at(99), p999: at(99.9), max };
  }

  print(name: string): string[] {
    const labels = `stage="${this.stage}"`;
    let seen = 0;
    const lines = BOUNDS.map((bound, at) => {
      seen += this.counts[at] as number;
      return `${name}_bucket{${labels},le="${bound / MICROS_PER_SECOND}"} ${seen}`;
    });
    seen += this.counts[BOUNDS.length] as number;
    return [
      ...lines,
      `${name}_bucket{${labels},le="+Inf"} ${seen}`,
      `${name}_sum{${labels}} ${this.sumMicros / MICROS_PER_SECOND}`,
      `${name}_count{${labels}} ${seen}`,
    ];
  }
}

/** How long each station takes: buckets since the start for Prometheus, HDR quantiles of the last minutes for people. */
export class StageLatency {
  readonly name = 'adloop_edge_stage_seconds';
  private readonly clocks = STAGES.map((stage) => new StageClock(stage));

  /** The stations of one decided request, microseconds; called after its answer was written. */
  observe(stages: DecisionRecord['latencyUs']): void {
    // The order of STAGES; five calls by hand, since this runs once a request.
    this.clocks[0]?.observe(stages.decode);
    this.clocks[1]?.observe(stages.match);
    this.clocks[2]?.observe(stages.infer);
    this.clocks[3]?.observe(stages.decide);
    this.clocks[4]?.observe(stages.respond);
  }

  observeTotal(seconds: number): void {
    this.clocks[5]?.observe(seconds * MICROS_PER_SECOND);
  }

  /** Begins the next window; called once a minute. */
  roll(): void {
    for (const clock of this.clocks) clock.roll();
  }

  /** Per stage both histograms, to be cloned into another thread. */
  get hdrs(): RecordableHistogram[][] {
    return this.clocks.map((clock) => clock.hdrs);
  }

  /** Takes another thread's histograms into the quantiles. */
  watch(hdrs: readonly (readonly Histogram[])[]): void {
    this.clocks.forEach((clock, at) => clock.watch(hdrs[at] ?? []));
  }

  /** Takes the buckets out, for another thread. */
  drain(): number[][] {
    return this.clocks.map((clock) => clock.drain());
  }

  /** Adds the buckets that another thread gave out. */
  absorb(delta: readonly (readonly number[])[]): void {
    this.clocks.forEach((clock, at) => clock.absorb(delta[at] ?? []));
  }

  quantiles(): StageQuantiles[] {
    return this.clocks.map((clock) => clock.quantiles());
  }

  print(): string {
    const head = [`# HELP ${this.name} Time spent in each station of a request.`, `# TYPE ${this.name} histogram`];
    return [...head, ...this.clocks.flatMap((clock) => clock.print(this.name))].join('\n');
  }
}
