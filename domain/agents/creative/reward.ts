/**
 * Local reward of one shown creative, in the unit of `clickValue`: value of its click and of its delayed conversion, less the
 * price of repeating itself (agents.md, "Global objective and local rewards").
 */
export function creativeReward(
  outcome: { clicks: number; conversions: number; repeatedExposures: number },
  worth: { clickValue: number; conversionValue: number },
  wFatigue: number,
): number {
  return (
    outcome.clicks * worth.clickValue +
    outcome.conversions * worth.conversionValue -
    wFatigue * outcome.repeatedExposures * worth.clickValue
  );
}
