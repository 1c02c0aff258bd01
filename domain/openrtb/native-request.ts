import { isObject, type JsonObject } from './json-shape';
import { textMemo } from './text-memo';

/**
 * The request inside `imp.native.request`, a JSON text that a placement repeats from auction to auction; null when it is no JSON object.
 * Before version 1.1 it was wrapped in `{"native": …}`.
 */
export const nativeRequestOf: (text: string) => JsonObject | null = textMemo(512, (text) => {
  const parsed = parse(text);
  if (!isObject(parsed)) return null;
  const wrapped = parsed['native'];
  return isObject(wrapped) && parsed['assets'] == null ? wrapped : parsed;
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // reported by the caller as a fault of the request
  }
}
