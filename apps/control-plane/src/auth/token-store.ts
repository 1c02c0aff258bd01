import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { ControlPlaneConfig } from '../config';
import type { Principal } from './principal';
import { ROLES } from './role-table';

const tokensSchema = z.array(
  z.object({
    name: z.string().min(1),
    role: z.enum(ROLES),
    token: z.string().min(16, 'is shorter than 16 characters'),
  }),
);

/** Local API tokens of ADLOOP_HOME/keys: `tokens.json` for people, `edge.token` for the fleet's edges. Read once at start. */
@Injectable()
export class TokenStore implements OnModuleInit {
  private entries: { digest: Buffer; principal: Principal }[] = [];

  constructor(private readonly config: ControlPlaneConfig) {}

  /** @throws when a file is missing or does not fit, because a server that nobody may call is of no use. */
  async onModuleInit(): Promise<void> {
    const keys = join(this.config.adloopHome, 'keys');
    const users = tokensSchema.parse(JSON.parse(await readFile(join(keys, 'tokens.json'), 'utf8')));
    const edgeToken = (await readFile(join(keys, 'edge.token'), 'utf8')).trim();
    this.entries = users.map(({ name, role, token }) => ({
      digest: digestOf(token),
      principal: { kind: 'user', name, role } as const,
    }));
    this.entries.push({ digest: digestOf(edgeToken), principal: { kind: 'edge', name: 'edge' } });
  }

  /** The owner of a token or null; takes the same time for any token. */
  find(token: string): Principal | null {
    const digest = digestOf(token);
    let found: Principal | null = null;
    for (const entry of this.entries) if (timingSafeEqual(entry.digest, digest)) found = entry.principal;
    return found;
  }
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest();
