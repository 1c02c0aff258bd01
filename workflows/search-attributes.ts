import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common/lib/search-attributes';

/**
 * Search attributes that every workflow of Adloop carries, so that the Temporal UI can be filtered by them.
 * A key that the server does not know stops workflow tasks for ever: registration comes before any worker.
 */
export const FLEET_KEY = defineSearchAttributeKey('AdloopFleet', SearchAttributeType.KEYWORD);
export const AGENT_KEY = defineSearchAttributeKey('AdloopAgent', SearchAttributeType.KEYWORD);
export const STAGE_KEY = defineSearchAttributeKey('AdloopStage', SearchAttributeType.KEYWORD);
export const VERDICT_KEY = defineSearchAttributeKey('AdloopVerdict', SearchAttributeType.KEYWORD);
export const REQUESTED_BY_KEY = defineSearchAttributeKey('AdloopRequestedBy', SearchAttributeType.KEYWORD);

/** Every key, for registration (scripts/setup, the worker's boot, tests). */
export const SEARCH_ATTRIBUTE_KEYS = [FLEET_KEY, AGENT_KEY, STAGE_KEY, VERDICT_KEY, REQUESTED_BY_KEY];

/** Names only, all of type Keyword: the plain form for a command line (`--search-attribute Name=Keyword`). */
export const SEARCH_ATTRIBUTE_NAMES: readonly string[] = SEARCH_ATTRIBUTE_KEYS.map((key) => key.name);
