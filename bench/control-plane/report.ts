import type { Machine } from '../machine';
import type { HistoryReport, LifecycleReport, LookReport, ScheduleReport } from './measure';

/** What one worker holds. */
export interface ControlPlaneReport {
  measuredAt: string;
  machine: Machine;
  lifecycles: LifecycleReport;
  looks: LookReport;
  history: HistoryReport;
  schedules: ScheduleReport;
}

export const CONTROL_PLANE_TITLE = 'Control plane: what one worker holds';

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const rate = (value: number): string => value.toFixed(1);

/** The section's lines, without its title. */
export function controlPlaneSection(report: ControlPlaneReport): string[] {
  const { machine, lifecycles, looks, history, schedules } = report;
  const { before, half, after } = lifecycles.memoryMb;
  return [
    'One worker process, one edge that acknowledges, Temporal with its database on disk, Postgres with fsync, all on this machine. A rollout:',
    'request, lint, lock, serve, first look, abort, back to the champion, release. A look reads an hour of sums of both arms and is stored.',
    'A schedule fires the thin retraining tick, which joins the run of its hour. Written by `npm run bench -- control-plane --json`; no draw of chance, so no seed.',
    '',
    '| run | |',
    '|---|---|',
    `| when, commit | ${report.measuredAt}, ${machine.commit} |`,
    `| machine | ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node} |`,
    `| load average before, after | ${machine.loadBefore.toFixed(2)}, ${machine.loadAfter.toFixed(2)} |`,
    '',
    '| | held | asked for |',
    '|---|---|---|',
    `| whole rollouts per second | ${rate(lifecycles.perSecond)} | ${whole(lifecycles.rollouts)} rollouts in ${lifecycles.lanes} lanes, ${whole(lifecycles.seconds)} s |`,
    `| looks per second | ${rate(looks.perSecond)} | ${whole(looks.wantedPerSecond)} by ${looks.rollouts} serving canaries, ${whole(looks.rowsPerLook)} rows each look |`,
    `| schedules per second | ${rate(schedules.perSecond)} | ${whole(schedules.wantedPerSecond)} by ${schedules.schedules} schedules |`,
    `| history of a serving rollout, a day at a look a minute | ${whole(history.eventsPerDay)} events, ${whole(history.bytesPerDay / 1024)} KiB | ${history.eventsPerLook.toFixed(1)} events and ${whole(history.bytesPerLook)} bytes a look, over ${history.looks} looks |`,
    `| worker's resident memory, MiB: before, after half, after all rollouts | ${whole(before)}, ${whole(half)}, ${whole(after)} | ${whole(lifecycles.rollouts)} rollouts |`,
    '',
  ];
}
