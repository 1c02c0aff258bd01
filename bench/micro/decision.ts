import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { deflateSync } from 'node:zlib';
import { ByteWriter, packDecision, type DecisionRecord, type PolicySnapshot } from '#domain/contracts';
import {
  assignArm,
  decideRequest,
  prepareRequest,
  type ImpressionDecision,
  type RequestContext,
  type StateReader,
} from '#domain/coordination';
import { buildServingIndex, type ServingIndex } from '#domain/matching';
import { DEFAULT_BID_LIFE, normaliseRequest, renderBidResponse, validateBidRequest } from '#domain/openrtb';
import { openBidModel, type BidModel } from '../../apps/bidder-edge/src/inference';
import { userHasher } from '../../apps/bidder-edge/src/keyed-hash';
import { NoticeSigner } from '../../apps/bidder-edge/src/notices';
import { quantileOf, spreadOf, type Spread } from '../statistic';

/** Time on the thread from the body's bytes to the response's and the record's text, microseconds. */
export interface DecisionReport {
  decisions: number;
  bids: number;
  p50Us: number;
  p99Us: number;
  /** Processor time of the whole process per decision: the model's runtime and garbage collection included. */
  cpuUs: Spread;
  /** `JSON.parse` of the same bodies, timed in turn with the decisions: what to hold the figures against. */
  parseP50Us: number;
  parseP99Us: number;
  record: RecordReport;
}

/** One decision's record on its way to the disk. */
export interface RecordReport {
  packP50Us: number;
  packP99Us: number;
  bytes: number;
  /** Per record of a segment, deflated as a whole. */
  compressedBytes: number;
}

const BLOCKS = 10;
const WARM_UP = 3000;
const KEPT_RECORDS = 2000;
const NOW_MS = Date.UTC(2026, 10, 24, 12);

/** A process with budget and no exposures: the state's reads are part of the edge's figures, not of these. */
const STATE: StateReader = {
  pacing: () => ({ multiplier: 1, passThrough: 1 }),
  freeNanos: () => 1e12,
  capCount: () => 0,
  exposures24h: () => 0,
  explorationLeft: () => 1,
};

/** Decides `count` requests one after another: all stages but HTTP, reservation and disk. */
export async function measureDecisions(
  root: string,
  snapshot: PolicySnapshot,
  bodies: readonly string[],
  count: number,
): Promise<DecisionReport> {
  const model = await openShipped(root, snapshot);
  const decider = new Decider(snapshot, model);
  const bytes = bodies.map((body) => Buffer.from(body));
  for (let n = 0; n < WARM_UP; n++) await decider.decide(bytes[n % bytes.length]!, n);
  const whole = new Float64Array(count);
  const parse = new Float64Array(count);
  const cpu: number[] = [];
  const perBlock = Math.floor(count / BLOCKS);
  decider.bids = 0;
  for (let block = 0, n = 0; block < BLOCKS; block++) {
    const before = process.cpuUsage();
    for (let i = 0; i < perBlock; i++, n++) {
      const startedAt = performance.now();
      await decider.decide(bytes[n % bytes.length]!, n);
      whole[n] = (performance.now() - startedAt) * 1000;
    }
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / perBlock);
    for (let i = 0, m = block * perBlock; i < perBlock; i++, m++) {
      const startedAt = performance.now();
      JSON.parse(bytes[m % bytes.length]!.toString('utf8'));
      parse[m] = (performance.now() - startedAt) * 1000;
    }
  }
  await model.close();
  const done = perBlock * BLOCKS;
  const sortedWhole = whole.subarray(0, done).sort();
  const sortedParse = parse.subarray(0, done).sort();
  return {
    decisions: done,
    bids: decider.bids,
    p50Us: quantileOf(sortedWhole, 0.5),
    p99Us: quantileOf(sortedWhole, 0.99),
    cpuUs: spreadOf(cpu),
    parseP50Us: quantileOf(sortedParse, 0.5),
    parseP99Us: quantileOf(sortedParse, 0.99),
    record: decider.recordReport(),
  };
}

/** The shipped champion's model. */
export function openShipped(root: string, snapshot: PolicySnapshot): Promise<BidModel> {
  const { artifact } = snapshot.champion.bid;
  if (artifact === null) throw new Error('the shipped champion has no model');
  const file = path.join(root, 'apps', 'bidder-edge', 'shipped', 'artifacts', `${artifact.sha256}.onnx`);
  return openBidModel(readFileSync(file), artifact);
}

/** The stages of the edge's pipeline in their order. */
export class Decider {
  bids = 0;
  private readonly index: ServingIndex;
  private readonly writer = new ByteWriter();
  private readonly packed: Buffer[] = [];
  private readonly packUs: number[] = [];
  private readonly signer = new NoticeSigner([randomBytes(32)]);
  private readonly hashUser = userHasher(randomBytes(32));

  constructor(
    private readonly snapshot: PolicySnapshot,
    private readonly model: BidModel,
  ) {
    this.index = buildServingIndex(snapshot);
  }

  async decide(body: Buffer, n: number): Promise<void> {
    const { snapshot, index } = this;
    const exchange = snapshot.exchanges.demo!;
    const raw: unknown = JSON.parse(body.toString('utf8'));
    if (!validateBidRequest(raw).ok) throw new Error('the bench sends a malformed request');
    const request = normaliseRequest(raw as object, exchange, snapshot.fx, this.hashUser, snapshot.layerSalt);
    const prepared = prepareRequest(index, request, this.context(request.requestId, n), STATE);
    const law = prepared.rowCount > 0 ? await this.model.run(prepared.rows, prepared.rowCount) : null;
    const decisions = decideRequest(index, prepared, law, () => true).map((decision, at) => ({
      ...decision,
      decisionId: `bench-${n}-${at}`,
      lifeMs: DEFAULT_BID_LIFE.leastMs,
    }));
    const response = renderBidResponse(request, decisions, index, (decision) => this.urls(decision), exchange);
    if (response !== null) this.bids += 1;
    for (const decision of decisions) this.record(decision);
  }

  /** Packs the record as the edge does; every thousandth is kept in its bytes. */
  private record({ decisionId, inputs, outputs }: ImpressionDecision & { decisionId: string }): void {
    const record: DecisionRecord = {
      ...{ type: 'decision', schemaVersion: 1, decisionId, edgeId: 'edge-bench', atNs: `${inputs.nowMs}000000` },
      ...{ inputs, outputs },
      latencyUs: { decode: 20, match: 15, infer: 3, decide: 15, respond: 12 },
      modelVersions: { budget: 'budget-1', creative: 'creative-1', bid: 'bid-1', frequency: 'frequency-1' },
    };
    const startedAt = performance.now();
    this.writer.clear();
    if (!packDecision(this.writer, record)) throw new Error('the bench makes a record that cannot be packed');
    this.packUs.push((performance.now() - startedAt) * 1000);
    if (this.packed.length < KEPT_RECORDS) this.packed.push(Buffer.from(this.writer.written()));
  }

  /** Time to pack a record, its bytes, and those of a segment of records compressed. */
  recordReport(): RecordReport {
    const sorted = Float64Array.from(this.packUs).sort();
    const whole = Buffer.concat(this.packed);
    return {
      packP50Us: quantileOf(sorted, 0.5),
      packP99Us: quantileOf(sorted, 0.99),
      bytes: whole.length / this.packed.length,
      compressedBytes: deflateSync(whole).length / this.packed.length,
    };
  }

  private context(requestId: string, n: number): RequestContext {
    return {
      snapshotId: this.snapshot.snapshotId,
      stateVersion: 0,
      nowMs: NOW_MS + n,
      arm: assignArm(this.snapshot.layerSalt, requestId, 0),
      rolloutId: '',
      stage: -1,
      rngCounter: n,
      live: { requestRate: 1000, winRate: 0.2, openReservations: 100 },
      inferenceMode: 'models',
      engine: 'onnx',
      quarantined: [],
      timeLeftMs: { match: 100, decide: 100, respond: 100 },
    };
  }

  private urls({ decisionId }: { decisionId: string }) {
    const token = this.signer.sign({
      decisionId,
      exchange: 'demo',
      campaignId: 'cmp-bench',
      creativeId: 'crt-bench',
      arm: 'champion',
      rolloutId: '',
      stage: -1,
      userBucket: 1,
      maxMicros: 1_000_000,
      bidCurrency: 'USD',
      decidedAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 86_400_000,
      grantId: 'grant-bench',
      isTest: false,
      clickValueNanos: 1,
      conversionValueNanos: 1,
      isRepeat: false,
      country: 'USA',
      deviceType: 4,
      quantity: 1,
      mayMeasure: true,
      billableEvent: 'burl',
      attribution: { clickMinutes: 43_200, viewMinutes: 1440 },
      clickedAtMs: null,
      userKey: '0123456789abcdef',
    });
    const url = (kind: string) => `http://127.0.0.1:7080/n/${kind}?t=${token}`;
    return { nurl: url('win'), burl: url('bill'), lurl: url('loss'), clickUrl: url('click'), viewUrl: url('view') };
  }
}
