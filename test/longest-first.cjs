'use strict';

const path = require('node:path');
const Sequencer = require('@jest/test-sequencer').default;

/**
 * Files that take minutes, longest first. A fresh checkout has no record of earlier times, and Jest would go by file size: the longest
 * would then start last, with nothing to run beside it.
 */
const LONG = [
  'e2e/story.test.ts',
  'e2e/kills.test.ts',
  'e2e/outage.test.ts',
  'e2e/pipeline.test.ts',
  'e2e/cli.test.ts',
  'integration/rollout-races.test.ts',
  'integration/reported-failure.test.ts',
  'integration/rollout-outages.test.ts',
  'integration/rollout-lock.test.ts',
];

const rankOf = ({ path: file }) => {
  const at = LONG.findIndex((name) => file.endsWith(path.join('test', name)));
  return at === -1 ? LONG.length : at;
};

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    // The sort is stable: what is not named keeps Jest's own order.
    return super.sort(tests).sort((a, b) => rankOf(a) - rankOf(b));
  }
};
