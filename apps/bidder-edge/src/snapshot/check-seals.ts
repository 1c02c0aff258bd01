import {
  canonicalJson,
  manifestSealSchema,
  type AgentPolicy,
  type PolicyBundle,
  type PolicySnapshot,
} from '#domain/contracts';
import { sha256Of } from './artifact-folder';
import { SnapshotRefusal } from './snapshot-refusal';
import { openSigned, type KeyRing } from './verify-signed';

/**
 * Compares every policy with the seal of its manifest: whoever signs snapshots may choose among registered versions, not change one.
 * Snapshots from before there were seals carry none; where there are seals, a candidate (canary, shadow, an experiment's control)
 * needs one.
 * @throws SnapshotRefusal SEAL
 */
export function checkSeals(snapshot: PolicySnapshot, keys: KeyRing): void {
  const { seals, champion, canary, shadows } = snapshot;
  if (seals === undefined) return;
  const candidates = [
    ...(canary === null ? [] : [canary.policies]),
    ...(canary?.control === undefined ? [] : [canary.control]),
    ...shadows.map((shadow) => shadow.policies),
  ];
  const served = new Set(policiesOf(champion).map((policy) => policy.modelVersionId));
  for (const policy of [champion, ...candidates].flatMap(policiesOf)) {
    const fault = sealFault(policy, seals, keys, served.has(policy.modelVersionId));
    if (fault !== null) throw new SnapshotRefusal('SEAL', `${policy.modelVersionId}: ${fault}`, snapshot.version);
  }
}

const policiesOf = (bundle: PolicyBundle): AgentPolicy[] => Object.values(bundle);

function sealFault(
  policy: AgentPolicy,
  seals: NonNullable<PolicySnapshot['seals']>,
  keys: KeyRing,
  isChampion: boolean,
): string | null {
  const signed = seals[policy.modelVersionId];
  // A champion may be older than seals; it has served before.
  if (signed === undefined) return isChampion ? null : 'the candidate has no seal';
  const payload = openSigned(signed, keys);
  if (payload === null) return 'no pinned key has signed its seal';
  const seal = manifestSealSchema.safeParse(JSON.parse(payload));
  if (!seal.success) return 'its seal cannot be read';
  if (seal.data.modelVersionId !== policy.modelVersionId) return `its seal is of ${seal.data.modelVersionId}`;
  if (seal.data.policySha256 !== sha256Of(Buffer.from(canonicalJson(policy), 'utf8')))
    return 'the policy is not what was sealed';
  if (seal.data.artifactSha256 !== (policy.artifact?.sha256 ?? null)) return 'the artifact is not what was sealed';
  return null;
}
