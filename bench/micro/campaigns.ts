import type { Campaign, Creative, PolicySnapshot } from '#domain/contracts';
import { spreadOf, type Spread } from '../statistic';
import { Decider, openShipped } from './decision';

/** Decisions with ever more campaigns in the snapshot, taken in turn in one run. */
export interface CampaignsReport {
  /** `strangers`: the added campaigns cannot be for the request; `rivals`: all can. */
  rows: { kind: 'strangers' | 'rivals'; campaigns: number; cpuUs: Spread; ratio: Spread }[];
  decisionsPerRow: number;
}

const SIZES = [100, 1000, 10_000] as const;
const ROUNDS = 7;
const PER_ROUND = 1500;

/**
 * Processor time of a decision with 100, 1,000 and 10,000 campaigns against that with the demo's ten. Strangers are turned away by country,
 * device, system, exchange or flight, in turn; rivals differ from the demo's campaigns by name alone.
 */
export async function measureCampaigns(
  root: string,
  snapshot: PolicySnapshot,
  bodies: readonly string[],
): Promise<CampaignsReport> {
  const model = await openShipped(root, snapshot);
  const bytes = bodies.map((body) => Buffer.from(body));
  const plans = (['strangers', 'rivals'] as const).flatMap((kind) =>
    SIZES.map((campaigns) => ({ kind, campaigns, decider: new Decider(grown(snapshot, campaigns, kind), model) })),
  );
  const few = new Decider(snapshot, model);
  let n = 0;
  const cpuOf = async (decider: Decider): Promise<number> => {
    const before = process.cpuUsage();
    for (let i = 0; i < PER_ROUND; i++, n++) await decider.decide(bytes[n % bytes.length]!, n);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / PER_ROUND;
  };
  const taken = plans.map(() => ({ cpu: [] as number[], ratio: [] as number[] }));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [at, { decider }] of plans.entries()) {
      const base = await cpuOf(few);
      const cpu = await cpuOf(decider);
      if (round < 0) continue; // the first round warms up
      taken[at]!.cpu.push(cpu);
      taken[at]!.ratio.push(cpu / base);
    }
  }
  await model.close();
  return {
    decisionsPerRow: ROUNDS * PER_ROUND,
    rows: plans.map(({ kind, campaigns }, at) => ({
      ...{ kind, campaigns },
      cpuUs: spreadOf(taken[at]!.cpu),
      ratio: spreadOf(taken[at]!.ratio),
    })),
  };
}

/** The snapshot with copies of its campaigns until there are `count`. */
export function grown(snapshot: PolicySnapshot, count: number, kind: 'strangers' | 'rivals'): PolicySnapshot {
  const campaigns: Campaign[] = [...snapshot.campaigns];
  const creatives: Creative[] = [...snapshot.creatives];
  for (let n = 0; campaigns.length < count; n++) {
    const original = snapshot.campaigns[n % snapshot.campaigns.length]!;
    const campaignId = `${original.campaignId}-${n}`;
    const copy = { ...original, campaignId };
    campaigns.push(kind === 'rivals' ? copy : stranger(copy, n));
    for (const creative of snapshot.creatives) {
      if (creative.campaignId !== original.campaignId) continue;
      creatives.push({ ...creative, campaignId, creativeId: `${creative.creativeId}-${n}` });
    }
  }
  return { ...snapshot, campaigns, creatives };
}

function stranger(campaign: Campaign, n: number): Campaign {
  const { targeting } = campaign;
  switch (n % 5) {
    case 0:
      return { ...campaign, targeting: { ...targeting, countries: ['NZL', 'AUS', 'FJI'] } };
    case 1:
      return { ...campaign, targeting: { ...targeting, deviceTypes: [3, 7] } };
    case 2:
      return { ...campaign, targeting: { ...targeting, os: ['tizen'] } };
    case 3:
      return { ...campaign, targeting: { ...targeting, exchanges: ['elsewhere'] } };
    default:
      return { ...campaign, startAt: '2031-01-01T00:00:00Z', endAt: '2031-02-01T00:00:00Z' };
  }
}
