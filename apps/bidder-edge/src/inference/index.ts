/**
 * Inference: the only place that knows onnxruntime. Sessions are created, warmed and checked against golden vectors before
 * the snapshot that needs them goes live.
 */
export * from './bid-model';
export * from './breaker';
export * from './model-cache';
