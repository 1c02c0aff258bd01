import type { Logger } from './log';
import type { Counter } from './metrics';
import type { Shipper } from './outbox';

/** What becomes of sealed segments, counted; a refused one is worth a line of its own. */
export const shipCounts = (shipped: Counter, log: Logger): ConstructorParameters<typeof Shipper>[2] => ({
  shipped: () => shipped.add(1, 'shipped'),
  refused: (segmentId) => {
    shipped.add(1, 'refused');
    log.error({ segmentId }, 'the control plane refused a segment; it was put aside');
  },
  retried: () => shipped.add(1, 'retried'),
  dropped: () => shipped.add(1, 'dropped'),
});
