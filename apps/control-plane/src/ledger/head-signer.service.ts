import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CHAIN_NAMES, type ChainHead, type ChainName, CHAINS } from '#domain/contracts/hash-chain';
import { exactNumber } from '../database/bigint-number';
import { SnapshotSigner } from '../edges/snapshot-signer';
import { childLogger } from '../logger';
import { ChainReader, sha256Hex } from './chain-reader';
import { WitnessFile } from './witness-file';

/** Key of the advisory lock that lets one process at a time sign: 'head' in ASCII. */
const HEAD_LOCK = 0x68656164;

/** Signs, once a UTC day, how long each chain is and how it ends. */
@Injectable()
export class HeadSigner {
  private readonly log = childLogger('ledger');

  constructor(
    private readonly database: DataSource,
    private readonly chains: ChainReader,
    private readonly signer: SnapshotSigner,
    private readonly witnesses: WitnessFile,
  ) {}

  /** Signs the heads that are due at `nowMs` and brings the witness file up to date. */
  async signDue(nowMs: number): Promise<ChainHead[]> {
    const signed: ChainHead[] = [];
    for (const chain of CHAIN_NAMES) {
      const head = await this.sign(chain, nowMs);
      if (head !== null) signed.push(head);
      await this.witnesses.add(chain, await this.chains.heads(chain));
    }
    return signed;
  }

  /** Null when this day has its head, the chain is empty, or it does not verify: what is broken is never signed for. */
  private async sign(chain: ChainName, nowMs: number): Promise<ChainHead | null> {
    const day = new Date(nowMs).toISOString().slice(0, 10);
    if ((await this.chains.heads(chain)).at(-1)?.day === day) return null;
    const found = await this.chains.verify(chain);
    if (!found.ok) {
      this.log.error({ chain, firstBad: found.firstBad }, 'a chain does not verify: no head is signed for it');
      return null;
    }
    return this.database.transaction(async (manager) => {
      await manager.query('SELECT pg_advisory_xact_lock($1)', [HEAD_LOCK]);
      const last = (await this.chains.heads(chain, manager)).at(-1);
      const [tip] = (await manager.query(`SELECT seq, hash FROM ${CHAINS[chain].table} ORDER BY seq DESC LIMIT 1`)) as {
        seq: string;
        hash: string;
      }[];
      if (last?.day === day || tip === undefined) return null;
      const head: ChainHead = {
        chain,
        number: (last?.number ?? 0) + 1,
        day,
        seq: exactNumber(tip.seq),
        hash: tip.hash,
        signedAt: new Date(nowMs).toISOString(),
        previousHead: last === undefined ? null : sha256Hex(last.payload),
      };
      const { payload, keyId, signature } = this.signer.sign(head);
      await manager.query(
        'INSERT INTO chain_head (chain, number, day, payload, key_id, signature) VALUES ($1, $2, $3, $4, $5, $6)',
        [chain, head.number, day, payload, keyId, signature],
      );
      this.log.info({ chain, number: head.number, seq: head.seq }, 'head signed');
      return head;
    });
  }
}
