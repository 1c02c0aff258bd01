import { dirname, extname, join } from 'node:path';

/** The part of the bundler's configuration that differs between TypeScript sources and dist/. */
export interface WorkflowBundlerOptions {
  workflowsPath: string;
  /** Refuse what does not fit its contract (intake/message-guard.ts). */
  workflowInterceptorModules: string[];
  payloadConverterPath: string;
  webpackConfigHook: (config: { resolve?: object }) => { resolve?: object };
}

/**
 * Options for `bundleWorkflowCode`. From TypeScript, webpack must take the `source` condition of package.json's
 * imports: without it the bundle would silently hold `#domain` code of a stale dist/. Not part of the bundle itself.
 */
export function bundlerOptions(): WorkflowBundlerOptions {
  const extension = extname(__filename);
  const file = (name: string) => join(dirname(__filename), `${name}${extension}`);
  return {
    workflowsPath: file('index'),
    workflowInterceptorModules: [file('intake/message-guard')],
    payloadConverterPath: file('intake/payload-converter'),
    webpackConfigHook: (config) =>
      extension === '.ts'
        ? {
            ...config,
            resolve: {
              ...config.resolve,
              conditionNames: ['source', 'webpack', 'module', 'require', 'node', 'default'],
            },
          }
        : config,
  };
}
