import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import {
  CHAIN_HEADS_SQL,
  type ChainName,
  type ChainRow,
  chainRowsSql,
  type SignedHead,
} from '#domain/contracts/hash-chain';
import { type ChainTools, type ChainVerification, checkHeads, verifyChain } from '#domain/contracts/verify-chain';
import { ControlPlaneConfig } from '../config';
import { WitnessFile } from './witness-file';

const PAGE = 1_000;

/** Lower-case hexadecimal sha256 of a text's UTF-8 bytes. */
export const sha256Hex = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** Reads the two chained records as the database holds them, and verifies them. */
@Injectable()
export class ChainReader {
  /** A verification walks the whole chain: callers at the same time share one. */
  private readonly running = new Map<ChainName, Promise<ChainVerification>>();

  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
    private readonly witnesses: WitnessFile,
  ) {}

  /** Verifies a chain against the signed heads in the database and in the witness file. */
  verify(chain: ChainName): Promise<ChainVerification> {
    const running = this.running.get(chain);
    if (running) return running;
    const started = this.verifyNow(chain).finally(() => this.running.delete(chain));
    this.running.set(chain, started);
    return started;
  }

  /** All rows in order, in pages, as text. */
  async *pages(chain: ChainName, manager: EntityManager = this.database.manager): AsyncGenerator<ChainRow[]> {
    const sql = chainRowsSql(chain);
    for (let after = '0'; ;) {
      const rows = (await manager.query(sql, [after, PAGE])) as ChainRow[];
      if (rows.length === 0) return;
      yield rows;
      after = rows.at(-1)?.seq ?? after;
    }
  }

  async heads(chain: ChainName, manager: EntityManager = this.database.manager): Promise<SignedHead[]> {
    return (await manager.query(CHAIN_HEADS_SQL, [chain])) as SignedHead[];
  }

  private async verifyNow(chain: ChainName): Promise<ChainVerification> {
    const tools = await this.tools();
    const checked = checkHeads(chain, await this.heads(chain), await this.witnesses.read(chain), tools);
    return verifyChain(chain, checked, this.pages(chain), sha256Hex);
  }

  private async tools(): Promise<ChainTools> {
    const keys = new Map<string, KeyObject>();
    const file = join(this.config.adloopHome, 'keys', 'snapshot.pub.pem');
    keys.set('snapshot', createPublicKey(await readFile(file)));
    return { sha256: sha256Hex, checkSignature: signatureCheck(keys) };
  }
}

/** ed25519 by the key of that id; null for an unknown id. */
export const signatureCheck =
  (keys: ReadonlyMap<string, KeyObject>): ChainTools['checkSignature'] =>
  (payload, signature, keyId) => {
    const key = keys.get(keyId);
    return key === undefined
      ? null
      : verify(null, Buffer.from(payload, 'utf8'), key, Buffer.from(signature, 'base64url'));
  };
