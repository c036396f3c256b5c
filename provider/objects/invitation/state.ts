import { originInput } from "../../common/origin";
import { formatLink, normalizeUuid } from "../../common/pk";
import { breakReserved } from "../../common/reserved-strings";
import { hasSecretInput, type SecretInputs, secretEmailInput, secretInputsInput } from "../../common/secret-inputs";
import { stripWhitespace } from "../../common/whitespace";
import { type Connection, objectKey, publicUrlOf } from "../../lifecycle/connections";
import { declaredSlugs } from "../../lifecycle/flow-slugs";
import {
  addDuration,
  addDurationAsBefore,
  durationBetween,
  hasPassed,
  isSameInstant,
  parseDuration,
  toMicroseconds,
} from "../../values/instant";
import { pick, withoutUndefined } from "../../values/properties";
import { storedInputs } from "../comparison";
import { connectionInput } from "../property";
import { invitation } from "./declaration";
import { type EmailProgress, withoutUnsent } from "./email";
import type { InvitationInputs } from "./inputs";
import type { InvitationFields, StoredInvitation } from "./requests";

/**
 * An invitation's outputs in Pulumi's state: the inputs with authentik's values (as configured, where they are equal) and what authentik adds.
 * `diff`, `read`, `update` and `delete` receive nothing else.
 */
export interface InvitationState extends InvitationInputs, EmailProgress {
  readonly pk: string;
  readonly status: "pending" | "used" | "expired";
  readonly issuedAt: string;
  /** When it was used or expired; undefined if its expiry was moved into the past outside Pulumi. */
  readonly retiredAt?: string;
  /** Set once authentik has deleted the retired invitation: there is nothing left to read, update or delete. */
  readonly gone?: true;
  readonly flowPk?: string;
  readonly flowSlug?: string;
  /** Secret. Missing in the states of some earlier versions. */
  readonly link?: string;
  readonly createdBy?: string;
  /** The declared expiry, while the stored one differs from it because it was moved into the past outside Pulumi. */
  readonly __declaredExpires?: string;
}

/** The inputs that are not in the declaration of an object. */
export const resourceInputs = [connectionInput, originInput, secretInputsInput, secretEmailInput] as const;

/**
 * The state for a response of authentik. `configured` are the inputs of the program, or those in the old state, and who was emailed already.
 */
export function toState(
  configured: Partial<InvitationInputs> & EmailProgress,
  stored: StoredInvitation,
  issuedAt: string,
): InvitationState {
  const flow = { flowPk: stored.flow ?? undefined, flowSlug: stored.flowSlug };
  const isExpired = stored.expires !== null && hasPassed(stored.expires);
  return withoutUndefined({
    ...storedInputs(invitation.properties, { ...configured }, { ...stored }),
    flow: flowAsConfigured(configured.flow, flow),
    ...expiryAsConfigured(configured, stored.expires, issuedAt),
    ...pick({ ...configured }, ["onRetired", "keepers", "email", "emailedTo", "__unsentTo", ...resourceInputs]),
    pk: stored.pk,
    status: isExpired ? "expired" : "pending",
    issuedAt,
    retiredAt: isExpired ? stored.expires : undefined,
    ...flow,
    link: formatLink(publicUrlOf(configured.connection), stored.flowSlug, stored.pk),
    createdBy: stored.createdBy === undefined ? undefined : breakReserved(stored.createdBy),
  }) as unknown as InvitationState;
}

/** The state with the inputs of the program, after no request was necessary, because authentik has their values already. */
export function keepState(state: InvitationState, inputs: InvitationInputs): InvitationState {
  const configured = {
    onRetired: undefined,
    validFor: undefined,
    email: undefined,
    [secretInputsInput]: undefined,
    [secretEmailInput]: undefined,
  };
  // With `validFor`, the expiry is only in the state.
  const expires = inputs.expires ?? state.expires;
  return withCurrentLink(
    withoutUndefined({ ...state, ...configured, ...inputs, expires }) as unknown as InvitationState,
  );
}

/** The state with the link that works now. The slug of its flow, or the URL of links, may have changed, which changes nothing in the invitation. */
function withCurrentLink(state: InvitationState): InvitationState {
  const flowSlug = currentFlowSlug(state);
  const link = formatLink(publicUrlOf(state.connection), flowSlug, state.pk) ?? state.link;
  return { ...state, ...withoutUndefined({ flowSlug, link }) };
}

/** Whether the state has the link that works now. For the state of an earlier version, which has none, only another slug matters. */
export function hasCurrentLink(state: InvitationState): boolean {
  if (currentFlowSlug(state) !== state.flowSlug) return false;
  return state.link === undefined || withCurrentLink(state).link === state.link;
}

function currentFlowSlug({ flowPk, flowSlug, connection }: InvitationState): string | undefined {
  return (flowPk === undefined ? undefined : declaredSlugs.get(objectKey(flowPk, connection))) ?? flowSlug;
}

/** An invitation in messages: `invitation "jane"`. */
export function describeInvitation(invitation: { readonly name: string } & SecretInputs): string {
  return `invitation "${hasSecretInput(invitation, "name") ? "[secret]" : invitation.name}"`;
}

/** The inputs that correspond to a state. `read` returns them, so that a refresh shows which line drifted. */
export function toInputs(state: InvitationState): Record<string, unknown> {
  const { expires, ...inputs } = pick({ ...state }, Object.keys(invitation.properties));
  return withoutUndefined({
    ...inputs,
    expires: state.validFor === undefined ? expires : undefined,
    email: withoutUnsent(state.email, state),
    ...pick({ ...state }, resourceInputs),
  });
}

/** The request body for the inputs. The only place where a slug becomes a UUID, and a duration an instant. */
export async function toApiFields(
  inputs: InvitationInputs,
  issued: Issued,
  connection: Connection,
): Promise<InvitationFields> {
  return {
    ...inputs,
    // authentik rejects a lower-case `t` or `z` (case `invitations.create.expires.lower-case-z`).
    expires: inputs.expires?.toUpperCase() ?? expiryFrom(inputs.validFor ?? "", issued),
    flow: inputs.flow === undefined ? null : await connection.flowPk(inputs.flow),
  };
}

export function refersToFlow(flow: string, state: Pick<InvitationState, "flowPk" | "flowSlug">): boolean {
  const uuid = normalizeUuid(flow);
  return uuid === undefined ? stripWhitespace(flow) === state.flowSlug : uuid === state.flowPk;
}

/** What determines when an invitation with `validFor` expires: `expires` is its expiry in the state if it exists. */
export type Issued = Pick<InvitationState, "issuedAt" | "expires" | "__declaredExpires">;

/** The expiry that `validFor` declares. One that an earlier version computed from the same duration is kept. */
export function expiryFrom(validFor: string, { issuedAt, expires, __declaredExpires }: Issued): string {
  const stored = __declaredExpires ?? expires;
  const isComputedBefore = stored !== undefined && isSameInstant(stored, addDurationAsBefore(issuedAt, validFor));
  return isComputedBefore ? stored : addDuration(issuedAt, parseDuration(validFor) ?? 0n);
}

/** When an invitation with `validFor` was issued that expires then; `undefined` if either is missing. */
export function issuedAtFrom(validFor: string | undefined, expires: string | null): string | undefined {
  const duration = parseDuration(validFor ?? "");
  return duration === undefined || expires === null ? undefined : addDuration(expires, -duration);
}

function flowAsConfigured(
  configured: string | undefined,
  stored: Pick<InvitationState, "flowPk" | "flowSlug">,
): string | undefined {
  if (configured !== undefined && refersToFlow(configured, stored)) return configured;
  const isConfiguredAsUuid = configured !== undefined && normalizeUuid(configured) !== undefined;
  return isConfiguredAsUuid ? stored.flowPk : (stored.flowSlug ?? stored.flowPk);
}

function expiryAsConfigured(
  configured: Partial<InvitationInputs>,
  stored: string | null,
  issuedAt: string,
): Pick<InvitationInputs, "expires" | "validFor"> {
  if (stored === null) return {};
  if (configured.validFor === undefined) {
    const isSame = configured.expires !== undefined && isSameInstant(configured.expires, stored);
    return { expires: isSame ? configured.expires : stored };
  }
  if (isSameInstant(expiryFrom(configured.validFor, { issuedAt, expires: stored }), stored))
    return { expires: stored, validFor: configured.validFor };
  // A duration cannot express an expiry before the issue.
  const isAfterIssue = toMicroseconds(stored) > toMicroseconds(issuedAt);
  return isAfterIssue ? { expires: stored, validFor: durationBetween(issuedAt, stored) } : { expires: stored };
}
