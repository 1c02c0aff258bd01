import { chromium, type Browser, type Page } from 'playwright-core';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { ask, bannerRequest } from '../fixtures/edge-traffic';
import { startLocalEdge, type LocalEdge } from '../fixtures/local-edge';

const executablePath = process.env.CHROMIUM_PATH;
const onChromium = executablePath === undefined ? describe.skip : describe;

/** What a reader gets, as an expression for the browser: our own types know no DOM. */
const SEEN = `({
  text: getComputedStyle(document.body).color,
  back: getComputedStyle(document.body).backgroundColor,
  soft: getComputedStyle(document.querySelector('.soft')).color,
  font: getComputedStyle(document.body).fontFamily,
  scrollWidth: document.documentElement.scrollWidth,
})`;

onChromium("an edge's page in a real browser", () => {
  const snapshot = demoSnapshot();
  const longName = `${'Unbreakable'.repeat(12)} & <b>co</b>`;
  let local: LocalEdge;
  let browser: Browser;

  beforeAll(async () => {
    const campaigns = snapshot.campaigns.map((campaign, at) => (at === 0 ? { ...campaign, name: longName } : campaign));
    local = await startLocalEdge({ ...snapshot, campaigns });
    for (let n = 0; n < 30; n += 1) await ask(local.url, bannerRequest(`page-${n}`));
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser.close();
    await local.stop();
  });

  /** Relative luminance by WCAG of `rgb(r, g, b)`. */
  const luminance = (rgb: string): number => {
    const [r, g, b] = (rgb.match(/\d+/g) ?? []).slice(0, 3).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  async function open(
    path: string,
    width: number,
    colorScheme: 'light' | 'dark',
  ): Promise<{ page: Page; faults: string[] }> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const faults: string[] = [];
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(local.adminUrl)) faults.push(`asks ${request.url()}`);
    });
    await page.goto(`${local.adminUrl}${path}`);
    return { page, faults };
  }

  const first = snapshot.campaigns[0]?.campaignId ?? '';
  const views = ['/', `/campaigns/${first}`].flatMap((path) =>
    [1280, 390].flatMap((width) => (['light', 'dark'] as const).map((scheme) => [path, width, scheme] as const)),
  );

  it.each(views)('%s at %d px, %s: fits, is readable, loads nothing from elsewhere', async (path, width, scheme) => {
    const { page, faults } = await open(path, width, scheme);
    const seen = (await page.evaluate(SEEN)) as Record<'text' | 'back' | 'soft' | 'font', string> & {
      scrollWidth: number;
    };
    // The style sheet passed the content policy, and only tables scroll sideways.
    expect(seen.font).toContain('system-ui');
    expect(seen.scrollWidth).toBeLessThanOrEqual(width);
    const contrast = (text: string): number => {
      const [light, dark] = [luminance(text), luminance(seen.back)].sort((a, b) => b - a) as [number, number];
      return (light + 0.05) / (dark + 0.05);
    };
    expect(contrast(seen.text)).toBeGreaterThan(7);
    expect(contrast(seen.soft)).toBeGreaterThan(4.5);
    expect(luminance(seen.back) > 0.5).toBe(scheme === 'light');
    expect(faults).toEqual([]);
    if (process.env.SCREENSHOTS)
      await page.screenshot({
        path: `${process.env.SCREENSHOTS}/${path.length}-${width}-${scheme}.png`,
        fullPage: true,
      });
    await page.close();
  });

  it('leads from a campaign to its reasons and back', async () => {
    const { page } = await open('/', 1280, 'light');
    await page.click(`a[href="/campaigns/${first}"]`);
    expect(await page.textContent('h1')).toBe(longName);
    await page.click('a[href="/"]');
    expect(await page.textContent('h1')).toBe('Edge edge-test');
    await page.close();
  });
});
