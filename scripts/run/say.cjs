'use strict';

/** Set-up chatter goes to stderr: stdout belongs to the program. */
exports.say = (line) => process.stderr.write(`adloop: ${line}\n`);
