import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { canonicalJson } from '#domain/contracts/canonical-json';
import type { Signed } from '#domain/contracts/signed';
import { ControlPlaneConfig } from '../config';

/** Name of the key pair `keys/snapshot.pem`; edges hold `snapshot.pub.pem`. */
const KEY_ID = 'snapshot';

/** Signs what edges obey: snapshots and canary leases. */
@Injectable()
export class SnapshotSigner implements OnModuleInit {
  private key!: KeyObject;

  constructor(private readonly config: ControlPlaneConfig) {}

  /** @throws when the private key is missing or no ed25519 key. */
  async onModuleInit(): Promise<void> {
    this.key = createPrivateKey(await readFile(join(this.config.adloopHome, 'keys', `${KEY_ID}.pem`)));
    if (this.key.asymmetricKeyType !== 'ed25519') throw new Error(`keys/${KEY_ID}.pem is no ed25519 key`);
  }

  /** ed25519 over the canonical JSON of `message`. */
  sign(message: unknown): Signed {
    const payload = canonicalJson(message);
    const signature = sign(null, Buffer.from(payload, 'utf8'), this.key).toString('base64url');
    return { payload, keyId: KEY_ID, algorithm: 'ed25519', signature };
  }
}
