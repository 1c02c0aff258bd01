/** Fills the placeholders of cut markup; URLs are escaped for a double-quoted HTML attribute. */
export function bannerMarkup(parts: readonly string[], clickUrl: string, landingUrl: string): string {
  let out = parts[0] ?? '';
  for (let i = 1; i < parts.length; i += 2) {
    out += escapeAttribute(parts[i] === '{CLICK_URL}' ? clickUrl : landingUrl) + (parts[i + 1] ?? '');
  }
  return out;
}

function escapeAttribute(url: string): string {
  return url.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
