import type { BidParams } from '../../contracts/agent';

/** Cut-off beyond which the tail is 0 in double precision for our purposes. */
const FAR = 37;
/** Where the continued fraction takes over (West 2005, "Better approximations to cumulative normal functions"). */
const NEAR = 7.07106781186547;
const SQRT_2PI = 2.506628274631;

/**
 * P(Z <= z), Hart's rational approximation as given by West (2005): double precision in about 20 flops, because 32 grid points
 * per candidate are priced on every request.
 */
export function standardNormalCdf(z: number): number {
  const x = Math.abs(z);
  if (x > FAR) return z > 0 ? 1 : 0;
  const density = Math.exp((-x * x) / 2);
  let tail: number;
  if (x < NEAR) {
    let n = 3.52624965998911e-2 * x + 0.700383064443688;
    n = n * x + 6.37396220353165;
    n = n * x + 33.912866078383;
    n = n * x + 112.079291497871;
    n = n * x + 221.213596169931;
    n = n * x + 220.206867912376;
    let d = 8.83883476483184e-2 * x + 1.75566716318264;
    d = d * x + 16.064177579207;
    d = d * x + 86.7807322029461;
    d = d * x + 296.564248779674;
    d = d * x + 637.333633378831;
    d = d * x + 793.826512519948;
    d = d * x + 440.413735824752;
    tail = (density * n) / d;
  } else {
    let f = x + 0.65;
    f = x + 4 / f;
    f = x + 3 / f;
    f = x + 2 / f;
    f = x + 1 / f;
    tail = density / f / SQRT_2PI;
  }
  return z > 0 ? 1 - tail : tail;
}

/** ln of a price in the model's space: ln(USD per mille). */
export const lnPrice = (micros: number): number => Math.log(micros / 1e6);

/** F(b|x) = Φ((ln b − μ)/σ): probability that a first-price bid of `micros` wins. */
export function winProbability(micros: number, mu: number, sigma: number): number {
  return micros > 0 ? standardNormalCdf((lnPrice(micros) - mu) / sigma) : 0;
}

/** ∫₀^b (v − p) dF(p) for a log-normal price to beat: expected surplus of a second-price bid b, micros. */
export function secondPriceSurplus(valueMicros: number, bidMicros: number, mu: number, sigma: number): number {
  if (!(bidMicros > 0)) return 0;
  const z = (lnPrice(bidMicros) - mu) / sigma;
  const meanBelow = 1e6 * Math.exp(mu + (sigma * sigma) / 2) * standardNormalCdf(z - sigma);
  return valueMicros * standardNormalCdf(z) - meanBelow;
}

/** Whether a model's output may be used: finite and inside the policy's bounds. NaN passes no comparison. */
export function isBelievable(params: BidParams, mu: number, sigma: number): boolean {
  return (
    mu >= params.muBounds[0] &&
    mu <= params.muBounds[1] &&
    sigma >= params.sigmaBounds[0] &&
    sigma <= params.sigmaBounds[1]
  );
}
