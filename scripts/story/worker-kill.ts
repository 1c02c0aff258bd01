import { Client, Connection } from '@temporalio/client';
import type { Stack } from '../stack';
import type { Narrator } from './narrator';
import type { StoryApi } from './story-api';
import { waitFor } from './wait-for';

export interface WorkerKill {
  oldPid: number;
  newPid: number;
  /** Attempt of the guard activity that the new worker runs. */
  attempt: number;
  /** From the kill to the first look that the new worker took. */
  resumedS: number;
}

/** Kills the worker with -9 while a canary serves, starts another, and waits until the rollout goes on. */
export async function killWorkerDuring(
  stack: Stack,
  api: StoryApi,
  rolloutId: string,
  narrator: Narrator,
): Promise<WorkerKill> {
  const before = await api.rollout(rolloutId);
  const oldPid = stack.pid('worker') ?? 0;
  narrator.say(
    `kill -9 of the worker, process ${oldPid}, at ${before.shareBps / 100} % canary share, look ${before.look}`,
  );
  const killedAt = Date.now();
  await stack.killPart('worker');
  const newPid = await stack.start('worker');
  const attempt = await guardAttempt(stack, rolloutId);
  const looked = await waitFor('a look after the worker was killed', 90, async () => {
    const now = await api.rollout(rolloutId);
    return now.look > before.look || now.stage > before.stage || now.state !== 'canary' ? now : null;
  });
  const resumedS = Math.round((Date.now() - killedAt) / 100) / 10;
  narrator.say(
    `new worker, process ${newPid}: the guard runs as attempt ${attempt}, look ${looked.look}; the rollout went on after ${resumedS} s`,
  );
  return { oldPid, newPid, attempt, resumedS };
}

/** Attempt number of the guard that is under way, once a second attempt has begun. */
async function guardAttempt(stack: Stack, rolloutId: string): Promise<number> {
  const connection = await Connection.connect({ address: stack.urls.temporalAddress });
  try {
    const handle = new Client({ connection }).workflow.getHandle(`rollout/${rolloutId}`);
    return await waitFor('the second attempt of the canary guard', 60, async () => {
      const { raw } = await handle.describe();
      const guard = (raw.pendingActivities ?? []).find((activity) => activity.activityType?.name === 'guardCanary');
      const attempt = Number(guard?.attempt ?? 0);
      return attempt >= 2 ? attempt : null;
    });
  } finally {
    await connection.close();
  }
}
