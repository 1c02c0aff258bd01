import { setImmediate as turn } from 'node:timers/promises';
import { policySnapshotSchema, type PolicySnapshot } from '#domain/contracts';
import { parseInTurns } from './parse-in-turns';
import { SnapshotRefusal } from './snapshot-refusal';
import { openLongSigned, type KeyRing } from './verify-signed';

/** Campaigns or creatives that are checked before requests have their turn: some 4 ms. */
const SLICE = 100;

type Listed = 'campaigns' | 'creatives';

/**
 * Payload of a bundle. Bids go on meanwhile: ten thousand campaigns take more than a second to check, and an exchange waits for a
 * tenth of one.
 * @throws SnapshotRefusal
 */
export async function readPayload(body: string, keys: KeyRing): Promise<PolicySnapshot> {
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    throw new SnapshotRefusal('MALFORMED', 'the bundle is not JSON');
  }
  await turn();
  const payload = await openLongSigned(message, keys);
  if (payload === null) throw new SnapshotRefusal('BAD_SIGNATURE', 'no pinned key has signed this bundle');
  const said = (await parseInTurns(payload, ['campaigns', 'creatives'])) as Partial<
    Record<Listed | 'version', unknown>
  > | null;
  const version = Number(said?.version) || 0;
  const lists = { campaigns: said?.campaigns, creatives: said?.creatives };
  // What is no list is left where it is, for the schema to say so.
  const short = (list: unknown): unknown => (Array.isArray(list) ? [] : list);
  const parsed = policySnapshotSchema.safeParse(
    said === null ? null : { ...said, campaigns: short(lists.campaigns), creatives: short(lists.creatives) },
  );
  if (!parsed.success) throw refusal(parsed.error.issues[0], [], version);
  const campaigns = await readList(lists.campaigns as unknown[], 'campaigns', version);
  const creatives = await readList(lists.creatives as unknown[], 'creatives', version);
  return { ...parsed.data, campaigns, creatives };
}

async function readList<L extends Listed>(
  list: readonly unknown[],
  name: L,
  version: number,
): Promise<PolicySnapshot[L]> {
  const read: unknown[] = [];
  for (let at = 0; at < list.length; at += SLICE) {
    await turn();
    const parsed = policySnapshotSchema.shape[name].safeParse(list.slice(at, at + SLICE));
    if (parsed.success) for (const one of parsed.data) read.push(one);
    else {
      const [issue] = parsed.error.issues;
      const [index, ...rest] = issue?.path ?? [];
      throw refusal(issue, [name, at + Number(index), ...rest], version);
    }
  }
  return read as PolicySnapshot[L];
}

/** @param path where it is in the whole payload; empty = as the issue says */
function refusal(
  issue: { path: PropertyKey[]; message: string } | undefined,
  path: readonly PropertyKey[],
  version: number,
): SnapshotRefusal {
  const pointer = (path.length > 0 ? path : (issue?.path ?? [])).map(String).join('/');
  return new SnapshotRefusal('SCHEMA', `/${pointer} ${issue?.message ?? ''}`, version);
}
