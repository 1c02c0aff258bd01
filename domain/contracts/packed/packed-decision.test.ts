import fc from 'fast-check';
import type { DecisionRecord } from '../decision-record';
import { NO_BID_REASONS } from '../no-bid-reason';
import { HISTORY_SCOPES, HISTORY_STATES } from '../user-features';
import { ByteWriter } from './byte-writer';
import { eventText } from './event-text';
import { packDecision, unpackDecision } from './packed-decision';

const text = fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 200 }));
const texts = fc.array(text, { maxLength: 4 });
const number = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-1, 0, 2 ** 52 - 1, 2 ** 52, 1e300, -0.5),
);
const whole = fc.nat();
const nullable = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });
const numbers = fc.array(number, { maxLength: 5 });
const counts = fc.dictionary(text, number, { maxKeys: 4 });
const floor = fc.record({ minSeconds: number, maxSeconds: number, floorMicros: number });
const step = fc.record({
  proposal: fc.oneof(number, text, fc.constant(null)),
  chosen: fc.oneof(number, text, fc.constant(null)),
  mode: fc.constantFrom('model', 'baseline', 'overruled', 'safe'),
  reason: text,
});
const media = fc.record({ mimes: texts, minSeconds: number, floors: fc.array(floor, { maxLength: 2 }) });
const impression = fc.record({
  impId: text,
  sizes: fc.array(fc.record({ w: whole, h: whole }), { maxLength: 3 }),
  veto: nullable(fc.constantFrom('no-format', 'dsa-required')),
  floorMicros: number,
  isSecure: fc.boolean(),
  isInterstitial: fc.boolean(),
  position: whole,
  blockedAttributes: numbers,
  blockedTypes: numbers,
  mimes: texts,
  apis: numbers,
  video: nullable(media),
  audio: nullable(media),
  native: nullable(fc.record({ version: text, assets: fc.array(fc.record({ id: whole }), { maxLength: 2 }) })),
  isRewarded: fc.boolean(),
  deals: fc.array(fc.record({ id: text, floorMicros: number, domains: texts }), { maxLength: 2 }),
  isDealsOnly: fc.boolean(),
  placement: text,
  quantity: number,
  expirySeconds: whole,
});
const request = fc.record({
  ...{ requestId: text, exchange: text, auctionType: fc.constantFrom(1, 2), tmaxMs: number, isTest: fc.boolean() },
  supplyChain: nullable(fc.record({ isComplete: fc.boolean(), hops: whole })),
  ...{ currencies: texts, bidCurrency: text, channel: fc.constantFrom('site', 'app', 'dooh'), publisher: text },
  ...{ language: text, country: text, deviceType: number, os: text, isMobile: fc.boolean() },
  ...{ userKey: nullable(text), userBucket: nullable(fc.nat(199)), segments: texts },
  consent: fc.record({ profile: fc.boolean(), measure: fc.boolean() }),
  ...{ contentCategories: texts, blockedCategories: texts, allowedCategories: texts, blockedAdvertisers: texts },
  ...{ blockedApps: texts, allowedLanguages: texts, allowedSeats: texts, blockedSeats: texts },
  dsa: nullable(fc.record({ required: number, publisherRenders: number, dataToPublisher: fc.constantFrom(0, 1, 2) })),
  veto: nullable(fc.constantFrom('no-consent', 'seat-blocked')),
  impressions: fc.array(impression, { maxLength: 3 }),
});
const candidate = fc.record({
  ...{ campaignId: text, pacingMultiplier: number, passThrough: number, freeNanos: number },
  ...{ capCounts: counts, exposures24h: counts, explorationLeft: number },
});
const userValues = fc.record({
  ...{ exposures10m: whole, exposures1h: whole, exposures6h: whole, exposures24h: whole, exposures3d: whole },
  ...{ exposures7d: whole, secondsSinceExposure: nullable(whole), clicksSinceExposure: whole, clicks7d: whole },
});
const userFeatures = fc.record({
  ...{ state: fc.constantFrom(...HISTORY_STATES), scope: fc.constantFrom(...HISTORY_SCOPES) },
  values: nullable(userValues),
});
const inputs = fc.record({
  ...{ snapshotId: text, stateVersion: whole, weightsVersion: whole, nowMs: fc.maxSafeNat(), rolloutId: text },
  ...{
    arm: fc.constantFrom('champion', 'canary'),
    stage: fc.integer({ min: -1, max: 9 }),
    rngCounter: fc.maxSafeNat(),
  },
  ...{ impIndex: whole, request },
  live: fc.record({ requestRate: number, winRate: number, openReservations: whole }),
  candidates: fc.array(
    fc.tuple(candidate, fc.boolean()).map(([state, lost]) => (lost ? { ...state, lostRace: true } : state)),
    { maxLength: 4 },
  ),
  inferenceMode: fc.constantFrom('models', 'heuristics', 'safe'),
  engine: fc.constantFrom('onnx', 'plain'),
  quarantined: texts,
  timeLeftMs: fc.record({ match: number, decide: number, respond: number }),
  userFeatures: fc.option(userFeatures, { nil: undefined }),
});
const outputs = fc.record({
  ...{ noBidReason: nullable(fc.constantFrom(...NO_BID_REASONS)), campaignId: nullable(text) },
  ...{ creativeId: nullable(text), size: nullable(text), dealId: nullable(text), bidMicros: whole },
  ...{ filtered: counts, actionSet: texts },
  losingCampaigns: fc.array(fc.record({ campaignId: text, score: number, bidMicros: number }), { maxLength: 4 }),
  agents: nullable(fc.record({ budget: step, creative: step, bid: step, frequency: step })),
  propensity: nullable(
    fc.record({
      ...{ creative: number, gridMass: number, throttle: number },
      jointLog: fc.oneof(number, fc.constantFrom(Number.NEGATIVE_INFINITY, Number.NaN)),
    }),
  ),
  counterfactual: nullable(
    fc.record({
      ...{ mu: number, sigma: number, pCtr: number, vMicros: number, vPrimeMicros: number, psi: number, k: number },
      ...{ kFrom: fc.constantFrom('budget', 'cpa', 'clamp'), gridIndex: fc.integer({ min: -1, max: 64 }) },
      expectedWinProbability: number,
    }),
  ),
  conflicts: fc.array(fc.record({ rule: text, winner: text, loser: text, before: number, after: text }), {
    maxLength: 2,
  }),
  features: fc.oneof(numbers, fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 24 })),
});
const record = fc
  .record({
    ...{
      type: fc.constant('decision'),
      schemaVersion: fc.constant(1),
      decisionId: text,
      edgeId: text,
      inputs,
      outputs,
    },
    latencyUs: fc.record({ decode: whole, match: whole, infer: whole, decide: whole, respond: whole }),
    modelVersions: fc.record({ budget: text, creative: text, bid: text, frequency: text }),
  })
  .map(
    ({ inputs: given, ...rest }) =>
      ({ ...rest, atNs: `${given.nowMs}000000`, inputs: given }) as unknown as DecisionRecord,
  );

describe('a packed decision', () => {
  const writer = new ByteWriter();

  it('keeps a byte order mark at the head of a text that an exchange sent', () => {
    const [one] = fc.sample(record, { numRuns: 1, seed: 1 });
    const request = { ...one.inputs.request, blockedAdvertisers: ['\ufeffa.example', '\ufeff'] };
    writer.clear();
    expect(packDecision(writer, { ...one, inputs: { ...one.inputs, request } })).toBe(true);
    const read = JSON.parse(eventText(writer.written())) as typeof one;
    expect(read.inputs.request.blockedAdvertisers).toEqual(request.blockedAdvertisers);
  });

  it('says what its JSON says', () => {
    fc.assert(
      fc.property(record, (one) => {
        writer.clear();
        expect(packDecision(writer, one)).toBe(true);
        expect(JSON.parse(eventText(writer.written()))).toEqual(JSON.parse(JSON.stringify(one)));
      }),
      { numRuns: 300 },
    );
  });

  it.each([1, 2])('of format %i is read: nothing that came later was in it', (format) => {
    const [one] = fc.sample(record, { numRuns: 1, seed: 7 }) as [DecisionRecord];
    const impressions = one.inputs.request.impressions.map((slot) => ({ ...slot, expirySeconds: 0 }));
    const { userFeatures: _later, ...known } = one.inputs;
    const older = { ...one, inputs: { ...known, request: { ...known.request, dsa: null, impressions } } };
    writer.clear();
    packDecision(writer, older);
    const bytes = writer.written().slice();
    bytes[1] = format;
    expect(JSON.parse(eventText(bytes))).toEqual(JSON.parse(JSON.stringify(older)));
    bytes[1] = 4;
    expect(() => unpackDecision(bytes)).toThrow('of format 4');
  });

  it('of no shape known today is left to JSON', () => {
    const [one] = fc.sample(record, { numRuns: 1, seed: 3 }) as [DecisionRecord];
    const { engine: _engine, ...older } = one.inputs;
    writer.clear();
    expect(packDecision(writer, { ...one, inputs: older })).toBe(false);
    expect(packDecision(writer, { ...one, atNs: '1' })).toBe(false);
    const { consent: _consent, ...anonymous } = one.inputs.request;
    expect(packDecision(writer, { ...one, inputs: { ...one.inputs, request: anonymous } })).toBe(false);
  });

  it('cut short, lengthened or altered is refused or is another record, but never hangs', () => {
    const [one] = fc.sample(record, { numRuns: 1, seed: 5 }) as [DecisionRecord];
    writer.clear();
    packDecision(writer, one);
    const bytes = writer.written().slice();
    for (let cut = 0; cut < bytes.length; cut += 1) expect(() => unpackDecision(bytes.subarray(0, cut))).toThrow();
    expect(() => unpackDecision(Uint8Array.of(...bytes, 0))).toThrow('too long');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const altered = bytes.slice();
        altered[at] = value;
        try {
          unpackDecision(altered);
        } catch (error) {
          expect((error as Error).name).toMatch(/^(Range|Type|Syntax)Error$/);
        }
      }),
    );
  });
});
