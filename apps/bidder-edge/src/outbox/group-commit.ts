import type { DecisionRecord } from '#domain/contracts';
import type { DecisionLog } from './decision-log';
import { FrameBuffer } from './frame-buffer';

/** Outcomes are never shed; decision bodies are, first those that bid nothing. */
export type EventClass = 'outcome' | 'bid' | 'no-bid' | 'shadow';

/** Where a commit goes, in this order: what is in the journal is in the segments too. */
export interface CommitTargets {
  segments: {
    append(frames: Uint8Array): Promise<void>;
    readonly fill: number;
    readonly isDue: boolean;
    seal(): Promise<void>;
  };
  journal: { append(frames: Uint8Array): Promise<void> };
}

export interface CommitOptions {
  everyMs: number;
  /** Bytes that may wait in memory; beyond, decisions are shed and notices refused. */
  maxPendingBytes: number;
  onShed(kind: EventClass): void;
  onFault(error: unknown): void;
  onRecovered(): void;
}

/** What one commit takes to the disk. */
class Batch {
  readonly events = new FrameBuffer();
  readonly states = new FrameBuffer();
  waiters: { resolve(): void; reject(error: unknown): void }[] = [];

  get bytes(): number {
    return this.events.length + this.states.length;
  }

  get isEmpty(): boolean {
    return this.bytes === 0 && this.waiters.length === 0;
  }

  clear(): void {
    this.events.clear();
    this.states.clear();
    this.waiters = [];
  }
}

/** Fill of the disk bound from which no-bid bodies, then all decision bodies are shed, and bidding stops. */
export const SHED_NO_BIDS_AT = 0.6;
export const SHED_DECISIONS_AT = 0.8;
export const STOP_BIDDING_AT = 0.9;

/**
 * One commit loop for segments and state journal: appends wait in memory, one write and fdatasync takes them all, at most
 * every `everyMs`. A failed commit rejects its waiters (their notices are answered 503 and come again), drops what it held,
 * and closes the outbox for bids until a later commit succeeds.
 */
export class GroupCommit implements DecisionLog {
  private pending = new Batch();
  /** The other one: on its way to the disk, or empty. */
  private spare = new Batch();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private failed = false;
  private closed = false;

  constructor(
    private readonly targets: CommitTargets,
    private readonly options: CommitOptions,
  ) {}

  /** Whether bids may be made: the disk takes writes and has room. */
  get isOpen(): boolean {
    return !this.failed && !this.closed && this.targets.segments.fill < STOP_BIDDING_AT;
  }

  get isFailed(): boolean {
    return this.failed;
  }

  get pendingBytes(): number {
    return this.pending.bytes;
  }

  /** Queues one event, as JSON or packed; bytes are copied. False when it was shed. */
  appendEvent(kind: EventClass, event: string | Uint8Array): boolean {
    if (!this.takes(kind)) return false;
    this.pending.events.append(event);
    this.schedule();
    return true;
  }

  /** Queues one decision. False when it was shed. */
  appendDecision(kind: 'bid' | 'no-bid', record: DecisionRecord): boolean {
    if (!this.takes(kind)) return false;
    this.pending.events.appendDecision(record);
    this.schedule();
    return true;
  }

  /** Queues one entry of the state journal, JSON or packed. */
  appendState(entry: string | Uint8Array): void {
    this.pending.states.append(entry);
    this.schedule();
  }

  /** Resolves when everything queued so far is on disk; rejects with the disk's error. */
  durable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.pending.waiters.push({ resolve, reject });
      this.schedule();
    });
  }

  /** Last commit, then seals. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    await this.running;
    await this.commit();
    if (!this.failed) await this.targets.segments.seal();
  }

  /** Called once a second: seals an old segment, and probes a disk that refused writes. */
  tick(): void {
    if (this.closed) return;
    if (this.failed) this.appendState('{"kind":"probe"}');
    else if (this.targets.segments.isDue) this.schedule();
  }

  /** Whether there is room for an event of a class; one that is shed is counted. */
  private takes(kind: EventClass): boolean {
    if (kind === 'outcome' || !this.sheds(kind)) return true;
    this.options.onShed(kind);
    return false;
  }

  private sheds(kind: EventClass): boolean {
    const fill = this.targets.segments.fill;
    if (this.failed || this.pending.bytes > this.options.maxPendingBytes) return true;
    return fill >= SHED_DECISIONS_AT || (fill >= SHED_NO_BIDS_AT && kind !== 'bid');
  }

  private schedule(): void {
    if (this.timer !== null || this.closed) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      // A commit still on its way schedules the next one when it ends.
      this.running ??= this.commit().finally(() => {
        this.running = null;
        if (!this.pending.isEmpty) this.schedule();
      });
    }, this.options.everyMs);
  }

  private async commit(): Promise<void> {
    const batch = this.pending;
    this.pending = this.spare;
    this.spare = batch;
    const { waiters } = batch;
    const wrote = batch.bytes > 0;
    try {
      if (batch.events.length > 0) await this.targets.segments.append(batch.events.bytes());
      if (batch.states.length > 0) await this.targets.journal.append(batch.states.bytes());
      if (this.targets.segments.isDue) await this.targets.segments.seal();
    } catch (error) {
      this.failed = true;
      this.options.onFault(error);
      for (const waiter of waiters) waiter.reject(error);
      return;
    } finally {
      batch.clear();
    }
    if (this.failed && wrote) {
      this.failed = false;
      this.options.onRecovered();
    }
    for (const waiter of waiters) waiter.resolve();
  }
}
