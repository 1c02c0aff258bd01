import type { BookedNote, BookedSums } from '#domain/reconciliation/compare-invoice';

const MAX_EXAMPLES = 5;

/** All campaigns of an exchange as the one seat that they are bought under. */
export function sumBooks(books: Iterable<BookedSums>): BookedSums {
  const sum: BookedSums = {
    ...{ impressions: 0, spendNanos: 0n, bids: 0, bidNanos: 0n, clearedNanos: 0n, notes: [] },
  };
  const notes = new Map<string, BookedNote>();
  for (const book of books) {
    sum.impressions += book.impressions;
    sum.spendNanos += book.spendNanos;
    sum.bids += book.bids;
    sum.bidNanos += book.bidNanos;
    sum.clearedNanos += book.clearedNanos;
    for (const note of book.notes) {
      const known = notes.get(note.code) ?? { ...note, count: 0, nanos: 0n, decisionIds: [] };
      known.count += note.count;
      known.nanos += note.nanos;
      known.decisionIds = [...known.decisionIds, ...note.decisionIds].slice(0, MAX_EXAMPLES);
      notes.set(note.code, known);
    }
  }
  return { ...sum, notes: [...notes.values()].sort((a, b) => (a.code < b.code ? -1 : 1)) };
}
