/** Verdict on a shadow's decisions: pure. Narrow: health only, since a shadow has no outcomes. */
import type { PlanStage } from '#domain/contracts';
import type { ShadowSummary } from '../../activities/rollout-activities';
import type { ShadowEvidence } from '../messages';

/** Highest share of shadow decisions that may fail or leave the believable range. */
const MAX_ERROR_SHARE = 0.01;
/** Latency budget of the model stage in the shadow, microseconds (a tenth of a 120 ms tmax less network). */
const MAX_LATENCY_US_P99 = 10_000;

/** `isLast` = the stage's time is over: too little data is then `no-data`, never a pass. */
export function judgeShadow(summary: ShadowSummary, stage: PlanStage, isLast: boolean): ShadowEvidence {
  const { n } = summary;
  const bad = n === 0 ? 0 : (summary.errors + summary.outOfBounds) / n;
  const facts =
    `${n} decisions, ${summary.errors} errors, ${summary.outOfBounds} out of bounds, p99 ${Math.round(summary.latencyUsP99)} µs, ` +
    `bids at ${summary.meanBidRatio.toFixed(3)} of the champion's`;
  const done = (verdict: ShadowEvidence['verdict'], why: string): ShadowEvidence => ({
    ...summary,
    verdict,
    reason: `${why}: ${facts}`,
    digest: digestOf(`${stage.shareBps}|${verdict}|${facts}|${summary.meanSurplusDifferenceMicros}`),
  });
  if (n >= 100 && bad > MAX_ERROR_SHARE) return done('fail', 'too many faults');
  if (n < Math.max(1, stage.minDecisions)) {
    return isLast ? done('no-data', 'too few decisions') : done('continue', 'still collecting');
  }
  if (summary.latencyUsP99 > MAX_LATENCY_US_P99) return done('fail', 'too slow');
  return done('pass', 'healthy');
}

/** FNV-1a, 64 bits as two halves: names the evidence that an approval was given on. */
function digestOf(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x01000193;
  for (let i = 0; i < text.length; i += 1) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(text.length - 1 - i), 0x85ebca6b);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
}
