/**
 * Calendar: a moment seen from a campaign's own time zone, which defines its day and its hour of week.
 * Pure: the moment is always an argument.
 */
export * from './zone-clock';
