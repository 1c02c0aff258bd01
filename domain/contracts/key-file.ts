/** Most keys of one kind that live at a time: the one that signs, and one that is on its way in or out. */
export const MAX_LIVE_KEYS = 2;
const HEX = /^(?:[0-9a-f]{2}){16,64}$/i;

/**
 * Keys of a key file: one or two lines of 32 to 128 hex digits, the one that signs first. Null when the text is not that.
 */
export function parseKeyFile(text: string): string[] | null {
  const lines = text.trim().split(/\s+/);
  if (lines.length > MAX_LIVE_KEYS || new Set(lines).size < lines.length) return null;
  return lines.every((line) => HEX.test(line)) ? lines : null;
}

/** The text of such a file. */
export const printKeyFile = (keys: readonly string[]): string => keys.map((key) => `${key}\n`).join('');
