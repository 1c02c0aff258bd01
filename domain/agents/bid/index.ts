/**
 * Bid agent: the price of one bid, given v′. First price: surplus maximiser on a log grid under the win law; second price: v′.
 * Baseline: shading table. Policy: BidParams (and the ONNX win model, run by the caller). State: none here.
 */
export * from './bid-grid';
export * from './choose-price';
export * from './reward';
export * from './shading-baseline';
export * from './win-law';
export * from './conservative-segments';
