import type { RandomState } from '../evaluation/seeded-random';
import type { WinHyper } from './win-hyper';
import { NORMALISER_NAMES, TENSOR_LENGTHS, TENSOR_NAMES, type Tensors, type WinModel } from './win-model';
import type { OptimiserState } from './win-trainer';

/** Everything that the rest of a training depends on, after a whole epoch. */
export interface TrainingCheckpoint {
  /** What was being trained: rows, settings, seed. */
  identity: string;
  epoch: number;
  rowsSeen: number;
  model: WinModel;
  optimiser: OptimiserState;
  /** The permutation that the next shuffle starts from, and the generator that shuffles. */
  order: Uint32Array;
  random: RandomState;
  best: { loss: number; model: WinModel; epoch: number };
}

const MAGIC = 'ADCK1';
const ALL_NAMES = [...NORMALISER_NAMES, ...TENSOR_NAMES] as const;

/** Name of a training: a checkpoint of another one is of no use to it. The caller keeps windows apart. */
export const trainingIdentity = (rows: number, settings: WinHyper, seed: number): string =>
  JSON.stringify([rows, seed, Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))]);

/** A checkpoint as bytes: a line of JSON, then the arrays as little-endian doubles and 32-bit integers; no rounding. */
export function encodeCheckpoint(checkpoint: TrainingCheckpoint): Uint8Array {
  const { identity, epoch, rowsSeen, model, optimiser, order, random, best } = checkpoint;
  const { steps } = optimiser;
  const head = { magic: MAGIC, identity, epoch, rowsSeen, steps, random, bestEpoch: best.epoch, rows: order.length };
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  const doubles = [
    Float64Array.of(best.loss),
    ...ALL_NAMES.map((name) => model[name]),
    ...TENSOR_NAMES.map((name) => optimiser.first[name]),
    ...TENSOR_NAMES.map((name) => optimiser.second[name]),
    ...ALL_NAMES.map((name) => best.model[name]),
  ];
  const count = doubles.reduce((sum, values) => sum + values.length, 0);
  const bytes = new Uint8Array(line.length + count * 8 + order.length * 4);
  bytes.set(line);
  const view = new DataView(bytes.buffer);
  let at = line.length;
  for (const values of doubles) for (const value of values) at = (view.setFloat64(at, value, true), at + 8);
  for (const value of order) at = (view.setUint32(at, value, true), at + 4);
  return bytes;
}

/** Reads a checkpoint back, bit for bit; null when the bytes are not a whole one. */
export function decodeCheckpoint(bytes: Uint8Array): TrainingCheckpoint | null {
  const end = bytes.indexOf(10);
  const head = end < 0 ? null : parseHead(new TextDecoder().decode(bytes.subarray(0, end)));
  if (head === null) return null;
  const sizes = [...ALL_NAMES, ...TENSOR_NAMES, ...TENSOR_NAMES, ...ALL_NAMES].map((name) => TENSOR_LENGTHS[name]);
  const doubles = 1 + sizes.reduce((sum, size) => sum + size, 0);
  if (bytes.length !== end + 1 + doubles * 8 + head.rows * 4) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = end + 1;
  const take = (length: number) =>
    Float64Array.from({ length }, () => {
      at += 8;
      return view.getFloat64(at - 8, true);
    });
  const tensors = <T>(names: readonly (keyof WinModel)[]) =>
    Object.fromEntries(names.map((name) => [name, take(TENSOR_LENGTHS[name])])) as T;
  const [loss] = take(1) as unknown as [number];
  const model = tensors<WinModel>(ALL_NAMES);
  const first = tensors<Tensors>(TENSOR_NAMES);
  const second = tensors<Tensors>(TENSOR_NAMES);
  const best = { loss, model: tensors<WinModel>(ALL_NAMES), epoch: head.bestEpoch };
  const order = Uint32Array.from({ length: head.rows }, (_, n) => view.getUint32(at + n * 4, true));
  const { identity, epoch, rowsSeen, steps, random } = head;
  return { identity, epoch, rowsSeen, model, optimiser: { first, second, steps }, order, random, best };
}

interface Head {
  identity: string;
  epoch: number;
  rowsSeen: number;
  steps: number;
  random: RandomState;
  bestEpoch: number;
  rows: number;
}

function parseHead(text: string): Head | null {
  try {
    const head = JSON.parse(text) as Head & { magic: string };
    return head.magic === MAGIC && Number.isInteger(head.rows) ? head : null;
  } catch {
    // Not ours, or cut off: the caller trains from the start.
    return null;
  }
}
