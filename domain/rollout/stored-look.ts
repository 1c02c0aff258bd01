import { KPI_SUMS, rolloutPlanSchema, type KpiSum, type KpiSums, type RolloutPlan } from '../contracts';
import type { Look } from './look';

/** A look read back from the record, or why it cannot be judged again. */
export type StoredLook =
  | {
      ok: true;
      look: Look;
      /** Sums that did not exist yet when the look was taken; they read as 0. */
      missing: ReadonlySet<KpiSum>;
    }
  | { ok: false; reason: string };

/** Members of a look that later versions added, with what they meant before. */
const DEFAULTS = { previousSrmP: 1, previousStreak: 0, newestDecisionMs: null } as const;

class Unreadable extends Error {}

/**
 * Reads `evidence.inputs` of any version. What older versions did not record gets the value that it had then; members this
 * version does not know are kept. Nothing is guessed: without plan, sums or times the look cannot be judged.
 */
export function readStoredLook(inputs: unknown): StoredLook {
  const missing = new Set<KpiSum>();
  try {
    const raw = record(inputs, 'the look has no inputs');
    const sumsOf = (value: unknown, where: string) => readSums(record(value, `no sums of ${where}`), missing, where);
    const recent = record(raw.recent, 'the sums of the trailing window are missing');
    const look = {
      ...DEFAULTS,
      ...raw,
      stage: count(raw.stage, 'stage'),
      look: count(raw.look, 'look'),
      atMs: count(raw.atMs, 'atMs'),
      stageStartedMs: count(raw.stageStartedMs, 'stageStartedMs'),
      matureUntilMs: count(raw.matureUntilMs, 'matureUntilMs'),
      plan: readPlan(raw.plan),
      stages: list(raw.stages, 'the stage sums are missing').map((value, at) => {
        const stage = record(value, `stage sums ${at} are no object`);
        const arm = (name: 'canary' | 'control') =>
          list(stage[name], `stage sums ${at} have no ${name}`).map((bucket) => sumsOf(bucket, `stage ${at}, ${name}`));
        return {
          ...stage,
          stage: count(stage.stage, `stages/${at}/stage`),
          canary: arm('canary'),
          control: arm('control'),
        };
      }),
      recent: {
        ...recent,
        canary: sumsOf(recent.canary, 'recent canary'),
        control: sumsOf(recent.control, 'recent control'),
      },
      exposures: readExposures(raw.exposures),
    };
    return { ok: true, look: look as unknown as Look, missing };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.message };
    throw error;
  }
}

function readPlan(value: unknown): RolloutPlan {
  const parsed = rolloutPlanSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new Unreadable(`its plan cannot be read: /${issue.path.map(String).join('/')} ${issue.message}`);
}

/** A stored NaN is JSON null: it stays no number, so that the look is judged as faulty again. */
function readSums(raw: Record<string, unknown>, missing: Set<KpiSum>, where: string): KpiSums {
  const sums: Record<string, unknown> = { ...raw };
  for (const name of KPI_SUMS) {
    const value = raw[name];
    if (value === undefined) {
      missing.add(name);
      sums[name] = 0;
    } else if (value === null) sums[name] = NaN;
    else if (typeof value !== 'number') throw new Unreadable(`sum ${name} of ${where} is no number`);
  }
  return sums as KpiSums;
}

function readExposures(value: unknown): Look['exposures'] {
  const raw = record(value, 'the exposed users were not counted');
  return { canary: count(raw.canary, 'exposures/canary'), control: count(raw.control, 'exposures/control') };
}

function record(value: unknown, fault: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Unreadable(fault);
  return value as Record<string, unknown>;
}

function list(value: unknown, fault: string): unknown[] {
  if (!Array.isArray(value)) throw new Unreadable(fault);
  return value as unknown[];
}

function count(value: unknown, name: string): number {
  if (typeof value !== 'number') throw new Unreadable(`${name} is no number`);
  return value;
}
