import { ifFound } from "../../authentik/errors";
import type { ObjectEvent } from "../../authentik/events";
import type { Origin } from "../../common/origin";
import type { Properties } from "../../values/properties";
import type { Connection } from "../connections";
import { type Creation, lookUpCreation } from "./creation";

/** What became of a create request whose run was interrupted before it saved the result. */
export type Recovery =
  | { readonly outcome: "created"; readonly id: string; readonly outputs: Properties; readonly created: string }
  | { readonly outcome: "not created" }
  | { readonly outcome: "unclear"; readonly reason: string };

/** A kind of object whose interrupted creations can be recovered. */
export interface Recoverable {
  /** Finds what the create request with these inputs created. `isInState` says whether a state has the id. */
  recover(inputs: Properties, options: RecoveryOptions): Promise<Recovery>;
}

export interface RecoveryOptions {
  isInState(id: string): boolean;
  /** The outputs in the state, if the interrupted operation was an update. An update of a batch creates invitations, and any update may email links. */
  readonly outputs?: Properties;
}

/** What nothing but the event log can say: equal objects may be of another stack. */
export const causesOfUnclear = {
  noOrigin: "an older version of this package created it",
  noEvents:
    "the token's user is not allowed to read the event log (permission authentik_events.view_event, which also shows every email that authentik sends)",
} as const;

/**
 * What authentik's event log has of the create request with the origin's nonce. `stored` is undefined if the object has been deleted or used
 * since.
 */
export async function findInterruptedCreation<Stored>(
  connection: Connection,
  origin: Origin | undefined,
  { object, model, retrieve }: Pick<Creation<Stored>, "object" | "model" | "retrieve">,
): Promise<
  | { readonly outcome: "found"; readonly event: ObjectEvent; readonly stored: Stored | undefined }
  | Exclude<Recovery, { readonly outcome: "created" }>
> {
  const unclear = (cause: string) => ({
    outcome: "unclear" as const,
    reason: `whether authentik has the ${object} cannot be determined, because ${cause}. If it exists, import it with the resource option import`,
  });
  if (origin === undefined) return unclear(causesOfUnclear.noOrigin);
  const client = connection.clientOf(origin);
  const event = await lookUpCreation(connection, client, model, origin.nonce);
  if (event === "forbidden") return unclear(causesOfUnclear.noEvents);
  if (event === undefined) return { outcome: "not created" };
  return { outcome: "found", event, stored: await ifFound(retrieve(client, event.pk)) };
}
