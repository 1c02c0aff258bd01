import type { EdgeConfig } from './config';
import type { Logger } from './log';
import type { EdgeMetrics } from './metrics';
import { GroupCommit, type SegmentStore } from './outbox';
import type { EdgeState, Journal } from './state';

const MAX_PENDING_BYTES = 64 << 20;

export interface CommitParts {
  config: EdgeConfig;
  log: Logger;
  metrics: EdgeMetrics;
  state: EdgeState;
  segments: SegmentStore;
  journal: Journal;
}

/** The commit loop of an edge: segments and journal, which begins anew from the state when it has grown too long. */
export function openCommit({ config, log, metrics, state, segments, journal }: CommitParts): GroupCommit {
  const compacting = {
    append: async (frames: Uint8Array) => {
      await journal.append(frames);
      if (!journal.isLong) return;
      const nowMs = Date.now();
      await journal.compact(state.dump(nowMs), state.dumpHistories(nowMs));
    },
  };
  return new GroupCommit(
    { segments, journal: compacting },
    {
      everyMs: config.commitEveryMs,
      maxPendingBytes: MAX_PENDING_BYTES,
      onShed: (kind) => metrics.shed.add(1, kind),
      onFault: (error) => {
        const code = (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
        metrics.outboxFaults.add(1, code);
        log.error({ code }, 'the outbox cannot be written: bidding stops until it can');
      },
      onRecovered: () => log.info('the outbox can be written again: bidding resumes'),
    },
  );
}
