import { linearTicks, svgPlot, timeTicks, type Plot } from './svg-plot';

const plot = (changes: Partial<Plot> = {}): Plot => ({
  id: 'p',
  label: 'a plot',
  width: 200,
  height: 100,
  x: { from: 0, to: 10, ticks: [] },
  y: { from: -1, to: 1, ticks: [] },
  marks: [],
  ...changes,
});

describe('inline SVG plots', () => {
  it('puts values where the scales say and clips what lies outside', () => {
    const { text } = svgPlot(
      plot({
        marks: [
          {
            kind: 'line',
            points: [
              { x: 0, y: -1 },
              { x: 10, y: 1 },
            ],
            tone: 'canary',
          },
        ],
      }),
    );
    expect(text).toContain('d="M52.0,78.0L190.0,14.0"');
    expect(text).toContain('clip-path="url(#clip-p)"');
  });

  it('draws steps as steps, bands as closed areas and a log axis by its powers', () => {
    const points = [
      { x: 0, y: 0.01 },
      { x: 10, y: 1 },
    ];
    const steps = svgPlot(
      plot({
        y: { from: 0.01, to: 1, ticks: [], isLog: true },
        marks: [{ kind: 'line', points, tone: 'canary', isStep: true }],
      }),
    );
    expect(steps.text).toContain('d="M52.0,78.0H190.0V14.0"');
    const band = svgPlot(
      plot({
        marks: [
          {
            kind: 'band',
            points: [
              { x: 0, low: -1, high: 1 },
              { x: 10, low: 0, high: 1 },
            ],
            tone: 'canary',
          },
        ],
      }),
    );
    expect(band.text).toContain('points="52.0,14.0 190.0,14.0 190.0,46.0 52.0,78.0"');
  });

  it('escapes every text and never writes a number that is none', () => {
    const evil = '"><script>alert(1)</script>';
    const { text } = svgPlot(
      plot({
        label: evil,
        x: { from: 5, to: 5, ticks: [{ at: 5, text: evil }] },
        marks: [
          { kind: 'moment', x: 5, text: evil, tone: 'event' },
          { kind: 'level', y: 1e12, text: evil, tone: 'limit' },
          { kind: 'dot', x: 5, y: 0, text: evil, tone: 'canary' },
        ],
      }),
    );
    expect(text).not.toContain('<script>');
    expect(text).not.toMatch(/NaN|Infinity/);
  });

  it('ticks at round values and at times that people say', () => {
    expect(linearTicks(-0.23, 0.31, 4)).toEqual([-0.2, 0, 0.2].map((value) => expect.closeTo(value, 12)));
    expect(linearTicks(0, 0, 4)).toEqual([0]);
    expect(timeTicks(0, 1_500_000, 6).map(({ text }) => text)).toEqual([
      '0',
      '5 min',
      '10 min',
      '15 min',
      '20 min',
      '25 min',
    ]);
    expect(timeTicks(1000, 41_000, 4).map(({ at, text }) => [at, text])).toEqual([
      [1000, '0'],
      [11_000, '10 s'],
      [21_000, '20 s'],
      [31_000, '30 s'],
      [41_000, '40 s'],
    ]);
    expect(timeTicks(0, 30 * 86_400_000, 5).map(({ text }) => text)).toEqual(['0', '10 d', '20 d', '30 d']);
  });
});
