import path from 'node:path';
import { Worker } from 'node:worker_threads';
import type { EdgeConfig } from '../config';
import type { Logger } from '../log';
import type { EdgeMetrics } from '../metrics';
import type { GroupCommit } from '../outbox';
import { METRICS_PATH, type Handler } from '../server';
import { SnapshotRefusal } from '../snapshot';
import {
  SharedStatus,
  unpackReservation,
  type AccountWatcher,
  type BudgetLedger,
  type OpenedAccount,
  type Reservation,
  type SharedMemory,
} from '../state';
import { requirePort } from './free-port';
import { FRAME, type FromThread, type News, type OfferedSnapshot, type ThreadStart, type ToThread } from './messages';
import { openRing, SharedRing } from './shared-ring';

/** Of each thread: a second of 10,000 bids and more. */
const RING_BYTES = 16 << 20;
/** How often rings are emptied; what is in one is on disk a commit later. */
const DRAIN_EVERY_MS = 5;
/** A thread that is busy for longer is shown as it was when it last told. */
const LONGEST_TELL_MS = 1000;
const NOTHING = Buffer.alloc(0);

export interface ThreadPorts {
  config: EdgeConfig;
  bootId: string;
  memory: SharedMemory;
  log: Logger;
  metrics: EdgeMetrics;
  commit: GroupCommit;
  /** Answers whatever is no bid request. */
  handler: Handler;
  /** A thread's bid went out. */
  onBid(reservation: Reservation): void;
  openReservations(): number;
  news(): News;
  /** A thread is gone, and what it held of the shared state with it: the process must end and start again. */
  onLost(error: Error): void;
}

/** One worker with its ring and what it last said. */
interface Thread {
  worker: Worker;
  ring: SharedRing;
  isBreakerOpen: boolean;
}

type Waiter = (message: FromThread) => void;

/** The bidding threads as the control thread sees them: starts them, tells them what they must know, and takes what they made. */
export class BiddingThreads implements AccountWatcher {
  private readonly threads: Thread[] = [];
  private readonly status: SharedStatus;
  private readonly waiters = new Set<Waiter>();
  private drainer: NodeJS.Timeout | null = null;
  private offers = 0;
  private asks = 0;
  private isStopping = false;

  constructor(private readonly ports: ThreadPorts) {
    this.status = new SharedStatus(ports.memory);
  }

  /** Whether any thread's model is given a rest. */
  get isBreakerOpen(): boolean {
    return this.threads.some((thread) => thread.isBreakerOpen);
  }

  /** Starts the threads; they know the accounts that exist, and answer nobody yet. */
  open(ledger: BudgetLedger): void {
    const { config, bootId, memory } = this.ports;
    for (let thread = 0; thread < config.threads; thread += 1) {
      const ring = openRing(RING_BYTES);
      const start: ThreadStart = { thread, threads: config.threads, config, bootId, memory, ring };
      const worker = new Worker(path.join(__dirname, 'thread-main.js'), { workerData: start });
      const entry: Thread = { worker, ring: new SharedRing(ring), isBreakerOpen: false };
      worker.on('message', (message: FromThread) => this.onMessage(entry, thread, message));
      worker.on('error', (error) => this.ports.onLost(error as Error));
      worker.on('exit', (code) => {
        if (!this.isStopping) this.ports.onLost(new Error(`a bidding thread ended with code ${code}`));
      });
      this.threads.push(entry);
    }
    for (const account of ledger.opened()) this.onOpen(account);
    this.drainer = setInterval(() => this.drain(), DRAIN_EVERY_MS);
  }

  /**
   * Lets all threads listen on one port, which is then served.
   * @throws ErrnoException EADDRINUSE when anybody else has it
   */
  async listen(): Promise<number> {
    const { host, port } = this.ports.config;
    // Sharing a port is for ourselves: with another process of the same user the system would share it as well.
    if (port !== 0) await requirePort(host, port);
    let served = port;
    for (const { worker } of this.threads) {
      const answer = this.hear((message) => message.kind === 'listening' || message.kind === 'not-listening');
      post(worker, { kind: 'listen', port: served });
      const message = await answer;
      if (message.kind === 'not-listening')
        throw Object.assign(new Error(message.message), { code: message.code, port: served });
      if (message.kind === 'listening') served = message.port;
    }
    return served;
  }

  /** Has every thread check a snapshot and make it ready; then all serve it. @throws SnapshotRefusal of the first that refuses */
  async prepare(offered: OfferedSnapshot): Promise<() => void> {
    const id = (this.offers += 1);
    const verdicts: Extract<FromThread, { kind: 'prepared' }>[] = [];
    const all = this.hear((message) => {
      if (message.kind === 'prepared' && message.id === id) verdicts.push(message);
      return verdicts.length === this.threads.length;
    });
    this.broadcast({ kind: 'prepare', id, offered });
    await all;
    const refusal = verdicts.find((verdict) => verdict.refusal !== null)?.refusal;
    if (refusal) throw new SnapshotRefusal(refusal.code as SnapshotRefusal['code'], refusal.detail, refusal.version);
    return () => this.broadcast({ kind: 'serve', id });
  }

  /** Tells the threads what decisions read of the control thread's knowledge. */
  tellNews(): void {
    this.broadcast({ kind: 'news', news: this.ports.news() });
  }

  /** Brings in what the threads have counted until now. */
  async refresh(): Promise<void> {
    const id = (this.asks += 1);
    let left = this.threads.length;
    const told = this.hear((message) => message.kind === 'told' && message.id === id && (left -= 1) === 0);
    this.broadcast({ kind: 'tell', id });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, LONGEST_TELL_MS)));
    await Promise.race([told, late]);
    clearTimeout(timer);
  }

  useNoticeKeys(keys: readonly Buffer[]): void {
    this.broadcast({ kind: 'notice-keys', keys: [...keys] });
  }

  /** Begins the next window of the threads' figures. */
  roll(): void {
    this.broadcast({ kind: 'roll' });
  }

  onOpen(account: OpenedAccount): void {
    const { grantId, campaignId, arm, at, generation } = account;
    this.broadcast({ kind: 'opened', account: { grantId, campaignId, arm, at, generation } });
  }

  onDrop(grantId: string): void {
    this.broadcast({ kind: 'dropped', grantId });
  }

  /** Takes out of the rings what is there, so that whatever the threads have answered is known here. */
  drain(): void {
    const { commit } = this.ports;
    for (const { ring } of this.threads)
      ring.drain((kind, frame) => {
        if (kind === FRAME.reservation) this.ports.onBid(unpackReservation(frame));
        else if (kind === FRAME.bid) commit.appendEvent('bid', frame);
        else if (kind === FRAME.noBid) commit.appendEvent('no-bid', frame);
        else commit.appendEvent('shadow', frame);
      });
    this.status.tell(this.ports.openReservations(), commit.isOpen);
  }

  /** Lets the threads answer what is on its way, for at most `drainMs`, and ends them. */
  async close(drainMs: number): Promise<void> {
    this.isStopping = true;
    let left = this.threads.length;
    const drained = this.hear((message) => message.kind === 'drained' && (left -= 1) === 0);
    this.broadcast({ kind: 'drain', drainMs });
    if (left > 0) await drained;
    if (this.drainer) clearInterval(this.drainer);
    this.drain();
    await Promise.all(this.threads.map(({ worker }) => worker.terminate()));
  }

  private onMessage(thread: Thread, at: number, message: FromThread): void {
    switch (message.kind) {
      case 'ask':
        void this.answer(thread, message);
        break;
      case 'histograms':
        this.ports.metrics.stages.watch(message.stages);
        break;
      case 'metrics':
        this.ports.metrics.absorb(message.delta);
        this.ports.metrics.loopLag.hear(at, message.lag);
        thread.isBreakerOpen = message.isBreakerOpen;
        break;
      default:
        for (const waiter of this.waiters) waiter(message);
    }
  }

  private async answer({ worker }: Thread, asked: Extract<FromThread, { kind: 'ask' }>): Promise<void> {
    if (asked.path === METRICS_PATH) await this.refresh();
    // A notice may be faster than the ring that its bid is in.
    this.drain();
    const { id, method, path: route, query } = asked;
    const request = { method, path: route, query, headers: {}, body: NOTHING, arrivedAtMs: performance.now() };
    const { status, headers, body } = await this.ports.handler(request);
    post(worker, { kind: 'answer', id, answer: { status, headers, body } });
  }

  /** Resolves with the first message from now on that `isIt` takes. */
  private hear(isIt: (message: FromThread) => boolean): Promise<FromThread> {
    return new Promise((resolve) => {
      const waiter = (message: FromThread): void => {
        if (!isIt(message)) return;
        this.waiters.delete(waiter);
        resolve(message);
      };
      this.waiters.add(waiter);
    });
  }

  private broadcast(message: ToThread): void {
    for (const { worker } of this.threads) post(worker, message);
  }
}

const post = (worker: Worker, message: ToThread): void => worker.postMessage(message);
