/**
 * Coordination: the one place where the agents meet (agents.md, "the priority matrix", steps 0 to 6).
 * prepareRequest -> (the caller runs one inference) -> decideRequest; replayDecision executes a logged decision again.
 */
export { capKeyOf, type StateReader } from '../matching/state-reader';
export * from './answer-law';
export * from './assignment';
export * from './decide-request';
export * from './prepare-request';
export * from './replay-decision';
export * from './request-context';
export * from './shadow-action';
