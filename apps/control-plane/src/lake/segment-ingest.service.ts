import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { SegmentReceipt } from '#domain/contracts/edge-protocol';
import { readSegment, type SegmentContent } from '#domain/lake/segment-content';
import { AgentSums } from '#domain/lake/agent-sums';
import { SegmentSums } from '#domain/lake/segment-sums';
import { ControlPlaneConfig } from '../config';
import { ProblemError } from '../problems/problem-error';
import { addToAgentTables } from './agent-sums-writer';
import { addToKpiTables } from './kpi-writer';
import { ModelExpectation } from './model-expectation';
import { RolloutSegments } from './rollout-segments';
import { SegmentFileStore } from './segment-file-store';
import { insertDecisions, insertOutcomes, insertSegment } from './segment-writer';

interface StoredSegment {
  sha256: string;
  events: number;
}

/**
 * Takes a sealed segment in: raw bytes durably on disk, then everything that follows from them in one transaction. Primary
 * keys of segment, decision and outcome make a repetition of any of the three change nothing.
 */
@Injectable()
export class SegmentIngestService {
  constructor(
    private readonly database: DataSource,
    private readonly config: ControlPlaneConfig,
    private readonly files: SegmentFileStore,
    private readonly expectation: ModelExpectation,
    private readonly segments: RolloutSegments,
  ) {}

  /**
   * @throws ProblemError `invalid-segment` (torn, corrupt, wrong hash: nothing is stored) or `conflict` (the id is known with
   * other bytes).
   */
  async ingest(edgeId: string, segmentId: string, claimedSha256: string, bytes: Uint8Array): Promise<SegmentReceipt> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== claimedSha256) {
      throw invalid('SEGMENT_HASH', `x-content-sha256 says ${claimedSha256}, the body's hash is ${sha256}`);
    }
    const known = await this.find(this.database.manager, edgeId, segmentId);
    if (known) return duplicateOf(known, sha256);
    const read = readSegment(bytes, crc32);
    if (!read.ok) throw invalid(read.fault.code, `frame ${read.fault.frame}: ${read.fault.detail}`);
    await this.expectation.prepare(read.content.decisions.map(({ event }) => event));
    await this.segments.prepare(rolloutsOf(read.content));
    const path = await this.files.write(edgeId, segmentId, sha256, bytes);
    return this.database.transaction(async (manager) => {
      const { content } = read;
      const seq = await insertSegment(manager, { edgeId, segmentId, sha256, path, bytes: bytes.length, content });
      if (seq !== null) return this.store(manager, seq, content);
      const winner = await this.find(manager, edgeId, segmentId);
      if (!winner) throw new Error(`segment ${edgeId}/${segmentId} vanished`);
      return duplicateOf(winner, sha256);
    });
  }

  private async store(manager: EntityManager, seq: string, content: SegmentContent): Promise<SegmentReceipt> {
    const outcomes = await insertOutcomes(manager, seq, content.outcomes);
    const decisions = await insertDecisions(manager, seq, content.decisions);
    const sums = new SegmentSums({
      cell: this.config.cell,
      bucketMs: this.config.kpiBucketSeconds * 1000,
      expectsModel: (record, agent) => this.expectation.expectsModel(record, agent),
      segmentsOf: (rolloutId) => this.segments.of(rolloutId),
    });
    const agents = new AgentSums(this.config.cell);
    for (const { event } of decisions) {
      sums.addDecision(event);
      agents.addDecision(event);
    }
    for (const { event } of outcomes) {
      sums.addOutcome(event);
      agents.addOutcome(event);
    }
    await addToKpiTables(manager, sums.delta());
    await addToAgentTables(manager, agents.delta());
    const duplicates = [content.decisions.length - decisions.length, content.outcomes.length - outcomes.length];
    if (duplicates.some((count) => count > 0)) {
      await manager.query('UPDATE segment SET duplicate_decisions = $2, duplicate_outcomes = $3 WHERE seq = $1', [
        seq,
        ...duplicates,
      ]);
    }
    return { status: 'ingested', events: countOf(content) };
  }

  private async find(manager: EntityManager, edgeId: string, segmentId: string): Promise<StoredSegment | null> {
    const [row] = await manager.query<StoredSegment[]>(
      `SELECT sha256, decisions + shadows + outcomes AS events FROM segment WHERE edge_id = $1 AND segment_id = $2`,
      [edgeId, segmentId],
    );
    return row ?? null;
  }
}

function duplicateOf(known: StoredSegment, sha256: string): SegmentReceipt {
  if (known.sha256 !== sha256) {
    throw new ProblemError('conflict', `This segment is known with other bytes, sha256 ${known.sha256}.`);
  }
  return { status: 'duplicate', events: known.events };
}

function invalid(code: string, detail: string): ProblemError {
  return new ProblemError('invalid-segment', `${detail}.`, [{ pointer: '', code, detail }]);
}

function* rolloutsOf({ decisions, outcomes }: SegmentContent): Generator<string> {
  for (const { event } of decisions) yield event.inputs.rolloutId;
  for (const { event } of outcomes) yield event.rolloutId;
}

const countOf = (content: SegmentContent) =>
  content.decisions.length + content.shadows.length + content.outcomes.length;
