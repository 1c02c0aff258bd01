import { Command, CommanderError, Option } from 'commander';
import { CliError, EXIT } from './exit-code';
import { addCampaignCommands } from './commands/campaign';
import { addDecisionCommands } from './commands/decision';
import { addDoctorCommand } from './commands/doctor';
import { addEdgeCommands } from './commands/edge';
import { addExchangeCommands } from './commands/exchange';
import { addForecastsCommand } from './commands/forecasts';
import { addExperimentCommands } from './commands/experiment';
import { addHomeCommands } from './commands/home';
import { addModelCommands } from './commands/models';
import { addRejudgeCommand } from './commands/rejudge';
import { addReconcileCommand } from './commands/reconcile';
import { addKeyCommands } from './commands/keys';
import { addKillCommands } from './commands/kill';
import { addHoldCommands } from './commands/hold';
import { addLedgerCommands } from './commands/ledger';
import { addMetaCommands } from './commands/meta';
import { addReleaseCommands } from './commands/release';
import { addReportCommand } from './commands/report';
import { addStatusCommand } from './commands/status';
import { addTrainCommands } from './commands/train';

/** The whole command line; `doctor backup restore reset kill keys` act on ADLOOP_HOME, `edge` on an edge's admin port, every other verb on the API. */
export function buildProgram(): Command {
  const program = new Command('adloop')
    .description('Adloop: closed-loop advertising by agents that learn')
    .addOption(
      new Option('-o, --output <format>', 'output format').choices(['table', 'json', 'ndjson']).default('table'),
    )
    .option('--as <who>', 'speak as this role or person of the local tokens')
    .showHelpAfterError('(add --help for usage)')
    .exitOverride();
  addStatusCommand(program);
  addDoctorCommand(program);
  addCampaignCommands(program);
  addEdgeCommands(program);
  addExchangeCommands(program);
  addReconcileCommand(program);
  addTrainCommands(program);
  addReleaseCommands(program);
  addMetaCommands(program);
  addExperimentCommands(program);
  addModelCommands(program);
  addRejudgeCommand(program);
  addHoldCommands(program);
  addForecastsCommand(program);
  addReportCommand(program);
  addDecisionCommands(program);
  addLedgerCommands(program);
  addHomeCommands(program);
  addKillCommands(program);
  addKeyCommands(program);
  return program;
}

/** Prints what went wrong, why and the next command; returns the exit code. */
export function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof CliError) {
    console.error(`${error.code}: ${error.message}`);
    for (const fault of error.faults)
      console.error(`  ${fault.pointer}: ${fault.code === undefined ? '' : `${fault.code}: `}${fault.detail}`);
    if (error.next) console.error(error.next);
    return error.exitCode;
  }
  console.error(error);
  return EXIT.failed;
}

if (require.main === module) {
  buildProgram()
    .parseAsync()
    .catch((error: unknown) => {
      process.exitCode = report(error);
    });
}
