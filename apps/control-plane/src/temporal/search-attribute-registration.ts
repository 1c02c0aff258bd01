import type { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTE_NAMES } from '../../../../workflows/search-attributes';

/** IndexedValueType.KEYWORD of Temporal's API. */
const KEYWORD = 2;

/**
 * Registers the search attributes that are missing; a workflow that sets an unknown one would hang for ever.
 * Called before any worker polls. Two workers at once may both add: the loser's error means that the key is there.
 */
export async function registerSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const listed = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTE_NAMES.filter((name) => !(name in listed.customAttributes));
  if (missing.length === 0) return [];
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
  await connection.operatorService
    .addSearchAttributes({ namespace, searchAttributes })
    .catch(async (error: unknown) => {
      const again = await connection.operatorService.listSearchAttributes({ namespace });
      if (missing.some((name) => !(name in again.customAttributes))) throw error;
    });
  return missing;
}
