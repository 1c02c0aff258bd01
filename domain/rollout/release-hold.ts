import { ZoneClock } from '../calendar';

/** A stretch of the freeze calendar: from `fromMs` to before `untilMs`, in all hours or in the named hours of the week. */
export interface Freeze {
  freezeId: string;
  name: string;
  fromMs: number;
  untilMs: number;
  /** IANA zone that the hours of week are meant in. */
  timeZone: string;
  /** 0 = Monday 00:00 .. 167; none = every hour. */
  hoursOfWeek: readonly number[];
}

/** A stopped line: nobody raises exposure in the fleet until somebody else resumes it. */
export interface StoppedLine {
  stoppedBy: string;
  reason: string;
}

/** Whether a freeze holds at `nowMs`. Throws RangeError on an unknown zone. */
export function isFrozen(freeze: Freeze, nowMs: number): boolean {
  if (nowMs < freeze.fromMs || nowMs >= freeze.untilMs) return false;
  return (
    freeze.hoursOfWeek.length === 0 || freeze.hoursOfWeek.includes(new ZoneClock(freeze.timeZone).at(nowMs).hourOfWeek)
  );
}

/**
 * Why exposure may not rise at `nowMs` (epoch ms), or null. A stopped line is named before any freeze.
 * Decreases never ask. Source: control-plane.md, "Rollout".
 */
export function releaseHold(line: StoppedLine | null, freezes: readonly Freeze[], nowMs: number): string | null {
  if (line !== null) return `the line is stopped by ${line.stoppedBy}: ${line.reason}`;
  const freeze = freezes.find((candidate) => isFrozen(candidate, nowMs));
  return freeze === undefined ? null : `freeze "${freeze.name}" until ${new Date(freeze.untilMs).toISOString()}`;
}
