/**
 * Remembers what a pure function said of the last `capacity` texts, oldest first out. Texts longer than a screen are not kept, so that
 * memory stays bounded whatever is sent.
 */
export function textMemo<T>(capacity: number, compute: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const hit = known.get(text);
    if (hit !== undefined) return hit;
    const value = compute(text);
    if (text.length > MAX_KEPT_CHARS) return value;
    if (known.size >= capacity) known.delete(known.keys().next().value as string);
    known.set(text, value);
    return value;
  };
}

const MAX_KEPT_CHARS = 2048;
