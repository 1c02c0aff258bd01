import type { Command } from 'commander';
import { ApiClient } from '../api-client';
import { readConfig, type CliConfig } from '../config';
import type { OutputFormat } from '../output';

/** What every verb gets: configuration, output format and a client that speaks as `--as` (a role or a person). */
export interface CommandContext {
  config: CliConfig;
  format: OutputFormat;
  api: (defaultRole: string) => ApiClient;
}

/** Builds the context from the global options of the program; a command's own `--json` outranks `--output`. */
export function contextOf(command: Command): CommandContext {
  const options = command.optsWithGlobals<{ output: OutputFormat; as?: string; json?: boolean }>();
  const config = readConfig();
  return {
    config,
    format: options.json ? 'json' : options.output,
    api: (role) => new ApiClient(config, options.as ?? role),
  };
}

/** Waits. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
