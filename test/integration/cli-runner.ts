import { buildProgram, report } from '../../apps/cli/src/main';
import type { ControlPlaneHarness } from './control-plane-harness';

/** What a command answered. */
export interface CliAnswer {
  code: number;
  out: string;
  err: string;
}

/** Runs `adloop` in this process against a harness that listens on a port of its own. */
export class CliRunner {
  private constructor(
    private readonly apiUrl: string,
    private readonly home: string,
  ) {}

  static at(apiUrl: string, home: string): CliRunner {
    return new CliRunner(apiUrl, home);
  }

  static async over(plane: ControlPlaneHarness): Promise<CliRunner> {
    await plane.app.listen(0, '127.0.0.1');
    return new CliRunner(await plane.app.getUrl(), plane.config.adloopHome);
  }

  async run(...args: string[]): Promise<CliAnswer> {
    const answer: CliAnswer = { code: 0, out: '', err: '' };
    const log = jest
      .spyOn(console, 'log')
      .mockImplementation((...parts) => void (answer.out += `${parts.join(' ')}\n`));
    const error = jest
      .spyOn(console, 'error')
      .mockImplementation((...parts) => void (answer.err += `${parts.join(' ')}\n`));
    const before = { ...process.env };
    Object.assign(process.env, { ADLOOP_API: this.apiUrl, ADLOOP_HOME: this.home });
    try {
      await buildProgram().parseAsync(['node', 'adloop', ...args]);
    } catch (fault) {
      answer.code = report(fault);
    } finally {
      process.env = before;
      log.mockRestore();
      error.mockRestore();
    }
    return answer;
  }

  async json<T>(...args: string[]): Promise<T> {
    const { out, err, code } = await this.run(...args);
    if (code !== 0) throw new Error(`adloop ${args.join(' ')} ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }
}
