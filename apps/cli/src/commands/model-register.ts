import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { CliError, EXIT } from '../exit-code';
import { printObject } from '../output';
import { readJsonFile } from './campaign';
import { contextOf } from './command-context';
import { watchTraining } from './train';

interface Options {
  agent: string;
  parity?: string;
  window?: string;
  note: string;
  wait?: boolean;
  timeout: string;
}

/** `adloop model register FILE.onnx`: a model trained elsewhere takes the way of one of ours, from the parity check on. */
export function addModelRegister(model: Command): void {
  model
    .command('register <file>')
    .description('register an ONNX model trained elsewhere: inspected at once, then through the gates like one of ours')
    .requiredOption('--agent <agent>', 'agent it is for; only bid runs models')
    .option('--parity <file>', 'JSON {"vectors": [{"input": [24 numbers], "output": [2 numbers]}]} of your own runtime')
    .option('--window <seconds>', 'length of the window that the gates read, seconds')
    .option('--note <text>', 'where it comes from; kept in its lineage', '')
    .option('--wait', 'wait for the gates: exit code 0 registered and passed, 6 refused by a gate')
    .option('--timeout <seconds>', 'longest wait', '3600')
    .addOption(new Option('--json', 'the same as -o json'))
    .action((file: string, options: Options, command: Command) => register(file, options, command));
}

async function register(file: string, options: Options, command: Command): Promise<void> {
  if (options.agent !== 'bid')
    throw new CliError(
      'AGENT_HAS_NO_MODEL',
      `The ${options.agent} agent runs no model.`,
      EXIT.usage,
      'Use --agent bid.',
    );
  const context = contextOf(command);
  const body = {
    agent: options.agent,
    onnxBase64: readBytes(file).toString('base64'),
    note: options.note,
    ...(options.window && { windowSeconds: Number(options.window) }),
    ...(options.parity && { parity: vectorsOf(options.parity) }),
  };
  const started = await context.api('ml-lead').call<{ workflowId: string; sha256: string }>('POST', '/models', body);
  if (context.format === 'table') console.log(`Taken in as ${started.sha256}; its gates run in ${started.workflowId}.`);
  if (options.wait) return watchTraining(context, started.workflowId, Number(options.timeout));
  if (context.format !== 'table') return printObject(started, context.format);
  console.log(`Follow it: adloop train watch ${started.workflowId}`);
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new CliError('FILE_NOT_READABLE', `Cannot read ${file}: ${(cause as Error).message}.`, EXIT.usage);
  }
}

/** The vectors of a parity file; what is wrong inside them is the API's to say. */
function vectorsOf(file: string): unknown[] {
  const read = readJsonFile(file) as { vectors?: unknown } | null;
  if (!Array.isArray(read?.vectors))
    throw new CliError(
      'PARITY_FILE',
      `${file} holds no list "vectors".`,
      EXIT.usage,
      'See adloop model register --help.',
    );
  return read.vectors as unknown[];
}
