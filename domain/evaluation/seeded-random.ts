import type { Rng } from './bootstrap';

/** The generator's whole state: put back, it goes on with the very next number. */
export type RandomState = readonly [number, number, number, number];

/** A generator that can be stopped and taken up again. */
export interface ResumableRandom {
  next: Rng;
  state(): RandomState;
}

/**
 * Seeded uniform generator sfc32 (Chris Doty-Humphrey; passes PractRand), 2^32 different streams.
 * @param seed a whole number; the same seed gives the same numbers on every machine
 */
export function seededRandom(seed: number): Rng {
  return resumableRandom(seed).next;
}

/**
 * As `seededRandom`, with its state to keep.
 * @param from state of an earlier generator, which is then continued; the seed plays no part any more
 */
export function resumableRandom(seed: number, from?: RandomState): ResumableRandom {
  let [a, b, c, counter] = from ?? [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0x9e3779b9, 1];
  const next = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return (t >>> 0) / 2 ** 32;
  };
  if (from === undefined) for (let warm = 0; warm < 15; warm++) next();
  return { next, state: () => [a, b, c, counter] };
}

/** Standard normal numbers by Marsaglia's polar method. */
export function seededNormal(rng: Rng): () => number {
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    for (;;) {
      const x = 2 * rng() - 1;
      const y = 2 * rng() - 1;
      const s = x * x + y * y;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        spare = y * factor;
        return x * factor;
      }
    }
  };
}

/** Draws a Poisson number of a mean >= 0. */
export type Poisson = (mean: number) => number;

/** Poisson numbers: Knuth's product below 30, the rounded normal above (error far below what tests and benches can see). */
export function seededPoisson(rng: Rng): Poisson {
  const normal = seededNormal(rng);
  return (mean) => {
    if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
    const limit = Math.exp(-mean);
    let product = rng();
    let count = 0;
    while (product > limit) {
      product *= rng();
      count += 1;
    }
    return count;
  };
}
