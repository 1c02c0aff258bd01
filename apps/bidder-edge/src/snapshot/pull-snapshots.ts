/** Longest bundle that is read at all, bytes. */
const MAX_BUNDLE_BYTES = 32 << 20;
const POLL_WAIT_MS = 20_000;
const RETRY_MS = [200, 500, 1000, 2000, 5000];
/** Pause after a bundle was refused, so that a bad one is not fetched in a tight loop. */
const REFUSED_PAUSE_MS = 2000;

export interface PullPorts {
  url: string;
  token: string;
  /** Version being served, 0 before the first. */
  version(): number;
  /** Checks and, if good, makes live. False when it was refused. */
  offer(body: string): Promise<boolean>;
  onTooLarge(bytes: number): void;
}

/** Pulls snapshots by long polling with ETags until stopped. */
export class SnapshotPuller {
  private readonly abort = new AbortController();
  private loop: Promise<void> | null = null;

  constructor(private readonly ports: PullPorts) {}

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.loop;
  }

  /** Bytes of an artifact by content hash, null when the control plane does not give them. */
  async fetchArtifact(sha256: string): Promise<Uint8Array | null> {
    const response = await this.get(`/edge/v1/artifacts/${sha256}`, {}, 30_000);
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  }

  private async run(): Promise<void> {
    let failures = 0;
    while (!this.abort.signal.aborted) {
      try {
        const accepted = await this.pollOnce();
        failures = 0;
        if (!accepted) await this.pause(REFUSED_PAUSE_MS);
      } catch {
        // Unreachable or broken off: the edge goes on with what it has; reachability is a metric.
        if (this.abort.signal.aborted) return;
        await this.pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
      }
    }
  }

  private async pollOnce(): Promise<boolean> {
    const version = this.ports.version();
    const headers: Record<string, string> = version > 0 ? { 'if-none-match': `"${version}"` } : {};
    const response = await this.get(`/edge/v1/snapshot?waitMs=${POLL_WAIT_MS}`, headers, POLL_WAIT_MS + 10_000);
    if (response.status === 304) {
      await response.arrayBuffer();
      return true;
    }
    if (!response.ok) throw new Error(`snapshot: HTTP ${response.status}`);
    const length = Number(response.headers.get('content-length') ?? 0);
    const body = length > MAX_BUNDLE_BYTES ? null : await response.text();
    if (body === null || body.length > MAX_BUNDLE_BYTES) {
      this.ports.onTooLarge(body?.length ?? length);
      await response.body?.cancel().catch(() => undefined);
      return false;
    }
    return this.ports.offer(body);
  }

  private get(path: string, headers: Record<string, string>, timeoutMs: number): Promise<Response> {
    const signal = AbortSignal.any([this.abort.signal, AbortSignal.timeout(timeoutMs)]);
    return fetch(this.ports.url + path, {
      headers: { authorization: `Bearer ${this.ports.token}`, ...headers },
      signal,
    });
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const { signal } = this.abort;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }
}
