import { defaultConnection } from "../common/base-url";
import { type Configuration, readPublicUrl, settingNamesOf } from "../common/configuration";
import { expiryWarning } from "../common/expiry-warning";
import { log } from "../common/log";
import { emailedLinkWarning, linkHostWarning } from "../common/setting-warnings";
import { describeIgnoredChanges, isRetired, planChange } from "../objects/invitation/plan";
import type { InvitationState } from "../objects/invitation/state";
import { isJsonObject } from "../values/json";
import type { Properties } from "../values/properties";
import { secretOutputsOf } from "../values/secrets";

/**
 * What a comparison of an invitation with its state warns about: changes that are ignored because it is retired, or an expiry that is near. Nothing
 * if the change reissues it, or sets another expiry.
 */
export function diffWarning(state: InvitationState, declared: Properties): string | undefined {
  const { inputs, replaces } = planChange(state, declared);
  if (replaces.length > 0) return undefined;
  if (isRetired(state)) return describeIgnoredChanges(state, declared);
  if (state.expires === undefined || inputs.includes("expires") || inputs.includes("validFor")) return undefined;
  const { issuedAt, expires } = state;
  return expiryWarning({ issuedAt, expires }, secretOutputsOf(state).has("expires"));
}

/** Warns at previews about the links that the inputs of an invitation or a batch lead to: invitees may not be able to open them. */
export function warnAboutLinks(configuration: Configuration, inputs: Properties): void {
  const entries = isJsonObject(inputs["invitations"]) ? Object.values(inputs["invitations"]) : [];
  const isSet = (name: string): boolean =>
    [inputs, ...entries].some((entry) => isJsonObject(entry) && entry[name] !== undefined && entry[name] !== null);
  const publicUrl = readPublicUrl(configuration, defaultConnection);
  if (isSet("email") && publicUrl !== undefined) warn(emailedLinkWarning(publicUrl));
  if (isSet("flow") || isSet("email")) warnAboutLinkHost(configuration);
}

/** Warns if invitees may not be able to open the links, because their host may be reachable only from the local network. */
export function warnAboutLinkHost(configuration: Configuration): void {
  const publicUrl = readPublicUrl(configuration, defaultConnection);
  if (publicUrl === undefined) return;
  warn(linkHostWarning(publicUrl, settingNamesOf(configuration, defaultConnection)("publicUrl")));
}

function warn(warning: string | undefined): void {
  if (warning !== undefined) log.warn(warning);
}
