import { Injectable } from '@nestjs/common';
import type { Agent } from '#domain/contracts';
import type { Actor, MetaView } from '../../../../workflows/messages';
import { metaWorkflowId } from '../../../../workflows/workflow-ids';
import { ControlPlaneConfig } from '../config';
import { TemporalClient } from '../temporal/temporal-client';

/** Commands of the meta-agent as the API names them, and the update each becomes. */
export const META_COMMANDS = {
  pause: 'pause',
  resume: 'resume',
  'kill-agent': 'killAgent',
  'revive-agent': 'reviveAgent',
  'stop-bidding': 'stopBidding',
  'resume-bidding': 'resumeBidding',
  'retrain-now': 'retrainNow',
} as const;
export type MetaCommand = keyof typeof META_COMMANDS;

export interface MetaCommandBody {
  reason: string;
  agent?: Agent;
  windowSeconds?: number;
}

/** Talks to the fleet's one `metaAgent`. */
@Injectable()
export class MetaService {
  constructor(
    private readonly config: ControlPlaneConfig,
    private readonly temporal: TemporalClient,
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

  private handle() {
    return this.temporal.handle(metaWorkflowId(this.config.fleet));
  }
}
