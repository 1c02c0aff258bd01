import { defaultPlan } from '../contracts';
import { anytimeHalfWidth, priorVarianceFor } from '../evaluation/confidence-sequence';
import { inferiorAlphaOf, plannedStandardError, relativePriorVariance } from './design-effect';

const plan = defaultPlan('p');

describe('what a plan fixes before its start', () => {
  it('has tau² at half the planned information: se*² = 2 se_final²', () => {
    const final = plannedStandardError(plan);
    expect(relativePriorVariance(plan)).toBeCloseTo(priorVarianceFor(Math.SQRT2 * final, plan.alpha, 'one'), 15);
  });

  it('plans the standard error at which half-width and 95 % power fit between effect and margin', () => {
    const final = plannedStandardError(plan);
    const halfWidth = anytimeHalfWidth(final, relativePriorVariance(plan), plan.alpha, 'one');
    expect(halfWidth + 1.6448536269514722 * final).toBeCloseTo(0.05, 12);
  });

  it('shares alpha over ratio guardrails, the primary and segments, not over signals and system metrics', () => {
    expect(inferiorAlphaOf(plan)).toBe(0.05 / 2);
    const segment = {
      by: 'country' as const,
      value: 'DEU',
      metric: 'ctr' as const,
      margin: 0.05,
      action: 'warn' as const,
    };
    expect(inferiorAlphaOf({ ...plan, segmentGuardrails: [segment, { ...segment, value: 'FRA' }] })).toBe(0.05 / 4);
  });
});
