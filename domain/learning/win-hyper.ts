/** Hyper-parameters of the win model. */
export interface WinHyper {
  epochs: number;
  batchRows: number;
  learningRate: number;
  /** L2 decay per step on the weights, decoupled from the gradient (AdamW). */
  weightDecay: number;
  /** Epochs without a better validation loss before training stops. */
  patience: number;
  minRows: number;
}

export const DEFAULT_WIN_HYPER: WinHyper = {
  epochs: 30,
  batchRows: 128,
  learningRate: 0.002,
  weightDecay: 1e-3,
  patience: 4,
  minRows: 200,
};
