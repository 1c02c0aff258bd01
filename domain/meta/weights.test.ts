import fc from 'fast-check';
import { NEVER_TUNABLE, WEIGHT_NAMES, WEIGHTS, type WeightName } from '../contracts/weight-ranges';
import { boundedWeight, mayReach, reachableWeights, weightDistance, type WeightMove } from './weight-bounds';
import { judgeCampaignWeights, type CampaignWatch } from './weight-policy';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const starts = Object.fromEntries(WEIGHT_NAMES.map((name) => [name, WEIGHTS[name].start])) as Record<
  WeightName,
  number
>;

const watch = (changes: Partial<CampaignWatch> = {}): CampaignWatch => ({
  campaignId: 'cmp-1',
  impressions: 10_000,
  goalEvents: 400,
  spendNanos: 90e9,
  goalCostNanos: 100e9,
  plannedNanos: 95e9,
  repeats: 500,
  weights: starts,
  starts,
  moves: {},
  lastStep: null,
  reversedAtMs: null,
  ...changes,
});
const at = (changes: Partial<Record<WeightName, number>>) => ({ ...starts, ...changes });

describe('bounds of a weight', () => {
  it('never move more than 10 % in a day or 25 % in a week, nor leave the range, under any sequence', () => {
    const wishes = fc.array(
      fc.record({
        name: fc.constantFrom(...WEIGHT_NAMES),
        wanted: fc.double({ min: -5, max: 2000, noNaN: true }),
        waitHours: fc.double({ min: 0, max: 60, noNaN: true }),
        takeBack: fc.boolean(),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(wishes, (sequence) => {
        const values = { ...starts };
        const moves: Partial<Record<WeightName, WeightMove[]>> = {};
        const seen: Record<string, { atMs: number; value: number }[]> = {};
        let nowMs = 0;
        for (const { name, wanted, waitHours, takeBack } of sequence) {
          nowMs += waitHours * HOUR;
          const history = (moves[name] ??= []);
          const last = history.at(-1);
          const isReversal = takeBack && last !== undefined && last.to === values[name] && !('back' in last);
          const to = isReversal ? last.from : boundedWeight(name, values[name], wanted, history, nowMs);
          if (!isReversal) expect(mayReach(name, values[name], to, history, nowMs)).toBe(true);
          const move = { atMs: nowMs, from: values[name], to, ...(isReversal ? { back: true } : {}) };
          const states = (seen[name] ??= [{ atMs: 0, value: starts[name] }]);
          for (const [room, lengthMs] of [
            [Math.log(1.1), DAY],
            [Math.log(1.25), 7 * DAY],
          ] as const)
            states.forEach((state, index) => {
              const until = states[index + 1]?.atMs ?? nowMs;
              if (until > nowMs - lengthMs) expect(weightDistance(state.value, to)).toBeLessThanOrEqual(room + 1e-9);
            });
          expect(to).toBeGreaterThanOrEqual(WEIGHTS[name].least);
          expect(to).toBeLessThanOrEqual(WEIGHTS[name].most);
          if (to !== values[name]) history.push(move);
          values[name] = to;
          states.push({ atMs: nowMs, value: to });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('says what is reachable', () => {
    expect(reachableWeights('kMax', 3, [], 0).most).toBeCloseTo(3.3, 9);
    expect(reachableWeights('kMax', 3.9, [], 0).most).toBe(4);
    expect(reachableWeights('kMax', 3, [{ atMs: 0, from: 2.75, to: 3 }], HOUR).most).toBeCloseTo(3.025, 3);
    expect(mayReach('kMax', 3, 3.31, [], 0)).toBe(false);
    expect(reachableWeights('wFatigue', 0.0105, [], 0).least).toBe(0);
  });

  it('covers no weight that must never be tuned', () => {
    expect(WEIGHT_NAMES.filter((name) => (NEVER_TUNABLE as readonly string[]).includes(name))).toEqual([]);
    for (const name of WEIGHT_NAMES) {
      const { least, most, start } = WEIGHTS[name];
      expect(least <= start && start <= most).toBe(true);
    }
  });
});

describe('bounded dual ascent', () => {
  it('changes nothing while the interval contains the target', () => {
    expect(judgeCampaignWeights(watch({ spendNanos: 103e9 }), 0)).toBeNull();
    expect(judgeCampaignWeights(watch(), 0)).toBeNull();
  });

  it('lowers k_max while the goal costs too much, a little at a time, with its reason', () => {
    const step = judgeCampaignWeights(watch({ spendNanos: 150e9 }), 0)!;
    expect(step).toMatchObject({ kind: 'step', weight: 'kMax', from: 3 });
    expect(step.to).toBeLessThan(3);
    expect(weightDistance(3, step.to)).toBeLessThanOrEqual(Math.log(1.1) / 4 + 1e-12);
    expect(step.reason).toMatch(/cost is 1\.50 \(1\.36 to 1\.65\) times what the goal allows: k_max falls/);
  });

  it('raises k_max only when the goal is kept and spend is below its floor', () => {
    const poor = watch({ spendNanos: 60e9 });
    expect(judgeCampaignWeights(poor, 0)).toMatchObject({ weight: 'kMax' });
    expect(judgeCampaignWeights(poor, 0)!.to).toBeGreaterThan(3);
    expect(judgeCampaignWeights({ ...poor, weights: at({ spendFloor: 0.5 }) }, 0)).toBeNull();
    expect(judgeCampaignWeights({ ...poor, goalCostNanos: 61e9 }, 0)).toBeNull();
    expect(judgeCampaignWeights({ ...poor, plannedNanos: null }, 0)).toBeNull();
  });

  it('goes back to the policy’s value and no further when the violation is over', () => {
    let value = 2.9;
    let nowMs = 0;
    const moves: WeightMove[] = [];
    for (let window = 0; window < 500; window++) {
      nowMs += HOUR;
      const step = judgeCampaignWeights(
        watch({ spendNanos: 85e9, weights: at({ kMax: value }), moves: { kMax: moves } }),
        nowMs,
      );
      if (step === null) continue;
      expect(step.to).toBeGreaterThan(value);
      moves.push({ atMs: nowMs, from: value, to: step.to });
      value = step.to;
    }
    expect(value).toBeCloseTo(3, 6);
  });

  it('raises w_fatigue for repeated exposure, and takes the clearest violation of several', () => {
    expect(judgeCampaignWeights(watch({ repeats: 3000 }), 0)).toMatchObject({ weight: 'wFatigue' });
    expect(judgeCampaignWeights(watch({ repeats: 3000, spendNanos: 115e9 }), 0)).toMatchObject({ weight: 'wFatigue' });
    expect(judgeCampaignWeights(watch({ repeats: null }), 0)).toBeNull();
  });

  it('rests one pacing window after a change and a day after a reversal; says nothing on few events', () => {
    const dear = { spendNanos: 150e9 };
    const moved = { kMax: [{ atMs: 0, from: 3.01, to: 3 }] };
    expect(judgeCampaignWeights(watch({ ...dear, moves: moved }), 29 * 60_000)).toBeNull();
    expect(judgeCampaignWeights(watch({ ...dear, moves: moved }), 31 * 60_000)).not.toBeNull();
    expect(judgeCampaignWeights(watch({ ...dear, reversedAtMs: 0 }), DAY - 1)).toBeNull();
    expect(judgeCampaignWeights(watch({ ...dear, goalEvents: 29 }), 0)).toBeNull();
    expect(judgeCampaignWeights(watch({ ...dear, goalCostNanos: 0 }), 0)).toBeNull();
  });

  it('takes a step back when its guardrail fell clearly, not when it fell a little', () => {
    const lastStep = {
      weight: 'kMax' as const,
      move: { atMs: 0, from: 3, to: 3.05 },
      before: { impressions: 10_000, goalEvents: 400, spendNanos: 90e9 },
    };
    const now = { weights: at({ kMax: 3.05 }), lastStep, moves: { kMax: [lastStep.move] } };
    const fallen = judgeCampaignWeights(watch({ ...now, goalEvents: 200 }), HOUR);
    expect(fallen).toMatchObject({ kind: 'reversal', weight: 'kMax', from: 3.05, to: 3 });
    expect(fallen!.reason).toContain('goal events per spend fell by 50.0 %');
    expect(judgeCampaignWeights(watch({ ...now, goalEvents: 360, goalCostNanos: 90e9 }), HOUR)).toBeNull();
    expect(judgeCampaignWeights(watch({ ...now, goalEvents: 200 }), 10 * 60_000)).toBeNull();
  });

  it('keeps every bound and one change per campaign whatever it is shown', () => {
    const number = (max: number) => fc.double({ min: 0, max, noNaN: true });
    const seen = fc.record({
      impressions: number(1e6),
      goalEvents: number(1e5),
      spendNanos: number(1e12),
      goalCostNanos: number(1e12),
      plannedNanos: fc.option(number(1e12)),
      repeats: fc.option(number(1e6)),
    });
    fc.assert(
      fc.property(fc.array(seen, { minLength: 1, maxLength: 80 }), (windows) => {
        let weights = { ...starts };
        const moves: Partial<Record<WeightName, WeightMove[]>> = {};
        let lastStep: CampaignWatch['lastStep'] = null;
        let reversedAtMs: number | null = null;
        windows.forEach((window, index) => {
          const nowMs = index * 20 * 60_000;
          const step = judgeCampaignWeights(
            watch({ ...window, weights, starts, moves, lastStep, reversedAtMs }),
            nowMs,
          );
          if (step === null) return;
          expect(step.to).toBeGreaterThanOrEqual(WEIGHTS[step.weight].least);
          expect(step.to).toBeLessThanOrEqual(WEIGHTS[step.weight].most);
          const history = (moves[step.weight] ??= []);
          if (step.kind === 'step') expect(mayReach(step.weight, step.from, step.to, history, nowMs)).toBe(true);
          const move = { atMs: nowMs, from: step.from, to: step.to };
          history.push(move);
          weights = { ...weights, [step.weight]: step.to };
          lastStep = step.kind === 'step' ? { weight: step.weight, move, before: step.before } : null;
          if (step.kind === 'reversal') reversedAtMs = nowMs;
        });
      }),
    );
  });
});
