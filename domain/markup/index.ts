/** Markup: HTML by a template that escapes every value, and the one table of all pages. */
export * from './markup';
export * from './scrolling-table';
