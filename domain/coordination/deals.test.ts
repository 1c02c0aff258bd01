import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import type { Campaign } from '../contracts';
import { buildServingIndex } from '../matching';
import { normaliseRequest } from '../openrtb';
import { decideRequest, prepareRequest, replayDecision, shadowAction } from './index';

const plain = demoSnapshot();
const [first, second] = plain.campaigns as [Campaign, Campaign];
const onDeals = (campaign: Campaign, ...deals: string[]): Campaign => ({
  ...campaign,
  frequencyCaps: [],
  targeting: { ...campaign.targeting, deals },
});

/** One banner under the deals given; the first campaign knows `gold`, the second `silver`, the others bid openly. */
function scene(pmp: object, over: object = {}) {
  const campaigns = [onDeals(first, 'gold'), onDeals(second, 'silver'), ...plain.campaigns.slice(2)];
  const index = buildServingIndex(demoSnapshot({ campaigns }));
  const { fx, layerSalt } = index.snapshot;
  const imp = [{ id: '1', banner: { w: 300, h: 250 }, pmp, ...over }];
  const request = normaliseRequest({ id: 'r', site: {}, imp }, exchangeOf(), fx, hashUser, layerSalt);
  const reserved: { campaignId: string; priceNanos: number }[] = [];
  const decide = (refuse: readonly string[] = []) => {
    const prepared = prepareRequest(index, request, contextOf(), freshState());
    const [decision] = decideRequest(index, prepared, null, (campaignId, _creative, priceNanos) => {
      reserved.push({ campaignId, priceNanos });
      return !refuse.includes(campaignId);
    });
    return decision!;
  };
  return { index, decide, reserved };
}

describe('deals', () => {
  it('beat every other bid when they are guaranteed, at their price', () => {
    const { decide } = scene({ deals: [{ id: 'silver', at: 3, bidfloor: 0.5, guar: 1 }] });
    expect(decide().outputs).toMatchObject({ campaignId: second.campaignId, dealId: 'silver', bidMicros: 500_000 });
  });

  it('leave the impression to the next one when their campaign loses its budget meanwhile', () => {
    const { decide, reserved } = scene({ deals: [{ id: 'silver', at: 3, bidfloor: 0.5, guar: 1 }] });
    const { outputs } = decide([second.campaignId]);
    expect(reserved[0]).toEqual({ campaignId: second.campaignId, priceNanos: 500_000 });
    expect(outputs.dealId).toBeNull();
    expect(outputs.filtered).toMatchObject({ 'lost-race': 1 });
  });

  it('are chosen by the campaign: the guaranteed one, else the cheaper one', () => {
    const campaigns = [onDeals(first, 'gold', 'silver')];
    const index = buildServingIndex(demoSnapshot({ campaigns }));
    const dealOf = (deals: object[]) => {
      const imp = [{ id: '1', banner: { w: 300, h: 250 }, pmp: { private_auction: 1, deals } }];
      const { fx, layerSalt } = index.snapshot;
      const request = normaliseRequest({ id: 'r', site: {}, imp }, exchangeOf(), fx, hashUser, layerSalt);
      const prepared = prepareRequest(index, request, contextOf(), freshState());
      return decideRequest(index, prepared, null, () => true)[0]?.outputs.dealId;
    };
    const gold = { id: 'gold', bidfloor: 2 };
    const silver = { id: 'silver', bidfloor: 1 };
    expect(dealOf([gold, silver])).toBe('silver');
    expect(dealOf([silver, { ...gold, guar: 1 }])).toBe('gold');
    expect(dealOf([gold, { ...silver, wadomain: ['elsewhere.example'] }])).toBe('gold');
  });

  it('reserve as many impressions as one showing counts for', () => {
    const deals = [{ id: 'gold', at: 3, bidfloor: 1.25 }];
    const { decide, reserved } = scene({ private_auction: 1, deals }, { qty: { multiplier: 2.5 } });
    expect(decide().outputs).toMatchObject({ campaignId: first.campaignId, bidMicros: 1_250_000 });
    expect(reserved).toEqual([{ campaignId: first.campaignId, priceNanos: 3_125_000 }]);
  });

  it('are decided again from the record, and by a shadow on the same terms', async () => {
    const { index, decide } = scene({ private_auction: 1, deals: [{ id: 'gold', at: 2, bidfloor: 3 }] });
    const decision = decide();
    expect(decision.outputs).toMatchObject({ dealId: 'gold', noBidReason: null });
    const inputs = JSON.parse(JSON.stringify(decision.inputs)) as typeof decision.inputs;
    expect(await replayDecision(index, [inputs], () => Promise.reject(new Error('no model')))).toEqual([
      decision.outputs,
    ]);
    const shadow = shadowAction(index, index.snapshot.champion, decision, Number.NaN, 1);
    expect(shadow?.bidMicros).toBe(decision.outputs.bidMicros);
  });
});
