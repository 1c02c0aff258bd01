import type { PreparedRequest } from '#domain/coordination';
import { isLaw } from '../inference/breaker';
import type { Received } from './receive';

/** Share of the time budget after which no model runs any more. */
const MODELS_UNTIL = 0.6;

export interface InferenceObserver {
  /** A model that should have run did not answer usably: deadline, open breaker, fault. */
  onFallback(agent: 'bid', reason: 'deadline' | 'breaker' | 'fault'): void;
}

/**
 * Fourth stage: one model run over all feature rows. One or two rows are computed at once; more go to the runtime, and that is the only
 * await of the path. Null means baselines: no model, no row, too little time, an open breaker, or a fault. `run()` blocks the thread, so
 * the time is checked before, not raced.
 */
export function infer(
  received: Received,
  prepared: PreparedRequest,
  nowMs: number,
  observer: InferenceObserver,
): Float32Array | null | Promise<Float32Array | null> {
  const { context } = prepared;
  const served = received.live.models[context.arm];
  if (served === null || prepared.rowCount === 0 || context.inferenceMode !== 'models') return null;
  if (context.quarantined.includes('bid')) return null;
  const startedAtMs = performance.now();
  const budgetMs = received.deadlineMs - received.arrivedAtMs;
  if (startedAtMs - received.arrivedAtMs > budgetMs * MODELS_UNTIL) {
    observer.onFallback('bid', 'deadline');
    return null;
  }
  if (!served.breaker.allows(nowMs)) {
    context.quarantined = [...context.quarantined, 'bid'].sort();
    observer.onFallback('bid', 'breaker');
    return null;
  }
  const judge = (law: Float32Array | null): Float32Array | null => {
    if (law !== null && isLaw(law, prepared.rowCount)) {
      // One that was started as late as it may be, and takes this long, misses its deadline: slow is a way to fail.
      if (performance.now() - startedAtMs > budgetMs * (1 - MODELS_UNTIL)) served.breaker.onFault(nowMs);
      else served.breaker.onSuccess();
      return law;
    }
    served.breaker.onFault(nowMs);
    observer.onFallback('bid', 'fault');
    return null;
  };
  context.engine = served.model.engineFor(prepared.rowCount);
  try {
    const law = served.model.run(prepared.rows, prepared.rowCount);
    // The breaker does not care how a model fails: a fault counts like a law that is not finite.
    return law instanceof Promise ? law.then(judge, () => judge(null)) : judge(law);
  } catch {
    return judge(null);
  }
}
