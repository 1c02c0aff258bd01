/**
 * Learning: what agents learn from logs, without a runtime. Models leave here as ONNX bytes; whoever runs them brings the
 * runtime.
 */
export * from './held-out';
export * from './inspect-onnx';
export * from './learning-error';
export * from './onnx-graph';
export * from './parity-samples';
export * from './planted-fault';
export * from './plain-model';
export * from './planted-graph';
export * from './pid-gains';
export * from './train-win-model';
export * from './training-checkpoint';
export * from './traffic-shares';
export * from './quantise';
export * from './validation';
export * from './win-hyper';
export * from './win-likelihood';
export * from './win-model';
export * from './win-row';
