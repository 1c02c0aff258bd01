import { chainContent, type ChainRow } from './hash-chain';
import { ChainWalk, entryHash, verifyChain } from './verify-chain';

/** Any function of the text will do here: what matters is that equal texts have equal hashes. */
const sha256 = (text: string): string => {
  let a = 7;
  for (const letter of text) a = (Math.imul(a, 31) + letter.codePointAt(0)!) >>> 0;
  return a.toString(16).padStart(64, '0');
};

const row = (over: Partial<ChainRow> = {}): ChainRow => ({
  seq: '1',
  key: 'k',
  kind: 'weights.changed',
  publisher: 'meta',
  subject: 'c',
  action: '{"a": 1, "b": 0.00000015, "c": 1000000000000000000000}',
  reason: 'r',
  expires_at: null,
  recorded_at: '1795000000.123000',
  ...over,
});

function chain(length: number): ChainRow[] {
  let previous = '0'.repeat(64);
  return Array.from({ length }, (_, at) => {
    const open = row({ seq: String(at + 1), key: `k${at}` });
    const hash = entryHash(sha256, previous, chainContent('ledger', open)!);
    const closed = { ...open, previous_hash: previous, hash };
    previous = hash;
    return closed;
  });
}

async function* pages(rows: ChainRow[]) {
  yield rows.slice(0, 2);
  yield rows.slice(2);
}

test('hashes the canonical JSON of every column but the hashes', () => {
  expect(chainContent('ledger', row())).toBe(
    '{"action":{"a":1,"b":1.5e-7,"c":1e+21},"expiresAt":null,"key":"k","kind":"weights.changed","publisher":"meta","reason":"r","recordedAt":"2026-11-18T11:06:40.123Z","seq":1,"subject":"c"}',
  );
});

test.each<[string, Partial<ChainRow>]>([
  ['a number with a zero more', { action: '{"a": 1.0}' }],
  ['a last digit that a double cannot hold', { action: '{"a": 9007199254740993}' }],
  ['a number beyond all doubles', { action: `{"a": 1${'0'.repeat(400)}}` }],
  ['a time before 1970', { recorded_at: '-1.000000' }],
  ['a time that never ends', { expires_at: 'Infinity' }],
  ['a column that is not there', { reason: undefined }],
  ['a sequence number beyond JavaScript', { seq: '9007199254740993' }],
])('%s is no entry’s content', (_what, over) => {
  expect(chainContent('ledger', row(over))).toBeNull();
});

test('digits inside text are no numbers', () => {
  expect(chainContent('ledger', row({ action: '{"a 1.0": "b \\" 2.00"}' }))).not.toBeNull();
});

test('microseconds are part of a time', () => {
  expect(chainContent('ledger', row({ recorded_at: '1795000000.123001' }))).toContain('.123001Z');
});

test('a whole chain verifies; entries behind the last head are not under it', async () => {
  const rows = chain(5);
  const head = {
    chain: 'ledger',
    number: 1,
    day: '2026-11-18',
    seq: 3,
    hash: rows[2]!.hash!,
    signedAt: '',
    previousHead: null,
  } as const;
  const found = await verifyChain('ledger', { heads: [head], fault: null }, pages(rows), sha256);
  expect(found).toEqual({ chain: 'ledger', ok: true, entries: 5, heads: 1, signedUpTo: 3, firstBad: null });
});

test('a fault of the heads counts when it comes first', async () => {
  const rows = chain(4);
  const fault = { seq: 2, code: 'head-forged', detail: '' } as const;
  const broken = [...rows.slice(0, 3), { ...rows[3]!, key: 'other' }];
  expect((await verifyChain('ledger', { heads: [], fault }, pages(broken), sha256)).firstBad).toEqual(fault);
  const late = { ...fault, seq: 9 };
  expect((await verifyChain('ledger', { heads: [], fault: late }, pages(broken), sha256)).firstBad?.seq).toBe(4);
});

test('an empty chain is whole unless a head says otherwise', () => {
  expect(new ChainWalk('ledger', [], sha256).end()).toBeNull();
});
