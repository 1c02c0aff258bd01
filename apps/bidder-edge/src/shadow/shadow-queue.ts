import { winProbability } from '#domain/agents/bid';
import type { ShadowRecord } from '#domain/contracts';
import { decideRequest, prepareRequest, type PreparedRequest, type StateReader } from '#domain/coordination';
import { hashText } from '#domain/random';
import { isFiniteLaw } from '../inference/breaker';
import type { NamedDecision } from '../pipeline/respond';
import type { LiveShadow } from '../snapshot/live-snapshot';

/** Requests waiting for their shadow; beyond, samples are dropped and counted: live traffic comes first. */
const MAX_WAITING = 256;

interface Sample {
  shadow: LiveShadow;
  prepared: PreparedRequest;
  decisions: readonly NamedDecision[];
}

export interface ShadowPorts {
  append(record: ShadowRecord): void;
  onDropped(): void;
  now(): number;
}

/** Runs shadow policies one at a time between requests, on the values of state that the champion read. */
export class ShadowQueue {
  private readonly waiting: Sample[] = [];
  private isRunning = false;

  constructor(private readonly ports: ShadowPorts) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Offers a champion's decided request; each shadow takes its own sample of requests. */
  offer(shadows: readonly LiveShadow[], prepared: PreparedRequest, decisions: readonly NamedDecision[]): void {
    if (prepared.context.arm !== 'champion' || prepared.rowCount === 0 || prepared.request.isTest) return;
    for (const shadow of shadows) {
      if (hashText(`${shadow.rolloutId}|shadow|${prepared.request.requestId}`) % 10_000 >= shadow.sampleBps) continue;
      if (this.waiting.length >= MAX_WAITING) this.ports.onDropped();
      else this.waiting.push({ shadow, prepared, decisions });
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

async function shadowRecords({ shadow, prepared, decisions }: Sample, nowMs: number): Promise<ShadowRecord[]> {
  const startedMs = performance.now();
  let error: string | null = null;
  let shadowDecisions: ReturnType<typeof decideRequest> = [];
  try {
    const context = {
      ...prepared.context,
      rolloutId: '',
      stage: -1,
      quarantined: [],
      inferenceMode: 'models' as const,
    };
    const again = prepareRequest(shadow.index, prepared.request, context, readerOf(decisions));
    const law = shadow.model && again.rowCount > 0 ? await shadow.model.model.run(again.rows, again.rowCount) : null;
    if (law !== null && !isFiniteLaw(law, again.rowCount)) error = 'not-finite';
    shadowDecisions = decideRequest(shadow.index, again, error === null ? law : null, () => true);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message.slice(0, 200) : 'unknown';
  }
  const latencyUs = Math.round((performance.now() - startedMs) * 1000);
  return decisions.flatMap((champion, at) => {
    if (champion.outputs.features.length === 0) return [];
    return [compare(champion, shadowDecisions[at]?.outputs ?? null, shadow.rolloutId, nowMs, error, latencyUs)];
  });
}

/** Both bids judged by one law, the champion's, at the champion's value: they differ in nothing but the policy. */
function compare(
  champion: NamedDecision,
  shadow: NamedDecision['outputs'] | null,
  rolloutId: string,
  atMs: number,
  error: string | null,
  latencyUs: number,
): ShadowRecord {
  const law = champion.outputs.counterfactual;
  const surplus = (bidMicros: number): number =>
    law === null || law.sigma <= 0 || bidMicros <= 0
      ? 0
      : (law.vPrimeMicros - bidMicros) * winProbability(bidMicros, law.mu, law.sigma);
  return {
    type: 'shadow',
    schemaVersion: 1,
    decisionId: champion.decisionId,
    rolloutId,
    atMs,
    bidMicros: shadow?.bidMicros ?? 0,
    championBidMicros: champion.outputs.bidMicros,
    expectedSurplusMicros: surplus(shadow?.bidMicros ?? 0),
    championExpectedSurplusMicros: surplus(champion.outputs.bidMicros),
    mu: shadow?.counterfactual?.mu ?? 0,
    sigma: shadow?.counterfactual?.sigma ?? 0,
    error,
    latencyUs,
  };
}

/** State values as the champion's decision recorded them: a shadow must not see what happened since. */
function readerOf(decisions: readonly NamedDecision[]): StateReader {
  const states = new Map(
    decisions.flatMap(({ inputs }) => inputs.candidates.map((state) => [state.campaignId, state])),
  );
  return {
    pacing: (campaignId) => {
      const state = states.get(campaignId);
      return { multiplier: state?.pacingMultiplier ?? 1, passThrough: state?.passThrough ?? 1 };
    },
    freeNanos: (campaignId) => states.get(campaignId)?.freeNanos ?? 0,
    capCount: (capKey) => first(states.values(), (state) => state.capCounts[capKey]),
    exposures24h: (creativeId) => first(states.values(), (state) => state.exposures24h[creativeId]),
    explorationLeft: (campaignId) => states.get(campaignId)?.explorationLeft ?? 0,
  };
}

function first<T>(items: Iterable<T>, read: (item: T) => number | undefined): number {
  for (const item of items) {
    const value = read(item);
    if (value !== undefined) return value;
  }
  return 0;
}
