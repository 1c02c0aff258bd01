import { WatchedText } from './watched-text';

function scene() {
  const source = { text: 'a' as string | null | Error };
  const heard: string[] = [];
  const faults: string[] = [];
  const watch = new WatchedText({
    read: () => (source.text instanceof Error ? Promise.reject(source.text) : Promise.resolve(source.text)),
    onText: (text) => void heard.push(text),
    onFault: (error) => void faults.push((error as Error).message),
  });
  return { source, heard, faults, watch };
}

describe('WatchedText', () => {
  it('hands on what is new, once, and nothing while there is none', async () => {
    const { source, heard, watch } = scene();
    for (const text of ['a', 'a', null, 'a', 'b', 'a']) {
      source.text = text;
      await watch.look();
    }
    expect(heard).toEqual(['a', 'b', 'a']);
  });

  it('reports a fault and looks again', async () => {
    const { source, heard, faults, watch } = scene();
    source.text = new Error('EACCES');
    await watch.look();
    source.text = 'a';
    await watch.look();
    expect([faults, heard]).toEqual([['EACCES'], ['a']]);
  });

  it('looks once at a time', async () => {
    const { heard, watch } = scene();
    await Promise.all([watch.look(), watch.look()]);
    expect(heard).toEqual(['a']);
  });
});
