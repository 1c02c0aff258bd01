const PLACEHOLDERS = ['{CLICK_URL}', '{LANDING_URL}'] as const;

/** Cuts markup at its placeholders: even parts are literal text, odd parts are `{CLICK_URL}` or `{LANDING_URL}`. */
export function cutMarkup(markup: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    let at = -1;
    let name = '';
    for (const placeholder of PLACEHOLDERS) {
      const found = markup.indexOf(placeholder, from);
      if (found >= 0 && (at < 0 || found < at)) {
        at = found;
        name = placeholder;
      }
    }
    if (at < 0) {
      parts.push(markup.slice(from));
      return parts;
    }
    parts.push(markup.slice(from, at), name);
    from = at + name.length;
  }
}

/** Whether a text holds a plain http URL, also one escaped for a query string or a script. */
export function hasPlainHttp(text: string): boolean {
  const lowered = text.toLowerCase();
  return (
    lowered.includes('http:') ||
    lowered.includes('http%3a') ||
    lowered.includes('http\\u003a') ||
    lowered.includes('http&#')
  );
}

/** OpenRTB banner ad type of HTML markup: 3 with script, 4 with an iframe, else 2 (XHTML banner). */
export function markupBannerType(markup: string): 2 | 3 | 4 {
  const lowered = markup.toLowerCase();
  if (lowered.includes('<script')) return 3;
  return lowered.includes('<iframe') ? 4 : 2;
}

const IMAGE_TYPES: readonly (readonly [string, readonly string[]])[] = [
  ['.gif', ['image/gif']],
  ['.png', ['image/png']],
  ['.jpg', ['image/jpeg', 'image/jpg']],
  ['.jpeg', ['image/jpeg', 'image/jpg']],
  ['.svg', ['image/svg+xml']],
];

/**
 * Media types under which markup may be served where an impression lists `mimes`: HTML, and for a plain linked image also the
 * image's own type, because that is all that the browser is asked to show.
 */
export function markupMimes(markup: string): string[] {
  if (markupBannerType(markup) !== 2) return ['text/html', 'text/javascript', 'application/javascript'];
  const lowered = markup.toLowerCase();
  const types = ['text/html'];
  if (!lowered.includes('<img')) return types;
  for (const [ending, mimes] of IMAGE_TYPES) if (lowered.includes(ending)) types.push(...mimes);
  return types;
}
