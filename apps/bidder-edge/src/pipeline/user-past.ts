import type { UserFeatures } from '#domain/contracts';
import type { PreparedRequest } from '#domain/coordination';
import { NO_VALUES, profileKey } from '#domain/features';
import type { UserHistories } from '../histories';

/**
 * Part of the features' stage: what is known of the user's past, for the record and for whoever learns from it. Asked only where somebody may bid,
 * and where the answer can still come in time; a store that answers at once makes no promise.
 * @param leftMs until the deadline
 */
export function readPast(
  histories: UserHistories,
  { request, context, rowCount }: PreparedRequest,
  leftMs: number,
): UserFeatures | Promise<UserFeatures> {
  const { scope, limitMs } = histories;
  const userKey = profileKey(request);
  if (userKey === null) return NO_VALUES[scope]['not-allowed'];
  if (rowCount === 0) return NO_VALUES[scope]['not-asked'];
  if (leftMs <= limitMs) return NO_VALUES[scope].late;
  return histories.read(userKey, context.nowMs);
}
