/**
 * Threads of one edge: several that answer bid requests on one port, and the control thread with everything else. They share budgets
 * and counters in memory, hand bids and records over in rings, and tell each other the rest in messages.
 */
export * from './bidding-threads';
export * from './gather-news';
export * from './messages';
