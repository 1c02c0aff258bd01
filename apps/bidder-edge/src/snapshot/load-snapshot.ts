import { setImmediate as turn } from 'node:timers/promises';
import type { PolicyBundle, PolicySnapshot } from '#domain/contracts';
import { servingIndexSteps, snapshotUnderTest, type ServingIndex } from '#domain/matching';
import { ModelFault } from '../inference/bid-model';
import type { ModelCache, ServedModel } from '../inference/model-cache';
import { sha256Of, type ArtifactFolder } from './artifact-folder';
import { checkSeals } from './check-seals';
import { artifactsOf, type LiveSnapshot } from './live-snapshot';
import { readPayload } from './read-payload';
import { SnapshotRefusal } from './snapshot-refusal';
import type { KeyRing } from './verify-signed';

export interface LoadPorts {
  fleet: string;
  /** Public keys that may have signed it. */
  keys: KeyRing;
  artifacts: ArtifactFolder;
  models: ModelCache;
  /** Bytes of an artifact that is not in the folder; null when they cannot be had. */
  fetchArtifact(sha256: string): Promise<Uint8Array | null>;
}

/** Campaigns that are indexed before requests have their turn: some 3 ms. */
const STEPS_A_TURN = 50;

/**
 * Checks a bundle completely and makes it ready to serve; nothing is live yet.
 * @param newerThan version that it must exceed
 * @throws SnapshotRefusal
 */
export async function loadSnapshot(body: string, newerThan: number, ports: LoadPorts): Promise<LiveSnapshot> {
  const snapshot = await readPayload(body, ports.keys);
  const { version, fleet } = snapshot;
  if (fleet !== ports.fleet)
    throw new SnapshotRefusal('WRONG_FLEET', `fleet ${fleet}, this edge is of ${ports.fleet}`, version);
  if (version <= newerThan)
    throw new SnapshotRefusal('OLDER_VERSION', `version ${version} after ${newerThan} was served`, version);
  checkSeals(snapshot, ports.keys);
  const models = await openModels(snapshot, ports);
  const modelOf = (bundle: PolicyBundle): ServedModel | null =>
    bundle.bid.artifact ? (models.get(bundle.bid.artifact.sha256) ?? null) : null;
  const liveOf = async (served: PolicySnapshot, underTest: LiveSnapshot | null): Promise<LiveSnapshot> => ({
    snapshot: served,
    index: await indexInTurns(served),
    models: {
      champion: modelOf(served.champion),
      canary: served.canary ? modelOf(served.canary.policies) : null,
    },
    shadows: served.shadows.map(({ rolloutId, sampleBps, policies }) => ({
      rolloutId,
      sampleBps,
      policies,
      model: modelOf(policies),
    })),
    underTest,
  });
  try {
    const underTest = snapshotUnderTest(snapshot);
    return await liveOf(snapshot, underTest && (await liveOf(underTest, null)));
  } catch (error) {
    throw new SnapshotRefusal('INDEX', (error as Error).message, version);
  }
}

/** Bids have their turn between every few campaigns. */
async function indexInTurns(snapshot: PolicySnapshot): Promise<ServingIndex> {
  const steps = servingIndexSteps(snapshot);
  for (let n = 1; ; n += 1) {
    const step = steps.next();
    if (step.done) return step.value;
    if (n % STEPS_A_TURN === 0) await turn();
  }
}

async function openModels(snapshot: PolicySnapshot, ports: LoadPorts): Promise<Map<string, ServedModel>> {
  const { version } = snapshot;
  const models = new Map<string, ServedModel>();
  for (const ref of artifactsOf(snapshot)) {
    let bytes: Uint8Array | null = await ports.artifacts.get(ref.sha256);
    if (bytes === null) {
      bytes = await ports.fetchArtifact(ref.sha256);
      if (bytes === null) throw new SnapshotRefusal('ARTIFACT_UNAVAILABLE', ref.sha256, version);
      if (sha256Of(bytes) !== ref.sha256) throw new SnapshotRefusal('ARTIFACT_HASH', ref.sha256, version);
      await ports.artifacts.put(ref.sha256, bytes);
    }
    try {
      models.set(ref.sha256, await ports.models.open(bytes, ref));
    } catch (error) {
      if (error instanceof ModelFault)
        throw new SnapshotRefusal(error.code, `${ref.sha256}: ${error.message}`, version);
      throw error;
    }
  }
  return models;
}
