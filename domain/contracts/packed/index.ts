/** Decision records as edges write them: bytes in a fixed order, with JSON as the form that everybody reads. */
export { ByteReader, entryOf } from './byte-reader';
export { ByteWriter } from './byte-writer';
export { eventText } from './event-text';
export { packDecision, unpackDecision } from './packed-decision';
