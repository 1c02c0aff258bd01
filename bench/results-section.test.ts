import { keepingSection, withSection } from './results-section';

const document = '# Figures\n\n## A\n\none\n\n## B\n\ntwo\n';

test('a section is replaced where it stands, or added at the end', () => {
  expect(withSection(document, 'A', ['1', ''])).toBe('# Figures\n\n## A\n\n1\n\n## B\n\ntwo\n');
  expect(withSection(document, 'C', ['3', ''])).toBe('# Figures\n\n## A\n\none\n\n## B\n\ntwo\n\n## C\n\n3\n');
});

test('a new document keeps a section that another program wrote', () => {
  expect(keepingSection('# New\n', document, 'B')).toBe('# New\n\n## B\n\ntwo\n');
  expect(keepingSection('# New\n', document, 'C')).toBe('# New\n');
});
