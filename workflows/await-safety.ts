import { sleep } from '@temporalio/workflow';
import type { Acknowledgement } from '../activities/rollout-activities';
import { acknowledgements } from './proxies';

/** How long a roll-back waits for connected edges before it reports them by name and ends. */
const STRAGGLER_SECONDS = 60;

/** Who serves the safe version, who does not, and when the last one that counts said so. */
export interface SafeAcknowledgement extends Acknowledgement {
  atMs: number;
}

/**
 * Waits, without limit, until at least one edge serves `version`, and up to a minute for all connected ones: an edge that is
 * gone is listed, not waited for. `onWait` hears of every round that was not enough.
 */
export async function awaitSafety(
  version: number,
  onWait: (seen: SafeAcknowledgement) => void = () => undefined,
): Promise<SafeAcknowledgement> {
  const askedAtMs = Date.now();
  let before: SafeAcknowledgement | null = null as SafeAcknowledgement | null;
  for (;;) {
    const round: SafeAcknowledgement = await acknowledgements.awaitAcknowledgement({ version, timeoutSeconds: 5 });
    // A round that heard nothing new does not move the time of the last acknowledgement.
    const heardNew: boolean = before === null || before.acknowledged.length !== round.acknowledged.length;
    const seen: SafeAcknowledgement = heardNew ? round : { ...round, atMs: before!.atMs };
    before = seen;
    const late = Date.now() - askedAtMs > STRAGGLER_SECONDS * 1000;
    const everybody = (seen.connected ?? seen.stragglers).length === 0;
    if (seen.acknowledged.length > 0 && (everybody || late)) return seen;
    onWait(seen);
    await sleep('1s', { summary: `waiting for ${seen.stragglers.join(', ') || 'a first edge'}` });
  }
}
