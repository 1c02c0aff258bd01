import type { DecisionRecord } from '../contracts/decision-record';
import type { Outcome } from '../contracts/outcome';
import type { UserFeatures } from '../contracts/user-features';

/** What became of a decision, as far as explaining it needs. */
export type KnownOutcome = Pick<Outcome, 'kind' | 'priceNanos' | 'minToWinMicros' | 'lossReason'>;

/** CPM micros as `2.31 USD CPM`; the price of one impression in nanos is the same number. */
const cpm = (micros: number) => `${(micros / 1e6).toFixed(2)} USD CPM`;
const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

/** Why we bid, or did not, and what came of it: one sentence for people, from the record alone. */
export function explainDecision(record: DecisionRecord, outcomes: readonly KnownOutcome[]): string {
  const why = record.outputs.noBidReason === null ? explainBid(record) : explainNoBid(record);
  const came = record.outputs.noBidReason === null ? explainOutcome(outcomes, impressionsOf(record)) : '';
  return `${why}${explainUser(record.inputs.userFeatures)}${came}.`;
}

/** What the decision knew of the user, where a store was asked. */
function explainUser(user: UserFeatures | undefined): string {
  if (user === undefined || user.state === 'not-asked' || user.state === 'not-allowed') return '';
  if (user.values === null) return `; what the user saw before was not known (${user.state})`;
  const { exposures24h, exposures7d, secondsSinceExposure, clicks7d } = user.values;
  if (secondsSinceExposure === null) return '; the user saw none of our ads in 7 d';
  const last = `the last ${secondsSinceExposure} s before`;
  return `; the user saw ${exposures24h} of our ads in 24 h and ${exposures7d} in 7 d, ${last}, and clicked ${clicks7d}`;
}

function explainBid({ inputs, outputs }: DecisionRecord): string {
  const { counterfactual, agents, campaignId, creativeId, size, bidMicros } = outputs;
  const what = `Bid ${cpm(bidMicros)} for campaign ${campaignId} with creative ${creativeId} (${size ?? 'no size'})`;
  if (!counterfactual || !agents) return `${what} as the campaign's safe bid, because the agents could not decide`;
  const { pCtr, vMicros, vPrimeMicros, psi, k, kFrom, expectedWinProbability } = counterfactual;
  const value = `because an impression is worth v = ${cpm(vMicros)} at a click chance of ${percent(pCtr)}`;
  const limits = `k = ${k.toFixed(3)} from ${kFrom} and fatigue ψ = ${psi.toFixed(3)} make v′ = ${cpm(vPrimeMicros)}`;
  const { mode } = agents.bid;
  const how = mode === 'model' ? `the win model` : mode === 'overruled' ? 'another agent' : `the ${mode} rule`;
  const floorMicros = inputs.request.impressions[inputs.impIndex]?.floorMicros ?? 0;
  const floor = floorMicros > 0 ? `, above the floor of ${cpm(floorMicros)}` : '';
  const priced =
    inputs.request.auctionType === 1
      ? `shaded from v′ by ${how} to a win chance of ${percent(expectedWinProbability)}${floor}`
      : `bid unshaded because the auction is second price${floor}`;
  const conflicts = outputs.conflicts.map(({ rule, winner, loser }) => `${winner} over ${loser} by ${rule}`);
  const overruled = conflicts.length > 0 ? `; overruled: ${conflicts.join(', ')}` : '';
  return `${what}, ${value}; ${limits}; ${priced}${overruled}`;
}

function explainNoBid({ inputs, outputs }: DecisionRecord): string {
  const { veto } = inputs.request;
  const removed = Object.entries(outputs.filtered)
    .filter((entry): entry is [string, number] => (entry[1] ?? 0) > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} removed ${count}`);
  const filters = removed.length > 0 ? `; of the candidates ${removed.join(', ')}` : '';
  const value = outputs.counterfactual
    ? `; the best one was worth v′ = ${cpm(outputs.counterfactual.vPrimeMicros)}`
    : '';
  const floorMicros = inputs.request.impressions[inputs.impIndex]?.floorMicros ?? 0;
  const floor = outputs.noBidReason === 'below-floor' ? ` against a floor of ${cpm(floorMicros)}` : '';
  return `No bid, because ${veto ? `the whole request is vetoed (${veto})` : String(outputs.noBidReason)}${value}${floor}${filters}`;
}

/** Impressions that one showing was counted and paid for. */
const impressionsOf = ({ inputs }: DecisionRecord): number =>
  inputs.request.impressions[inputs.impIndex]?.quantity ?? 1;

function explainOutcome(outcomes: readonly KnownOutcome[], quantity: number): string {
  const of = (kind: KnownOutcome['kind']) => outcomes.find((outcome) => outcome.kind === kind);
  const paid = of('bill') ?? of('win');
  const loss = of('loss');
  const parts: string[] = [];
  if (paid) parts.push(`won at ${cpm(paid.priceNanos / quantity)}${of('bill') ? ' and billed' : ''}`);
  else if (loss) parts.push(lossText(loss));
  if (of('view')) parts.push('seen');
  if (of('click')) parts.push('clicked');
  if (of('conversion')) parts.push('converted');
  else if (of('outside-window')) parts.push('converted when its window was over');
  return parts.length > 0 ? `; ${parts.join(', ')}` : '; no notice so far';
}

function lossText({ lossReason, minToWinMicros }: KnownOutcome): string {
  const reason = lossReason === null ? '' : ` (reason ${lossReason})`;
  return `lost${reason}${minToWinMicros === null ? '' : `, ${cpm(minToWinMicros)} would have won`}`;
}
