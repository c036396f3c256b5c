import { defaultConnection } from "../../common/base-url";
import { toAddressKey } from "../../common/email-address";
import { unknownValue } from "../../common/reserved-strings";
import type { Change } from "../../lifecycle/validation";
import { hasPassed, isSameInstant } from "../../values/instant";
import { differingKeys, isJsonObject, isSameJson } from "../../values/json";
import { containsUnknown, formatPath, isKnownString, type Properties } from "../../values/properties";
import { differingInputs } from "../comparison";
import { apiNames, defaultsOf } from "../declaration";
import { invitation } from "./declaration";
import { addressKeys } from "./email";
import type { InvitationInputs } from "./inputs";
import { expiryFrom, type InvitationState, refersToFlow } from "./state";

/**
 * Compares the declared inputs with the state, and plans an update or a replacement. A pending invitation is updated to match. A used or expired one is kept, whatever else changed, and
 * reissued only if the program asks for it: by `onRetired`, by `keepers`, or, if it expired, by an expiry in the future.
 */
export function planChange(state: InvitationState, declared: Properties): Change {
  const keepers = isSameJson(declared.keepers ?? {}, state.keepers ?? {}) ? [] : ["keepers"];
  if (!isRetired(state)) {
    const isSameConnection = (declared.connection ?? defaultConnection) === (state.connection ?? defaultConnection);
    const connection = isSameConnection ? [] : ["connection"];
    const onRetired = declared.onRetired === state.onRetired ? [] : ["onRetired"];
    const email = isSameEmail(state, declared) ? [] : ["email"];
    // An update would make it expire at once, and the next run would reissue it.
    const expiresImmediately =
      declared.onRetired === "reissue" && declaresPastExpiry(declared, state) ? ["validFor"] : [];
    // Ended outside Pulumi, and deleted by authentik since then.
    const gone = state.gone ? [expiryInput(declared)] : [];
    const replaces = [...new Set([...expiresImmediately, ...gone, ...keepers, ...connection])];
    return { inputs: [...changedInputs(state, declared), ...onRetired, ...email, ...replaces], replaces };
  }
  const reissue = declared.onRetired === "reissue" || declared.onRetired === unknownValue ? ["onRetired"] : [];
  const extended = state.status !== "used" && mayDeclareFutureExpiry(declared, state) ? [expiryInput(declared)] : [];
  const inputs = [...extended, ...keepers, ...(declared.onRetired === state.onRetired ? [] : reissue)];
  return { inputs, replaces: [...extended, ...keepers, ...reissue] };
}

/** The names of the inputs whose declared value differs from authentik's. An unknown value counts as different. */
export function changedInputs(state: InvitationState, declared: Properties): string[] {
  return differingInputs(
    invitation.properties,
    declared,
    { ...state },
    {
      expires: () => isSameExpiry(declared, state),
      flow: (flow) =>
        flow === undefined ? state.flowPk === undefined : isKnownString(flow) && refersToFlow(flow, state),
    },
  ).map((name) => (name === "expires" ? expiryInput(declared) : name));
}

/**
 * The addresses that an update has to email: those that the program added, and those for which the last request failed. A retired invitation is
 * never emailed, and no address is emailed the same link twice.
 */
export function addressesToEmail(state: InvitationState, { email }: Properties): string[] {
  if (isRetired(state) || !isJsonObject(email) || !Array.isArray(email["to"])) return [];
  const sent = addressKeys(state.emailedTo);
  const unsent = addressKeys(state.__unsentTo);
  const declared = addressKeys(state.email?.to);
  return email["to"].filter((address): address is string => {
    if (!isKnownString(address)) return false;
    const key = toAddressKey(address);
    return !sent.has(key) && (unsent.has(key) || !declared.has(key));
  });
}

function isSameEmail(state: InvitationState, declared: Properties): boolean {
  return isSameJson(declared.email ?? {}, state.email ?? {});
}

/** Like {@link changedInputs}, with each differing key of `fixedData`, and without what is unknown at preview. */
export function changedPaths(state: InvitationState, declared: InvitationInputs): string[] {
  const properties: Properties = { ...declared };
  const changed = changedInputs(state, properties).filter((name) => !containsUnknown(properties[name]));
  return changed.flatMap((name) =>
    name === "fixedData"
      ? differingKeys(state.fixedData, declared.fixedData).map((key) => formatPath(["fixedData", key]))
      : [name],
  );
}

/**
 * Whether an update would end a pending invitation, because its declared `expires` is in the past: most likely a typo. A `validFor` that has passed
 * ends it on purpose.
 */
export function endsAtOnce(state: InvitationState, declared: Properties): boolean {
  if (isRetired(state) || state.gone || declared.validFor !== undefined) return false;
  return changedInputs(state, declared).includes("expires") && declaresPastExpiry(declared, state);
}

/** The error for an invitation that {@link endsAtOnce}. */
export const endedAtOnce =
  "expires is in the past, so the link would stop working at once. Correct it. To end the invitation, set validFor to a time that has passed, such as 1s, or remove it from the program.";

/** The outputs that {@link describeIgnoredChanges} compares. Every state has them. */
export const comparedNames = ["issuedAt", "status", ...apiNames(invitation.properties)].filter(
  (name) => name !== "flow",
);

/** Says which changes to a retired invitation are ignored; `undefined` if there are none. */
export function describeIgnoredChanges(state: InvitationState, declared: Properties): string | undefined {
  const ignored = changedInputs(state, { ...defaultsOf(invitation.properties), ...declared }).filter(
    (input) => input !== "expires" && input !== "validFor",
  );
  // An address that is removed would have no effect anyway.
  if (declared.email !== undefined && !isSameEmail(state, declared)) ignored.push("email");
  if (ignored.length === 0) return undefined;
  return `has ${state.status === "used" ? "been used" : "expired"}, so changes to ${ignored.join(", ")} are ignored. To reissue it, change keepers or set onRetired: "reissue".`;
}

/** Whether the invitation was used, or has expired as declared. */
export function isRetired(state: Pick<InvitationState, "status" | "expires" | "__declaredExpires">): boolean {
  if (state.status === "used") return true;
  if (state.__declaredExpires !== undefined) return hasPassed(state.__declaredExpires);
  return state.expires !== undefined && hasPassed(state.expires);
}

/**
 * The state of an invitation whose expiry was moved into the past outside Pulumi: that is drift to repair, not retirement. Keeps the declared
 * expiry, at which the invitation retires even if it has not been repaired by then.
 */
export function markExpiredOutsidePulumi(
  { retiredAt: _, ...state }: InvitationState,
  previous: InvitationState,
): InvitationState {
  return { ...state, __declaredExpires: previous.__declaredExpires ?? previous.expires };
}

function expiryInput({ validFor }: Properties): "expires" | "validFor" {
  return validFor === undefined ? "expires" : "validFor";
}

function isSameExpiry({ expires, validFor }: Properties, state: InvitationState): boolean {
  if (state.expires === undefined || expires === unknownValue) return false;
  if (validFor === undefined) return isKnownString(expires) && isSameInstant(expires, state.expires);
  return isKnownString(validFor) && isSameInstant(expiryFrom(validFor, state), state.expires);
}

function mayDeclareFutureExpiry(declared: Properties, state: InvitationState): boolean {
  const expiry = declaredExpiry(declared, state);
  return expiry === unknownValue || (expiry !== undefined && !hasPassed(expiry));
}

function declaresPastExpiry(declared: Properties, state: InvitationState): boolean {
  const expiry = declaredExpiry(declared, state);
  return expiry !== undefined && expiry !== unknownValue && hasPassed(expiry);
}

/** The declared expiry as an instant, or the unknown value. */
function declaredExpiry({ expires, validFor }: Properties, state: InvitationState): string | undefined {
  if (expires === unknownValue || validFor === unknownValue) return unknownValue;
  const declared = isKnownString(validFor) ? expiryFrom(validFor, state) : expires;
  return isKnownString(declared) ? declared : undefined;
}
