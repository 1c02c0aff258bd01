/** What may be asked of a running rollout: by operators, or (`supersede`) by a newer candidate of the same cell and agent. */
export type RolloutCommand =
  'abort' | 'roll-back' | 'reject' | 'supersede' | 'pause' | 'promote-fully' | 'resume' | 'approve';

/** Commands by precedence, strongest first: abort always wins, and what lowers exposure wins over what raises it. */
export const COMMAND_PRECEDENCE: readonly RolloutCommand[] = [
  'abort',
  'roll-back',
  'reject',
  'supersede',
  'pause',
  'promote-fully',
  'resume',
  'approve',
];

/** The strongest of the commands that are waiting, whatever the order of their arrival; null when none is. */
export const strongestCommand = (commands: readonly RolloutCommand[]): RolloutCommand | null =>
  COMMAND_PRECEDENCE.find((command) => commands.includes(command)) ?? null;

/** True when `next` replaces `present`, which has not been carried out yet. The same command again replaces nothing. */
export const outranks = (next: RolloutCommand, present: RolloutCommand | null): boolean =>
  present === null || (next !== present && strongestCommand([next, present]) === next);
