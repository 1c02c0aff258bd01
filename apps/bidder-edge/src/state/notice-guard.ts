import { NOTICE_KINDS, type NoticeKind } from '#domain/contracts';

const BIT: Record<NoticeKind, number> = Object.fromEntries(NOTICE_KINDS.map((kind, i) => [kind, 1 << i])) as Record<
  NoticeKind,
  number
>;

/** `first`: never seen; `repeated`: seen; `forgotten`: so old that the guard cannot tell any more. */
export type GuardAnswer = 'first' | 'repeated' | 'forgotten';

interface Seen {
  mask: number;
  decidedAtMs: number;
}

/**
 * Which notices of which decisions were accepted. Bounded: the oldest entries go first, and from then on notices of
 * decisions that old are refused instead of trusted, so nothing is ever counted twice.
 */
export class NoticeGuard {
  private readonly seen = new Map<string, Seen>();
  private forgottenUpToMs = -1;

  constructor(private readonly maxEntries: number) {}

  get size(): number {
    return this.seen.size;
  }

  /** Takes the right to apply this notice; `first` at most once per decision and kind. */
  take(decisionId: string, kind: NoticeKind, decidedAtMs: number): GuardAnswer {
    const entry = this.seen.get(decisionId);
    if (entry) {
      if (entry.mask & BIT[kind]) return 'repeated';
      entry.mask |= BIT[kind];
      return 'first';
    }
    if (decidedAtMs <= this.forgottenUpToMs) return 'forgotten';
    this.evict();
    this.seen.set(decisionId, { mask: BIT[kind], decidedAtMs });
    return 'first';
  }

  /** Gives the right back: the notice could not be made durable and will come again. */
  giveBack(decisionId: string, kind: NoticeKind): void {
    const entry = this.seen.get(decisionId);
    if (entry) entry.mask &= ~BIT[kind];
  }

  has(decisionId: string, kind: NoticeKind): boolean {
    return ((this.seen.get(decisionId)?.mask ?? 0) & BIT[kind]) !== 0;
  }

  /** [decisionId, mask, decidedAtMs], oldest first, for a checkpoint. */
  *dump(): Generator<[string, number, number]> {
    for (const [id, { mask, decidedAtMs }] of this.seen) yield [id, mask, decidedAtMs];
  }

  load(decisionId: string, mask: number, decidedAtMs: number): void {
    const entry = this.seen.get(decisionId);
    if (entry) {
      entry.mask |= mask;
      return;
    }
    this.evict();
    this.seen.set(decisionId, { mask, decidedAtMs });
  }

  /** Newest decision among those forgotten, for a checkpoint; −1 when none was. */
  get forgottenUpTo(): number {
    return this.forgottenUpToMs;
  }

  loadForgotten(upToMs: number): void {
    this.forgottenUpToMs = Math.max(this.forgottenUpToMs, upToMs);
  }

  /** Drops entries of tokens that expired: such notices are refused by their expiry, and by us should the clock be set back. */
  expire(decidedBeforeMs: number): void {
    for (const [id, entry] of this.seen) {
      if (entry.decidedAtMs >= decidedBeforeMs) return;
      this.forget(id, entry);
    }
  }

  private evict(): void {
    if (this.seen.size < this.maxEntries) return;
    for (const [id, entry] of this.seen) return this.forget(id, entry);
  }

  private forget(id: string, { decidedAtMs }: Seen): void {
    this.seen.delete(id);
    this.forgottenUpToMs = Math.max(this.forgottenUpToMs, decidedAtMs);
  }
}

export const maskOf = (kind: NoticeKind): number => BIT[kind];
