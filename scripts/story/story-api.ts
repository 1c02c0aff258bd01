import { randomUUID } from 'node:crypto';
import type { Evidence, RolloutState, Verdict } from '#domain/contracts';
import type { Stack } from '../stack';

export interface TrainingRun {
  workflowId: string;
  step: string;
  code: string | null;
  candidateId: string | null;
  view: { passed: boolean | null; reason: string; gates: { gate: string; passed: boolean; reason: string }[] };
}

export interface Rollout {
  rolloutId: string;
  state: RolloutState;
  stage: number;
  shareBps: number;
  look: number;
  verdict: Verdict | null;
  reason: string;
  waitingFor: string | null;
  latestEvidence: Evidence | null;
  view: { safe: { timeToSafeMs: number } | null } | null;
}

export interface LoopStatus {
  decisions: number;
  [field: string]: unknown;
}

/** The people of the story speak to the API as any other client would. */
export class StoryApi {
  constructor(private readonly stack: Stack) {}

  async get<T>(path: string): Promise<T> {
    return this.call<T>('vera', 'GET', path);
  }

  async post<T>(user: string, path: string, body: unknown): Promise<T> {
    return this.call<T>(user, 'POST', path, body);
  }

  status(): Promise<LoopStatus> {
    return this.get<LoopStatus>('/status');
  }

  training(workflowId: string): Promise<TrainingRun> {
    return this.get<TrainingRun>(`/training/${encodeURIComponent(workflowId)}`);
  }

  rollout(rolloutId: string): Promise<Rollout> {
    return this.get<Rollout>(`/rollouts/${encodeURIComponent(rolloutId)}`);
  }

  private async call<T>(user: string, method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.stack.urls.controlPlane}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.stack.token(user)}`,
        ...(body !== undefined && { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} as ${user}: ${response.status} ${text.slice(0, 600)}`);
    return JSON.parse(text) as T;
  }
}
