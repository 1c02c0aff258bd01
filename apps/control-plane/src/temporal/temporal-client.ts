import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import {
  Client,
  Connection,
  isGrpcServiceError,
  type WorkflowHandle,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { ControlPlaneConfig } from '../config';
import type { ProblemCode } from '../problems/catalogue';
import { ProblemError } from '../problems/problem-error';

/** How long a command waits for the worker before the caller is told to try again. */
const ANSWER_MS = 15_000;

/** Codes of the workflows' validators as problems of the API. */
const PROBLEM_OF: Record<string, ProblemCode> = {
  ROLE_NOT_ALLOWED: 'forbidden',
  FOUR_EYES: 'four-eyes',
  STALE_EVIDENCE: 'stale-evidence',
  INVALID_MESSAGE: 'invalid-input',
  UNKNOWN_WEIGHT: 'invalid-input',
  WEIGHT_OUT_OF_RANGE: 'invalid-input',
  WEIGHT_NOT_SERVED: 'invalid-input',
  NEVER_TUNABLE: 'invalid-input',
  NOTHING_TO_SET: 'invalid-input',
  UNKNOWN_CAMPAIGN: 'unknown-reference',
};

/** The one Temporal client of the process. Connects when first used, so that the API starts without Temporal. */
@Injectable()
export class TemporalClient implements OnApplicationShutdown {
  private readonly connection: Connection;
  readonly client: Client;

  constructor(config: ControlPlaneConfig) {
    this.connection = Connection.lazy({ address: config.temporalAddress });
    this.client = new Client({ connection: this.connection, namespace: config.temporalNamespace });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connection.close();
  }

  /**
   * Runs a call with a deadline; a worker that does not answer in time leaves the command undecided, not refused.
   * @throws ProblemError with the validator's code, `not-found`, `conflict`, or `temporal-unavailable`.
   */
  async call<T>(work: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await this.connection.withDeadline(Date.now() + ANSWER_MS, () => work(this.client));
    } catch (error) {
      throw problemOf(error);
    }
  }

  handle(workflowId: string): WorkflowHandle {
    return this.client.workflow.getHandle(workflowId);
  }

  /**
   * Whether the workflow's newest run goes on; false also when there never was one.
   * @throws ProblemError `temporal-unavailable`.
   */
  async isRunning(workflowId: string): Promise<boolean> {
    try {
      const { status } = await this.call(() => this.handle(workflowId).describe());
      return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW' || status.name === 'UNKNOWN';
    } catch (error) {
      // `conflict` is what `call` makes of a workflow that is not there.
      if (error instanceof ProblemError && error.code === 'conflict') return false;
      throw error;
    }
  }
}

function problemOf(error: unknown): unknown {
  if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
    const { type, message } = error.cause;
    const code = PROBLEM_OF[type ?? ''] ?? 'conflict';
    return new ProblemError(code, message, [{ pointer: '', code: type ?? 'REFUSED', detail: message }]);
  }
  if (error instanceof WorkflowNotFoundError)
    return new ProblemError('conflict', 'Its workflow is over or was never started.');
  if (error instanceof WorkflowExecutionAlreadyStartedError) return new ProblemError('already-exists', error.message);
  if (isGrpcServiceError(error) || (error instanceof Error && /UpdateRPCTimeout/.test(error.name))) {
    return new ProblemError(
      'temporal-unavailable',
      'Temporal or its worker did not answer; the same command may be sent again.',
    );
  }
  return error;
}
