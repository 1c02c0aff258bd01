import type { PageKind } from '../../activities/page-activities';
import { raisePage } from '../raise-page';
import type { RolloutRun } from './rollout-run';

/** Calls a human about this rollout's present stage, once per `about`. */
export function pageOnce(run: RolloutRun, kind: PageKind, reason: string, about: string | number): void {
  const { rolloutId, cell, agent, stage } = run.view;
  const raised = raisePage({ kind, cell, agent, subject: rolloutId, reason, once: `${stage}/${about}` });
  if (raised !== undefined) run.pagesRaised.push(raised);
}
