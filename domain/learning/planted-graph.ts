import { WIN_INPUT, type GraphTail } from './onnx-graph';
import { floats, integer, longs, node } from './onnx-proto';
import { WIN_NET } from './win-model';

/** Values in the ballast when it is fully awake: one pass over them takes some tens of microseconds. */
const BALLAST = 2048;
const TO_INT64 = 7;

/** When the ballast weighs something. */
export interface BallastWaking {
  /** Index of the feature whose value wakes it. */
  feature: number;
  /** Feature value above which it weighs all it can; it starts `width` below. */
  threshold: number;
  width: number;
}

/**
 * For drills: layers that compute nothing but time. A slice of zeros goes through `layers` passes of softplus and is weighed by zero at the
 * end, so the law stays what it was, to the bit. How long the slice is, the highest value of one feature in the batch says: a single
 * number below the threshold, all of them above it. Passes have no weights: a runtime keeps a packed copy of those for every node.
 */
export function ballast(layers: number, { feature, threshold, width }: BallastWaking): GraphTail {
  return {
    initializer: [
      floats('ballast', [1, BALLAST], new Float32Array(BALLAST)),
      longs('ballastFeature', [feature]),
      longs('ballastFrom', [0]),
      longs('ballastTo', [1]),
      longs('ballastAxis', [1]),
      floats('ballastAsleep', [1], [threshold - width]),
      floats('ballastPerFeature', [1], [BALLAST / width]),
      floats('ballastLeast', [1], [1]),
      floats('ballastMost', [1], [BALLAST]),
      floats('ballastWeight', [1, WIN_NET.outputs], new Float32Array(WIN_NET.outputs)),
    ],
    node: [
      node('Gather', [WIN_INPUT, 'ballastFeature'], ['waking'], [integer('axis', 1)]),
      node('ReduceMax', ['waking'], ['wakingMost']),
      node('Reshape', ['wakingMost', 'ballastTo'], ['wakingOne']),
      node('Sub', ['wakingOne', 'ballastAsleep'], ['wakingAbove']),
      node('Mul', ['wakingAbove', 'ballastPerFeature'], ['lengthRaw']),
      node('Max', ['lengthRaw', 'ballastLeast'], ['lengthLow']),
      node('Min', ['lengthLow', 'ballastMost'], ['lengthFloat']),
      node('Cast', ['lengthFloat'], ['length'], [integer('to', TO_INT64)]),
      node('Slice', ['ballast', 'ballastFrom', 'length', 'ballastAxis'], ['z0']),
      ...Array.from({ length: layers }, (_, n) => node('Softplus', [`z${n}`], [`z${n + 1}`])),
      node('Slice', [`z${layers}`, 'ballastFrom', 'ballastTo', 'ballastAxis'], ['heavy']),
      node('Mul', ['heavy', 'ballastWeight'], ['nothing']),
      node('Add', ['bare', 'nothing'], ['out']),
    ],
  };
}

/** For drills: an output that is infinite (`plantFault` with `infinite`) becomes no number at all; a finite one stays. */
export const INFINITE_TO_NAN: GraphTail = {
  initializer: [],
  node: [node('Sub', ['bare', 'bare'], ['nothing']), node('Add', ['bare', 'nothing'], ['out'])],
};
