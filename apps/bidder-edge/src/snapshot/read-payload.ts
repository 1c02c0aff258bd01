import { setImmediate as turn } from 'node:timers/promises';
import { policySnapshotSchema, type PolicySnapshot } from '#domain/contracts';
import { parseInTurns } from './parse-in-turns';
import { SnapshotRefusal } from './snapshot-refusal';
import { openLongSigned, type KeyRing } from './verify-signed';

type Listed = 'campaigns' | 'creatives';
type Issue = { path: PropertyKey[]; message: string };

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
  const campaigns = new CheckedList('campaigns');
  const creatives = new CheckedList('creatives');
  const said = (await parseInTurns(payload, {
    campaigns: (items) => campaigns.take(items),
    creatives: (items) => creatives.take(items),
  })) as { version?: unknown } | null;
  const version = Number(said?.version) || 0;
  const parsed = policySnapshotSchema.safeParse(said);
  if (!parsed.success) throw refusal(parsed.error.issues[0], [], version);
  return { ...parsed.data, campaigns: campaigns.checked(version), creatives: creatives.checked(version) };
}

/** A list of the payload as it comes, stretch by stretch: what is right of it, and the first thing that is not. */
class CheckedList<L extends Listed> {
  private readonly good: unknown[] = [];
  private issue: Issue | undefined;
  private path: PropertyKey[] = [];

  constructor(private readonly name: L) {}

  take(items: unknown[]): void {
    if (this.issue !== undefined) return;
    const parsed = policySnapshotSchema.shape[this.name].safeParse(items);
    if (parsed.success) {
      for (const one of parsed.data) this.good.push(one);
      return;
    }
    this.issue = parsed.error.issues[0];
    const [index, ...rest] = this.issue?.path ?? [];
    this.path = [this.name, this.good.length + Number(index), ...rest];
  }

  /** @throws SnapshotRefusal */
  checked(version: number): PolicySnapshot[L] {
    if (this.issue !== undefined) throw refusal(this.issue, this.path, version);
    return this.good as PolicySnapshot[L];
  }
}

/** @param path where it is in the whole payload; empty = as the issue says */
function refusal(issue: Issue | undefined, path: readonly PropertyKey[], version: number): SnapshotRefusal {
  const pointer = (path.length > 0 ? path : (issue?.path ?? [])).map(String).join('/');
  return new SnapshotRefusal('SCHEMA', `/${pointer} ${issue?.message ?? ''}`, version);
}
