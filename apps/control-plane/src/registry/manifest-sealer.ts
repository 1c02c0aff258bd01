import { createHash, createPublicKey, createPrivateKey, type KeyObject, sign, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import {
  agentPolicySchema,
  canonicalJson,
  type ManifestSeal,
  manifestSealSchema,
  type ModelManifest,
  type Signed,
} from '#domain/contracts';
import { ControlPlaneConfig } from '../config';

/** The control plane's key pair, `keys/snapshot.pem`; edges hold its public half. */
const KEY_ID = 'snapshot';

const digest = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

/** Seals manifests when they are registered, and tells later whether one is still what was sealed. */
@Injectable()
export class ManifestSealer {
  private key: Promise<KeyObject> | null = null;

  constructor(private readonly config: ControlPlaneConfig) {}

  /** ed25519 over the canonical JSON of the digests of manifest and policy. @throws when the private key cannot be read. */
  async seal(manifest: Omit<ModelManifest, 'createdAt'>): Promise<Signed> {
    const payload = canonicalJson(sealOf(manifest));
    const signature = sign(null, Buffer.from(payload, 'utf8'), await this.privateKey()).toString('base64url');
    return { payload, keyId: KEY_ID, algorithm: 'ed25519', signature };
  }

  /** Why a stored manifest is not what was sealed, or null when it is. */
  async faultOf(manifest: ModelManifest, seal: Signed | null): Promise<string | null> {
    if (seal === null) return 'it was registered before manifests were sealed: register it again';
    const publicKey = createPublicKey(await this.privateKey());
    const mark = Buffer.from(seal.signature, 'base64url');
    if (!verify(null, Buffer.from(seal.payload, 'utf8'), publicKey, mark))
      return 'its seal is not of this control plane';
    const { createdAt: _unsealed, ...sealed } = manifest;
    const said = manifestSealSchema.parse(JSON.parse(seal.payload));
    const found = sealOf(sealed);
    const names = Object.keys(found) as (keyof ManifestSeal)[];
    const altered = names.filter((name) => said[name] !== found[name]).map((name) => name.replace('Sha256', ''));
    return altered.length === 0 ? null : `its ${altered.join(' and ')} differ from what was sealed`;
  }

  private privateKey(): Promise<KeyObject> {
    this.key ??= readFile(join(this.config.adloopHome, 'keys', `${KEY_ID}.pem`)).then((pem) => createPrivateKey(pem));
    return this.key;
  }
}

function sealOf(manifest: Omit<ModelManifest, 'createdAt'>): ManifestSeal {
  return {
    modelVersionId: manifest.modelVersionId,
    manifestSha256: digest(manifest),
    // As snapshots carry it: without members that the contract does not know.
    policySha256: digest(agentPolicySchema.parse(manifest.policy)),
    artifactSha256: manifest.policy.artifact?.sha256 ?? null,
  };
}
