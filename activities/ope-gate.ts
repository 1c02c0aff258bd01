/** Off-policy gate: what the champion's logged bids say the candidate would have brought in their place. */
import { winProbability } from '#domain/agents/bid';
import type { AgentPolicy, DecisionRecord, GateResult, PolicySnapshot } from '#domain/contracts';
import { answerLaw, type WinLaw } from '#domain/coordination';
import {
  AnswerComparison,
  pairedOffPolicy,
  seededRandom,
  type PairedOffPolicy,
  type WeighedReward,
} from '#domain/evaluation';
import { buildServingIndex, snapshotUnderTest, type ServingIndex } from '#domain/matching';
import { lawsOf, type HeldOutGateInput } from './held-out-gate';
import type { LoggedBid, TrainingPorts, TrainingWindow } from './training-ports';

/** Value that a candidate may lose: the plan's default margin of the metric. */
export const OPE_MARGIN = 0.05;
/** Bids that are read at most; about 10 s on one core. */
export const OPE_MAX_BIDS = 20_000;
/** Share of bids that may fail to repeat (their snapshot is unknown, or the code that decided them was another). */
const MAX_UNREPEATED_SHARE = 0.01;
const CONFIDENCE = 0.95;
const RESAMPLES = 1000;
/** Bids between two calls of `onBatch`. */
const BATCH = 250;

export type OpeGatePorts = Pick<TrainingPorts, 'loggedBids' | 'snapshot' | 'artifacts' | 'openSession'>;

export interface OpeGateInput {
  candidate: AgentPolicy;
  champion: AgentPolicy;
  window: TrainingWindow;
  seed: number;
  /** Called between batches: heartbeats, and a place to give up. */
  onBatch: HeldOutGateInput['onBatch'];
}

/** A bid whose record has been read. */
interface ReadBid extends Omit<LoggedBid, 'record'> {
  record: DecisionRecord;
}

/**
 * The relative effect of the candidate on the realised value of the champion's own bids, by the probability with which the same pricing code
 * would have won them under the candidate's model. Stops what is proven to lose more than the margin; a log that says nothing stops
 * nothing (docs/decisions/022).
 */
export async function judgeByLog(ports: OpeGatePorts, input: OpeGateInput): Promise<GateResult> {
  const { candidate, champion, window, seed } = input;
  const query = { window, modelVersionId: champion.modelVersionId, maxBids: OPE_MAX_BIDS };
  const bids = (await ports.loggedBids(query)).map((bid): ReadBid => ({
    ...bid,
    record: JSON.parse(bid.record) as DecisionRecord,
  }));
  const rows = await weighBids(ports, candidate, bids, input.onBatch);
  const unrepeated = bids.length - rows.length;
  const found = pairedOffPolicy(rows, { rng: seededRandom(seed), resamples: RESAMPLES, level: CONFIDENCE });
  const against = `by ${found.bids} logged bids of ${champion.modelVersionId}`;
  if (unrepeated > MAX_UNREPEATED_SHARE * bids.length)
    return noEvidence(found.bids, `${unrepeated} of ${bids.length} logged bids do not repeat`);
  if (found.estimate === null) return noEvidence(found.bids, found.refusals.map(({ detail }) => detail).join('; '));
  return judged(found, found.estimate, against);
}

/** Missing evidence is no fault of the candidate: a large improvement bids where the log has nothing. Simulator, shadow and canary go on. */
const noEvidence = (n: number, why: string): GateResult => ({
  ...{ gate: 'ope', passed: true, value: 0, bound: -OPE_MARGIN, n, verdict: 'no-data', reason: `no evidence: ${why}` },
});

function judged(
  found: PairedOffPolicy,
  { effect, lower, upper }: NonNullable<PairedOffPolicy['estimate']>,
  against: string,
): GateResult {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const verdict = upper < -OPE_MARGIN ? 'inferior' : lower > -OPE_MARGIN ? 'non-inferior' : 'inconclusive';
  const facts = `${percent(effect)} value [${percent(lower)}, ${percent(upper)}] ${against}, ${found.rewarded} rewarded`;
  return {
    ...{ gate: 'ope', passed: verdict !== 'inferior', value: upper, bound: -OPE_MARGIN, n: found.bids, verdict },
    reason: `${facts}, of ${found.users} users: ${verdict}; stops only what loses more than ${percent(OPE_MARGIN)} for sure`,
    forecast: { source: 'ope', metric: 'value', relativeEffect: effect, lower, upper, confidence: CONFIDENCE },
  };
}

/** Every bid that repeats, weighed. Snapshot by snapshot: compiling one costs as much as hundreds of bids. */
async function weighBids(
  ports: OpeGatePorts,
  candidate: AgentPolicy,
  bids: readonly ReadBid[],
  onBatch: OpeGateInput['onBatch'],
): Promise<WeighedReward[]> {
  const laws = await candidateLaws(ports, candidate, bids, onBatch);
  const keys = bids.map(placeOf);
  const places = keys.map((_, at) => at).sort((a, b) => (keys[a]! < keys[b]! ? -1 : 1));
  const rows: WeighedReward[] = [];
  let pair: IndexPair | null = null;
  for (const [done, at] of places.entries()) {
    const bid = bids[at]!;
    const key = keyOf(bid);
    if (pair?.key !== key) pair = await indexPair(ports, candidate, bid);
    const row = weighBid(pair, bid, laws?.[at] ?? null);
    if (row !== null) rows.push(row);
    // The laws were the first half of the work, as far as progress is concerned.
    if (done % BATCH === BATCH - 1) await onBatch(bids.length + done + 1, 2 * bids.length);
  }
  return rows;
}

/** What the candidate's model says of the features that the champion's model saw; null for a candidate without a model. */
async function candidateLaws(
  ports: OpeGatePorts,
  candidate: AgentPolicy,
  bids: readonly ReadBid[],
  onBatch: OpeGateInput['onBatch'],
): Promise<WinLaw[] | null> {
  if (candidate.artifact === null || bids.length === 0) return null;
  const rows = bids.map(({ record, ...bid }) => ({ ...bid, features: record.outputs.features, bidMicros: 0 }));
  return lawsOf(ports, candidate.artifact.sha256, rows, (done) => onBatch(done, 2 * bids.length));
}

/** A snapshot compiled for the champion and for the candidate in its place; null where it is unknown. */
interface IndexPair {
  key: string;
  indexes: { champion: ServingIndex; candidate: ServingIndex } | null;
}

const isUnderTest = ({ record }: ReadBid): boolean => record.inputs.rolloutId !== '';
const keyOf = (bid: ReadBid): string => `${bid.record.inputs.snapshotId}|${isUnderTest(bid)}`;
/** By snapshot, then by id: the resampling must not depend on the order in which the lake answers. */
const placeOf = (bid: ReadBid): string => `${keyOf(bid)}|${bid.record.decisionId}`;

async function indexPair(ports: OpeGatePorts, candidate: AgentPolicy, bid: ReadBid): Promise<IndexPair> {
  const published = await ports.snapshot(bid.record.inputs.snapshotId);
  if (published === null) return { key: keyOf(bid), indexes: null };
  const served: PolicySnapshot = (isUnderTest(bid) && snapshotUnderTest(published)) || published;
  const withCandidate: PolicySnapshot = {
    ...served,
    champion: { ...served.champion, bid: candidate as PolicySnapshot['champion']['bid'] },
  };
  const indexes = { champion: buildServingIndex(served), candidate: buildServingIndex(withCandidate) };
  return { key: keyOf(bid), indexes };
}

/** Null when the recorded answer is none that the champion could have given. */
function weighBid({ indexes }: IndexPair, bid: ReadBid, candidateLaw: WinLaw | null): WeighedReward | null {
  const { inputs, outputs, decisionId } = bid.record;
  if (indexes === null || outputs.campaignId === null || outputs.counterfactual === null) return null;
  const { mu, sigma } = outputs.counterfactual;
  // A decision without a model's law is recorded with sigma 0.
  const law = sigma > 0 ? { mu, sigma } : null;
  const comparison = new AnswerComparison(
    answerLaw(indexes.champion, inputs, law),
    answerLaw(indexes.candidate, inputs, candidateLaw),
    {
      isDisclosed: indexes.champion.snapshot.exchanges[inputs.request.exchange]?.disclosesMinToWin ?? false,
      winsAt: (priceMicros) => (law === null ? 1 : winProbability(priceMicros, mu, sigma)),
    },
  );
  const { campaignId, bidMicros: priceMicros } = outputs;
  const { won, minToWinMicros, copies, valueNanos } = bid;
  const weighed = comparison.weigh({ campaignId, priceMicros, won, minToWinMicros });
  if (weighed === null) return null;
  const user = inputs.request.userKey ?? decisionId;
  return { ...weighed, user, copies, reward: valueNanos, moments: comparison.moments };
}
