import { modelManifestSchema } from '#domain/contracts';
import { FEATURE_COUNT, FEATURE_NAMES } from '#domain/features';
import type { WinRow } from '#domain/learning';
import { featureDrift } from '#domain/meta';
import { freezeModelBins } from './freeze-model-bins';

const rows = (count: number, shift = 0): WinRow[] =>
  Array.from({ length: count }, (_, i) => ({
    features: Float32Array.from(
      { length: FEATURE_COUNT },
      (_unused, column) => ((i * 37) % 101) / 100 + column + shift,
    ),
    bidMicros: 1000,
    won: i % 2 === 0,
    minToWinMicros: null,
  }));

/** Answers mu = first feature, sigma = 1. */
const session = {
  run: async (flat: Float32Array, count: number) =>
    Float32Array.from({ length: count * 2 }, (_, i) => (i % 2 === 0 ? flat[(i / 2) * FEATURE_COUNT]! : 1)),
};

describe('drift bins of a model', () => {
  it('hold every input and both predictions, and fit the manifest', async () => {
    const bins = (await freezeModelBins(session, rows(3000)))!;
    expect(bins.inputs.map((bin) => bin.name)).toEqual([...FEATURE_NAMES]);
    expect(bins.predictions.map((bin) => bin.name)).toEqual(['mu', 'sigma']);
    expect(bins.predictions[0]!.edges).toEqual(bins.inputs[0]!.edges);
    expect(bins.predictions[1]!).toMatchObject({ edges: [], shares: [1], n: 3000 });
    expect(modelManifestSchema.shape.driftBins.parse(JSON.parse(JSON.stringify(bins)))).toEqual(bins);
  });

  it('find no drift in their own rows, and drift in shifted ones', async () => {
    const bins = (await freezeModelBins(session, rows(3000)))!;
    const first = (shift: number) => rows(1000, shift).map((row) => row.features[0]!);
    expect(featureDrift(bins.inputs[0]!, first(0))).toMatchObject({ effect: 'none', isSignificant: false });
    expect(featureDrift(bins.inputs[0]!, first(0.5))).toMatchObject({ effect: 'large', isSignificant: true });
  });

  it('thin long windows, survive a model of NaN and an empty window', async () => {
    expect((await freezeModelBins(session, rows(40_001)))!.inputs[0]!.n).toBeLessThanOrEqual(20_000);
    const broken = { run: async (_: Float32Array, count: number) => new Float32Array(count * 2).fill(NaN) };
    expect((await freezeModelBins(broken, rows(10)))!.predictions[0]).toMatchObject({ shares: [1] });
    expect(await freezeModelBins(session, [])).toBeNull();
  });
});
