import { seededRandom } from '#domain/evaluation/seeded-random';
import { FEATURE_NAMES } from '#domain/features';
import { ballast, cloneModel, encodeWinModelOnnx, INFINITE_TO_NAN, plantFault, type WinModel } from '#domain/learning';

export const BAD_KINDS = ['value', 'nan', 'overspend', 'latency'] as const;
export type BadKind = (typeof BAD_KINDS)[number];
export type CanaryKind = BadKind | 'healthy';

/** One candidate of the drill. `size` says how bad it is, for people. */
export interface PlannedCanary {
  name: string;
  kind: CanaryKind;
  size: string;
  /** Model whose effect the simulator can tell, or null: outputs that are no numbers, or time alone. */
  model: WinModel | null;
  bytes: Uint8Array;
}

/** Requests per second of one edge at which every fault sleeps, and at which it is awake. */
export const CALM_PER_EDGE = 60;
export const AWAKE_PER_EDGE = 130;

const rateFeature = (requestsPerSecond: number): number => Math.log(1 + requestsPerSecond / 100);
const feature = (name: (typeof FEATURE_NAMES)[number]): number => FEATURE_NAMES.indexOf(name);
const SLEEPS_UNTIL = rateFeature(CALM_PER_EDGE + 0.4 * (AWAKE_PER_EDGE - CALM_PER_EDGE));
const AWAKE_FROM = rateFeature(CALM_PER_EDGE + 0.6 * (AWAKE_PER_EDGE - CALM_PER_EDGE));
/** Where each fault wakes, by the market's rate as an edge sees it. */
export const WAKING = {
  feature: feature('lnRequestRate'),
  threshold: AWAKE_FROM,
  width: AWAKE_FROM - SLEEPS_UNTIL,
};

/** Shift of mu (ln price) of the sizes: about - 50 to - 70 % value, and 2 to 3.5 times the spend at a third more value. */
const VALUE_SHIFT = [-0.75, -2] as const;
const OVERSPEND_SHIFT = [1, 3] as const;
/** Time added to a decision, as a multiple of the champion's own p99: what is asked for is + 50 %. */
const LATENCY_FACTOR = [0.5, 2] as const;
/** Where outputs are no numbers: everywhere, and on a part of the requests, from about 80 to 40 % of them. */
const NAN_PARTS = [null, 'exchange', 'isMobile', 'hasFloor', 'is300x250'] as const;
/** Weights of a healthy candidate differ from the champion's by about this much: other bytes, the same bids. */
const HARMLESS = 1e-4;

export interface PlantInputs {
  champion: WinModel;
  /** An example row of the most common exchange, to find its one-hot feature. */
  commonExchange: number;
  kinds: readonly BadKind[];
  /** Sizes of each kind; as many healthy ones are drawn as bad ones. */
  sizes: number;
  seed: number;
  /** The champion's p99 of inference and decision, µs, and what one layer of ballast takes, µs. */
  championP99Us: number;
  usPerLayer: number;
}

/** Every candidate of the drill, bad ones and healthy ones in turn. Same inputs, same bytes. */
export function plantCanaries(inputs: PlantInputs): PlannedCanary[] {
  const rng = seededRandom(inputs.seed);
  const between = ([low, high]: readonly [number, number], at: number): number =>
    low + ((at + rng()) / inputs.sizes) * (high - low);
  const planned: PlannedCanary[] = [];
  for (let size = 0; size < inputs.sizes; size++) {
    for (const kind of inputs.kinds) {
      planned.push(badCanary(inputs, kind, size, between));
      planned.push(healthyCanary(inputs.champion, rng, planned.length));
    }
  }
  return planned;
}

type Between = (range: readonly [number, number], at: number) => number;

function badCanary(inputs: PlantInputs, kind: BadKind, at: number, between: Between): PlannedCanary {
  const { champion } = inputs;
  const name = `${kind}-${at + 1}`;
  switch (kind) {
    case 'value':
    case 'overspend': {
      const muShift = between(kind === 'value' ? VALUE_SHIFT : OVERSPEND_SHIFT, at);
      const model = plantFault(champion, { ...WAKING, muShift });
      return { name, kind, size: `mu ${muShift.toFixed(2)}`, model, bytes: encodeWinModelOnnx(model) };
    }
    case 'nan': {
      const part = NAN_PARTS[at % NAN_PARTS.length]!;
      const onlyWhere = part === null ? undefined : part === 'exchange' ? inputs.commonExchange : feature(part);
      const model = plantFault(champion, { ...WAKING, muShift: 'infinite', onlyWhere });
      const bytes = encodeWinModelOnnx(model, INFINITE_TO_NAN);
      return { name, kind, size: part === null ? 'every request' : `where ${part}`, model: null, bytes };
    }
    case 'latency': {
      const addedUs = between(LATENCY_FACTOR, at) * inputs.championP99Us;
      const layers = Math.max(1, Math.round(addedUs / inputs.usPerLayer));
      const size = `+ ${Math.round((100 * addedUs) / inputs.championP99Us)} % of p99`;
      // The same weights would be the same bytes for every size of the same length: the name of a candidate is its content.
      return { name, kind, size, model: null, bytes: encodeWinModelOnnx(champion, ballast(layers, WAKING)) };
    }
  }
}

function healthyCanary(champion: WinModel, rng: () => number, number: number): PlannedCanary {
  const model = cloneModel(champion);
  for (const weights of [model.w1, model.w2, model.w3])
    for (let i = 0; i < weights.length; i++) weights[i] = Math.fround(weights[i]! * (1 + HARMLESS * (2 * rng() - 1)));
  const name = `healthy-${Math.ceil(number / 2)}`;
  return { name, kind: 'healthy', size: 'weights ± 0.01 %', model, bytes: encodeWinModelOnnx(model) };
}
