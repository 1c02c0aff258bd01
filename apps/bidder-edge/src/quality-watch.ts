import type { Logger } from './log';
import type { AnswerQuality } from './metrics';

/**
 * An exchange that gets too many late answers cuts the traffic of the whole seat: the log says so once when an alarm begins and once
 * when it ends, and `onChange` may tell others. The edge stays ready: taking it out of the rotation would make the others later.
 */
export function watchQuality(quality: AnswerQuality, log: Logger, onChange: () => void): void {
  for (const change of quality.changes()) {
    if (change.isAlarm) log.error(change, 'late or invalid answers: the exchange may throttle');
    else log.info(change, 'answers are in time again');
    onChange();
  }
}
