/**
 * Meta: the policy of the agent that watches the others. Pure; free of schema code, so that workflows may bundle it.
 * The workflow carries its memory; activities read the KPIs and carry out what it asks for.
 */
export * from './autonomy';
export * from './feature-drift';
export * from './fleet-health';
export * from './fleet-memory';
export * from './fleet-policy';
export * from './kpi-monitor';
export * from './kpi-watch';
export * from './planned-share';
export * from './proposal';
export * from './retrain-policy';
export * from './weight-bounds';
export * from './weight-policy';
