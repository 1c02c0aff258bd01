import { demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import type { DecisionInputs } from '../contracts';
import { firstDifference } from '../contracts/first-difference';
import { FEATURE_COUNT } from '../features';
import { buildServingIndex } from '../matching';
import { normaliseRequest } from '../openrtb';
import { decideRequest, prepareRequest, replayDecision, ReplayError, type Infer } from './index';

const index = buildServingIndex(demoSnapshot());
const RATE_FEATURE = 21;

/** A model whose law depends on the request rate, with one weight. */
const modelOf =
  (weight: number): Infer =>
  (rows, rowCount) =>
    Promise.resolve(
      Float32Array.from({ length: rowCount * 2 }, (_, i) =>
        i % 2 === 1 ? 0.5 : 1 + weight * (rows[(i / 2) * FEATURE_COUNT + RATE_FEATURE] ?? 0),
      ),
    );
const model = modelOf(0.2);

async function decided(on = index): Promise<{ inputs: DecisionInputs[]; outputs: unknown[] }> {
  const raw = {
    id: 'r',
    site: {},
    user: { id: 'u' },
    imp: [
      { id: 'a', bidfloor: 0.5, banner: { w: 300, h: 250 } },
      { id: 'b', video: { mimes: ['video/mp4'], poddur: 60 } },
      { id: 'c', banner: { w: 728, h: 90 } },
    ],
  };
  const request = normaliseRequest(raw, exchangeOf(), on.snapshot.fx, hashUser, on.snapshot.layerSalt);
  const prepared = prepareRequest(on, request, contextOf({ rngCounter: 41 }), freshState());
  const decisions = decideRequest(on, prepared, await model(prepared.rows, prepared.rowCount), () => true);
  return JSON.parse(
    JSON.stringify({ inputs: decisions.map((one) => one.inputs), outputs: decisions.map((one) => one.outputs) }),
  ) as { inputs: DecisionInputs[]; outputs: unknown[] };
}

/** First output field that differs after `change`, over all impressions. */
async function differenceAfter(change: (input: DecisionInputs) => void, infer: Infer = model): Promise<string | null> {
  const { inputs, outputs } = await decided();
  inputs.forEach(change);
  const replayed = await replayDecision(index, inputs, infer);
  return firstDifference(outputs, JSON.parse(JSON.stringify(replayed)))?.pointer ?? null;
}

describe('replayDecision', () => {
  it('yields the logged outputs from inputs alone', async () => {
    expect(await differenceAfter(() => undefined)).toBeNull();
  });

  it('yields the outputs of a record from before deals were known in the form that they had', async () => {
    const { inputs, outputs } = await decided();
    for (const { request } of inputs) for (const impression of request.impressions) delete impression.deals;
    for (const one of outputs as { dealId?: unknown }[]) delete one.dealId;
    expect(JSON.parse(JSON.stringify(await replayDecision(index, inputs, model)))).toEqual(outputs);
  });

  it('repeats a decision taken under reward weights, whose version it names', async () => {
    const plain = demoSnapshot();
    const campaigns = Object.fromEntries(
      plain.campaigns.map(({ campaignId }) => [campaignId, { kMax: 1, epsilonBid: 0.1 }]),
    );
    const tuned = buildServingIndex({ ...plain, weights: { version: 7, campaigns } });
    const { inputs, outputs } = await decided(tuned);
    expect(inputs.map((input) => input.weightsVersion)).toEqual([7, 7, 7]);
    expect(JSON.parse(JSON.stringify(await replayDecision(tuned, inputs, model)))).toEqual(outputs);
  });

  it('does not depend on the order in which the records arrive', async () => {
    const { inputs, outputs } = await decided();
    const replayed = await replayDecision(index, [...inputs].reverse(), model);
    expect(JSON.parse(JSON.stringify([...replayed].reverse()))).toEqual(outputs);
  });

  it.each<[string, (input: DecisionInputs) => void]>([
    [
      'the floor',
      (input) => {
        for (const imp of input.request.impressions) imp.floorMicros += 10_000;
      },
    ],
    [
      'a feature that the model uses',
      (input) => {
        input.live.requestRate += 1;
      },
    ],
    [
      'the RNG counter',
      (input) => {
        input.rngCounter += 1;
      },
    ],
    [
      'the pacing multiplier',
      (input) => {
        for (const state of input.candidates) state.pacingMultiplier = 0.7;
      },
    ],
    [
      'the budget left',
      (input) => {
        for (const state of input.candidates) state.freeNanos = 0;
      },
    ],
    [
      'the time of day',
      (input) => {
        input.nowMs += 3_600_000;
      },
    ],
  ])('differs in a named field when %s changes', async (_name, change) => {
    expect(await differenceAfter(change)).toMatch(/^\/0\//);
  });

  it('differs when one model weight changes', async () => {
    expect(await differenceAfter(() => undefined, modelOf(0.2001))).not.toBeNull();
  });

  it('asks the model for the same rows in the same batch', async () => {
    const { inputs } = await decided();
    const batches: number[] = [];
    await replayDecision(index, inputs, (rows, rowCount) => {
      batches.push(rowCount);
      return model(rows, rowCount);
    });
    expect(batches).toEqual([2]);
  });

  it('refuses another snapshot, nothing, and two requests at once', async () => {
    const { inputs } = await decided();
    const code = (list: DecisionInputs[]) =>
      replayDecision(index, list, model).then(
        () => 'none',
        (error: unknown) => (error instanceof ReplayError ? error.code : 'other'),
      );
    const [first, second] = inputs as [DecisionInputs, DecisionInputs];
    expect(await code([])).toBe('NO_INPUTS');
    expect(await code([{ ...first, snapshotId: 'x' }])).toBe('OTHER_SNAPSHOT');
    expect(await code([first, { ...second, request: { ...second.request, requestId: 'x' } }])).toBe('NOT_ONE_REQUEST');
  });
});
