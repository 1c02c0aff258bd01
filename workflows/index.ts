/**
 * Every workflow of Adloop: the bundle's entry. Workflows decide when, activities do, `domain/` decides what.
 */
export { metaAgent } from './meta-agent';
export { retrainAgents } from './retrain-agents';
export { retrainTick } from './retrain-tick';
export { rollBackTo } from './roll-back-to';
export { rollOutPolicy } from './roll-out-policy';
export { runExperiment } from './run-experiment';
export { validateInShadow } from './validate-in-shadow';
