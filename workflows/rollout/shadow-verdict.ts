/** Verdict on a shadow's decisions: pure. Narrow: health only; differences are shown, since a shadow has no outcomes of its own. */
import type { PlanStage } from '#domain/contracts';
import { ABSOLUTE_BUDGET_US, judgeLatency } from '#domain/rollout/shadow-latency';
import type { ShadowMean, ShadowPairs } from '#domain/rollout/shadow-pairs';
import type { ShadowSummary } from '../../activities/rollout-activities';
import type { ShadowEvidence } from '../messages';

/** Highest share of a shadow's own decisions that may fail or leave the believable range. */
const MAX_ERROR_SHARE = 0.01;

type Finding = [ShadowEvidence['verdict'], string];

/**
 * Faults, then the sample, then calibration, then the model stage's latency against the champion's on the same requests. `isLast` = the
 * stage's time is over: too little data is then `no-data`, never a pass.
 */
export function judgeShadow(summary: ShadowSummary, stage: PlanStage, isLast: boolean): ShadowEvidence {
  const { pairs } = summary;
  if (pairs === undefined) return judgeShadowAlone(summary, stage, isLast);
  const finding =
    judgeSample(summary, stage, isLast) ?? judgeCalibration(pairs) ?? judgeSpeed(summary, pairs, isLast) ?? healthy();
  return evidenceOf(summary, stage, finding, `${factsOf(summary)}; ${pairedFacts(pairs)}`);
}

/** The rule of shadows that started before their decisions were compared in pairs: latency against a fixed budget. */
export function judgeShadowAlone(summary: ShadowSummary, stage: PlanStage, isLast: boolean): ShadowEvidence {
  const isSlow = summary.latencyUsP99 > ABSOLUTE_BUDGET_US;
  const finding = judgeSample(summary, stage, isLast) ?? (isSlow ? (['fail', 'too slow'] as Finding) : healthy());
  return evidenceOf(summary, stage, finding, factsOf(summary));
}

const healthy = (): Finding => ['pass', 'healthy'];

function judgeSample({ n, errors, outOfBounds }: ShadowSummary, stage: PlanStage, isLast: boolean): Finding | null {
  const bad = n === 0 ? 0 : (errors + outOfBounds) / n;
  if (n >= 100 && bad > MAX_ERROR_SHARE) return ['fail', 'too many faults'];
  if (n >= Math.max(1, stage.minDecisions)) return null;
  return isLast ? ['no-data', 'too few decisions'] : ['continue', 'still collecting'];
}

function judgeCalibration({ calibration }: ShadowPairs): Finding | null {
  return calibration?.verdict === 'beyond' ? ['fail', 'win predictions far from what happened'] : null;
}

/** A p99 over the budget that chance explains gets the stage's whole time; the burden of proof is then the candidate's. */
function judgeSpeed({ latencyUsP99 }: ShadowSummary, { latency }: ShadowPairs, isLast: boolean): Finding | null {
  const finding = judgeLatency(latencyUsP99, latency);
  if (finding === 'within') return null;
  if (finding === 'too-slow' || isLast) return ['fail', 'too slow'];
  return ['continue', 'perhaps too slow, collecting more'];
}

function evidenceOf(summary: ShadowSummary, stage: PlanStage, [verdict, why]: Finding, facts: string): ShadowEvidence {
  return {
    ...summary,
    verdict,
    reason: `${why}: ${facts}`,
    digest: digestOf(`${stage.shareBps}|${verdict}|${facts}|${summary.meanSurplusDifferenceMicros}`),
  };
}

const factsOf = ({ n, errors, outOfBounds, latencyUsP99, meanBidRatio }: ShadowSummary): string =>
  `${n} decisions, ${errors} errors, ${outOfBounds} out of bounds, p99 ${Math.round(latencyUsP99)} µs, ` +
  `bids at ${meanBidRatio.toFixed(3)} of the champion's`;

function pairedFacts({ n, users, bidRatio, surplusMicros, latency, calibration }: ShadowPairs): string {
  const facts = [
    `the champion's p99 ${Math.round(latency.championUsP99)} µs on the same requests, budget ${Math.round(latency.budgetUs)} µs`,
    `${n} pairs of ${users} users: bid ${interval(bidRatio, (x) => `${(100 * x).toFixed(2)} %`)}, expected surplus ` +
      interval(surplusMicros, (x) => `${x.toFixed(0)} micros`),
  ];
  if (calibration !== null) {
    const shares = `predicted ${percent(calibration.predictedWinShare)}, won ${percent(calibration.observedWinShare)}`;
    const ratio = interval(calibration.candidate?.ratio ?? null, (x) => x.toFixed(3));
    facts.push(
      `calibration ${calibration.verdict} on ${calibration.n} mature bids` +
        (calibration.n === 0 ? '' : `: ${shares}, won per predicted ${ratio}, ECE ${percent(calibration.ece)}`),
    );
  }
  return facts.join('; ');
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const interval = (mean: ShadowMean | null, text: (value: number) => string): string =>
  mean === null ? 'not known' : `${text(mean.mean)} (95 %: ${text(mean.lower)} to ${text(mean.upper)})`;

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
