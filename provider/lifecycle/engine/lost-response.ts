import { setTimeout as sleep } from "node:timers/promises";
import { AuthentikError } from "../../authentik/errors";
import { capitalize } from "../values/strings";
import { UserError } from "./user-error";

/** Milliseconds before each lookup of the object that a POST may have created: the server may still be processing it. */
const lookupDelays = [0, 1000, 3000];

/**
 * Creates an object with a POST, which is never sent twice. If the response is lost, looks for the object that the POST may have created.
 * Adopts a single match, and warns.
 */
export async function createExactlyOnce<T>(
  object: string,
  create: () => Promise<T>,
  findCreated: () => Promise<readonly T[]>,
): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof AuthentikError) || !error.outcomeUnknown) throw error;
    const found = await findWithRetries(object, findCreated, error);
    const [match] = found;
    if (match !== undefined && found.length === 1) {
      console.warn(
        `${capitalize(object)}: the response to the create request was lost. authentik had created it; adopted the existing one.`,
      );
      return match;
    }
    throw new UserError(
      found.length === 0
        ? `${error.description} authentik has no object that this request created. Run \`pulumi up\` again.`
        : `${error.description} authentik has ${found.length} objects that are equal to ${object}, and which of them this request created is unknown. Delete those that you do not need, or import one with the resource option import, then run \`pulumi up\` again.`,
      { cause: error },
    );
  }
}

async function findWithRetries<T>(
  object: string,
  findCreated: () => Promise<readonly T[]>,
  lost: AuthentikError,
): Promise<readonly T[]> {
  try {
    for (const delay of lookupDelays) {
      await sleep(delay);
      const found = await findCreated();
      if (found.length > 0) return found;
    }
    return [];
  } catch (error) {
    if (!(error instanceof AuthentikError)) throw error;
    throw new UserError(
      `${lost.description} Whether authentik created ${object} is unknown, because the lookup failed as well: ${error.description} Check authentik before you run \`pulumi up\` again, and import the object with the resource option import if it exists.`,
      { cause: error },
    );
  }
}
