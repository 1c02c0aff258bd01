import type { HistoryScope, HistoryState, UserValues } from '../contracts/user-features';
import { MOST_CLICKS, MOST_EXPOSURES } from './feature-definitions';
import { userEventKind, userValues, type UserEventKind } from './user-history';
import type { NoticeKind } from '../contracts/outcome';

/** A decision as the lake has it: columns of `decisions`. */
export interface DecisionFact {
  decision_id: string;
  edge_id: string;
  decided_at_ms: number;
  user_key: string | null;
  /** Null in records from before histories were kept. */
  history_state: HistoryState | null;
  history_scope: HistoryScope | null;
}

/** An outcome as the lake has it: columns of `outcomes`. */
export interface OutcomeFact {
  outcome_id: string;
  decision_id: string;
  kind: NoticeKind;
  at_ms: number;
  is_test: boolean;
}

/** What happened to one user as far as one store hears of it, oldest first. */
type Past = Record<UserEventKind, number[]>;

/**
 * The user features that each decision ought to have known, by a point-in-time join: outcomes give the event and its time, their decisions the user.
 * What an edge keeps by itself is joined with its own outcomes, what edges share with those of all of them. Order and repetition of rows do not matter. Decisions without a user, or made before histories were kept, are left out.
 * @param outcomes of the 7 days before the first decision as well, and their decisions among `decisions`, else counts are too low
 * @returns values by decision id
 */
export function pointInTimeFeatures(
  decisions: readonly DecisionFact[],
  outcomes: readonly OutcomeFact[],
): Map<string, UserValues> {
  const pasts = pastsOf(decisions, outcomes);
  const values = new Map<string, UserValues>();
  for (const decision of decisions) {
    const owner = ownerOf(decision);
    if (owner === null) continue;
    const { decision_id: id, decided_at_ms: atMs } = decision;
    const past = pasts.get(owner) ?? NO_PAST;
    const exposures = lastBefore(past.exposure, atMs, MOST_EXPOSURES);
    const clicks = lastBefore(past.click, atMs, MOST_CLICKS);
    values.set(id, userValues(exposures, exposures.length, clicks, clicks.length, atMs));
  }
  return values;
}

const NO_PAST: Past = { exposure: [], click: [] };

/**
 * Whose history a decision's outcomes go to: store and user; null where there is no user or no profile is allowed. They go there whether or not
 * the store could be asked when the decision was made.
 */
function ownerOf(decision: DecisionFact): string | null {
  const { user_key: userKey, history_state: state, history_scope: scope, edge_id: edgeId } = decision;
  if (userKey === null || state === null || state === 'not-allowed') return null;
  return `${scope === 'fleet' ? '' : edgeId}|${userKey}`;
}

function pastsOf(decisions: readonly DecisionFact[], outcomes: readonly OutcomeFact[]): Map<string, Past> {
  const owners = new Map<string, string>();
  for (const decision of decisions) {
    const owner = ownerOf(decision);
    if (owner !== null) owners.set(decision.decision_id, owner);
  }
  const seen = new Set<string>();
  const pasts = new Map<string, Past>();
  for (const outcome of outcomes) {
    const kind = userEventKind(outcome.kind);
    const owner = owners.get(outcome.decision_id);
    if (kind === null || owner === undefined || outcome.is_test || seen.has(outcome.outcome_id)) continue;
    seen.add(outcome.outcome_id);
    let past = pasts.get(owner);
    if (past === undefined) pasts.set(owner, (past = { exposure: [], click: [] }));
    past[kind].push(outcome.at_ms);
  }
  for (const { exposure, click } of pasts.values()) {
    exposure.sort((a, b) => a - b);
    click.sort((a, b) => a - b);
  }
  return pasts;
}

/** The newest `most` of the ascending `timesMs` that lie before `atMs`. */
function lastBefore(timesMs: readonly number[], atMs: number, most: number): readonly number[] {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((timesMs[middle] as number) < atMs) low = middle + 1;
    else high = middle;
  }
  return timesMs.slice(Math.max(0, low - most), low);
}
