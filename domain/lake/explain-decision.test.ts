import type { UserFeatures } from '../contracts/user-features';
import { explainDecision } from './explain-decision';
import { sampleEvents } from './sample-events';

const traffic = { startMs: 1_763_942_400_000, requestsPerSecond: 40, rng: () => 0.3 };
const { decision } = [...sampleEvents(traffic, 1)][0]!;

describe('explainDecision', () => {
  it('says what was bid, what it was worth, which limit was tightest, how it was shaded and what came of it', () => {
    const bill = { kind: 'bill' as const, priceNanos: 1_700_000, minToWinMicros: null, lossReason: null };
    expect(explainDecision(decision, [bill])).toBe(
      'Bid 1.70 USD CPM for campaign camp-a with creative camp-a-1 (300x250), because an impression is worth v = 8.00 USD CPM ' +
        'at a click chance of 8.0 %; k = 0.970 from budget and fatigue ψ = 0.900 make v′ = 7.00 USD CPM; shaded from v′ by the ' +
        'win model to a win chance of 47.0 %, above the floor of 0.25 USD CPM; won at 1.70 USD CPM and billed.',
    );
    expect(explainDecision(decision, [])).toMatch(/; no notice so far\.$/);
    const loss = { kind: 'loss' as const, priceNanos: 0, minToWinMicros: 2_500_000, lossReason: 102 };
    expect(explainDecision(decision, [loss])).toMatch(/; lost \(reason 102\), 2\.50 USD CPM would have won\.$/);
  });

  it('says what was known of the user, and that it was not known where the store could not tell', () => {
    const values = {
      ...{ exposures10m: 0, exposures1h: 1, exposures6h: 1, exposures24h: 2, exposures3d: 4, exposures7d: 5 },
      ...{ secondsSinceExposure: 1800, clicksSinceExposure: 0, clicks7d: 1 },
    };
    const explain = (user: Omit<UserFeatures, 'scope'>) =>
      explainDecision({ ...decision, inputs: { ...decision.inputs, userFeatures: { ...user, scope: 'edge' } } }, []);
    expect(explain({ state: 'known', values })).toMatch(
      /; the user saw 2 of our ads in 24 h and 5 in 7 d, the last 1800 s before, and clicked 1; no notice/,
    );
    const unseen = { ...values, exposures7d: 0, secondsSinceExposure: null };
    expect(explain({ state: 'known', values: unseen })).toMatch(/; the user saw none of our ads in 7 d; no notice/);
    expect(explain({ state: 'late', values: null })).toMatch(/; what the user saw before was not known \(late\); no/);
    expect(explain({ state: 'not-allowed', values: null })).not.toMatch(/user/);
  });

  it('names the reason of a no-bid and how many candidates each filter removed', () => {
    const outputs = { ...decision.outputs, noBidReason: 'below-floor' as const };
    expect(explainDecision({ ...decision, outputs }, [])).toBe(
      'No bid, because below-floor; the best one was worth v′ = 7.00 USD CPM against a floor of 0.25 USD CPM; of the candidates ' +
        'geo removed 3, creative-size removed 2.',
    );
  });
});
