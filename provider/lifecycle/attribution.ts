import { type EventAction, listEvents, type ObjectEvent } from "../authentik/events";
import { logAbout } from "../common/log";
import type { Origin } from "../common/origin";
import type { Connection } from "./connections";

/** An object in authentik, for messages about what happened to it. */
export interface ObservedObject {
  /** The object in messages: `invitation "jane"`. */
  readonly name: string;
  readonly pk: string;
  /** Where this stack's requests for the object come from. */
  readonly origin: Origin | undefined;
}

/**
 * The newest events of an object, newest first, of one action if it is given; `undefined` if the token is not allowed to read them. Warns about the missing permission once per
 * connection, and sends no further requests to the event log after that.
 */
export async function readEvents(
  connection: Connection,
  { name, pk, origin }: ObservedObject,
  action?: EventAction,
): Promise<readonly ObjectEvent[] | undefined> {
  return await connection.readEventLogOrWarn(() => listEvents(connection.clientOf(origin), pk, name, action));
}

/** The events that say who changed or deleted an object: one request, unless attribution is disabled. A failing event log does not fail the refresh. */
export async function readAttribution(
  connection: Connection,
  object: ObservedObject,
  action: EventAction,
): Promise<readonly ObjectEvent[] | undefined> {
  return connection.attribution ? await readEvents(connection, object, action).catch(() => undefined) : undefined;
}

/** Warns that an object was changed outside Pulumi, and by whom as far as its events say so. */
export function reportChange(
  connection: Connection,
  object: ObservedObject,
  changed: readonly string[],
  events: readonly ObjectEvent[] | undefined,
): void {
  // The newest update may be this stack's own, such as the one of the last `pulumi up`.
  const last = events?.find((event) => event.action === "model_updated" && !isOwn(connection, object, event));
  const by = last ? `, last ${formatActor(last)}` : "";
  logAbout(object.name, "warn", `${changed.join(", ")} changed outside Pulumi${by}`);
}

/** Warns that an object was deleted, and by whom as far as its events say so. */
export function reportDeletion(
  connection: Connection,
  object: ObservedObject,
  events: readonly ObjectEvent[] | undefined,
): void {
  const deletion = connection.attribution ? findDeletion(events) : undefined;
  logAbout(object.name, "warn", describeDeletion(connection, object, deletion));
}

/**
 * Warns that an invitation's flow was removed because the flow was deleted, and by whom. authentik writes no event for the invitation then,
 * only for the flow.
 */
export async function reportFlowRemoval(
  connection: Connection,
  object: ObservedObject,
  flow: ObservedObject,
): Promise<void> {
  // Many invitations may have had the same flow.
  const events = await connection.cached(`events ${flow.pk}`, () => readAttribution(connection, flow, "model_deleted"));
  const deletion = findDeletion(events);
  const cause = deletion
    ? `the flow was ${describeDeletion(connection, flow, deletion)}`
    : "this happens when a flow is deleted";
  logAbout(
    object.name,
    "warn",
    `its flow was removed (${cause}). Until \`pulumi up\` restores it, any flow with an invitation stage accepts this invitation.`,
  );
}

function findDeletion(events: readonly ObjectEvent[] | undefined): ObjectEvent | undefined {
  return events?.find(({ action }) => action === "model_deleted");
}

function describeDeletion(connection: Connection, object: ObservedObject, deletion: ObjectEvent | undefined): string {
  if (!deletion) return "deleted outside Pulumi";
  const isOwnDeletion = isOwn(connection, object, deletion);
  return `deleted ${isOwnDeletion ? "by an earlier run of this stack, " : ""}${formatActor(deletion)}`;
}

/** Whether this stack caused the event, and not another stack, a person or another program. */
function isOwn(connection: Connection, { origin }: ObservedObject, { source }: ObjectEvent): boolean {
  if (source === undefined) return false;
  // Earlier versions sent no source, and saved no origin.
  if (origin === undefined || source === "") return true;
  const stack = connection.stackOf(origin);
  return source === stack || source.startsWith(`${stack}; `);
}

function formatActor(event: ObjectEvent): string {
  return `by ${event.username || "an unknown user"} on ${event.created.replace(/\.\d+/, "")}`;
}
