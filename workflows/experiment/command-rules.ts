/** Who may send which command to an experiment, and when: pure rules, used by the updates' validators. */
import type { Command, Role } from '../messages';
import type { ExperimentView } from './messages';

/** The code travels as `ApplicationFailure.type` and becomes an API problem. */
export interface ExperimentRefusal {
  code: 'ROLE_NOT_ALLOWED' | 'EXPERIMENT_FINISHED' | 'NOT_SERVING' | 'NOT_PAUSED';
  message: string;
}

export type ExperimentCommandKind = 'abort' | 'pause' | 'resume';

const ALLOWED: Record<ExperimentCommandKind, readonly Role[]> = {
  // Taking back is open to more people than serving again.
  abort: ['ml-lead', 'release-manager', 'on-call', 'admin', 'system'],
  pause: ['ml-lead', 'release-manager', 'on-call', 'admin', 'system'],
  resume: ['release-manager', 'on-call', 'admin'],
};

/** Why `command` is refused in this state, or null. `isPaused` = a pause was asked for, carried out or not. */
export function experimentRefusal(
  kind: ExperimentCommandKind,
  view: ExperimentView,
  isPaused: boolean,
  { by }: Command,
): ExperimentRefusal | null {
  if (!ALLOWED[kind].includes(by.role))
    return { code: 'ROLE_NOT_ALLOWED', message: `${by.role} may not ${kind} an experiment` };
  if (view.state === 'ended' || view.state === 'refused')
    return { code: 'EXPERIMENT_FINISHED', message: `the experiment is ${view.state}` };
  if (kind === 'pause' && view.state === 'ending')
    return { code: 'NOT_SERVING', message: 'the experiment is ending: there is nothing to pause' };
  if (kind === 'resume' && !isPaused)
    return { code: 'NOT_PAUSED', message: `the experiment is ${view.state}, not paused` };
  return null;
}
