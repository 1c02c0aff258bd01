import { sleep } from '@temporalio/workflow';
import { acknowledgements } from './proxies';

/** How long a roll-back waits for stragglers before it reports them by name and ends. */
const STRAGGLER_SECONDS = 60;

/** Who serves the safe version, who does not, and when the last one that counts said so. */
export interface SafeAcknowledgement {
  acknowledged: string[];
  stragglers: string[];
  atMs: number;
}

/**
 * Waits, without limit, until at least one edge serves `version`, and up to a minute for all connected ones.
 * `onWait` hears of every round that was not enough.
 */
export async function awaitSafety(
  version: number,
  onWait: (seen: SafeAcknowledgement) => void = () => undefined,
): Promise<SafeAcknowledgement> {
  const askedAtMs = Date.now();
  for (;;) {
    const seen = await acknowledgements.awaitAcknowledgement({ version, timeoutSeconds: 5 });
    const late = Date.now() - askedAtMs > STRAGGLER_SECONDS * 1000;
    if (seen.acknowledged.length > 0 && (seen.stragglers.length === 0 || late)) return seen;
    onWait(seen);
    await sleep('1s', { summary: `waiting for ${seen.stragglers.join(', ') || 'a first edge'}` });
  }
}
