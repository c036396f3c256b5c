import { defaultConnection } from "../address";
import type { InvitationFields, StoredInvitation } from "../authentik/invitations";
import { canonicalUuid } from "../pk";
import { type Change, formatPath, given, isKnownText, type Properties, unknownValue } from "./check";
import type { Connection } from "./connections";
import { after, durationBetween, isSameInstant, microseconds, parseDuration } from "./instant";
import type { InvitationInputs } from "./invitation-inputs";
import { differingKeys, isSameJson } from "./json";

/**
 * What the state holds of an invitation: the inputs as authentik has them, in the user's words where those still say the same,
 * and what authentik adds. It is all that diff, read, update and delete are given, so that nothing can be left out of it.
 */
export interface InvitationState extends InvitationInputs {
  readonly pk: string;
  readonly status: "pending" | "used" | "expired";
  readonly issuedAt: string;
  /** Since when it is used or expired; nothing where somebody ended it before its declared time. */
  readonly retiredAt?: string;
  /** Whether authentik has deleted it, too: then there is nothing to ask for, to change or to delete. */
  readonly gone?: true;
  readonly flowPk?: string;
  readonly flowSlug?: string;
  readonly createdBy?: string;
}

/** The state after authentik answered. `written` is what the user wrote, or what the state has of it. */
export function stateOf(
  written: Partial<InvitationInputs>,
  stored: StoredInvitation,
  issuedAt: string,
): InvitationState {
  const flow = { flowPk: stored.flow ?? undefined, flowSlug: stored.flowSlug };
  const isExpired = stored.expires !== null && hasPassed(stored.expires);
  return given({
    name: written.name?.trim() === stored.name ? written.name : stored.name,
    fixedData: isSameJson(written.fixedData, stored.fixedData) ? written.fixedData : stored.fixedData,
    singleUse: stored.singleUse,
    flow: flowAsWritten(written.flow, flow),
    ...expiryAsWritten(written, stored.expires, issuedAt),
    onRetired: written.onRetired,
    keepers: written.keepers,
    connection: written.connection,
    pk: stored.pk,
    status: isExpired ? "expired" : "pending",
    issuedAt,
    retiredAt: isExpired ? stored.expires : undefined,
    ...flow,
    createdBy: stored.createdBy,
  }) as unknown as InvitationState;
}

/** The inputs that a state stands for, so that a refresh shows by line what drifted. */
export function inputsOf(state: InvitationState): Record<string, unknown> {
  const { name, expires, validFor, fixedData, singleUse, flow, onRetired, keepers, connection } = state;
  const expiry = validFor === undefined ? { expires } : { validFor };
  return given({ name, ...expiry, fixedData, singleUse, flow, onRetired, keepers, connection });
}

/** What is sent: the declared state as a whole. The one place where a slug becomes a UUID, and a duration an instant. */
export async function fieldsOf(
  inputs: InvitationInputs,
  issuedAt: string,
  connection: Connection,
): Promise<InvitationFields> {
  const flow = inputs.flow?.trim();
  return {
    name: inputs.name,
    // authentik takes no lower-case `t` and `z` (case `invitations.create.expires.lower-case-z`).
    expires: inputs.expires?.toUpperCase() ?? expiryAfter(inputs.validFor ?? "", issuedAt),
    fixedData: inputs.fixedData,
    singleUse: inputs.singleUse,
    flow: flow === undefined ? null : (canonicalUuid(flow) ?? (await connection.flowPk(flow))),
  };
}

/** The names of the inputs that declare something else than authentik has. What is not known yet counts as different. */
export function differences(state: InvitationState, declared: Properties): string[] {
  const { name, expires, validFor, fixedData, singleUse, flow } = declared;
  const compared: [string, boolean][] = [
    ["name", isKnownText(name) && name.trim() === state.name.trim()],
    [validFor === undefined ? "expires" : "validFor", isExpiry(expires, validFor, state)],
    ["fixedData", isSameJson(fixedData, state.fixedData)],
    ["singleUse", singleUse === state.singleUse],
    ["flow", flow === undefined ? state.flowPk === undefined : isKnownText(flow) && isFlow(flow, state)],
  ];
  return compared.filter(([, isSame]) => !isSame).map(([input]) => input);
}

/**
 * What is to be done with an invitation that is declared so. A pending one is made what the program says. A used or expired one is left
 * alone, whatever else changed, and issued anew only where the program asks for it: by `onRetired`, by `keepers`, or, if it
 * expired, by an expiry that is yet to come.
 */
export function change(state: InvitationState, declared: Properties): Change {
  const kept = isSameJson(declared.keepers ?? {}, state.keepers ?? {}) ? [] : ["keepers"];
  if (!isRetired(state)) {
    const moved =
      (declared.connection ?? defaultConnection) === (state.connection ?? defaultConnection) ? [] : ["connection"];
    const own = declared.onRetired === state.onRetired ? [] : ["onRetired"];
    // An update would end it now, for the next run to issue it anew.
    const ended = declared.onRetired === "reissue" && isEnding(declared, state) ? ["validFor"] : [];
    const replaces = [...ended, ...kept, ...moved];
    return { inputs: [...differences(state, declared), ...own, ...replaces], replaces };
  }
  const reissue = declared.onRetired === "reissue" || declared.onRetired === unknownValue ? ["onRetired"] : [];
  const extended =
    state.status !== "used" && isExtension(declared, state)
      ? [declared.validFor === undefined ? "expires" : "validFor"]
      : [];
  const inputs = [...extended, ...kept, ...(declared.onRetired === state.onRetired ? [] : reissue)];
  return { inputs, replaces: [...extended, ...kept, ...reissue] };
}

/** Whether the invitation is used, or expired by its declared time. */
export function isRetired(state: Pick<InvitationState, "status" | "expires" | "retiredAt">): boolean {
  if (state.status === "expired") return state.retiredAt !== undefined;
  return state.status === "used" || (state.expires !== undefined && hasPassed(state.expires));
}

/** The state of an invitation whose expiry somebody moved into the past: that is drift, to be put right, and no retirement. */
export function endedByHand({ retiredAt: _, ...state }: InvitationState): InvitationState {
  return state;
}

export function hasPassed(instant: string): boolean {
  return microseconds(instant) <= BigInt(Date.now()) * 1000n;
}

/** Whether what the program declares lets the invitation end in the future, or may do so. */
function isExtension(declared: Properties, state: InvitationState): boolean {
  const expiry = declaredExpiry(declared, state);
  return expiry === unknownValue || (expiry !== undefined && !hasPassed(expiry));
}

/** Whether what the program declares has let the invitation end already. */
function isEnding(declared: Properties, state: InvitationState): boolean {
  const expiry = declaredExpiry(declared, state);
  return expiry !== undefined && expiry !== unknownValue && hasPassed(expiry);
}

/** When the invitation is to end, of which the program knows a part only, perhaps. */
function declaredExpiry({ expires, validFor }: Properties, state: InvitationState): string | undefined {
  if (expires === unknownValue || validFor === unknownValue) return unknownValue;
  const declared = isKnownText(validFor) ? expiryAfter(validFor, state.issuedAt) : expires;
  return isKnownText(declared) ? declared : undefined;
}

/** Like {@link differences}, with the keys of `fixedData` one by one. */
export function differingPaths(state: InvitationState, declared: InvitationInputs): string[] {
  return differences(state, { ...declared }).flatMap((name) =>
    name === "fixedData"
      ? differingKeys(state.fixedData, declared.fixedData).map((key) => formatPath(["fixedData", key]))
      : [name],
  );
}

/** Whether a slug or UUID means the flow that the invitation has. */
export function isFlow(flow: string, has: Pick<InvitationState, "flowPk" | "flowSlug">): boolean {
  const uuid = canonicalUuid(flow);
  return uuid === undefined ? flow.trim() === has.flowSlug : uuid === has.flowPk;
}

function isExpiry(expires: unknown, validFor: unknown, state: InvitationState): boolean {
  if (state.expires === undefined || expires === unknownValue) return false;
  if (validFor === undefined) return isKnownText(expires) && isSameInstant(expires, state.expires);
  return isKnownText(validFor) && isSameInstant(expiryAfter(validFor, state.issuedAt), state.expires);
}

function expiryAfter(validFor: string, issuedAt: string): string {
  return after(issuedAt, parseDuration(validFor) ?? 0);
}

function flowAsWritten(
  written: string | undefined,
  has: Pick<InvitationState, "flowPk" | "flowSlug">,
): string | undefined {
  if (written !== undefined && isFlow(written, has)) return written;
  const isWrittenAsUuid = written !== undefined && canonicalUuid(written) !== undefined;
  return isWrittenAsUuid ? has.flowPk : (has.flowSlug ?? has.flowPk);
}

function expiryAsWritten(
  written: Partial<InvitationInputs>,
  stored: string | null,
  issuedAt: string,
): Pick<InvitationInputs, "expires" | "validFor"> {
  if (stored === null) return {};
  if (written.validFor === undefined) {
    return {
      expires: written.expires !== undefined && isSameInstant(written.expires, stored) ? written.expires : stored,
    };
  }
  if (isSameInstant(expiryAfter(written.validFor, issuedAt), stored))
    return { expires: stored, validFor: written.validFor };
  // No duration leads back before the issue.
  const isReached = microseconds(stored) > microseconds(issuedAt);
  return isReached ? { expires: stored, validFor: durationBetween(issuedAt, stored) } : { expires: stored };
}
