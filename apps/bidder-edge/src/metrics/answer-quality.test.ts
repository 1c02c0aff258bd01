import { AnswerQuality } from './answer-quality';

function scene() {
  const clock = { ms: 1_000_000 };
  const quality = new AnswerQuality(() => clock.ms);
  const traffic = (answers: number, late: number): void => {
    for (let n = 0; n < answers; n += 1) quality.answered('demo');
    for (let n = 0; n < late; n += 1) quality.late('demo');
  };
  return { clock, quality, traffic };
}

describe('late and invalid answers', () => {
  it('alarms at five in a hundred, says so once, and once when it is over', () => {
    const { clock, quality, traffic } = scene();
    traffic(100, 4);
    expect(quality.changes()).toEqual([]);
    traffic(0, 1);
    expect(quality.changes()).toMatchObject([{ exchange: 'demo', share: 0.05, isAlarm: true }]);
    expect(quality.changes()).toEqual([]);
    expect(quality.print()).toContain('adloop_edge_late_or_invalid_alarm{exchange="demo"} 1');
    clock.ms += 30_000;
    traffic(900, 0);
    expect(quality.changes()).toMatchObject([{ isAlarm: false, answers: 1000, late: 5 }]);
  });

  it('forgets what is older than a minute, and everything after a silence', () => {
    const { clock, quality, traffic } = scene();
    traffic(100, 50);
    clock.ms += 54_000;
    expect(quality.read()[0]).toMatchObject({ answers: 100, late: 50 });
    clock.ms += 7000;
    expect(quality.read()[0]).toMatchObject({ answers: 0, late: 0, share: 0, isAlarm: false });
    traffic(10, 0);
    clock.ms += 3_600_000;
    expect(quality.read()[0]).toMatchObject({ answers: 0 });
  });

  it('does not judge a handful of answers', () => {
    const { quality, traffic } = scene();
    traffic(99, 99);
    expect(quality.read()[0]).toMatchObject({ share: 1, isAlarm: false });
  });

  it("believes the exchange's loss reasons: 2 is late, 3 to 10 are invalid, the others lost fairly", () => {
    const { quality, traffic } = scene();
    traffic(100, 0);
    for (const reason of [2, 3, 10, 1, 11, 102, null]) quality.lost('demo', reason);
    expect(quality.read()[0]).toMatchObject({ late: 1, invalid: 2, share: 0.03 });
    expect(quality.total).toEqual({ late: 1, invalid: 2 });
    expect(quality.print()).toContain('adloop_edge_bad_answers_total{exchange="demo",what="invalid"} 2');
  });
});
