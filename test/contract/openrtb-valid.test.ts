import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decideRequest, prepareRequest } from '#domain/coordination';
import { buildServingIndex } from '#domain/matching';
import { normaliseRequest, validateBidRequest } from '#domain/openrtb';
import { contextOf, freshState, hashUser } from '../fixtures/decision-scene';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import expected from './openrtb-valid.json';

const ROOT = join(__dirname, '..', '..');
const FOLDER = join(process.env['ADLOOP_DATA'] ?? join(ROOT, '..', 'shared', 'data'), 'openrtb', 'valid');
const MUST_BID = '001 002 004 019 025 034 035 036 039 040 046 047 049 050 052 053 054 059 060 062'.split(' ');

type Outcomes = Record<string, string>;
const list = expected as Record<string, Outcomes | string>;
const index = buildServingIndex(demoSnapshot());

/** What each impression gets: 'bid' or its reason. */
function outcomesOf(raw: unknown, rngCounter: number): Outcomes {
  const { snapshot } = index;
  const exchange = snapshot.exchanges['demo'];
  if (!exchange) throw new Error('the demo snapshot has no exchange demo');
  const request = normaliseRequest(raw, exchange, snapshot.fx, hashUser, snapshot.layerSalt);
  const prepared = prepareRequest(index, request, contextOf({ rngCounter }), freshState());
  const decisions = decideRequest(index, prepared, null, () => true);
  return Object.fromEntries(
    decisions.map(({ inputs, outputs }) => [
      request.impressions[inputs.impIndex]?.impId ?? '',
      outputs.noBidReason ?? 'bid',
    ]),
  );
}

const isThere = existsSync(FOLDER);
if (!isThere && process.env['ADLOOP_REQUIRE_DATA'] === '1') throw new Error(`ADLOOP_REQUIRE_DATA=1 and no ${FOLDER}`);
if (!isThere) console.log(`skipped: no OpenRTB data at ${FOLDER} (set ADLOOP_DATA)`);
const files = isThere
  ? readdirSync(FOLDER)
      .filter((file) => file.endsWith('.json'))
      .sort()
  : [];

(isThere ? describe : describe.skip)('real bid requests', () => {
  it('are all on the committed list, and no others', () => {
    expect(
      Object.keys(list)
        .filter((name) => name.endsWith('.json'))
        .sort(),
    ).toEqual(files);
  });

  it.each(files)('%s is answered as the list says, also under a fresh id', (file) => {
    const raw = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Record<string, unknown>;
    expect(validateBidRequest(raw)).toEqual({ ok: true });
    expect(outcomesOf(raw, 1)).toEqual(list[file]);
    for (let n = 2; n < 12; n += 1) expect(outcomesOf({ ...raw, id: `fresh-${n}` }, n)).toEqual(list[file]);
  });
});

describe('the committed list', () => {
  it.each(MUST_BID)('promises a bid for %s', (number) => {
    const file = Object.keys(list).find((name) => name.startsWith(`${number}-`)) ?? '';
    expect(Object.values(list[file] as Outcomes)).toContain('bid');
  });
});
