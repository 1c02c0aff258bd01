import path from 'node:path';
import type { PolicySnapshot } from '#domain/contracts';
import type { EdgeConfig } from '../config';
import { ModelCache } from '../inference';
import type { Logger } from '../log';
import { ArtifactFolder } from './artifact-folder';
import { LastKnownGood } from './last-known-good';
import { artifactsOf, type LiveSnapshot } from './live-snapshot';
import { loadSnapshot } from './load-snapshot';
import { readShipped } from './shipped-snapshot';
import { SnapshotRefusal } from './snapshot-refusal';
import type { KeyRing } from './verify-signed';

export interface HolderPorts {
  config: EdgeConfig;
  keys: KeyRing;
  log: Logger;
  fetchArtifact(sha256: string): Promise<Uint8Array | null>;
  /** Has other threads make a checked bundle ready; what it answers makes them serve it. @throws SnapshotRefusal */
  prepare(source: 'shipped' | 'signed', body: string): Promise<() => void>;
  onLive(snapshot: PolicySnapshot): void;
  onRefused(code: string): void;
}

const KEPT_REFUSALS = 10;

/** Holds the one reference to what is served, and swaps it. */
export class SnapshotHolder {
  live: LiveSnapshot | null = null;
  /** Last refusal since the last success, for the heartbeat. */
  lastRefusal: { version: number; code: string; detail: string } | null = null;
  /** The last refusals since the process started, oldest first. */
  readonly refusals: { atMs: number; version: number; code: string; detail: string }[] = [];
  private readonly models = new ModelCache();
  private readonly artifacts: ArtifactFolder;
  private readonly lastKnownGood: LastKnownGood;

  constructor(private readonly ports: HolderPorts) {
    this.artifacts = new ArtifactFolder(path.join(ports.config.home, 'artifacts'));
    this.lastKnownGood = new LastKnownGood(ports.config.home);
  }

  /** Cold start: the shipped snapshot of an edge that runs alone, else the last known good one. */
  async loadFromDisk(): Promise<void> {
    if (this.ports.config.source === 'shipped') {
      const { body, keys, artifacts } = readShipped(this.ports.config.shippedFolder);
      const next = await this.load(body, 0, keys, artifacts);
      const serve = await this.ports.prepare('shipped', body);
      return this.swap(next, serve);
    }
    const body = this.lastKnownGood.read();
    if (body === null) return;
    try {
      const next = await this.load(body, 0, this.ports.keys, this.artifacts);
      this.swap(next, await this.ports.prepare('signed', body));
    } catch (error) {
      this.refuse(error);
    }
  }

  /** Offers a bundle of the control plane. False when it was refused; what was served goes on. */
  async offer(body: string): Promise<boolean> {
    try {
      const next = await this.load(body, this.live?.snapshot.version ?? 0, this.ports.keys, this.artifacts);
      const serve = await this.ports.prepare('signed', body);
      // On disk before it is live and acknowledged: a crash right after must not fall back to an older one.
      await this.lastKnownGood.write(body).catch((error: unknown) => {
        this.ports.log.error({ err: error }, 'the snapshot could not be kept on disk; it is served all the same');
      });
      this.swap(next, serve);
      const needed = new Set(artifactsOf(next.snapshot).map((ref) => ref.sha256));
      await this.artifacts.keepOnly(needed);
      this.models.retire(needed);
      return true;
    } catch (error) {
      this.refuse(error);
      return false;
    }
  }

  refuseTooLarge(bytes: number): void {
    this.refuse(new SnapshotRefusal('TOO_LARGE', `${bytes} bytes`));
  }

  private load(body: string, newerThan: number, keys: KeyRing, artifacts: ArtifactFolder): Promise<LiveSnapshot> {
    const { config, fetchArtifact } = this.ports;
    return loadSnapshot(body, newerThan, { fleet: config.fleet, keys, artifacts, models: this.models, fetchArtifact });
  }

  private swap(next: LiveSnapshot, serve: () => void): void {
    this.live = next;
    serve();
    this.lastRefusal = null;
    this.ports.onLive(next.snapshot);
  }

  private refuse(error: unknown): void {
    const refusal =
      error instanceof SnapshotRefusal
        ? error
        : new SnapshotRefusal('MALFORMED', error instanceof Error ? error.message : 'unknown');
    this.lastRefusal = { version: refusal.version, code: refusal.code, detail: refusal.detail.slice(0, 500) };
    this.refusals.push({ atMs: Date.now(), ...this.lastRefusal });
    if (this.refusals.length > KEPT_REFUSALS) this.refusals.shift();
    this.ports.log.warn(this.lastRefusal, 'snapshot refused; the one in service stays');
    this.ports.onRefused(refusal.code);
  }
}
