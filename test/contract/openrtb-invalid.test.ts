import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decideRequest, prepareRequest } from '#domain/coordination';
import { buildServingIndex } from '#domain/matching';
import { normaliseRequest, validateBidRequest } from '#domain/openrtb';
import { contextOf, freshState, hashUser } from '../fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../fixtures/demo-snapshot';

const ROOT = join(__dirname, '..', '..');
const FOLDER = join(process.env['ADLOOP_DATA'] ?? join(ROOT, '..', 'shared', 'data'), 'openrtb');
const LIST = join(FOLDER, 'invalid.tsv');
const isThere = existsSync(LIST);
if (!isThere && process.env['ADLOOP_REQUIRE_DATA'] === '1') throw new Error(`ADLOOP_REQUIRE_DATA=1 and no ${LIST}`);
if (!isThere) console.log(`skipped: no OpenRTB data at ${LIST} (set ADLOOP_DATA)`);

const rows = isThere
  ? readFileSync(LIST, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'))
  : [];
const filesOf = (name: string): string[] => rows.filter((row) => row[1] === name).map((row) => row[0] ?? '');
const index = buildServingIndex(demoSnapshot());

/** The decoded body; undefined when it is no JSON, which the edge refuses as malformed as well. */
function bodyOf(file: string): unknown {
  try {
    return JSON.parse(readFileSync(join(FOLDER, 'invalid', file), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

(isThere ? describe : describe.skip)('requests that an exchange refuses', () => {
  it.each(filesOf('both'))('%s is malformed', (file) => {
    expect(validateBidRequest(bodyOf(file))).toMatchObject({ ok: false });
  });

  it.each(filesOf('exchange'))('%s is malformed or gets no bid, and never throws', (file) => {
    const raw = bodyOf(file);
    if (!validateBidRequest(raw).ok) return;
    const { fx, layerSalt } = index.snapshot;
    const request = normaliseRequest(raw, exchangeOf(), fx, hashUser, layerSalt);
    const decisions = decideRequest(index, prepareRequest(index, request, contextOf(), freshState()), null, () => true);
    expect(decisions.map(({ outputs }) => outputs.campaignId)).toEqual(decisions.map(() => null));
  });
});
