'use strict';

/* global jest, testTimeoutMs */
jest.setTimeout(testTimeoutMs);
