import { COMMAND_PRECEDENCE, outranks, strongestCommand, type RolloutCommand } from './command-precedence';

/** Row beats column: `<` the row wins, `^` the column wins, `=` the same command. */
const TABLE: Record<RolloutCommand, string> = {
  //               abort, roll-back, reject, supersede, pause, promote-fully, resume, approve
  abort: '=<<<<<<<',
  'roll-back': '^=<<<<<<',
  reject: '^^=<<<<<',
  supersede: '^^^=<<<<',
  pause: '^^^^=<<<',
  'promote-fully': '^^^^^=<<',
  resume: '^^^^^^=<',
  approve: '^^^^^^^=',
};
const PAIRS = COMMAND_PRECEDENCE.flatMap((a) =>
  COMMAND_PRECEDENCE.map((b): [RolloutCommand, RolloutCommand] => [a, b]),
);

describe('precedence of commands', () => {
  it('names every command once in the table', () => {
    expect(Object.keys(TABLE)).toEqual([...COMMAND_PRECEDENCE]);
    expect(PAIRS).toHaveLength(64);
  });

  it.each(PAIRS)('%s against %s', (a, b) => {
    const mark = TABLE[a][COMMAND_PRECEDENCE.indexOf(b)];
    const winner = mark === '^' ? b : a;
    // In either order of arrival.
    expect([strongestCommand([a, b]), strongestCommand([b, a])]).toEqual([winner, winner]);
    expect(outranks(a, b)).toBe(mark === '<');
    expect(outranks(b, a)).toBe(mark === '^');
  });

  it('lets abort win over every set of others', () => {
    for (const command of COMMAND_PRECEDENCE) expect(strongestCommand([command, 'abort'])).toBe('abort');
    expect(strongestCommand([...COMMAND_PRECEDENCE].reverse())).toBe('abort');
  });

  it('takes any first command and knows none when none waits', () => {
    for (const command of COMMAND_PRECEDENCE) expect(outranks(command, null)).toBe(true);
    expect(strongestCommand([])).toBeNull();
  });

  it('puts everything that lowers exposure above everything that raises it', () => {
    const lowering: RolloutCommand[] = ['abort', 'roll-back', 'reject', 'supersede', 'pause'];
    for (const low of lowering)
      for (const high of ['promote-fully', 'resume', 'approve'] as const) expect(outranks(low, high)).toBe(true);
  });
});
