import { invitationProvider } from "../../../provider/lifecycle/invitation/provider";
import { invitationId } from "../../../provider/common/pk";
import { pk } from "./bodies";

export type Properties = Record<string, unknown>;

/** What the state holds of the invitation of `invitationBody`. */
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

/** What check makes of the program that declares the invitation of `invitationBody`. */
export function invitationInputs(changes: Properties = {}): Properties {
  return { name: "jane", expires: "2031-05-06T07:08:09Z", fixedData: {}, singleUse: false, ...changes };
}

/** Reads an invitation as a refresh does; `olds` is what the state holds. */
export async function refresh(
  olds: Properties,
): Promise<{ id: string | undefined; props: Properties; inputs: Properties }> {
  const { id, props, inputs } = await invitationProvider.read(invitationId(pk), olds);
  return { id, props: props as Properties, inputs: inputs as Properties };
}

/** What diff answers. Where `changes` stays open the engine takes it for a change wherever the inputs differ. */
export async function changesOf(olds: Properties, news: Properties): Promise<{ changes: boolean; replaces: string[] }> {
  const { changes, replaces = [] } = await invitationProvider.diff(invitationId(pk), olds, news);
  return { changes: changes !== false, replaces };
}
