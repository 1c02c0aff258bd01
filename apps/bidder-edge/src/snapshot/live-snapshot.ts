import type { AgentPolicy, Arm, ArtifactRef, PolicyBundle, PolicySnapshot } from '#domain/contracts';
import type { ServingIndex } from '#domain/matching';
import type { ServedModel } from '../inference/model-cache';

/** A policy under validation: decides on a sample, without effect. */
export interface LiveShadow {
  rolloutId: string;
  sampleBps: number;
  policies: PolicyBundle;
  model: ServedModel | null;
}

/** Everything one request needs, reached over one reference: a request never sees two versions. */
export interface LiveSnapshot {
  snapshot: PolicySnapshot;
  index: ServingIndex;
  models: Readonly<Record<Arm, ServedModel | null>>;
  shadows: readonly LiveShadow[];
  /** What decides while an experiment whose control is not the champion is served; null otherwise. */
  underTest: LiveSnapshot | null;
}

/** Policies of one arm; the champion's when there is no canary. */
export const bundleOf = (snapshot: PolicySnapshot, arm: Arm): PolicyBundle =>
  arm === 'canary' && snapshot.canary !== null ? snapshot.canary.policies : snapshot.champion;

/** Artifacts that a snapshot needs, each once. */
export function artifactsOf(snapshot: PolicySnapshot): ArtifactRef[] {
  const bundles = [snapshot.champion, ...snapshot.shadows.map((shadow) => shadow.policies)];
  if (snapshot.canary) bundles.push(snapshot.canary.policies);
  if (snapshot.canary?.control) bundles.push(snapshot.canary.control);
  const refs = new Map<string, ArtifactRef>();
  for (const bundle of bundles) {
    for (const policy of Object.values(bundle) as AgentPolicy[])
      if (policy.artifact) refs.set(policy.artifact.sha256, policy.artifact);
  }
  return [...refs.values()];
}
