import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { signedSchema, type Signed } from '#domain/contracts';

const verifyLater = promisify(verify);

/** Pinned ed25519 public keys by name. */
export class KeyRing {
  private readonly keys: ReadonlyMap<string, KeyObject>;

  /** @param pems PEM public keys by name; throws when one is not ed25519 */
  constructor(pems: ReadonlyMap<string, string>) {
    this.keys = new Map(
      [...pems].map(([name, pem]) => {
        const key = createPublicKey(pem);
        if (key.asymmetricKeyType !== 'ed25519') throw new TypeError(`key ${name} is no ed25519 key`);
        return [name, key];
      }),
    );
  }

  get size(): number {
    return this.keys.size;
  }

  /** Name of the pinned key under which `signature` (base64url) verifies; the name a message claims is not trusted. */
  signerOf(payload: string, signature: string): string | null {
    const bytes = Buffer.from(payload, 'utf8');
    const mark = Buffer.from(signature, 'base64url');
    for (const [name, key] of this.keys) if (verify(null, bytes, key, mark)) return name;
    return null;
  }

  /** The same beside the loop: a payload of 57 MB takes a tenth of a second. */
  async signerOfLong(payload: string, signature: string): Promise<string | null> {
    const bytes = Buffer.from(payload, 'utf8');
    const mark = Buffer.from(signature, 'base64url');
    for (const [name, key] of this.keys) if (await verifyLater(null, bytes, key, mark)) return name;
    return null;
  }
}

/** Payload of a signed message, or null when it is not shaped or signed as it must be. */
export function openSigned(message: unknown, keys: KeyRing): string | null {
  const parsed = signedSchema.safeParse(message);
  if (!parsed.success) return null;
  const signed: Signed = parsed.data;
  return keys.signerOf(signed.payload, signed.signature) === null ? null : signed.payload;
}

/** As `openSigned`, for messages so long that checking them would hold requests up. */
export async function openLongSigned(message: unknown, keys: KeyRing): Promise<string | null> {
  const parsed = signedSchema.safeParse(message);
  if (!parsed.success) return null;
  const { payload, signature } = parsed.data;
  return (await keys.signerOfLong(payload, signature)) === null ? null : payload;
}
