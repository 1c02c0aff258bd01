import type { ShadowRecord } from '#domain/contracts';
import { shadowAction, type PreparedRequest } from '#domain/coordination';
import type { ServingIndex } from '#domain/matching';
import { hashText } from '#domain/random';
import { isLaw } from '../inference/breaker';
import type { NamedDecision } from '../pipeline/respond';
import type { LiveShadow, LiveSnapshot } from '../snapshot/live-snapshot';

/**
 * Requests waiting for a shadow; beyond, samples are dropped and counted: live traffic comes first. All shadows of a snapshot share the
 * places evenly, so that a slow one, or one with a large sample, takes none of another's.
 */
export const MAX_WAITING = 256;

interface Sample {
  shadow: LiveShadow;
  index: ServingIndex;
  prepared: PreparedRequest;
  decisions: readonly NamedDecision[];
  championLatencyUs: number;
}

export interface ShadowPorts {
  append(record: ShadowRecord): void;
  onDropped(): void;
  now(): number;
}

/** Runs shadow policies one at a time between requests, on the features and values that the champion saw. */
export class ShadowQueue {
  private readonly waiting: Sample[] = [];
  private readonly waitingOf = new Map<string, number>();
  private isRunning = false;

  constructor(private readonly ports: ShadowPorts) {}

  get length(): number {
    return this.waiting.length;
  }

  /**
   * Offers a champion's decided request; each shadow takes its own sample of requests. `championLatencyUs` is what the model run
   * and the pricing took the champion.
   */
  offer(
    { shadows, index }: LiveSnapshot,
    prepared: PreparedRequest,
    decisions: readonly NamedDecision[],
    championLatencyUs: number,
  ): void {
    if (prepared.context.arm !== 'champion' || prepared.rowCount === 0 || prepared.request.isTest) return;
    const places = Math.floor(MAX_WAITING / Math.max(1, shadows.length));
    for (const shadow of shadows) {
      if (hashText(`${shadow.rolloutId}|shadow|${prepared.request.requestId}`) % 10_000 >= shadow.sampleBps) continue;
      const own = this.waitingOf.get(shadow.rolloutId) ?? 0;
      // A shadow of an earlier snapshot may still hold places.
      if (own >= places || this.waiting.length >= MAX_WAITING) {
        this.ports.onDropped();
        continue;
      }
      this.waitingOf.set(shadow.rolloutId, own + 1);
      this.waiting.push({ shadow, index, prepared, decisions, championLatencyUs });
    }
    if (!this.isRunning && this.waiting.length > 0) {
      this.isRunning = true;
      setImmediate(() => void this.run());
    }
  }

  private async run(): Promise<void> {
    for (let sample = this.waiting.shift(); sample !== undefined; sample = this.waiting.shift()) {
      this.leave(sample.shadow.rolloutId);
      for (const line of await shadowRecords(sample, this.ports.now())) this.ports.append(line);
      // One sample a turn of the loop: requests that arrived meanwhile go first.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.isRunning = false;
  }

  private leave(rolloutId: string): void {
    const left = (this.waitingOf.get(rolloutId) ?? 1) - 1;
    if (left > 0) this.waitingOf.set(rolloutId, left);
    else this.waitingOf.delete(rolloutId);
  }
}

/** One model run over the champion's own feature rows; then the shadow's price for every impression that was bid on. */
async function shadowRecords(sample: Sample, nowMs: number): Promise<ShadowRecord[]> {
  const { shadow, index, prepared, decisions, championLatencyUs } = sample;
  const startedMs = performance.now();
  let law: Float32Array | null = null;
  let error: string | null = null;
  try {
    law = shadow.model === null ? null : await shadow.model.model.run(prepared.rows, prepared.rowCount);
    if (law !== null && !isLaw(law, prepared.rowCount)) error = 'not-finite';
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message.slice(0, 200) : 'unknown';
  }
  const records: ShadowRecord[] = [];
  for (const [at, decision] of decisions.entries()) {
    const row = prepared.impressions[at].rowIndex;
    const [mu, sigma] = law === null || error !== null || row < 0 ? [0, 0] : [law[row * 2], law[row * 2 + 1]];
    const action = shadowAction(index, shadow.policies, decision, mu, sigma);
    if (action === null) continue;
    records.push({
      type: 'shadow',
      schemaVersion: 1,
      decisionId: decision.decisionId,
      rolloutId: shadow.rolloutId,
      atMs: nowMs,
      ...action,
      // Without a model there is no law to believe: the shading table is what such a policy bids by.
      error: shadow.model === null ? null : (error ?? action.error),
      latencyUs: Math.round((performance.now() - startedMs) * 1000),
      championLatencyUs,
    });
  }
  return records;
}
