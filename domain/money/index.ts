/**
 * Money: integers only. Prices are CPM micros (= nanos of one impression); values are floats until the clamp, then floored
 * once. Floors round up after FX, reports round half to even, prices in notices are parsed from their decimal text.
 */
export * from './decimal-price';
export * from './exchange-rate';
export * from './rounding';
