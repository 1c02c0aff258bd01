import type { CampaignBlock, CampaignLine, CampaignWhy } from '#domain/contracts';
import type { EdgeFacts } from '../edge-facts';
import { stageOf, type CampaignSums } from '../metrics';
import { grantLines } from './grant-lines';
import { REASON_WORDS } from './reason-words';

type Judgement = Omit<CampaignWhy, 'schemaVersion' | 'edgeId' | 'grants'>;
type Block = CampaignWhy['blocks'][number];

/** Why a campaign does not bid at this edge: what blocks it whatever is asked, then the reasons counted, the most frequent of late first. */
export function campaignWhy(facts: EdgeFacts, campaignId: string, nowMs: number): CampaignWhy {
  const grants = grantLines(facts.state.ledger, campaignId);
  return { schemaVersion: 1, edgeId: facts.config.edgeId, ...judge(facts, campaignId, nowMs), grants };
}

/** One line per campaign of the snapshot from `offset` on, those that bid least of late first. */
export function campaignLines(
  facts: EdgeFacts,
  nowMs: number,
  offset: number,
  limit: number,
): { items: CampaignLine[]; total: number } {
  const campaigns = facts.holder.live?.snapshot.campaigns ?? [];
  const counted = campaigns.map(({ campaignId }) => ({
    campaignId,
    recent: facts.metrics.campaigns.bidsOf(campaignId).recent,
  }));
  counted.sort((a, b) => a.recent - b.recent || (a.campaignId < b.campaignId ? -1 : 1));
  const items = counted.slice(offset, offset + limit).map(({ campaignId }) => {
    const { name, verdict, bids } = judge(facts, campaignId, nowMs);
    return { campaignId, name: name ?? '', verdict, bids };
  });
  return { items, total: campaigns.length };
}

function judge(facts: EdgeFacts, campaignId: string, nowMs: number): Judgement {
  const sums = facts.metrics.campaigns.of(campaignId);
  const looked = lookedOf(sums);
  const blocks = blocksOf(facts, campaignId, nowMs);
  const reasons = reasonsOf(sums, looked);
  return {
    campaignId,
    name: nameOf(facts, campaignId),
    verdict: verdictOf(blocks, sums, looked, reasons),
    blocks,
    looked,
    bids: sums.bids,
    outranked: outrankedOf(sums),
    reasons,
  };
}

const nameOf = (facts: EdgeFacts, campaignId: string): string | null =>
  facts.holder.live?.index.campaignById.get(campaignId)?.campaign.name ?? null;

const BLOCK_WORDS: Readonly<Record<CampaignBlock, Omit<Block, 'block'>>> = {
  'not-ready': { means: 'This edge makes no bids.', toDo: 'See why on the status page.' },
  'bidding-stopped': {
    means: 'A kill order stops all bidding.',
    toDo: 'See adloop kill show; lifting takes two operators.',
  },
  'not-served': {
    means:
      'The snapshot served here does not have the campaign: it is paused, over, not funded or without an approved creative, or the id is wrong.',
    toDo: 'See adloop campaign show, and whether this edge refuses snapshots.',
  },
  'campaign-stopped': {
    means: 'A kill order stops this campaign.',
    toDo: 'See adloop kill show; lifting takes two operators.',
  },
  'no-requests': {
    means: 'No exchange has asked within the last minute.',
    toDo: 'See whether exchanges reach the bid port.',
  },
  'no-budget-here': {
    means: 'This edge holds no lease of the campaign with anything free.',
    toDo: 'See whether the daily budget is spent, and whether the control plane is reachable.',
  },
};

function blocksOf(facts: EdgeFacts, campaignId: string, nowMs: number): Block[] {
  const { state } = facts;
  const kill = facts.kill();
  const isServed = nameOf(facts, campaignId) !== null;
  const arms = facts.canary() === null ? (['champion'] as const) : (['champion', 'canary'] as const);
  const hasMoney = arms.some((arm) => state.ledger.freeNanos(campaignId, arm, nowMs, facts.reachable()) > 0);
  const checks: [CampaignBlock, boolean][] = [
    ['not-ready', facts.notReady() !== null],
    ['bidding-stopped', kill.level === 'stop-bidding'],
    ['not-served', !isServed],
    ['campaign-stopped', kill.stoppedCampaigns.has(campaignId)],
    ['no-requests', facts.metrics.quality.read().every(({ answers }) => answers === 0)],
    ['no-budget-here', isServed && !hasMoney],
  ];
  return checks.filter(([, holds]) => holds).map(([block]) => ({ block, ...BLOCK_WORDS[block] }));
}

function lookedOf({ reasons, survived }: CampaignSums): CampaignWhy['looked'] {
  const refused = reasons.filter(({ reason }) => stageOf(reason) === 'match');
  return {
    recent: refused.reduce((sum, { recent }) => sum + recent, survived.recent),
    total: refused.reduce((sum, { total }) => sum + total, survived.total),
  };
}

/** Priced, willing, and not the one that answered. */
function outrankedOf({ reasons, survived, bids }: CampaignSums): CampaignWhy['outranked'] {
  const declined = reasons.filter(({ reason }) => stageOf(reason) === 'decide');
  const left = (from: number, bid: number, part: 'recent' | 'total'): number =>
    Math.max(0, from - bid - declined.reduce((sum, counted) => sum + counted[part], 0));
  return { recent: left(survived.recent, bids.recent, 'recent'), total: left(survived.total, bids.total, 'total') };
}

function reasonsOf({ reasons }: CampaignSums, looked: CampaignWhy['looked']): CampaignWhy['reasons'] {
  return reasons.map(({ reason, recent, total }) => {
    const share = looked.recent > 0 ? recent / looked.recent : total / Math.max(1, looked.total);
    return { reason, stage: stageOf(reason), recent, total, share, ...REASON_WORDS[reason] };
  });
}

function verdictOf(
  blocks: readonly Block[],
  sums: CampaignSums,
  looked: CampaignWhy['looked'],
  reasons: CampaignWhy['reasons'],
): string {
  const [block] = blocks;
  if (block !== undefined) return block.means;
  const { recent } = sums.bids;
  if (recent > 0) return `It bids: ${recent} of ${looked.recent} impressions looked at within the last minutes.`;
  if (looked.recent === 0)
    return 'It was not looked at within the last minutes: no slot asked for had a form or size that a creative of it has.';
  const [top] = reasons;
  const outranked = outrankedOf(sums).recent;
  if (top === undefined || outranked > top.recent)
    return `It does not bid: other campaigns of ours expected more from ${outranked} of ${looked.recent} impressions. Raise its goal, or narrow theirs.`;
  return `It does not bid, most often for this reason (${Math.round(top.share * 100)} %): ${top.means}`;
}
