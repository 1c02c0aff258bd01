/** Length of the cache bucket: offsets of all zones in use change on quarters of an hour. */
const BUCKET_MS = 900_000;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** Local time of one moment in one zone. */
export interface LocalTime {
  /** 0 = Monday 00:00 .. 167. */
  hourOfWeek: number;
  /** 0 = Monday .. 6. */
  weekday: number;
  hour: number;
  /** Milliseconds since the start of the local hour. */
  msIntoHour: number;
  /** YYYY-MM-DD. */
  day: string;
}

/**
 * Local times of one IANA zone. Formatting by Intl costs microseconds, so one quarter of an hour is kept.
 * Throws RangeError on an unknown zone.
 */
export class ZoneClock {
  private readonly format: Intl.DateTimeFormat;
  private bucket = Number.NaN;
  private cached: LocalTime = { hourOfWeek: 0, weekday: 0, hour: 0, msIntoHour: 0, day: '' };
  private bucketMsIntoHour = 0;

  constructor(readonly timeZone: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
  }

  /** Local time at `nowMs` (epoch milliseconds). The result is valid until the next call. */
  at(nowMs: number): LocalTime {
    const bucket = Math.floor(nowMs / BUCKET_MS);
    if (bucket !== this.bucket) this.load(bucket);
    this.cached.msIntoHour = this.bucketMsIntoHour + (nowMs - bucket * BUCKET_MS);
    return this.cached;
  }

  private load(bucket: number): void {
    const part: Record<string, string> = {};
    for (const { type, value } of this.format.formatToParts(bucket * BUCKET_MS)) part[type] = value;
    const weekday = WEEKDAYS.indexOf(part['weekday'] ?? '');
    const hour = Number(part['hour']);
    this.bucket = bucket;
    this.bucketMsIntoHour = Number(part['minute']) * 60_000;
    this.cached = {
      hourOfWeek: weekday * 24 + hour,
      weekday,
      hour,
      msIntoHour: 0,
      day: `${part['year']}-${part['month']}-${part['day']}`,
    };
  }
}
