import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { HeartbeatRequest, HeartbeatResponse, PolicySnapshot } from '#domain/contracts';
import { serveAdmin } from './admin';
import { bidPorts } from './bid-ports';
import { CanaryLeaseHolder, type ServedCanary } from './canary';
import type { EdgeConfig } from './config';
import type { EdgeFacts } from './edge-facts';
import { FaultAnswer } from './fault-answer';
import { buildGauges } from './gauges';
import { edgeReport, Heartbeat } from './heartbeat';
import { openHistories, type UserHistories } from './histories';
import { lockHome } from './home-lock';
import { Housekeeping } from './housekeeping';
import { KillOrders, KillWatch, readKillState, stopsCanary, type KillEffect } from './kill';
import type { Logger } from './log';
import { EdgeMetrics, type Gauge } from './metrics';
import { noticePorts } from './notice-ports';
import { KeyWatch, NoticeReceiver, NoticeSigner, PriceReader } from './notices';
import { type GroupCommit, recoverSegments, SegmentStore, Shipper } from './outbox';
import { openCommit } from './open-commit';
import { BidPath } from './pipeline';
import { isLoopback, LIMITS, routes, SERVERS, type Handler, type RunningServer } from './server';
import { ShadowQueue } from './shadow';
import { shipCounts } from './ship-counts';
import { KeyRing, RememberedRecords, SnapshotHolder, SnapshotPuller } from './snapshot';
import { EdgeState, encodeEntry, GrantIntake, Journal, openSharedMemory, type SharedMemory } from './state';
import { BiddingThreads, gatherNews } from './threads';

const JOURNAL_MAX_BYTES = 64 << 20;
/** Without an answer for this long the control plane counts as unreachable and the outage allowance may be spent. */
const UNREACHABLE_AFTER_HEARTBEATS = 3;
const DRAIN_MS = 2000;
const FLUSH_MS = 1000;
const SECOND_MS = 1000;
const EXPIRE_MS = 50;
/** Windows of what the admin port shows for the last minutes. */
const WINDOW_MS = 60_000;

/** One edge process, wired by hand. */
export class Edge {
  readonly bootId = `${Date.now().toString(36)}${randomBytes(3).toString('hex')}`;
  readonly metrics = new EdgeMetrics();
  readonly state: EdgeState;
  readonly histories: UserHistories;
  readonly commit: GroupCommit;
  private readonly intake: GrantIntake;
  private readonly journal: Journal;
  private readonly segments: SegmentStore;
  private readonly shipper: Shipper;
  private readonly holder: SnapshotHolder;
  private readonly records = new RememberedRecords();
  private readonly lease: CanaryLeaseHolder;
  private readonly orders: KillOrders;
  private readonly prices: PriceReader;
  private readonly killWatch: KillWatch | null;
  private readonly puller: SnapshotPuller | null;
  private readonly heartbeat: Heartbeat | null;
  private readonly shadows: ShadowQueue;
  private readonly facts: EdgeFacts;
  private readonly housekeeping: Housekeeping;
  private readonly signer: NoticeSigner;
  private readonly keyWatch: KeyWatch;
  private readonly gauges: Gauge[];
  private readonly faults: FaultAnswer;
  /** Those that bid, of an edge with more than one. */
  private readonly threads: BiddingThreads | null;
  private server: RunningServer | null = null;
  private answers: Handler | null = null;
  private admin: RunningServer | null = null;
  private readonly timers: NodeJS.Timeout[] = [];
  private lastContactMs = Number.NEGATIVE_INFINITY;
  private isStopping = false;

  constructor(
    private readonly config: EdgeConfig,
    private readonly log: Logger,
  ) {
    this.faults = new FaultAnswer(this.metrics, log);
    this.prices = new PriceReader(config.priceKeys);
    lockHome(config.home);
    const recovery = recoverSegments(config.home);
    if (recovery.segments > 0 || recovery.tornBytes > 0) log.info(recovery, 'outbox of the last life recovered');
    this.journal = new Journal(config.home, JOURNAL_MAX_BYTES);
    this.segments = new SegmentStore(
      config.home,
      this.bootId,
      { sealAfterMs: config.sealAfterMs, sealAfterBytes: config.sealAfterBytes, maxBytes: config.outboxMaxBytes },
      Date.now,
    );
    const memory =
      config.threads > 1 ? openSharedMemory(config.maxCapEntries, config.threads, config.maxUserHistories) : null;
    this.histories = openHistories(config, this.metrics, log, memory?.histories);
    this.state = new EdgeState(
      { ...config, bootId: this.bootId },
      (entry) => this.commit.appendState(encodeEntry(entry)),
      memory,
      { onOpen: (account) => this.threads?.onOpen(account), onDrop: (grantId) => this.threads?.onDrop(grantId) },
      this.histories,
    );
    const { metrics, state, segments } = this;
    this.commit = openCommit({ config, log, metrics, state, segments, journal: this.journal });
    this.threads = memory && this.openThreads(memory);
    this.intake = new GrantIntake(this.state, this.commit);
    const keys = new KeyRing(config.snapshotKeys);
    this.lease = new CanaryLeaseHolder(keys, () => performance.now());
    this.orders = new KillOrders(config.fleet, new KeyRing(config.operatorKeys), readKillState(config.home));
    this.killWatch = this.openKillWatch();
    const target =
      config.controlPlaneUrl === null
        ? null
        : { url: config.controlPlaneUrl, edgeId: config.edgeId, token: config.edgeToken };
    this.shipper = new Shipper(this.segments, target, shipCounts(this.metrics.shipped, log));
    this.puller = target === null ? null : this.openPuller(target.url, target.token);
    this.holder = new SnapshotHolder({
      config,
      keys,
      log,
      fetchArtifact: (sha256) => this.puller?.fetchArtifact(sha256) ?? Promise.resolve(null),
      prepare: async (source, body) => (await this.threads?.prepare({ source, body })) ?? (() => undefined),
      onLive: (snapshot) => this.onLive(snapshot),
      onRefused: (code) => {
        this.metrics.refusals.add(1, code);
        this.heartbeat?.beatNow();
      },
    });
    this.heartbeat = target === null ? null : this.openHeartbeat(target.url, target.token);
    this.shadows = new ShadowQueue({
      append: (line) => {
        this.metrics.shadows.add(1, line.error === null ? 'decided' : 'failed');
        this.commit.appendEvent('shadow', JSON.stringify(line));
      },
      onDropped: () => this.metrics.shadows.add(1, 'dropped'),
      now: Date.now,
    });
    this.signer = new NoticeSigner(config.noticeKeys);
    this.keyWatch = this.openKeyWatch();
    this.housekeeping = this.openHousekeeping();
    this.facts = this.gatherFacts();
    this.gauges = buildGauges(this.facts);
  }

  /** Port being served; 0 before `start`. */
  get port(): number {
    return this.server?.port ?? 0;
  }

  /** Port of pages and metrics; 0 before `start`. */
  get adminPort(): number {
    return this.admin?.port ?? 0;
  }

  /** Boots: state from the journal, snapshot from disk or ship, then serves, then talks to the control plane. */
  async start(): Promise<void> {
    const { config, log } = this;
    for (const entry of this.journal.load()) this.state.replay(entry);
    const nowMs = Date.now();
    this.state.recovered(nowMs);
    await this.journal.compact(this.state.dump(nowMs), this.state.dumpHistories(nowMs));
    this.threads?.open(this.state.ledger);
    await this.killWatch?.start();
    await this.holder.loadFromDisk();
    await this.housekeeping.run();
    this.histories.start();
    this.metrics.loopLag.start();
    this.admin = await serveAdmin(this.facts, this.printMetrics, this.faults.to);
    const { host, port } = config;
    this.server = this.threads
      ? await this.serveByThreads(this.threads)
      : await SERVERS[config.httpServer](this.handler(), this.faults.to, { ...LIMITS, host, port });
    this.keyWatch.start();
    this.timers.push(setInterval(() => this.housekeeping.expireBids(), EXPIRE_MS));
    this.timers.push(setInterval(() => void this.everySecond(), SECOND_MS));
    this.timers.push(setInterval(() => this.roll(), WINDOW_MS));
    this.shipper.start();
    this.puller?.start();
    this.heartbeat?.start();
    const url = `http://${host}:${this.port}/openrtb2/{exchange}`;
    const adminUrl = `http://${config.adminHost}:${this.adminPort}/`;
    log.info({ url, adminUrl, home: config.home, bootId: this.bootId }, 'edge serves');
  }

  /** Drains for at most 2 s, returns the leases in a last heartbeat, and leaves a clean journal. */
  async stop(): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    for (const timer of this.timers) clearInterval(timer);
    this.killWatch?.stop();
    this.keyWatch.stop();
    await this.server?.close(DRAIN_MS);
    await this.admin?.close(0);
    this.metrics.loopLag.stop();
    this.state.returnLeases();
    await this.puller?.stop();
    await this.heartbeat?.stop();
    await this.histories.stop();
    await this.commit.close();
    await this.shipper.stop(FLUSH_MS);
    await this.journal.close();
    this.log.info({ bootId: this.bootId }, 'edge stopped');
  }

  private readonly printMetrics = (): string => this.metrics.print(this.gauges);

  private gatherFacts(): EdgeFacts {
    const { config, bootId, metrics, state, histories, commit, segments, holder, lease, prices, signer, threads } =
      this;
    return {
      ...{ config, bootId, metrics, state, histories, commit, segments, holder, lease, prices, signer },
      startedAtMs: Date.now(),
      canary: () => this.servingCanary(),
      kill: () => this.killEffect(),
      quarantined: () => this.quarantinedAgents(),
      reachable: () => this.isReachable(),
      notReady: () => this.notReady(),
      draining: () => this.isStopping,
      refresh: threads && (() => threads.refresh()),
    };
  }

  private async everySecond(): Promise<void> {
    await this.housekeeping.run();
    this.threads?.tellNews();
  }

  private roll(): void {
    this.metrics.roll();
    this.threads?.roll();
  }

  private async serveByThreads(threads: BiddingThreads): Promise<RunningServer> {
    threads.tellNews();
    return { port: await threads.listen(), close: (drainMs) => threads.close(drainMs) };
  }

  private openThreads(memory: SharedMemory): BiddingThreads {
    const { config, bootId, log, metrics, commit, state } = this;
    return new BiddingThreads({
      ...{ config, bootId, memory, log, metrics, commit },
      handler: (request) => (this.answers ??= this.handler())(request),
      onBid: (reservation) => {
        state.onBid(reservation);
        state.live.onBid(reservation.arm, reservation.exchange, Date.now());
      },
      openReservations: () => state.openReservations,
      news: () => gatherNews(this.facts, this.housekeeping.pacingSteps),
      onLost: (error) => {
        log.fatal(
          { err: error },
          'a bidding thread is lost, with what it held: the edge ends and must be started again',
        );
        process.exit(1);
      },
    });
  }

  private handler(): Handler {
    const { config, bootId, metrics, state, histories, commit, shadows, signer, prices } = this;
    const path = new BidPath(
      bidPorts({
        ...{
          config,
          bootId,
          thread: 0,
          threads: 1,
          metrics,
          state,
          histories,
          records: commit,
          shadows,
          signer,
          prices,
        },
        port: () => this.port,
        live: () => this.holder.live,
        canary: () => this.servingCanary(),
        kill: () => this.killEffect(),
        stateVersion: () => this.housekeeping.pacingSteps,
        reachable: () => this.isReachable(),
      }),
    );
    return routes({
      bid: (exchange, request) => path.handle(exchange, request),
      notices: new NoticeReceiver(noticePorts(this.facts, this.records)),
      metrics: this.printMetrics,
      notReady: () => this.notReady(),
      isPublic: !isLoopback(this.config.host),
    });
  }

  private openKillWatch(): KillWatch | null {
    const { killFile, home } = this.config;
    if (killFile === null) return null;
    return new KillWatch(
      killFile,
      home,
      this.orders,
      (verdict) => {
        this.metrics.kills.add(1, verdict);
        this.log.warn({ verdict, level: this.killEffect().level }, 'kill file read');
        this.threads?.tellNews();
        this.heartbeat?.beatNow();
      },
      () => this.metrics.kills.add(1, 'unreadable'),
    );
  }

  private openHousekeeping(): Housekeeping {
    const { state, commit, intake, metrics, log } = this;
    return new Housekeeping({
      ...{ state, commit, intake, metrics, log },
      onAlarm: () => this.heartbeat?.beatNow(),
      live: () => this.holder.live,
      isAlone: this.config.controlPlaneUrl === null,
    });
  }

  private openKeyWatch(): KeyWatch {
    return new KeyWatch(this.config.noticeKeyFile, this.signer, (verdict) => {
      if (verdict === 'taken') this.threads?.useNoticeKeys(this.signer.secrets);
      this.metrics.noticeKeys.add(1, verdict);
      this.log.warn({ verdict, keyIds: this.signer.keyIds }, 'key file of notices read');
    });
  }

  private openPuller(url: string, token: string): SnapshotPuller {
    return new SnapshotPuller({
      url,
      token,
      version: () => this.holder.live?.snapshot.version ?? 0,
      offer: (body) => this.holder.offer(body),
      onTooLarge: (bytes) => this.holder.refuseTooLarge(bytes),
    });
  }

  private openHeartbeat(url: string, token: string): Heartbeat {
    return new Heartbeat({
      url,
      token,
      everyMs: this.config.heartbeatMs,
      report: () => edgeReport(this.facts),
      durable: () => this.commit.durable(),
      onContact: (reached) => {
        if (reached) this.lastContactMs = performance.now();
      },
      onAnswer: (answer, sent) => this.onAnswer(answer, sent),
    });
  }

  private onLive(snapshot: PolicySnapshot): void {
    this.records.remember(snapshot);
    this.threads?.tellNews();
    this.log.info({ version: snapshot.version, snapshotId: snapshot.snapshotId }, 'snapshot is live');
    this.heartbeat?.beatNow();
  }

  private async onAnswer(answer: HeartbeatResponse, sent: HeartbeatRequest): Promise<void> {
    this.lease.accept(answer.canaryLease, answer.serverTimeMs);
    this.state.onReported(sent, answer.bookedLateBills);
    this.housekeeping.followClock();
    if (!this.isStopping) await this.intake.take(answer.grants, answer.serverTimeMs);
    this.threads?.tellNews();
  }

  private servingCanary(): ServedCanary | null {
    const canary = this.holder.live?.snapshot.canary ?? null;
    // Users of a canary that has not been given its budget yet would be judged for bids it could not make.
    if (canary !== null && (stopsCanary(this.killEffect().level) || !this.state.ledger.hasGrant('canary', Date.now())))
      return null;
    return this.lease.serving(canary);
  }

  private killEffect(): KillEffect {
    return this.orders.effect(this.holder.live?.snapshot ?? null);
  }

  private isReachable(): boolean {
    const silentMs = performance.now() - this.lastContactMs;
    return this.config.controlPlaneUrl !== null && silentMs < this.config.heartbeatMs * UNREACHABLE_AFTER_HEARTBEATS;
  }

  private quarantinedAgents(): string[] {
    const open =
      this.threads?.isBreakerOpen ||
      Object.values(this.holder.live?.models ?? {}).some((served) => served?.breaker.isOpen);
    return [...new Set([...this.killEffect().agents, ...(open ? ['bid'] : [])])].sort();
  }

  private notReady(): string | null {
    if (this.isStopping || this.holder.live === null) return this.isStopping ? 'shutting down' : 'no snapshot yet';
    return this.commit.isOpen ? null : 'the outbox is full or cannot be written';
  }
}
