import { HISTORY_SCOPES, HISTORY_STATES, type UserFeatures, type UserValues } from '../user-features';
import { entryOf, type ByteReader } from './byte-reader';
import type { ByteWriter } from './byte-writer';

/** Beside the state's number: the scope, and that the values follow. */
const SCOPE = 64;
const HAS_VALUES = 128;

export function packUserFeatures(writer: ByteWriter, { state, scope, values }: UserFeatures): void {
  writer.byte(
    HISTORY_STATES.indexOf(state) + HISTORY_SCOPES.indexOf(scope) * SCOPE + (values === null ? 0 : HAS_VALUES),
  );
  if (values === null) return;
  writer.whole(values.exposures10m);
  writer.whole(values.exposures1h);
  writer.whole(values.exposures6h);
  writer.whole(values.exposures24h);
  writer.whole(values.exposures3d);
  writer.whole(values.exposures7d);
  writer.whole(values.secondsSinceExposure === null ? 0 : values.secondsSinceExposure + 1);
  writer.whole(values.clicksSinceExposure);
  writer.whole(values.clicks7d);
}

/** @throws RangeError when the bytes are of a later format */
export function unpackUserFeatures(reader: ByteReader): UserFeatures {
  const byte = reader.byte();
  const hasValues = byte >= HAS_VALUES;
  const state = entryOf(HISTORY_STATES, byte % SCOPE);
  const scope = entryOf(HISTORY_SCOPES, (byte & SCOPE) === 0 ? 0 : 1);
  return { state, scope, values: hasValues ? unpackValues(reader) : null };
}

function unpackValues(reader: ByteReader): UserValues {
  return {
    exposures10m: reader.whole(),
    exposures1h: reader.whole(),
    exposures6h: reader.whole(),
    exposures24h: reader.whole(),
    exposures3d: reader.whole(),
    exposures7d: reader.whole(),
    secondsSinceExposure: sinceOf(reader.whole()),
    clicksSinceExposure: reader.whole(),
    clicks7d: reader.whole(),
  };
}

const sinceOf = (whole: number): number | null => (whole === 0 ? null : whole - 1);
