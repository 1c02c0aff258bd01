/** Newest votes of each concern, newest last, and when each action was last taken: carried through continue-as-new as JSON. */
export interface FleetMemory {
  votes: Record<string, boolean[]>;
  actedAtMs: Record<string, number>;
}

/** Of the last `WINDOWS` ticks, `NEEDED` must see a concern before it counts (control-plane.md: 2 of 3 windows). */
const WINDOWS = 3;
const NEEDED = 2;

/** Memory from whatever was carried; anything unreadable is an empty memory, which only delays an action. */
export function readMemory(carried: unknown): FleetMemory {
  const { votes, actedAtMs } = (typeof carried === 'object' && carried !== null ? carried : {}) as Partial<FleetMemory>;
  const isRecord = (value: unknown): value is object => typeof value === 'object' && value !== null;
  return {
    votes: isRecord(votes) ? structuredCopy(votes) : {},
    actedAtMs: isRecord(actedAtMs) ? { ...actedAtMs } : {},
  };
}

const structuredCopy = (votes: Record<string, boolean[]>): Record<string, boolean[]> =>
  Object.fromEntries(Object.entries(votes).map(([concern, list]) => [concern, Array.isArray(list) ? [...list] : []]));

/** Adds this tick's vote on a concern; true when 2 of the last 3 ticks saw it, this one included. */
export function confirmed(memory: FleetMemory, concern: string, seen: boolean): boolean {
  const votes = [...(memory.votes[concern] ?? []), seen].slice(-WINDOWS);
  memory.votes[concern] = votes;
  return seen && votes.filter(Boolean).length >= NEEDED;
}

/** Takes the right to act on a concern: false within its cool-down. Marks the action and clears the votes otherwise. */
export function mayAct(memory: FleetMemory, concern: string, nowMs: number, coolDownMs: number): boolean {
  const last = memory.actedAtMs[concern];
  if (last !== undefined && nowMs - last < coolDownMs) return false;
  memory.actedAtMs[concern] = nowMs;
  memory.votes[concern] = [];
  return true;
}
