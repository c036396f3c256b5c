import { Invitation as invitationProvider } from "pulumi-authentik-invitations/provider";
import { invitationId } from "../../../provider/common/pk";
import { pk } from "./response-bodies";

export type Properties = Record<string, unknown>;

/** The state of the invitation of `invitationBody`. */
export function invitationState(changes: Properties = {}): Properties {
  return {
    name: "jane",
    expires: "2031-05-06T07:08:09Z",
    fixedData: {},
    singleUse: false,
    pk,
    status: "pending",
    issuedAt: "2026-11-23T00:00:00Z",
    createdBy: "akadmin",
    ...changes,
  };
}

/** The inputs of the invitation of `invitationBody`, as `check` returns them. A duration replaces the expiry. */
export function invitationInputs(changes: Properties = {}): Properties {
  const expiry = "validFor" in changes ? {} : { expires: "2031-05-06T07:08:09Z" };
  return { name: "jane", ...expiry, fixedData: {}, singleUse: false, ...changes };
}

/** Reads an invitation as a refresh does. `olds` is its state. */
export async function refresh(
  olds: Properties,
): Promise<{ id: string | undefined; props: Properties; inputs: Properties }> {
  const { id, props, inputs } = await invitationProvider.read(invitationId(pk), olds);
  return { id, props: props as Properties, inputs: inputs as Properties };
}

/** The result of `diff`. If `changes` is undefined, the engine compares the inputs itself, so it counts as a change. */
export async function diffInvitation(
  olds: Properties,
  news: Properties,
): Promise<{ changes: boolean; replaces: string[] }> {
  const { changes, replaces = [] } = await invitationProvider.diff(invitationId(pk), olds, news);
  return { changes: changes !== false, replaces };
}
