import { createHash } from 'node:crypto';
import { canonicalJson } from '#domain/contracts';

/** Digest that seals a look: sha256 of everything in it but the digest itself, as canonical JSON. */
export function digestOfEvidence(evidence: object): string {
  const { digest: _digest, ...sealed } = evidence as { digest?: string };
  return createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(sealed))))
    .digest('hex');
}
