/**
 * Meta: the policy of the agent that watches the others. Pure; free of schema code, so that workflows may bundle it.
 * The workflow carries its memory; activities read the KPIs and carry out what it asks for.
 */
export * from './fleet-health';
export * from './fleet-memory';
export * from './fleet-policy';
