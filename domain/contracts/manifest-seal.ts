import { z } from 'zod';

/**
 * What the control plane signs when a model version is registered (ed25519, as a `Signed` message): digests of the canonical JSON of
 * its manifest and of its policy, and its artifact. Whoever holds the public key can tell an altered one, without the whole manifest.
 */
export const manifestSealSchema = z.object({
  modelVersionId: z.string(),
  manifestSha256: z.string().regex(/^[0-9a-f]{64}$/),
  policySha256: z.string().regex(/^[0-9a-f]{64}$/),
  artifactSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});
export type ManifestSeal = z.infer<typeof manifestSealSchema>;
