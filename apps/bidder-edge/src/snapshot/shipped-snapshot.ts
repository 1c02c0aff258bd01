import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ArtifactFolder } from './artifact-folder';
import { SnapshotRefusal } from './snapshot-refusal';

/**
 * The snapshot shipped in the repository: `snapshot.json` beside `artifacts/{sha256}.onnx`. It is part of the program and
 * therefore not signed; hashes and golden vectors are checked all the same.
 * @throws SnapshotRefusal when it is missing
 */
export function readShipped(folder: string): { body: string; artifacts: ArtifactFolder } {
  const file = path.join(folder, 'snapshot.json');
  if (!existsSync(file)) throw new SnapshotRefusal('ARTIFACT_UNAVAILABLE', `no shipped snapshot at ${file}`);
  const artifacts = path.join(folder, 'artifacts');
  const hasFolder = existsSync(artifacts) && readdirSync(artifacts).length > 0;
  return { body: readFileSync(file, 'utf8'), artifacts: new ArtifactFolder(hasFolder ? artifacts : folder) };
}
