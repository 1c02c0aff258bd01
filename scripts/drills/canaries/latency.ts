import { InferenceSession, Tensor } from 'onnxruntime-node';
import { ballast, encodeWinModelOnnx, type WinModel } from '#domain/learning';
import { FEATURE_COUNT } from '#domain/features';
import { WAKING } from './planted';
import { outboxEvents } from '../edge-outbox';

const POLL_MS = 400;
const RUNS = 400;
const LAYERS = 60;

/**
 * p99 of inference and decision over the records that pass through the edges' outboxes in `seconds`, µs: the time that a policy can
 * lengthen.
 */
export async function decisionP99Us(edgeHomes: readonly string[], seconds: number): Promise<number> {
  const seen = new Map<string, number>();
  for (const until = Date.now() + seconds * 1000; Date.now() < until;) {
    for (const home of edgeHomes)
      for (const event of outboxEvents(home))
        if (event.type === 'decision') seen.set(event.decisionId, event.latencyUs.infer + event.latencyUs.decide);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const sorted = [...seen.values()].sort((a, b) => a - b);
  if (sorted.length < RUNS) throw new Error(`only ${sorted.length} decisions passed in ${seconds} s`);
  return sorted[Math.floor(sorted.length * 0.99)]!;
}

/** What one layer of ballast takes on this machine beside the market, µs: the median run with it against the one without. */
export async function usPerLayer(champion: WinModel): Promise<number> {
  const light = await medianRunUs(encodeWinModelOnnx(champion));
  const heavy = await medianRunUs(encodeWinModelOnnx(champion, ballast(LAYERS, WAKING)));
  return Math.max(0.5, (heavy - light) / LAYERS);
}

async function medianRunUs(bytes: Uint8Array): Promise<number> {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const features = new Float32Array(FEATURE_COUNT);
  features[WAKING.feature] = 2 * WAKING.threshold;
  const row = new Tensor('float32', features, [1, FEATURE_COUNT]);
  const times: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    const from = performance.now();
    await session.run({ features: row });
    times.push((performance.now() - from) * 1000);
  }
  await session.release();
  return times.sort((a, b) => a - b)[RUNS >> 1]!;
}
