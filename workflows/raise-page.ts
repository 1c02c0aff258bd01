import { CancellationScope, isCancellation, patched, sleep, workflowInfo } from '@temporalio/workflow';
import type { Page } from '../activities/page-activities';
import { pages } from './proxies';

/** Seconds after which work that must not fail calls a human, then again, each time ten times later, at most an hour. */
const FIRST_PAGE_SECONDS = 30;
const LONGEST_PAUSE_SECONDS = 3600;
/** How long the end of a workflow waits for pages on their way. */
const SETTLE = '20s';

/**
 * Calls a human; never throws and never blocks. `once` names what the page is about: the same twice is one. Undefined
 * in workflows that started before there were pages.
 */
export function raisePage(page: Omit<Page, 'key'> & { once: string }): Promise<void> | undefined {
  if (!patched('pages')) return undefined;
  const { once, ...rest } = page;
  const key = `${workflowInfo().workflowId}/page/${page.kind}/${once}`;
  // A page that cannot be raised for an hour is counted by its failed activity; the rollout goes on all the same.
  return pages.raisePage.executeWithOptions({ summary: page.reason.slice(0, 190) }, [{ ...rest, key }]).catch(() => {});
}

/** Waits for `work`, which is retried without limit, and calls a human when it takes long, and again. */
export async function pagedWhileSlow<T>(work: Promise<T>, onSlow: (round: number) => void): Promise<T> {
  if (!patched('pages')) return work;
  const scope = new CancellationScope({ cancellable: true });
  const clock = scope.run(async () => {
    try {
      let seconds = FIRST_PAGE_SECONDS;
      for (let round = 1; ; round += 1) {
        await sleep(seconds * 1000, { summary: 'pages when this takes longer' });
        onSlow(round);
        seconds = Math.min(seconds * 10, LONGEST_PAUSE_SECONDS);
      }
    } catch (error) {
      if (!isCancellation(error)) throw error;
    }
  });
  try {
    return await work;
  } finally {
    scope.cancel();
    await clock;
  }
}

/** Gives pages on their way a moment before the workflow ends: an activity of a closed workflow is dropped. */
export async function settlePages(raised: Promise<void>[]): Promise<void> {
  if (raised.length === 0) return;
  const scope = new CancellationScope({ cancellable: true });
  const limit = scope.run(() => sleep(SETTLE, { summary: 'pages on their way' })).catch(() => undefined);
  await Promise.race([Promise.all(raised), limit]);
  scope.cancel();
  raised.length = 0;
}
