import { logGamma } from './gamma-function';

const { PI } = Math;
const SQRT_TWO_PI = Math.sqrt(2 * PI);
const SCALE = 2 ** 128;
const SCALE_BITS = 128;
/** Beyond this n·d² the tail is below the smallest double. */
const EMPTY_TAIL = 370;

/**
 * P(D_n >= d) of one sample's two-sided Kolmogorov–Smirnov distance, n whole and >= 1. Exact for n <= 140 and far out in the
 * tail; else the Pelz–Good series, whose error is below 1e-5 relative. Cut-offs are those of Simard & L'Ecuyer,
 * J. Stat. Softw. 39(11), 2011, as scipy's `kstwo` has them, so that the two agree to rounding.
 */
export function kolmogorovTail(d: number, n: number): number {
  if (!(Number.isInteger(n) && n >= 1) || Number.isNaN(d)) return NaN;
  const t = n * d;
  if (d >= 1) return 0;
  if (t <= 0.5) return 1;
  if (t <= 1) return 1 - Math.exp(logGamma(n + 1) + n * (Math.log(2 * t - 1) - Math.log(n)));
  if (t >= n - 1) return clip(2 * (1 - d) ** n);
  const spread = t * d;
  if (d >= 0.5) return clip(2 * oneSidedTail(d, n));
  if (n <= 140) return clip(spread <= 4 ? 1 - durbinCdf(d, n) : 2 * oneSidedTail(d, n));
  if (spread >= EMPTY_TAIL) return 0;
  if (spread >= 2.2) return clip(2 * oneSidedTail(d, n));
  return clip(n <= 100_000 && n * d ** 1.5 <= 1.4 ? 1 - durbinCdf(d, n) : pelzGoodTail(d, n));
}

const clip = (p: number): number => Math.min(1, Math.max(0, p));

/** P(D_n⁺ >= d), Smirnov's sum of positive terms, by logarithms. */
function oneSidedTail(d: number, n: number): number {
  const last = Math.floor(n * (1 - d));
  let sum = 0;
  for (let j = 0; j <= last; j++) {
    const rest = 1 - d - j / n;
    if (!(rest > 0) && j < n) continue;
    const choose = logGamma(n + 1) - logGamma(j + 1) - logGamma(n - j + 1);
    const power = j === n ? 0 : (n - j) * Math.log(rest);
    sum += Math.exp(choose + (j - 1) * Math.log(d + j / n) + power);
  }
  return d * sum;
}

/** A square matrix by rows with a binary exponent of its own. */
interface Scaled {
  size: number;
  cells: Float64Array;
  exponent: number;
}

/** P(D_n <= d) by Durbin's matrix (Marsaglia, Tsang & Wang, J. Stat. Softw. 8(18), 2003). */
function durbinCdf(d: number, n: number): number {
  const k = Math.ceil(n * d);
  let base = durbinMatrix(k, k - n * d);
  let power: Scaled | null = null;
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = power === null ? base : product(power, base);
    base = product(base, base);
  }
  const { size, cells, exponent } = power as Scaled;
  let p = cells[(k - 1) * size + k - 1] as number;
  let bits = exponent;
  for (let i = 1; i <= n; i++) {
    p = (i * p) / n;
    if (p < 1 / SCALE) {
      p *= SCALE;
      bits -= SCALE_BITS;
    }
  }
  return p * 2 ** bits;
}

function durbinMatrix(k: number, h: number): Scaled {
  const size = 2 * k - 1;
  const cells = new Float64Array(size * size);
  const factorials = [1];
  for (let i = 1; i <= size; i++) factorials.push((factorials[i - 1] as number) * i);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      if (i - j + 1 >= 0) cells[i * size + j] = 1 / (factorials[i - j + 1] as number);
    }
  }
  for (let i = 0; i < size; i++) {
    const edge = h ** (i + 1) / (factorials[i + 1] as number);
    cells[i * size] = (cells[i * size] as number) - edge;
    cells[(size - 1) * size + size - 1 - i] = (cells[(size - 1) * size + size - 1 - i] as number) - edge;
  }
  // The corner lost h^m twice, and gets (2h − 1)^m back.
  const corner = (size - 1) * size;
  cells[corner] = (cells[corner] as number) + Math.max(2 * h - 1, 0) ** size / (factorials[size] as number);
  return { size, cells, exponent: 0 };
}

function product(a: Scaled, b: Scaled): Scaled {
  const { size } = a;
  const cells = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let l = 0; l < size; l++) {
      const left = a.cells[i * size + l] as number;
      if (left === 0) continue;
      for (let j = 0; j < size; j++) {
        cells[i * size + j] = (cells[i * size + j] as number) + left * (b.cells[l * size + j] as number);
      }
    }
  }
  const middle = (size - 1) / 2;
  let exponent = a.exponent + b.exponent;
  if (Math.abs(cells[middle * size + middle] as number) > SCALE) {
    for (let i = 0; i < cells.length; i++) cells[i] = (cells[i] as number) / SCALE;
    exponent += SCALE_BITS;
  }
  return { size, cells, exponent };
}

/** 1 − [K0(z) + K1(z)/√n + K2(z)/n + K3(z)/n^1.5], z = d·√n (Pelz & Good, JRSS B 38, 1976). */
function pelzGoodTail(d: number, n: number): number {
  const z = Math.sqrt(n) * d;
  const [z2, z4, z6] = [z ** 2, z ** 4, z ** 6];
  const terms = Math.ceil((16 * z) / PI);
  const odd = [0, 0, 0, 0];
  let [even2, even3] = [0, 0];
  for (let k = terms; k >= 1; k--) {
    const m2 = (PI * (k - 0.5)) ** 2;
    const weight = Math.exp(-m2 / (2 * z2));
    odd[0]! += weight;
    odd[1]! += weight * (m2 - z2);
    odd[2]! += weight * (6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * m2 + (1 - 2 * z2) * m2 ** 2);
    odd[3]! +=
      weight *
      (-30 * z6 - 90 * z ** 8 + (135 * z4 - 96 * z6) * m2 + (212 * z4 - 60 * z2) * m2 ** 2 + (5 - 30 * z2) * m2 ** 3);
    const k2 = (PI * k) ** 2;
    const evenWeight = Math.exp(-k2 / (2 * z2)) * k2;
    even2 += evenWeight;
    even3 += evenWeight * (3 * z2 - k2);
  }
  const k0 = odd[0]! / z;
  const k1 = odd[1]! / (6 * z4);
  const k2 = odd[2]! / (72 * z ** 7) - even2 / (36 * z ** 3);
  const k3 = odd[3]! / (6480 * z ** 10) + even3 / (216 * z6);
  return 1 - SQRT_TWO_PI * (k0 + k1 / Math.sqrt(n) + k2 / n + k3 / n ** 1.5);
}
