import { z } from 'zod';

/** A signed message: `signature` is ed25519 over the UTF-8 bytes of `payload`, base64url. */
export const signedSchema = z.object({
  payload: z.string(),
  keyId: z.string(),
  algorithm: z.literal('ed25519'),
  signature: z.string(),
});
export type Signed = z.infer<typeof signedSchema>;
