/** The four agents that decide every impression. Free of schema code, so that workflows may bundle it. */
export const AGENTS = ['budget', 'creative', 'bid', 'frequency'] as const;
export type Agent = (typeof AGENTS)[number];
