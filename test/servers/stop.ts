import { rmSync } from 'node:fs';

/** Stops what `start.ts` started. */
export default async function stop(): Promise<void> {
  const servers = globalThis.adloopServers;
  if (!servers) return;
  await servers.supervisor.stopAll();
  rmSync(servers.folder, { recursive: true, force: true });
}
