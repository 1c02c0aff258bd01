import path from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { bidPorts } from '../bid-ports';
import type { ServedCanary } from '../canary';
import { FaultAnswer } from '../fault-answer';
import { openHistories, type UserHistories } from '../histories';
import { ModelCache } from '../inference';
import type { Logger } from '../log';
import { EdgeMetrics } from '../metrics';
import { NoticeSigner, PriceReader } from '../notices';
import { BidPath } from '../pipeline';
import {
  LIMITS,
  problemResponse,
  SERVERS,
  wrongMethod,
  type EdgeRequest,
  type EdgeResponse,
  type RunningServer,
} from '../server';
import { ShadowQueue } from '../shadow';
import {
  ArtifactFolder,
  artifactsOf,
  KeyRing,
  loadSnapshot,
  readShipped,
  SnapshotRefusal,
  type LiveSnapshot,
} from '../snapshot';
import { bidLifeOf, SharedStatus, ThreadState } from '../state';
import {
  sharedMs,
  type FromThread,
  type News,
  type OfferedSnapshot,
  type ThreadStart,
  type ToThread,
} from './messages';
import { SharedRing } from './shared-ring';
import { ThreadLog } from './thread-log';

const BID_PREFIX = '/openrtb2/';
const TELL_MS = 250;
/** Requests that wait for the control thread; more are told to come again. */
const MOST_ASKED = 4096;
const NO_NEWS: News = {
  ...{ pacing: [], exploration: [], winRates: [], stateVersion: 0, reachable: false, canary: null },
  kill: { level: 'none', agents: [], stoppedCampaigns: new Set() },
};

/** One thread that answers bid requests. Whatever else its port is asked goes to the control thread and comes back. */
export class BiddingThread {
  private readonly metrics = new EdgeMetrics();
  private readonly state: ThreadState;
  private readonly records: ThreadLog;
  private readonly signer: NoticeSigner;
  /** Each thread asks for itself; what happened is noted by the control thread. */
  private readonly histories: UserHistories;
  private readonly path: BidPath;
  private readonly faults: FaultAnswer;
  private readonly models = new ModelCache();
  private readonly asked = new Map<number, (answer: EdgeResponse) => void>();
  private asks = 0;
  private live: LiveSnapshot | null = null;
  private prepared: { id: number; live: LiveSnapshot } | null = null;
  private news = NO_NEWS;
  private server: RunningServer | null = null;
  private teller: NodeJS.Timeout | null = null;

  constructor(
    private readonly start: ThreadStart,
    private readonly port: MessagePort,
    log: Logger,
  ) {
    const { config, memory, thread, threads, bootId } = start;
    const ring = new SharedRing(start.ring);
    this.records = new ThreadLog(ring, new SharedStatus(memory), (kind) => this.metrics.shed.add(1, kind));
    const limits = { ...config, life: bidLifeOf(config) };
    this.state = new ThreadState(memory, thread, limits, (reservation) => this.records.appendReservation(reservation));
    this.signer = new NoticeSigner(config.noticeKeys);
    this.histories = openHistories(config, this.metrics, log, memory.histories);
    this.histories.start();
    this.faults = new FaultAnswer(this.metrics, log);
    this.path = new BidPath(
      bidPorts({
        ...{ config, bootId, thread, threads },
        ...{ metrics: this.metrics, state: this.state, records: this.records, signer: this.signer },
        histories: this.histories,
        prices: new PriceReader(config.priceKeys),
        shadows: this.openShadows(),
        port: () => this.server?.port ?? 0,
        live: () => this.live,
        canary: () => this.canary(),
        kill: () => this.news.kill,
        stateVersion: () => this.news.stateVersion,
        reachable: () => this.news.reachable,
      }),
    );
    port.on('message', (message: ToThread) => this.onMessage(message));
    this.tell({ kind: 'histograms', stages: this.metrics.stages.hdrs });
  }

  private onMessage(message: ToThread): void {
    switch (message.kind) {
      case 'listen':
        return void this.listen(message.port);
      case 'prepare':
        return void this.prepare(message.id, message.offered);
      case 'serve':
        return this.serve(message.id);
      case 'opened':
        return this.state.onOpened(message.account);
      case 'dropped':
        return this.state.budgets.drop(message.grantId);
      case 'news':
        this.news = message.news;
        return this.state.onNews(message.news);
      case 'notice-keys':
        return void this.signer.use(message.keys.map((key) => Buffer.from(key)));
      case 'answer':
        return this.onAnswer(message.id, message.answer);
      case 'tell':
        this.tellMetrics();
        return this.tell({ kind: 'told', id: message.id });
      case 'roll':
        this.metrics.stages.roll();
        return this.metrics.loopLag.roll();
      case 'drain':
        return void this.drain(message.drainMs);
    }
  }

  private async listen(port: number): Promise<void> {
    const { host, httpServer } = this.start.config;
    try {
      this.server = await SERVERS[httpServer]((request) => this.handle(request), this.faults.to, {
        ...LIMITS,
        ...{ host, port, reusePort: true },
      });
    } catch (error) {
      const { code = 'UNKNOWN', message } = error as NodeJS.ErrnoException;
      return this.tell({ kind: 'not-listening', code, message });
    }
    this.metrics.loopLag.start();
    this.teller = setInterval(() => this.tellMetrics(), TELL_MS);
    this.tell({ kind: 'listening', port: this.server.port });
  }

  private handle(request: EdgeRequest): EdgeResponse | Promise<EdgeResponse> {
    if (!request.path.startsWith(BID_PREFIX)) return this.ask(request);
    if (request.method !== 'POST') return wrongMethod('POST');
    return this.path.handle(request.path.slice(BID_PREFIX.length), request);
  }

  /** Notices, health and metrics are the control thread's: one place knows what was accepted. */
  private ask(request: EdgeRequest): EdgeResponse | Promise<EdgeResponse> {
    if (this.asked.size >= MOST_ASKED)
      return problemResponse(503, 'TOO_MANY_NOTICES', 'more notices wait than this edge can hold; send it again');
    const id = (this.asks += 1);
    return new Promise((resolve) => {
      this.asked.set(id, resolve);
      const { method, path: route, query } = request;
      this.tell({ kind: 'ask', id, method, path: route, query });
    });
  }

  private onAnswer(id: number, answer: EdgeResponse): void {
    this.asked.get(id)?.(answer);
    this.asked.delete(id);
  }

  /** Makes a snapshot ready that the control thread has checked; its artifacts are on disk. */
  private async prepare(id: number, { source, body }: OfferedSnapshot): Promise<void> {
    const { config } = this.start;
    const { keys, artifacts } =
      source === 'shipped'
        ? readShipped(config.shippedFolder)
        : {
            keys: new KeyRing(config.snapshotKeys),
            artifacts: new ArtifactFolder(path.join(config.home, 'artifacts')),
          };
    const ports = { fleet: config.fleet, keys, artifacts, models: this.models, fetchArtifact: async () => null };
    try {
      this.prepared = { id, live: await loadSnapshot(body, this.live?.snapshot.version ?? 0, ports) };
      this.tell({ kind: 'prepared', id, refusal: null });
    } catch (error) {
      const { version, code, detail } =
        error instanceof SnapshotRefusal ? error : new SnapshotRefusal('MALFORMED', (error as Error).message);
      this.tell({ kind: 'prepared', id, refusal: { version, code, detail } });
    }
  }

  private serve(id: number): void {
    if (this.prepared?.id !== id) return;
    this.live = this.prepared.live;
    this.prepared = null;
    this.models.retire(new Set(artifactsOf(this.live.snapshot).map((ref) => ref.sha256)));
  }

  /** Only what snapshot, lease and budget name alike, and only while the lease lives. */
  private canary(): ServedCanary | null {
    const told = this.news.canary;
    const canary = this.live?.snapshot.canary;
    if (told === null || !canary || sharedMs() >= told.untilMs) return null;
    const isSame = told.served.rolloutId === canary.rolloutId && told.served.stage === canary.stage;
    return isSame ? told.served : null;
  }

  private openShadows(): ShadowQueue {
    const { shadows } = this.metrics;
    return new ShadowQueue({
      append: (line) => {
        shadows.add(1, line.error === null ? 'decided' : 'failed');
        this.records.appendShadow(line);
      },
      onDropped: () => shadows.add(1, 'dropped'),
      now: Date.now,
    });
  }

  private async drain(drainMs: number): Promise<void> {
    await this.server?.close(drainMs);
    await this.histories.stop();
    if (this.teller) clearInterval(this.teller);
    this.metrics.loopLag.stop();
    this.tellMetrics();
    this.tell({ kind: 'drained' });
    this.port.close();
  }

  private tellMetrics(): void {
    const isBreakerOpen = Object.values(this.live?.models ?? {}).some((served) => served?.breaker.isOpen);
    this.tell({ kind: 'metrics', delta: this.metrics.drain(), lag: this.metrics.loopLag.read(), isBreakerOpen });
  }

  private tell(message: FromThread): void {
    this.port.postMessage(message);
  }
}
