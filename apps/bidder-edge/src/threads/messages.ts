import type { Histogram } from 'node:perf_hooks';
import type { KillEffect } from '../kill/kill-orders';
import type { ServedCanary } from '../canary/canary-lease';
import type { EdgeConfig } from '../config';
import type { LoopLag } from '../metrics';
import type { MetricsDelta } from '../metrics/edge-metrics';
import type { EdgeResponse } from '../server/message';
import type { OpenedAccount, StateNews } from '../state/thread-state';
import type { SharedMemory } from '../state/shared-memory';

/** What a bidding thread is given when it starts. */
export interface ThreadStart {
  /** From 0. */
  thread: number;
  threads: number;
  config: EdgeConfig;
  bootId: string;
  memory: SharedMemory;
  ring: SharedArrayBuffer;
}

/** What the control thread knows that decisions read, told once a second and whenever it changes. */
export interface News extends StateNews {
  stateVersion: number;
  reachable: boolean;
  kill: KillEffect;
  /** What may be served, and until when on the clock that all threads share (`sharedMs`). */
  canary: { served: ServedCanary; untilMs: number } | null;
}

/** A snapshot as its checks begin: the bundle's own text, or the one shipped with the edge. */
export interface OfferedSnapshot {
  source: 'shipped' | 'signed';
  body: string;
}

/** From the control thread to one that bids. */
export type ToThread =
  | { kind: 'listen'; port: number }
  | { kind: 'prepare'; id: number; offered: OfferedSnapshot }
  | { kind: 'serve'; id: number }
  | { kind: 'opened'; account: OpenedAccount }
  | { kind: 'dropped'; grantId: string }
  | { kind: 'news'; news: News }
  | { kind: 'notice-keys'; keys: Uint8Array[] }
  | { kind: 'answer'; id: number; answer: EdgeResponse }
  | { kind: 'tell'; id: number }
  | { kind: 'roll' }
  | { kind: 'drain'; drainMs: number };

/** From a thread that bids to the control thread. */
export type FromThread =
  | { kind: 'histograms'; stages: Histogram[][] }
  | { kind: 'listening'; port: number }
  | { kind: 'not-listening'; code: string; message: string }
  | { kind: 'prepared'; id: number; refusal: { version: number; code: string; detail: string } | null }
  | { kind: 'ask'; id: number; method: string; path: string; query: string }
  | { kind: 'metrics'; delta: MetricsDelta; lag: LoopLag | null; isBreakerOpen: boolean }
  | { kind: 'told'; id: number }
  | { kind: 'drained' };

/** Kinds of frames in a thread's ring. */
export const FRAME = { reservation: 1, bid: 2, noBid: 3, shadow: 4 } as const;

/** Monotonic milliseconds that all threads of a process read alike; `performance.now()` begins with each thread. */
export const sharedMs = (): number => Number(process.hrtime.bigint()) / 1e6;
