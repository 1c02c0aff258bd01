import { decideLog, fewCampaigns, shiftedLaw } from '../../test/fixtures/bid-log';
import { freshState } from '../../test/fixtures/decision-scene';
import { baselinePolicies } from '../../test/fixtures/demo-snapshot';
import type { DecisionInputs } from '../contracts/decision-record';
import { buildServingIndex } from '../matching';
import { answerLaw, decideRequest, prepareRequest } from './index';

/** Exploration often enough to be seen; Creative draws nothing, so that only prices are random. */
const champion = baselinePolicies({ bid: { epsilon: 0.4 }, creative: { epsilon: 0 } });
const lawOf = shiftedLaw(0);

/** How often each answer is given when the same impression is decided under many draws. */
function frequencies(index: ReturnType<typeof buildServingIndex>, inputs: DecisionInputs, times: number) {
  const counts = new Map<string, number>();
  for (let rngCounter = 0; rngCounter < times; rngCounter += 1) {
    const prepared = prepareRequest(index, inputs.request, { ...inputs, engine: 'onnx', rngCounter }, freshState());
    const { mu, sigma } = lawOf(prepared.rows);
    const [decision] = decideRequest(index, prepared, Float32Array.of(mu, sigma), () => true);
    const { campaignId, bidMicros } = decision!.outputs;
    const key = `${campaignId}|${bidMicros}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

describe('the law of an impression’s answer', () => {
  it('with one candidate is the logged mass of the price', () => {
    const snapshot = fewCampaigns(1, { champion });
    const index = buildServingIndex(snapshot);
    const records = decideLog(snapshot, 120, lawOf);
    expect(records.length).toBeGreaterThan(60);
    expect(new Set(records.map(({ outputs }) => outputs.propensity!.gridMass > 0.5))).toEqual(new Set([true, false]));
    for (const { inputs, outputs } of records) {
      const answers = answerLaw(index, inputs, lawOf(outputs.features));
      const logged = answers.find(({ priceMicros }) => priceMicros === outputs.bidMicros)!;
      expect(logged.probability).toBeCloseTo(outputs.propensity!.gridMass, 12);
      expect(logged).toMatchObject({ campaignId: outputs.campaignId, creativeId: outputs.creativeId });
      const { psi, vMicros } = outputs.counterfactual!;
      expect(logged.expectedValue).toBeCloseTo(psi * vMicros, 6);
    }
  });

  it('with several candidates is how often each answers at each price', () => {
    const snapshot = fewCampaigns(4, { champion });
    const index = buildServingIndex(snapshot);
    const [record] = decideLog(snapshot, 1, lawOf);
    const { inputs, outputs } = record!;
    const answers = answerLaw(index, inputs, lawOf(outputs.features));
    expect(answers.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    const times = 1500;
    const counts = frequencies(index, inputs, times);
    // More than one campaign answers: the mass of the price alone would not be its probability.
    expect(new Set([...counts.keys()].map((key) => key.split('|')[0])).size).toBeGreaterThan(1);
    let chi2 = 0;
    let cells = 0;
    for (const { campaignId, priceMicros, probability } of answers) {
      const expected = probability * times;
      if (expected < 5) continue;
      cells += 1;
      chi2 += ((counts.get(`${campaignId}|${priceMicros}`) ?? 0) - expected) ** 2 / expected;
    }
    expect(cells).toBeGreaterThan(6);
    // Mean cells, standard deviation √(2·cells): four of them above is chance in 1 of 10,000.
    expect(chi2).toBeLessThan(cells + 4 * Math.sqrt(2 * cells));
  });

  it('is one answer without exploration, and none for a campaign that lost its reservation', () => {
    const state = freshState({ explorationLeft: () => 0 });
    const snapshot = fewCampaigns(4, { champion });
    const index = buildServingIndex(snapshot);
    for (const { inputs, outputs } of decideLog(snapshot, 20, lawOf, { state })) {
      const { campaignId, creativeId, bidMicros: priceMicros } = outputs;
      const answers = answerLaw(index, inputs, lawOf(outputs.features));
      expect(answers).toMatchObject([{ campaignId, creativeId, priceMicros, probability: 1 }]);
      const candidates = inputs.candidates.map((candidate) =>
        candidate.campaignId === campaignId ? { ...candidate, lostRace: true as const } : candidate,
      );
      const [next] = answerLaw(index, { ...inputs, candidates }, lawOf(outputs.features));
      expect(next!.campaignId).toBe(outputs.losingCampaigns[0]!.campaignId);
    }
  });

  it('follows the law, the policy and the mode that the record names', () => {
    const snapshot = fewCampaigns(4, { champion });
    const index = buildServingIndex(snapshot);
    const [record] = decideLog(snapshot, 1, lawOf);
    const { inputs, outputs } = record!;
    const law = lawOf(outputs.features);
    const best = (answers: ReturnType<typeof answerLaw>) =>
      answers.reduce((a, b) => (b.probability > a.probability ? b : a));
    expect(best(answerLaw(index, inputs, { ...law, mu: law.mu + 0.5 })).priceMicros).toBeGreaterThan(
      best(answerLaw(index, inputs, law)).priceMicros,
    );
    const shaded = answerLaw(index, { ...inputs, inferenceMode: 'heuristics' }, law);
    expect(shaded).toEqual(answerLaw(index, inputs, null));
    expect(shaded).toMatchObject([{ probability: 1 }]);
    expect(answerLaw(index, { ...inputs, quarantined: ['bid'] }, law)).toEqual(shaded);
    const narrow = { ...champion, bid: { ...champion.bid, params: { ...champion.bid.params, epsilon: 0 } } };
    expect(answerLaw(buildServingIndex({ ...snapshot, champion: narrow }), inputs, law)).toHaveLength(1);
  });
});
