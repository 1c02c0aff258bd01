'use strict';

const { TestEnvironment } = require('jest-environment-node');

// Jest runs tests in a vm context with its own typed arrays; native add-ons such as onnxruntime compare against the
// outer realm's constructors and refuse the others (jestjs/jest#11864, microsoft/onnxruntime#16622).
const OUTER = [
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Int32Array,
  Uint32Array,
  Int16Array,
  Uint16Array,
  Int8Array,
  Uint8ClampedArray,
];

module.exports = class NodeEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const type of OUTER) this.global[type.name] = type;
    this.global.testTimeoutMs = config.projectConfig.testEnvironmentOptions.testTimeoutMs;
  }
};
