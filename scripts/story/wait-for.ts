/** A step of the story that did not come true in time. */
export class StoryError extends Error {}

/**
 * Asks until `ask` answers something other than null, and returns it. A control plane that is away for a moment is asked again.
 * @throws StoryError after `seconds`, with the last fault
 */
export async function waitFor<T>(
  what: string,
  seconds: number,
  ask: () => Promise<T | null>,
  everyMs = 500,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let fault = '';
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      if (error instanceof StoryError) throw error;
      fault = ` (last fault: ${error instanceof Error ? error.message : String(error)})`;
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new StoryError(`${what} did not happen within ${seconds} s${fault}`);
}
