import type { Client } from "../../authentik/client";
import { AuthentikError, ServerError } from "../../authentik/errors";
import { log } from "../../common/log";
import { createNonce, type Origin } from "../../common/origin";
import { toPrintableLine } from "../../common/printable";
import { capitalize } from "../../values/strings";
import type { Connection } from "../connections";
import { UserError } from "../user-error";
import { type Creation, lookUpCreation } from "./creation";

/** How often a POST is sent if a gateway rejects it each time. */
const maxAttempts = 8;

/**
 * Creates an object with a POST, which is never sent again if it may have been carried out. If its response is lost, authentik's event log says
 * whether the POST was carried out and which object it created, because every event has the User-Agent of its request. That object is
 * adopted, and no other. A gateway that limits the rate of requests responds with 503 at once, without passing the request on: then, if the event log has
 * nothing either, the POST is sent again.
 */
export async function createOnce<Stored>(
  connection: Connection,
  origin: Origin | undefined,
  creation: Creation<Stored>,
): Promise<Stored> {
  const nonce = origin?.nonce ?? createNonce();
  const source = connection.sourceOf(origin);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await creation.create(connection.client.from(source, nonce));
    } catch (error) {
      if (!(error instanceof AuthentikError) || !error.outcomeUnknown) throw error;
      const client = connection.client.from(source).ignoringCancellation();
      const created = await findCreated(connection, client, nonce, creation, error);
      if (created === undefined && attempt < maxAttempts && isRejection(error)) continue;
      if (created === undefined) {
        throw new UserError(
          error.explain(
            "authentik's event log has no object that this request created. Run `pulumi up` again. If authentik did create the object and its event arrives late, that run warns about it.",
          ),
          { cause: error },
        );
      }
      log.warn(
        toPrintableLine(
          `${capitalize(creation.object)}: the response to the create request was lost. authentik had created it; adopted the existing one.`,
        ),
      );
      return created;
    }
  }
}

/** Whether a gateway rejected the request. With 502 and 504, it may have passed it on to a server that is still processing it. */
function isRejection(error: AuthentikError): boolean {
  return error instanceof ServerError && error.request.status === 503;
}

/** The object that the request created; `undefined` if it created none. */
async function findCreated<Stored>(
  connection: Connection,
  client: Client,
  nonce: string,
  creation: Creation<Stored>,
  lost: AuthentikError,
): Promise<Stored | undefined> {
  const { object } = creation;
  const fail = (explanation: string): never => {
    throw new UserError(lost.explain(explanation), { cause: lost });
  };
  const importHint = "import it with the resource option import if it exists";
  try {
    const event = await lookUpCreation(connection, client, creation.model, nonce);
    if (event === "forbidden") {
      return fail(
        `Whether authentik created ${object} is unknown, because the token's user is not allowed to read the event log (permission authentik_events.view_event, which also shows every email that authentik sends). Check authentik before you run \`pulumi up\` again, and ${importHint}.`,
      );
    }
    return event && (await creation.retrieve(client, event.pk));
  } catch (error) {
    if (!(error instanceof AuthentikError)) throw error;
    return fail(
      `Whether authentik created ${object} is unknown, because the lookup failed as well: ${error.description} Check authentik before you run \`pulumi up\` again, and ${importHint}.`,
    );
  }
}
