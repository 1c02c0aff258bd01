import { createPublicKey, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PolicySnapshot, policySnapshotSchema } from '#domain/contracts/policy-snapshot';
import { signedSchema } from '#domain/contracts/signed';

/**
 * The snapshot of a shipped folder: `snapshot.json`, signed by the key pinned beside it (`keys/{keyId}.pub.pem`), or null
 * when the folder ships none.
 * @throws when the signature is not that key's, or the payload breaks its contract.
 */
export async function readShippedSnapshot(folder: string): Promise<PolicySnapshot | null> {
  const file = join(folder, 'snapshot.json');
  if (!existsSync(file)) return null;
  const { payload, keyId, signature } = signedSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  if (!/^[\w-]{1,100}$/.test(keyId)) throw new Error(`${file} names the key ${keyId}, which is no file name`);
  const key = createPublicKey(await readFile(join(folder, 'keys', `${keyId}.pub.pem`)));
  const genuine = verify(null, Buffer.from(payload, 'utf8'), key, Buffer.from(signature, 'base64url'));
  if (!genuine) throw new Error(`${file} is not signed by keys/${keyId}.pub.pem`);
  return policySnapshotSchema.parse(JSON.parse(payload));
}
