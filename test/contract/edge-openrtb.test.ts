import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalEdge, type LocalEdge } from '../fixtures/local-edge';
import { findLinter, lintErrors } from '../fixtures/rtblint';
import expected from './openrtb-valid.json';

const DATA = join(process.env['ADLOOP_DATA'] ?? join(__dirname, '..', '..', '..', 'shared', 'data'), 'openrtb');
const isThere = existsSync(join(DATA, 'valid'));
if (!isThere && process.env['ADLOOP_REQUIRE_DATA'] === '1') throw new Error(`ADLOOP_REQUIRE_DATA=1 and no ${DATA}`);
if (!isThere) console.log(`skipped: no OpenRTB data at ${DATA} (set ADLOOP_DATA)`);
const linter = findLinter();
if (linter === null && process.env['ADLOOP_REQUIRE_RTBLINT'] === '1')
  throw new Error('rtblint is required and not there');
if (linter === null) console.log('skipped: responses are not linted (no rtblint on this machine)');

const list = expected as Record<string, Record<string, string> | string>;
const filesOf = (folder: string): string[] =>
  isThere
    ? readdirSync(join(DATA, folder))
        .filter((file) => file.endsWith('.json'))
        .sort()
    : [];

interface Bid {
  id: string;
  impid: string;
}

/** Impressions that the response bids on; none for 204. */
const bidsOf = (status: number, text: string): Bid[] =>
  status === 204 ? [] : (JSON.parse(text) as { seatbid: { bid: Bid[] }[] }).seatbid.flatMap((seat) => seat.bid);

(isThere ? describe : describe.skip)('a real edge over real OpenRTB', () => {
  let local: LocalEdge;
  beforeAll(async () => {
    local = await startLocalEdge(null);
  });
  afterAll(async () => {
    await local.stop();
  });

  async function post(
    body: string | Buffer,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string; type: string }> {
    const response = await fetch(`${local.url}/openrtb2/demo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: new Uint8Array(Buffer.from(body)),
    });
    return { status: response.status, text: await response.text(), type: response.headers.get('content-type') ?? '' };
  }

  it.each(filesOf('valid'))('%s is answered as the committed list says', async (file) => {
    const text = readFileSync(join(DATA, 'valid', file), 'utf8');
    const raw = JSON.parse(text) as { id: string; imp: { id: string }[]; test?: number };
    const wanted = Object.entries(list[file] as Record<string, string>).flatMap(([imp, what]) =>
      what === 'bid' ? [imp] : [],
    );
    const seen = new Set<string>();
    for (const id of [raw.id, `fresh-${file}`, `${raw.id}-again`]) {
      const request = JSON.stringify({ ...raw, id });
      const { status, text: answer } = await post(request);
      expect(status).toBe(wanted.length > 0 ? 200 : 204);
      const bids = bidsOf(status, answer);
      expect(bids.map((bid) => bid.impid).sort()).toEqual(wanted.sort());
      for (const bid of bids) {
        expect(seen.has(bid.id)).toBe(false);
        seen.add(bid.id);
      }
      if (status !== 200) continue;
      expect((JSON.parse(answer) as { id: string }).id).toBe(id);
      if (linter === null) continue;
      expect(lintErrors(linter, JSON.parse(request), JSON.parse(answer))).toEqual([]);
    }
  });

  it.each(filesOf('invalid'))('%s gets what invalid.tsv says', async (file) => {
    const line = readFileSync(join(DATA, 'invalid.tsv'), 'utf8')
      .split('\n')
      .find((row) => row.startsWith(`${file}\t`));
    const isMalformed = line?.split('\t')[1] === 'both';
    const { status, text, type } = await post(readFileSync(join(DATA, 'invalid', file)));
    if (!isMalformed) {
      // Class `exchange`: some exchange refuses it by its own rules, the specification does not; a bidder may answer.
      expect([200, 204, 400]).toContain(status);
      return;
    }
    expect(status).toBe(400);
    expect(type).toBe('application/problem+json');
    const problem = JSON.parse(text) as { code: string; errors: { pointer: string }[] };
    expect(problem.code).toMatch(/\S/);
    expect(problem.errors[0]?.pointer).toMatch(/^(\/|$)/);
  });

  it('answers test requests without spending or moving a cap', async () => {
    const raw = JSON.parse(readFileSync(join(DATA, 'valid', '001-banner-site.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const before = local.edge.state.reservations.size;
    const { status, text } = await post(JSON.stringify({ ...raw, test: 1 }));
    expect(status).toBe(200);
    expect(bidsOf(status, text).length).toBeGreaterThan(0);
    expect(local.edge.state.reservations.size).toBe(before);
  });
});
