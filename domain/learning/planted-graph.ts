import type { GraphTail } from './onnx-graph';
import { floats, integer, node } from './onnx-proto';
import { WIN_NET } from './win-model';

/** Width of the ballast: one pass over it takes some ten microseconds. */
const BALLAST = 2048;

/**
 * For drills: layers that compute nothing but time, the row through `layers` passes of softplus, weighed by zeros at the end. The law
 * stays what it was, to the bit. Passes have no weights: a runtime keeps a packed copy of those for every node.
 */
export function ballast(layers: number): GraphTail {
  const { inputs, outputs } = WIN_NET;
  const gemm = (x: string, w: string, y: string) => node('Gemm', [x, w], [y], [integer('transB', 1)]);
  return {
    initializer: [
      floats('ballastIn', [BALLAST, inputs], new Float32Array(BALLAST * inputs)),
      floats('ballastOut', [outputs, BALLAST], new Float32Array(outputs * BALLAST)),
    ],
    node: [
      gemm('x', 'ballastIn', 'z0'),
      ...Array.from({ length: layers }, (_, n) => node('Softplus', [`z${n}`], [`z${n + 1}`])),
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
