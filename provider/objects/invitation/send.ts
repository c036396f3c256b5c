import { AuthentikError, ServerError } from "../../authentik/errors";
import { limitLines } from "../../common/limit-lines";
import { logAbout } from "../../common/log";
import type { Origin } from "../../common/origin";
import { hasSecretInput } from "../../common/secret-inputs";
import { type Connection, connect } from "../../lifecycle/connections";
import { errorsAtPreview, UserError } from "../../lifecycle/user-error";
import { withoutUndefined } from "../../values/properties";
import type { EmailInputs } from "./email";
import { canSendInvitationEmails, sendInvitationEmail } from "./requests";
import { describeInvitation, type InvitationState } from "./state";

/** An invitation after its link was emailed, and why some addresses are left to the next run. */
export interface EmailResult {
  readonly state: InvitationState;
  readonly error?: string;
}

/** Fails if authentik cannot send invitations by email, before anything is changed. Asks once per process. */
export async function requireEmailSupport(connection: Connection): Promise<void> {
  const canSend = await connection.cached("email support", () => canSendInvitationEmails(connection.client));
  if (canSend) return;
  throw new UserError(
    `authentik at ${connection.url} cannot send invitations by email; this needs 2026.5 or later. Nothing was created or changed. Remove email from the program, or update authentik.`,
  );
}

/** The error of {@link requireEmailSupport} for the preview, which asks once per process, whether authentik responds or not. */
export async function emailSupportErrors(connectionName: string | undefined): Promise<string[]> {
  let errors: string[] = [];
  const settingsErrors = await errorsAtPreview(async () => {
    const connection = connect(connectionName);
    errors = await connection.cached("email errors", () => errorsAtPreview(() => requireEmailSupport(connection)));
  });
  return [...settingsErrors, ...errors];
}

/**
 * Emails an invitation's link to `addresses`. Never sends a request again that may have arrived: its addresses count as emailed, with a warning.
 */
export async function emailInvitation(
  state: InvitationState,
  addresses: readonly string[],
  origin: Origin | undefined,
): Promise<EmailResult> {
  const { email } = state;
  if (email === undefined || addresses.length === 0) return { state: withProgress(state, [], []) };
  const connection = connect(state.connection);
  const client = connection.clientOf(origin).withholdingText(hasSecretInput(state));
  const sent: string[] = [];
  for (const to of splitRequests(addresses, email)) {
    try {
      await sendInvitationEmail(client, state.pk, { ...email, to }, connection.publicUrl);
    } catch (error) {
      if (!(error instanceof AuthentikError)) throw error;
      const isTemplateFailure = crashedOnTemplate(error, to, email);
      if (isTemplateFailure || !error.outcomeUnknown) {
        const unsent = addresses.slice(sent.length);
        const reason = isTemplateFailure ? error.explain(templateHint) : error.message;
        return {
          state: withProgress(state, sent, unsent),
          error: `The link was not emailed to ${formatAddresses(state, unsent)}, and the next \`pulumi up\` tries again. ${reason}`,
        };
      }
      warnAboutUnknownOutcome(state, to, error.description);
    }
    sent.push(...to);
  }
  return { state: withProgress(state, sent, []) };
}

/**
 * Counts addresses as emailed, because an interrupted run may have emailed them. `emailedTo` is not proof of delivery, but no address gets the link
 * twice.
 */
export function assumeEmailed(state: InvitationState, addresses: readonly string[]): InvitationState {
  if (addresses.length === 0) return state;
  warnAboutUnknownOutcome(state, addresses, "The run was interrupted.");
  return withProgress(state, addresses, []);
}

/**
 * authentik renders the template for one address after another, and queues each email then (cases `email.send.two-cc-bcc`,
 * `email.send.template-unknown`). A first request with one address shows whether the template works.
 */
function splitRequests(addresses: readonly string[], { template }: EmailInputs): string[][] {
  const [first = "", ...others] = addresses;
  return template === undefined || others.length === 0 ? [[...addresses]] : [[first], others];
}

/** authentik crashes on a template that it does not have or cannot render, before it queues the email of that address. */
function crashedOnTemplate(error: AuthentikError, to: readonly string[], { template }: EmailInputs): boolean {
  return template !== undefined && to.length === 1 && error instanceof ServerError && error.request.status === 405;
}

const templateHint =
  "authentik crashed, most likely because it has no such email.template, or cannot render it. Correct email.template.";

function withProgress(state: InvitationState, sent: readonly string[], unsent: readonly string[]): InvitationState {
  const emailedTo = [...(state.emailedTo ?? []), ...sent];
  return withoutUndefined({
    ...state,
    emailedTo: emailedTo.length > 0 ? emailedTo : undefined,
    __unsentTo: unsent.length > 0 ? unsent : undefined,
  }) as unknown as InvitationState;
}

function warnAboutUnknownOutcome(state: InvitationState, addresses: readonly string[], reason: string): void {
  logAbout(
    describeInvitation(state),
    "warn",
    `the link may or may not have been emailed to ${formatAddresses(state, addresses)}, and is not emailed there again. ${reason} Check authentik's event log for email_sent. If it has none, change keepers to send a new link.`,
  );
}

/** Says in a preview what the diff does not show, because no input changed. */
export function reportUnsent(state: InvitationState, addresses: readonly string[]): void {
  const message = `the link will be emailed to ${formatAddresses(state, addresses)}, because the last run did not email it.`;
  logAbout(describeInvitation(state), "info", message);
}

/** The addresses, or only how many if they are secret. */
function formatAddresses(state: InvitationState, addresses: readonly string[]): string {
  if (hasSecretInput(state, "email")) return addresses.length === 1 ? "1 address" : `${addresses.length} addresses`;
  return limitLines(addresses, "addresses").join(", ");
}
