import { setTimeout as sleep } from "node:timers/promises";
import { AuthentikError } from "../authentik/errors";
import { UserError } from "./user-error";

/** Milliseconds before each look for what a POST may have made: the server may still be at work on it. */
const waits = [0, 1000, 3000];

/**
 * Creates an object by a POST, which is never sent twice. Where its answer was lost, looks for what it may have made:
 * a single match is taken over, and the run's output says so.
 */
export async function createOnce<T>(
  what: string,
  create: () => Promise<T>,
  findMade: () => Promise<readonly T[]>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof AuthentikError) || !error.outcomeUnknown) throw error;
    const made = await look(what, findMade, error);
    const [only] = made;
    if (only !== undefined && made.length === 1) {
      console.warn(`${what}: the answer to its creation was lost; authentik has made it, and it was taken over.`);
      return only;
    }
    throw new UserError(
      made.length === 0
        ? `${error.message} authentik shows nothing that this request made: run \`pulumi up\` again.`
        : `${error.message} authentik now has ${made.length} that are equal to ${what}, so that it is not known which of them this request made: delete those that are not wanted, or adopt one with the option import, then run \`pulumi up\` again.`,
      { cause: error },
    );
  }
}

async function look<T>(
  what: string,
  findMade: () => Promise<readonly T[]>,
  lost: AuthentikError,
): Promise<readonly T[]> {
  try {
    for (const wait of waits) {
      await sleep(wait);
      const made = await findMade();
      if (made.length > 0) return made;
    }
    return [];
  } catch (error) {
    if (!(error instanceof AuthentikError)) throw error;
    throw new UserError(
      `${lost.message} Whether ${what} was created is not known, for authentik could not be asked afterwards (${error.message}) Look into authentik, and adopt what is there with the option import, before you run \`pulumi up\` again.`,
      { cause: error },
    );
  }
}
