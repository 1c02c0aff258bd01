import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { CHAIN_NAMES, type ChainName, type SignedHead, signedHeadSchema } from '#domain/contracts/hash-chain';
import { ControlPlaneConfig } from '../config';

const lineSchema = signedHeadSchema.extend({ chain: z.enum(CHAIN_NAMES) });

/**
 * Copies of the signed heads outside the database, `ADLOOP_HOME/ledger/heads.jsonl`: whoever owns the database alone can cut the
 * tail of a chain together with its heads, but not these. Keep a copy elsewhere, and that person needs both.
 */
@Injectable()
export class WitnessFile {
  private readonly folder: string;

  constructor(config: ControlPlaneConfig) {
    this.folder = join(config.adloopHome, 'ledger');
  }

  async read(chain: ChainName): Promise<SignedHead[]> {
    const text = await readFile(this.path(), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const lines = text.split('\n').filter((line) => line !== '');
    return lines
      .map((line) => lineSchema.parse(JSON.parse(line)))
      .filter((head) => head.chain === chain)
      .map(({ number, day, payload, keyId, signature }) => ({ number, day, payload, keyId, signature }));
  }

  /** Appends the heads that the file lacks; on disk when it returns. */
  async add(chain: ChainName, heads: readonly SignedHead[]): Promise<void> {
    const known = new Set((await this.read(chain)).map((head) => head.number));
    const missing = heads.filter((head) => !known.has(head.number));
    if (missing.length === 0) return;
    await mkdir(this.folder, { recursive: true });
    const file = await open(this.path(), 'a', 0o600);
    try {
      await file.write(missing.map((head) => `${JSON.stringify({ chain, ...head })}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  }

  private path(): string {
    return join(this.folder, 'heads.jsonl');
  }
}
