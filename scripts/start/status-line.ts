import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../apps/control-plane/src/status/status.schema';
import type { Stack } from '../stack';

const TTY_EVERY_MS = 1000;
const PLAIN_EVERY_MS = 10_000;
const FIRST_BID_POLL_MS = 250;

/** The part of GET /api/v1/status that the line shows. */
export type LoopStatus = Pick<
  Status,
  'requestsPerSecond' | 'bidRate' | 'winRate' | 'spend' | 'decisions' | 'training' | 'rollout' | 'lastBids'
>;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function describeRollout(rollout: LoopStatus['rollout']): string {
  if (!rollout) return 'none';
  const { agent, state, shareBps, waitingFor, ended } = rollout;
  const more = ended ? '' : ` at ${percent(shareBps / 10_000)}${waitingFor ? `, waiting for ${waitingFor}` : ''}`;
  return `${agent} ${state}${more}`;
}

/** One line about the loop's state. */
export function describeStatus(status: LoopStatus): string {
  const { training } = status;
  return [
    `${status.requestsPerSecond.toFixed(1)} requests/s`,
    `bid rate ${percent(status.bidRate)}`,
    `win rate ${percent(status.winRate)}`,
    `spend $${status.spend.USD.toFixed(2)}`,
    `decisions ${status.decisions}`,
    `training ${training ? `${training.agent} ${training.state}` : 'none'}`,
    `rollout ${describeRollout(status.rollout)}`,
  ].join(' · ');
}

/** The status line of `npm start`: one rewritten line on a terminal, a line every 10 s elsewhere. */
export class StatusLine {
  private stopped = false;

  constructor(
    private readonly stack: Stack,
    private readonly out: NodeJS.WriteStream,
  ) {}

  private async read(): Promise<LoopStatus | null> {
    try {
      const response = await fetch(`${this.stack.urls.controlPlane}/api/v1/status`, {
        headers: { authorization: `Bearer ${this.stack.token('vera')}` },
        signal: AbortSignal.timeout(5000),
      });
      return response.ok ? ((await response.json()) as LoopStatus) : null;
    } catch {
      return null; // The control plane restarts or stops: the line says so.
    }
  }

  /** Waits for the first bid since the start and says how long it took. */
  async firstBid(startedAtMs: number): Promise<void> {
    while (!this.stopped) {
      const status = await this.read();
      if (status?.lastBids.some(({ atMs }) => atMs >= startedAtMs)) {
        const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
        this.interrupt(`first bid after ${seconds} s`);
        return;
      }
      await sleep(FIRST_BID_POLL_MS);
    }
  }

  /** Writes a line of its own above the status line. */
  interrupt(text: string): void {
    this.out.write(`${this.out.isTTY ? '\r\x1b[K' : ''}${text}\n`);
  }

  /** Shows the state until `stop`. */
  run(): void {
    void (async () => {
      while (!this.stopped) {
        const status = await this.read();
        const text = status ? describeStatus(status) : 'the control plane does not answer; the edge goes on alone';
        const time = new Date().toISOString().slice(11, 19);
        if (this.stopped) return;
        if (this.out.isTTY) this.out.write(`\r\x1b[K${`${time} ${text}`.slice(0, this.out.columns - 1)}`);
        else this.out.write(`${time} ${text}\n`);
        await sleep(this.out.isTTY ? TTY_EVERY_MS : PLAIN_EVERY_MS);
      }
    })();
  }

  stop(): void {
    this.stopped = true;
    if (this.out.isTTY) this.out.write('\n');
  }
}
