import type { ShadowRecord } from '#domain/contracts';
import { shadowAction, type PreparedRequest } from '#domain/coordination';
import type { ServingIndex } from '#domain/matching';
import { hashText } from '#domain/random';
import { isFiniteLaw } from '../inference/breaker';
import type { NamedDecision } from '../pipeline/respond';
import type { LiveShadow, LiveSnapshot } from '../snapshot/live-snapshot';

/** Requests waiting for their shadow; beyond, samples are dropped and counted: live traffic comes first. */
const MAX_WAITING = 256;

interface Sample {
  shadow: LiveShadow;
  index: ServingIndex;
  prepared: PreparedRequest;
  decisions: readonly NamedDecision[];
}

export interface ShadowPorts {
  append(record: ShadowRecord): void;
  onDropped(): void;
  now(): number;
}

/** Runs shadow policies one at a time between requests, on the features and values that the champion saw. */
export class ShadowQueue {
  private readonly waiting: Sample[] = [];
  private isRunning = false;

  constructor(private readonly ports: ShadowPorts) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Offers a champion's decided request; each shadow takes its own sample of requests. */
  offer({ shadows, index }: LiveSnapshot, prepared: PreparedRequest, decisions: readonly NamedDecision[]): void {
    if (prepared.context.arm !== 'champion' || prepared.rowCount === 0 || prepared.request.isTest) return;
    for (const shadow of shadows) {
      if (hashText(`${shadow.rolloutId}|shadow|${prepared.request.requestId}`) % 10_000 >= shadow.sampleBps) continue;
      if (this.waiting.length >= MAX_WAITING) this.ports.onDropped();
      else this.waiting.push({ shadow, index, prepared, decisions });
    }
    if (!this.isRunning && this.waiting.length > 0) {
      this.isRunning = true;
      setImmediate(() => void this.run());
    }
  }

  private async run(): Promise<void> {
    for (let sample = this.waiting.shift(); sample !== undefined; sample = this.waiting.shift()) {
      for (const line of await shadowRecords(sample, this.ports.now())) this.ports.append(line);
      // One sample a turn of the loop: requests that arrived meanwhile go first.
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.isRunning = false;
  }
}

/** One model run over the champion's own feature rows; then the shadow's price for every impression that was bid on. */
async function shadowRecords({ shadow, index, prepared, decisions }: Sample, nowMs: number): Promise<ShadowRecord[]> {
  const startedMs = performance.now();
  let law: Float32Array | null = null;
  let error: string | null = null;
  try {
    law = shadow.model === null ? null : await shadow.model.model.run(prepared.rows, prepared.rowCount);
    if (law !== null && !isFiniteLaw(law, prepared.rowCount)) error = 'not-finite';
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
      error: error ?? action.error,
      latencyUs: Math.round((performance.now() - startedMs) * 1000),
    });
  }
  return records;
}
