import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ArtifactFolder } from './artifact-folder';
import { SnapshotRefusal } from './snapshot-refusal';
import { KeyRing } from './verify-signed';

/**
 * The snapshot shipped in the repository: `snapshot.json`, signed; the public key pinned beside it in `keys/`; models in
 * `artifacts/{sha256}.onnx`. It passes the same checks as any other.
 * @throws SnapshotRefusal when it is missing
 */
export function readShipped(folder: string): { body: string; keys: KeyRing; artifacts: ArtifactFolder } {
  const file = path.join(folder, 'snapshot.json');
  const keys = path.join(folder, 'keys');
  if (!existsSync(file) || !existsSync(keys))
    throw new SnapshotRefusal('ARTIFACT_UNAVAILABLE', `no shipped snapshot with its keys in ${folder}`);
  const names = readdirSync(keys).filter((name) => name.endsWith('.pub.pem'));
  return {
    body: readFileSync(file, 'utf8'),
    keys: new KeyRing(new Map(names.map((name) => [name, readFileSync(path.join(keys, name), 'utf8')]))),
    artifacts: new ArtifactFolder(path.join(folder, 'artifacts')),
  };
}
