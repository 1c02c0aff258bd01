import { mkdirSync, readdirSync, unlinkSync } from 'node:fs';
import { rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Arm, BudgetGrant, LateBill, NoticeKind } from '#domain/contracts';
import { PACKED_HISTORY, packHistory, unpackHistory, type SavedGap, type SavedHistory } from '../histories';
import { AppendFile } from '../outbox/append-file';
import { FrameBuffer } from '../outbox/frame-buffer';
import { readFrames } from '../outbox/recover';
import type { SavedAccount } from './budget-ledger';
import type { SavedCounter } from './frequency-counts';
import { PACKED_COUNTERS, packCounters, unpackCounters, type CounterKind } from './packed-counters';
import { PACKED_RESERVATION, packReservation, unpackReservation } from './packed-reservation';
import type { Reservation } from './reservation';

/** One change of the edge's state that must outlive the process. Replaying an entry twice changes nothing more. */
export type JournalEntry =
  /** `takesLate` is absent in older journals, where every grant took its lane's late bills. */
  | { kind: 'grant'; grant: BudgetGrant; takesLate?: boolean }
  /** Older journals hold the grant alone, and mean everything free. */
  | { kind: 'returned'; grantId: string; nanos?: number }
  /** Reservations that ran out: what they held may back other bids from here on. */
  | { kind: 'voided'; decisionIds: string[] }
  | { kind: 'closed'; grantId: string }
  | { kind: 'bid'; reservation: Reservation }
  | {
      kind: 'notice';
      notice: NoticeKind;
      decisionId: string;
      decidedAtMs: number;
      atMs: number;
      campaignId: string;
      creativeId: string;
      arm: Arm;
      grantId: string;
      paidNanos: number;
      isLive: boolean;
      /** Of a bill that is not live: the grant that it was charged to, null without one. Absent in older journals. */
      lateGrantId?: string | null;
      /** Of a bill or a click whose user may have a profile; else absent. */
      userKey?: string;
    }
  | { kind: 'account'; account: SavedAccount }
  /** Of older journals: late bills of a lane, of which only the sum was known. */
  | { kind: 'late'; lane: string; nanos: number }
  | { kind: 'late-bill'; bill: LateBill }
  | { kind: 'late-booked'; decisionIds: string[] }
  | { kind: 'day'; campaignId: string; day: string; nanos: number }
  | { kind: 'counters'; of: CounterKind; counters: readonly SavedCounter[] }
  /** As older versions wrote them, one by one. */
  | { kind: 'cap' | 'exposure'; key: string; buckets: number[] }
  | { kind: 'seen'; decisionId: string; mask: number; decidedAtMs: number }
  | { kind: 'forgotten'; upToMs: number; of?: 'conversions' }
  | { kind: 'clock'; stepMs: number }
  | { kind: 'history'; saved: SavedHistory | SavedGap }
  | { kind: 'probe' };

/** An entry as it goes into a frame; bytes are good until the next call. */
export function encodeEntry(entry: JournalEntry): string | Uint8Array {
  if (entry.kind === 'bid') return packReservation(entry.reservation);
  if (entry.kind === 'counters') return packCounters(entry.of, entry.counters);
  return entry.kind === 'history' && 'userKey' in entry.saved ? packHistory(entry.saved) : JSON.stringify(entry);
}

function decodeEntry(body: Uint8Array): JournalEntry {
  if (body[0] === PACKED_RESERVATION) return { kind: 'bid', reservation: unpackReservation(body) };
  if (body[0] === PACKED_COUNTERS) return { kind: 'counters', ...unpackCounters(body) };
  if (body[0] === PACKED_HISTORY) return { kind: 'history', saved: unpackHistory(body) };
  return JSON.parse(Buffer.from(body).toString('utf8')) as JournalEntry;
}

const STRETCH_BYTES = 4 << 20;
/** Some three hundred users' pasts, a millisecond or two: what bids wait for at most. */
const TURN_BYTES = 32 << 10;
const NAME = /^journal-(\d{6})\.log$/;

/**
 * The state journal: one append-only file of entries, rewritten as a dump of the whole state when it grows too long
 * (`compact`). Only the commit loop writes it.
 */
export class Journal {
  private readonly folder: string;
  private file: AppendFile;
  private number: number;
  /** Bytes right after the last compaction. */
  private baseBytes = 0;

  constructor(
    home: string,
    private readonly maxBytes: number,
  ) {
    this.folder = path.join(home, 'state');
    mkdirSync(this.folder, { recursive: true });
    const numbers = readdirSync(this.folder).flatMap((name) => NAME.exec(name)?.[1] ?? []);
    this.number = Math.max(0, ...numbers.map(Number));
    this.file = new AppendFile(this.pathOf(this.number));
    for (const name of readdirSync(this.folder)) {
      // Whatever is older than the newest complete journal, or was being written, is superseded.
      if (name.startsWith('journal-') && name !== path.basename(this.file.path))
        unlinkSync(path.join(this.folder, name));
    }
  }

  /** Entries of the last life, oldest first. Cuts a torn tail off. */
  *load(): Generator<JournalEntry> {
    if (this.number === 0) return;
    const frames = readFrames(this.file.path);
    let next = frames.next();
    for (; !next.done; next = frames.next()) yield decodeEntry(next.value);
    this.file.bytes = next.value;
  }

  append(frames: Uint8Array): Promise<void> {
    return this.file.append(frames);
  }

  get isLong(): boolean {
    return this.file.bytes - this.baseBytes > this.maxBytes;
  }

  get bytes(): number {
    return this.file.bytes;
  }

  /**
   * Replaces the journal by a dump of the state. What is journalled meanwhile comes after it.
   * @param entries of one moment, taken before the first await
   * @param slack begun in that moment, and taken a little at a time while the state goes on changing
   */
  async compact(entries: Iterable<JournalEntry>, slack: Iterable<JournalEntry> = []): Promise<void> {
    const stretches = framesOf(entries);
    const rest = slack[Symbol.iterator]();
    const first = rest.next();
    const unfinished = `${this.pathOf(this.number + 1)}.tmp`;
    // Of a dump that the disk refused half way.
    await unlink(unfinished).catch(() => undefined);
    const next = new AppendFile(unfinished);
    try {
      for (const frames of stretches) await next.append(frames);
      await appendInTurns(next, first, rest);
    } finally {
      rest.return?.();
      await next.close();
    }
    const old = this.file;
    await rename(next.path, this.pathOf(this.number + 1));
    this.number += 1;
    this.file = new AppendFile(this.pathOf(this.number));
    this.file.bytes = next.bytes;
    this.baseBytes = next.bytes;
    await old.close();
    await unlink(old.path).catch(() => undefined);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private pathOf(number: number): string {
    return path.join(this.folder, `journal-${String(number).padStart(6, '0')}.log`);
  }
}

/** All entries as frames, in stretches: one buffer that holds them all would be doubled until it does, and copied each time. */
function framesOf(entries: Iterable<JournalEntry>): Uint8Array[] {
  const stretches: Uint8Array[] = [];
  const frames = new FrameBuffer();
  const take = (): void => {
    stretches.push(Buffer.from(frames.bytes()));
    frames.clear();
  };
  for (const entry of entries) {
    frames.append(encodeEntry(entry));
    if (frames.length > STRETCH_BYTES) take();
  }
  if (frames.count > 0) take();
  if (stretches.length > 0) return stretches;
  frames.append('{"kind":"probe"}');
  return [frames.bytes()];
}

/** Appends `entry` and all that follow, with the loop's other work between every few of them. */
async function appendInTurns(
  file: AppendFile,
  entry: IteratorResult<JournalEntry>,
  rest: Iterator<JournalEntry>,
): Promise<void> {
  const frames = new FrameBuffer();
  let turnEnds = TURN_BYTES;
  while (!entry.done) {
    frames.append(encodeEntry(entry.value));
    if (frames.length >= STRETCH_BYTES) {
      await file.append(frames.bytes());
      frames.clear();
      turnEnds = TURN_BYTES;
    } else if (frames.length >= turnEnds) {
      await nextTurn();
      turnEnds = frames.length + TURN_BYTES;
    }
    entry = rest.next();
  }
  if (frames.count > 0) await file.append(frames.bytes());
}
