import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeFrames, eventText, type DecisionRecord, type EdgeEvent } from '#domain/contracts';

/** Every event that lies in an edge's outbox, shipped or not; a tail that is being written is left out. */
export function outboxEvents(edgeHome: string): EdgeEvent[] {
  const events: EdgeEvent[] = [];
  // Open ones first: a segment that is sealed meanwhile is then seen twice, and not missed.
  for (const part of ['open', 'sealed']) {
    const folder = join(edgeHome, 'outbox', part);
    const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.seg')) : [];
    for (const file of files.filter((name) => existsSync(join(folder, name))))
      for (const body of decodeFrames(readFileSync(join(folder, file)), crc32).bodies)
        events.push(JSON.parse(eventText(body)) as EdgeEvent);
  }
  return events;
}

/** Decisions in an edge's outbox by the id of their request (the first impression of each). */
export function decisionsByRequest(edgeHome: string): Map<string, DecisionRecord> {
  const found = new Map<string, DecisionRecord>();
  for (const event of outboxEvents(edgeHome))
    if (event.type === 'decision' && !found.has(event.inputs.request.requestId))
      found.set(event.inputs.request.requestId, event);
  return found;
}
