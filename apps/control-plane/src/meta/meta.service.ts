import { Injectable } from '@nestjs/common';
import type { Agent } from '#domain/contracts';
import type { AutonomyLevel, WatchedScope } from '#domain/meta';
import type { Actor, MetaView } from '../../../../workflows/messages';
import { metaWorkflowId } from '../../../../workflows/workflow-ids';
import { ControlPlaneConfig } from '../config';
import { TemporalClient } from '../temporal/temporal-client';
import { FleetWatchService } from './fleet-watch.service';

/** Commands of the meta-agent as the API names them, and the update each becomes. */
export const META_COMMANDS = {
  pause: 'pause',
  resume: 'resume',
  'kill-agent': 'killAgent',
  'revive-agent': 'reviveAgent',
  'stop-bidding': 'stopBidding',
  'resume-bidding': 'resumeBidding',
  'retrain-now': 'retrainNow',
  'set-weight': 'setWeight',
  'set-autonomy': 'setAutonomy',
  'approve-proposal': 'approveProposal',
  'veto-proposal': 'vetoProposal',
} as const;
export type MetaCommand = keyof typeof META_COMMANDS;

export interface MetaCommandBody {
  reason: string;
  agent?: Agent;
  windowSeconds?: number;
  campaignId?: string;
  weight?: string;
  value?: number;
  level?: AutonomyLevel;
  overrideBps?: number;
  proposalId?: string;
}

/** Talks to the fleet's one `metaAgent`. */
@Injectable()
export class MetaService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly temporal: TemporalClient,
    private readonly watch: FleetWatchService,
  ) {}

  state(): Promise<MetaView> {
    return this.temporal.call(() => this.handle().query<MetaView>('state'));
  }

  /** @throws ProblemError `forbidden`, `four-eyes`, `conflict`, `temporal-unavailable`. */
  command(command: MetaCommand, by: Actor, body: MetaCommandBody): Promise<MetaView> {
    const args = { by, windowSeconds: 86_400, ...body };
    return this.temporal.call(() =>
      this.handle().executeUpdate<MetaView, [typeof args]>(META_COMMANDS[command], { args: [args] }),
    );
  }

  /** KPIs of the last whole window of `windowSeconds` by fleet, campaign and segment, with what is wrong. */
  async kpis(windowSeconds: number, nowMs: number): Promise<{ fromMs: number; toMs: number; scopes: WatchedScope[] }> {
    const bucketMs = this.config.kpiBucketSeconds * 1000;
    const toMs = Math.floor(nowMs / bucketMs) * bucketMs;
    const fromMs = toMs - Math.max(1, Math.round((windowSeconds * 1000) / bucketMs)) * bucketMs;
    const { fleet, cell } = this.config;
    return { fromMs, toMs, scopes: await this.watch.scopes(fleet, { cell, fromMs, toMs }, nowMs) };
  }

  private handle() {
    return this.temporal.handle(metaWorkflowId(this.config.fleet));
  }
}
