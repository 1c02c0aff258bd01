import fc from 'fast-check';
import { ZoneClock } from '../calendar';
import type { NoBidReason } from '../contracts/no-bid-reason';
import type { NormalisedRequest } from '../contracts/normalised-request';
import { CampaignBits, countBits, visitBits } from './campaign-bits';
import type { ServedCampaign } from './served-campaign';

const HOUR_MS = 3_600_000;
const COUNTRIES = ['DEU', 'FRA', ''];
const setOf = <T>(values: readonly T[]) =>
  fc.option(
    fc.subarray([...values], { minLength: 1 }).map((some) => new Set(some)),
    { nil: null },
  );

const anyCampaign = fc.record({
  isActive: fc.boolean(),
  startMs: fc.constantFrom(0, 10 * HOUR_MS, 10 * HOUR_MS + 1),
  endMs: fc.constantFrom(20 * HOUR_MS, 30 * HOUR_MS),
  hours: fc.option(fc.uint8Array({ minLength: 168, maxLength: 168, max: 1 }), { nil: null }),
  zone: fc.constantFrom('UTC', 'Asia/Kathmandu', 'America/St_Johns'),
  exchanges: setOf(['demo', 'other']),
  countries: setOf(COUNTRIES),
  deviceTypes: setOf([1, 4]),
  os: setOf(['ios', 'android']),
  languages: setOf(['en', 'de']),
  slots: fc.subarray([1, 2, -1]),
});
const anyRequest = fc.record({
  exchange: fc.constantFrom('demo', 'third'),
  country: fc.constantFrom(...COUNTRIES),
  deviceType: fc.constantFrom(1, 4, 9),
  os: fc.constantFrom('ios', ''),
  language: fc.constantFrom('en', 'fr'),
});

function served(plans: readonly ReturnType<typeof anyCampaign.generate>['value'][]): ServedCampaign[] {
  return plans.map(
    ({ zone, slots, ...rest }, ordinal) =>
      ({
        ...rest,
        ordinal,
        campaignId: `c${ordinal}`,
        clock: new ZoneClock(zone),
        creativesBySlot: new Map(slots.map((slot) => [slot, []])),
      }) as unknown as ServedCampaign,
  );
}

/** The same of one campaign, as targeting is written down; null = it may bid. */
function refusalOf(campaign: ServedCampaign, request: NormalisedRequest, nowMs: number): NoBidReason | null {
  if (!campaign.isActive) return 'campaign-paused';
  if (nowMs < campaign.startMs || nowMs >= campaign.endMs) return 'out-of-flight';
  if (campaign.hours !== null && campaign.hours[campaign.clock.at(nowMs).hourOfWeek] === 0) return 'dayparting';
  if (campaign.exchanges !== null && !campaign.exchanges.has(request.exchange)) return 'exchange-not-targeted';
  if (campaign.countries !== null && !campaign.countries.has(request.country)) return 'geo';
  if (campaign.deviceTypes !== null && !campaign.deviceTypes.has(request.deviceType)) return 'device';
  if (campaign.os !== null && !campaign.os.has(request.os)) return 'os';
  if (campaign.languages !== null && !campaign.languages.has(request.language)) return 'language';
  return null;
}

describe('CampaignBits', () => {
  it('keeps and removes what targeting says, and names the same reasons, at any moment', () => {
    const moments = fc.array(fc.integer({ min: 0, max: 35 * HOUR_MS }), { minLength: 1, maxLength: 4 });
    const campaigns = fc.array(anyCampaign, { maxLength: 70 });
    fc.assert(
      fc.property(campaigns, anyRequest, moments, fc.subarray([1, 2, -1]), (plans, fields, times, slots) => {
        const list = served(plans);
        const bits = new CampaignBits(list);
        const left = new Int32Array(bits.words);
        const whole = fields as unknown as NormalisedRequest;
        for (const nowMs of times) {
          const removed: Partial<Record<NoBidReason, number>> = {};
          expect(bits.withSlots(slots, left)).toBe(
            list.filter(({ creativesBySlot }) => slots.some((slot) => creativesBySlot.has(slot))).length,
          );
          bits.ask(whole, nowMs);
          const stayed = bits.narrow(left, countBits(left), (reason, count) => (removed[reason] = count));
          expect(stayed).toBe(countBits(left));
          const expected: Partial<Record<NoBidReason, number>> = {};
          const kept: number[] = [];
          for (const campaign of list) {
            if (!slots.some((slot) => campaign.creativesBySlot.has(slot))) continue;
            const reason = refusalOf(campaign, whole, nowMs);
            expect(bits.refusal(campaign.ordinal)).toBe(reason);
            if (reason === null) kept.push(campaign.ordinal);
            else expected[reason] = (expected[reason] ?? 0) + 1;
          }
          const seen: number[] = [];
          visitBits(left, 0, (ordinal) => seen.push(ordinal) > 0);
          expect(seen).toEqual(kept);
          expect(removed).toEqual(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('visits every bit once, from any one on and round', () => {
    const ordinals = fc.uniqueArray(fc.nat(130), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(ordinals, fc.nat(), fc.nat(70), (some, skip, stop) => {
        const sorted = [...some].sort((a, b) => a - b);
        const bits = new Int32Array(5);
        for (const at of sorted) bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
        expect(countBits(bits)).toBe(sorted.length);
        const from = skip % sorted.length;
        const seen: number[] = [];
        visitBits(bits, from, (ordinal) => seen.push(ordinal) <= stop);
        expect(seen).toEqual([...sorted.slice(from), ...sorted.slice(0, from)].slice(0, stop + 1));
      }),
    );
  });
});
