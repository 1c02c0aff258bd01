import type { GraphTail } from './onnx-graph';
import { floats, integer, node } from './onnx-proto';
import { WIN_NET } from './win-model';

/** Square of the ballast's weights: one product with it takes some ten microseconds. */
const BALLAST = 512;

/**
 * For drills: layers that compute nothing but time, the row through `layers` products with zeros, added as zeros. The law stays what
 * it was, to the bit.
 */
export function ballast(layers: number): GraphTail {
  const { inputs, outputs } = WIN_NET;
  const gemm = (x: string, w: string, y: string) => node('Gemm', [x, w], [y], [integer('transB', 1)]);
  return {
    initializer: [
      floats('ballastIn', [BALLAST, inputs], new Float32Array(BALLAST * inputs)),
      floats('ballast', [BALLAST, BALLAST], new Float32Array(BALLAST * BALLAST)),
      floats('ballastOut', [outputs, BALLAST], new Float32Array(outputs * BALLAST)),
    ],
    node: [
      gemm('x', 'ballastIn', 'z0'),
      ...Array.from({ length: layers }, (_, n) => gemm(`z${n}`, 'ballast', `z${n + 1}`)),
      gemm(`z${layers}`, 'ballastOut', 'nothing'),
      node('Add', ['bare', 'nothing'], ['out']),
    ],
  };
}

/** For drills: an output that is infinite (`plantFault` with `infinite`) becomes no number at all; a finite one stays. */
export const INFINITE_TO_NAN: GraphTail = {
  initializer: [],
  node: [node('Sub', ['bare', 'bare'], ['nothing']), node('Add', ['bare', 'nothing'], ['out'])],
};
