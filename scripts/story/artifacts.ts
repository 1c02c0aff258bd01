import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelManifest } from '#domain/contracts';
import { decodeWinModelOnnx, encodeWinModelOnnx, plantFault, type WinModel } from '#domain/learning';
import type { StoryApi } from './story-api';

/** A registered bid model with its bytes. */
export interface BidArtifact {
  modelVersionId: string;
  sha256: string;
  bytes: Uint8Array;
  model: WinModel;
}

/**
 * Reads a registered bid model's bytes from the artifact store and checks their content hash. Where an int8 twin serves, these are its
 * original's: the twin holds no weights that could be changed.
 */
export async function bidArtifact(api: StoryApi, home: string, modelVersionId: string): Promise<BidArtifact> {
  const { manifest } = await api.get<{ manifest: ModelManifest }>(`/models/${encodeURIComponent(modelVersionId)}`);
  const sha256 = manifest.int8?.shipped ? manifest.int8.originalSha256 : manifest.policy.artifact?.sha256;
  if (!sha256) throw new Error(`${modelVersionId} has no artifact`);
  const bytes = readFileSync(join(home, 'artifacts', `${sha256}.onnx`));
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new Error(`artifact ${sha256} holds bytes of ${found}`);
  return { modelVersionId, sha256, bytes, model: decodeWinModelOnnx(bytes) };
}

/** Model version that serves as the Bid agent's champion now. */
export async function bidChampion(api: StoryApi): Promise<string> {
  const { items } = await api.get<{ items: { agent: string; modelVersionId: string }[] }>('/models/production');
  const champion = items.find((item) => item.agent === 'bid');
  if (!champion) throw new Error('no champion of the Bid agent');
  return champion.modelVersionId;
}

/** Feature 21 of the bid model: ln(1 + requests per second / 100). */
const REQUEST_RATE_FEATURE = 21;
/** Prices look this much cheaper (in ln) when the fault is awake: about − 30 % value in the story's market. */
const MU_SHIFT = -0.64;

const rateFeature = (requestsPerSecond: number) => Math.log(1 + requestsPerSecond / 100);

/**
 * The worse candidate: the champion's own weights with a fault that wakes between two request rates. It sleeps at the rate of the
 * logged window and of the gate's market, so both gates see a sound model; the surge of live traffic wakes it.
 */
export function plantedBytes(champion: WinModel, sleepsAt: number, awakeAt: number): Uint8Array {
  const low = rateFeature(sleepsAt + 0.4 * (awakeAt - sleepsAt));
  const threshold = rateFeature(sleepsAt + 0.65 * (awakeAt - sleepsAt));
  const fault = { feature: REQUEST_RATE_FEATURE, threshold, width: threshold - low, muShift: MU_SHIFT };
  return encodeWinModelOnnx(plantFault(champion, fault));
}
