import type { ExperimentPlan, Readout } from '../contracts';
import { spoken } from '../rollout/look-sentence';
import { METRIC_CATALOGUE } from '../rollout/metric-catalogue';

const signed = (share: number): string => `${share >= 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;

/** "value is +3.2 % (0.61 against 0.59 USD per 1,000 eligible requests), 95 % interval -1.0 % to +7.4 %, after 3.0 days of 14.0 days". */
export function readoutSentence(
  { treatment, control, relative, p, alpha }: Readout,
  plan: Pick<ExperimentPlan, 'primary' | 'horizonSeconds'>,
  servedSeconds: number,
): string {
  const { scale, unit } = METRIC_CATALOGUE[plan.primary];
  const show = (value: number) => (value * scale).toPrecision(3);
  const low = relative.lower === null ? 'no lower bound' : signed(relative.lower);
  const high = relative.upper === null ? 'no upper bound' : signed(relative.upper);
  return (
    `${plan.primary} is ${signed(relative.estimate)} in the treatment (${show(treatment)} against ${show(control)} ${unit}), ` +
    `${Number(((1 - alpha) * 100).toFixed(1))} % interval ${low} to ${high}, p ${p.toPrecision(2)}, ` +
    `after ${spoken(servedSeconds)} of ${spoken(plan.horizonSeconds)}`
  );
}
