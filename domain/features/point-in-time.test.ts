import { pointInTimeFeatures, type DecisionFact, type OutcomeFact } from './point-in-time';

const decision = (id: string, atMs: number, over: Partial<DecisionFact> = {}): DecisionFact => ({
  ...{ decision_id: id, decided_at_ms: atMs, edge_id: 'e', user_key: 'u' },
  ...{ history_state: 'known', history_scope: 'edge' },
  ...over,
});
const outcome = (
  of: string,
  kind: OutcomeFact['kind'],
  atMs: number,
  over: Partial<OutcomeFact> = {},
): OutcomeFact => ({
  ...{ outcome_id: `${of}:${kind}`, decision_id: of, kind, at_ms: atMs, is_test: false },
  ...over,
});

describe('a point-in-time join', () => {
  const decisions = [decision('a', 1000), decision('b', 60_000), decision('c', 120_000)];
  const outcomes = [outcome('a', 'bill', 2000), outcome('a', 'click', 5000), outcome('b', 'bill', 61_000)];

  it('gives each decision what was accepted before it, and nothing later', () => {
    const values = pointInTimeFeatures(decisions, outcomes);
    expect(values.get('a')).toMatchObject({ exposures7d: 0, secondsSinceExposure: null, clicks7d: 0 });
    expect(values.get('b')).toMatchObject({ exposures7d: 1, secondsSinceExposure: 58, clicksSinceExposure: 1 });
    expect(values.get('c')).toMatchObject({
      exposures7d: 2,
      secondsSinceExposure: 59,
      clicksSinceExposure: 0,
      clicks7d: 1,
    });
  });

  it('does not care for order and repetition of rows', () => {
    const shuffled = [...outcomes, ...outcomes].reverse();
    expect(pointInTimeFeatures([...decisions].reverse(), shuffled).get('c')).toEqual(
      pointInTimeFeatures(decisions, outcomes).get('c'),
    );
  });

  it('leaves out wins, losses, views, conversions, tests and what belongs to no decision', () => {
    const others = [
      ...(['win', 'loss', 'view', 'conversion'] as const).map((kind) => outcome('a', kind, 3000)),
      outcome('a', 'bill', 3000, { outcome_id: 't', is_test: true }),
      outcome('nowhere', 'bill', 3000),
    ];
    expect(pointInTimeFeatures(decisions, others).get('c')).toMatchObject({ exposures7d: 0, clicks7d: 0 });
  });

  it('neither reads nor counts where a profile is not allowed, there is no user, or no history was kept', () => {
    const silent = [
      decision('x', 1000, { history_state: 'not-allowed' }),
      decision('y', 1000, { user_key: null }),
      decision('z', 1000, { history_state: null }),
    ];
    const values = pointInTimeFeatures(
      [...silent, decision('c', 120_000)],
      silent.map(({ decision_id: id }) => outcome(id, 'bill', 2000)),
    );
    expect([...values.keys()]).toEqual(['c']);
    expect(values.get('c')).toMatchObject({ exposures7d: 0 });
  });

  it('counts what one edge keeps apart from another, and what they share together', () => {
    const of = (scope: 'edge' | 'fleet') =>
      pointInTimeFeatures(
        [decision('a', 1000, { history_scope: scope }), decision('b', 9000, { edge_id: 'f', history_scope: scope })],
        [outcome('a', 'bill', 2000)],
      ).get('b');
    expect(of('edge')).toMatchObject({ exposures7d: 0 });
    expect(of('fleet')).toMatchObject({ exposures7d: 1 });
  });

  it('counts what came of decisions whose store could not be asked', () => {
    const late = decision('l', 1000, { history_state: 'late' });
    const values = pointInTimeFeatures([late, decision('c', 120_000)], [outcome('l', 'bill', 2000)]);
    expect(values.get('c')).toMatchObject({ exposures7d: 1 });
  });
});
