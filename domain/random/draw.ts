import { mix32 } from './hash';

/** Uniform unsigned 32-bit integer of (seed, counter, lane). Integers up to 2^53 are told apart by both halves. */
export function drawUint32(seed: number, counter: number, lane: number): number {
  let h = mix32((seed | 0) ^ 0x9e3779b9);
  h = mix32(h ^ (counter >>> 0));
  h = mix32(h ^ Math.imul(Math.floor(counter / 4294967296) | 0, 0x27d4eb2f) ^ 0x165667b1);
  return mix32(h ^ Math.imul(lane | 0, 0x9e3779b1));
}

/** Uniform draw in [0, 1) of (seed, counter, lane), with 32 random bits. */
export function drawUniform(seed: number, counter: number, lane: number): number {
  return drawUint32(seed, counter, lane) / 4294967296;
}
