import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import { predictLaw, WIN_NET, type WinModel } from './win-model';

/** Golden inputs and outputs of a model, spread around its training distribution; the edge runs them before it goes live. */
export function paritySamples(model: WinModel, k: number, seed: number): { input: number[]; output: number[] }[] {
  const normal = seededNormal(seededRandom(seed));
  return Array.from({ length: k }, () => {
    const input = Array.from({ length: WIN_NET.inputs }, (_, i) =>
      Math.fround(model.mean[i] + normal() / (model.scale[i] || 1)),
    );
    const { mu, sigma } = predictLaw(model, input);
    return { input, output: [mu, sigma] };
  });
}
