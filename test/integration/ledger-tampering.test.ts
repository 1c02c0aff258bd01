import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { verifyDatabase, verifyExport, type Trust } from '../../apps/cli/src/chain-source';
import { sha256Hex } from '../../apps/control-plane/src/ledger/chain-reader';
import { HeadSigner } from '../../apps/control-plane/src/ledger/head-signer.service';
import { IntentRepository } from '../../apps/control-plane/src/ledger/intent.repository';
import { chainContent, type ChainName, chainRowsSql } from '#domain/contracts/hash-chain';
import { entryHash } from '#domain/contracts/verify-chain';
import { CliRunner } from './cli-runner';
import { ControlPlaneHarness } from './control-plane-harness';

const DAY_MS = 86_400_000;
const ENTRIES = 10;
/** Entry that is tampered with. */
const BAD = 4;

/** Another value for every column of a row, as the table's owner could write it. */
const EDITS: Record<ChainName, Record<string, string>> = {
  ledger: {
    seq: 'seq + 1000',
    key: `key || 'x'`,
    kind: `'training.refused'`,
    publisher: `'bid'`,
    subject: `subject || ' '`,
    action: `jsonb_set(action, '{spend}', '1.0')`,
    reason: `upper(reason)`,
    expires_at: `expires_at + interval '1 microsecond'`,
    recorded_at: `recorded_at + interval '1 microsecond'`,
    previous_hash: `repeat('a', 64)`,
    hash: `repeat('b', 64)`,
  },
  audit: {
    seq: 'seq + 1000',
    at: `at - interval '1 microsecond'`,
    actor: `'somebody'`,
    method: `'GET'`,
    path: `path || '?'`,
    code: `'done'`,
    remote_address: `'127.0.0.2'`,
    previous_hash: `repeat('a', 64)`,
    hash: `repeat('b', 64)`,
  },
};
const TABLE: Record<ChainName, string> = { ledger: 'intent', audit: 'access_audit' };

describe.each(['ledger', 'audit'] as const)('the chain of the %s', (chain) => {
  let plane: ControlPlaneHarness;
  let owner: Client;
  let folder: string;
  let trust: Trust;
  const table = TABLE[chain];

  beforeAll(async () => {
    plane = await ControlPlaneHarness.start();
    folder = mkdtempSync(path.join(tmpdir(), 'adloop-chain-'));
    const intents = plane.app.get(IntentRepository);
    const signer = plane.app.get(HeadSigner, { strict: false });
    const now = Date.now();
    for (let n = 1; n <= ENTRIES; n += 1) {
      await intents.append({
        key: `k${n}`,
        kind: 'training.started',
        publisher: 'meta',
        subject: 'bid "ä" \u2028',
        action: { window: `w${n}`, spend: 1, tiny: 1.5e-7, huge: 1e21, deep: { list: [1, -2.5, 'x'] } },
        reason: 'drift',
        expiresAt: '2026-12-01T00:00:00Z',
      });
      await plane.call('POST', '/api/v1/campaigns', { as: 'vera', body: {} });
      // A head in the middle and one at the last entry but one.
      if (n === 6) await signer.signDue(now - DAY_MS);
      if (n === 9) await signer.signDue(now);
    }
    owner = new Client({ connectionString: plane.config.databaseUrl });
    await owner.connect();
    for (const name of ['intent', 'access_audit', 'chain_head'])
      await owner.query(`ALTER TABLE ${name} DISABLE TRIGGER ALL`);
    const home = plane.config.adloopHome;
    trust = {
      keyFile: path.join(home, 'keys', 'snapshot.pub.pem'),
      witnessFile: path.join(home, 'ledger', 'heads.jsonl'),
    };
  });
  afterAll(async () => {
    await owner.end();
    rmSync(folder, { recursive: true });
    await plane.stop();
  });

  const verify = async () => (await plane.call(`GET`, `/api/v1/${chain}/verification`)).body;
  const restored: (() => Promise<unknown>)[] = [];
  /** Does as the owner would, triggers off, and puts everything back after the test. */
  const tamper = async (...statements: string[]) => {
    for (const name of [table, 'chain_head']) {
      await owner.query(`CREATE TABLE kept_${name} AS SELECT * FROM ${name}`);
      restored.push(async () => {
        await owner.query(`DELETE FROM ${name}`);
        await owner.query(`INSERT INTO ${name} SELECT * FROM kept_${name}`);
        await owner.query(`DROP TABLE kept_${name}`);
      });
    }
    for (const sql of statements) await owner.query(sql);
  };
  afterEach(async () => {
    for (const restore of restored.splice(0)) await restore();
    expect(await verify()).toMatchObject({ ok: true, firstBad: null });
  });
  /** The API, the database read directly and an export read offline agree. */
  const firstBad = async () => {
    const api = (await verify()) as { firstBad: { seq: number; code: string } | null };
    const direct = await verifyDatabase(chain, plane.config.databaseUrl, trust);
    const file = path.join(folder, 'export.jsonl');
    writeFileSync(file, (await plane.call<string>('GET', `/api/v1/${chain}/export`)).body);
    const offline = await verifyExport(chain, file, trust);
    expect(direct.firstBad).toEqual(api.firstBad);
    expect(offline.firstBad).toEqual(api.firstBad);
    return api.firstBad;
  };
  /** Recomputes hashes from an entry on, as somebody would who knows the format. */
  const rechain = async (from: number) => {
    const { rows } = await owner.query<Record<string, string | null>>(chainRowsSql(chain), [0, 1000]);
    let previous = '0'.repeat(64);
    await owner.query(`UPDATE ${table} SET hash = md5(seq::text) || md5(hash) WHERE seq >= ${from}`);
    for (const row of rows) {
      const hash = Number(row.seq) < from ? row.hash! : entryHash(sha256Hex, previous, chainContent(chain, row)!);
      if (Number(row.seq) >= from)
        await owner.query(`UPDATE ${table} SET previous_hash = $1, hash = $2 WHERE seq = $3`, [
          previous,
          hash,
          row.seq,
        ]);
      previous = hash;
    }
  };
  const edit = chain === 'ledger' ? `reason = 'nothing to see'` : `actor = 'nobody'`;

  test('whole: every entry, two heads, signed up to the last but one', async () => {
    expect(await verify()).toEqual({
      chain,
      ok: true,
      entries: ENTRIES,
      heads: 2,
      signedUpTo: 9,
      firstBad: null,
      appendOnlyByRights: true,
    });
    expect(await firstBad()).toBeNull();
  });

  test('every column is covered by an edit of this test', async () => {
    const { rows } = await owner.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1`,
      [table],
    );
    expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(EDITS[chain]).sort());
  });

  test.each(Object.entries(EDITS[chain]))('an edit of %s is found at its entry', async (name, value) => {
    await tamper(`UPDATE ${table} SET ${name} = ${value} WHERE seq = ${BAD}`);
    expect(await firstBad()).toMatchObject({ seq: BAD });
  });

  test('a deleted entry is named', async () => {
    await tamper(`DELETE FROM ${table} WHERE seq = ${BAD}`);
    expect(await firstBad()).toMatchObject({ seq: BAD, code: 'missing' });
  });

  test('two entries in the other order are found at the first', async () => {
    await tamper(
      `UPDATE ${table} SET seq = 999 WHERE seq = ${BAD}`,
      `UPDATE ${table} SET seq = ${BAD} WHERE seq = ${BAD + 1}`,
      `UPDATE ${table} SET seq = ${BAD + 1} WHERE seq = 999`,
    );
    expect(await firstBad()).toMatchObject({ seq: BAD, code: 'edited' });
  });

  test('a first entry that is cut off is found', async () => {
    await tamper(`DELETE FROM ${table} WHERE seq = 1`);
    expect(await firstBad()).toMatchObject({ seq: 1, code: 'missing' });
  });

  test('a tail that is cut off is found by the head; cut with its head, by the witness file', async () => {
    await tamper(`DELETE FROM ${table} WHERE seq >= 8`);
    expect(await firstBad()).toMatchObject({ seq: 8, code: 'truncated' });
    await owner.query(`DELETE FROM chain_head WHERE number = 2`);
    expect(await firstBad()).toMatchObject({ seq: 7, code: 'head-missing' });
    await owner.query('DELETE FROM chain_head');
    await owner.query(`DELETE FROM ${table}`);
    expect(await firstBad()).toMatchObject({ seq: 1 });
  });

  test('an entry edited with a fresh hash of its own is found by the next', async () => {
    await tamper(`UPDATE ${table} SET ${edit} WHERE seq = ${BAD}`);
    const { rows } = await owner.query<Record<string, string | null>>(chainRowsSql(chain), [BAD - 1, 1]);
    const hash = entryHash(sha256Hex, rows[0]!.previous_hash!, chainContent(chain, rows[0]!)!);
    await owner.query(`UPDATE ${table} SET hash = $1 WHERE seq = ${BAD}`, [hash]);
    expect(await firstBad()).toMatchObject({ seq: BAD, code: 'rewritten' });
  });

  test('everything written anew from an entry on is found by the head that signed the old', async () => {
    await tamper(`UPDATE ${table} SET ${edit} WHERE seq = 8`);
    await rechain(8);
    // Only the span between two heads can be named: 7 is the first that no good head covers.
    expect(await firstBad()).toMatchObject({ seq: 7, code: 'rewritten' });
  });

  test('a deletion with everything behind it moved up and chained anew is found', async () => {
    await tamper(`DELETE FROM ${table} WHERE seq = ${BAD}`);
    for (let seq = BAD + 1; seq <= ENTRIES; seq += 1)
      await owner.query(`UPDATE ${table} SET seq = ${seq - 1} WHERE seq = ${seq}`);
    await rechain(BAD);
    expect(await firstBad()).toMatchObject({ seq: 1, code: 'rewritten' });
  });

  test('a head that was altered or signed by another key is refused', async () => {
    await tamper(`UPDATE chain_head SET payload = replace(payload, '"seq":9', '"seq":8') WHERE number = 2`);
    expect(await firstBad()).toMatchObject({ code: 'head-forged' });
    await owner.query(`UPDATE chain_head SET key_id = 'other' WHERE number = 2`);
    expect(await firstBad()).toMatchObject({ code: 'head-unknown-key' });
  });

  test('the command line says so by the API, on the database and offline, with exit code 1', async () => {
    const cli = await CliRunner.over(plane);
    const file = path.join(folder, 'cli.jsonl');
    const ways = [[], ['--database', plane.config.databaseUrl], ['--file', file]];
    expect((await cli.run(chain, 'export', file)).code).toBe(0);
    for (const way of ways) {
      const { code, out } = await cli.run(chain, 'verify', ...way);
      expect({ code, out }).toMatchObject({
        code: 0,
        out: expect.stringContaining('entries whole; 2 heads, signed up to 9'),
      });
    }
    await tamper(`UPDATE ${table} SET ${edit} WHERE seq = ${BAD}`);
    expect((await cli.run(chain, 'export', file)).code).toBe(0);
    for (const way of ways) {
      const { code, err } = await cli.run(chain, 'verify', ...way);
      expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining(`first bad entry ${BAD} (edited)`) });
    }
    const [newest] = await cli.json<{ seq: number }[]>(chain, 'list', '--limit', '1', '-o', 'json');
    expect(newest!.seq).toBeGreaterThanOrEqual(ENTRIES);
    const missing = await cli.run(chain, 'verify', '--file', path.join(folder, 'none.jsonl'));
    expect(missing).toMatchObject({ code: 3, err: expect.stringContaining('NO_EXPORT') });
    const keyless = await cli.run(chain, 'verify', '--file', file, '--key', path.join(folder, 'none.pem'));
    expect(keyless).toMatchObject({ code: 3, err: expect.stringContaining('NO_KEY') });
  });

  test('nothing is signed for a broken chain', async () => {
    await tamper(`UPDATE ${table} SET ${edit} WHERE seq = ${BAD}`);
    const signed = await plane.app.get(HeadSigner, { strict: false }).signDue(Date.now() + DAY_MS);
    expect(signed.map((head) => head.chain)).toEqual([chain === 'ledger' ? 'audit' : 'ledger']);
    const other = chain === 'ledger' ? 'audit' : 'ledger';
    await owner.query('DELETE FROM chain_head WHERE chain = $1 AND number = 3', [other]);
    const witness = path.join(plane.config.adloopHome, 'ledger', 'heads.jsonl');
    const lines = readFileSync(witness, 'utf8').trim().split('\n');
    writeFileSync(witness, `${lines.filter((line) => !line.includes('"number":3')).join('\n')}\n`);
  });
});
